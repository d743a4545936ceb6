//! L(θ) = ν‖θ‖² + Σ over the data of loss(θ, x): a **sum**, not a mean, so that more data weigh more.

use crate::{
    Dataset, Model,
    kernel::{self, Curvature, Design, Link},
};

/// Arithmetic of the sums over data; parameters and gradients are f64 in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// f32 over blocks of rows, as the published experiments ran.
    Single,
    /// f64 throughout: what an exact local solve needs.
    Double,
}

/// The loss of one user's data.
#[derive(Debug)]
pub struct Loss {
    rows: Rows,
    link: Link,
    nu: f64,
    dimension: usize,
}

#[derive(Debug)]
enum Rows {
    Single(Design<f32>),
    Double(Design<f64>),
}

impl Loss {
    /// The loss of `model` over `data`, plus ν‖θ‖².
    ///
    /// # Panics
    /// When the data do not have the model's width and outputs.
    #[must_use]
    pub fn new(model: &Model, data: &Dataset, nu: f64, precision: Precision) -> Self {
        assert_eq!(
            (data.inputs.width(), data.targets.outputs()),
            (model.inputs, model.outputs),
            "data of this model"
        );
        let rows = match precision {
            Precision::Single => Rows::Single(Design::new(data)),
            Precision::Double => Rows::Double(Design::new(data)),
        };
        Self { rows, link: model.link(), nu, dimension: model.dimension() }
    }

    /// Number of parameters.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// Answers L(θ) and writes ∇L(θ) into `gradient`.
    ///
    /// # Panics
    /// When a length is not the number of parameters.
    pub fn evaluate(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        assert_eq!(
            (theta.len(), gradient.len()),
            (self.dimension, self.dimension),
            "parameters of this model"
        );
        gradient.iter_mut().zip(theta).for_each(|(g, t)| *g = 2.0 * self.nu * t);
        let ridge = self.nu * theta.iter().map(|t| t * t).sum::<f64>();
        ridge
            + match &self.rows {
                Rows::Single(rows) => kernel::accumulate(rows, self.link, theta, gradient),
                Rows::Double(rows) => kernel::accumulate(rows, self.link, theta, gradient),
            }
    }

    /// What [`Self::curve`] needs to know of the point `theta`.
    pub(crate) fn curvature(&self, theta: &[f64]) -> Curvature {
        match &self.rows {
            Rows::Single(rows) => Curvature::at(rows, self.link, theta),
            Rows::Double(rows) => Curvature::at(rows, self.link, theta),
        }
    }

    /// Writes ∇²L · `v` into `product`, at the point of `at`.
    pub(crate) fn curve(&self, at: &Curvature, v: &[f64], product: &mut [f64]) {
        product.iter_mut().zip(v).for_each(|(p, v)| *p = 2.0 * self.nu * v);
        match &self.rows {
            Rows::Single(rows) => kernel::curve(rows, at, v, product),
            Rows::Double(rows) => kernel::curve(rows, at, v, product),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::Source, model::Kind};

    #[test]
    fn gradients_agree_with_central_differences() {
        let digits = Source::Digits.load(None).unwrap().test.select(&(0..40).collect::<Vec<_>>());
        for kind in [Kind::Softmax, Kind::Linear] {
            let model = Model { kind, inputs: 64, outputs: 10 };
            let loss = Loss::new(&model, &digits, 0.3, Precision::Double);
            let mut theta: Vec<f64> = (0..model.dimension()).map(|i| (i as f64 * 0.37).sin() * 0.2).collect();
            let (mut gradient, mut scratch) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
            loss.evaluate(&theta, &mut gradient);
            for k in (0..theta.len()).step_by(7) {
                let (middle, step) = (theta[k], 1e-5);
                theta[k] = middle + step;
                let above = loss.evaluate(&theta, &mut scratch);
                theta[k] = middle - step;
                let below = loss.evaluate(&theta, &mut scratch);
                theta[k] = middle;
                let difference = (above - below) / (2.0 * step);
                assert!((difference - gradient[k]).abs() < 1e-6 * (1.0 + difference.abs()), "{kind:?} {k}");
            }
        }
    }
}
