//! The fewest rows that hold a softmax model: a linear program in the space of logits (7d of the mathematics page).
//!
//! A row with logits l (sum 0) and hard label k contributes l (e_k − p)ᵀ to W̃ᵀΔ =: T and e_k − p to Δ_b, p = softmax(l):
//! ```text
//! minimise Σ nᵢ   over nᵢ ≥ 0   subject to   Σ nᵢ lᵢ (e_kᵢ − pᵢ)ᵀ = T,   Σ nᵢ (e_kᵢ − pᵢ) = Δ_b
//! ```
//! over a few thousand candidates, to which rows are added that the program's prices (Y, y) say would save most, by
//! ascent on lᵀY (e_k − p) + y·(e_k − p), until none would save. A vertex has at most K(K − 1) distinct rows. They are
//! rounded up to cᵢ = ⌈nᵢ⌉ copies labelled pᵢ + (nᵢ/cᵢ)(e_kᵢ − pᵢ), which keeps the sums; what Δ has outside the row space
//! of W is carried by parts of the inputs that change no logit.
//!
//! In: θ♠ and ρ∞, (d,). Out: at most K(K − 1) distinct rows, counted, within a few per cent of the least there can be,
//! [`rows_needed`]. Source: our derivation; docs/paper.md has the proof of the bound.

use learning::{Dataset, Seed};
use microlp::{ComparisonOp, OptimizationDirection, Problem};
use nalgebra::{DMatrix, DVector};
use rand::RngExt as _;
use rand_distr::{Distribution as _, StandardNormal};

use super::{
    Hold, Rows, Uncraftable, centred, differences, principal_directions, softmax, softmax::indifferent_point,
};

/// Random candidates to begin with.
const CANDIDATES: usize = 2000;
/// Times that candidates are added.
const EXTENSIONS: usize = 12;
/// Coefficients below this are rounding, and upset the solver; what is lost is put right afterwards.
const NEGLIGIBLE: f64 = 1e-7;
/// What a new row has to save to be worth adding, as a part of itself.
const SAVING: f64 = 1e-3;

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
    let (theta, delta) = hold.matrices()?;
    let (theta, delta) = (centred(theta), centred(delta));
    let program = Program::new(&theta, &delta, hold.model.inputs);
    let mut candidates = Program::candidates(&theta, &delta)?;
    let mut chosen = program.solve(&candidates)?;
    for _ in 0..EXTENSIONS {
        let better = program.better(&candidates, &chosen);
        if better.is_empty() {
            break;
        }
        candidates.extend(better);
        chosen = program.solve(&candidates)?;
    }
    let chosen: Vec<(&Candidate, f64)> =
        program.polished(&candidates, chosen).into_iter().map(|(index, n)| (&candidates[index], n)).collect();
    Ok(inputs_of(&chosen, &theta, &delta))
}

/// A row in the space of logits.
#[derive(Debug, Clone)]
struct Candidate {
    logits: DVector<f64>,
    class: usize,
}

impl Candidate {
    /// e_k − p
    fn push(&self) -> DVector<f64> {
        let mut push = -softmax(&self.logits);
        push[self.class] += 1.0;
        push
    }
}

/// The constraints, in an orthonormal basis B of what sums to 0: BᵀTB and BᵀΔ_b, divided by their norm.
struct Program {
    basis: DMatrix<f64>,
    wanted: DVector<f64>,
    scale: f64,
}

impl Program {
    fn new(theta: &DMatrix<f64>, delta: &DMatrix<f64>, inputs: usize) -> Self {
        let basis = differences(theta.ncols());
        let carried = basis.transpose() * theta.transpose() * delta * &basis;
        let bias = basis.transpose() * delta.row(inputs).transpose();
        let wanted = stacked(&carried, &bias);
        let scale = wanted.norm().max(f64::MIN_POSITIVE);
        Self { basis, wanted: wanted / scale, scale }
    }

    /// What one row contributes.
    fn column(&self, candidate: &Candidate) -> DVector<f64> {
        let push = self.basis.transpose() * candidate.push();
        let logits = self.basis.transpose() * &candidate.logits;
        stacked(&(logits * push.transpose()), &push)
    }

    /// Rows to choose from: the exact recipe's, whose cone contains what is wanted; one class against all others; random.
    fn candidates(theta: &DMatrix<f64>, delta: &DMatrix<f64>) -> Result<Vec<Candidate>, Uncraftable> {
        let (inputs, classes) = (theta.nrows() - 1, theta.ncols());
        let (weights, bias) = (theta.rows(0, inputs).into_owned(), theta.row(inputs).transpose());
        let base = indifferent_point(&weights, &bias)?;
        let rest = delta.rows(0, inputs) - base * delta.row(inputs);
        let mut points = vec![DVector::zeros(classes)];
        for (v, sigma) in principal_directions(&rest) {
            let logits = weights.transpose() * (&rest * v / sigma);
            let arm = logits.amax().max(1e-12).recip();
            points.extend([arm * &logits, -arm * logits]);
        }
        let mut stream = Seed(0).stream("candidate rows");
        for _ in 0..CANDIDATES / classes {
            let spread = stream.random_range(0.5..3.0);
            let random = DVector::from_fn(classes, |_, _| {
                let z: f64 = StandardNormal.sample(&mut stream);
                spread * z
            });
            points.push(random.add_scalar(-random.mean()));
        }
        let everywhere = points
            .into_iter()
            .flat_map(|logits| (0..classes).map(move |class| Candidate { logits: logits.clone(), class }));
        let margins = (1..=16).flat_map(|quarter| {
            (0..classes).map(move |class| {
                let mut logits = DVector::from_element(classes, -0.25 * f64::from(quarter) / classes as f64);
                logits[class] += 0.25 * f64::from(quarter);
                Candidate { logits, class }
            })
        });
        Ok(everywhere.chain(margins).collect())
    }

    /// Candidates with how often each is used, at a vertex of the program.
    fn solve(&self, candidates: &[Candidate]) -> Result<Vec<(usize, f64)>, Uncraftable> {
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let columns: Vec<DVector<f64>> = candidates.iter().map(|candidate| self.column(candidate)).collect();
        let variables: Vec<_> = columns.iter().map(|_| problem.add_var(1.0, (0.0, f64::INFINITY))).collect();
        for (row, &wanted) in self.wanted.iter().enumerate() {
            let terms: Vec<_> = (variables.iter().zip(&columns))
                .map(|(variable, column)| (*variable, column[row]))
                .filter(|(_, coefficient)| coefficient.abs() > NEGLIGIBLE)
                .collect();
            problem.add_constraint(&terms[..], ComparisonOp::Eq, wanted);
        }
        let outcome = problem.solve().map_err(|error| Uncraftable::Program(error.to_string()))?;
        let solution = outcome.solution().ok_or_else(|| Uncraftable::Program("no answer".to_owned()))?;
        let used = variables.iter().map(|variable| solution.var_value(*variable)).enumerate();
        Ok(used.filter(|(_, n)| *n > 1e-12).collect())
    }

    /// Rows that the program's prices say would save something.
    fn better(&self, candidates: &[Candidate], chosen: &[(usize, f64)]) -> Vec<Candidate> {
        let columns: Vec<DVector<f64>> =
            chosen.iter().map(|(index, _)| self.column(&candidates[*index])).collect();
        let vertex = DMatrix::from_columns(&columns);
        // Prices under which every row in use costs exactly what it is worth; the least of them where there are several.
        let Some(gram) = (vertex.transpose() * &vertex).cholesky() else { return Vec::new() };
        let prices = vertex * gram.solve(&DVector::from_element(columns.len(), 1.0));
        let classes = self.basis.ncols() + 1;
        let square = (classes - 1) * (classes - 1);
        let y = &self.basis
            * DMatrix::from_column_slice(classes - 1, classes - 1, &prices.as_slice()[..square])
            * self.basis.transpose();
        let bias = &self.basis * prices.rows(square, classes - 1);
        let starts = chosen.iter().map(|(index, _)| candidates[*index].logits.clone()).chain(
            (0..classes).map(|class| DVector::from_fn(classes, |k, _| if k == class { 2.0 } else { -0.2 })),
        );
        let mut found: Vec<Candidate> = Vec::new();
        for start in starts {
            for class in 0..classes {
                let candidate = ascend(Candidate { logits: start.clone(), class }, &y, &bias);
                let known = found
                    .iter()
                    .any(|other| other.class == class && (&other.logits - &candidate.logits).amax() < 1e-3);
                if !known && worth(&candidate, &y, &bias) > 1.0 + SAVING {
                    found.push(candidate);
                }
            }
        }
        found
    }

    /// The same vertex to the rounding of f64, in numbers of rows.
    fn polished(&self, candidates: &[Candidate], mut chosen: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
        loop {
            let columns: Vec<DVector<f64>> =
                chosen.iter().map(|(index, _)| self.column(&candidates[*index])).collect();
            let vertex = DMatrix::from_columns(&columns);
            let Some(factor) = (vertex.transpose() * &vertex).cholesky() else { break };
            let mut numbers = DVector::from_iterator(chosen.len(), chosen.iter().map(|(_, n)| *n));
            for _ in 0..4 {
                let missing = &self.wanted - &vertex * &numbers;
                numbers += factor.solve(&(vertex.transpose() * missing));
            }
            let positive = numbers.iter().all(|n| *n > 0.0);
            chosen.iter_mut().zip(&numbers).for_each(|((_, n), polished)| *n = *polished);
            if positive {
                break;
            }
            chosen.retain(|(_, n)| *n > 0.0);
        }
        chosen.into_iter().map(|(index, n)| (index, n * self.scale)).collect()
    }
}

fn stacked(matrix: &DMatrix<f64>, vector: &DVector<f64>) -> DVector<f64> {
    DVector::from_iterator(matrix.len() + vector.len(), matrix.iter().chain(vector).copied())
}

/// lᵀY (e_k − p) + y·(e_k − p)
fn worth(candidate: &Candidate, y: &DMatrix<f64>, bias: &DVector<f64>) -> f64 {
    let push = candidate.push();
    (y.transpose() * &candidate.logits + bias).dot(&push)
}

/// Moves a candidate's logits uphill on its worth.
fn ascend(mut candidate: Candidate, y: &DMatrix<f64>, bias: &DVector<f64>) -> Candidate {
    let mut step = 0.5;
    let mut best = worth(&candidate, y, bias);
    for _ in 0..200 {
        let p = softmax(&candidate.logits);
        let value = y.transpose() * &candidate.logits + bias;
        let mean = p.dot(&value);
        let mut gradient = y * candidate.push();
        gradient -= p.component_mul(&value.add_scalar(-mean));
        gradient.add_scalar_mut(-gradient.mean());
        let length = gradient.norm();
        if length < 1e-9 || step < 1e-7 {
            break;
        }
        let next = Candidate { logits: &candidate.logits + step / length * gradient, class: candidate.class };
        let gained = worth(&next, y, bias);
        if gained > best {
            (candidate, best, step) = (next, gained, step * 1.3);
        } else {
            step *= 0.5;
        }
    }
    candidate
}

/// Rows with these logits, and with parts that change no logit so that all of Δ is carried.
fn inputs_of(chosen: &[(&Candidate, f64)], theta: &DMatrix<f64>, delta: &DMatrix<f64>) -> Dataset {
    let (inputs, classes) = (theta.nrows() - 1, theta.ncols());
    let (weights, bias) = (theta.rows(0, inputs).into_owned(), theta.row(inputs).transpose());
    let basis = differences(classes);
    // x = W (WᵀW)⁺ (l − b), by way of the basis in which WᵀW is regular.
    let reduced = &weights * &basis;
    let qr = reduced.qr();
    let lift = |logits: &DVector<f64>| {
        let along = qr.r().transpose().solve_lower_triangular(&(basis.transpose() * (logits - &bias)));
        qr.q() * along.unwrap_or_else(|| DVector::zeros(basis.ncols()))
    };
    let copies: Vec<f64> = chosen.iter().map(|(_, n)| n.ceil().max(1.0)).collect();
    let mut points: Vec<DVector<f64>> = chosen.iter().map(|(candidate, _)| lift(&candidate.logits)).collect();
    // What each row pushes in all, in the basis: one column a row.
    let pushes = DMatrix::from_columns(
        &chosen.iter().map(|(candidate, n)| basis.transpose() * candidate.push() * *n).collect::<Vec<_>>(),
    );
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
    for (((candidate, n), copies), point) in chosen.iter().zip(copies).zip(&points) {
        let label = softmax(&candidate.logits) + n / copies * candidate.push();
        rows.push(point, &label, copies as u32);
    }
    rows.into_dataset()
}

#[cfg(test)]
mod tests {
    use learning::{Model, Regularizer, model::Kind, regularizer};

    use super::*;
    use crate::craft::rows_for_softmax;

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
            assert!(stationarity < 1e-9, "{stationarity}");
        }
    }
}
