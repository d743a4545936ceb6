//! Rounds of many workers: all in one process, a connection each.

use std::{fmt, path::Path, time::Instant};

use serde::Serialize;
use worker::Workers;

use super::{quantile, stage::Stage};
use crate::{failure::Failure, open_files, scenario::Scenario};

#[derive(Debug, Serialize)]
pub(super) struct Measured {
    workers: usize,
    dimension: usize,
    rounds: u32,
    /// The fewest rows that a round was made of.
    rows_least: usize,
    round_seconds: f64,
    /// The most memory that the server ever had resident.
    memory_peak_bytes: u64,
    /// That, as a multiple of the n·d numbers that a round is made of.
    memory_of_rows: f64,
}

pub(super) async fn scale(
    scratch: &Path,
    workers: usize,
    dimension: usize,
    rounds: u32,
) -> Result<Measured, Failure> {
    if let Some(few) = open_files::too_few(workers) {
        return Err(Failure::because(few).hint(open_files::HINT));
    }
    let text = format!(
        "name = \"scale\"\n[server]\nrounds = {rounds}\nround_deadline = \"60s\"\njoin_deadline = \"120s\"\nheartbeat = \"20s\"\n"
    );
    let scenario: Scenario = toml::from_str(&text).map_err(|error| Failure::unfinished(&error))?;
    let scenario = Scenario { workers: Workers { count: workers }, ..scenario };
    let mut stage = Stage::open(scratch, &scenario, Some(dimension)).await?;
    let mut reports = stage.reports().await?;
    stage.worker(&["--idle", "--copies", &workers.to_string()])?;
    let (mut gaps, mut rows_least, mut memory_peak_bytes) = (Vec::new(), usize::MAX, 0);
    let mut before: Option<Instant> = None;
    while let Some(report) = reports.next().await? {
        gaps.extend(before.map(|before| before.elapsed().as_secs_f64()));
        rows_least = rows_least.min(report.verdicts.len());
        memory_peak_bytes = stage.memory_peak().max(memory_peak_bytes);
        before = Some(Instant::now());
    }
    stage.close().await;
    Ok(Measured {
        workers,
        dimension,
        rounds,
        rows_least,
        round_seconds: quantile(&mut gaps, 0.5),
        memory_peak_bytes,
        memory_of_rows: memory_peak_bytes as f64 / (4 * workers * dimension) as f64,
    })
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} workers, d = {}: {:.3} s a round, none with fewer than {} rows; server's memory peak {} MiB, {:.2} times its \
             rows",
            self.workers,
            self.dimension,
            self.round_seconds,
            self.rows_least,
            self.memory_peak_bytes >> 20,
            self.memory_of_rows,
        )
    }
}
