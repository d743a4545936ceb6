//! Arguments of the processes themselves.

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use clap::Args;

use super::Data;
use crate::{headcount::Count, keys::Keys, metrics::Metrics};

/// Arguments of `health`.
#[derive(Debug, Args)]
pub struct Health {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub keys: Keys,
    /// The server, as in <http://127.0.0.1:4747> [default: the process that serves metrics on this machine]
    #[arg(required_unless_present = "address")]
    pub server: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub metrics: Metrics,
}

/// Arguments of `server`.
#[derive(Debug, Args)]
pub struct Server {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub keys: Keys,
    /// The scenario, TOML
    #[arg(long)]
    pub scenario: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:4747")]
    pub listen: SocketAddr,
    /// What attackers who may see the honest updates have to say to be shown them
    #[arg(long, value_name = "TOKEN", env = crate::cluster::ORACLE_ENV, hide_env_values = true)]
    pub oracle_token: Option<String>,
    /// Where to leave the state after every round, or as often as the scenario says
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// How to know who calls, instead of as the scenario says: open, token or mtls
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub identity: Option<server::Mode>,
    /// Listen on more than this machine although anybody could take any place
    #[arg(long)]
    pub insecure: bool,
    /// Go on from the checkpoint if there is one and its run has not ended; else start anew
    #[arg(long, requires = "checkpoint", conflicts_with = "resume")]
    pub resume_unfinished: bool,
    /// A model of so many zeros instead of the task's: for measuring the network
    #[arg(long, hide = true)]
    pub dimension: Option<usize>,
    /// Honest workers to wait for instead of the scenario's: a number, or dns:NAME, as many as NAME has addresses
    #[arg(long, value_name = "COUNT")]
    pub workers: Option<Count>,
    /// Attackers to wait for instead of the scenario's, in the same way
    #[arg(long, value_name = "COUNT")]
    pub attackers: Option<Count>,
    /// Observers to wait for before the first round
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub observers: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub metrics: Metrics,
}

fn mode(text: &str) -> Result<server::Mode, String> {
    let mode = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text);
    serde::Deserialize::deserialize(mode).map_err(|error| error.to_string())
}

/// A number that may be written as a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum(pub u32);

impl FromStr for Sum {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("expected a number from 0 or a sum, as in 10+0 or 1-1, got {text:?}");
        let signed = text.replace('-', "+-");
        let terms = signed.split('+').map(|term| term.trim().parse::<i64>().map_err(|_| wrong()));
        let sum = terms.sum::<Result<i64, String>>()?;
        u32::try_from(sum).map(Self).map_err(|_| wrong())
    }
}

/// Which place a worker asks for.
#[derive(Debug, Args)]
pub struct Place {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub keys: Keys,
    /// The server, as in <http://127.0.0.1:4747>
    #[arg(env = "EQUIPOISE_SERVER")]
    pub server: String,
    /// The rank to ask for [default: the lowest free, or the highest for attackers and for workers with data of their own]
    /// or a sum, where an orchestrator counts in its own way, as in 10+0 or 1-1
    #[arg(long, env = "EQUIPOISE_RANK")]
    pub rank: Option<Sum>,
    /// How long to try to get to the server, at the start and whenever it is lost, as in 30s [default: one attempt]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub patience: Option<std::time::Duration>,
    /// Where to leave, after every round, what it takes to go on; what is there of this run is gone on from
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub metrics: Metrics,
}

/// Arguments of `worker`.
#[derive(Debug, Args)]
pub struct Worker {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: Place,
    /// Rows of its own, .npz or .csv, instead of its part of the task's data
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Start of its local model, array `theta` of an .npz file
    #[arg(long, value_name = "FILE", requires = "data")]
    pub start: Option<PathBuf>,
    /// Answer zeros at once: for measuring the network
    #[arg(long, hide = true, conflicts_with = "state")]
    pub idle: bool,
    /// So many of them in this process, a connection each
    #[arg(long, hide = true, requires = "idle", default_value_t = 1)]
    pub copies: usize,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub folder: Data,
}

/// Arguments of `attacker`.
#[derive(Debug, Args)]
pub struct Attacker {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: Place,
    /// What the server was given to show the honest updates to who says it
    #[arg(long, value_name = "TOKEN", env = crate::cluster::ORACLE_ENV, hide_env_values = true)]
    pub oracle_token: Option<String>,
    /// Where to leave what the attack settled on, .npz
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub folder: Data,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_is_a_number_or_a_sum() {
        for (text, want) in [("7", 7), ("10+0", 10), ("1-1", 0), ("10+3-1", 12)] {
            assert_eq!(text.parse(), Ok(Sum(want)), "{text}");
        }
        for text in ["", "+", "0-1", "1e3", "3+x", "-", "5000000000", "{{.Task.Slot}}-1"] {
            assert!(text.parse::<Sum>().is_err(), "{text}");
        }
    }
}
