//! The counter-gradient attack: cancel what the others will send, and add what reaches the target.
//!
//! Gₜ₋₁ = (ρₜ₋₁ − ρₜ)/ηₜ₋₁ − gₜ₋₁            what everybody else sent, from two successive models
//! gₜ   = Π( (ρₜ − θ†)/ηₜ − Gₜ₋₁ )            Π projects onto Grad(ρ), what an honest worker could send
//!
//! Accomplices are one attacker in several places: each of k sends Π of a k-th of it, so that k rows cancel what one would, and
//! G is what moved the model less the rows of all k.
//!
//! In: the target θ†, (d,), and what every worker sees. Out: (d,). In the first round G = 0. Where the scenario reveals the
//! sum of last round's rows, G is that sum less the attackers' own rows: what the published code does, and what it takes
//! against a server that does not descend plainly.
//! Converges under squared-l2 when the server descends plainly with η < 1/(4λh), h honest workers; under l2 and
//! smooth-l2 the row's norm is bounded by λ, and so is the harm.
//! Aimed at the users' own models (squared-l2 only): where h users pull with G in all, they stand G/2λh beyond ρ on average, so
//! ρ has to come to θ† + Gₜ₋₁/2λh instead of θ†. Published for h = 1.
//! Source: Farhadkhani et al., ICML 2022, section 5 and appendix.

use learning::{Memory, Regularizer};

use crate::{Attack, Sight};

/// A worker that steers the common model to a target.
#[derive(Debug)]
pub struct CounterGradient {
    target: Vec<f64>,
    regularizer: Regularizer,
    /// How far beyond the target the common model has to come, in units of what the others sent.
    beyond: f64,
    /// How many send the same row.
    accomplices: f64,
    last: Option<Last>,
    /// The latest estimate of the sum of the others' rows.
    others: Vec<f64>,
}

#[derive(Debug)]
struct Last {
    model: Vec<f32>,
    row: Vec<f32>,
}

impl CounterGradient {
    /// Steers to `target` with rows that an honest worker under `regularizer` could send.
    #[must_use]
    pub fn new(target: Vec<f64>, regularizer: Regularizer) -> Self {
        Self {
            others: vec![0.0; target.len()],
            target,
            regularizer,
            beyond: 0.0,
            accomplices: 1.0,
            last: None,
        }
    }

    /// Shares the row with so many who do the same, this one included.
    #[must_use]
    pub fn among(self, accomplices: usize) -> Self {
        Self { accomplices: accomplices.max(1) as f64, ..self }
    }

    /// The same for the own models of `users` honest users under λ‖ρ−θ‖².
    #[must_use]
    pub fn of_local_models(target: Vec<f64>, regularizer: Regularizer, users: usize) -> Self {
        let beyond = (2.0 * regularizer.lambda * users as f64).recip();
        Self { beyond, ..Self::new(target, regularizer) }
    }

    fn observe(&mut self, sight: &Sight<'_>) {
        let (Some(last), Some(previous)) = (&self.last, sight.previous) else { return };
        if previous.step <= 0.0 {
            return; // A skipped round moved nothing and says nothing.
        }
        let ours = if previous.counted { self.accomplices } else { 0.0 };
        for (k, others) in self.others.iter_mut().enumerate() {
            let all = match previous.sum {
                Some(sum) => f64::from(sum[k]),
                None => (f64::from(last.model[k]) - f64::from(sight.model[k])) / previous.step,
            };
            *others = all - ours * f64::from(last.row[k]);
        }
    }
}

impl Attack for CounterGradient {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        self.observe(sight);
        let mut row: Vec<f64> = (sight.model.iter().zip(&self.target).zip(&self.others))
            .map(|((&rho, target), others)| {
                ((f64::from(rho) - target - self.beyond * others) / sight.step - others) / self.accomplices
            })
            .collect();
        self.regularizer.project(&mut row);
        let row: Vec<f32> = row.into_iter().map(|g| g as f32).collect();
        self.last = Some(Last { model: sight.model.to_vec(), row: row.clone() });
        row
    }

    fn remember(&self, memory: &mut Memory) {
        memory.put_count(u64::from(self.last.is_some()));
        memory.put_doubles(&self.others);
        if let Some(Last { model, row }) = &self.last {
            memory.put_singles(model);
            memory.put_singles(row);
        }
    }

    fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        let (answered, d) = (memory.count::<u8>()?, self.target.len());
        self.others = memory.doubles(d)?;
        self.last = match answered {
            0 => None,
            _ => Some(Last { model: memory.singles(d)?, row: memory.singles(d)? }),
        };
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use learning::regularizer::Kind;

    use super::*;
    use crate::Previous;

    /// One round of plain descent in which honest workers sum to `curvature` (ρ − 1).
    fn steered(kind: Kind, eta: f64, curvature: f64, rounds: u32) -> f64 {
        let mut attack = CounterGradient::new(vec![5.0], Regularizer { kind, lambda: 1.0 });
        let (mut rho, mut previous) = ([0.0_f32], None);
        for round in 1..=rounds {
            let row = attack.answer(&Sight { previous, ..Sight::of(round, &rho, eta) });
            let honest = curvature * (f64::from(rho[0]) - 1.0);
            rho[0] = (f64::from(rho[0]) - eta * (honest + f64::from(row[0]))) as f32;
            previous = Some(Previous { step: eta, counted: true, sum: None });
        }
        (f64::from(rho[0]) - 5.0).abs()
    }

    #[test]
    fn it_reaches_the_target_below_the_critical_step_and_diverges_above() {
        assert!(steered(Kind::SquaredL2, 0.2, 1.0, 60) < 1e-5);
        assert!(steered(Kind::SquaredL2, 0.49, 1.0, 4000) < 1e-4);
        assert!(steered(Kind::SquaredL2, 0.52, 1.0, 400) > 1e3);
    }

    #[test]
    fn accomplices_move_the_model_as_one_attacker_would() {
        let regularizer = Regularizer { kind: Kind::SquaredL2, lambda: 1.0 };
        // η is beyond what three who each cancel everything would stand.
        let moved = |liars: usize| -> Vec<f32> {
            let mut attack = CounterGradient::new(vec![5.0], regularizer).among(liars);
            let (mut rho, mut previous) = ([0.0_f32], None);
            let round = |round| {
                let row = attack.answer(&Sight { previous, ..Sight::of(round, &rho, 0.2) })[0];
                let honest = f64::from(rho[0]) - 1.0;
                rho[0] = (f64::from(rho[0]) - 0.2 * (honest + liars as f64 * f64::from(row))) as f32;
                previous = Some(Previous { step: 0.2, counted: true, sum: None });
                rho[0]
            };
            (1..=60).map(round).collect()
        };
        let alone = moved(1);
        assert!((alone[59] - 5.0).abs() < 1e-5);
        assert!(moved(3).iter().zip(&alone).all(|(three, one)| (three - one).abs() < 1e-5));
    }

    #[test]
    fn aimed_at_a_local_model_it_brings_that_to_the_target_and_the_common_one_beyond() {
        let regularizer = Regularizer { kind: Kind::SquaredL2, lambda: 1.0 };
        let mut attack = CounterGradient::of_local_models(vec![5.0], regularizer, 1);
        let (mut rho, mut theta, mut previous) = ([0.0_f32], 0.0, None);
        for round in 1..=60 {
            let row = attack.answer(&Sight { previous, ..Sight::of(round, &rho, 0.1) });
            // A user with loss (θ − 1)²/2 solves θ − 1 = 2(ρ − θ).
            theta = (1.0 + 2.0 * f64::from(rho[0])) / 3.0;
            let honest = 2.0 * (f64::from(rho[0]) - theta);
            rho[0] = (f64::from(rho[0]) - 0.1 * (honest + f64::from(row[0]))) as f32;
            previous = Some(Previous { step: 0.1, counted: true, sum: None });
        }
        assert!((theta - 5.0).abs() < 1e-4 && (rho[0] - 7.0).abs() < 1e-4, "{theta} {rho:?}");
    }

    #[test]
    fn bounded_votes_do_not_reach_the_target() {
        for kind in [Kind::L2, Kind::SmoothL2] {
            assert!(steered(kind, 0.2, 1.0, 500) > 2.9, "one voter of weight 1 moves the balance by 1");
        }
    }

    #[test]
    fn a_row_that_was_not_counted_is_not_subtracted() {
        let mut attack = CounterGradient::new(vec![0.0], Regularizer { kind: Kind::SquaredL2, lambda: 1.0 });
        attack.answer(&Sight::of(1, &[1.0], 0.5));
        // The others sent 4 in all, ours was late: ρ went from 1 to −1.
        let previous = Some(Previous { step: 0.5, counted: false, sum: None });
        let row = attack.answer(&Sight { previous, ..Sight::of(2, &[-1.0], 0.5) });
        assert_eq!(row, [-2.0 - 4.0]);
    }

    #[test]
    fn a_revealed_sum_is_believed_rather_than_the_movement() {
        let regularizer = Regularizer { kind: Kind::SquaredL2, lambda: 1.0 };
        let mut attack = CounterGradient::new(vec![0.0], regularizer);
        let mine = attack.answer(&Sight::of(1, &[1.0], 0.5))[0];
        let previous = Some(Previous { step: 0.5, counted: true, sum: Some(&[mine + 7.0]) });
        let row = attack.answer(&Sight { previous, ..Sight::of(2, &[1.0], 0.5) });
        assert_eq!(row, [2.0 - 7.0]);
    }
}
