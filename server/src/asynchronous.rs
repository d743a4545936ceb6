//! Rounds that do not wait for everybody: the `mode` of the `[server]` section.
//!
//! A round closes after `buffer` updates, at most one of each worker, each multiplied by a weight that depends on nothing but how
//! many rounds s older than the open one the model is that it answers:
//!
//! ```text
//! w(s)  =  (1 + s)^−a          a = exponent ≥ 0
//! ```
//!
//! The rule then takes the weighted rows as it takes any. Source: the polynomial weight of Xie et al., "Asynchronous Federated
//! Optimization" (`FedAsync`), 2019, section 5.2, on the rows of a buffer as in Nguyen et al., "Federated Learning with
//! Buffered Asynchronous Aggregation" (`FedBuff`), AISTATS 2022, where a = 1/2; both average where we put any rule.

use round::{Buffer, Pace, Rank};
use serde::{Deserialize, Serialize};

/// Whether rounds wait for everybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tempo {
    /// They do.
    #[default]
    Synchronous,
    /// They close after so many updates.
    Asynchronous(Asynchronous),
}

/// When such a round closes, and what counts in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asynchronous {
    /// Updates that close a round.
    pub buffer: usize,
    /// Rounds that an update may be older than the open one.
    #[serde(default = "staleness_max")]
    pub staleness_max: u32,
    /// a of the weight (1 + s)^−a of an update that is s rounds old; 0 for the same weight to all.
    #[serde(default = "exponent")]
    pub exponent: f64,
    /// What is done about workers that would fall further behind: `"discard"` what they send, or `"wait"` for them.
    #[serde(default)]
    pub stragglers: Stragglers,
}

const fn staleness_max() -> u32 {
    10
}

const fn exponent() -> f64 {
    0.5
}

/// What is done about workers that would fall too far behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stragglers {
    /// The others go on, and what is too old is discarded.
    #[default]
    Discard,
    /// The round stays open for them until its deadline.
    Wait,
}

impl Tempo {
    pub(crate) fn pace(self) -> Pace {
        let Self::Asynchronous(Asynchronous { buffer, staleness_max, stragglers, .. }) = self else {
            return Pace::Synchronous;
        };
        let stragglers = match stragglers {
            Stragglers::Discard => round::Stragglers::Discard,
            Stragglers::Wait => round::Stragglers::Wait,
        };
        Pace::Asynchronous(Buffer { rows: buffer, staleness_max, stragglers })
    }

    /// Rounds that an update may be older than the open one.
    pub(crate) const fn staleness_max(self) -> u32 {
        match self {
            Self::Synchronous => 0,
            Self::Asynchronous(asynchronous) => asynchronous.staleness_max,
        }
    }

    /// Whether rounds close without waiting for everybody.
    #[must_use]
    pub const fn is_asynchronous(self) -> bool {
        matches!(self, Self::Asynchronous(_))
    }

    /// Updates that a round of so many members is made of.
    #[must_use]
    pub fn rows(self, members: usize) -> usize {
        match self {
            Self::Synchronous => members,
            Self::Asynchronous(asynchronous) => asynchronous.buffer,
        }
    }

    /// The weight of an update that is so many rounds old.
    #[must_use]
    pub fn weight(self, staleness: u32) -> f64 {
        match self {
            Self::Asynchronous(Asynchronous { exponent, .. }) if staleness > 0 => {
                (1.0 + f64::from(staleness)).powf(-exponent)
            }
            _ => 1.0,
        }
    }

    /// Gives every row the weight of its age.
    pub fn discount(self, rows: &mut [(Rank, Vec<f32>)], staleness: &[u32]) {
        for ((_, row), rounds) in rows.iter_mut().zip(staleness).filter(|(_, rounds)| **rounds > 0) {
            let weight = self.weight(*rounds);
            row.iter_mut().for_each(|number| *number = (f64::from(*number) * weight) as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tempo(exponent: f64) -> Tempo {
        let stragglers = Stragglers::Discard;
        Tempo::Asynchronous(Asynchronous { buffer: 2, staleness_max: 9, exponent, stragglers })
    }

    #[test]
    fn the_weight_is_the_servers_and_falls_with_age_only() {
        let mut rows = vec![(Rank(0), vec![8.0, -4.0]), (Rank(3), vec![8.0, -4.0])];
        tempo(0.5).discount(&mut rows, &[0, 3]);
        assert_eq!(rows, [(Rank(0), vec![8.0, -4.0]), (Rank(3), vec![4.0, -2.0])]);
        for (tempo, staleness, weight) in [
            (tempo(1.0), 1, 0.5),
            (tempo(2.0), 1, 0.25),
            (tempo(0.0), 9, 1.0),
            (tempo(0.5), 0, 1.0),
            (Tempo::Synchronous, 3, 1.0),
        ] {
            assert_eq!(tempo.weight(staleness), weight, "{tempo:?} at {staleness}");
        }
    }

    #[test]
    fn what_a_scenario_leaves_out_has_a_default() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Section {
            mode: Tempo,
        }
        let read = |text: &str| toml::from_str::<Section>(text).map(|section| section.mode);
        assert_eq!(read("mode = \"synchronous\""), Ok(Tempo::Synchronous));
        let Ok(Tempo::Asynchronous(asynchronous)) = read("mode = { asynchronous = { buffer = 4 } }") else {
            panic!("no mode")
        };
        assert_eq!((asynchronous.staleness_max, asynchronous.exponent), (10, 0.5));
        assert!(read("mode = { asynchronous = {} }").unwrap_err().message().contains("buffer"));
    }
}
