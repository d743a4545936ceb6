//! An honest worker's side of either objective: rows in hand, the common model comes in, an update goes out.

use serde::{Deserialize, Serialize};

use crate::{Shared, User};

/// What the workers want of the common model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// That it pulls everybody's own model together: min over ρ and θ of Σ Lₙ(θₙ) + Σ R(ρ, θₙ).
    #[default]
    Personalised,
    /// That it fits everybody's data: min over ρ of Σ ℓₙ(ρ).
    Shared,
}

/// A worker that learns.
#[derive(Debug)]
pub enum Learner {
    /// With a model of its own.
    Personalised(Box<User>),
    /// Without.
    Shared(Box<Shared>),
}

impl Learner {
    /// What it sends in `round` when the common model is `rho`.
    ///
    /// # Panics
    /// When `rho` does not have the model's length.
    pub fn respond(&mut self, round: u32, rho: &[f32]) -> Vec<f32> {
        match self {
            Self::Personalised(user) => user.respond(round, rho),
            Self::Shared(shared) => shared.respond(round, rho),
        }
    }
}
