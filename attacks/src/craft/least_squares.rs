//! Rows that hold a least-squares model: one a singular value of Δ, K for a K-class classifier, one for a regression.
//!
//! A row x with target a contributes x̃ (Wᵀx̃ − a)ᵀ, which is unbounded in both factors. With Δ = Σᵣ cᵣ dᵣᵀ,
//! ```text
//! x̃ᵣ = cᵣ / cᵣ[last],   Wᵀx̃ᵣ − aᵣ = −cᵣ[last] dᵣ      so that   Σᵣ x̃ᵣ (Wᵀx̃ᵣ − aᵣ)ᵀ = −Δ
//! ```
//! and of all such sums the one from the singular value decomposition, turned so that every cᵣ[last] is the same: no row
//! is then larger than it has to be. Rows labelled exactly Wᵀx̃ have no gradient at θ♠ and change no equilibrium, but
//! pin the other directions of the local model, which would follow ρ: with them the attack is as fast as the model's.
//! In: θ♠ and ρ∞, (d,). Out: at most K rows, plus p + 1 pins. Cost O(p K²).
//! Source: Farhadkhani et al., ICML 2022, section 6 (one output); our derivation for several.

use learning::{Dataset, Targets, data::Inputs};
use nalgebra::{DMatrix, DVector};
use ndarray::Array2;

use super::{Hold, Uncraftable, principal_directions};

/// Inputs of the pins: large beside the honest pixels, so that they hold tight.
const PIN: f64 = 30.0;

/// Rows that make θ♠ the local optimum of an honest worker under ρ∞; with `pins` also rows that fix the rest of it.
///
/// # Errors
/// When the vectors do not fit the model or Δ has no bias part to speak of.
pub fn rows_for_least_squares(hold: &Hold<'_>, pins: bool) -> Result<Dataset, Uncraftable> {
    let (theta, delta) = hold.matrices()?;
    let (inputs, outputs) = (hold.model.inputs, hold.model.outputs);
    let (carriers, answers) = balanced_factors(&delta)?;
    let mut rows: Vec<(DVector<f64>, DVector<f64>)> = (carriers.column_iter().zip(answers.column_iter()))
        .map(|(c, d)| {
            let x = c / c[inputs];
            let target = theta.transpose() * &x + c[inputs] * d;
            (x, target)
        })
        .collect();
    if pins {
        for j in 0..=inputs {
            let mut x = DVector::zeros(inputs + 1);
            x[j] = PIN;
            x[inputs] = 1.0;
            let target = theta.transpose() * &x;
            rows.push((x, target));
        }
    }
    Ok(Dataset::new(
        Inputs::Reals(Array2::from_shape_fn((rows.len(), inputs), |(i, j)| rows[i].0[j])),
        Targets::Values(Array2::from_shape_fn((rows.len(), outputs), |(i, k)| rows[i].1[k])),
    ))
}

/// C and D with Δ = C Dᵀ, one column a singular value, all entries of C's last row equal.
fn balanced_factors(delta: &DMatrix<f64>) -> Result<(DMatrix<f64>, DMatrix<f64>), Uncraftable> {
    let directions = principal_directions(delta);
    if directions.is_empty() {
        return Err(Uncraftable::NoBias { bias: 0.0, total: 0.0 });
    }
    let columns = |of: &dyn Fn(&DVector<f64>, f64) -> DVector<f64>| {
        DMatrix::from_columns(&directions.iter().map(|(v, sigma)| of(v, sigma.sqrt())).collect::<Vec<_>>())
    };
    let (c, d) = (columns(&|v, root| delta * v / root), columns(&|v, root| v * root));
    let last = c.row(c.nrows() - 1).transpose();
    let (bias, total) = (delta.row(delta.nrows() - 1).norm(), delta.norm());
    if last.norm() < 1e-9 * c.norm() {
        return Err(Uncraftable::NoBias { bias, total });
    }
    // A reflection H that maps the last row onto equal entries; C H (D H)ᵀ is still Δ.
    let even = DVector::from_element(last.len(), last.norm() / (last.len() as f64).sqrt());
    let mirror = &last - &even;
    if mirror.norm() < 1e-12 * last.norm() {
        return Ok((c, d));
    }
    let reflect = |m: &DMatrix<f64>| m - (m * &mirror) * mirror.transpose() * (2.0 / mirror.norm_squared());
    Ok((reflect(&c), reflect(&d)))
}

#[cfg(test)]
mod tests {
    use learning::{Model, Regularizer, model::Kind, regularizer};

    use super::*;

    fn wave(n: usize, pace: f64, height: f64) -> Vec<f64> {
        (0..n).map(|k| height * (pace * (k * k) as f64 + 1.0).sin()).collect()
    }

    #[test]
    fn k_rows_hold_k_outputs_and_one_row_a_regression_with_or_without_pins() {
        for outputs in [1, 2, 10] {
            let model = Model { kind: Kind::Linear, inputs: 30, outputs };
            let d = model.dimension();
            let (theta, rho) = (wave(d, 1.7, 2.0), wave(d, 0.3, 1.0));
            let regularizer = Regularizer { kind: regularizer::Kind::SquaredL2, lambda: 0.3 };
            let hold = Hold { model, theta: &theta, rho: &rho, regularizer, nu: 0.1 };
            for pins in [false, true] {
                let rows = rows_for_least_squares(&hold, pins).unwrap();
                assert_eq!(rows.inputs.rows(), outputs + if pins { 31 } else { 0 });
                let stationarity = hold.stationarity(&rows).unwrap();
                assert!(stationarity < 1e-8, "{outputs} {pins}: {stationarity}");
            }
        }
    }

    #[test]
    fn a_pull_without_bias_is_refused_in_numbers() {
        let model = Model { kind: Kind::Linear, inputs: 1, outputs: 1 };
        let regularizer = Regularizer { kind: regularizer::Kind::SquaredL2, lambda: 1.0 };
        let hold = Hold { model, theta: &[1.0, 2.0], rho: &[0.0, 2.0], regularizer, nu: 0.0 };
        assert!(matches!(rows_for_least_squares(&hold, false), Err(Uncraftable::NoBias { bias: 0.0, .. })));
    }
}
