//! The model attack: follow the protocol, with the local model frozen.
//!
//! gₜ = ∇ρR(ρₜ, θ♠)
//!
//! In: the model θ♠, ρₜ. Out: (d,). Knows only what any worker knows.
//! Source: Farhadkhani et al., ICML 2022, section 3.

use learning::Regularizer;

use crate::{Attack, Sight};

/// A worker whose own model never moves.
#[derive(Debug)]
pub struct ModelAttack {
    theta: Vec<f64>,
    regularizer: Regularizer,
}

impl ModelAttack {
    /// Holds `theta` against everybody else.
    #[must_use]
    pub const fn new(theta: Vec<f64>, regularizer: Regularizer) -> Self {
        Self { theta, regularizer }
    }
}

impl Attack for ModelAttack {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        let rho: Vec<f64> = sight.model.iter().copied().map(f64::from).collect();
        self.regularizer.gradient(&rho, &self.theta).into_iter().map(|g| g as f32).collect()
    }
}
