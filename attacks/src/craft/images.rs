//! Rows that hold a softmax model and are images: every input a pixel from 0 to 1.
//!
//! The program of [`super::columns`] over the points of the box [0, 1]ᵖ itself instead of their logits: Σ nᵢ x̃ᵢ (e_kᵢ − pᵢ)ᵀ
//! = Δ. The box has p + 1 points in general position, so every Δ is carried exactly, whatever the model: being images costs
//! rows, nothing else. It also costs constraints: (p + 1)(K − 1), 585 on 8 x 8 digits; the program is refused where they
//! are too many to keep a square matrix of.
//!
//! In: θ♠ and ρ∞, (d,). Out: at most (p + 1)(K − 1) distinct rows, counted. Source: our derivation; docs/paper.md.

use learning::{Dataset, Seed};
use nalgebra::{DMatrix, DVector};
use rand::RngExt as _;

use super::{Hold, Rows, Uncraftable, centred, columns::Space, differences, program::together};

/// Constraints beyond which the inverse of a vertex takes too much memory and time.
const CONSTRAINTS_MAX: usize = 1500;
/// Random points to begin with.
const RANDOM: usize = 500;
/// Searches for better rows.
const SEARCHES: usize = 3;
/// Exchanges after each, at most: all that would save a little would take a hundred times as many.
const EXCHANGES: usize = 1500;
/// Steps towards indifference.
const STEPS: usize = 2000;

/// Rows, with soft labels and pixels from 0 to 1, that make θ♠ the local optimum of an honest worker under ρ∞.
///
/// # Errors
/// When the vectors do not fit the model, or the model is too large.
pub fn rows_of_images(hold: &Hold<'_>) -> Result<Dataset, Uncraftable> {
    let (theta, delta) = hold.matrices()?;
    let (theta, delta) = (centred(theta), centred(delta));
    let (inputs, classes) = (hold.model.inputs, hold.model.outputs);
    let constraints = (inputs + 1) * classes.saturating_sub(1);
    if constraints > CONSTRAINTS_MAX {
        return Err(Uncraftable::TooLarge { constraints, most: CONSTRAINTS_MAX });
    }
    let space = Space {
        weights: theta.rows(0, inputs).into_owned(),
        bias: theta.row(inputs).transpose(),
        bounds: Some((0.0, 1.0)),
        searches: SEARCHES,
        exchanges_max: EXCHANGES,
    };
    let base = most_indifferent(&space);
    let uses = space.fewest(&delta, &corners(&space, &base), others(&base))?;
    let mut rows = Rows::default();
    for bundle in together(&space, uses) {
        rows.push(&bundle.point, &bundle.label(&space), bundle.copies as u32);
    }
    Ok(rows.into_dataset())
}

/// The image whose logits differ least, by projected gradients.
fn most_indifferent(space: &Space) -> DVector<f64> {
    let basis = differences(space.bias.len());
    let (reduced, offset): (DMatrix<f64>, DVector<f64>) =
        (&space.weights * &basis, basis.tr_mul(&space.bias));
    let step = reduced.tr_mul(&reduced).norm().max(f64::MIN_POSITIVE).recip();
    let mut point = DVector::from_element(space.weights.nrows(), 0.5);
    for _ in 0..STEPS {
        let logits = reduced.tr_mul(&point) + &offset;
        point.gemv(-step, &reduced, &logits, 1.0);
        point.apply(|pixel| *pixel = pixel.clamp(0.0, 1.0));
    }
    point
}

/// `base` and a neighbour a pixel, on the side where there is more room, near enough for no logit to change by more than 1.
fn corners(space: &Space, base: &DVector<f64>) -> Vec<DVector<f64>> {
    let neighbour = |pixel: usize| {
        let side = if base[pixel] > 0.5 { -1.0 } else { 1.0 };
        let room = base[pixel].max(1.0 - base[pixel]);
        let mut point = base.clone();
        point[pixel] += side * room.min(space.weights.row(pixel).amax().recip());
        point
    };
    std::iter::once(base.clone()).chain((0..base.len()).map(neighbour)).collect()
}

/// Images around `base`, of every contrast.
fn others(base: &DVector<f64>) -> Vec<DVector<f64>> {
    let mut stream = Seed(0).stream("candidate images");
    let image = |_| {
        let contrast: f64 = stream.random_range(0.05..1.0);
        base.map(|pixel| (pixel + contrast * stream.random_range(-1.0..1.0)).clamp(0.0, 1.0))
    };
    (0..RANDOM).map(image).collect()
}

#[cfg(test)]
mod tests {
    use learning::{Model, Regularizer, Targets, data::Inputs, model::Kind, regularizer};

    use super::*;
    use crate::craft::rows_needed;

    fn hold<'a>(theta: &'a [f64], rho: &'a [f64], inputs: usize, classes: usize) -> Hold<'a> {
        Hold {
            model: Model { kind: Kind::Softmax, inputs, outputs: classes },
            theta,
            rho,
            regularizer: Regularizer { kind: regularizer::Kind::SquaredL2, lambda: 1.0 },
            nu: 0.0,
        }
    }

    #[test]
    fn the_rows_are_images_and_hold_the_model_to_rounding() {
        for classes in [2, 4] {
            let wave = |pace: f64, height: f64| -> Vec<f64> {
                (0..16 * classes).map(|k| height * (pace * (k * k) as f64).sin()).collect()
            };
            let (theta, rho) = (wave(1.3, 1.0), wave(0.7, 0.2));
            let hold = hold(&theta, &rho, 15, classes);
            let rows = rows_of_images(&hold).unwrap();
            let (Inputs::Reals(pixels), Targets::Values(labels)) = (&rows.inputs, &rows.targets) else {
                panic!("images with soft labels")
            };
            assert!(pixels.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
            assert!(labels.rows().into_iter().all(|q| (q.sum() - 1.0).abs() < 1e-9));
            assert!(rows.inputs.rows() <= 16 * (classes - 1));
            assert!(rows.examples() as f64 >= rows_needed(&hold).unwrap());
            let stationarity = hold.stationarity(&rows).unwrap();
            assert!(stationarity < 1e-10, "{stationarity}");
        }
    }

    #[test]
    fn a_model_of_many_pixels_is_refused_in_numbers() {
        let theta = vec![0.0; 785 * 10];
        let refused = rows_of_images(&hold(&theta, &theta, 784, 10));
        assert_eq!(refused, Err(Uncraftable::TooLarge { constraints: 7065, most: 1500 }));
    }
}
