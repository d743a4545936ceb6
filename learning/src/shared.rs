//! One common model for everybody: what an honest worker sends when it has no model of its own.
//!
//! dsgd     g = ∇ℓ(ρ; B) + w ρ,   m ← β m + (1 − β) g,   row = m
//! fedavg   θ ← ρ, then `steps` times θ ← θ − η (∇ℓ(θ; B) + w θ),   row = ρ − θ
//!
//! ℓ(ρ; B) is the mean loss over a mini-batch B, drawn without replacement from the worker's rows: a pure function of the
//! seed, the worker and the round, so nothing has to be remembered to go on. The server adds the learning rate: under
//! `scale = "mean"` and rate 1, fedavg's model is the aggregate of the workers' models.
//! Sources: Polyak momentum at the workers with the damping 1 − β as in Karimireddy et al., ICML 2021 (ByzFL's DSGD is the
//! same, but decays weights at the server); `FedAvg`: McMahan et al., AISTATS 2017.

use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Dataset, Loss, Memory, Model, Precision, Seed};

/// How workers learn one common model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Algorithm {
    /// A gradient at the common model, with momentum.
    Dsgd {
        /// Rows of a mini-batch; 0: all.
        #[serde(default = "batch")]
        batch: usize,
        /// β in [0, 1).
        #[serde(default)]
        momentum: f64,
        /// w ≥ 0.
        #[serde(default)]
        weight_decay: f64,
    },
    /// What some steps of its own moved the model by.
    Fedavg {
        /// Rows of a mini-batch; 0: all.
        #[serde(default = "batch")]
        batch: usize,
        /// Steps a round.
        #[serde(default = "steps")]
        steps: usize,
        /// η > 0 of those.
        #[serde(default = "rate")]
        rate: f64,
        /// w ≥ 0.
        #[serde(default)]
        weight_decay: f64,
    },
}

const fn batch() -> usize {
    32
}

const fn steps() -> usize {
    5
}

const fn rate() -> f64 {
    0.1
}

impl Default for Algorithm {
    fn default() -> Self {
        Self::Dsgd { batch: batch(), momentum: 0.0, weight_decay: 0.0 }
    }
}

impl Algorithm {
    /// Answers the first number that is out of its range, with what was expected.
    pub(crate) fn wrong(&self) -> Option<(&'static str, f64, &'static str)> {
        let not_positive = |name, value: f64| {
            (!(value > 0.0 && value.is_finite())).then_some((name, value, "a positive number"))
        };
        let negative = |name, value: f64| {
            (!(value >= 0.0 && value.is_finite())).then_some((name, value, "zero or a positive number"))
        };
        match *self {
            Self::Dsgd { momentum, weight_decay, .. } => (!(0.0..1.0).contains(&momentum))
                .then_some(("momentum", momentum, "a number from 0 to below 1"))
                .or_else(|| negative("weight_decay", weight_decay)),
            Self::Fedavg { steps, rate, weight_decay, .. } => (steps == 0)
                .then_some(("steps", 0.0, "at least 1"))
                .or_else(|| not_positive("rate", rate))
                .or_else(|| negative("weight_decay", weight_decay)),
        }
    }
}

/// A worker's side of a common model.
#[derive(Debug)]
pub struct Shared {
    loss: Loss,
    algorithm: Algorithm,
    rows: usize,
    momentum: Vec<f32>,
    draws: ChaCha8Rng,
}

/// Words of the stream that a round may use.
const WORDS_A_ROUND: u128 = 1 << 32;

impl Shared {
    /// A worker with these rows; stream "batches" of the seed, worker `index`.
    ///
    /// # Panics
    /// When the data do not fit the model.
    #[must_use]
    pub fn new(algorithm: Algorithm, model: &Model, data: &Dataset, (seed, index): (Seed, u32)) -> Self {
        let remembers = matches!(algorithm, Algorithm::Dsgd { momentum, .. } if momentum != 0.0);
        Self {
            loss: Loss::new(model, data, 0.0, 1.0, Precision::Single),
            algorithm,
            rows: data.inputs.rows(),
            momentum: if remembers { vec![0.0; model.dimension()] } else { Vec::new() },
            draws: seed.stream_of("batches", index),
        }
    }

    /// What the worker sends in `round` when the common model is `rho`.
    ///
    /// # Panics
    /// When `rho` does not have the model's length.
    pub fn respond(&mut self, round: u32, rho: &[f32]) -> Vec<f32> {
        self.draws.set_word_pos(u128::from(round) * WORDS_A_ROUND);
        match self.algorithm {
            Algorithm::Dsgd { batch, momentum, weight_decay } => {
                let mut gradient = vec![0.0; rho.len()];
                self.descend(batch, weight_decay as f32, rho, &mut gradient);
                if momentum == 0.0 {
                    return gradient;
                }
                let (old, new) = (momentum as f32, (1.0 - momentum) as f32);
                self.momentum.iter_mut().zip(&gradient).for_each(|(m, g)| *m = old * *m + new * g);
                self.momentum.clone()
            }
            Algorithm::Fedavg { batch, steps, rate, weight_decay } => {
                let (mut theta, mut gradient) = (rho.to_vec(), vec![0.0; rho.len()]);
                for _ in 0..steps {
                    self.descend(batch, weight_decay as f32, &theta, &mut gradient);
                    theta.iter_mut().zip(&gradient).for_each(|(t, g)| *t -= rate as f32 * g);
                }
                rho.iter().zip(theta).map(|(r, t)| r - t).collect()
            }
        }
    }

    /// Puts down its momentum: what it draws follows from the round.
    pub(crate) fn remember(&self, memory: &mut Memory) {
        if !self.momentum.is_empty() {
            memory.put_singles(&self.momentum);
        }
    }

    /// Goes on from that; `None` when it was another worker's.
    pub(crate) fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        if !self.momentum.is_empty() {
            self.momentum = memory.singles(self.momentum.len())?;
        }
        Some(())
    }

    /// Writes the gradient over the next mini-batch at `theta`, its decay included.
    fn descend(&mut self, batch: usize, decay: f32, theta: &[f32], gradient: &mut [f32]) {
        let rows = if batch == 0 || batch >= self.rows {
            (0..self.rows).collect()
        } else {
            index::sample(&mut self.draws, self.rows, batch).into_vec()
        };
        self.loss.evaluate_rows(&rows, theta, gradient);
        if decay > 0.0 {
            gradient.iter_mut().zip(theta).for_each(|(g, t)| *g += decay * t);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::Source, model::Kind};

    fn worker(algorithm: Algorithm) -> Shared {
        let data = Source::Digits.train(None).unwrap().select(&(0..100).collect::<Vec<_>>());
        let model = Model { kind: Kind::Softmax, inputs: 64, outputs: 10 };
        Shared::new(algorithm, &model, &data, (Seed(1), 3))
    }

    fn dsgd(batch: usize, momentum: f64, weight_decay: f64) -> Shared {
        worker(Algorithm::Dsgd { batch, momentum, weight_decay })
    }

    #[test]
    fn a_batch_depends_on_the_round_and_not_on_what_was_before() {
        let rho = vec![0.01; 650];
        let mut one = dsgd(8, 0.0, 0.0);
        let (first, second) = (one.respond(1, &rho), one.respond(2, &rho));
        assert_ne!(first, second);
        assert_eq!(dsgd(8, 0.0, 0.0).respond(2, &rho), second);
    }

    #[test]
    fn momentum_is_damped_and_decay_pulls_to_zero() {
        let rho = vec![0.5; 650];
        let plain = dsgd(0, 0.0, 0.0).respond(1, &rho);
        let mut heavy = dsgd(0, 0.75, 0.0);
        let (first, second) = (heavy.respond(1, &rho), heavy.respond(2, &rho));
        let decayed = dsgd(0, 0.0, 0.2).respond(1, &rho);
        for k in 0..650 {
            assert!((first[k] - 0.25 * plain[k]).abs() < 1e-6);
            assert!((second[k] - (1.0 - 0.75 * 0.75) * plain[k]).abs() < 1e-6);
            assert!((decayed[k] - plain[k] - 0.1).abs() < 1e-6);
        }
    }

    #[test]
    fn one_local_step_over_all_rows_is_a_gradient_times_its_rate() {
        let rho: Vec<f32> = (0..650).map(|k| (k as f32).sin() / 9.0).collect();
        let gradient = dsgd(0, 0.0, 0.0).respond(1, &rho);
        let averaging = |steps| Algorithm::Fedavg { batch: 0, steps, rate: 0.5, weight_decay: 0.0 };
        let moved = worker(averaging(1)).respond(1, &rho);
        assert!(moved.iter().zip(&gradient).all(|(m, g)| (m - 0.5 * g).abs() < 1e-6));
        let far = worker(averaging(5)).respond(1, &rho);
        let length = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>();
        assert!(length(&far) > 4.0 * length(&moved));
    }
}
