//! Gradient attack → model attack: the frozen model whose honest message is the gradient that the attack settled on.
//!
//! Solve ∇ρR(ρ∞, θ♠) = g∞ for θ♠:
//! ```text
//! squared-l2   θ♠ = ρ∞ − g∞ / 2λ
//! smooth-l2    θ♠ = ρ∞ − g∞ / √(λ² − ‖g∞‖²)      needs ‖g∞‖ < λ
//! l2           θ♠ = ρ∞ − t g∞/‖g∞‖, any t > 0     needs ‖g∞‖ = λ (1 here); a shorter g∞ is only a subgradient at ρ∞
//! ```
//! Source: Farhadkhani et al., ICML 2022, theorem 1; our derivation for smooth-l2.

use learning::{Regularizer, regularizer::Kind};

/// No frozen model sends this gradient.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Irreducible {
    /// An honest worker cannot send a vector that long.
    #[error(
        "the attack settled on a gradient of norm {norm:.3}, and a worker under this regulariser sends at most {lambda}"
    )]
    TooLong {
        /// ‖g∞‖
        norm: f64,
        /// λ
        lambda: f64,
    },
    /// Under l2 only a model that sits on ρ sends a shorter vector, and which vector is then not determined.
    #[error(
        "the attack settled on a gradient of norm {norm:.3}, and under l2 a model away from ρ sends exactly {lambda}"
    )]
    TooShort {
        /// ‖g∞‖
        norm: f64,
        /// λ
        lambda: f64,
    },
}

/// Relative distance to λ within which an l2 gradient counts as being on the sphere: f32 messages.
const ON_SPHERE: f64 = 1e-5;

/// The frozen model θ♠ that sends `gradient` when the common model is `rho`.
///
/// # Errors
/// When there is none.
pub fn gradient_to_model(
    rho: &[f64],
    gradient: &[f64],
    regularizer: Regularizer,
) -> Result<Vec<f64>, Irreducible> {
    let Regularizer { kind, lambda } = regularizer;
    let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    let factor = match kind {
        Kind::SquaredL2 => (2.0 * lambda).recip(),
        Kind::SmoothL2 if norm < lambda => (lambda * lambda - norm * norm).sqrt().recip(),
        Kind::L2 if (norm / lambda - 1.0).abs() <= ON_SPHERE => norm.recip(),
        Kind::L2 if norm < lambda => return Err(Irreducible::TooShort { norm, lambda }),
        Kind::L2 | Kind::SmoothL2 => return Err(Irreducible::TooLong { norm, lambda }),
    };
    Ok(rho.iter().zip(gradient).map(|(r, g)| r - factor * g).collect())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn the_frozen_model_sends_the_gradient(rho in vec(-3.0..3.0, 4), g in vec(-1.0..1.0, 4), lambda in 2.1..5.0) {
            for kind in [Kind::SquaredL2, Kind::SmoothL2] {
                let regularizer = Regularizer { kind, lambda };
                let theta = gradient_to_model(&rho, &g, regularizer).unwrap();
                for (sent, g) in regularizer.gradient(&rho, &theta).iter().zip(&g) {
                    prop_assert!((sent - g).abs() < 1e-9, "{kind:?}: {sent} {g}");
                }
            }
        }
    }

    #[test]
    fn under_l2_only_the_sphere_can_be_reduced() {
        let l2 = Regularizer { kind: Kind::L2, lambda: 5.0 };
        let theta = gradient_to_model(&[1.0, 1.0], &[3.0, 4.0], l2).unwrap();
        let sent = l2.gradient(&[1.0, 1.0], &theta);
        assert!((sent[0] - 3.0).abs() < 1e-12 && (sent[1] - 4.0).abs() < 1e-12);
        assert!(matches!(gradient_to_model(&[0.0], &[4.0], l2), Err(Irreducible::TooShort { .. })));
        assert!(matches!(gradient_to_model(&[0.0], &[6.0], l2), Err(Irreducible::TooLong { .. })));
    }
}
