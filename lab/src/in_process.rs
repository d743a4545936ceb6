//! The same experiment in one process: the same engine, the same arithmetic, the same participants, and no socket.
//!
//! The models are bit-equal to those of the cluster.

mod arrivals;
mod cast;

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::Arc,
    time::Instant,
};

use round::{Command, Engine, Event, Rank, Reason, Rejection, Round};
use server::{Descent, Moved, Tempo};
use tokio_util::sync::CancellationToken;
use worker::{Participant, Previous, View};

use arrivals::Arrivals;

use crate::{
    failure::Failure,
    judge::Judge,
    labels::Labels,
    ledgers::Ledgers,
    progress::Progress,
    results::{Folder, RoundLine, Summary, Timing},
    run::Options,
    scenario::Scenario,
};

/// Runs `scenario` in this process and answers how it ended.
///
/// # Errors
/// When it cannot be set up or does not come to its end.
pub fn run(scenario: &Scenario, options: &Options) -> Result<Summary, Failure> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    run_in(scenario, options, &Share { threads, stop: CancellationToken::new() })
}

/// How much of the machine a run takes, and what ends it early.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    /// Threads that compute.
    pub(crate) threads: usize,
    /// Cancelled when the run is to end after its present round.
    pub(crate) stop: CancellationToken,
}

/// Values of a round's rows up to which handing parts of them to other threads takes longer than the parts.
const SMALL: usize = 1 << 18;

/// The same with a share of the machine; the bits do not depend on it.
pub(crate) fn run_in(scenario: &Scenario, options: &Options, share: &Share) -> Result<Summary, Failure> {
    let rows = scenario.processes();
    let small = rows.saturating_mul(scenario.model()?.dimension()) <= SMALL;
    // A pool of its own: what a rule or an attack computes in parallel stays within the run's share of the machine.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(if small { 1 } else { share.threads })
        .build()
        .map_err(|error| Failure::unfinished(&error))?;
    pool.install(|| run_here(scenario, options, share))
}

fn run_here(scenario: &Scenario, options: &Options, share: &Share) -> Result<Summary, Failure> {
    let mut folder = Folder::create(&options.out, scenario)?;
    let judge = Judge::new(scenario, options.data.as_deref())?;
    let mut progress = Progress::new(&scenario.name, scenario.server.rounds, options.quiet);
    let mut simulation = Simulation::new(scenario, options.data.as_deref(), share.threads)?;
    let labels = Labels::of(scenario, options.data.as_deref())?;
    if !scenario.network.is_plain() {
        progress.warn("one process has no network: nothing of [network] happens");
    }
    let started = Instant::now();
    let (mut last, mut skipped, mut ledgers) = (None, 0, Ledgers::default());
    let reason = simulation.go(|line, model| {
        let line = RoundLine { judgement: judge.judge_after(line.round, model), ..line };
        skipped += u32::from(line.skipped.is_some());
        ledgers.add(&line);
        folder.add(&line)?;
        progress.round(&line);
        let round = line.round;
        last = Some(line);
        if share.stop.is_cancelled() {
            return Err(Failure::because(format!("interrupted after round {round}")));
        }
        Ok(())
    })?;
    progress.finish();
    if reason != Reason::Done {
        return Err(Failure::because(format!("the run ended: {reason}")));
    }
    let Some(last) = last else { return Err(Failure::because("the run had no rounds")) };
    let summary = Summary {
        name: scenario.name.clone(),
        seed: scenario.seed.0,
        judgement: last.judgement,
        target_norm: judge.target_norm(),
        rounds: last.round,
        skipped,
        processes: 1,
        lost: Vec::new(),
        ledgers,
        labels,
        seconds: started.elapsed().as_secs_f64(),
    };
    folder.finish(&summary, simulation.descent.model())?;
    Ok(summary)
}

/// Seconds that it takes to set `scenario` up and to go through one of its rounds, from its first few.
pub(crate) fn paces(scenario: &Scenario, data: Option<&Path>, rounds: u32) -> Result<(f64, f64), Failure> {
    let mut short = scenario.clone();
    short.server.rounds = rounds.clamp(1, scenario.server.rounds);
    let started = Instant::now();
    let judge = Judge::new(&short, data)?;
    let mut simulation = Simulation::new(&short, data, 1)?;
    let ready = Instant::now();
    simulation.go(|line, model| {
        std::hint::black_box(judge.judge_after(line.round, model));
        Ok(())
    })?;
    Ok(((ready - started).as_secs_f64(), ready.elapsed().as_secs_f64() / f64::from(short.server.rounds)))
}

/// How a round ended.
struct Closed {
    step: f64,
    counted: Vec<Rank>,
    sum: Option<Vec<f32>>,
}

struct Simulation {
    engine: Engine,
    descent: Descent,
    participants: Vec<Box<dyn Participant>>,
    previous: Option<Closed>,
    /// Honest workers have the ranks below this.
    honest: u32,
    threads: usize,
    tempo: Tempo,
    /// The order of arrival, in an asynchronous run.
    arrivals: Option<Arrivals>,
}

impl Simulation {
    fn new(scenario: &Scenario, data: Option<&Path>, threads: usize) -> Result<Self, Failure> {
        let config = scenario.server_config()?;
        let plan = config.spec.plan(config.workers, config.seed).map_err(|error| Failure::usage(&error))?;
        let participants = cast::participants(scenario, &config, data)?;
        let descent = Descent::new(&config.spec, config.start.clone(), config.seed);
        Ok(Self {
            engine: Engine::new(plan),
            descent,
            participants,
            previous: None,
            honest: scenario.workers.count as u32,
            threads,
            tempo: config.spec.mode,
            arrivals: config.spec.mode.is_asynchronous().then(|| Arrivals::new(scenario.seed)),
        })
    }

    /// Goes through all rounds, telling `note` of each.
    fn go(
        &mut self,
        mut note: impl FnMut(RoundLine, &[f32]) -> Result<(), Failure>,
    ) -> Result<Reason, Failure> {
        let everybody = (0..self.participants.len() as u32).map(|rank| Event::Joined(Rank(rank)));
        let mut commands: VecDeque<Command> = everybody.flat_map(|event| self.engine.handle(event)).collect();
        loop {
            let Some(command) = commands.pop_front() else {
                let Some(event) = self.arrivals.as_mut().and_then(Arrivals::next) else { break };
                commands.extend(self.engine.handle(event));
                continue;
            };
            match command {
                Command::Open { round, to } if self.arrivals.is_some() => self.begin(round, &to),
                Command::Open { round, to } => {
                    let responses = self.responses(round, &to).into_iter();
                    commands.extend(responses.flat_map(|(_, event)| self.engine.handle(event)));
                }
                Command::Aggregate { round, mut rows, staleness, absent, byzantine } => {
                    self.descent.discount(&mut rows, &staleness);
                    let (line, next) = self.aggregate(round, &rows, &absent, byzantine);
                    let aged = rows.iter().map(|(rank, _)| rank.0).zip(staleness);
                    let staleness = aged.filter(|(_, rounds)| *rounds > 0).collect();
                    let line = RoundLine { staleness, ..line };
                    commands.extend(next);
                    note(line, self.descent.model())?;
                }
                Command::Remind { round, rank } => self.begin(round, &[rank]),
                Command::Finish(reason) => return Ok(reason),
                // Nobody is late, leaves, or sends twice here.
                Command::Answer { .. } | Command::Skip { .. } | Command::Superseded(_) | Command::Ban(_) => {}
            }
        }
        Err(Failure::because("no round has enough updates for the quorum"))
    }

    /// Those who are asked begin with this round's model.
    fn begin(&mut self, round: Round, to: &[Rank]) {
        let responses = self.responses(round, to);
        if let Some(arrivals) = &mut self.arrivals {
            responses.into_iter().for_each(|(rank, answer)| arrivals.begin(rank, answer));
        }
    }

    /// Moves the model, and answers what is to be said of the round and done after it.
    fn aggregate(
        &mut self,
        round: Round,
        rows: &[(Rank, Vec<f32>)],
        absent: &[Rank],
        byzantine: usize,
    ) -> (RoundLine, Vec<Command>) {
        let started = Instant::now();
        let moved = self.descent.apply(round, byzantine, rows);
        let aggregate_seconds = started.elapsed().as_secs_f64();
        let refused = moved.as_ref().err().map(ToString::to_string);
        let moved = moved.ok();
        self.previous = Some(match &moved {
            Some(moved) => Closed {
                step: moved.step,
                counted: rows.iter().map(|(rank, _)| *rank).collect(),
                sum: moved.sum.clone(),
            },
            None => Closed { step: 0.0, counted: Vec::new(), sum: None },
        });
        let event = if moved.is_some() { Event::Aggregated(round) } else { Event::Refused(round) };
        let next = self.engine.handle(event);
        let ledgers = self.engine.report();
        let entries = |pile: fn(&round::Ledger) -> &BTreeMap<&'static str, u32>| {
            let of = |(rank, ledger)| {
                let one = |(reason, count): (&&str, &u32)| (rank, (*reason).to_owned(), *count);
                pile(ledger).iter().map(one).collect::<Vec<_>>()
            };
            ledgers.iter().map(|(rank, ledger)| (rank.0, ledger)).flat_map(of).collect()
        };
        let line = RoundLine {
            round: round.get(),
            absent: absent.iter().map(|rank| rank.0).collect(),
            skipped: refused,
            rejected: entries(|ledger| &ledger.rejected),
            discarded: entries(|ledger| &ledger.discarded),
            timing: Timing { collect_seconds: 0.0, aggregate_seconds },
            ..RoundLine::default()
        };
        let line = match moved {
            None => line,
            Some(Moved { step, verdicts, aggregate_norm, squares, .. }) => RoundLine {
                step,
                aggregate_norm,
                verdicts: verdicts.iter().map(|verdict| (verdict.rank, verdict.weight)).collect(),
                byzantine: byzantine as u32,
                squares,
                ..line
            },
        };
        (line, next)
    }

    /// What everyone sends, computed on as many threads as this run may have: those who want to see the honest rows come last.
    fn responses(&mut self, round: Round, to: &[Rank]) -> Vec<(Rank, Event)> {
        let (model, step, previous) =
            (self.descent.model(), self.descent.step(round, self.tempo.rows(to.len())), &self.previous);
        let (honest_workers, threads) = (self.honest, self.threads);
        let asked = self.participants.iter_mut().zip(0..).map(|(one, rank)| (Rank(rank), one));
        let asked = asked.filter(|(rank, _)| to.binary_search(rank).is_ok());
        let (late, first): (Vec<_>, Vec<_>) = asked.partition(|(_, one)| one.wants_honest());
        let respond = |(rank, one): (Rank, &mut Box<dyn Participant>), honest: &[&[f32]]| {
            let previous = previous.as_ref().map(|closed| Previous {
                step: closed.step,
                counted: closed.counted.contains(&rank),
                sum: closed.sum.as_deref(),
            });
            (
                rank,
                Arc::unwrap_or_clone(one.respond(&View {
                    round: round.get(),
                    model,
                    step,
                    previous,
                    honest,
                })),
            )
        };
        let mut rows = spread(first, threads, |one| respond(one, &[]));
        let shown: Vec<&[f32]> =
            rows.iter().filter(|(rank, _)| rank.0 < honest_workers).map(|(_, row)| row.as_slice()).collect();
        // Accomplices think with one head, so there is nothing to spread.
        let lies: Vec<_> = late.into_iter().map(|one| respond(one, &shown)).collect();
        drop(shown);
        rows.extend(lies);
        rows.into_iter().map(|(rank, row)| (rank, delivered(rank, round, row))).collect()
    }
}

/// What the wire would make of a row.
fn delivered(rank: Rank, round: Round, row: Vec<f32>) -> Event {
    match row.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            let why = Rejection::NonFinite { index: index as u64, value: row[index] };
            Event::Malformed { rank, why }
        }
        None => Event::Delivered { rank, round, row },
    }
}

/// `work` on every item, on so many threads, answered in order.
fn spread<T: Send, R: Send>(items: Vec<T>, threads: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = threads.min(items.len());
    if threads <= 1 {
        return items.into_iter().map(work).collect();
    }
    let each = items.len().div_ceil(threads);
    let work = &work;
    let mut items = items.into_iter();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|_| items.by_ref().take(each).collect::<Vec<T>>())
            .map(|part| scope.spawn(move || part.into_iter().map(work).collect::<Vec<R>>()))
            .collect();
        let joined = parts.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}
