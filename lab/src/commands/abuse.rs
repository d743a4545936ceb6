//! `equipoise abuse`: misbehaves towards a running server in every way there is, and says how it stood that.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use attacker::abuse::{self, Abuse, Credentials, Target, Verdict, Watch};
use clap::Args;
use serde::Serialize;

use super::{bench::memory_peak, endpoint, worker_name};
use crate::{failure::Failure, keys::Keys, report::table::table};

/// Arguments of `abuse`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    keys: Keys,
    /// The server, as in <http://127.0.0.1:4747>; it needs a free place to be attacked from, that of the --rank if keys are
    /// to be shown
    #[arg(long, value_name = "URL")]
    target: String,
    /// Every attack
    #[arg(long, required_unless_present = "attack")]
    all: bool,
    /// One attack; may be given several times
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    attack: Vec<String>,
    /// The place to attack from [default: the highest free]
    #[arg(long)]
    rank: Option<u32>,
    /// Go on for so long, one attack after another from the first again
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    seconds: f64,
    /// Process of the server on this machine, whose memory is to be watched
    #[arg(long)]
    pid: Option<u32>,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    verdicts: Vec<Verdict>,
    held: bool,
    /// The most memory that the server ever had resident, before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_peak_bytes: Option<[u64; 2]>,
}

pub(super) async fn abuse(arguments: Arguments, shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
    let chosen = chosen(&arguments)?;
    let target = target(&arguments)?;
    let before = arguments.pid.and_then(memory_peak);
    let verdicts = tokio::select! {
        verdicts = commit_all(&chosen, &target, Duration::from_secs_f64(arguments.seconds)) => verdicts?,
        () = shutdown => return Err(Failure::because("interrupted")),
    };
    let after = arguments.pid.and_then(memory_peak);
    let held = verdicts.iter().all(|verdict| verdict.held);
    let report = Report { verdicts, held, memory_peak_bytes: before.zip(after).map(|(a, b)| [a, b]) };
    if arguments.json {
        println!("{}", serde_json::to_string(&report).map_err(|error| Failure::unfinished(&error))?);
    } else {
        print(&report);
    }
    let fallen: Vec<&str> = report.verdicts.iter().filter(|one| !one.held).map(|one| one.attack).collect();
    match fallen.as_slice() {
        [] => Ok(()),
        fallen => Err(Failure::because(format!("the server does not stand {}", fallen.join(", ")))),
    }
}

fn target(arguments: &Arguments) -> Result<Target, Failure> {
    let name = worker_name(&arguments.keys, &arguments.target, arguments.rank)?;
    let endpoint = endpoint(&arguments.target, &arguments.keys, &name)?;
    let token = arguments.keys.token(&endpoint, &name)?;
    let tls = arguments.keys.client_config(&endpoint, &name)?;
    Ok(Target::new(endpoint, arguments.rank, Credentials { token, tls }))
}

fn chosen(arguments: &Arguments) -> Result<Vec<Abuse>, Failure> {
    let suite = abuse::suite();
    if arguments.all {
        return Ok(suite);
    }
    let find = |name: &String| {
        suite.iter().find(|abuse| abuse.name == name).copied().ok_or_else(|| {
            let names: Vec<&str> = suite.iter().map(|abuse| abuse.name).collect();
            Failure::wrong(format!("there is no attack {name:?}"))
                .hint(format!("there are {}", names.join(", ")))
        })
    };
    arguments.attack.iter().map(find).collect()
}

async fn commit_all(chosen: &[Abuse], target: &Target, least: Duration) -> Result<Vec<Verdict>, Failure> {
    let watch = Watch::start(target).await.map_err(|error| Failure::unfinished(&error))?;
    let start = Instant::now();
    let mut verdicts = Vec::new();
    loop {
        for abuse in chosen {
            verdicts.push(abuse::commit(abuse, target, &watch).await);
            if start.elapsed() >= least && verdicts.len() >= chosen.len() {
                return Ok(verdicts);
            }
        }
    }
}

fn print(report: &Report) {
    let mut table = table(&["attack", "", "seconds", "rounds", "skipped", "longest wait, s", "the server"]);
    for verdict in &report.verdicts {
        table.add_row([
            verdict.attack.to_owned(),
            if verdict.held { "stands" } else { "FALLS" }.to_owned(),
            format!("{:.2}", verdict.seconds),
            verdict.cost.rounds.to_string(),
            verdict.cost.skipped.to_string(),
            format!("{:.2}", verdict.cost.longest_seconds),
            verdict.answer.clone(),
        ]);
    }
    println!("{table}");
    if let Some([before, after]) = report.memory_peak_bytes {
        println!("memory peak of the server: {} MiB before, {} MiB after", before >> 20, after >> 20);
    }
}
