//! `equipoise sweep`.

use std::{future::Future, num::NonZeroUsize, path::PathBuf};

use clap::Args;

use super::options;
use crate::{
    cli::Common,
    failure::Failure,
    report,
    sweep::{Grid, How, Plan},
};

/// Arguments of `sweep`.
#[derive(Debug, Args)]
pub struct Sweep {
    /// The sweep, TOML: a scenario, and in [sweep] and [variants.NAME] what of it varies
    #[arg(value_name = "SWEEP")]
    pub file: PathBuf,
    /// Runs at a time [default: one cluster of processes, or in process as many as there are processors]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Every run in this process, without sockets: the same engine, the same bits
    #[arg(long)]
    pub in_process: bool,
    /// Say what would be run and how long it would take, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
}

pub(super) async fn sweep(arguments: Sweep, shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
    let grid = Grid::load(&arguments.file)?;
    let options = options(arguments.common, &grid.name);
    let how = How::new(arguments.jobs.map(NonZeroUsize::get), arguments.in_process);
    let (out, quiet) = (options.out.clone(), options.quiet);
    let plan = Plan::new(grid, options);
    if !quiet || arguments.dry_run {
        let places = if arguments.in_process { "in this process" } else { "as clusters of processes" };
        eprintln!("{}, {} at a time {places}; results in {}", plan.describe(&how)?, how.jobs, out.display());
    }
    if arguments.dry_run {
        return Ok(());
    }
    std::fs::create_dir_all(&out)
        .and_then(|()| std::fs::read(&arguments.file))
        .and_then(|text| std::fs::write(out.join("sweep.toml"), text))
        .map_err(|error| Failure::because(format!("cannot write results to {}: {error}", out.display())))?;
    let outcomes = plan.carry_out(&how, shutdown).await?;
    println!("{}", report::sweep_table(&plan.grid, &outcomes));
    println!("Table: {}", out.join("table.csv").display());
    println!("Picture: {}", out.join("sweep.html").display());
    Ok(())
}
