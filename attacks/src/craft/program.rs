//! The fewest rows that hold a softmax model: a linear program in the space of logits (7d of the mathematics page).
//!
//! A row with logits l (sum 0) and hard label k contributes l (e_k − p)ᵀ to W̃ᵀΔ =: T and e_k − p to Δ_b, p = softmax(l):
//! ```text
//! minimise Σ nᵢ   over nᵢ ≥ 0   subject to   Σ nᵢ lᵢ (e_kᵢ − pᵢ)ᵀ = T,   Σ nᵢ (e_kᵢ − pᵢ) = Δ_b
//! ```
//! solved by [`super::columns`]. A vertex has at most K(K − 1) distinct rows. Rows at the same logits become one, and n of
//! them are rounded up to c = ⌈n⌉ copies labelled p + Σ_k (n_k/c)(e_k − p), which keeps the sums; what Δ has outside the
//! row space of W is carried by parts of the inputs that change no logit.
//!
//! In: θ♠ and ρ∞, (d,). Out: at most K(K − 1) distinct rows, counted, within a few per cent of the least there can be,
//! [`rows_needed`]. Source: our derivation; docs/paper.md has the proof of the bound.

use learning::{Dataset, Seed};
use nalgebra::{DMatrix, DVector};
use rand::RngExt as _;
use rand_distr::{Distribution as _, StandardNormal};

use super::{
    Hold, Rows, Uncraftable, centred,
    columns::{Space, Use},
    differences, principal_directions,
    softmax::{indifferent_point, rows_for_softmax},
};

/// Random points to begin with.
const RANDOM: usize = 300;
/// Searches for better rows.
const SEARCHES: usize = 8;
/// Exchanges after which to be content: twice what the digits take.
const EXCHANGES: usize = 20_000;

/// Whatever the inputs and labels, holding θ♠ takes at least 2(λ⟨θ♠ − ρ∞, θ♠⟩ + ν‖θ♠‖²) / W((K−1)/e) rows, W Lambert's
/// function: a row labelled q contributes (q − p)·l ≤ W((K−1)/e) to the inner product of stationarity with θ♠.
///
/// # Errors
/// When the vectors do not fit the model.
pub fn rows_needed(hold: &Hold<'_>) -> Result<f64, Uncraftable> {
    let (theta, delta) = hold.matrices()?;
    let pull = centred(delta).dot(&centred(theta));
    Ok(pull / lambert((hold.model.outputs as f64 - 1.0) / std::f64::consts::E))
}

/// W(x) for x ≥ 0: w eʷ = x, by Newton's method.
fn lambert(x: f64) -> f64 {
    let mut w = x.ln_1p();
    for _ in 0..50 {
        w -= (w * w.exp() - x) / ((w + 1.0) * w.exp());
    }
    w
}

/// Rows, with soft labels, that make θ♠ the local optimum of an honest worker under ρ∞: nearly as few as can be.
///
/// # Errors
/// When the vectors do not fit the model, or it is constant in some direction of its logits.
pub fn rows_by_program(hold: &Hold<'_>) -> Result<Dataset, Uncraftable> {
    if rows_needed(hold)? <= 0.0 {
        // The farther away its rows, the fewer would do, and no vertex is the best: the closed form keeps them near.
        return rows_for_softmax(hold);
    }
    let (theta, delta) = hold.matrices()?;
    let (theta, delta) = (centred(theta), centred(delta));
    let classes = theta.ncols();
    // A point z is the logits B z, B an orthonormal basis of what sums to 0.
    let basis = differences(classes);
    let space = Space {
        weights: basis.transpose(),
        bias: DVector::zeros(classes),
        bounds: None,
        searches: SEARCHES,
        exchanges_max: EXCHANGES,
    };
    let mut wanted = basis.transpose() * theta.transpose() * &delta;
    wanted = wanted.insert_row(classes - 1, 0.0);
    wanted.set_row(classes - 1, &delta.row(hold.model.inputs));
    let unit = |k: usize| DVector::from_fn(classes - 1, |row, _| f64::from(u8::from(row + 1 == k)));
    let corners: Vec<DVector<f64>> = (0..classes).map(unit).collect();
    let uses = space.fewest(&wanted, &corners, first_points(&theta, &delta, &basis)?)?;
    Ok(inputs_of(&together(&space, uses), &space, &theta, &delta))
}

/// Points to try first: where the exact recipe has rows; one class against all others; random.
fn first_points(
    theta: &DMatrix<f64>,
    delta: &DMatrix<f64>,
    basis: &DMatrix<f64>,
) -> Result<Vec<DVector<f64>>, Uncraftable> {
    let (inputs, classes) = (theta.nrows() - 1, theta.ncols());
    let (weights, bias) = (theta.rows(0, inputs).into_owned(), theta.row(inputs).transpose());
    let base = indifferent_point(&weights, &bias)?;
    let rest = delta.rows(0, inputs) - base * delta.row(inputs);
    let mut logits = Vec::new();
    for (v, sigma) in principal_directions(&rest) {
        let along = weights.transpose() * (&rest * v / sigma);
        let arm = along.amax().max(1e-12).recip();
        logits.extend([arm * &along, -arm * along]);
    }
    for quarter in 1..=16 {
        let margin = 0.25 * f64::from(quarter);
        logits.extend((0..classes).map(|class| {
            DVector::from_fn(classes, |k, _| {
                margin * (f64::from(u8::from(k == class)) - 1.0 / classes as f64)
            })
        }));
    }
    let mut stream = Seed(0).stream("candidate rows");
    for _ in 0..RANDOM {
        let spread = stream.random_range(0.5..3.0);
        logits.push(DVector::from_fn(classes, |_, _| {
            let z: f64 = StandardNormal.sample(&mut stream);
            spread * z
        }));
    }
    Ok(logits.into_iter().map(|logits| basis.tr_mul(&logits)).collect())
}

/// Identical inputs with one soft label.
pub(super) struct Bundle {
    /// z
    pub(super) point: DVector<f64>,
    /// c
    pub(super) copies: f64,
    /// Σ n_k (e_k − p), what all copies push together.
    pub(super) push: DVector<f64>,
}

impl Bundle {
    /// The soft label of every copy.
    pub(super) fn label(&self, space: &Space) -> DVector<f64> {
        space.probabilities(&self.point) + &self.push / self.copies
    }
}

/// Rows at the same point become copies of one.
pub(super) fn together(space: &Space, uses: Vec<Use>) -> Vec<Bundle> {
    let mut numbers: Vec<(DVector<f64>, DVector<f64>)> = Vec::new();
    for Use { point, class, number } in uses {
        let place = numbers.iter().position(|(other, _)| *other == point).unwrap_or_else(|| {
            numbers.push((point, DVector::zeros(space.bias.len())));
            numbers.len() - 1
        });
        numbers[place].1[class] += number;
    }
    let bundle = |(point, numbers): (DVector<f64>, DVector<f64>)| {
        let push = &numbers - space.probabilities(&point) * numbers.sum();
        Bundle { copies: numbers.sum().ceil().max(1.0), push, point }
    };
    numbers.into_iter().map(bundle).collect()
}

/// Rows with these logits, and with parts that change no logit so that all of Δ is carried.
fn inputs_of(bundles: &[Bundle], space: &Space, theta: &DMatrix<f64>, delta: &DMatrix<f64>) -> Dataset {
    let inputs = theta.nrows() - 1;
    let (weights, bias) = (theta.rows(0, inputs).into_owned(), theta.row(inputs).transpose());
    let basis = space.weights.transpose();
    // x = W (WᵀW)⁺ (l − b), by way of the basis in which WᵀW is regular.
    let qr = (&weights * &basis).qr();
    let lift = |point: &DVector<f64>| {
        let along = qr.r().transpose().solve_lower_triangular(&(point - basis.tr_mul(&bias)));
        qr.q() * along.unwrap_or_else(|| DVector::zeros(basis.ncols()))
    };
    let mut points: Vec<DVector<f64>> = bundles.iter().map(|bundle| lift(&bundle.point)).collect();
    // What each row pushes in all, in the basis: one column a row.
    let pushes =
        DMatrix::from_columns(&bundles.iter().map(|bundle| basis.tr_mul(&bundle.push)).collect::<Vec<_>>());
    for _ in 0..3 {
        let carried = DMatrix::from_columns(&points) * pushes.transpose();
        let missing = delta.rows(0, inputs) * &basis - carried;
        // Only what lies outside the row space of W: the rest is the program's, and moving it would change logits.
        let outside = &missing - qr.q() * (qr.q().transpose() * &missing);
        let Some(gram) = (&pushes * pushes.transpose()).cholesky() else { break };
        let spread = gram.solve(&outside.transpose());
        let parts = spread.transpose() * &pushes;
        points.iter_mut().zip(parts.column_iter()).for_each(|(point, part)| *point += part);
    }
    let mut rows = Rows::default();
    for (bundle, point) in bundles.iter().zip(&points) {
        rows.push(point, &bundle.label(space), bundle.copies as u32);
    }
    rows.into_dataset()
}

#[cfg(test)]
mod tests {
    use learning::{Model, Regularizer, model::Kind, regularizer};

    use super::*;

    fn wave(n: usize, pace: f64, height: f64) -> Vec<f64> {
        (0..n).map(|k| height * (pace * (k * k) as f64).sin()).collect()
    }

    #[test]
    fn lambert_is_what_it_says() {
        for (x, w) in [(9.0 / std::f64::consts::E, 1.1010), (1.0 / std::f64::consts::E, 0.2785), (0.0, 0.0)] {
            assert!((lambert(x) - w).abs() < 1e-4, "W({x}) = {}", lambert(x));
        }
    }

    #[test]
    fn where_nothing_bounds_the_rows_from_below_they_are_those_of_the_closed_form() {
        let model = Model { kind: Kind::Softmax, inputs: 20, outputs: 3 };
        let theta = wave(model.dimension(), 1.3, 3.0);
        let rho: Vec<f64> = theta.iter().map(|value| 2.0 * value).collect();
        let regularizer = Regularizer { kind: regularizer::Kind::SquaredL2, lambda: 1.0 };
        let hold = Hold { model, theta: &theta, rho: &rho, regularizer, nu: 0.0 };
        assert!(rows_needed(&hold).unwrap() < 0.0);
        assert_eq!(rows_by_program(&hold).unwrap(), rows_for_softmax(&hold).unwrap());
    }

    #[test]
    fn the_rows_are_stationary_and_nearly_as_few_as_can_be() {
        for (inputs, classes, nu) in [(20, 2, 0.0), (20, 3, 0.1), (30, 6, 0.0)] {
            let model = Model { kind: Kind::Softmax, inputs, outputs: classes };
            let d = model.dimension();
            let (theta, rho) = (wave(d, 1.3, 3.0), wave(d, 0.7, 0.5));
            let regularizer = Regularizer { kind: regularizer::Kind::SquaredL2, lambda: 1.0 };
            let hold = Hold { model, theta: &theta, rho: &rho, regularizer, nu };
            let rows = rows_by_program(&hold).unwrap();
            let (needed, got) = (rows_needed(&hold).unwrap(), rows.examples() as f64);
            let distinct = rows.inputs.rows();
            assert!(distinct <= classes * (classes - 1), "{distinct} distinct rows");
            assert!(got >= needed && got < 1.2 * needed + distinct as f64, "{got} rows, {needed} needed");
            assert!(got < rows_for_softmax(&hold).unwrap().examples() as f64);
            let stationarity = hold.stationarity(&rows).unwrap();
            assert!(stationarity < 1e-10, "{stationarity}");
        }
    }
}
