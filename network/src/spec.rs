//! What a scenario says of the network.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};

/// The `[network]` section of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What is wrong with it; nothing, if there is none.
    #[serde(default)]
    pub faults: Vec<Entry>,
}

/// One entry of `[[network.faults]]`: whose connections suffer from what, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Whose: `"all"`, `"honest"`, `"attackers"`, or ranks, as in `[0, 3]`.
    #[serde(default)]
    pub who: Who,
    /// When: `{ from = 20, to = 40 }`, both included.
    #[serde(default)]
    pub rounds: Rounds,
    /// From what.
    pub fault: Fault,
}

/// A group of workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Who {
    /// By what they are.
    Group(Group),
    /// By rank.
    Ranks(Vec<u32>),
}

/// Workers by what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Everybody.
    All,
    /// Who has a rank below the attackers'.
    Honest,
    /// The others.
    Attackers,
}

impl Default for Who {
    fn default() -> Self {
        Self::Group(Group::All)
    }
}

/// Rounds, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// The first.
    #[serde(default = "first")]
    pub from: u32,
    /// The last; without, there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
}

const fn first() -> u32 {
    1
}

impl Default for Rounds {
    fn default() -> Self {
        Self { from: first(), to: None }
    }
}

impl Rounds {
    /// All of them.
    #[must_use]
    pub fn range(self) -> RangeInclusive<u32> {
        self.from..=self.to.unwrap_or(u32::MAX)
    }
}

/// What a connection suffers from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Bytes take longer, each way.
    Delay {
        /// So long at least.
        #[serde(with = "humantime_serde", default)]
        time: Duration,
        /// And up to so long more, drawn anew every round.
        #[serde(with = "humantime_serde", default)]
        jitter: Duration,
    },
    /// Bytes have to wait for each other, each way.
    Bandwidth {
        /// How many come through in a second.
        bytes_per_second: u64,
    },
    /// The connection breaks where the update was to go up.
    Reset {
        /// How probable that is in a round.
        probability: f64,
    },
    /// Nothing comes through, either way.
    Partition {},
}

/// Who the workers of a run are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crew {
    /// Those with the lowest ranks.
    pub honest: usize,
    /// Those with the ranks from there on.
    pub attackers: usize,
    /// Rounds of the run.
    pub rounds: u32,
    /// Workers that a round needs.
    pub quorum: usize,
    /// Rounds in a row that may be skipped before the run is given up.
    pub skips_max: u32,
}

/// A fault that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidFault {
    /// Nobody suffers from it.
    #[error(
        "it is nobody's: who is [] or a group without members, expected \"all\", \"honest\", \"attackers\" or ranks"
    )]
    Nobody,
    /// Somebody does who is not there.
    #[error("there is no rank {got}, the highest is {highest}")]
    NoRank {
        /// What was given
        got: u32,
        /// The limit
        highest: usize,
    },
    /// It never happens.
    #[error(
        "rounds from {from} to {to} never come, expected 1 <= from <= to and from <= {rounds}, the rounds of the run"
    )]
    Never {
        /// The first
        from: u32,
        /// The last
        to: u32,
        /// Rounds of the run
        rounds: u32,
    },
    /// It changes nothing, or everything.
    #[error(
        "a delay of {time:?} and up to {jitter:?} more, expected more than 0 and no more than {most:?} together"
    )]
    Delay {
        /// What was given
        time: Duration,
        /// What was given
        jitter: Duration,
        /// The limit
        most: Duration,
    },
    /// Nothing would come through.
    #[error("bytes_per_second is {got}, expected at least {least}; nothing at all is `partition`")]
    Bandwidth {
        /// What was given
        got: u64,
        /// The limit
        least: u64,
    },
    /// No round would end, and the run would be given up.
    #[error(
        "a partition takes {cut} of {workers} workers for {rounds} rounds, a round needs {quorum}, and a run is given up \
         when {skips_max} in a row were skipped; expected fewer workers, or fewer rounds"
    )]
    Quorum {
        /// Workers that are cut off
        cut: usize,
        /// All of them
        workers: usize,
        /// Rounds without them
        rounds: u32,
        /// Workers that a round needs
        quorum: usize,
        /// Rounds that may be skipped
        skips_max: u32,
    },
    /// It is no probability.
    #[error("probability is {0}, expected more than 0 and at most 1")]
    Probability(f64),
}

/// Longest delay.
const DELAY_MAX: Duration = Duration::from_secs(600);
/// Least bandwidth.
const BANDWIDTH_MIN: u64 = 100;

impl Network {
    /// Whether nothing is wrong with it.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.faults.is_empty()
    }

    /// Whether connections are lost, so that workers have to come back.
    #[must_use]
    pub fn breaks(&self) -> bool {
        self.faults.iter().any(|entry| matches!(entry.fault, Fault::Reset { .. } | Fault::Partition {}))
    }

    /// Everything that is wrong with the section itself, each with the number of its entry, from 1.
    #[must_use]
    pub fn problems(&self, crew: Crew) -> Vec<(usize, InvalidFault)> {
        let numbered = self.faults.iter().zip(1..);
        numbered
            .flat_map(|(entry, number)| entry.problems(crew).map(move |problem| (number, problem)))
            .collect()
    }
}

impl Entry {
    /// Whether the worker with this rank suffers from it, where so many are honest.
    #[must_use]
    pub fn strikes(&self, rank: u32, honest: usize) -> bool {
        match &self.who {
            Who::Group(Group::All) => true,
            Who::Group(Group::Honest) => (rank as usize) < honest,
            Who::Group(Group::Attackers) => (rank as usize) >= honest,
            Who::Ranks(ranks) => ranks.contains(&rank),
        }
    }

    fn problems(&self, crew: Crew) -> impl Iterator<Item = InvalidFault> {
        let problems = [
            self.problem_of_who(crew),
            self.problem_of_rounds(crew),
            self.fault.problem(),
            self.standstill(crew),
        ];
        problems.into_iter().flatten()
    }

    fn problem_of_who(&self, crew: Crew) -> Option<InvalidFault> {
        let workers = crew.honest + crew.attackers;
        if let Who::Ranks(ranks) = &self.who
            && let Some(&got) = ranks.iter().find(|rank| **rank as usize >= workers)
        {
            return Some(InvalidFault::NoRank { got, highest: workers.saturating_sub(1) });
        }
        let nobody = (0..workers as u32).all(|rank| !self.strikes(rank, crew.honest));
        nobody.then_some(InvalidFault::Nobody)
    }

    fn problem_of_rounds(&self, crew: Crew) -> Option<InvalidFault> {
        let (from, to) = (self.rounds.from, self.rounds.to.unwrap_or(crew.rounds));
        let happens = (1..=to).contains(&from) && from <= crew.rounds;
        (!happens).then_some(InvalidFault::Never { from, to, rounds: crew.rounds })
    }

    fn standstill(&self, crew: Crew) -> Option<InvalidFault> {
        let Crew { quorum, skips_max, .. } = crew;
        let workers = crew.honest + crew.attackers;
        let cut = (0..workers as u32).filter(|rank| self.strikes(*rank, crew.honest)).count();
        let rounds = self.rounds.to.unwrap_or(crew.rounds).saturating_sub(self.rounds.from).saturating_add(1);
        let stands = self.fault == Fault::Partition {} && workers - cut < quorum && rounds >= skips_max;
        stands.then_some(InvalidFault::Quorum { cut, workers, rounds, quorum, skips_max })
    }
}

impl Fault {
    fn problem(self) -> Option<InvalidFault> {
        match self {
            Self::Delay { time, jitter } => {
                let all = time.saturating_add(jitter);
                let wrong = all.is_zero() || all > DELAY_MAX;
                wrong.then_some(InvalidFault::Delay { time, jitter, most: DELAY_MAX })
            }
            Self::Bandwidth { bytes_per_second: got } => {
                (got < BANDWIDTH_MIN).then_some(InvalidFault::Bandwidth { got, least: BANDWIDTH_MIN })
            }
            Self::Reset { probability } => {
                let wrong = !(probability > 0.0 && probability <= 1.0);
                wrong.then_some(InvalidFault::Probability(probability))
            }
            Self::Partition {} => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREW: Crew = Crew { honest: 3, attackers: 1, rounds: 50, quorum: 3, skips_max: 10 };

    fn network(text: &str) -> Network {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn who_is_a_group_or_a_list_of_ranks() {
        let struck = |who: &str| {
            let text = format!("[[faults]]\nwho = {who}\nfault = {{ name = \"partition\" }}");
            let entry = network(&text).faults.remove(0);
            (0..4).filter(|rank| entry.strikes(*rank, 3)).collect::<Vec<u32>>()
        };
        assert_eq!(struck("\"all\""), [0, 1, 2, 3]);
        assert_eq!(struck("\"honest\""), [0, 1, 2]);
        assert_eq!(struck("\"attackers\""), [3]);
        assert_eq!(struck("[2, 0]"), [0, 2]);
    }

    #[test]
    fn the_last_good_and_the_first_bad_of_every_bound() {
        for (text, wrong) in [
            ("fault = { name = \"delay\", time = \"1ms\" }", ""),
            ("fault = { name = \"delay\", jitter = \"1ms\" }", ""),
            ("fault = { name = \"delay\" }", "a delay of 0ns"),
            ("fault = { name = \"delay\", time = \"10m\" }", ""),
            ("fault = { name = \"delay\", time = \"10m\", jitter = \"1ns\" }", "no more than 600s"),
            ("fault = { name = \"bandwidth\", bytes_per_second = 100 }", ""),
            ("fault = { name = \"bandwidth\", bytes_per_second = 99 }", "at least 100"),
            ("fault = { name = \"reset\", probability = 1 }", ""),
            ("fault = { name = \"reset\", probability = 1.01 }", "probability is 1.01"),
            ("fault = { name = \"reset\", probability = 0 }", "probability is 0"),
            ("fault = { name = \"reset\", probability = nan }", "probability is NaN"),
            ("rounds = { from = 50 }\nfault = { name = \"reset\", probability = 1 }", ""),
            (
                "rounds = { from = 51 }\nfault = { name = \"reset\", probability = 1 }",
                "from 51 to 50 never come",
            ),
            (
                "rounds = { from = 0 }\nfault = { name = \"reset\", probability = 1 }",
                "from 0 to 50 never come",
            ),
            ("rounds = { from = 9, to = 9 }\nfault = { name = \"partition\" }", ""),
            ("rounds = { from = 9, to = 8 }\nfault = { name = \"partition\" }", "from 9 to 8 never come"),
            ("who = [0, 1]\nrounds = { from = 1, to = 9 }\nfault = { name = \"partition\" }", ""),
            (
                "who = [0, 1]\nrounds = { from = 1, to = 10 }\nfault = { name = \"partition\" }",
                "2 of 4 workers",
            ),
            ("who = [0]\nfault = { name = \"partition\" }", ""),
            ("who = [3]\nfault = { name = \"partition\" }", ""),
            ("who = [0, 4]\nfault = { name = \"partition\" }", "no rank 4, the highest is 3"),
            ("who = []\nfault = { name = \"partition\" }", "it is nobody's"),
        ] {
            let problems = network(&format!("[[faults]]\n{text}")).problems(CREW);
            let said: Vec<String> = problems.iter().map(|(_, problem)| problem.to_string()).collect();
            assert_eq!(said.is_empty(), wrong.is_empty(), "{text}: {said:?}");
            assert!(said.iter().all(|words| words.contains(wrong)), "{text}: {said:?}");
        }
    }

    #[test]
    fn all_problems_of_all_entries_are_told_at_once() {
        let text = "[[faults]]\nwho = [9]\nrounds = { from = 0 }\nfault = { name = \"reset\", probability = 2 }\n\
                    [[faults]]\nwho = \"attackers\"\nfault = { name = \"delay\" }";
        let numbers: Vec<usize> =
            network(text).problems(CREW).into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [1, 1, 1, 2]);
        let honest = Crew { attackers: 0, ..CREW };
        assert!(network(text).problems(honest).contains(&(2, InvalidFault::Nobody)));
    }
}
