//! Rows that hold a softmax model as the published experiments tried to: many, random, labelled by the model itself.
//!
//! Inputs uniform in a box are projected onto V = { x : (w_k − w₀)·x = b₀ − b_k }, where the model is indifferent between
//! all classes, moved off it by Gaussian noise along V's normals, and labelled softmax(Wᵀx + b). Such rows pin the
//! directions of the local model but hardly its length: with exact local solves some 10⁷ of them would be needed where
//! [`super::rows_by_program`] takes hundreds. They work for as long as the local model starts at θ♠ and has no time to leave.
//!
//! In: θ♠, (d,). Out: as many rows as asked for. Cost O(rows · p K).
//! Source: the code published with Farhadkhani et al., ICML 2022.

use learning::{Dataset, Seed};
use nalgebra::{DMatrix, DVector};
use rand::RngExt as _;
use rand_distr::{Distribution as _, StandardNormal};

use super::{Hold, Rows, Uncraftable, centred, differences, softmax};

/// What to sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Number of distinct rows.
    pub rows: usize,
    /// How many identical rows each of them stands for.
    pub copies: u32,
    /// Standard deviation of the noise along the normals.
    pub noise: f64,
    /// Inputs are uniform in ± this, and what is projected is not clipped; `None`: uniform in [0, 1], projected, divided
    /// by the largest of all and clipped to [0, 1], and labelled after that, so that every row is an image.
    pub bound: Option<f64>,
}

impl Sampling {
    /// What the published equivalence sampled.
    #[must_use]
    pub const fn published() -> Self {
        Self { rows: 2000, copies: 1, noise: 0.01, bound: Some(50.0) }
    }
}

/// Rows near the indifference of θ♠, labelled by it.
///
/// # Errors
/// When the vectors do not fit the model.
pub fn rows_by_sampling(hold: &Hold<'_>, sampling: Sampling, seed: Seed) -> Result<Dataset, Uncraftable> {
    let (theta, _) = hold.matrices()?;
    let theta = centred(theta);
    let (inputs, classes) = (hold.model.inputs, hold.model.outputs);
    let (weights, bias) = (theta.rows(0, inputs).into_owned(), theta.row(inputs).transpose());
    let differences = differences(classes);
    // Orthonormal normals Q of V and the offsets Q·x has there.
    let qr = (&weights * &differences).qr();
    let normals: DMatrix<f64> = qr.q();
    let offsets = qr
        .r()
        .transpose()
        .solve_lower_triangular(&-(differences.transpose() * &bias))
        .ok_or(Uncraftable::Degenerate(1))?;
    let mut stream = seed.stream("poisoned rows");
    let (low, high) = sampling.bound.map_or((0.0, 1.0), |bound| (-bound, bound));
    let mut near = || {
        let x = DVector::from_fn(inputs, |_, _| stream.random_range(low..high));
        let noise = DVector::from_fn(offsets.len(), |_, _| {
            let z: f64 = StandardNormal.sample(&mut stream);
            sampling.noise * z
        });
        let correction = &offsets + noise - normals.tr_mul(&x);
        x + &normals * correction
    };
    let mut points: Vec<DVector<f64>> = (0..sampling.rows).map(|_| near()).collect();
    if sampling.bound.is_none() {
        let largest = points.iter().map(DVector::max).fold(f64::MIN_POSITIVE, f64::max);
        points.iter_mut().for_each(|x| x.apply(|value| *value = (*value / largest).clamp(0.0, 1.0)));
    }
    let mut rows = Rows::default();
    for x in &points {
        rows.push(x, &softmax(&(weights.tr_mul(x) + &bias)), sampling.copies);
    }
    Ok(rows.into_dataset())
}

#[cfg(test)]
mod tests {
    use learning::{Model, Regularizer, Targets, model::Kind, regularizer};

    use super::*;

    fn wave(n: usize, pace: f64, height: f64) -> Vec<f64> {
        (0..n).map(|k| height * (pace * (k * k) as f64).sin()).collect()
    }

    fn sample(sampling: Sampling) -> Dataset {
        let model = Model { kind: Kind::Softmax, inputs: 20, outputs: 5 };
        let (theta, rho) = (wave(105, 1.3, 2.0), vec![0.0; 105]);
        let regularizer = Regularizer { kind: regularizer::Kind::SquaredL2, lambda: 1.0 };
        rows_by_sampling(&Hold { model, theta: &theta, rho: &rho, regularizer, nu: 0.0 }, sampling, Seed(3))
            .unwrap()
    }

    #[test]
    fn rows_are_nearly_indifferent_and_far_apart() {
        let rows = sample(Sampling { rows: 50, ..Sampling::published() });
        let Targets::Values(labels) = &rows.targets else { panic!("soft labels") };
        assert!(labels.iter().all(|q| (q - 0.2).abs() < 0.05), "the noise is small");
        assert!(rows.inputs.row(0).iter().any(|x| x.abs() > 10.0));
        assert_eq!(rows, sample(Sampling { rows: 50, ..Sampling::published() }));
    }

    #[test]
    fn images_stay_images() {
        let rows = sample(Sampling { rows: 50, copies: 7, noise: 0.01, bound: None });
        let pixels: Vec<f64> = (0..50).flat_map(|row| rows.inputs.row(row)).collect();
        assert!(pixels.iter().all(|x| (0.0..=1.0).contains(x)));
        assert!(pixels.contains(&1.0) && pixels.contains(&0.0), "they fill what is allowed");
        assert_eq!(rows.examples(), 350);
    }
}
