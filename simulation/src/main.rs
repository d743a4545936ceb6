//! `soak`: runs seeds, and says of each that broke something how to run it again.

use std::{ops::RangeInclusive, process::ExitCode, time::Instant};

use clap::Parser;
use equipoise_simulation::{comparable, complaint, digest, judge, soak};

/// The real server, workers and attackers on a simulated network, seed by seed
#[derive(Debug, Parser)]
struct Arguments {
    /// One seed, with all that happens
    #[arg(long, conflicts_with = "seeds", required_unless_present = "seeds")]
    seed: Option<u64>,
    /// Seeds from A to B, both included
    #[arg(long, value_name = "A..B", value_parser = range)]
    seeds: Option<RangeInclusive<u64>>,
    /// Run every seed once only, without comparing the traces of two runs
    #[arg(long)]
    once: bool,
}

fn range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let expected = || format!("{text:?} is no range of seeds, expected A..B, as in 1..1000");
    let (from, to) = text.split_once("..").ok_or_else(expected)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| expected());
    let (from, to) = (number(from)?, number(to)?);
    if from > to { Err(expected()) } else { Ok(from..=to) }
}

/// Exit code of a broken invariant.
const BROKEN: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let held = match (arguments.seed, arguments.seeds) {
        (Some(seed), _) => one(seed, !arguments.once),
        (None, Some(seeds)) => many(seeds, !arguments.once),
        (None, None) => true,
    };
    if held { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) }
}

fn one(seed: u64, twice: bool) -> bool {
    let (run, violations) = judge(seed, twice);
    for entry in &run.entries {
        println!("{entry}");
    }
    println!("trace {}", digest(comparable(&run.entries)));
    if !violations.is_empty() {
        eprintln!("{}", complaint(seed, &violations));
    }
    violations.is_empty()
}

fn many(seeds: RangeInclusive<u64>, twice: bool) -> bool {
    let started = Instant::now();
    let count = seeds.end() - seeds.start() + 1;
    let complaints = soak(seeds, |_| twice, |words| eprintln!("{words}"));
    let (seconds, broken) = (started.elapsed().as_secs_f64(), complaints.len());
    println!("{count} seeds in {seconds:.1} s, {broken} broke something");
    complaints.is_empty()
}
