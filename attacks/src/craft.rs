//! Model attack → data poisoning: rows that make an unmodified honest worker hold a given model.
//!
//! With x̃ = (x, 1) and Δ = 2νθ♠ − ∇ρR(ρ∞, θ♠), which under squared-l2 is 2λ(θ♠ − ρ∞) + 2νθ♠, a data set makes θ♠ the
//! worker's local optimum under ρ∞ exactly when its gradients at θ♠ sum to −Δ; the local problem is convex, so that is
//! all it takes.

mod columns;
mod images;
mod least_squares;
mod program;
mod rows;
mod sampled;
mod simplex;
mod softmax;

use learning::{Dataset, Loss, Model, Precision, Regularizer, model::Kind};
use nalgebra::{DMatrix, DVector};

pub use images::rows_of_images;
pub use least_squares::rows_for_least_squares;
pub use program::{rows_by_program, rows_needed};
use rows::Rows;
pub use sampled::{Sampling, rows_by_sampling};
pub use softmax::rows_for_softmax;

/// What to hold, and against what: all of it known to an attacker whose model attack has settled.
#[derive(Debug, Clone, Copy)]
pub struct Hold<'a> {
    /// The model of the task.
    pub model: Model,
    /// θ♠, the local model to hold.
    pub theta: &'a [f64],
    /// ρ∞, the common model at the equilibrium aimed for.
    pub rho: &'a [f64],
    /// The pull of the common model.
    pub regularizer: Regularizer,
    /// Weight of ν‖θ‖².
    pub nu: f64,
}

/// No rows hold this model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Uncraftable {
    /// A vector is not as long as the model has parameters.
    #[error("{name} has {got} numbers, the model has {want} parameters")]
    Length {
        /// `theta` or `rho`
        name: &'static str,
        /// Its length
        got: usize,
        /// The model's
        want: usize,
    },
    /// Every row has a bias input of 1, so rows that need no bias gradient cannot be scaled to have one.
    #[error("the bias part of the pull is {bias:e} of {total:e}: too small to carry it on single rows")]
    NoBias {
        /// ‖bias row of Δ‖
        bias: f64,
        /// ‖Δ‖
        total: f64,
    },
    /// The softmax has directions in which its logits never differ.
    #[error("the model to hold gives every input the same logits in {0} directions, expected none")]
    Degenerate(usize),
    /// The linear program of the rows has no first vertex: the model cannot tell its own corners apart.
    #[error("the linear program of the rows has no vertex to start from")]
    NoVertex,
    /// The linear program of the rows would take too much memory and time.
    #[error("the linear program of the rows has {constraints} constraints, expected at most {most}")]
    TooLarge {
        /// (inputs + 1) (classes − 1)
        constraints: usize,
        /// The limit
        most: usize,
    },
}

impl Hold<'_> {
    /// How far θ♠ is from being the optimum of a worker that holds `rows`: the norm of its gradient there, apart from
    /// what no data can change.
    ///
    /// # Errors
    /// When a vector does not fit the model.
    ///
    /// # Panics
    /// When the rows do not fit the model.
    pub fn stationarity(&self, rows: &Dataset) -> Result<f64, Uncraftable> {
        let (_, delta) = self.matrices()?;
        let mut gradient = vec![0.0; self.theta.len()];
        Loss::new(&self.model, rows, 0.0, 1.0, Precision::Double).evaluate(self.theta, &mut gradient);
        let sum = DMatrix::from_row_slice(delta.nrows(), delta.ncols(), &gradient) + delta;
        Ok(if self.model.kind == Kind::Softmax { centred(sum).norm() } else { sum.norm() })
    }

    /// θ♠ and Δ, shape (inputs + 1, outputs).
    fn matrices(&self) -> Result<(DMatrix<f64>, DMatrix<f64>), Uncraftable> {
        let (rows, columns, want) = (self.model.inputs + 1, self.model.outputs, self.model.dimension());
        for (name, vector) in [("theta", self.theta), ("rho", self.rho)] {
            if vector.len() != want {
                return Err(Uncraftable::Length { name, got: vector.len(), want });
            }
        }
        let theta = DMatrix::from_row_slice(rows, columns, self.theta);
        let pull = DMatrix::from_row_slice(rows, columns, &self.regularizer.gradient(self.rho, self.theta));
        let delta = 2.0 * self.nu * &theta - pull;
        Ok((theta, delta))
    }
}

/// Unit vectors v and lengths σ with matrix = Σ (matrix v) vᵀ and ‖matrix v‖ = σ, the longest first, nothing negligible.
///
/// The singular value decomposition by way of the small Gram matrix: what is left out of orthogonality between the left
/// vectors does no harm here, and the sum is exact for any orthonormal basis.
fn principal_directions(matrix: &DMatrix<f64>) -> Vec<(DVector<f64>, f64)> {
    let basis = (matrix.transpose() * matrix).symmetric_eigen().eigenvectors;
    let mut directions: Vec<(DVector<f64>, f64)> =
        basis.column_iter().map(|v| (v.into_owned(), (matrix * v).norm())).collect();
    directions.sort_by(|a, b| b.1.total_cmp(&a.1));
    let negligible = directions.first().map_or(0.0, |(_, sigma)| sigma * 1e-13);
    directions.retain(|(_, sigma)| *sigma > negligible);
    directions
}

/// An orthonormal basis of the vectors of length `classes` that sum to 0, shape (classes, classes − 1).
fn differences(classes: usize) -> DMatrix<f64> {
    // Helmert's contrasts.
    DMatrix::from_fn(classes, classes.saturating_sub(1), |k, j| {
        let scale = (((j + 1) * (j + 2)) as f64).sqrt().recip();
        match k.cmp(&(j + 1)) {
            std::cmp::Ordering::Less => scale,
            std::cmp::Ordering::Equal => -((j + 1) as f64) * scale,
            std::cmp::Ordering::Greater => 0.0,
        }
    })
}

fn softmax(logits: &DVector<f64>) -> DVector<f64> {
    let powers = logits.add_scalar(-logits.max()).map(f64::exp);
    let total = powers.sum();
    powers / total
}

/// Every row minus its mean over the classes.
fn centred(mut matrix: DMatrix<f64>) -> DMatrix<f64> {
    for mut row in matrix.row_iter_mut() {
        let mean = row.mean();
        row.add_scalar_mut(-mean);
    }
    matrix
}
