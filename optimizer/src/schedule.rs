//! The learning rate of a round, as a pure function of the round's number: nothing to checkpoint.

use serde::{Deserialize, Serialize};

/// ηₜ = rate · factorᵏ, k the largest number ≤ t for which this stays at or above `floor`.
///
/// The published experiments decay from 0.02 by 0.99 a round down to 0.005: at the start of a round the rate is
/// multiplied unless that would take it below the floor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Rate before the first round.
    pub rate: f64,
    /// Multiplies the rate at the start of each round; 1 keeps it constant.
    #[serde(default = "one")]
    pub factor: f64,
    /// The decay stops before the rate would fall below this.
    #[serde(default)]
    pub floor: f64,
}

const fn one() -> f64 {
    1.0
}

/// A schedule that gives no usable learning rate.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidSchedule {
    /// The rate is not positive.
    #[error("rate is {0}, expected a positive number")]
    Rate(f64),
    /// The factor is outside (0, 1].
    #[error("factor is {0}, expected a number above 0 and at most 1")]
    Factor(f64),
    /// The floor is negative.
    #[error("floor is {0}, expected zero or a positive number")]
    Floor(f64),
}

impl Schedule {
    /// The same rate in every round.
    #[must_use]
    pub const fn constant(rate: f64) -> Self {
        Self { rate, factor: 1.0, floor: 0.0 }
    }

    /// Answers the first number that is out of its range.
    ///
    /// # Errors
    /// When the rate is not positive, the factor not in (0, 1] or the floor negative.
    pub fn check(&self) -> Result<(), InvalidSchedule> {
        if !(self.rate > 0.0 && self.rate.is_finite()) {
            Err(InvalidSchedule::Rate(self.rate))
        } else if !(self.factor > 0.0 && self.factor <= 1.0) {
            Err(InvalidSchedule::Factor(self.factor))
        } else if !(self.floor >= 0.0 && self.floor.is_finite()) {
            Err(InvalidSchedule::Floor(self.floor))
        } else {
            Ok(())
        }
    }

    /// Learning rate of `round`, counted from 1.
    #[must_use]
    pub fn at(&self, round: u32) -> f64 {
        if self.factor >= 1.0 || self.rate * self.factor < self.floor {
            return self.rate;
        }
        let decays = if self.floor > 0.0 {
            // The small slack keeps a floor that is an exact power of the factor on the allowed side.
            let most = ((self.floor / self.rate).ln() / self.factor.ln() + 1e-9).floor();
            f64::from(round).min(most)
        } else {
            f64::from(round)
        };
        self.rate * self.factor.powf(decays)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_decay_starts_at_0_0198_and_settles_at_0_00504725_from_round_137() {
        let schedule = Schedule { rate: 0.02, factor: 0.99, floor: 0.005 };
        assert!((schedule.at(1) - 0.0198).abs() < 1e-12);
        assert!(schedule.at(136) > schedule.at(137));
        for round in [137, 138, 5_000] {
            assert!((schedule.at(round) - 0.005_047_25).abs() < 1e-7, "{}", schedule.at(round));
        }
    }

    #[test]
    fn it_agrees_with_the_loop_it_stands_for() {
        for (rate, factor, floor) in
            [(0.02, 0.99, 0.005), (0.04, 0.99, 0.02), (1.0, 0.5, 0.25), (1.0, 0.9, 0.0)]
        {
            let mut looped: f64 = rate;
            for round in 1..300 {
                if looped * factor >= floor {
                    looped *= factor;
                }
                let got = Schedule { rate, factor, floor }.at(round);
                assert!((got / looped - 1.0).abs() < 1e-9, "round {round}: {got}, the loop says {looped}");
            }
        }
    }

    #[test]
    fn rates_out_of_range_are_refused() {
        for bad in [
            Schedule::constant(0.0),
            Schedule::constant(f64::NAN),
            Schedule { rate: 1.0, factor: 0.0, floor: 0.0 },
            Schedule { rate: 1.0, factor: 1.1, floor: 0.0 },
            Schedule { rate: 1.0, factor: 1.0, floor: -1.0 },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        assert!(Schedule::constant(2.0).check().is_ok());
    }
}
