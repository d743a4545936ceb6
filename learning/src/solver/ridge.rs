//! Closed form for linear regression under squared-l2: (X̃ᵀX̃ + 2(λ+ν) I) W = X̃ᵀA + 2λρ, factored once.

use nalgebra::{Cholesky, DMatrix, Dyn};

use crate::Dataset;

/// The factored normal matrix of one user's data.
#[derive(Debug)]
pub(crate) struct Ridge {
    factor: Cholesky<f64, Dyn>,
    /// X̃ᵀA, shape (inputs + 1, outputs).
    moments: DMatrix<f64>,
    lambda: f64,
}

impl Ridge {
    /// `None` when λ + ν is so small that the normal matrix is not positive definite in f64.
    pub(crate) fn new(data: &Dataset, lambda: f64, nu: f64) -> Option<Self> {
        let (mut normal, moments) = normal_equations(data);
        for k in 0..normal.nrows() {
            normal[(k, k)] += 2.0 * (lambda + nu);
        }
        Cholesky::new(normal).map(|factor| Self { factor, moments, lambda })
    }

    /// The local optimum under ρ.
    pub(crate) fn solve(&self, rho: &[f64]) -> Vec<f64> {
        let rho = DMatrix::from_row_slice(self.moments.nrows(), self.moments.ncols(), rho);
        let solution = self.factor.solve(&(&self.moments + 2.0 * self.lambda * rho));
        solution.transpose().as_slice().to_vec()
    }
}

/// X̃ᵀX̃ and X̃ᵀA, every row as often as it counts.
fn normal_equations(data: &Dataset) -> (DMatrix<f64>, DMatrix<f64>) {
    let (width, outputs) = (data.inputs.width() + 1, data.targets.outputs());
    let (mut normal, mut moments) = (DMatrix::zeros(width, width), DMatrix::zeros(width, outputs));
    for index in 0..data.inputs.rows() {
        let count = data.counts.as_ref().map_or(1.0, |counts| f64::from(counts[index]));
        let mut x = data.inputs.row(index);
        x.push(1.0);
        let answer = data.targets.row(index);
        for (i, xi) in x.iter().enumerate().filter(|(_, x)| **x != 0.0) {
            for (j, xj) in x.iter().enumerate() {
                normal[(i, j)] += count * xi * xj;
            }
            for (k, a) in answer.iter().enumerate() {
                moments[(i, k)] += count * xi * a;
            }
        }
    }
    (normal, moments)
}
