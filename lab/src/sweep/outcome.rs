//! What became of every point of a sweep, read from the folders of its runs.

use std::{collections::BTreeMap, path::Path};

use super::{Grid, RunId, Scores, folder};
use crate::{
    failure::Failure,
    results::{RoundLine, Summary, read_rounds},
};

/// What became of one point, in the order of the grid's points.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Whether its run came to its end.
    pub(crate) state: State,
    /// What counts of it.
    pub(crate) scores: Scores,
    /// Its rounds with accuracies.
    pub(crate) curve: Vec<RoundLine>,
}

/// Whether a run came to its end.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// It did.
    Done(Box<Summary>),
    /// It was tried twice and did not.
    Failed(String),
    /// Nobody came to it.
    Missing,
}

impl State {
    /// For the table.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Failed(_) => "failed",
            Self::Missing => "missing",
        }
    }
}

fn summary(folder: &Path) -> Option<Summary> {
    serde_json::from_str(&std::fs::read_to_string(folder.join("summary.json")).ok()?).ok()
}

/// Whether the run of this folder came to its end.
pub(super) fn is_done(folder: &Path) -> bool {
    summary(folder).is_some()
}

/// What became of every point of `grid`.
///
/// # Errors
/// When the rounds of a run that is done cannot be read.
pub(super) fn gather(
    grid: &Grid,
    out: &Path,
    failed: &BTreeMap<RunId, String>,
) -> Result<Vec<Outcome>, Failure> {
    let outcome = |run: &RunId| {
        let folder = folder(out, run);
        if let Some(summary) = summary(&folder) {
            let mut curve = read_rounds(&folder)?;
            curve.retain(|line| line.judgement.accuracy_true.is_some());
            return Ok(Outcome { state: State::Done(Box::new(summary)), scores: Scores::of(&curve), curve });
        }
        let state = failed.get(run).map_or(State::Missing, |why| State::Failed(why.clone()));
        Ok(Outcome { state, scores: Scores::default(), curve: Vec::new() })
    };
    grid.points.iter().map(|point| outcome(&point.run)).collect()
}
