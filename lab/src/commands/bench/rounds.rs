//! Rounds a second of a cluster whose workers have nothing to compute, each a process of its own.

use std::{fmt, path::Path, time::Instant};

use serde::Serialize;
use tonic::transport::Endpoint;
use worker::Workers;

use super::{quantile, stage::Stage};
use crate::{
    failure::Failure,
    observer::{Observer, Sighting},
    scenario::Scenario,
};

#[derive(Debug, Serialize)]
pub(super) struct Measured {
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
    scratch: &Path,
    workers: usize,
    dimension: usize,
    rounds: u32,
) -> Result<Measured, Failure> {
    let scenario = Scenario {
        server: server::Spec { rounds, ..server::Spec::default() },
        workers: Workers { count: workers },
        ..Scenario::default()
    };
    let mut stage = Stage::open(scratch, &scenario, Some(dimension)).await?;
    let endpoint = Endpoint::from_shared(stage.url.clone()).map_err(|error| Failure::unfinished(&error))?;
    // Every round is seen, with its model: what `equipoise run` costs too.
    let mut observer = Observer::follow(endpoint).await?;
    for _ in 0..workers {
        stage.worker(&["--idle"])?;
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
    stage.close().await;
    // The first rounds are spent starting processes.
    let steady = &ends[ends.len() / 10..];
    let mut gaps: Vec<f64> = steady.windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect();
    let seconds: f64 = gaps.iter().sum();
    Ok(Measured {
        workers,
        dimension,
        rounds,
        seconds,
        rounds_per_second: gaps.len() as f64 / seconds,
        median_ms: 1e3 * quantile(&mut gaps, 0.5),
        p99_ms: 1e3 * quantile(&mut gaps, 0.99),
    })
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} workers, a process each, d = {}: {:.0} rounds/s (median {:.2} ms, 99 % within {:.2} ms)",
            self.workers, self.dimension, self.rounds_per_second, self.median_ms, self.p99_ms,
        )
    }
}
