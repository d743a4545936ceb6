//! The whole abuse suite, one attack after another without a pause, beside ten honest workers.

use std::{fmt, path::Path, time::Duration};

use attacker::abuse::{self, Credentials, Target, Verdict, Watch};
use serde::Serialize;
use tokio::time::{self, Instant};
use tonic::transport::Endpoint;

use super::stage::Stage;
use crate::{failure::Failure, scenario::Scenario};

/// Least squares on the digits, and one place to attack from.
const SCENARIO: &str = r#"
name = "abuse"
[task]
model = "linear"
[server]
rounds = 100000000
round_deadline = { quantile = 0.9, factor = 3, least = "500ms", most = "3s" }
join_deadline = "60s"
[workers]
count = 10
[[attackers]]
attack = { name = "counter-gradient" }
"#;
/// How long nobody misbehaves, before and after.
const QUIET: Duration = Duration::from_secs(8);

#[derive(Debug, Serialize)]
pub(super) struct Measured {
    attacks: usize,
    /// Those that the server does not stand.
    fallen: Vec<&'static str>,
    rounds_lost: u32,
    quiet_rounds_per_second: f64,
    rounds_per_second: f64,
    slowdown: f64,
    longest_wait_seconds: f64,
    /// The most memory that the server ever had resident, before and after.
    memory_peak_bytes: [u64; 2],
    verdicts: Vec<Verdict>,
}

pub(super) async fn abuse(scratch: &Path) -> Result<Measured, Failure> {
    let scenario: Scenario = toml::from_str(SCENARIO).map_err(|error| Failure::unfinished(&error))?;
    let mut stage = Stage::open(scratch, &scenario, None).await?;
    for rank in 0..scenario.workers.count {
        stage.worker(&["--rank", &rank.to_string()])?;
    }
    let measured = suite(&stage, scenario.workers.count as u32).await;
    stage.close().await;
    measured
}

async fn suite(stage: &Stage, rank: u32) -> Result<Measured, Failure> {
    let endpoint = Endpoint::from_shared(stage.url.clone()).map_err(|error| Failure::unfinished(&error))?;
    let target = Target::new(endpoint, Some(rank), Credentials::default());
    let watch = Watch::start(&target).await.map_err(|error| Failure::unfinished(&error))?;
    let suite = abuse::suite();
    // With the attacker's place taken once, the rounds begin.
    if let Some(first) = suite.iter().find(|abuse| abuse.name == "early") {
        abuse::commit(first, &target, &watch).await;
    }
    let before = quiet(&watch).await;
    let memory_before = stage.memory_peak();
    let start = Instant::now();
    let mut verdicts = Vec::new();
    for abuse in &suite {
        verdicts.push(abuse::commit(abuse, &target, &watch).await);
    }
    let seconds = start.elapsed().as_secs_f64();
    let memory_after = stage.memory_peak();
    let after = quiet(&watch).await;
    let rounds: u32 = verdicts.iter().map(|verdict| verdict.cost.rounds).sum();
    let (quiet_rate, rate) = (f64::midpoint(before, after), f64::from(rounds) / seconds);
    let longest = verdicts.iter().map(|verdict| verdict.cost.longest_seconds);
    Ok(Measured {
        attacks: verdicts.len(),
        fallen: verdicts.iter().filter(|verdict| !verdict.held).map(|verdict| verdict.attack).collect(),
        rounds_lost: verdicts.iter().map(|verdict| verdict.cost.skipped).sum(),
        quiet_rounds_per_second: quiet_rate,
        rounds_per_second: rate,
        slowdown: quiet_rate / rate,
        longest_wait_seconds: longest.fold(0.0, f64::max),
        memory_peak_bytes: [memory_before, memory_after],
        verdicts,
    })
}

/// Rounds a second while nobody misbehaves.
async fn quiet(watch: &Watch) -> f64 {
    let mark = watch.mark();
    time::sleep(QUIET).await;
    f64::from(watch.since(&mark).rounds) / QUIET.as_secs_f64()
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [before, after] = self.memory_peak_bytes.map(|bytes| bytes >> 20);
        write!(
            f,
            "{} attacks beside ten honest workers: {:.0} rounds/s instead of {:.0}, {:.2} times slower; {} rounds lost, longest \
             wait {:.2} s, server's memory peak {after} MiB, before {before} MiB; not stood: {:?}",
            self.attacks,
            self.rounds_per_second,
            self.quiet_rounds_per_second,
            self.slowdown,
            self.rounds_lost,
            self.longest_wait_seconds,
            self.fallen,
        )
    }
}
