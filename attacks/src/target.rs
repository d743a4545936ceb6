//! Where an attacker wants the common model to be.

use std::path::{Path, PathBuf};

use learning::{DataError, Seed, Task, TaskError, data::load_vector, model};
use serde::{Deserialize, Serialize};

/// A target model θ†, as a scenario says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The array `theta` of this `.npz` file; without it the target is fitted as the next two say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The task's own model is fitted to all training rows with class y renamed (y + shift) mod classes.
    #[serde(default = "one")]
    pub shift: u8,
    /// ν of that fit: the larger, the shorter the target.
    #[serde(default = "ten")]
    pub ridge: f64,
}

const fn one() -> u8 {
    1
}

const fn ten() -> f64 {
    10.0
}

impl Default for Target {
    fn default() -> Self {
        Self { file: None, shift: one(), ridge: ten() }
    }
}

/// There is no such target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Its file cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// It cannot be fitted.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A network has no optimum that a fit could find.
    #[error("a target of the model {0} cannot be fitted, expected `target.file`")]
    Network(model::Kind),
    /// It is of another length.
    #[error("{}: `theta` has {got} numbers, the task's model has {want}", .file.display())]
    Length {
        /// The file
        file: PathBuf,
        /// Numbers found
        got: usize,
        /// Parameters of the task's model
        want: usize,
    },
}

impl Target {
    /// The target's parameters.
    ///
    /// # Errors
    /// When a file or the data cannot be read, or do not fit the task.
    pub fn resolve(&self, task: &Task, seed: Seed, folder: Option<&Path>) -> Result<Vec<f64>, TargetError> {
        let model = task.sized_model()?;
        let Some(file) = &self.file else {
            if matches!(model.kind, model::Kind::Mlp { .. }) {
                return Err(TargetError::Network(model.kind));
            }
            let train = task.train(seed, folder)?.with_shifted_classes(self.shift);
            return Ok(learning::fit(&model, &train, self.ridge));
        };
        let (theta, want) = (load_vector(file, "theta")?, model.dimension());
        if theta.len() == want {
            Ok(theta)
        } else {
            Err(TargetError::Length { file: file.clone(), got: theta.len(), want })
        }
    }
}
