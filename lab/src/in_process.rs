//! The same experiment in one process: the same engine, the same arithmetic, the same participants, and no socket.
//!
//! The models are bit-equal to those of the cluster.

mod cast;

use std::{path::Path, time::Instant};

use round::{Command, Engine, Event, Rank, Reason, Rejection, Round};
use server::{Descent, Moved};
use tokio_util::sync::CancellationToken;
use worker::{Participant, Previous, View};

use crate::{
    failure::Failure,
    judge::Judge,
    progress::Progress,
    results::{Folder, Rejected, RoundLine, Summary, Timing},
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

/// The same with a share of the machine; the bits do not depend on it.
pub(crate) fn run_in(scenario: &Scenario, options: &Options, share: &Share) -> Result<Summary, Failure> {
    let mut folder = Folder::create(&options.out, scenario)?;
    let judge = Judge::new(scenario, options.data.as_deref())?;
    let mut progress = Progress::new(&scenario.name, scenario.server.rounds, options.quiet);
    let mut simulation = Simulation::new(scenario, options.data.as_deref(), share.threads)?;
    if !scenario.network.is_plain() {
        progress.warn("one process has no network: nothing of [network] happens");
    }
    let started = Instant::now();
    let (mut last, mut skipped) = (None, 0);
    let reason = simulation.go(|line, model| {
        let line = RoundLine { judgement: judge.judge_after(line.round, model), ..line };
        skipped += u32::from(line.skipped.is_some());
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
        rejected: Rejected::new(),
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
    reveal_sum: bool,
    /// Honest workers have the ranks below this.
    honest: u32,
    threads: usize,
}

impl Simulation {
    fn new(scenario: &Scenario, data: Option<&Path>, threads: usize) -> Result<Self, Failure> {
        let config = scenario.server_config()?;
        let plan = config.spec.plan(config.workers).map_err(|error| Failure::usage(&error))?;
        let participants = cast::participants(scenario, &config, data)?;
        let descent = Descent::new(&config.spec, config.start.clone(), config.seed);
        Ok(Self {
            engine: Engine::new(plan),
            descent,
            participants,
            previous: None,
            reveal_sum: config.spec.reveal_sum,
            honest: scenario.workers.count as u32,
            threads,
        })
    }

    /// Goes through all rounds, telling `note` of each.
    fn go(
        &mut self,
        mut note: impl FnMut(RoundLine, &[f32]) -> Result<(), Failure>,
    ) -> Result<Reason, Failure> {
        let mut events: Vec<Event> =
            (0..self.participants.len() as u32).map(|rank| Event::Joined(Rank(rank))).collect();
        loop {
            let commands: Vec<Command> =
                std::mem::take(&mut events).into_iter().flat_map(|event| self.engine.handle(event)).collect();
            for command in commands {
                match command {
                    Command::Open { round, to } => events = self.responses(round, &to),
                    Command::Aggregate { round, rows, absent, byzantine } => {
                        let started = Instant::now();
                        let moved = self.descent.apply(round, byzantine, &rows);
                        let seconds = started.elapsed().as_secs_f64();
                        let refused = moved.as_ref().err().map(ToString::to_string);
                        self.previous = Some(match &moved {
                            Ok(moved) => Closed {
                                step: moved.step,
                                counted: rows.iter().map(|(rank, _)| *rank).collect(),
                                sum: self.reveal_sum.then(|| self.descent.sum(rows.len())),
                            },
                            Err(_) => Closed { step: 0.0, counted: Vec::new(), sum: None },
                        });
                        events.push(if moved.is_ok() {
                            Event::Aggregated(round)
                        } else {
                            Event::Refused(round)
                        });
                        let f = if moved.is_ok() { byzantine } else { 0 };
                        let line = line(round, moved.ok(), &absent, refused, seconds);
                        note(RoundLine { byzantine: f as u32, ..line }, self.descent.model())?;
                    }
                    Command::Finish(reason) => return Ok(reason),
                    // Nobody is late, leaves, or sends twice here.
                    Command::Answer { .. }
                    | Command::Skip { .. }
                    | Command::Ban(_)
                    | Command::Remind { .. } => (),
                }
            }
            if events.is_empty() {
                return Err(Failure::because("no round has enough updates for the quorum"));
            }
        }
    }

    /// What everyone sends, computed on as many threads as this run may have: those who want to see the honest rows come last.
    fn responses(&mut self, round: Round, to: &[Rank]) -> Vec<Event> {
        let (model, step, previous) =
            (self.descent.model(), self.descent.step(round, to.len()), &self.previous);
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
            (rank, one.respond(&View { round: round.get(), model, step, previous, honest }))
        };
        let mut rows = spread(first, threads, |one| respond(one, &[]));
        let shown: Vec<&[f32]> =
            rows.iter().filter(|(rank, _)| rank.0 < honest_workers).map(|(_, row)| row.as_slice()).collect();
        // Accomplices think with one head, so there is nothing to spread.
        let lies: Vec<_> = late.into_iter().map(|one| respond(one, &shown)).collect();
        drop(shown);
        rows.extend(lies);
        rows.into_iter().map(|(rank, row)| delivered(rank, round, row)).collect()
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

fn line(
    round: Round,
    moved: Option<Moved>,
    absent: &[Rank],
    skipped: Option<String>,
    seconds: f64,
) -> RoundLine {
    let nothing = || Moved { step: 0.0, verdicts: Vec::new(), aggregate_norm: 0.0, squares: Vec::new() };
    let moved = moved.unwrap_or_else(nothing);
    RoundLine {
        round: round.get(),
        judgement: crate::judge::Judgement::default(),
        step: moved.step,
        aggregate_norm: moved.aggregate_norm,
        verdicts: moved.verdicts.iter().map(|verdict| (verdict.rank, verdict.weight)).collect(),
        byzantine: 0,
        absent: absent.iter().map(|rank| rank.0).collect(),
        skipped,
        rejected: Vec::new(),
        strangers: 0,
        timing: Timing { collect_seconds: 0.0, aggregate_seconds: seconds },
        squares: moved.squares,
    }
}
