//! What can go wrong for a worker.

use learning::TaskError;
use round::Rejection;
use tonic::{Status, transport};

use crate::StateError;

/// A worker could not work, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Nobody answers there.
    #[error("cannot connect to {server}")]
    Connect {
        /// The address
        server: String,
        /// Why
        #[source]
        source: transport::Error,
    },
    /// The server does not take this worker.
    #[error("{server} does not let us join: {}", .status.message())]
    Refused {
        /// The address
        server: String,
        /// Its answer
        status: Box<Status>,
    },
    /// The connection broke.
    #[error("lost the server in round {round}: {}", describe(.status.as_deref()))]
    Lost {
        /// The latest round that was opened
        round: u32,
        /// What the transport says; none when the stream just ended
        status: Option<Box<Status>>,
    },
    /// What came back is not what was lost.
    #[error("the server came back with another run")]
    OtherRun,
    /// The server sent a model that is none.
    #[error("the server sent a bad model")]
    BadModel(#[source] Rejection),
    /// The server sent an answer that makes no sense.
    #[error("the server sent {0}")]
    Protocol(&'static str),
    /// The scenario that the server hands out does not parse.
    #[error("the server's scenario is not ours")]
    Scenario(#[from] toml::de::Error),
    /// The task cannot be set up.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The participant has something to say.
    #[error(transparent)]
    Participant(Box<dyn std::error::Error + Send + Sync>),
    /// The server does not say what the honest sent.
    #[error("the server does not reveal the honest updates: {}", .0.message())]
    Oracle(Box<Status>),
    /// Nobody may ask without the token.
    #[error("the attack has to see the honest updates, and no token of the server's oracle was given")]
    NoToken,
    /// The state that it keeps cannot be read or written, or is not its own.
    #[error(transparent)]
    State(#[from] StateError),
    /// Told to stop.
    #[error("interrupted")]
    Interrupted,
}

fn describe(status: Option<&Status>) -> String {
    match status {
        None => "it closed the connection".to_owned(),
        Some(status) => status.message().to_owned(),
    }
}
