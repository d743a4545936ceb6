//! What each command does with its arguments.

pub(crate) mod abuse;
pub(crate) mod aggregate;
pub(crate) mod bench;
pub(crate) mod bench_aggregation;
mod bench_learning;
mod experiments;
mod fetch;
pub(crate) mod import;
pub(crate) mod keys;
mod paper;
mod processes;
pub(crate) mod rules;
mod stopwatch;
pub(crate) mod sweep;

use std::{future::Future, path::PathBuf};

pub(crate) use fetch::Fetch;
pub(crate) use paper::Paper;
use tokio::runtime;
use tonic::transport::Endpoint;

use crate::{
    cli::{Bench, Cli, Command, Common},
    failure::Failure,
    keys::Keys,
    lifeline, open_files,
    run::Options,
};

/// Carries out a command.
///
/// # Errors
/// When it does not come to its end.
pub fn execute(cli: Cli) -> Result<(), Failure> {
    open_files::raise();
    let runtime = scheduler(&cli.command)
        .enable_all()
        .build()
        .map_err(|error| Failure::because(format!("cannot start the runtime: {error}")))?;
    let shutdown = lifeline::shutdown(cli.lifeline);
    runtime.block_on(dispatch(cli.command, shutdown))
}

/// A worker has one connection, which is served where its answers are awaited: nothing is handed from thread to thread but
/// what takes long to compute.
fn scheduler(command: &Command) -> runtime::Builder {
    match command {
        Command::Worker(_) | Command::Attacker(_) => runtime::Builder::new_current_thread(),
        _ => {
            let mut builder = runtime::Builder::new_multi_thread();
            builder.worker_threads(2);
            builder
        }
    }
}

async fn dispatch(command: Command, shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
    match command {
        Command::Equivalence(arguments) => experiments::equivalence(arguments, shutdown).await,
        Command::Run(arguments) => experiments::run(arguments, shutdown).await,
        Command::Import(whose) => import::import(&whose),
        Command::Sweep(arguments) => sweep::sweep(arguments, shutdown).await,
        Command::Poison(arguments) => experiments::poison(&arguments),
        Command::Paper(arguments) => paper::paper(arguments, shutdown).await,
        Command::Fetch(arguments) => fetch::fetch(&arguments),
        Command::Observe(arguments) => experiments::observe(arguments, shutdown).await,
        Command::Server(arguments) => processes::server(arguments, shutdown).await,
        Command::Worker(arguments) => processes::worker(arguments, shutdown).await,
        Command::Attacker(arguments) => processes::attacker(arguments, shutdown).await,
        Command::Abuse(arguments) => abuse::abuse(arguments, shutdown).await,
        Command::Keys(command) => keys::keys(&command),
        Command::Health(arguments) => processes::health(&arguments).await,
        Command::Bench(Bench::Network(arguments)) => bench::network(arguments, shutdown).await,
        Command::Bench(Bench::Copy) => bench::copy(shutdown).await,
        Command::Aggregate(arguments) => aggregate::aggregate(&arguments),
        Command::Rules(arguments) => rules::rules(&arguments),
        Command::Bench(Bench::Aggregation(arguments)) => bench_aggregation::aggregation(&arguments),
        Command::Bench(Bench::Learning(arguments)) => bench_learning::learning(&arguments),
    }
}

fn options(common: Common, name: &str) -> Options {
    let out = common.out.unwrap_or_else(|| PathBuf::from("results").join(name));
    Options { out, quiet: common.quiet, data: common.data.folder(), restart: false }
}

/// Whose keys a worker shows: those of its rank.
fn worker_name(keys: &Keys, server: &str, rank: Option<u32>) -> Result<String, Failure> {
    match rank {
        Some(rank) => Ok(format!("worker-{rank}")),
        None if keys.folder.is_some() && server.starts_with("https") => {
            Err(Failure::wrong("keys are those of one worker, and it is not said which").hint("give --rank"))
        }
        None => Ok(String::new()),
    }
}

/// The server at an address, and the keys that `name` needs to talk to it.
fn endpoint(server: &str, keys: &Keys, name: &str) -> Result<Endpoint, Failure> {
    let wrong = || {
        Failure::wrong(format!("{server:?} is not the address of a server"))
            .hint("it looks like http://127.0.0.1:4747")
    };
    let endpoint = Endpoint::from_shared(server.to_owned()).map_err(|_| wrong())?;
    if endpoint.uri().host().is_none() || !matches!(endpoint.uri().scheme_str(), Some("http" | "https")) {
        return Err(wrong());
    }
    keys.endpoint(endpoint, name)
}
