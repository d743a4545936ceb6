//! The honest worker: its part of the task's data, or the rows of a file it was handed.

use std::path::{Path, PathBuf};

use learning::{Seed, Task, User};
use serde::{Deserialize, Serialize};

use crate::{Joined, Participant, View, WorkerError};

/// What a worker reads of a scenario; the rest is nothing to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Scenario {
    /// The seed of the experiment.
    pub seed: Seed,
    /// What is to be learned.
    pub task: Task,
    /// The honest workers.
    pub workers: Workers,
}

/// The `[workers]` section: the honest workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workers {
    /// How many there are; they share the training rows.
    pub count: usize,
}

impl Default for Workers {
    fn default() -> Self {
        Self { count: 10 }
    }
}

/// Where an honest worker's rows come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// Its own file, instead of its part of the task's.
    pub file: Option<PathBuf>,
    /// Its local model's start, instead of the solver's.
    pub start: Option<PathBuf>,
    /// Where the sets are that are not embedded.
    pub folder: Option<PathBuf>,
}

/// A [`User`] on the wire.
#[derive(Debug)]
pub struct Honest(User);

impl Honest {
    /// The user that `joined` asks for.
    ///
    /// # Errors
    /// When the scenario does not parse, or data cannot be read or do not fit.
    pub fn new(joined: &Joined, rows: &Rows) -> Result<Self, WorkerError> {
        let Scenario { seed, task, workers } = toml::from_str(&joined.scenario)?;
        let folder: Option<&Path> = rows.folder.as_deref();
        let user = match &rows.file {
            Some(file) => task.user_with_file(file, rows.start.as_deref(), (seed, joined.rank))?,
            None => task.user(joined.rank as usize, workers.count, seed, folder)?,
        };
        Ok(Self(user))
    }
}

impl Participant for Honest {
    fn respond(&mut self, view: &View<'_>) -> Vec<f32> {
        self.0.respond(view.round, view.model)
    }
}
