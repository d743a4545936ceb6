//! What a seed decides: who is there, how they train, over which network, and what goes wrong when.

mod script;
mod trouble;

use std::time::Duration;

use attacker::abuse;
use learning::Seed;
use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;

pub use script::Script;
pub use trouble::{Trouble, Worry};

/// One step of the network: everything in it happens at once.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Time after which every dead connection was noticed, and whoever had it is back: twice a keep-alive, and a back-off.
const NOTICED: Duration = Duration::from_secs(30);

/// Rounds that a server skips in a row before it gives up.
const SKIPS_MAX: u32 = 10;

/// Attacks that are too many bytes rather than wrong ones: measured on real sockets, pointless where time stands still.
const FLOODS: [&str; 7] = [
    "stream-flood",
    "rapid-reset",
    "connection-flood",
    "heartbeat-flood",
    "update-flood",
    "stranger-flood",
    "join-flood",
];

/// What happens in a run, all of it drawn from the seed.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// The scenario that the server hands out.
    pub script: Script,
    /// How long a message takes, at least and at most.
    pub latency: (Duration, Duration),
    /// What goes wrong, in order of time.
    pub worries: Vec<Worry>,
    /// When nothing goes wrong any more.
    pub calm_at: Duration,
    /// What somebody does to the protocol from the last place, one attack after another; nobody, if there is none.
    pub abuses: Vec<&'static str>,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let stream = |name| Seed(seed).stream(name);
        let abuses = abuses(&mut stream("simulation abuses"));
        let calm_at = Duration::from_millis(stream("simulation calm").random_range(3_000..9_000));
        let script = Script::draw(seed, !abuses.is_empty(), calm_at, &mut stream("simulation script"));
        let mut network = stream("simulation network");
        let least = Duration::from_millis(network.random_range(5..15));
        let latency = (least, least + Duration::from_millis(network.random_range(5..40)));
        let worries = trouble::draw(script.processes(), calm_at, &mut stream("simulation trouble"));
        Self { seed, script, latency, worries, calm_at, abuses }
    }

    /// The same in which nothing goes wrong and nobody attacks the protocol.
    #[must_use]
    pub fn without_trouble(self) -> Self {
        Self { worries: Vec::new(), abuses: Vec::new(), ..self }
    }

    /// Whether this place is an honest worker's.
    #[must_use]
    pub const fn is_honest(&self, rank: u32) -> bool {
        (rank as usize) < self.script.workers.count
    }

    /// The place that the protocol is attacked from.
    #[must_use]
    pub fn abuser(&self) -> Option<u32> {
        (!self.abuses.is_empty()).then(|| self.script.processes() as u32 - 1)
    }

    /// Until when a run may be given up for too few workers: a while after the last fault, connections that died of one may
    /// not have been noticed by a keep-alive. A server that waits longer than that has no excuse.
    #[must_use]
    pub fn excused_until(&self) -> Duration {
        let noticed = self.calm_at + NOTICED;
        let waits = (SKIPS_MAX * self.script.deadline()).min(self.script.server.join_deadline);
        if waits > noticed { Duration::ZERO } else { noticed }
    }

    /// Longest time after which the rest of the run is done when nothing goes wrong any more: dead connections are noticed by
    /// keep-alives, places are given anew, and then each round takes a deadline at most.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let rounds = self.script.server.rounds;
        2 * NOTICED
            + self.script.server.join_deadline
            + rounds * (self.script.deadline() + Duration::from_millis(500))
    }
}

fn abuses(stream: &mut ChaCha8Rng) -> Vec<&'static str> {
    let names: Vec<&'static str> =
        abuse::suite().iter().map(|abuse| abuse.name).filter(|name| !FLOODS.contains(name)).collect();
    if stream.random_bool(0.5) {
        return Vec::new();
    }
    let count = stream.random_range(1..12);
    (0..count).filter_map(|_| names.choose(stream).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flood_is_an_attack_of_the_suite() {
        let suite = abuse::suite();
        let unknown: Vec<_> =
            FLOODS.iter().filter(|name| suite.iter().all(|abuse| abuse.name != **name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
