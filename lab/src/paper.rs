//! The results of the paper, each an experiment that answers rows of one table and figures.
//!
//! To add one: write `paper/NAME.rs` with a `pub(super) const EXPERIMENT: Experiment`, and add its line to [`EXPERIMENTS`].
//! An experiment is a plain function of a [`Stage`], which runs scenarios as clusters of processes, says which seeds and
//! whether the short version is wanted, and has the folder for what is left behind. It answers [`Findings`]: rows
//! "what | published | reference code | ours" with what must hold of them, figures, and remarks in sentences. One that
//! needs data that are not there is skipped with a sentence; the command fails when a row that must hold does not.

mod bounded;
mod clipped;
mod counter_gradient;
mod equivalence;
mod exact;
mod experiment;
mod features;
mod figure;
mod held;
mod impossibility;
mod local_attack;
mod local_pac;
mod mersenne;
mod one_row;
mod price;
mod published;
mod rate;
mod row;
mod stage;
mod sum_or_mean;
mod three;
mod write;

use std::path::PathBuf;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

pub(crate) use experiment::Experiment;
use experiment::{Findings, Outcome, Status};
use figure::{Axis, Figure, Series};
use row::{Expected, Row, Unit};
use stage::{Made, Stage};

use crate::failure::Failure;

/// All there are, in the order in which they are run.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    counter_gradient::EXPERIMENT,
    equivalence::EXPERIMENT,
    sum_or_mean::EXPERIMENT,
    local_attack::EXPERIMENT,
    features::EXPERIMENT,
    clipped::EXPERIMENT,
    exact::EXPERIMENT,
    rate::EXPERIMENT,
    bounded::EXPERIMENT,
    one_row::EXPERIMENT,
    price::EXPERIMENT,
    local_pac::EXPERIMENT,
    impossibility::EXPERIMENT,
];

/// How to go through the experiments.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Their names; none: all.
    pub names: Vec<String>,
    /// Fewer rounds, the same code.
    pub short: bool,
    /// Rounds that only patience asks for, too.
    pub long: bool,
    /// Frozen features and labels, instead of our own.
    pub features: Option<PathBuf>,
    /// How many seeds, from 1.
    pub seeds: u64,
    /// Where the results go.
    pub out: PathBuf,
    /// No progress.
    pub quiet: bool,
    /// Where the data sets are that are not embedded.
    pub data: Option<PathBuf>,
}

/// Runs what `plan` names, writes the report, and answers what was printed at the end.
///
/// # Errors
/// When a name is unknown, nothing can be written, or the run is interrupted. What experiments found is in the answer.
pub(crate) fn run(plan: &Plan, runtime: &Handle, stop: &CancellationToken) -> Result<Vec<Outcome>, Failure> {
    let mut chosen: Vec<&Experiment> = Vec::new();
    for name in &plan.names {
        chosen.push(EXPERIMENTS.iter().find(|experiment| experiment.name == name).ok_or_else(|| {
            let known: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.name).collect();
            Failure::wrong(format!("there is no experiment {name:?}, expected {}", known.join(", ")))
        })?);
    }
    if chosen.is_empty() {
        chosen.extend(EXPERIMENTS);
    }
    let (mut outcomes, made) = (Vec::new(), Made::default());
    for experiment in chosen {
        let stage = Stage::new(plan, experiment.name, runtime.clone(), stop.clone(), made.clone());
        if !plan.quiet {
            eprintln!("{}: {}", experiment.name, experiment.about);
        }
        outcomes.push(experiment.outcome(&stage));
        // Written after each, so that an interrupted run leaves what it found.
        write::write(&outcomes, &plan.out)?;
        if stop.is_cancelled() {
            return Err(Failure::because(format!("interrupted in the experiment {}", experiment.name)));
        }
    }
    Ok(outcomes)
}

/// The table of everything that was found.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    write::table(outcomes)
}

/// Whether everything that must hold does.
pub(crate) fn verdict(outcomes: &[Outcome]) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for outcome in outcomes {
        match &outcome.status {
            Status::Failed(why) => wrong.push(format!("{}: {why}", outcome.name)),
            Status::Done(findings) => {
                wrong.extend(findings.rows.iter().filter(|row| row.holds() == Some(false)).map(|row| {
                    format!("{}: {} is {}, expected {}", outcome.name, row.what, row.got(), row.wanted())
                }));
            }
            Status::Skipped(_) => (),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure::because(wrong.join("\n  - "))) }
}
