//! The one task that owns the engine: messages from the sockets and the clock go in, its commands are carried out.

mod farewell;
mod rounds;
mod shared;
mod start;

use std::{collections::HashMap, sync::Arc, time::Duration};

use proto::{
    Session, frames, limits,
    v1::{self, observation},
};
use round::{Command, Engine, Event, Rank, Reason, Rejection, Round};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{self, Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use crate::{
    CheckpointError, Config, Descent, Outcome, PreviousState, ServerError,
    deadline::Pace,
    keeper::Keeper,
    meters,
    observers::{self, Follows, Observers},
    oracle::{Reveals, Revelation},
    places::{Downstream, NoPlace, Places, Seat, Wish},
};

pub(crate) use farewell::GRACE;
use rounds::{Aggregated, Collected, settles};
use shared::event;
pub(crate) use shared::{Shared, Spare, backlog, round};

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
    /// A worker gives signs of life without a pause.
    Flood(Rank),
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
    Observe { follows: Follows, stream: observers::Stream },
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

/// Signs of life that may be missed.
const PATIENCE: u32 = 3;

impl Closed {
    fn new(run: u64, round: u32, state: PreviousState) -> Self {
        // Only a sum of one frame is revealed.
        let sum = state.sum.and_then(|sum| frames(run, round, &sum).pop());
        Self { step: state.step, counted: state.counted, sum }
    }
}

impl Hub {
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
            // In this order, so that no flood of messages keeps the clock from being heard.
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
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
                    if self.holds_back() || pulsed.elapsed() > 2 * self.config.spec.heartbeat {
                        self.places.hear_all();
                    }
                    pulsed = Instant::now();
                    for seat in self.places.silent() {
                        tracing::warn!(worker = seat.rank.0, "no sign of life");
                        self.leave(seat).await;
                    }
                }
                Some(message) = messages.recv(), if !self.holds_back() => self.take(message).await,
            }
        }
        self.take_leave(messages).await
    }

    /// What comes while the model moves counts in the next round, unless only the updates of a round count in it.
    fn holds_back(&self) -> bool {
        self.aggregating.is_some() && self.config.spec.mode.is_asynchronous()
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
            Message::Flood(rank) => self.expel(rank, "too many signs of life").await,
            Message::Who { session, answer } => {
                if let Some(rank) = self.places.rank(session) {
                    let _ = answer.send(rank);
                }
            }
            Message::Update { rank, update, answer } => {
                self.places.hear(rank);
                let shown = (self.reveals.as_ref().zip(update.as_ref().ok()))
                    .and_then(|(reveals, (_, row))| reveals.copy(rank, row));
                let mut commands = self.engine.handle(event(rank, update)).into_iter();
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
            Message::Observe { follows, stream } => {
                let mut greeting = vec![observation::Message::Run(self.description())];
                let model = self.model.borrow().clone();
                greeting.extend(self.inherited.clone().map(observation::Message::Report));
                greeting.extend(model.iter().cloned().map(observation::Message::Model));
                self.observers.add(stream, follows, greeting).await;
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
                Command::Superseded(rank) => meters::superseded(rank),
                Command::Aggregate { round, rows, staleness, absent, byzantine } => {
                    self.aggregate(round, Collected { rows, staleness, byzantine }, absent);
                }
                Command::Skip { round, rows, absent } => {
                    let why = format!("{} updates, fewer than the quorum", rows.len());
                    self.skip(round, &rows, &absent, why).await;
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
            self.expel(rank, "too many updates were rejected").await;
        }
    }

    async fn expel(&mut self, rank: Rank, why: &str) {
        tracing::warn!(worker = rank.0, round = self.round, "expelled: {why}");
        if let Some(seat) = self.places.expel(rank, false) {
            self.leave(seat).await;
        }
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
}
