//! What a scenario says of attackers.

use std::path::PathBuf;

use attacks::Target;
use learning::{Seed, Task};
use serde::{Deserialize, Serialize};
use worker::Workers;

/// One entry of `[[attackers]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attackers {
    /// How many do this.
    #[serde(default = "one")]
    pub count: usize,
    /// What they do.
    pub attack: AttackSpec,
}

const fn one() -> usize {
    1
}

/// What an attacker does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AttackSpec {
    /// Steers the common model to the target, from what every worker sees.
    CounterGradient {},
    /// Follows the protocol with the local model frozen at the array `theta` of an `.npz` file.
    Model {
        /// The file.
        file: PathBuf,
    },
    /// No liar at all: an honest worker process that holds the rows of this file.
    Data {
        /// The file, `.npz` or `.csv`.
        file: PathBuf,
        /// The local model to start from, the array `theta` of an `.npz` file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<PathBuf>,
    },
}

/// What an attacker reads of a scenario.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Scenario {
    /// The seed of the experiment.
    pub seed: Seed,
    /// What is to be learned.
    pub task: Task,
    /// Where the attackers want the common model to be.
    #[serde(default)]
    pub target: Target,
    /// The honest workers, who have the ranks below the attackers.
    pub workers: Workers,
    /// The attackers, in order of rank.
    #[serde(default)]
    pub attackers: Vec<Attackers>,
}

impl Scenario {
    /// The attack of the process with this rank.
    #[must_use]
    pub fn attack(&self, rank: u32) -> Option<&AttackSpec> {
        let all = self.attackers.iter().flat_map(|entry| std::iter::repeat_n(&entry.attack, entry.count));
        all.into_iter().nth((rank as usize).checked_sub(self.workers.count)?)
    }
}
