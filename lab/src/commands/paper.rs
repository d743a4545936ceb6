//! `paper`: the results of the paper, one table.

use std::{future::Future, path::PathBuf};

use clap::Args;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::Common,
    commands::options,
    failure::Failure,
    paper::{self, EXPERIMENTS, Plan},
};

/// Arguments of `paper`.
#[derive(Debug, Args)]
pub struct Paper {
    /// The experiments to run [default: all]
    pub names: Vec<String>,
    /// Fewer rounds, the same code: minutes instead of an hour
    #[arg(long)]
    pub short: bool,
    /// The 40,000 epochs of the local attack, too
    #[arg(long, conflicts_with = "short")]
    pub long: bool,
    /// Features `x` and labels `y`, .npz, for the experiment `features` [default: a random layer on the embedded digits]
    #[arg(long, value_name = "FILE")]
    pub features: Option<PathBuf>,
    /// Seeds that each of the published experiments is run with; the table has their mean and spread
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Name the experiments and what they show
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
}

pub(super) async fn paper(arguments: Paper, shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
    if arguments.list {
        for experiment in EXPERIMENTS {
            println!("{:<18} {}", experiment.name, experiment.about);
        }
        return Ok(());
    }
    let options = options(arguments.common, "paper");
    let plan = Plan {
        names: arguments.names,
        short: arguments.short,
        long: arguments.long,
        features: arguments.features.map(absolute).transpose()?,
        seeds: arguments.seeds,
        out: absolute(options.out)?,
        quiet: options.quiet,
        data: options.data,
    };
    let stop = CancellationToken::new();
    // Experiments are plain functions that wait for their clusters, so they have a thread of their own.
    let work = tokio::task::spawn_blocking({
        let (plan, stop) = (plan.clone(), stop.clone());
        move || paper::run(&plan, &Handle::current(), &stop)
    });
    tokio::pin!(shutdown, work);
    let outcomes = tokio::select! {
        outcomes = &mut work => outcomes,
        () = &mut shutdown => {
            stop.cancel();
            work.await
        }
    };
    let outcomes = outcomes.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
    println!("{}", paper::table(&outcomes));
    println!("Report: {}", plan.out.join("report.html").display());
    paper::verdict(&outcomes)
}

/// Scenarios name files, and a process may be told to look from elsewhere.
fn absolute(path: PathBuf) -> Result<PathBuf, Failure> {
    std::path::absolute(&path)
        .map_err(|error| Failure::because(format!("cannot resolve {}: {error}", path.display())))
}
