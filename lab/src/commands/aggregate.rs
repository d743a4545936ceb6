//! `equipoise aggregate`: one rule on rows that people bring.

pub(super) mod rows;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use aggregation::{Aggregate, Aggregator, Pipeline, Threads};
use clap::Args;
use ndarray::{Array2, ArrayView1};
use serde::Serialize;

use crate::failure::Failure;

/// Arguments of `aggregate`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The rule and what comes before it, as in `nnm+trimmed-mean` (`equipoise rules` lists them)
    pub rule: Pipeline,
    /// How many of the rows may lie
    #[arg(long, short = 'f', value_name = "F")]
    pub byzantine: usize,
    /// The rows: n x d, `.npy`, `.npz` or `.json`; without it, a JSON array of arrays on standard input
    pub file: Option<PathBuf>,
    /// Which array of an `.npz` file that holds several
    #[arg(long, value_name = "NAME", requires = "file")]
    pub array: Option<String>,
    /// The server's own gradient, 1 x d, in a file of the same kinds: `fltrust` compares the rows with it
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// Write the aggregate here, `.npy`, instead of JSON on standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Tell also what the rule did with each row: its weight, or the fraction of its coordinates that was kept
    #[arg(long)]
    pub verdict: bool,
    /// Seed of ties and lots
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads; the result does not depend on it [default: one a processor]
    #[arg(long)]
    pub threads: Option<usize>,
}

/// What `--verdict` prints.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregate: Option<&'a [f32]>,
    weights: Vec<f64>,
    /// Rows that were not finite.
    set_aside: &'a [u32],
}

pub(super) fn aggregate(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(out) = arguments.out.as_ref().filter(|out| out.extension().is_none_or(|end| end != "npy")) {
        return Err(Failure::wrong(format!("--out is {}, expected a name that ends in .npy", out.display())));
    }
    let rows = match &arguments.file {
        Some(file) => rows::read(file, arguments.array.as_deref())?,
        None => rows::parse("standard input", io::stdin().lock())?,
    };
    // Wrong numbers on the command line are told apart from rows that turn out to be unusable.
    arguments
        .rule
        .check(rows.nrows(), arguments.byzantine)
        .map_err(|refusal| Failure::usage(&refusal).hint("`equipoise rules` says what each rule needs"))?;
    let root = arguments.root.as_ref().map(|file| root(file, rows.ncols())).transpose()?;
    let mut out = vec![0.0; rows.ncols()];
    let aggregate = run(arguments, &rows, root.as_ref(), &mut out)?;
    if let Some(file) = &arguments.out {
        ndarray_npy::write_npy(file, &ArrayView1::from(&out[..]))
            .map_err(|error| Failure::unfinished(&error).at(format!("cannot write {}", file.display())))?;
    }
    let shown = arguments.out.is_none().then_some(&out[..]);
    if arguments.verdict {
        let weights = aggregate.verdicts.iter().map(|verdict| verdict.weight).collect();
        print(&Told { aggregate: shown, weights, set_aside: &aggregate.set_aside })
    } else {
        shown.map_or(Ok(()), |shown| print(&shown))
    }
}

/// One row as long as the others.
fn root(file: &Path, width: usize) -> Result<Array2<f32>, Failure> {
    let root = rows::read(file, None)?;
    if root.dim() == (1, width) {
        return Ok(root);
    }
    let (rows, got) = root.dim();
    Err(Failure::wrong(format!("{} holds {rows} x {got} numbers, expected 1 x {width}", file.display())))
}

fn run(
    arguments: &Arguments,
    rows: &Array2<f32>,
    root: Option<&Array2<f32>>,
    out: &mut [f32],
) -> Result<Aggregate, Failure> {
    let rows: Vec<&[f32]> = rows.rows().into_iter().filter_map(|row| row.to_slice()).collect();
    let ranks: Vec<u32> = (0..rows.len() as u32).collect();
    let mut aggregator = Aggregator::new(arguments.rule.clone(), arguments.byzantine, arguments.seed);
    if let Some(count) = arguments.threads {
        aggregator =
            aggregator.with_threads(Threads::new(count).map_err(|error| Failure::unfinished(&error))?);
    }
    let root = root.and_then(|root| root.as_slice());
    let aggregate = aggregator.aggregate_with_root(1, &ranks, &rows, root, out);
    aggregate.map_err(|refusal| Failure::unfinished(&refusal))
}

fn print(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::unfinished(&error))?;
    writeln!(io::stdout(), "{text}").map_err(|error| Failure::unfinished(&error))
}
