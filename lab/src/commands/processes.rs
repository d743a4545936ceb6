//! The processes themselves: server, worker, attacker.

use std::{future::Future, sync::Arc, time::Duration};

use round::Reason;
use server::Mode;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use worker::{Config, End, Honest, Joined, Participant, Rows, View, WorkerError};

use super::{endpoint, worker_name};
use crate::{
    cli,
    failure::{Failure, chain},
    headcount::Count,
    keys::Own,
    open_files,
    ready::Ready,
    scenario::Scenario,
};

/// Longest time for a healthy server to answer.
const HEALTH: Duration = Duration::from_secs(3);

pub(super) async fn server(
    arguments: cli::Server,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let unfinished = unfinished(&arguments)?;
    let mut scenario = scaled(&arguments, unfinished.as_ref()).await?;
    scenario.server.identity = arguments.identity.unwrap_or(scenario.server.identity);
    let mut config = scenario.server_config()?;
    config.observers = arguments.observers;
    let resume = arguments.resume || unfinished.is_some();
    config.keep = arguments.checkpoint.map(|file| server::Keep { file, resume });
    let mode = scenario.server.identity;
    if mode == Mode::Open && !arguments.listen.ip().is_loopback() && !arguments.insecure {
        let open = format!("anybody who reaches {} could take any place", arguments.listen);
        return Err(Failure::wrong(open).hint(
            "`identity = \"mtls\"` or \"token\" in [server] lets in whom you gave keys; --insecure listens all the same",
        ));
    }
    config.identity = arguments.keys.identity(mode, scenario.workers.count, config.workers)?;
    if let Some(few) = open_files::too_few(config.workers) {
        tracing::warn!("{few}: those who come last will not get in; {}", open_files::HINT);
    }
    if let Some(dimension) = arguments.dimension {
        config.start = vec![0.0; dimension];
    }
    if scenario.wants_oracle() {
        let token = arguments.oracle_token.ok_or_else(|| {
            Failure::wrong("the scenario lets attackers see the honest updates, and the server has no token for them")
                .hint("give server and attackers the same --oracle-token, or knowledge = \"colluders\" to the attackers")
        })?;
        config.oracle = Some(server::Oracle { honest: scenario.workers.count as u32, token });
    }
    let cannot_listen = |error| Failure::because(format!("cannot listen on {}: {error}", arguments.listen));
    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| cannot_listen(error).hint("--listen 127.0.0.1:0 takes any free port"))?;
    let listening = listener.local_addr().map_err(cannot_listen)?;
    arguments.metrics.serve().await?;
    let ready = serde_json::to_string(&Ready { listening }).map_err(|error| Failure::unfinished(&error))?;
    println!("{ready}");
    tracing::info!(%listening, workers = config.workers, rounds = config.spec.rounds, seed = config.seed, "listening");
    let outcome =
        server::run(listener, config, shutdown).await.map_err(|error| Failure::unfinished(&error))?;
    for (rank, ledger) in &outcome.ledgers {
        tracing::info!(
            worker = rank.0,
            accepted = ledger.accepted,
            absent = ledger.absent,
            staleness = ledger.staleness,
            rejected = ?ledger.rejected,
            discarded = ?ledger.discarded,
            "ledger"
        );
    }
    match outcome.reason {
        Reason::Done => Ok(()),
        reason => Err(Failure::because(reason.to_string())),
    }
}

/// The scenario of a run that was broken off, if there is one to go on with.
fn unfinished(arguments: &cli::Server) -> Result<Option<Scenario>, Failure> {
    let Some(file) =
        arguments.checkpoint.as_ref().filter(|file| arguments.resume_unfinished && file.exists())
    else {
        return Ok(None);
    };
    let checkpoint = server::Checkpoint::load(file).map_err(|error| Failure::unfinished(&error))?;
    let scenario: Option<Scenario> = toml::from_str(&checkpoint.scenario).ok();
    Ok(scenario.filter(|scenario| checkpoint.closed < scenario.server.rounds))
}

/// The scenario among those who are there, or who were when the run that is gone on with began.
async fn scaled(arguments: &cli::Server, unfinished: Option<&Scenario>) -> Result<Scenario, Failure> {
    let mut scenario = Scenario::load(&arguments.scenario)?;
    if let Some(begun) = unfinished {
        let attackers = begun.processes() - begun.workers.count;
        scenario.scale(Some(begun.workers.count), Some(attackers))?;
        return Ok(scenario);
    }
    let count = async |count: &Option<Count>| match count {
        Some(count) => Some(count.resolve().await),
        None => None,
    };
    let (workers, attackers) = (count(&arguments.workers).await, count(&arguments.attackers).await);
    scenario.scale(workers, attackers).map_err(|failure| failure.at(arguments.scenario.display()))?;
    Ok(scenario)
}

/// The server and who we are to it, for as long as what is answered beside it is held.
fn config(arguments: &cli::Place, anywhere: worker::Place) -> Result<(Config, Option<Own>), Failure> {
    let own = match (arguments.rank, &arguments.keys.folder) {
        (None, Some(folder)) if arguments.server.starts_with("https") => {
            Some(Own::claim(folder, anywhere == worker::Place::Highest)?)
        }
        _ => None,
    };
    let name = match &own {
        Some(own) => own.name.clone(),
        None => worker_name(&arguments.keys, &arguments.server, arguments.rank.map(|cli::Sum(rank)| rank))?,
    };
    let server = endpoint(&arguments.server, &arguments.keys, &name)?;
    let token = arguments.keys.token(&server, &name)?;
    let place = arguments.rank.map_or(anywhere, |cli::Sum(rank)| worker::Place::Rank(rank));
    let (patience, state) = (arguments.patience, arguments.state.clone());
    Ok((Config { patience, state, token, ..Config::new(server, place) }, own))
}

pub(super) async fn worker(
    arguments: cli::Worker,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    arguments.place.metrics.serve().await?;
    // Rows of its own are nobody else's part of the task: such a worker stands where the attackers do.
    let anywhere = if arguments.data.is_some() { worker::Place::Highest } else { worker::Place::Lowest };
    let (config, _own) = config(&arguments.place, anywhere)?;
    let rows = Rows { file: arguments.data, start: arguments.start, folder: arguments.folder.folder() };
    let ended = if arguments.idle {
        idle(&config, arguments.copies, shutdown).await
    } else {
        let honest = |joined: &Joined| {
            tracing::info!(rank = joined.rank, workers = joined.workers, rounds = joined.rounds, "joined");
            Honest::new(joined, &rows)
        };
        worker::run(config, honest, shutdown).await.map(|(end, _)| end)
    };
    finished(ended.map_err(|error| Failure::unfinished(&error))?)
}

pub(super) async fn attacker(
    arguments: cli::Attacker,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    arguments.place.metrics.serve().await?;
    let (config, _own) = config(&arguments.place, worker::Place::Highest)?;
    let config = Config { oracle: arguments.oracle_token, ..config };
    let options = attacker::Options { folder: arguments.folder.folder(), save: arguments.save };
    finished(attacker::run(config, options, shutdown).await.map_err(|error| Failure::unfinished(&error))?)
}

pub(super) async fn health(arguments: &cli::Health) -> Result<(), Failure> {
    let Some(address) = &arguments.server else {
        return arguments.metrics.ask(HEALTH).await;
    };
    let channel = endpoint(address, &arguments.keys, "observer")?
        .connect_timeout(HEALTH)
        .timeout(HEALTH)
        .connect()
        .await
        .map_err(|error| Failure::because(format!("cannot connect to {address}: {}", chain(&error))))?;
    let asked = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    match asked.map(|answer| answer.into_inner().status()) {
        Ok(ServingStatus::Serving) => Ok(()),
        Ok(status) => Err(Failure::because(format!("{address} is {}", status.as_str_name()))),
        Err(status) => Err(Failure::because(format!("{address}: {}", status.message()))),
    }
}

fn finished(end: End) -> Result<(), Failure> {
    match end {
        End::Done => Ok(()),
        End::Stopped(why) => Err(Failure::because(format!("the server ended the run: {why}"))),
    }
}

/// Several workers that have nothing to compute, in this process.
async fn idle(
    config: &Config,
    copies: usize,
    shutdown: impl Future<Output = ()>,
) -> Result<End, WorkerError> {
    let stop = CancellationToken::new();
    let mut workers = JoinSet::new();
    for _ in 0..copies {
        let idle = |joined: &Joined| Ok::<_, WorkerError>(Idle(Arc::new(vec![0.0; joined.dimension])));
        workers.spawn(worker::run(config.clone(), idle, stop.clone().cancelled_owned()));
    }
    let all = async {
        let mut end = End::Done;
        while let Some(ended) = workers.join_next().await {
            end = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?.0;
        }
        Ok(end)
    };
    tokio::pin!(all, shutdown);
    tokio::select! {
        ended = &mut all => ended,
        () = &mut shutdown => {
            stop.cancel();
            all.await
        }
    }
}

/// Has nothing to compute.
struct Idle(Arc<Vec<f32>>);

impl Participant for Idle {
    fn respond(&mut self, _: &View<'_>) -> Arc<Vec<f32>> {
        Arc::clone(&self.0)
    }
}
