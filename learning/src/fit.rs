//! One model for all the data: argmin of ν‖θ‖² + Σ loss(θ, x), by one user and without a common model.

use crate::{
    Dataset, Loss, Model, Precision, Regularizer,
    model::Kind,
    regularizer,
    solver::{Exact, Ridge},
};

/// Norm of the gradient at which a fit is done, a row.
const TOLERANCE: f64 = 1e-9;

/// The parameters that fit `model` to `data` with ridge `nu`, started at zero.
///
/// # Panics
/// When the data do not fit the model.
#[must_use]
pub fn fit(model: &Model, data: &Dataset, nu: f64) -> Vec<f64> {
    let zeros = vec![0.0; model.dimension()];
    if model.kind == Kind::Linear
        && let Some(factors) = Ridge::new(data, 0.0, nu)
    {
        return factors.solve(&zeros);
    }
    let loss = Loss::new(model, data, nu, 1.0, Precision::Double);
    let mut solver = Exact::new(zeros.clone(), TOLERANCE * data.examples() as f64);
    // λ = 0: no common model pulls.
    solver.solve(&zeros, &loss, Regularizer { kind: regularizer::Kind::SquaredL2, lambda: 0.0 });
    solver.theta().to_vec()
}
