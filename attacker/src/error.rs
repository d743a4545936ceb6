//! What can go wrong for an attacker.

use attacks::TargetError;
use learning::{DataError, TaskError};
use worker::WorkerError;

use crate::InvalidAttack;

/// An attacker could not attack, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum AttackerError {
    /// The worker's side of the protocol failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The outcome cannot be saved.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// An attack cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The scenario that the server hands out does not parse.
    #[error("the server's scenario is not ours")]
    Scenario(#[from] toml::de::Error),
    /// The scenario has no attacker of this rank.
    #[error("the scenario has {attackers} attackers after {honest} honest workers, and this is rank {rank}")]
    NoAttack {
        /// Rank of this process
        rank: u32,
        /// Honest workers
        honest: usize,
        /// Attackers
        attackers: usize,
    },
    /// The scenario wants an honest process in this place.
    #[error("the scenario poisons data at rank {0}: start a worker there, with the data file")]
    Honest(u32),
    /// The attack on local models follows from λ‖ρ−θ‖².
    #[error("`local-counter-gradient` needs regularizer = \"squared-l2\"")]
    Bounded,
    /// The target cannot be had.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The task cannot be set up.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A file cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The scenario asks for what cannot be.
    #[error(transparent)]
    Attack(#[from] InvalidAttack),
    /// A standard deviation is none.
    #[error("sigma of `gaussian` is {0}, expected zero or a positive number")]
    Sigma(f64),
    /// A frozen model is of another length.
    #[error("{file}: `theta` has {got} numbers, the task's model has {want}")]
    Length {
        /// The file
        file: String,
        /// Numbers found
        got: usize,
        /// Parameters of the task's model
        want: usize,
    },
}

impl From<SetupError> for WorkerError {
    fn from(error: SetupError) -> Self {
        Self::Participant(Box::new(error))
    }
}
