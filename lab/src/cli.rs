//! What people type.

mod processes;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use learning::{model, regularizer};

use crate::{
    commands::{aggregate, bench, bench_aggregation, rules},
    keys::Keys,
    metrics::Metrics,
};

pub use processes::{Attacker, Health, Place, Server, Sum, Worker};

/// A Byzantine-resilience testbed on a real network.
///
/// A gRPC parameter server, honest workers and malicious workers, each its own process. Exit codes: 0 done, 1 could
/// not be finished, 2 wrong arguments or scenario, 3 a bug of ours.
#[derive(Debug, Parser)]
#[command(name = "equipoise", version, max_term_width = 110)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// End when standard input ends: how child processes notice that whoever started them is gone
    #[arg(long, global = true, hide = true)]
    pub lifeline: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show that gradient attack, model attack and data poisoning reach the same place: four runs, a table, a picture
    Equivalence(Equivalence),
    /// Run any scenario as a cluster of processes
    Run(Run),
    /// Run every combination of what varies, and see all of them in one page
    Sweep(crate::commands::sweep::Sweep),
    /// Make a sweep of a study that was written for another library
    #[command(subcommand)]
    Import(crate::commands::import::Import),
    /// Craft data that make an honest worker do what an attack did
    Poison(Poison),
    /// Run the experiments of the paper and compare with what was published
    Paper(crate::commands::Paper),
    /// Get a data set that is not embedded
    Fetch(crate::commands::Fetch),
    /// Follow a running server and judge every model
    Observe(Observe),
    /// One process: the parameter server
    Server(Server),
    /// One process: an honest worker, with its part of the task's data or with a file of its own
    Worker(Worker),
    /// One process: a liar, as the server's scenario says
    Attacker(Attacker),
    /// Make keys, for servers that want to know who calls
    #[command(subcommand)]
    Keys(crate::commands::keys::Keys),
    /// Misbehave towards a running server in every way there is, and see how it stands that
    Abuse(crate::commands::abuse::Arguments),
    /// Ask a server whether it is up
    Health(Health),
    /// Apply a rule to rows of your own
    Aggregate(aggregate::Arguments),
    /// List the rules: what they need, what they promise, what they cost, where they are from
    Rules(rules::Arguments),
    /// Measure this machine
    #[command(subcommand)]
    Bench(Bench),
}

/// Where data and results are.
#[derive(Debug, Args)]
pub struct Common {
    /// Folder for the results [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// No progress on stderr
    #[arg(long, short)]
    pub quiet: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: Data,
}

/// Where data are.
#[derive(Debug, Args)]
pub struct Data {
    /// Folder with the data sets that are not embedded, one folder each: `mnist`, `fashion-mnist` [default: where `fetch`
    /// puts them]
    #[arg(long, value_name = "DIR", env = "EQUIPOISE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
}

impl Data {
    /// The folder that was named, or else the one where `fetch` puts data.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        self.data_dir
            .clone()
            .filter(|folder| !folder.as_os_str().is_empty())
            .or_else(crate::fetch::default_folder)
    }
}

/// Arguments of `equivalence`.
#[derive(Debug, Args)]
pub struct Equivalence {
    /// The model to learn
    #[arg(long, value_enum, default_value_t = ModelKind::Softmax)]
    pub model: ModelKind,
    /// The pull between common and local models; l2 and smooth-l2 bound every vote, the attacker's too
    #[arg(long, value_enum, default_value_t = RegularizerKind::SquaredL2)]
    pub regularizer: RegularizerKind,
    /// Weight of the regulariser [default: 0.01 for squared-l2, 1 otherwise]
    #[arg(long)]
    pub lambda: Option<f64>,
    /// The server's learning rate [default: 2 for squared-l2, 0.1 otherwise]
    #[arg(long)]
    pub eta: Option<f64>,
    /// Rounds of each run [default: 150 for squared-l2, 60 otherwise]
    #[arg(long)]
    pub rounds: Option<u32>,
    /// Honest workers
    #[arg(long, default_value_t = 10)]
    pub workers: usize,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub recipe: Recipe,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The scenario, TOML
    pub scenario: PathBuf,
    /// In this process, without sockets: the same engine, the same bits
    #[arg(long)]
    pub in_process: bool,
    /// Start a process again that was killed: the server goes on from its checkpoint, a worker in its place
    #[arg(long, conflicts_with = "in_process")]
    pub restart: bool,
    /// Leave norms, cosines, variances and kappa of every round in study.jsonl
    #[arg(long)]
    pub study: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
}

/// Arguments of `poison`.
#[derive(Debug, Args)]
pub struct Poison {
    /// What a gradient attack settled on (arrays `rho` and `gradient`), or a model to hold and the common model to hold
    /// it against (arrays `theta` and `rho`), `.npz`
    pub attack: PathBuf,
    /// The scenario whose task the data are for [default: the task of `equivalence`]
    #[arg(long)]
    pub scenario: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub recipe: Recipe,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "poison.npz")]
    pub out: PathBuf,
}

/// How poisoned rows are made.
#[derive(Debug, Clone, Copy, Args)]
pub struct Recipe {
    /// How rows for a softmax model are made
    #[arg(long, value_enum, default_value_t = RecipeKind::Program)]
    pub recipe: RecipeKind,
    /// Least squares: add rows that pin the rest of the poisoned worker's model, which makes the attack faster
    #[arg(long)]
    pub pins: bool,
}

/// Recipes of rows for a softmax model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecipeKind {
    /// Nearly the fewest rows there can be, by a linear program
    Program,
    /// Few distinct rows in closed form, some ten times as many in all
    Exact,
    /// Images, every pixel from 0 to 1, by a linear program: some six times as many, and half a minute; for small images
    Images,
    /// 2,000 random rows that the model labels, as published: they hold it for a while only
    Sampled,
}

/// Arguments of `observe`.
#[derive(Debug, Args)]
pub struct Observe {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub keys: Keys,
    /// The server, as in <http://127.0.0.1:4747>
    #[arg(env = "EQUIPOISE_SERVER")]
    pub server: String,
    /// How long to try to get to the server, at the start and whenever it is lost, as in 30s [default: one attempt]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub patience: Option<std::time::Duration>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub common: Common,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub metrics: Metrics,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// The wire: throughput beside plain TCP, rounds a second, memory, very many workers, the abuse suite
    Network(bench::Arguments),
    /// The server of a plain TCP copy
    #[command(hide = true)]
    Copy,
    /// Every aggregation rule, beside what this machine reads and multiplies
    Aggregation(bench_aggregation::Arguments),
    /// The local work of an honest worker, beside what this machine multiplies and copies
    Learning(BenchLearning),
}

/// Arguments of `bench learning`.
#[derive(Debug, Args)]
pub struct BenchLearning {
    /// Rows of the worker: of MNIST if it is there, else of the same shape
    #[arg(long, default_value_t = 6000)]
    pub rows: usize,
    /// One JSON object instead of sentences
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: Data,
}

/// Models, as the command line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModelKind {
    /// Softmax regression
    Softmax,
    /// Least squares on indicator targets, solved in closed form
    Linear,
}

impl From<ModelKind> for model::Kind {
    fn from(kind: ModelKind) -> Self {
        match kind {
            ModelKind::Softmax => Self::Softmax,
            ModelKind::Linear => Self::Linear,
        }
    }
}

/// Regularisers, as the command line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RegularizerKind {
    /// λ‖ρ−θ‖²
    SquaredL2,
    /// λ‖ρ−θ‖
    L2,
    /// λ√(1+‖ρ−θ‖²)
    SmoothL2,
}

impl From<RegularizerKind> for regularizer::Kind {
    fn from(kind: RegularizerKind) -> Self {
        match kind {
            RegularizerKind::SquaredL2 => Self::SquaredL2,
            RegularizerKind::L2 => Self::L2,
            RegularizerKind::SmoothL2 => Self::SmoothL2,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
