//! How long a round may stay open: always the same, or by how long rounds took.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

/// Longest time from opening a round to closing it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Deadline {
    /// Always this, as in `"60s"`.
    Fixed(#[serde(with = "humantime_serde")] Duration),
    /// By the rounds before, as in `{ quantile = 0.9, factor = 3, least = "1s" }`.
    Learned(Learned),
}

/// A deadline by the rounds before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    /// Which of the last rounds' times: 0.5 is the median, 1 the longest.
    pub quantile: f64,
    /// So many times that.
    pub factor: f64,
    /// And no less than this.
    #[serde(with = "humantime_serde")]
    pub least: Duration,
    /// Nor more than this, which is the deadline of the first rounds too.
    #[serde(with = "humantime_serde", default = "minute")]
    pub most: Duration,
}

const fn minute() -> Duration {
    Duration::from_secs(60)
}

/// Rounds that are remembered.
const MEMORY: usize = 64;
/// Rounds before which nothing is learned from them.
const ENOUGH: usize = 8;

/// How long the last rounds took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace(VecDeque<Duration>);

impl Pace {
    /// A round took this long until its last update came.
    pub(crate) fn note(&mut self, took: Duration) {
        if self.0.len() == MEMORY {
            self.0.pop_front();
        }
        self.0.push_back(took);
    }

    /// The time within which this part of the last rounds was done.
    fn quantile(&self, quantile: f64) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let place = (quantile * sorted.len() as f64).ceil() as usize;
        sorted.get(place.saturating_sub(1)).copied().filter(|_| sorted.len() >= ENOUGH)
    }
}

impl Deadline {
    /// The time that the next round has.
    pub(crate) fn next(self, pace: &Pace) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::Learned(Learned { quantile, factor, least, most }) => {
                pace.quantile(quantile).map_or(most, |time| time.mul_f64(factor)).clamp(least, most)
            }
        }
    }

    /// Whether it makes sense.
    pub(crate) fn is_valid(self) -> bool {
        match self {
            Self::Fixed(time) => !time.is_zero(),
            Self::Learned(Learned { quantile, factor, least, most }) => {
                (0.0..=1.0).contains(&quantile)
                    && (1.0..=1e6).contains(&factor)
                    && !least.is_zero()
                    && least <= most
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEARNED: Learned = Learned {
        quantile: 0.9,
        factor: 3.0,
        least: Duration::from_millis(50),
        most: Duration::from_secs(60),
    };

    fn pace(milliseconds: impl IntoIterator<Item = u64>) -> Pace {
        let mut pace = Pace::default();
        milliseconds.into_iter().for_each(|time| pace.note(Duration::from_millis(time)));
        pace
    }

    #[test]
    fn the_deadline_follows_the_rounds_within_its_bounds() {
        let next = |times: Vec<u64>, learned| Deadline::Learned(learned).next(&pace(times)).as_millis();
        assert_eq!(next((1..8).collect(), LEARNED), 60_000, "seven rounds are too few");
        assert_eq!(next((100..110).collect(), LEARNED), 3 * 108);
        assert_eq!(next((100..110).collect(), Learned { quantile: 1.0, ..LEARNED }), 3 * 109);
        assert_eq!(next((100..110).collect(), Learned { quantile: 0.0, ..LEARNED }), 3 * 100);
        assert_eq!(next(vec![1; 10], LEARNED), 50);
        assert_eq!(next(vec![90_000; 10], LEARNED), 60_000);
        let remembered = (0..100).map(|number| if number < 36 { 1_000 } else { 100 }).collect();
        assert_eq!(next(remembered, Learned { quantile: 1.0, ..LEARNED }), 300, "old rounds are forgotten");
        assert_eq!(Deadline::Fixed(minute()).next(&pace([1; 10])), minute());
    }

    #[test]
    fn the_last_good_and_the_first_bad_of_every_bound() {
        for (learned, valid) in [
            (LEARNED, true),
            (Learned { quantile: 1.0, ..LEARNED }, true),
            (Learned { quantile: 1.01, ..LEARNED }, false),
            (Learned { quantile: f64::NAN, ..LEARNED }, false),
            (Learned { factor: 1.0, ..LEARNED }, true),
            (Learned { factor: 0.99, ..LEARNED }, false),
            (Learned { least: Duration::ZERO, ..LEARNED }, false),
            (Learned { least: LEARNED.most, ..LEARNED }, true),
            (Learned { least: LEARNED.most + Duration::from_nanos(1), ..LEARNED }, false),
        ] {
            assert_eq!(Deadline::Learned(learned).is_valid(), valid, "{learned:?}");
        }
    }
}
