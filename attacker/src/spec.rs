//! What a scenario says of attackers.

use attacks::{Group, Knowledge, Target};
use learning::{Seed, Task};
use serde::{Deserialize, Serialize};
use worker::Workers;

use crate::{AttackSpec, InvalidAttack};

/// One entry of `[[attackers]]`: accomplices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attackers {
    /// How many do this.
    #[serde(default = "one")]
    pub count: usize,
    /// What they know: `self`, `colluders` or `omniscient`.
    #[serde(default)]
    pub knowledge: Knowledge,
    /// Rounds in which they behave like honest workers first.
    #[serde(default)]
    pub sleep: u32,
    /// What they do then.
    pub attack: AttackSpec,
    /// What they do later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<Change>,
}

/// Another attack from some round on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The first round of it.
    pub from: u32,
    /// What they do from there.
    pub attack: AttackSpec,
}

const fn one() -> usize {
    1
}

impl Attackers {
    /// One attacker who does this from the first round on and knows what every worker does.
    #[must_use]
    pub const fn one(attack: AttackSpec) -> Self {
        Self { count: one(), knowledge: Knowledge::Own, sleep: 0, attack, then: Vec::new() }
    }

    /// Every attack with its first round.
    pub fn phases(&self) -> impl Iterator<Item = (u32, &AttackSpec)> {
        let later = self.then.iter().map(|change| (change.from, &change.attack));
        std::iter::once((self.sleep + 1, &self.attack)).chain(later)
    }

    /// Whether they have to be handed the honest rows before they answer.
    #[must_use]
    pub fn wants_honest(&self) -> bool {
        self.knowledge == Knowledge::Omniscient && self.phases().any(|(_, attack)| attack.reads_rows())
    }

    /// Whether each of them has data of its own: to imitate honest workers, or to spoil.
    #[must_use]
    pub fn has_own_data(&self) -> bool {
        let imitates = self.knowledge < Knowledge::Omniscient;
        let reads = |attack: &AttackSpec| attack.spoils_data() || (imitates && attack.reads_rows());
        self.sleep > 0 || self.phases().any(|(_, attack)| reads(attack))
    }

    /// Answers everything that is wrong with the entry.
    #[must_use]
    pub fn problems(&self) -> Vec<InvalidAttack> {
        let mut all: Vec<InvalidAttack> =
            self.phases().filter_map(|(_, attack)| attack.check(self.knowledge).err()).collect();
        let rounds: Vec<u32> = self.phases().map(|(from, _)| from).collect();
        let disorder = rounds.windows(2).filter(|pair| pair[1] <= pair[0]);
        all.extend(disorder.map(|pair| InvalidAttack::Order { from: pair[1], after: pair[0] }));
        let data = self.phases().any(|(_, attack)| matches!(attack, AttackSpec::Data { .. }));
        if data && (self.sleep > 0 || !self.then.is_empty()) {
            all.push(InvalidAttack::HonestProcess);
        }
        all
    }
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
    /// The rule that is attacked, as much as a scenario tells everybody.
    #[serde(default)]
    pub server: Server,
    /// The honest workers, who have the ranks below the attackers.
    pub workers: Workers,
    /// The attackers, in order of rank.
    #[serde(default)]
    pub attackers: Vec<Attackers>,
}

/// What an attacker reads of the server's section.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Server {
    /// The rule.
    #[serde(default)]
    pub rule: attacks::Pipeline,
    /// The liars that it was told to tolerate.
    #[serde(default)]
    pub byzantine: usize,
}

impl Scenario {
    /// The entry of the process with this rank, and its place in that group.
    #[must_use]
    pub fn entry(&self, rank: u32) -> Option<(&Attackers, Group)> {
        let mut place = (rank as usize).checked_sub(self.workers.count)?;
        for entry in &self.attackers {
            if place < entry.count {
                let (honest, liars) = (self.workers.count, entry.count);
                return Some((entry, Group { honest, liars, place, seed: self.seed }));
            }
            place -= entry.count;
        }
        None
    }
}
