//! Measurements of this machine.

use std::{future::Future, path::Path, time::Instant};

use serde::Serialize;
use tonic::transport::Endpoint;
use worker::Workers;

use crate::{
    cli::BenchRounds,
    cluster::Cluster,
    failure::Failure,
    observer::{Observer, Sighting},
    results::Folder,
    scenario::Scenario,
};

#[derive(Debug, Serialize)]
struct Measured {
    workers: usize,
    dimension: usize,
    rounds: u32,
    seconds: f64,
    rounds_per_second: f64,
    /// Of the times between the ends of two rounds.
    median_ms: f64,
    p99_ms: f64,
}

pub(super) async fn rounds(
    arguments: BenchRounds,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let scratch = std::env::temp_dir().join(format!("equipoise-bench-{}", std::process::id()));
    let mut cluster = Cluster::default();
    let measured = tokio::select! {
        measured = measure(&arguments, &mut cluster, &scratch) => measured,
        () = shutdown => Err(Failure::because("interrupted")),
    };
    cluster.interrupt();
    cluster.finish().await;
    let _ = std::fs::remove_dir_all(&scratch);
    let measured = measured?;
    if arguments.json {
        println!("{}", serde_json::to_string(&measured).map_err(|error| Failure::unfinished(&error))?);
    } else {
        println!(
            "{} processes, d = {}: {:.0} rounds/s (median {:.2} ms, 99 % within {:.2} ms)",
            measured.workers + 1,
            measured.dimension,
            measured.rounds_per_second,
            measured.median_ms,
            measured.p99_ms,
        );
    }
    Ok(())
}

async fn measure(
    arguments: &BenchRounds,
    cluster: &mut Cluster,
    scratch: &Path,
) -> Result<Measured, Failure> {
    let BenchRounds { workers, dimension, rounds, .. } = *arguments;
    let scenario = Scenario {
        server: server::Spec { rounds, ..server::Spec::default() },
        workers: Workers { count: workers },
        ..Scenario::default()
    };
    scenario.check()?;
    let folder = Folder::create(scratch, &scenario)?;
    let file = scratch.join("scenario.toml").display().to_string();
    let dimension_text = dimension.to_string();
    let server = ["server", "--listen", "127.0.0.1:0", "--scenario", &file, "--dimension", &dimension_text];
    let url = cluster.start_server(&server.map(str::to_owned), folder.log("server")).await?;
    let endpoint = Endpoint::from_shared(url.clone()).map_err(|error| Failure::unfinished(&error))?;
    let mut observer = Observer::follow(endpoint).await?;
    for rank in 0..workers as u32 {
        let name = format!("worker-{rank}");
        let log = folder.log(&name);
        let worker = ["worker", &url, "--rank", &rank.to_string(), "--idle"].map(str::to_owned);
        cluster.start_worker(name, rank, &worker, log)?;
    }
    let mut ends = Vec::with_capacity(rounds as usize);
    loop {
        match observer.next().await? {
            Sighting::Start(_) => (),
            Sighting::Round(..) => ends.push(Instant::now()),
            Sighting::Stop(Ok(())) => break,
            Sighting::Stop(Err(why)) => return Err(Failure::because(why)),
        }
    }
    // The first rounds are spent starting processes.
    let steady = &ends[ends.len() / 10..];
    let seconds =
        steady.last().zip(steady.first()).map_or(0.0, |(last, first)| (*last - *first).as_secs_f64());
    let mut gaps: Vec<f64> = steady.windows(2).map(|two| (two[1] - two[0]).as_secs_f64() * 1e3).collect();
    gaps.sort_by(f64::total_cmp);
    let quantile = |q: f64| gaps.get((q * gaps.len() as f64) as usize).copied().unwrap_or(0.0);
    Ok(Measured {
        workers,
        dimension,
        rounds,
        seconds,
        rounds_per_second: gaps.len() as f64 / seconds,
        median_ms: quantile(0.5),
        p99_ms: quantile(0.99),
    })
}
