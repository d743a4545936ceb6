//! Where an experiment is run: its folder, its seeds, and clusters of processes.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use learning::Seed;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::Plan;
use crate::{
    equivalence::{self, Equivalence},
    failure::Failure,
    results::{RoundLine, Summary, read_rounds},
    run::{self, Options},
    scenario::Scenario,
};

/// What an experiment is given.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Fewer rounds are wanted.
    pub short: bool,
    /// Rounds that only patience asks for are wanted, too.
    pub long: bool,
    /// Frozen features and labels to learn from.
    pub features: Option<PathBuf>,
    seeds: u64,
    folder: PathBuf,
    quiet: bool,
    data: Option<PathBuf>,
    runtime: Handle,
    stop: CancellationToken,
    /// Where files are that several experiments use, and those that this invocation has made.
    shared: (PathBuf, Made),
}

/// Files that were made.
pub(super) type Made = Arc<Mutex<HashSet<PathBuf>>>;

/// A cluster that came to its end.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    /// Its results.
    pub folder: PathBuf,
    /// How it ended.
    pub summary: Summary,
    /// Its rounds.
    pub rounds: Vec<RoundLine>,
}

impl Ran {
    /// ‖ρ − θ†‖ after `round`, in absolute terms.
    pub(crate) fn distance(&self, round: u32) -> f64 {
        let line = self.rounds.iter().find(|line| line.round == round);
        line.map_or(f64::NAN, |line| line.judgement.distance_to_target * self.summary.target_norm)
    }

    /// ‖ρ − θ†‖ round by round, in absolute terms.
    pub(crate) fn distances(&self) -> Vec<(f64, f64)> {
        let norm = self.summary.target_norm;
        self.rounds
            .iter()
            .map(|line| (f64::from(line.round), line.judgement.distance_to_target * norm))
            .collect()
    }
}

impl Stage {
    pub(super) fn new(plan: &Plan, name: &str, runtime: Handle, stop: CancellationToken, made: Made) -> Self {
        Self {
            short: plan.short,
            long: plan.long,
            features: plan.features.clone(),
            seeds: plan.seeds,
            folder: plan.out.join(name),
            quiet: plan.quiet,
            data: plan.data.clone(),
            runtime,
            stop,
            shared: (plan.out.join("shared"), made),
        }
    }

    /// The seeds to go through.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = Seed> + use<> {
        (1..=self.seeds).map(Seed)
    }

    /// `full`, or `short` when the short version is wanted.
    pub(crate) fn pick<T>(&self, full: T, short: T) -> T {
        if self.short { short } else { full }
    }

    /// Where the data sets are that are not embedded.
    pub(crate) fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// A file of this experiment; its folder is made.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::because(format!("cannot make {}: {error}", folder.display())))?;
        Ok(path)
    }

    /// A file that several experiments use, made by the first.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn shared(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<PathBuf, Failure> {
        let (folder, made) = &self.shared;
        let path = folder.join(name);
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.contains(&path) {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::because(format!("cannot make {}: {error}", folder.display())))?;
            make(&path)?;
            made.insert(path.clone());
        }
        Ok(path)
    }

    /// Runs `scenario` as a cluster of processes, its results in a folder of its name.
    ///
    /// # Errors
    /// When it cannot be run or does not come to its end.
    pub(crate) fn cluster(&self, scenario: &Scenario) -> Result<Ran, Failure> {
        scenario.check()?;
        let folder = self.folder.join(&scenario.name);
        let options =
            Options { out: folder.clone(), quiet: self.quiet, data: self.data.clone(), restart: false };
        let summary = self
            .runtime
            .block_on(run::run(scenario, &options, self.stop.cancelled()))
            .map_err(|failure| failure.at(&scenario.name))?;
        Ok(Ran { rounds: read_rounds(&folder)?, folder, summary })
    }

    /// Runs `plan` as `equivalence` does; answers how the runs ended and where their folders are.
    ///
    /// # Errors
    /// When a run does not come to its end, or an attack cannot be turned into the next.
    pub(crate) fn equivalence(&self, plan: equivalence::Plan<'_>) -> Result<(Equivalence, PathBuf), Failure> {
        plan.base.check()?;
        let out = self.folder.join(&plan.base.name);
        let options =
            Options { out: out.clone(), quiet: self.quiet, data: self.data.clone(), restart: false };
        let stopped = Box::pin(self.stop.cancelled());
        Ok((self.runtime.block_on(equivalence::run(plan, &options, stopped))?, out))
    }
}
