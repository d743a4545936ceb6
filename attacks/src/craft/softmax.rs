//! Rows that hold a softmax model: the exact recipe (7b of the mathematics page).
//!
//! A row x with soft label q contributes x̃ (p − q)ᵀ, p = softmax(Wᵀx̃). On the points where all logits are equal, of which
//! b is the least, and around them:
//! ```text
//! copies of b        labelled p + Δ_b / copies                          carry the bias row Δ_b of Δ
//! pairs b ± s uᵣ     labelled p ± τ vᵣ, 2 s τ Nᵣ = σᵣ, Nᵣ copies each    carry Σᵣ σᵣ uᵣ vᵣᵀ = the rest of Δ
//! ```
//! In: θ♠ and ρ∞, (d,). Out: at most 2K − 1 distinct rows, counted. Cost O(p K²).
//! Softmax does not feel a constant added to all logits, and no data can pull there: that part of θ♠ is ignored.

use learning::Dataset;
use nalgebra::{DMatrix, DVector};

use super::{Hold, Rows, Uncraftable, centred, differences, principal_directions, softmax};

/// Part of the uniform probability that the label of a copy of b may deviate.
const DEVIATION_MAX: f64 = 0.9;

/// Rows, with soft labels, that make θ♠ the local optimum of an honest worker under ρ∞.
///
/// # Errors
/// When the vectors do not fit the model, or the model is constant in some direction of its logits.
pub fn rows_for_softmax(hold: &Hold<'_>) -> Result<Dataset, Uncraftable> {
    let (theta, delta) = hold.matrices()?;
    let (inputs, classes) = (hold.model.inputs, hold.model.outputs);
    let (theta, delta) = (centred(theta), centred(delta));
    let (weights, bias) = (theta.rows(0, inputs).into_owned(), theta.row(inputs).transpose());
    let base = indifferent_point(&weights, &bias)?;
    let mut rows = Rows::default();

    let delta_bias = delta.row(inputs).transpose();
    let copies = (delta_bias.amax() * classes as f64 / DEVIATION_MAX).ceil().max(1.0);
    let uniform = DVector::from_element(classes, (classes as f64).recip());
    rows.push(&base, &(uniform + &delta_bias / copies), copies as u32);

    let rest = delta.rows(0, inputs) - &base * delta_bias.transpose();
    for (v, sigma) in principal_directions(&rest) {
        let u = &rest * &v / sigma;
        let logits = weights.transpose() * &u;
        let arm = longest_arm(&logits, &v);
        let pairs = (sigma / (2.0 * arm * deviation(&logits, &v, arm))).ceil();
        let tau = sigma / (2.0 * arm * pairs);
        for side in [1.0, -1.0] {
            let label = softmax(&(side * arm * &logits)) + side * tau * &v;
            rows.push(&(&base + side * arm * &u), &label, pairs as u32);
        }
    }
    Ok(rows.into_dataset())
}

/// The least x with Wᵀx + b = 0 (W and b centred): all logits equal.
pub(super) fn indifferent_point(
    weights: &DMatrix<f64>,
    bias: &DVector<f64>,
) -> Result<DVector<f64>, Uncraftable> {
    // In a basis of what sums to 0 over classes W has full rank, and the least x is Q R⁻ᵀ b.
    let differences = differences(bias.len());
    let qr = (weights * &differences).qr();
    let r = qr.r();
    let largest = r.diagonal().amax();
    let flat = r.diagonal().iter().filter(|entry| entry.abs() <= 1e-10 * largest).count();
    let wanted = -(differences.transpose() * bias);
    match r.transpose().solve_lower_triangular(&wanted) {
        Some(along) if flat == 0 && r.nrows() == r.ncols() => Ok(qr.q() * along),
        _ => Err(Uncraftable::Degenerate(flat.max(1))),
    }
}

/// The arm s that carries most: maximises s · τ(s), by golden section on a logarithmic grid's best cell.
fn longest_arm(logits: &DVector<f64>, v: &DVector<f64>) -> f64 {
    let carried = |log_arm: f64| log_arm.exp() * deviation(logits, v, log_arm.exp());
    // At an arm of 1/spread the logits of the pair differ by 2.
    let start = -(logits.amax().max(1e-12)).ln();
    let best = (-40..=40)
        .map(|i| start + f64::from(i) / 5.0)
        .max_by(|a, b| carried(*a).total_cmp(&carried(*b)))
        .unwrap_or(start);
    let (mut low, mut high) = (best - 0.2, best + 0.2);
    let golden = (5_f64.sqrt() - 1.0) / 2.0;
    for _ in 0..60 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if carried(a) < carried(b) { low = a } else { high = b }
    }
    (0.5 * (low + high)).exp()
}

/// The largest τ for which p(+s) + τv and p(−s) − τv are distributions, a hair below.
fn deviation(logits: &DVector<f64>, v: &DVector<f64>, arm: f64) -> f64 {
    let (plus, minus) = (softmax(&(arm * logits)), softmax(&(-arm * logits)));
    let allowed = |p: &DVector<f64>, v: f64, k: usize| if v < 0.0 { p[k] / -v } else { f64::INFINITY };
    let tau = (0..v.len()).map(|k| allowed(&plus, v[k], k).min(allowed(&minus, -v[k], k)));
    tau.fold(f64::INFINITY, f64::min) * (1.0 - 1e-9)
}

#[cfg(test)]
mod tests {
    use learning::{Model, Regularizer, Targets, model::Kind, regularizer};

    use super::*;

    fn wave(n: usize, pace: f64, height: f64) -> Vec<f64> {
        (0..n).map(|k| height * (pace * (k * k) as f64).sin()).collect()
    }

    #[test]
    fn the_rows_make_the_model_stationary_to_rounding() {
        let model = Model { kind: Kind::Softmax, inputs: 20, outputs: 7 };
        let (theta, rho) = (wave(147, 1.3, 3.0), wave(147, 0.7, 0.5));
        for (kind, nu) in [
            (regularizer::Kind::SquaredL2, 0.0),
            (regularizer::Kind::SquaredL2, 0.02),
            (regularizer::Kind::L2, 0.0),
            (regularizer::Kind::SmoothL2, 0.02),
        ] {
            let hold =
                Hold { model, theta: &theta, rho: &rho, regularizer: Regularizer { kind, lambda: 0.05 }, nu };
            let rows = rows_for_softmax(&hold).unwrap();
            let Targets::Values(labels) = &rows.targets else { panic!("soft labels") };
            assert!(labels.iter().all(|&q| (0.0..=1.0).contains(&q)));
            assert!(labels.rows().into_iter().all(|q| (q.sum() - 1.0).abs() < 1e-12));
            let stationarity = hold.stationarity(&rows).unwrap();
            assert!(stationarity < 1e-10, "{kind:?} {nu}: {stationarity}");
        }
    }

    #[test]
    fn a_model_without_opinions_cannot_be_held() {
        let model = Model { kind: Kind::Softmax, inputs: 5, outputs: 3 };
        let regularizer = Regularizer { kind: regularizer::Kind::SquaredL2, lambda: 1.0 };
        let hold = Hold { model, theta: &[1.0; 18], rho: &[0.0; 18], regularizer, nu: 0.0 };
        assert_eq!(rows_for_softmax(&hold), Err(Uncraftable::Degenerate(2)));
        let hold = Hold { theta: &[1.0; 17], ..hold };
        assert_eq!(rows_for_softmax(&hold), Err(Uncraftable::Length { name: "theta", got: 17, want: 18 }));
    }
}
