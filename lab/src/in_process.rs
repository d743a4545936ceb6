//! The same experiment in one process: the same engine, the same arithmetic, the same participants, and no socket.
//!
//! The models are bit-equal to those of the cluster.

use std::{path::Path, time::Instant};

use attacker::{AttackSpec, Liar};
use round::{Command, Engine, Event, Rank, Reason, Round};
use server::{Descent, Moved};
use worker::{Honest, Joined, Participant, Previous, Rows, View};

use crate::{
    failure::Failure,
    judge::Judge,
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
    let mut folder = Folder::create(&options.out, scenario)?;
    let judge = Judge::new(scenario, options.data.as_deref())?;
    let mut progress = Progress::new(&scenario.name, scenario.server.rounds, options.quiet);
    let mut simulation = Simulation::new(scenario, options.data.as_deref())?;
    let started = Instant::now();
    let (mut last, mut skipped) = (None, 0);
    let reason = simulation.go(|line, model| {
        let line = RoundLine { judgement: judge.judge(model), ..line };
        skipped += u32::from(line.skipped.is_some());
        folder.add(&line)?;
        progress.round(&line);
        last = Some(line);
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
        seconds: started.elapsed().as_secs_f64(),
    };
    folder.finish(&summary, simulation.descent.model())?;
    Ok(summary)
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
}

impl Simulation {
    fn new(scenario: &Scenario, data: Option<&Path>) -> Result<Self, Failure> {
        let config = scenario.server_config()?;
        let plan = config.spec.plan(config.workers).map_err(|error| Failure::usage(&error))?;
        let joined = |rank: u32| Joined {
            rank,
            workers: config.workers as u32,
            dimension: config.start.len(),
            rounds: config.spec.rounds,
            scenario: config.scenario.clone(),
        };
        let with_file = |rank: u32, rows: &Rows| {
            let honest = Honest::new(&joined(rank), rows).map_err(|error| Failure::unfinished(&error))?;
            Ok::<Box<dyn Participant>, Failure>(Box::new(honest))
        };
        // The training rows are read once for everybody.
        let train = scenario.task.train(scenario.seed, data).map_err(|error| Failure::unfinished(&error))?;
        let spoken =
            worker::Scenario { seed: scenario.seed, task: scenario.task.clone(), workers: scenario.workers };
        let mut participants: Vec<Box<dyn Participant>> = Vec::with_capacity(config.workers);
        for rank in 0..scenario.workers.count as u32 {
            let honest = Honest::among(&spoken, rank, &train).map_err(|error| Failure::unfinished(&error))?;
            participants.push(Box::new(honest));
        }
        for (rank, attack) in scenario.attacks() {
            participants.push(match attack {
                AttackSpec::Data { file, start } => {
                    with_file(rank, &Rows { file: Some(file.clone()), start: start.clone(), folder: None })?
                }
                AttackSpec::CounterGradient {} | AttackSpec::Model { .. } => {
                    let liar = Liar::new(&joined(rank), data).map_err(|error| Failure::unfinished(&error))?;
                    Box::new(liar)
                }
            });
        }
        let descent = Descent::new(&config.spec, config.start.clone(), config.seed);
        Ok(Self {
            engine: Engine::new(plan),
            descent,
            participants,
            previous: None,
            reveal_sum: config.spec.reveal_sum,
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
                    Command::Aggregate { round, rows, absent, spent: _ } => {
                        let started = Instant::now();
                        let moved = self.descent.apply(round, &rows);
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
                        note(line(round, moved.ok(), &absent, refused, seconds), self.descent.model())?;
                    }
                    Command::Finish(reason) => return Ok(reason),
                    // Nobody is late, leaves, or sends twice here.
                    Command::Answer { .. } | Command::Skip { .. } => (),
                }
            }
            if events.is_empty() {
                return Err(Failure::because("no round has enough updates for the quorum"));
            }
        }
    }

    /// What everyone sends, computed on all processors.
    fn responses(&mut self, round: Round, to: &[Rank]) -> Vec<Event> {
        let (model, step, previous) =
            (self.descent.model(), self.descent.step(round, to.len()), &self.previous);
        let threads =
            std::thread::available_parallelism().map_or(1, usize::from).min(self.participants.len());
        let respond = |rank: usize, participant: &mut Box<dyn Participant>| {
            let rank = Rank(rank as u32);
            let previous = previous.as_ref().map(|closed| Previous {
                step: closed.step,
                counted: closed.counted.contains(&rank),
                sum: closed.sum.as_deref(),
            });
            let row = participant.respond(&View { round: round.get(), model, step, previous });
            Event::Delivered { rank, round, row }
        };
        let each = self.participants.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let parts: Vec<_> = (self.participants.chunks_mut(each).enumerate())
                .map(|(part, participants)| {
                    scope.spawn(move || {
                        let ranked = participants.iter_mut().enumerate();
                        ranked.map(|(index, one)| respond(part * each + index, one)).collect::<Vec<_>>()
                    })
                })
                .collect();
            let joined = parts.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        })
    }
}

fn line(
    round: Round,
    moved: Option<Moved>,
    absent: &[Rank],
    skipped: Option<String>,
    seconds: f64,
) -> RoundLine {
    let moved = moved.unwrap_or(Moved { step: 0.0, verdicts: Vec::new(), aggregate_norm: 0.0 });
    RoundLine {
        round: round.get(),
        judgement: crate::judge::Judgement::default(),
        step: moved.step,
        aggregate_norm: moved.aggregate_norm,
        verdicts: moved.verdicts.iter().map(|verdict| (verdict.rank, verdict.weight)).collect(),
        absent: absent.iter().map(|rank| rank.0).collect(),
        skipped,
        timing: Timing { collect_seconds: 0.0, aggregate_seconds: seconds },
    }
}
