//! One honest user's side of the protocol: the common model comes in, a gradient goes out.

use crate::{
    Dataset, Loss, Memory, Model, Precision, Regularizer, Seed, SolverSpec, model,
    regularizer::Kind,
    solver::{Exact, Joint, Ridge},
};

/// What all users of a task have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// The model.
    pub model: Model,
    /// Weight of ν‖θ‖².
    pub nu: f64,
    /// Weight of the sum over the data.
    pub weight: f64,
    /// The pull of the common model.
    pub regularizer: Regularizer,
    /// How the user's own model is fitted.
    pub solver: SolverSpec,
}

/// A user with its data and its own model θₙ.
#[derive(Debug)]
pub struct User {
    loss: Loss,
    regularizer: Regularizer,
    solver: Solver,
}

#[derive(Debug)]
enum Solver {
    Ridge { factors: Ridge, theta: Vec<f64> },
    Exact(Exact),
    Joint(Joint),
}

impl User {
    /// A user that fits a model to `data`. An exact solver starts at zero; a joint one at `start`, or else uniform at
    /// random (stream "start" of `seed`, user `index`).
    ///
    /// # Panics
    /// When the data do not fit the model.
    #[must_use]
    pub fn new(
        setting: &Setting,
        data: &Dataset,
        start: Option<Vec<f64>>,
        (seed, index): (Seed, u32),
    ) -> Self {
        let Setting { model, nu, weight, regularizer, solver } = *setting;
        let precision =
            if matches!(solver, SolverSpec::Exact { .. }) { Precision::Double } else { Precision::Single };
        let loss = Loss::new(&model, data, nu, weight, precision);
        let zeros = || vec![0.0; model.dimension()];
        let ridge = || match (model.kind, regularizer.kind) {
            // The normal equations are the same after dividing by the weight of the data.
            (model::Kind::Linear, Kind::SquaredL2) => {
                Ridge::new(data, regularizer.lambda / weight, nu / weight)
            }
            _ => None,
        };
        let solver = match solver {
            SolverSpec::Exact { tolerance } => match ridge() {
                Some(factors) => Solver::Ridge { factors, theta: zeros() },
                None => Solver::Exact(Exact::new(start.unwrap_or_else(zeros), tolerance)),
            },
            SolverSpec::Joint { method, schedule } => {
                let start = start.unwrap_or_else(|| model.uniform(&mut seed.stream_of("start", index)));
                Solver::Joint(Joint::new(start.iter().map(|&t| t as f32).collect(), method, schedule))
            }
        };
        Self { loss, regularizer, solver }
    }

    /// What the user sends when the common model is `rho`: ∇ρR(ρ, θₙ), with θₙ fitted first (exact) or moved one step
    /// afterwards (joint).
    ///
    /// # Panics
    /// When `rho` does not have the model's length.
    pub fn respond(&mut self, round: u32, rho: &[f32]) -> Vec<f32> {
        let rho: Vec<f64> = rho.iter().copied().map(f64::from).collect();
        let message = match &mut self.solver {
            Solver::Joint(joint) => joint.respond(round, &rho, &self.loss, self.regularizer),
            Solver::Ridge { factors, theta } => {
                *theta = factors.solve(&rho);
                self.regularizer.gradient(&rho, theta)
            }
            Solver::Exact(exact) => {
                exact.solve(&rho, &self.loss, self.regularizer);
                if self.regularizer.kind == Kind::L2 && exact.theta() == rho {
                    // At the kink every vector of norm ≤ λ is a gradient of R; stationarity of θ picks ∇L.
                    let mut gradient = vec![0.0; rho.len()];
                    self.loss.evaluate(&rho, &mut gradient);
                    gradient
                } else {
                    self.regularizer.gradient(&rho, exact.theta())
                }
            }
        };
        message.into_iter().map(|g| g as f32).collect()
    }

    /// Puts down its own model, and what its solver knows beside it.
    pub(crate) fn remember(&self, memory: &mut Memory) {
        match &self.solver {
            Solver::Ridge { .. } => (), // A closed form in ρ.
            Solver::Exact(exact) => exact.remember(memory),
            Solver::Joint(joint) => joint.remember(memory),
        }
    }

    /// Goes on from that; `None` when it was another user's.
    pub(crate) fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        match &mut self.solver {
            Solver::Ridge { .. } => Some(()),
            Solver::Exact(exact) => exact.recall(memory),
            Solver::Joint(joint) => joint.recall(memory),
        }
    }

    /// The user's own model, θₙ.
    #[must_use]
    pub fn theta(&self) -> Vec<f64> {
        match &self.solver {
            Solver::Ridge { theta, .. } => theta.clone(),
            Solver::Exact(exact) => exact.theta().to_vec(),
            Solver::Joint(joint) => joint.theta(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Source;

    fn digits(rows: usize) -> Dataset {
        Source::Digits.train(None).unwrap().select(&(0..rows).collect::<Vec<_>>())
    }

    fn user(kind: model::Kind, regularizer: Regularizer, data: &Dataset) -> User {
        let model = Model { kind, inputs: 64, outputs: 10 };
        let solver = SolverSpec::Exact { tolerance: 1e-9 };
        let setting = Setting { model, nu: 0.001, weight: 0.5, regularizer, solver };
        User::new(&setting, data, None, (Seed(1), 0))
    }

    /// At the local optimum ∇L(θ) = ∇ρR(ρ, θ): the message is the gradient of the user's own loss.
    #[test]
    fn an_exact_user_sends_the_gradient_of_its_own_loss_under_every_model_and_regulariser() {
        let data = digits(120);
        for kind in [model::Kind::Softmax, model::Kind::Linear] {
            for (regularizer, lambda) in [(Kind::SquaredL2, 0.01), (Kind::L2, 1.0), (Kind::SmoothL2, 1.0)] {
                let mut user = user(kind, Regularizer { kind: regularizer, lambda }, &data);
                for round in 1..4_u32 {
                    let rho: Vec<f32> =
                        (0..650).map(|k| (k as f32 * 0.7 + round as f32 / 9.0).sin() / 5.0).collect();
                    let message = user.respond(round, &rho);
                    let mut gradient = vec![0.0; 650];
                    user.loss.evaluate(&user.theta(), &mut gradient);
                    for (m, g) in message.iter().zip(&gradient) {
                        assert!((f64::from(*m) - g).abs() < 1e-6, "{kind:?} {regularizer:?}: {m} {g}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_l2_user_with_hardly_any_data_sits_on_the_common_model() {
        let mut user = user(model::Kind::Softmax, Regularizer { kind: Kind::L2, lambda: 50.0 }, &digits(3));
        let rho = vec![0.25_f32; 650];
        let message = user.respond(1, &rho);
        assert!(user.theta().iter().all(|&t| t == 0.25));
        let norm = message.iter().map(|m| m * m).sum::<f32>().sqrt();
        assert!(norm > 0.0 && norm < 50.0, "{norm}");
    }

    /// Where products of the second derivative are many, factors of it are made and kept.
    #[test]
    fn whoever_goes_on_makes_the_same_factors_and_sends_the_same_bits() {
        let data = digits(300);
        let weak = Regularizer { kind: Kind::SquaredL2, lambda: 1e-4 };
        let fresh = || user(model::Kind::Softmax, weak, &data);
        let rho = |round: u32| -> Vec<f32> { (0..650).map(|k| ((k * round) as f32).sin() / 9.0).collect() };
        let mut whole = fresh();
        whole.respond(1, &rho(1));
        let mut memory = Memory::default();
        whole.remember(&mut memory);
        assert_eq!(memory.counts, [1], "factors were worth their while");
        let mut resumed = fresh();
        assert_eq!(resumed.recall(&mut memory), Some(()));
        assert!(memory.is_empty());
        assert_eq!(whole.respond(2, &rho(2)), resumed.respond(2, &rho(2)));
    }

    #[test]
    fn a_joint_user_sends_first_and_steps_afterwards() {
        let model = Model { kind: model::Kind::Softmax, inputs: 64, outputs: 10 };
        let regularizer = Regularizer { kind: Kind::SquaredL2, lambda: 1.0 };
        let solver = SolverSpec::Joint {
            method: optimizer::Method::Sgd,
            schedule: optimizer::Schedule::constant(0.001),
        };
        let start = vec![0.5; 650];
        let setting = Setting { model, nu: 0.0, weight: 1.0, regularizer, solver };
        let mut user = User::new(&setting, &digits(50), Some(start), (Seed(1), 0));
        let message = user.respond(1, &vec![0.0; 650]);
        assert!(message.iter().all(|&m| (m + 1.0).abs() < 1e-6), "2λ(ρ−θ) at the start is −1");
        assert_ne!(user.theta(), vec![0.5; 650]);
    }
}
