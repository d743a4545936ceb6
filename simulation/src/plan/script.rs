//! The scenario of a run: what is trained, how rounds go, and who lies.

use std::{num::NonZeroU32, time::Duration};

use attacker::Attackers;
use learning::{Seed, Task};
use optimizer::Schedule;
use rand::{RngExt as _, seq::IndexedRandom as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use server::{
    Absent, Asynchronous, Checkpoints, Deadline, Misbehaviour, Mode, Scale, Spec, Stragglers, Tempo,
};
use worker::Workers;

/// What the server hands to whoever joins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// The seed of all that is learned.
    pub seed: Seed,
    /// What is learned.
    pub task: Task,
    /// How the server goes through the rounds.
    pub server: Spec,
    /// The honest workers.
    pub workers: Workers,
    /// Who lies with the numbers it sends.
    pub attackers: Vec<Attackers>,
    /// Whether there is one more place, from which the protocol is attacked.
    pub abused: bool,
}

/// Rules, each for any number of rows of which fewer than half are lies.
const RULES: [&str; 9] = [
    "average",
    "median",
    "trimmed-mean",
    "geometric-median",
    "krum",
    "cge",
    "nnm+trimmed-mean",
    "nnm+krum",
    "centered-clipping",
];

/// What liars do.
const LIES: [&str; 9] = [
    "attack = { name = 'sign-flip' }",
    "attack = { name = 'ipm', tau = 3.0 }\nknowledge = 'colluders'",
    "attack = { name = 'alie' }\nknowledge = 'colluders'",
    "attack = { name = 'gaussian', sigma = 5.0 }",
    "attack = { name = 'infinity' }",
    "attack = { name = 'nan' }",
    "attack = { name = 'zero' }",
    "attack = { name = 'label-flip' }",
    "attack = { name = 'sign-flip' }\nsleep = 5",
];

const METHODS: [&str; 3] = ["name = 'sgd'", "name = 'momentum'", "name = 'adam'"];

impl Script {
    pub(super) fn draw(seed: u64, abused: bool, trouble: Duration, stream: &mut ChaCha8Rng) -> Self {
        let honest: usize = stream.random_range(3..=7);
        let liars = stream.random_range(0..=(honest - 1) / 3);
        let attackers: Vec<Attackers> = if liars == 0 {
            Vec::new()
        } else {
            let lie = LIES.choose(stream).expect("there are lies");
            vec![toml::from_str(&format!("count = {liars}\n{lie}")).expect("a lie is an entry")]
        };
        let byzantine = liars + usize::from(abused);
        let processes = honest + byzantine;
        let task = "objective = 'shared'\nalgorithm = { name = 'dsgd', batch = 8 }";
        let method = METHODS.choose(stream).expect("there are methods");
        let rule = RULES.choose(stream).expect("there are rules");
        // Half of the servers have the time to see every connection that died noticed, so that no trouble excuses giving up.
        let (round, gathering) = if stream.random() {
            (stream.random_range(4_000..5_000), stream.random_range(40_000..45_000))
        } else {
            (stream.random_range(600..1_500), stream.random_range(3_000..30_000))
        };
        let mut server = Spec {
            // Enough of them that most runs see the trouble to its end.
            rounds: trouble.as_millis() as u32 / 100 + stream.random_range(5..25),
            rule: rule.parse().expect("a rule has its name"),
            byzantine,
            scale: Scale::Mean,
            optimizer: toml::from_str(method).expect("a method has its name"),
            schedule: Schedule::constant(0.1),
            reveal_sum: stream.random_bool(0.3),
            identity: Mode::Token,
            misbehaviour: [Misbehaviour::Drop, Misbehaviour::Count, Misbehaviour::Ban(THREE)]
                [stream.random_range(0..3)],
            checkpoint: Checkpoints { every: [1, 1, 1, 2, 5][stream.random_range(0..5)] },
            round_deadline: Deadline::Fixed(Duration::from_millis(round)),
            join_deadline: Duration::from_millis(gathering),
            heartbeat: Duration::from_millis(stream.random_range(100..400)),
            ..Spec::default()
        };
        match stream.random_range(0..6) {
            0 => {
                let stragglers = if stream.random() { Stragglers::Wait } else { Stragglers::Discard };
                let buffer = stream.random_range(2..=honest);
                let asynchronous = Asynchronous { buffer, staleness_max: 3, exponent: 0.5, stragglers };
                server.mode = Tempo::Asynchronous(asynchronous);
            }
            1 => server.sample = Some(0.7),
            2 if !abused => server.absent = Absent::Wait,
            _ => (),
        }
        // Liars may lose their votes, so that rounds have to go on with the rows of the honest alone.
        let stands = |rows| server.rule.check(rows, byzantine).is_ok();
        let refused = server.refusal(processes).is_some() || server.plan(processes, seed).is_err();
        let least = (processes / 2 + 1..=honest).find(|rows| stands(*rows));
        if refused || least.is_none() || !stands(processes) || server.sample.is_some() {
            (server.rule, server.byzantine) = ("average".parse().expect("a rule has its name"), 0);
        } else if !server.mode.is_asynchronous() {
            // With fewer rows the rule refuses the round at once, and ten such rounds are over before anybody can come back.
            server.quorum = least;
        }
        Self {
            seed: Seed(seed),
            task: toml::from_str(task).expect("a task that there is"),
            server,
            workers: Workers { count: honest },
            attackers,
            abused,
        }
    }

    /// Everybody who has a place.
    #[must_use]
    pub fn processes(&self) -> usize {
        let liars: usize = self.attackers.iter().map(|entry| entry.count).sum();
        self.workers.count + liars + usize::from(self.abused)
    }

    /// The longest time that a round may take.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        match self.server.round_deadline {
            Deadline::Fixed(time) => time,
            Deadline::Learned(learned) => learned.most,
        }
    }

    /// As the server hands it out.
    ///
    /// # Panics
    /// Never: a scenario is made of what TOML has.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a scenario is made of what TOML has")
    }
}

const THREE: NonZeroU32 = NonZeroU32::new(3).expect("three is not zero");
