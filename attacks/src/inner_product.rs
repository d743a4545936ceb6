//! Inner-product manipulation: minus the mean, so that the aggregate's inner product with it is negative.
//!
//! row = −τ · mean(x₁ … xₕ)
//!
//! In: rows of honest workers, (h, d), h ≥ 1. Out: (d,), sent by every liar. Cost O(h·d).
//! τ = 1 is sign flipping: of one's own row under knowledge `self`, of the honest mean otherwise (ByzFL's `SignFlipping`).
//! Source: Xie et al., UAI 2019 ("fall of empires", their ε is τ). ByzFL's `InnerProductManipulation(tau)`; krum's
//! `empire(factor)` is τ = factor − 1.

use crate::{Attack, Crowd, Sight, crowd::moved};

/// −τ times the mean of the rows it knows.
#[derive(Debug)]
pub struct InnerProduct {
    tau: f64,
}

impl InnerProduct {
    /// With this τ.
    #[must_use]
    pub const fn new(tau: f64) -> Self {
        Self { tau }
    }
}

impl Attack for InnerProduct {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        let Some(crowd) = Crowd::new(sight.known.rows()) else { return sight.silence() };
        let mean = crowd.mean();
        moved(&vec![0.0; mean.len()], -self.tau, &mean)
    }
}
