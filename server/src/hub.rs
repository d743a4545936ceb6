//! The one task that owns the engine: messages from the sockets and the clock go in, its commands are carried out.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aggregation::Refusal;
use prost::Message as _;
use proto::{
    Session, frames, limits,
    status::receipt,
    v1::{self, from_server, observation},
};
use round::{Command, Engine, Event, Rank, Reason, Rejection, Resumed, Round};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{self, Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use crate::{
    CheckpointError, Config, Descent, Moved, Outcome, PreviousState, ServerError,
    deadline::Pace,
    keeper::{self, Keeper},
    meters,
    observers::{self, Observers},
    oracle::{Reveals, Revelation},
    places::{Downstream, NoPlace, Places, Seat, Wish},
};

/// What the sockets tell the hub.
#[derive(Debug)]
pub(crate) enum Message {
    /// A worker asks for a place; one whose credential is `known` takes it over from its own earlier session.
    Join { wish: Wish, known: bool, answer: oneshot::Sender<Result<(Session, Rank), NoPlace>> },
    /// A worker opened its control stream; no answer means that its session is unknown.
    Control { session: Session, downstream: Downstream, answer: oneshot::Sender<Seat> },
    /// A control stream ended.
    Ended(Seat),
    /// A worker gave a sign of life.
    Heard(Rank),
    /// An update came, well-formed or not. Without `answer` the receipt goes down the control stream, if it was not taken.
    Update {
        rank: Rank,
        update: Result<(Round, Vec<f32>), Rejection>,
        answer: Option<oneshot::Sender<Result<(), Rejection>>>,
    },
    /// Whose session this is.
    Who { session: Session, answer: oneshot::Sender<Rank> },
    /// An attacker wants to see the honest rows of a round; no answer means that it is not open.
    Reveal { round: u32, answer: oneshot::Sender<Revelation> },
    /// Somebody wants to follow the run.
    Observe { every_model: bool, stream: observers::Stream },
}

/// What the sockets may read without asking.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) description: Arc<v1::JoinReply>,
    /// The model of the latest round, in frames.
    pub(crate) model: watch::Receiver<Arc<Vec<v1::Frame>>>,
    /// Rows that are not in use.
    pub(crate) spare: Spare,
    /// Calls from nobody that is known, since the last report.
    pub(crate) strangers: Arc<AtomicU32>,
}

impl Shared {
    /// The round whose model is the latest: the one that is open, or about to.
    pub(crate) fn round(&self) -> u32 {
        round(&self.model.borrow())
    }
}

/// The round of a tensor.
pub(crate) fn round(frames: &[v1::Frame]) -> u32 {
    frames.first().and_then(|frame| frame.header).map_or(0, |header| header.round)
}

/// Rows that are not in use: a round's memory is n·d numbers, and it is the same memory every round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spare(Arc<std::sync::Mutex<Vec<Vec<f32>>>>);

impl Spare {
    pub(crate) fn take(&self) -> Vec<f32> {
        self.0.lock().ok().and_then(|mut rows| rows.pop()).unwrap_or_default()
    }

    fn give(&self, rows: impl IntoIterator<Item = Vec<f32>>) {
        if let Ok(mut spare) = self.0.lock() {
            spare.extend(rows);
        }
    }
}

pub(crate) struct Hub {
    config: Config,
    engine: Engine,
    places: Places,
    observers: Observers,
    descent: Option<Box<Descent>>,
    aggregating: Option<JoinHandle<Aggregated>>,
    shared: Shared,
    model: watch::Sender<Arc<Vec<v1::Frame>>>,
    run: u64,
    keeper: Keeper,
    /// The checkpoint could not be written.
    unkept: Option<CheckpointError>,
    /// What observers were told of the last round before this server started.
    inherited: Option<v1::RoundReport>,
    deadline: Option<(Option<Round>, Instant)>,
    opened: Instant,
    /// How the round before went.
    previous: Option<Closed>,
    round: u32,
    /// What the open round was opened with.
    step: f64,
    /// Who joined while an observer was still waited for.
    early: Vec<Rank>,
    pace: Pace,
    /// How many asked for a place, since when.
    joins: (Instant, u32),
    /// Whether the observers that are waited for were there.
    watched: bool,
    /// Updates that were rejected in this round, by worker.
    rejections: HashMap<Rank, u32>,
    reason: Option<Reason>,
    reveals: Option<Reveals>,
    stop: CancellationToken,
}

/// What workers are told of a round that closed.
struct Closed {
    step: f64,
    /// Whose rows were in, in order.
    counted: Vec<Rank>,
    /// Their sum, if it is revealed.
    sum: Option<v1::Frame>,
}

/// A round's arithmetic, done on a thread of its own.
struct Aggregated {
    descent: Box<Descent>,
    round: Round,
    rows: Vec<(Rank, Vec<f32>)>,
    absent: Vec<Rank>,
    /// What workers and observers are told.
    told: Result<(PreviousState, v1::RoundReport), Refusal>,
    kept: Result<(), CheckpointError>,
}

/// Signs of life that may be missed.
const PATIENCE: u32 = 3;

/// n·d below which a round's arithmetic is done in place: handing it over would take longer.
const SMALL: usize = 1 << 17;

/// Longest time to wait for everybody to take their leave.
const GRACE: Duration = Duration::from_secs(5);

impl Closed {
    fn new(run: u64, round: u32, state: PreviousState) -> Self {
        // Only a sum of one frame is revealed.
        let sum = state.sum.and_then(|sum| frames(run, round, &sum).pop());
        Self { step: state.step, counted: state.counted, sum }
    }
}

impl Hub {
    pub(crate) fn new(mut config: Config, stop: CancellationToken) -> Result<Self, ServerError> {
        let plan = config.spec.plan(config.workers)?;
        let mut descent = Descent::new(&config.spec, config.start.clone(), config.seed);
        let inherited = keeper::load(&config)?;
        let run = match &inherited {
            Some(checkpoint) => checkpoint.run,
            None => config
                .secrets
                .draw()
                .map(|secret| u128::from_be_bytes(secret) as u64)
                .map_err(ServerError::Random)?,
        };
        let keeper = Keeper::new(&config, run);
        let mut from = Resumed::default();
        let (mut previous, mut report) = (None, None);
        match inherited {
            None => keeper.begin(&descent)?,
            Some(checkpoint) => {
                from =
                    Resumed { closed: checkpoint.closed, ledgers: checkpoint.ledgers.into_iter().collect() };
                previous = checkpoint.previous.map(|previous| Closed::new(run, from.closed, previous));
                report = v1::RoundReport::decode(&*checkpoint.report).ok().filter(|_| from.closed > 0);
                if !descent.restore(checkpoint.descent) {
                    return Err(keeper::other_state(&config).into());
                }
                tracing::info!(round = from.closed, "resumed");
            }
        }
        let closed = from.closed;
        // When all is done, whoever is still there only has to be told.
        let gathering = if closed < config.spec.rounds { config.spec.join_deadline } else { GRACE };
        let (model, receiver) = watch::channel(Arc::new(frames(run, closed + 1, descent.model())));
        let description = v1::JoinReply {
            session: Vec::new().into(),
            rank: 0,
            workers: config.workers as u32,
            dimension: config.start.len() as u64,
            rounds: config.spec.rounds,
            run,
            heartbeat_seconds: config.spec.heartbeat.as_secs_f64(),
            scenario: config.scenario.clone(),
        };
        let shared = Shared {
            description: Arc::new(description),
            model: receiver,
            spare: Spare::default(),
            strangers: Arc::default(),
        };
        Ok(Self {
            engine: Engine::resume(plan, from),
            places: Places::new(config.workers, PATIENCE * config.spec.heartbeat),
            observers: Observers::default(),
            descent: Some(Box::new(descent)),
            aggregating: None,
            shared,
            model,
            run,
            keeper,
            unkept: None,
            inherited: report,
            deadline: Some((None, Instant::now() + gathering)),
            opened: Instant::now(),
            previous,
            round: closed,
            step: 0.0,
            early: Vec::new(),
            pace: Pace::default(),
            joins: (Instant::now(), 0),
            watched: false,
            rejections: HashMap::new(),
            reason: None,
            reveals: config.oracle.as_ref().map(|oracle| Reveals::new(oracle, run)),
            stop,
            config,
        })
    }

    pub(crate) fn shared(&self) -> Shared {
        self.shared.clone()
    }

    /// Runs the training to its end.
    pub(crate) async fn run(mut self, mut messages: mpsc::Receiver<Message>) -> Result<Outcome, ServerError> {
        let mut pulse = time::interval(self.config.spec.heartbeat);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pulsed = Instant::now();
        while self.reason.is_none() {
            let deadline = self.deadline;
            tokio::select! {
                () = self.stop.cancelled() => break,
                Some(message) = messages.recv() => self.take(message).await,
                done = async { self.aggregating.as_mut().expect("guarded").await }, if self.aggregating.is_some() => {
                    self.aggregating = None;
                    match done {
                        Ok(done) => self.aggregated(done).await,
                        // Only a panic of a rule gets here: a bug of ours, which must not be survived in silence.
                        Err(error) => std::panic::resume_unwind(error.into_panic()),
                    }
                }
                () = time::sleep_until(deadline.map_or_else(Instant::now, |(_, at)| at)), if deadline.is_some() => {
                    self.deadline = None;
                    if let Some((round, _)) = deadline {
                        // Nor is an observer waited for any longer.
                        self.watched = true;
                        self.admit().await;
                        self.handle(round.map_or(Event::GatheringOver, Event::DeadlinePassed)).await;
                    }
                }
                _ = pulse.tick() => {
                    // Signs of life wait unheard while the hub waits for somebody else: nobody was silent then but it.
                    if pulsed.elapsed() > 2 * self.config.spec.heartbeat {
                        self.places.hear_all();
                    }
                    pulsed = Instant::now();
                    for seat in self.places.silent() {
                        tracing::warn!(worker = seat.rank.0, "no sign of life");
                        self.leave(seat).await;
                    }
                }
            }
        }
        self.take_leave(messages).await
    }

    async fn take(&mut self, message: Message) {
        match message {
            Message::Join { wish, known, answer } => {
                if let (true, Wish::Exactly(rank)) = (known, wish)
                    && let Some(seat) = self.places.expel(Rank(rank), false)
                {
                    self.leave(seat).await;
                }
                let taken = self.join(wish);
                let _ = answer.send(taken);
            }
            Message::Control { session, downstream, answer } => {
                if let Some(seat) = self.places.seat(session, downstream) {
                    let _ = answer.send(seat);
                    tracing::info!(worker = seat.rank.0, "joined");
                    self.early.push(seat.rank);
                    self.admit().await;
                }
            }
            Message::Ended(seat) => self.leave(seat).await,
            Message::Heard(rank) => self.places.hear(rank),
            Message::Who { session, answer } => {
                if let Some(rank) = self.places.rank(session) {
                    let _ = answer.send(rank);
                }
            }
            Message::Update { rank, update, answer } => {
                self.places.hear(rank);
                let shown = (self.reveals.as_ref().zip(update.as_ref().ok()))
                    .and_then(|(reveals, (_, row))| reveals.copy(rank, row));
                let event = match update {
                    Ok((round, row)) => Event::Delivered { rank, round, row },
                    Err(why) => Event::Malformed { rank, why },
                };
                let mut commands = self.engine.handle(event).into_iter();
                if let Some(Command::Answer { rank, taken }) = commands.next() {
                    if let Some(reveals) = self.reveals.as_mut().filter(|_| settles(&taken)) {
                        reveals.settle(rank, shown.filter(|_| taken.is_ok()));
                    }
                    self.answer(rank, taken, answer);
                }
                self.carry_out(commands.collect()).await;
                self.expel_if_flooding(rank).await;
            }
            Message::Reveal { round, answer } => {
                if let Some(reveals) = &mut self.reveals {
                    reveals.ask(round, answer);
                }
            }
            Message::Observe { every_model, stream } => {
                let mut greeting = vec![observation::Message::Run(self.description())];
                let model = self.model.borrow().clone();
                greeting.extend(self.inherited.clone().map(observation::Message::Report));
                greeting.extend(model.iter().cloned().map(observation::Message::Model));
                self.observers.add(stream, every_model, greeting).await;
                self.admit().await;
            }
        }
    }

    fn join(&mut self, wish: Wish) -> Result<(Session, Rank), NoPlace> {
        let (since, joins) = &mut self.joins;
        if since.elapsed() >= Duration::from_secs(1) {
            (*since, *joins) = (Instant::now(), 0);
        }
        *joins += 1;
        if *joins > limits::JOINS_PER_SECOND_MIN + self.config.workers as u32 {
            return Err(NoPlace::Rush(*joins));
        }
        // No secret, no place.
        let secret = self.config.secrets.draw().map_err(|_| NoPlace::Full(self.config.workers))?;
        let session = Session(secret);
        self.places.take(wish, session).map(|rank| (session, rank))
    }

    /// Lets in who joined, once the observers are there who are to see it.
    async fn admit(&mut self) {
        self.watched |= self.observers.faithful() >= self.config.observers;
        if self.watched {
            for rank in std::mem::take(&mut self.early) {
                self.handle(Event::Joined(rank)).await;
            }
        }
    }

    async fn leave(&mut self, seat: Seat) {
        if self.places.unseat(seat) {
            self.early.retain(|rank| *rank != seat.rank);
            if let Some(reveals) = &mut self.reveals {
                reveals.settle(seat.rank, None);
            }
            tracing::warn!(worker = seat.rank.0, round = self.round, "gone");
            self.handle(Event::Left(seat.rank)).await;
        }
    }

    async fn handle(&mut self, event: Event) {
        let commands = self.engine.handle(event);
        self.carry_out(commands).await;
    }

    async fn carry_out(&mut self, commands: Vec<Command>) {
        let mut unread = Vec::new();
        for command in commands {
            match command {
                Command::Open { round, to } => unread.append(&mut self.open(round, &to)),
                Command::Remind { round, rank } => unread.append(&mut self.tell(round, &[rank])),
                Command::Answer { rank, taken } => self.answer(rank, taken, None),
                Command::Ban(rank) => {
                    tracing::warn!(worker = rank.0, round = self.round, "banned: it misbehaved too often");
                    unread.extend(self.places.expel(rank, true));
                }
                Command::Aggregate { round, rows, absent, spent: _ } => self.aggregate(round, rows, absent),
                Command::Skip { round, rows, absent } => {
                    let why = format!("{rows} updates, fewer than the quorum");
                    self.skip(round, &absent, why).await;
                }
                Command::Finish(reason) => self.reason = Some(reason),
            }
        }
        for seat in unread {
            tracing::warn!(worker = seat.rank.0, "does not read");
            Box::pin(self.leave(seat)).await;
        }
    }

    /// A worker whose updates are rejected all the time has to join again, which takes its time.
    async fn expel_if_flooding(&mut self, rank: Rank) {
        if self.rejections.get(&rank).is_some_and(|count| *count >= limits::REJECTIONS_MAX) {
            self.rejections.remove(&rank);
            tracing::warn!(worker = rank.0, round = self.round, "expelled: too many updates were rejected");
            if let Some(seat) = self.places.expel(rank, false) {
                self.leave(seat).await;
            }
        }
    }

    /// Tells the members that a round is open; answers who does not read.
    fn open(&mut self, round: Round, to: &[Rank]) -> Vec<Seat> {
        let Some(descent) = &self.descent else { return Vec::new() };
        self.round = round.get();
        self.rejections.clear();
        if let Some(reveals) = &mut self.reveals {
            reveals.open(round.get(), to);
        }
        self.opened = Instant::now();
        self.deadline = Some((Some(round), self.opened + self.config.spec.round_deadline.next(&self.pace)));
        meters::opened(round.get(), to.len());
        self.step = descent.step(round, to.len());
        self.inherited = None;
        self.tell(round, to)
    }

    /// Sends the open round to some of its members; answers who does not read.
    fn tell(&mut self, round: Round, to: &[Rank]) -> Vec<Seat> {
        let step = self.step;
        let model = Arc::clone(&self.model.borrow());
        let inline = if let [only] = model.as_slice() { Some(only) } else { None };
        meters::sent(inline.map_or(0, |frame| frame.data.len() * to.len()));
        let mut unread = Vec::new();
        for &rank in to {
            let previous = self.previous.as_ref().map(|closed| v1::PreviousRound {
                step: closed.step,
                counted: closed.counted.binary_search(&rank).is_ok(),
            });
            let sum = self.previous.as_ref().and_then(|closed| closed.sum.clone());
            let opened = v1::RoundOpened { round: round.get(), step, previous, model: inline.cloned(), sum };
            unread.extend(self.places.send(rank, from_server::Message::Opened(opened)).err());
        }
        unread
    }

    fn answer(
        &mut self,
        rank: Rank,
        taken: Result<Round, Rejection>,
        to: Option<oneshot::Sender<Result<(), Rejection>>>,
    ) {
        meters::answered(&taken);
        if let Err(why) = &taken {
            let times = self.rejections.entry(rank).or_default();
            *times += 1;
            // Whoever floods the server does not flood its log.
            if times.is_power_of_two() {
                let reason = why.label();
                tracing::warn!(worker = rank.0, round = self.round, reason, times, "update rejected: {why}");
            }
        }
        match (to, taken) {
            (Some(to), taken) => drop(to.send(taken.map(drop))),
            // A worker whose row was taken learns it from the next round's opening.
            (None, Ok(_)) => (),
            (None, Err(why)) => {
                let _ = self.places.send(rank, from_server::Message::Receipt(receipt(self.round, Err(why))));
            }
        }
    }

    fn aggregate(&mut self, round: Round, rows: Vec<(Rank, Vec<f32>)>, absent: Vec<Rank>) {
        self.deadline = None;
        let Some(mut descent) = self.descent.take() else { return };
        let collecting = self.opened.elapsed();
        self.pace.note(collecting);
        let size = rows.len() * descent.model().len();
        let ledgers = self.engine.ledgers().iter().map(|(rank, ledger)| (*rank, ledger.clone())).collect();
        let draft = self.keeper.due(round, ledgers);
        let (small, reveal_sum) = (size <= SMALL && draft.is_none(), self.config.spec.reveal_sum);
        let work = move || {
            let start = std::time::Instant::now();
            let told = descent.apply(round, &rows).map(|moved| {
                let previous = PreviousState {
                    step: moved.step,
                    counted: rows.iter().map(|(rank, _)| *rank).collect(),
                    sum: reveal_sum.then(|| descent.sum(rows.len())),
                };
                meters::aggregated(&moved, collecting, start.elapsed());
                (previous, report(round, &moved, &absent, (collecting, start.elapsed())))
            });
            let kept = match (draft, &told) {
                (Some(draft), Ok((previous, report))) => {
                    draft.finish(round.get(), &descent, Some(previous.clone()), report)
                }
                _ => Ok(()),
            };
            Aggregated { descent, round, rows, absent, told, kept }
        };
        self.aggregating = Some(if small {
            let done = work();
            tokio::spawn(async { done })
        } else {
            tokio::task::spawn_blocking(work)
        });
    }

    async fn aggregated(&mut self, done: Aggregated) {
        let Aggregated { descent, round, rows, absent, told, kept } = done;
        self.shared.spare.give(rows.into_iter().map(|(_, row)| row));
        if let Err(error) = kept {
            self.unkept = Some(error);
            return self.stop.cancel();
        }
        let tensor = Arc::new(frames(self.run, round.get() + 1, descent.model()));
        self.descent = Some(descent);
        self.model.send_replace(Arc::clone(&tensor));
        match told {
            Ok((previous, report)) => {
                meters::absent(&absent);
                let (rows, norm) = (report.verdicts.len(), report.aggregate_norm);
                tracing::debug!(round = round.get(), rows, norm, "aggregated");
                let nothing = report.verdicts.iter().filter(|verdict| verdict.weight == 0.0);
                let left_out: Vec<u32> = nothing.map(|verdict| verdict.rank).collect();
                if !left_out.is_empty() {
                    tracing::info!(round = round.get(), ranks = ?left_out, "the rule left out rows");
                }
                self.previous = Some(Closed::new(self.run, round.get(), previous));
                self.observe(report, &tensor).await;
                self.handle(Event::Aggregated(round)).await;
            }
            Err(refusal) => {
                self.skip(round, &absent, refusal.to_string()).await;
                self.handle(Event::Refused(round)).await;
            }
        }
    }

    async fn skip(&mut self, round: Round, absent: &[Rank], why: String) {
        tracing::warn!(round = round.get(), "round skipped: {why}");
        meters::skipped();
        meters::absent(absent);
        self.previous = Some(Closed { step: 0.0, counted: Vec::new(), sum: None });
        let Some(descent) = &self.descent else { return };
        let tensor = Arc::new(frames(self.run, round.get() + 1, descent.model()));
        self.model.send_replace(Arc::clone(&tensor));
        let report = v1::RoundReport {
            round: round.get(),
            absent: absent.iter().map(|rank| rank.0).collect(),
            skipped: why,
            ..v1::RoundReport::default()
        };
        self.observe(report, &tensor).await;
    }

    async fn observe(&mut self, mut report: v1::RoundReport, model: &[v1::Frame]) {
        report.rejected = self.rejected();
        report.strangers = self.shared.strangers.swap(0, Ordering::Relaxed);
        let mut messages = vec![observation::Message::Report(report)];
        messages.extend(model.iter().cloned().map(observation::Message::Model));
        self.observers.send(&messages).await;
    }

    /// What the engine took down of updates that were not taken.
    fn rejected(&mut self) -> Vec<v1::Rejected> {
        let report = self.engine.report();
        let one = |rank: Rank, (reason, count): (&&str, &u32)| v1::Rejected {
            rank: rank.0,
            reason: (*reason).to_owned(),
            count: *count,
        };
        report
            .iter()
            .flat_map(|(rank, ledger)| ledger.rejected.iter().map(|entry| one(*rank, entry)))
            .collect()
    }

    fn description(&self) -> v1::RunDescription {
        let join = &self.shared.description;
        v1::RunDescription {
            workers: join.workers,
            dimension: join.dimension,
            rounds: join.rounds,
            run: join.run,
            scenario: join.scenario.clone(),
        }
    }

    /// Tells everybody why it is over and waits until they have gone.
    async fn take_leave(mut self, mut messages: mpsc::Receiver<Message>) -> Result<Outcome, ServerError> {
        let stop = match self.reason {
            Some(Reason::Done) => v1::Stop { reason: v1::stop::Reason::Done.into(), detail: String::new() },
            Some(reason) => v1::Stop { reason: v1::stop::Reason::Failed.into(), detail: reason.to_string() },
            None => v1::Stop {
                reason: v1::stop::Reason::Interrupted.into(),
                detail: "the server was stopped".into(),
            },
        };
        self.observers.send(&[observation::Message::Stop(stop.clone())]).await;
        drop(std::mem::take(&mut self.observers));
        for rank in self.places.seated() {
            let _ = self.places.send(rank, from_server::Message::Stop(stop.clone()));
        }
        let leaving = async {
            while !self.places.seated().is_empty() {
                match messages.recv().await {
                    Some(Message::Ended(seat)) => drop(self.places.unseat(seat)),
                    Some(_) => (),
                    None => break,
                }
            }
        };
        if time::timeout(GRACE, leaving).await.is_err() {
            tracing::warn!("some workers did not take their leave");
        }
        let ledgers = self.engine.ledgers().iter().map(|(rank, ledger)| (*rank, ledger.clone())).collect();
        if let Some(error) = self.unkept {
            return Err(error.into());
        }
        match (self.reason, self.descent) {
            (Some(reason), Some(descent)) => Ok(Outcome { reason, model: descent.model().to_vec(), ledgers }),
            _ => Err(ServerError::Interrupted { round: self.round }),
        }
    }
}

/// Whether nothing more is to come of the worker in this round: its row was taken, or its vote is lost.
fn settles(taken: &Result<Round, Rejection>) -> bool {
    taken.as_ref().map_or_else(Rejection::is_misbehaviour, |_| true)
}

/// What observers are told of a round that moved the model.
fn report(
    round: Round,
    moved: &Moved,
    absent: &[Rank],
    (collecting, aggregating): (Duration, Duration),
) -> v1::RoundReport {
    v1::RoundReport {
        round: round.get(),
        verdicts: moved.verdicts.iter().map(|v| v1::Verdict { rank: v.rank, weight: v.weight }).collect(),
        absent: absent.iter().map(|rank| rank.0).collect(),
        skipped: String::new(),
        step: moved.step,
        aggregate_norm: moved.aggregate_norm,
        collect_seconds: collecting.as_secs_f64(),
        aggregate_seconds: aggregating.as_secs_f64(),
        squares: moved.squares.clone(),
        ..v1::RoundReport::default()
    }
}

/// How many messages may wait for one observer.
pub(crate) fn backlog(shared: &Shared) -> usize {
    observers::backlog(usize::try_from(shared.description.dimension).unwrap_or(usize::MAX))
        .min(limits::FRAME_BYTES_MAX)
}
