//! Every rule on rows of this size, beside what this machine reads and multiplies in the same run.

use std::{hint::black_box, path::PathBuf};

use aggregation::{Aggregator, Pipeline, Threads};
use clap::Args;
use learning::Seed;
use ndarray::Array2;
use rand::Rng as _;
use serde::Serialize;

use super::{
    aggregate::rows,
    stopwatch::{median_seconds, sgemm, sorted_seconds},
};
use crate::{failure::Failure, report};

/// What is measured when nothing is asked for.
const RULES: [&str; 21] = [
    "average",
    "median",
    "trimmed-mean",
    "meamed",
    "phocas",
    "krum",
    "multi-krum",
    "bulyan",
    "geometric-median",
    "mda",
    "monna",
    "cge",
    "centered-clipping",
    "caf",
    "smea",
    "dnc",
    "sign-guard",
    "clipped-mean",
    "nnm+trimmed-mean",
    "bucketing(s=2)+median",
    "arc+trimmed-mean",
];

/// Arguments of `bench aggregation`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Rows
    #[arg(long, default_value_t = 25)]
    pub n: usize,
    /// How many of them may lie
    #[arg(long, short = 'f', value_name = "F", default_value_t = 5)]
    pub byzantine: usize,
    /// Numbers a row
    #[arg(long, default_value_t = 1_000_000)]
    pub d: usize,
    /// Rows of a file, `.npy` or `.npz`, instead of random ones
    #[arg(long, value_name = "FILE", conflicts_with_all = ["n", "d"])]
    pub input: Option<PathBuf>,
    /// Only these rules
    #[arg(long, num_args = 1.., value_name = "RULE")]
    pub rules: Vec<Pipeline>,
    /// Threads [default: one a processor]
    #[arg(long)]
    pub threads: Option<usize>,
    /// Times each rule is run, after once that does not count; the median is told
    #[arg(long, default_value_t = 9)]
    pub repetitions: usize,
    /// One JSON object instead of a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Measured {
    n: usize,
    byzantine: usize,
    d: usize,
    threads: usize,
    /// All rows read once from memory, by all threads.
    read_ms: f64,
    read_gbytes: f64,
    /// Square products in all threads at once.
    sgemm_gflops: f64,
    /// 3 operations for each coordinate of each pair of rows at that rate.
    distances_floor_ms: f64,
    rules: Vec<Timed>,
}

#[derive(Debug, Serialize)]
struct Timed {
    rule: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    Ran {
        median_ms: f64,
        best_ms: f64,
        /// Against reading all rows once.
        of_read: f64,
    },
    Refused {
        refused: String,
    },
}

pub(super) fn aggregation(arguments: &Arguments) -> Result<(), Failure> {
    let input = match &arguments.input {
        Some(file) => rows::read(file, None)?,
        None => random(arguments.n, arguments.d, arguments.byzantine),
    };
    let threads = match arguments.threads {
        Some(count) => count.max(1),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let pool = Threads::new(threads).map_err(|error| Failure::unfinished(&error))?;
    let slices: Vec<&[f32]> = input.rows().into_iter().filter_map(|row| row.to_slice()).collect();
    let (n, d) = input.dim();
    let read_ms = 1e3 * read(&slices, threads);
    let sgemm_gflops = sgemm(threads);
    let pairs = (n * n.saturating_sub(1) / 2) as f64;
    let chosen = match &arguments.rules[..] {
        [] => RULES.iter().filter_map(|rule| rule.parse().ok()).collect(),
        rules => rules.to_vec(),
    };
    let rules = chosen.into_iter().map(|rule| time(rule, arguments, &slices, d, &pool, read_ms)).collect();
    let measured = Measured {
        n,
        byzantine: arguments.byzantine,
        d,
        threads,
        read_ms,
        read_gbytes: 4e-6 * (n * d) as f64 / read_ms,
        sgemm_gflops,
        distances_floor_ms: 3e-6 * pairs * d as f64 / sgemm_gflops,
        rules,
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&measured).map_err(|error| Failure::unfinished(&error))?);
    } else {
        print(&measured);
    }
    Ok(())
}

fn print(measured: &Measured) {
    let mut table = report::table::table(&["rule", "ms", "best", "reading once"]);
    for Timed { rule, outcome } in &measured.rules {
        table.add_row(match outcome {
            Outcome::Ran { median_ms, best_ms, of_read } => {
                vec![
                    rule.clone(),
                    format!("{median_ms:.1}"),
                    format!("{best_ms:.1}"),
                    format!("x {of_read:.1}"),
                ]
            }
            Outcome::Refused { refused } => vec![format!("{rule}: {refused}")],
        });
    }
    println!(
        "{table}\n\nn = {}, f = {}, d = {}, {} threads. This machine reads the rows once in {:.1} ms ({:.1} GB/s), \
         multiplies at {:.0} GFLOP/s,\nand could not compute all distances in less than {:.1} ms.",
        measured.n,
        measured.byzantine,
        measured.d,
        measured.threads,
        measured.read_ms,
        measured.read_gbytes,
        measured.sgemm_gflops,
        measured.distances_floor_ms,
    );
}

fn time(
    rule: Pipeline,
    arguments: &Arguments,
    rows: &[&[f32]],
    d: usize,
    threads: &Threads,
    read_ms: f64,
) -> Timed {
    let name = rule.to_string();
    let ranks: Vec<u32> = (0..rows.len() as u32).collect();
    let mut aggregator = Aggregator::new(rule, arguments.byzantine, 1).with_threads(threads.clone());
    let mut out = vec![0.0; d];
    if let Err(refusal) = aggregator.aggregate(1, &ranks, rows, &mut out) {
        return Timed { rule: name, outcome: Outcome::Refused { refused: refusal.to_string() } };
    }
    let seconds = sorted_seconds(arguments.repetitions, || {
        let _ = black_box(aggregator.aggregate(1, &ranks, black_box(rows), &mut out));
    });
    let median_ms = 1e3 * seconds[seconds.len() / 2];
    Timed {
        rule: name,
        outcome: Outcome::Ran { median_ms, best_ms: 1e3 * seconds[0], of_read: median_ms / read_ms },
    }
}

/// Rows around a common mean, the last of them moved: uniform noise, so that drawing takes less time than measuring.
fn random(n: usize, d: usize, byzantine: usize) -> Array2<f32> {
    let mut stream = Seed(1).stream("bench");
    let mut rows = Array2::zeros((n, d));
    for (row, mut numbers) in rows.outer_iter_mut().enumerate() {
        let shift = if row + byzantine >= n { -2.5 } else { 0.5 };
        numbers.mapv_inplace(|_: f32| shift + stream.next_u32() as f32 / u32::MAX as f32);
    }
    rows
}

/// Seconds to sum all rows, each thread its part of the columns.
fn read(rows: &[&[f32]], threads: usize) -> f64 {
    let d = rows.first().map_or(0, |row| row.len());
    let part = d.div_ceil(threads).max(1);
    median_seconds(|| {
        std::thread::scope(|scope| {
            for start in (0..d).step_by(part) {
                scope.spawn(move || {
                    let end = d.min(start + part);
                    black_box(rows.iter().map(|row| sum(&row[start..end])).sum::<f32>())
                });
            }
        });
    })
}

/// Many partial sums, so that adding never waits.
fn sum(numbers: &[f32]) -> f32 {
    let mut sums = [0.0; 64];
    for numbers in numbers.as_chunks::<64>().0 {
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum += number;
        }
    }
    sums.iter().sum()
}
