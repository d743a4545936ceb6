//! Every combination of what varies, each run once, then one table and one page of all of them.

mod estimate;
mod file;
mod grid;
mod identity;
mod jobs;
mod outcome;
mod progress;
mod score;
mod table;

use std::{
    collections::BTreeMap,
    future::Future,
    path::{Path, PathBuf},
};

use crate::{failure::Failure, report, run::Options, scenario::Scenario};

pub(crate) use file::Axis;
pub(crate) use grid::Grid;
pub(crate) use identity::RunId;
pub(crate) use jobs::How;
pub(crate) use outcome::{Outcome, State};
pub(crate) use score::{Scores, Step};

/// A sweep, and what of it is done.
#[derive(Debug)]
pub(crate) struct Plan {
    /// All combinations.
    pub(crate) grid: Grid,
    /// Where everything is, and how.
    pub(crate) options: Options,
    /// Every run with its scenario, those that several points need once.
    runs: BTreeMap<RunId, Scenario>,
    /// Those not done yet, in the order of the grid.
    todo: Vec<RunId>,
}

impl Plan {
    /// What `grid` takes beyond what is already in the results.
    pub(crate) fn new(grid: Grid, options: Options) -> Self {
        let mut runs = BTreeMap::new();
        let mut order = Vec::new();
        for point in &grid.points {
            if runs.insert(point.run.clone(), point.scenario.clone()).is_none() {
                order.push(point.run.clone());
            }
        }
        let todo = order.into_iter().filter(|run| !outcome::is_done(&folder(&options.out, run))).collect();
        Self { grid, options, runs, todo }
    }

    /// How many runs there are, and how many of them are still to be done.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.runs.len(), self.todo.len())
    }

    /// Says in one sentence what there is to do, and about how long it takes.
    ///
    /// # Errors
    /// When a run cannot be set up.
    pub(crate) fn describe(&self, how: &How) -> Result<String, Failure> {
        let (all, todo) = self.size();
        let rounds: u64 = self.todo.iter().map(|run| u64::from(self.runs[run].server.rounds)).sum();
        let done = if todo == all { String::new() } else { format!(", {} of them done", all - todo) };
        if todo == 0 {
            return Ok(format!("{all} runs{done}: nothing to do"));
        }
        let scenarios: Vec<&Scenario> = self.todo.iter().map(|run| &self.runs[run]).collect();
        let seconds = estimate::seconds(&scenarios, self.options.data.as_deref(), how)?;
        Ok(format!("{all} runs{done}, {rounds} rounds to go: {}", estimate::words(seconds, how)))
    }

    /// Does what is to be done, then writes the table and the page of everything that is.
    ///
    /// # Errors
    /// When a run did not come to its end, twice, or `shutdown` completed first; what is done is kept.
    pub(crate) async fn carry_out(
        &self,
        how: &How,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Vec<Outcome>, Failure> {
        let queue = self.todo.iter().map(|run| jobs::Job {
            scenario: self.runs[run].clone(),
            options: Options {
                out: folder(&self.options.out, run),
                quiet: true,
                data: self.options.data.clone(),
                restart: false,
            },
            run: run.clone(),
        });
        let bar = progress::SweepProgress::new(&self.grid.name, self.todo.len(), self.options.quiet);
        let ended = jobs::run_all(queue.collect(), how, &bar, shutdown).await;
        bar.finish();
        let outcomes = outcome::gather(&self.grid, &self.options.out, &ended.failed)?;
        table::write(&self.grid, &outcomes, &self.options.out)?;
        report::sweep(&self.grid, &outcomes, &self.options.out)?;
        let (all, done) = (
            self.runs.len(),
            self.runs.keys().filter(|run| outcome::is_done(&folder(&self.options.out, run))).count(),
        );
        if ended.interrupted {
            return Err(Failure::because(format!("interrupted: {done} of {all} runs are done"))
                .hint("the same command goes on from here"));
        }
        if let Some((run, why)) = ended.failed.first_key_value() {
            return Err(Failure::because(format!(
                "{} of {all} runs failed, tried twice each; the first, {}: {why}",
                ended.failed.len(),
                folder(&self.options.out, run).display(),
            )));
        }
        Ok(outcomes)
    }
}

/// The folder of a run in the results of its sweep.
fn folder(out: &Path, run: &RunId) -> PathBuf {
    out.join("runs").join(run.to_string())
}
