//! The faults that the scenario gives this worker's line to the server, and how it knows when they are over.

use std::time::Duration;

use learning::Seed;
use network::{Line, Network};
use proto::{
    transport,
    v1::{self, training_client::TrainingClient},
};
use rand::RngExt as _;
use serde::Deserialize;
use tokio::time::{self, Instant};
use tonic::Request;

use crate::{Config, Joined, WorkerError, Workers};

/// Time between two looks at the server's clock.
const PAUSE: Duration = Duration::from_millis(20);
/// Shortest time without an answer after which there is no server.
const LEAST: Duration = Duration::from_secs(1);
/// No round: none is open.
const NONE: u32 = 0;

/// What decides the faults of a scenario.
#[derive(Deserialize)]
struct Scenario {
    #[serde(default)]
    seed: Option<Seed>,
    #[serde(default)]
    workers: Workers,
    #[serde(default)]
    network: Network,
}

/// The line of whoever `joined`, if something is wrong with it.
pub(crate) fn line(joined: &Joined) -> Result<Option<Line>, WorkerError> {
    let Scenario { seed, workers, network } = toml::from_str(&joined.scenario)?;
    let seed = seed.unwrap_or(Seed(0));
    let draw = move |name: &str, round| seed.stream_of(name, round).random::<f64>();
    Ok(Line::new(&network, joined.rank, workers.count, draw))
}

/// Follows the rounds from outside while `line` is cut, over connections without faults, to the end of the run if need be.
/// When there is no server to ask for as long as this worker has patience, it is not the line that keeps them apart.
pub(crate) async fn outlast(config: Config, line: Line, rounds: u32) {
    let patience = config.patience.unwrap_or_default().max(LEAST);
    let mut clock = TrainingClient::new(config.dialer.channel(&transport::client(config.server.clone())));
    let mut asked = Instant::now();
    while line.cut().is_some() {
        time::sleep(PAUSE).await;
        let mut request = Request::new(v1::ClockRequest {});
        config.token.iter().for_each(|token| token.sign(&mut request));
        if let Ok(reply) = clock.clock(request).await {
            let round = reply.into_inner().round;
            line.opened(if round > rounds { NONE } else { round });
            asked = Instant::now();
        } else if asked.elapsed() >= patience {
            line.opened(NONE);
        }
    }
}
