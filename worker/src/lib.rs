//! A worker process: joins, answers every round, reports its end.
//!
//! [`run`] speaks the protocol; a [`Participant`] decides what to answer. The honest one is [`Honest`]; liars bring
//! their own, which is all that tells them apart.

mod error;
mod faults;
mod honest;
mod memory;
mod meters;
mod oracle;
mod reconnect;
mod session;
mod state;

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

pub use error::WorkerError;
pub use honest::{Honest, Rows, Scenario, Workers};
use learning::Memory;
use memory::Recalling;
use network::Dialer;
use session::Parting;
pub use state::StateError;
use state::{Keeper, State};
use tonic::transport::Endpoint;

/// How to reach the server, and as whom.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server.
    pub server: Endpoint,
    /// Which place to ask for.
    pub place: Place,
    /// The secret that says who we are, where the server asks for one.
    pub token: Option<proto::Token>,
    /// The token of the server's oracle, for who wants to see the honest rows.
    pub oracle: Option<String>,
    /// What makes the connection.
    pub dialer: Dialer,
    /// How long to try to get to the server, at the start and whenever it is lost; without, there is one attempt.
    pub patience: Option<Duration>,
    /// Where to leave, after every round, what it takes to go on from there; and to look for it at the start.
    pub state: Option<PathBuf>,
    /// Whether the participant thinks on a thread of its own; without, everything happens in one order, which a simulated
    /// network repeats.
    pub threads: bool,
}

impl Config {
    /// One attempt over TCP.
    #[must_use]
    pub fn new(server: Endpoint, place: Place) -> Self {
        Self {
            server,
            place,
            token: None,
            dialer: Dialer::tcp(),
            patience: None,
            oracle: None,
            state: None,
            threads: true,
        }
    }
}

/// Which place to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Exactly this rank.
    Rank(u32),
    /// The lowest that is free.
    Lowest,
    /// The highest that is free.
    Highest,
}

/// What a worker is told when it joins.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// Its place.
    pub rank: u32,
    /// Number of workers, n.
    pub workers: u32,
    /// Number of parameters, d.
    pub dimension: usize,
    /// Number of rounds.
    pub rounds: u32,
    /// The resolved scenario, TOML.
    pub scenario: String,
}

/// What a worker sees when a round opens.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The round, from 1.
    pub round: u32,
    /// The common model ρ.
    pub model: &'a [f32],
    /// What one unit of the sum of all rows will move ρ by, if nobody is missing.
    pub step: f64,
    /// How the round before ended.
    pub previous: Option<Previous<'a>>,
    /// What the honest workers sent in this round, in order of rank: for who wants it and is let know.
    pub honest: &'a [&'a [f32]],
}

/// How a round ended, as the server tells every worker.
#[derive(Debug, Clone, Copy)]
pub struct Previous<'a> {
    /// What one unit of the sum of all rows moved ρ by; 0 if the round was skipped.
    pub step: f64,
    /// Whether this worker's row was counted.
    pub counted: bool,
    /// The sum of all rows, if the scenario reveals it.
    pub sum: Option<&'a [f32]>,
}

/// Decides what a worker answers.
pub trait Participant: Send + 'static {
    /// The row to send this round, as long as the model. Nobody changes it: who always says the same can say it without a copy.
    fn respond(&mut self, view: &View<'_>) -> Arc<Vec<f32>>;

    /// Whether it has to see the honest rows of a round before it answers.
    fn wants_honest(&self) -> bool {
        false
    }

    /// Puts down what it remembers of the rounds behind it: nothing, if its answers follow from what it sees.
    fn remember(&self, _: &mut Memory) {}

    /// Goes on from what another one put down; `None` when that was of another kind.
    fn recall(&mut self, _: &mut Memory) -> Option<()> {
        Some(())
    }
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// All rounds are done.
    Done,
    /// The server gave up, or was told to.
    Stopped(String),
}

/// Works until the run is over or `shutdown` completes. `participant` is made of what the server says; it is handed back
/// with the end.
///
/// # Errors
/// When the server cannot be reached or is lost, or says what it must not, or `participant` fails.
pub async fn run<P, E>(
    config: Config,
    participant: impl FnOnce(&Joined) -> Result<P, E>,
    shutdown: impl Future<Output = ()>,
) -> Result<(End, P), WorkerError>
where
    P: Participant,
    WorkerError: From<E>,
{
    tokio::pin!(shutdown);
    let left = config.state.as_deref().map(State::load).transpose()?.flatten();
    let place = match (config.place, &left) {
        (Place::Lowest | Place::Highest, Some(state)) => Place::Rank(state.rank()),
        (place, _) => place,
    };
    let mut session = tokio::select! {
        biased;
        () = &mut shutdown => return Err(WorkerError::Interrupted),
        session = reconnect::join(&config, place, None) => session?,
    };
    let (rank, run, line) = (session.joined().rank, session.run(), session.line().cloned());
    let participant = participant(session.joined())?;
    let mut participant = match config.state.clone() {
        Some(file) => Recalling::kept(participant, Keeper::new(file, run, session.joined())?, left)?,
        None => Recalling::new(participant, config.patience.is_some()),
    };
    loop {
        let lost = match session.work(participant, shutdown.as_mut()).await {
            Ok((end, participant)) => return Ok((end, participant)),
            Err(Parting::For(error)) => return Err(error),
            Err(Parting::Lost(error, _)) if config.patience.is_none() => return Err(error),
            Err(Parting::Lost(error, kept)) => {
                participant = kept;
                error
            }
        };
        tracing::warn!("{lost}; trying to get back");
        session = tokio::select! {
            biased;
            () = &mut shutdown => return Err(WorkerError::Interrupted),
            session = reconnect::join(&config, Place::Rank(rank), line.as_ref()) => session?,
        };
        if session.run() != run {
            return Err(WorkerError::OtherRun);
        }
    }
}
