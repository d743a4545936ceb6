//! The parameter server: sockets, clock and logs around the round engine and a rule.
//!
//! It knows the number of parameters, a rule and an optimiser; it never knows the model, the data, or who lies.

mod asked;
mod asynchronous;
mod bounded;
mod checkpoint;
mod constellation;
mod deadline;
mod descent;
mod door;
mod error;
mod hub;
mod identity;
mod keeper;
mod meters;
mod observers;
mod oracle;
mod places;
mod pulse;
mod secrets;
mod service;
mod spec;
mod tensors;
mod uploads;

use std::{future::Future, io, path::PathBuf, sync::Arc};

use proto::{limits, transport};
use round::{Ledger, Rank, Reason};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::mpsc,
    time,
};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Connected, TcpIncoming};

pub use asynchronous::{Asynchronous, Stragglers, Tempo};
use bounded::Bounded;
pub use checkpoint::{Checkpoint, CheckpointError, DescentState, PreviousState};
pub use deadline::{Deadline, Learned};
pub use descent::{Descent, Moved};
pub use error::ServerError;
use hub::Hub;
pub use identity::{Identity, Who};
pub use oracle::Oracle;
pub use secrets::Secrets;
use service::Service;
pub use spec::{Absent, Checkpoints, InvalidSpec, Misbehaviour, Mode, Scale, Spec};
use tensors::Tensors;

/// What a server needs to run once.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the scenario says of the server.
    pub spec: Spec,
    /// Number of workers, n, liars included.
    pub workers: usize,
    /// The model to start from; its length is d.
    pub start: Vec<f32>,
    /// Breaks the rule's ties.
    pub seed: u64,
    /// The resolved scenario, handed to whoever joins; not looked at.
    pub scenario: String,
    /// Observers of every model without whom the first round does not open.
    pub observers: usize,
    /// How it knows who calls.
    pub identity: Identity,
    /// What attackers may see of the honest; nothing where it is none.
    pub oracle: Option<Oracle>,
    /// Where to leave checkpoints.
    pub keep: Option<Keep>,
    /// Where the secrets of sessions come from.
    pub secrets: Secrets,
    /// Whether rounds are aggregated on threads of their own; without, everything happens in one order, which a simulated
    /// network repeats.
    pub threads: bool,
}

/// Where a server leaves its checkpoints; how often says the [`Spec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// The file.
    pub file: PathBuf,
    /// Go on from what is there.
    pub resume: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Why it is over.
    pub reason: Reason,
    /// The final model.
    pub model: Vec<f32>,
    /// What each worker did.
    pub ledgers: Vec<(Rank, Ledger)>,
}

/// Serves one training run on `listener` until it is over or `shutdown` completes.
///
/// # Errors
/// When the configuration makes no sense, serving fails, or the run is interrupted.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<Outcome, ServerError> {
    // `serve_with_incoming` leaves the socket as it is, so Nagle's algorithm has to be turned off here.
    serve(TcpIncoming::from(listener).with_nodelay(Some(true)), config, shutdown).await
}

/// Serves one training run on connections of any kind.
///
/// # Errors
/// As [`run`].
pub async fn serve<C>(
    incoming: impl Stream<Item = io::Result<C>>,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<Outcome, ServerError>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let dimension = config.start.len() as u64;
    if dimension == 0 || dimension > limits::DIMENSION_MAX {
        return Err(ServerError::Dimension { got: dimension, most: limits::DIMENSION_MAX });
    }
    if config.scenario.len() > limits::SCENARIO_BYTES_MAX {
        return Err(ServerError::Scenario { got: config.scenario.len(), most: limits::SCENARIO_BYTES_MAX });
    }
    let (got, most) = (config.start.len(), limits::FRAME_BYTES_MAX / 4);
    if config.spec.reveal_sum && got > most {
        return Err(InvalidSpec::RevealSum { got, most }.into());
    }
    let connections = limits::CONNECTIONS_MIN + limits::CONNECTIONS_PER_WORKER * config.workers;
    let incoming = door::guard(incoming, connections);
    let stop = CancellationToken::new();
    let (to_hub, from_service) = mpsc::channel(1024);
    let oracle = config.oracle.as_ref().map(|oracle| oracle::Service::server(to_hub.clone(), oracle));
    let identity = Arc::new(config.identity.clone());
    let hub = Hub::new(config, stop.clone())?;
    let mut builder = transport::server();
    if let Some(tls) = identity.tls() {
        builder = builder.tls_config(tls).map_err(ServerError::Serve)?;
    }
    let calls = Service::new(to_hub, hub.shared(), identity);
    let service = Tensors { others: calls.clone().into_server(), calls };
    let closing = CancellationToken::new();
    // The standard health service: what containers and orchestrators ask.
    let (_, health) = tonic_health::server::health_reporter();
    let serving = builder
        .add_service(Bounded(health))
        .add_service(Bounded(service))
        .add_optional_service(oracle.map(Bounded))
        .serve_with_incoming_shutdown(incoming, closing.clone().cancelled_owned());
    // A peer that neither reads nor goes must not keep the server from ending.
    let bounded = async {
        let overdue = async {
            closing.cancelled().await;
            time::sleep(hub::GRACE).await;
        };
        tokio::select! {
            biased;
            served = serving => served,
            () = overdue => {
                tracing::warn!("some connections did not close");
                Ok(())
            }
        }
    };
    let running = async {
        let outcome = hub.run(from_service).await;
        closing.cancel();
        outcome
    };
    let both = async { tokio::join!(bounded, running) };
    tokio::pin!(both, shutdown);
    let (served, outcome) = tokio::select! {
        biased;
        ended = &mut both => ended,
        () = &mut shutdown => {
            stop.cancel();
            both.await
        }
    };
    served.map_err(ServerError::Serve)?;
    outcome
}
