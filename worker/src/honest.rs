//! The honest worker: its part of the task's data, or the rows of a file it was handed.

use std::{path::PathBuf, sync::Arc};

use learning::{Dataset, Learner, Memory, Objective, Seed, Task};
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

/// A [`Learner`] on the wire.
#[derive(Debug)]
pub struct Honest(Learner);

impl Honest {
    /// The worker that `joined` asks for.
    ///
    /// # Errors
    /// When the scenario does not parse, or data cannot be read or do not fit.
    pub fn new(joined: &Joined, rows: &Rows) -> Result<Self, WorkerError> {
        let scenario: Scenario = toml::from_str(&joined.scenario)?;
        let Scenario { seed, task, .. } = &scenario;
        let Some(file) = &rows.file else {
            let train = task.train(*seed, rows.folder.as_deref())?;
            return Self::among(&scenario, joined.rank, &train);
        };
        let who = (*seed, joined.rank);
        Ok(Self(match task.objective {
            Objective::Personalised => {
                let user = task.user_with_file(file, rows.start.as_deref(), who)?;
                Learner::Personalised(Box::new(user))
            }
            Objective::Shared => task.learner(&task.rows_of_file(file)?, who)?,
        }))
    }

    /// The worker of this rank, whose rows are among `train`.
    ///
    /// # Errors
    /// When the rows cannot be shared out or do not fit.
    pub fn among(scenario: &Scenario, rank: u32, train: &Dataset) -> Result<Self, WorkerError> {
        let Scenario { seed, task, workers } = scenario;
        let rows = task.part(rank as usize, workers.count, *seed, train)?;
        Ok(Self(task.learner(&rows, (*seed, rank))?))
    }
}

impl Participant for Honest {
    fn respond(&mut self, view: &View<'_>) -> Arc<Vec<f32>> {
        Arc::new(self.0.respond(view.round, view.model))
    }

    fn remember(&self, memory: &mut Memory) {
        self.0.remember(memory);
    }

    fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        self.0.recall(memory)
    }
}
