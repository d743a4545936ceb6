//! L(θ) = ν‖θ‖² + Σ over the data of loss(θ, x): a **sum**, not a mean, so that more data weigh more.

use crate::{
    Dataset, Model,
    kernel::{self, Curvature, Design, Link},
    mlp::Mlp,
    model::Kind,
    preconditioner::Preconditioner,
};

/// Arithmetic of the sums over data; parameters and gradients are f64 in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// f32 over blocks of rows, as the published experiments ran.
    Single,
    /// f64 in values and gradients: what an exact local solve needs. Products with the second derivative stay f32.
    Double,
}

/// The loss of one user's data.
#[derive(Debug)]
pub struct Loss {
    rows: Rows,
    nu: f64,
    weight: f64,
    dimension: usize,
}

#[derive(Debug)]
enum Rows {
    Single(Design<f32>, Link),
    Double { fine: Design<f64>, rough: Design<f32>, link: Link },
    Mlp(Mlp),
}

impl Loss {
    /// The loss of `model` over `data`, times `weight`, plus ν‖θ‖². A network is computed in single precision always.
    ///
    /// # Panics
    /// When the data do not have the model's width and outputs.
    #[must_use]
    pub fn new(model: &Model, data: &Dataset, nu: f64, weight: f64, precision: Precision) -> Self {
        assert_eq!(
            (data.inputs.width(), data.targets.outputs()),
            (model.inputs, model.outputs),
            "data of this model"
        );
        let linear = |link| match precision {
            Precision::Single => Rows::Single(Design::new(data), link),
            Precision::Double => Rows::Double { fine: Design::new(data), rough: Design::new(data), link },
        };
        let rows = match model.kind {
            Kind::Softmax => linear(Link::Softmax),
            Kind::Linear => linear(Link::Identity),
            Kind::Mlp { hidden } => Rows::Mlp(Mlp::new(model, hidden, data)),
        };
        Self { rows, nu, weight, dimension: model.dimension() }
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
        gradient.fill(0.0);
        let value = match &self.rows {
            Rows::Single(rows, link) => kernel::accumulate(rows, *link, theta, gradient),
            Rows::Double { fine, link, .. } => kernel::accumulate(fine, *link, theta, gradient),
            Rows::Mlp(mlp) => mlp.accumulate(theta, gradient),
        };
        self.weigh(gradient, theta);
        self.weight * value + self.nu * theta.iter().map(|t| t * t).sum::<f64>()
    }

    /// Answers the mean of the loss over `rows` alone, without ν, and writes its gradient into `gradient`: single precision.
    ///
    /// # Panics
    /// When a length is not the number of parameters, a row is not there, or this loss is of double precision.
    pub fn evaluate_rows(&self, rows: &[usize], theta: &[f32], gradient: &mut [f32]) -> f64 {
        assert_eq!(
            (theta.len(), gradient.len()),
            (self.dimension, self.dimension),
            "parameters of this model"
        );
        match &self.rows {
            Rows::Single(design, link) => kernel::batch(design, *link, rows, theta, gradient),
            Rows::Mlp(mlp) => mlp.batch(rows, theta, gradient),
            Rows::Double { .. } => unreachable!("batches are computed in single precision"),
        }
    }

    /// Weighs a sum over the data and adds the ridge's part of it, 2ν v.
    fn weigh(&self, sum: &mut [f64], v: &[f64]) {
        sum.iter_mut().zip(v).for_each(|(sum, v)| *sum = self.weight * *sum + 2.0 * self.nu * v);
    }

    /// What [`Self::curve`] and [`Self::preconditioner`] need to know of the point `theta`.
    pub(crate) fn curvature(&self, theta: &[f64]) -> Curvature {
        match &self.rows {
            Rows::Single(rows, link) | Rows::Double { rough: rows, link, .. } => {
                Curvature::at(rows, *link, theta)
            }
            Rows::Mlp(_) => Curvature::default(),
        }
    }

    /// Writes ∇²L · `v` into `product`, at the point of `at`.
    ///
    /// # Panics
    /// For a network: its loss is not convex and nobody who needs this may be given one.
    pub(crate) fn curve(&self, at: &Curvature, v: &[f64], product: &mut [f64]) {
        product.fill(0.0);
        kernel::curve(self.convex().0, at, v, product);
        self.weigh(product, v);
    }

    /// What is known of (∇²L + `pull` · I)⁻¹ at the point of `at`, if there is a ridge and it fits into memory.
    ///
    /// # Panics
    /// For a network, as [`Self::curve`].
    pub(crate) fn preconditioner(&self, at: &Curvature, pull: f64) -> Option<Preconditioner> {
        let (rows, link) = self.convex();
        let ridge = (pull + 2.0 * self.nu) / self.weight;
        (ridge > 0.0 && Preconditioner::fits(rows.width + 1, rows.outputs))
            .then(|| Preconditioner::new(kernel::grams(rows, at), ridge, link == Link::Softmax))
    }

    fn convex(&self) -> (&Design<f32>, Link) {
        match &self.rows {
            Rows::Single(rows, link) | Rows::Double { rough: rows, link, .. } => (rows, *link),
            Rows::Mlp(_) => unreachable!("a task with a network has no exact solver"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Source;

    #[test]
    fn a_batch_is_the_mean_over_its_rows_alone() {
        let digits = Source::Digits.train(None).unwrap().select(&(0..60).collect::<Vec<_>>());
        let rows = [3, 41, 7, 7, 59];
        for kind in [Kind::Softmax, Kind::Linear] {
            let model = Model { kind, inputs: 64, outputs: 10 };
            let theta: Vec<f32> = (0..model.dimension()).map(|i| (i as f32 * 0.37).sin() * 0.2).collect();
            let wide: Vec<f64> = theta.iter().copied().map(f64::from).collect();
            let (mut got, mut want) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
            let few = Loss::new(&model, &digits.select(&rows), 0.0, 0.2, Precision::Double);
            let value = few.evaluate(&wide, &mut want);
            let all = Loss::new(&model, &digits, 0.5, 9.0, Precision::Single);
            assert!((all.evaluate_rows(&rows, &theta, &mut got) - value).abs() < 1e-5, "{kind:?}");
            assert!(got.iter().zip(&want).all(|(&g, w)| (f64::from(g) - w).abs() < 1e-5), "{kind:?}");
        }
    }

    #[test]
    fn gradients_agree_with_central_differences() {
        let digits = Source::Digits.test(None).unwrap().select(&(0..40).collect::<Vec<_>>());
        for kind in [Kind::Softmax, Kind::Linear] {
            let model = Model { kind, inputs: 64, outputs: 10 };
            let loss = Loss::new(&model, &digits, 0.3, 0.7, Precision::Double);
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
