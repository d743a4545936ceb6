//! 100 MB down and up for each of two workers, a round after another, without training.

use std::{fmt, path::Path, time::Instant};

use serde::Serialize;
use worker::Workers;

use super::{copy, quantile, stage::Stage};
use crate::{failure::Failure, scenario::Scenario};

const WORKERS: usize = 2;
const DIMENSION: usize = 25_000_000;
const ROUNDS: u32 = 12;

#[derive(Debug, Serialize)]
pub(super) struct Measured {
    workers: usize,
    dimension: usize,
    rounds: u32,
    /// From one round's end to the next: models down, updates up, aggregated, moved.
    round_seconds: f64,
    /// From a round's opening to the last update.
    transfer_seconds: f64,
    gigabytes_per_second: f64,
    /// A plain TCP copy of the same bytes.
    plain_seconds: f64,
    plain_gigabytes_per_second: f64,
    of_plain: f64,
    /// Of the server, for each of the bytes down and up, aggregation included.
    processor_seconds_per_gigabyte: f64,
    memory_peak_bytes: u64,
}

pub(super) async fn transfer(scratch: &Path) -> Result<Measured, Failure> {
    let plain_seconds = copy::seconds(scratch, WORKERS, 4 * DIMENSION).await?;
    let scenario = Scenario {
        server: server::Spec { rounds: ROUNDS, ..server::Spec::default() },
        workers: Workers { count: WORKERS },
        ..Scenario::default()
    };
    let mut stage = Stage::open(scratch, &scenario, Some(DIMENSION)).await?;
    let mut reports = stage.reports().await?;
    for _ in 0..WORKERS {
        stage.worker(&["--idle"])?;
    }
    let (mut gaps, mut transfers) = (Vec::new(), Vec::new());
    let mut before: Option<Instant> = None;
    let (mut start, mut end) = (0.0, 0.0);
    let mut memory_peak_bytes = 0;
    while let Some(report) = reports.next().await? {
        match before {
            // In the first round memory is got.
            None => start = stage.processor_seconds(),
            Some(before) => {
                gaps.push(before.elapsed().as_secs_f64());
                transfers.push(report.collect_seconds);
                end = stage.processor_seconds();
                memory_peak_bytes = stage.memory_peak();
            }
        }
        before = Some(Instant::now());
    }
    stage.close().await;
    let gigabytes = 2e-9 * (WORKERS * 4 * DIMENSION) as f64;
    let transfer_seconds = quantile(&mut transfers, 0.5);
    Ok(Measured {
        workers: WORKERS,
        dimension: DIMENSION,
        rounds: ROUNDS,
        round_seconds: quantile(&mut gaps, 0.5),
        transfer_seconds,
        gigabytes_per_second: gigabytes / transfer_seconds,
        plain_seconds,
        plain_gigabytes_per_second: gigabytes / plain_seconds,
        of_plain: plain_seconds / transfer_seconds,
        processor_seconds_per_gigabyte: (end - start) / (gigabytes * gaps.len() as f64),
        memory_peak_bytes,
    })
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "100 MB x 2 workers: {:.2} s a round, {:.2} s of it model down and update up, {:.2} GB/s, {:.0} % of plain TCP \
             ({:.2} GB/s); server {:.2} s of processor time a GB, memory peak {} MiB",
            self.round_seconds,
            self.transfer_seconds,
            self.gigabytes_per_second,
            100.0 * self.of_plain,
            self.plain_gigabytes_per_second,
            self.processor_seconds_per_gigabyte,
            self.memory_peak_bytes >> 20,
        )
    }
}
