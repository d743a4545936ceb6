//! `equipoise bench network`: what the wire costs, beside a plain copy of the same bytes on the same machine.
//!
//! The server is always a process of its own, so that its processor time and memory can be read.

mod abuse;
mod copy;
mod process;
mod reports;
mod rounds;
mod scale;
mod stage;
mod transfer;

use std::{
    future::Future,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
pub(super) use copy::serve as copy;
pub(super) use process::memory_peak;
use serde::Serialize;

use crate::failure::Failure;

/// Arguments of `bench network`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// One part; may be given several times [default: all]
    #[arg(long, value_enum, value_name = "PART")]
    part: Vec<Part>,
    /// Workers of the part `scale`; may be given several times
    #[arg(long, value_name = "N", default_value = "1000")]
    workers: Vec<usize>,
    /// One JSON object instead of sentences
    #[arg(long)]
    json: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// 100 MB down and up, two workers, beside plain TCP
    Transfer,
    /// The server's memory with 25 workers of 16 MB each
    Memory,
    /// Rounds a second of ten workers that have nothing to compute, d = 1,000
    Rounds,
    /// Rounds of very many workers, d = 7,850
    Scale,
    /// The abuse suite beside ten honest workers
    Abuse,
}

#[derive(Debug, Serialize)]
struct Report {
    machine: process::Machine,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<transfer::Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<scale::Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rounds: Option<rounds::Measured>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scale: Vec<scale::Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    abuse: Option<abuse::Measured>,
}

pub(super) async fn network(arguments: Arguments, shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
    let scratch = Scratch(std::env::temp_dir().join(format!("equipoise-bench-{}", std::process::id())));
    let report = tokio::select! {
        report = measure(&arguments, &scratch.0) => report?,
        () = shutdown => return Err(Failure::because("interrupted")),
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&report).map_err(|error| Failure::unfinished(&error))?);
    } else {
        print(&report);
    }
    Ok(())
}

async fn measure(arguments: &Arguments, scratch: &Path) -> Result<Report, Failure> {
    let wanted = |part| arguments.part.is_empty() || arguments.part.contains(&part);
    let mut report = Report {
        machine: process::Machine::this(),
        transfer: None,
        memory: None,
        rounds: None,
        scale: Vec::new(),
        abuse: None,
    };
    if wanted(Part::Transfer) {
        report.transfer = Some(transfer::transfer(&scratch.join("transfer")).await?);
    }
    if wanted(Part::Memory) {
        report.memory = Some(scale::scale(&scratch.join("memory"), 25, 4_000_000, 5).await?);
    }
    if wanted(Part::Rounds) {
        report.rounds = Some(rounds::rounds(&scratch.join("rounds"), 10, 1000, 10_000).await?);
    }
    if wanted(Part::Scale) {
        for &workers in &arguments.workers {
            let folder = scratch.join(format!("scale-{workers}"));
            report.scale.push(scale::scale(&folder, workers, 7850, 20).await?);
        }
    }
    if wanted(Part::Abuse) {
        report.abuse = Some(abuse::abuse(&scratch.join("abuse")).await?);
    }
    Ok(report)
}

/// A folder that is gone afterwards.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn print(report: &Report) {
    println!("{}", report.machine);
    report.transfer.iter().for_each(|one| println!("{one}"));
    report.memory.iter().for_each(|one| println!("{one}"));
    report.rounds.iter().for_each(|one| println!("{one}"));
    report.scale.iter().for_each(|one| println!("{one}"));
    report.abuse.iter().for_each(|one| println!("{one}"));
}

/// The value below which a share of `q` of the values is; 0 when there is none.
fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((q * values.len() as f64) as usize).copied().unwrap_or(0.0)
}
