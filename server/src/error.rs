//! What can go wrong for a server.

use crate::{CheckpointError, InvalidSpec};

/// A server could not run, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The server section makes no sense.
    #[error(transparent)]
    Spec(#[from] InvalidSpec),
    /// The model has no parameters or too many.
    #[error("the model has {got} parameters, expected 1 to {most}")]
    Dimension {
        /// Its parameters
        got: u64,
        /// The limit
        most: u64,
    },
    /// The scenario is too long to hand out.
    #[error("the scenario has {got} bytes, at most {most} can be handed out")]
    Scenario {
        /// Its length
        got: usize,
        /// The limit
        most: usize,
    },
    /// The checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The transport failed.
    #[error("serving failed")]
    Serve(#[source] tonic::transport::Error),
    /// The operating system gave no random numbers.
    #[error("cannot draw a random number for the run")]
    Random(#[source] getrandom::Error),
    /// The server was told to stop.
    #[error("interrupted in round {round}")]
    Interrupted {
        /// The round that was open, or had just closed
        round: u32,
    },
}
