//! R(ρ, θ), the pull between the common model and a user's own.
//!
//! ```text
//! squared-l2   λ‖ρ−θ‖²         ∇ρR = 2λ(ρ−θ)                 Grad = ℝᵈ
//! l2           λ‖ρ−θ‖          ∇ρR = λ(ρ−θ)/‖ρ−θ‖            Grad = closed ball of radius λ
//! smooth-l2    λ√(1+‖ρ−θ‖²)    ∇ρR = λ(ρ−θ)/√(1+‖ρ−θ‖²)      Grad = open ball of radius λ
//! ```
//!
//! Grad is what a user may legitimately send; ∇θR = −∇ρR. Source: Farhadkhani et al., ICML 2022, section 2.

use serde::{Deserialize, Serialize};

/// Which of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// λ‖ρ−θ‖²
    SquaredL2,
    /// λ‖ρ−θ‖
    L2,
    /// λ√(1+‖ρ−θ‖²)
    SmoothL2,
}

/// A kind with its weight λ > 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regularizer {
    /// Which of the three.
    pub kind: Kind,
    /// Weight, positive.
    pub lambda: f64,
}

impl Regularizer {
    /// R(ρ, θ).
    #[must_use]
    pub fn value(&self, rho: &[f64], theta: &[f64]) -> f64 {
        let squared = squared_distance(rho, theta);
        self.lambda
            * match self.kind {
                Kind::SquaredL2 => squared,
                Kind::L2 => squared.sqrt(),
                Kind::SmoothL2 => (1.0 + squared).sqrt(),
            }
    }

    /// The factor c(‖ρ−θ‖) in ∇ρR = c · (ρ−θ). For l2 at ρ = θ, where any vector of norm ≤ λ is a subgradient, 0.
    #[must_use]
    pub fn pull(&self, rho: &[f64], theta: &[f64]) -> f64 {
        match self.kind {
            Kind::SquaredL2 => 2.0 * self.lambda,
            Kind::L2 => {
                let distance = squared_distance(rho, theta).sqrt();
                if distance > 0.0 { self.lambda / distance } else { 0.0 }
            }
            Kind::SmoothL2 => self.lambda / (1.0 + squared_distance(rho, theta)).sqrt(),
        }
    }

    /// ∇ρR(ρ, θ), what an honest user with local model θ sends.
    #[must_use]
    pub fn gradient(&self, rho: &[f64], theta: &[f64]) -> Vec<f64> {
        let pull = self.pull(rho, theta);
        rho.iter().zip(theta).map(|(r, t)| pull * (r - t)).collect()
    }

    /// Adds ∇²θR · `v` to `product`, for `pull` as [`Self::pull`] gives it:
    /// c v for squared-l2, c (v − u uᵀv) for l2 and c (v − w wᵀv) for smooth-l2, u = (ρ−θ)/‖ρ−θ‖, w = (ρ−θ)/√(1+‖ρ−θ‖²).
    pub(crate) fn curve(&self, rho: &[f64], theta: &[f64], v: &[f64], product: &mut [f64]) {
        let pull = self.pull(rho, theta);
        let along = match self.kind {
            Kind::SquaredL2 => 0.0,
            Kind::L2 | Kind::SmoothL2 => {
                let inner: f64 = rho.iter().zip(theta).zip(v).map(|((r, t), v)| (r - t) * v).sum();
                inner * (pull / self.lambda).powi(2)
            }
        };
        for (((product, r), t), v) in product.iter_mut().zip(rho).zip(theta).zip(v) {
            *product += pull * (v - along * (r - t));
        }
    }

    /// The vector of Grad(ρ) nearest to `g`. The open ball of smooth-l2 has none, so there the norm stays a millionth
    /// below λ.
    pub fn project(&self, g: &mut [f64]) {
        let radius = match self.kind {
            Kind::SquaredL2 => return,
            Kind::L2 => self.lambda,
            Kind::SmoothL2 => self.lambda * (1.0 - 1e-6),
        };
        let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        if norm > radius {
            g.iter_mut().for_each(|g| *g *= radius / norm);
        }
    }
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const KINDS: [Kind; 3] = [Kind::SquaredL2, Kind::L2, Kind::SmoothL2];

    proptest! {
        #[test]
        fn gradients_agree_with_central_differences(
            rho in vec(-2.0..2.0, 4), theta in vec(-2.0..2.0, 4), lambda in 0.01..10.0,
        ) {
            for kind in KINDS {
                let r = Regularizer { kind, lambda };
                for (k, g) in r.gradient(&rho, &theta).into_iter().enumerate() {
                    let moved = |by: f64| {
                        let mut rho = rho.clone();
                        rho[k] += by;
                        r.value(&rho, &theta)
                    };
                    let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                    prop_assert!((difference - g).abs() < 1e-4 * lambda, "{kind:?}: {difference} {g}");
                }
            }
        }

        #[test]
        fn curvature_products_are_differences_of_gradients(
            rho in vec(-2.0..2.0, 4), theta in vec(3.0..5.0, 4), v in vec(-1.0..1.0, 4), lambda in 0.01..10.0,
        ) {
            for kind in KINDS {
                let r = Regularizer { kind, lambda };
                let mut product = vec![0.0; 4];
                r.curve(&rho, &theta, &v, &mut product);
                let gradient_at = |step: f64| {
                    let there: Vec<f64> = theta.iter().zip(&v).map(|(t, v)| t + step * v).collect();
                    r.gradient(&rho, &there)
                };
                for ((above, below), got) in gradient_at(1e-5).iter().zip(gradient_at(-1e-5)).zip(product) {
                    // ∇θR = −∇ρR.
                    let difference = (below - above) / 2e-5;
                    prop_assert!((difference - got).abs() < 1e-5 * lambda, "{kind:?}: {difference} {got}");
                }
            }
        }

        #[test]
        fn every_gradient_is_admissible_and_stays_where_it_is(
            rho in vec(-9.0..9.0, 4), theta in vec(-9.0..9.0, 4), lambda in 0.01..10.0,
        ) {
            for kind in KINDS {
                let r = Regularizer { kind, lambda };
                let gradient = r.gradient(&rho, &theta);
                let mut projected = gradient.clone();
                r.project(&mut projected);
                for (g, p) in gradient.iter().zip(projected) {
                    prop_assert!((g - p).abs() <= 2e-6 * lambda, "{kind:?}: {g} became {p}");
                }
            }
        }
    }

    #[test]
    fn projection_shortens_to_the_ball_and_keeps_the_direction() {
        for (kind, norm) in [(Kind::SquaredL2, 50.0), (Kind::L2, 2.0), (Kind::SmoothL2, 2.0 * (1.0 - 1e-6))] {
            let mut g = [30.0, 40.0];
            Regularizer { kind, lambda: 2.0 }.project(&mut g);
            assert!(
                (g[0].hypot(g[1]) - norm).abs() < 1e-12 && (g[0] / g[1] - 0.75).abs() < 1e-12,
                "{kind:?}: {g:?}"
            );
        }
    }

    #[test]
    fn l2_at_its_kink_has_no_pull() {
        assert_eq!(Regularizer { kind: Kind::L2, lambda: 2.0 }.gradient(&[1.0], &[1.0]), [0.0]);
    }
}
