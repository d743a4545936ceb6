//! Where a counter-gradient attack settles, without the rounds it takes: ρ∞ is the target, since under squared-l2 the attack
//! reaches it exactly, and the attacker cancels what the honest users send there.

use attacks::{craft::Hold, reduction::gradient_to_model};
use learning::{Dataset, Model, Regularizer, Seed, Setting, Task, User};

use crate::failure::Failure;

/// The equilibrium of an attack on a task.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// The model of the task.
    pub model: Model,
    /// The pull between models.
    pub regularizer: Regularizer,
    /// ρ∞, the target.
    pub rho: Vec<f64>,
    /// θ♠, the frozen model that keeps it there.
    pub theta: Vec<f64>,
    /// What all users have in common.
    pub setting: Setting,
}

impl Held {
    /// The equilibrium with `target` against `honest` users of `task`.
    pub(super) fn new(
        task: &Task,
        honest: usize,
        seed: Seed,
        data: Option<&std::path::Path>,
        target: Vec<f64>,
    ) -> Result<Self, Failure> {
        let unusable = |error| Failure::unfinished(&error);
        let rho: Vec<f32> = target.iter().map(|&t| t as f32).collect();
        let mut gradient = vec![0.0; target.len()];
        for shard in 0..honest {
            let mut user = task.user(shard, honest, seed, data).map_err(unusable)?;
            for (sum, sent) in gradient.iter_mut().zip(user.respond(1, &rho)) {
                *sum -= f64::from(sent);
            }
        }
        let regularizer = task.regularizer();
        let theta = gradient_to_model(&target, &gradient, regularizer)
            .map_err(|error| Failure::unfinished(&error))?;
        let setting = task.setting(1).map_err(unusable)?;
        Ok(Self { model: setting.model, regularizer, rho: target, theta, setting })
    }

    /// What rows are to hold.
    pub(super) fn hold(&self) -> Hold<'_> {
        Hold {
            model: self.model,
            theta: &self.theta,
            rho: &self.rho,
            regularizer: self.regularizer,
            nu: self.setting.nu,
        }
    }

    /// ‖θ − θ♠‖/‖θ♠‖ of an honest user that holds `rows` and starts at zero.
    pub(super) fn missed(&self, rows: &Dataset) -> f64 {
        let mut user = User::new(&self.setting, rows, None, (Seed(1), 0));
        let rho: Vec<f32> = self.rho.iter().map(|&r| r as f32).collect();
        user.respond(1, &rho);
        distance(&user.theta(), &self.theta) / norm(&self.theta)
    }
}

pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

pub(super) fn norm(a: &[f64]) -> f64 {
    a.iter().map(|a| a * a).sum::<f64>().sqrt()
}
