use ndarray::Array2;
use rand::Rng as _;

use super::*;
use crate::{Dataset, Seed, Targets, data::Inputs};

/// The definition, one row and one coordinate at a time.
fn obvious(data: &Dataset, link: Link, theta: &[f64], gradient: &mut [f64]) -> f64 {
    let outputs = data.targets.outputs();
    let mut value = 0.0;
    for row in 0..data.inputs.rows() {
        let mut x = data.inputs.row(row);
        x.push(1.0);
        let z: Vec<f64> = (0..outputs)
            .map(|k| x.iter().enumerate().map(|(j, x)| x * theta[j * outputs + k]).sum())
            .collect();
        let a = data.targets.row(row);
        let count = data.counts.as_ref().map_or(1.0, |counts| f64::from(counts[row]));
        let total: f64 = z.iter().map(|z| z.exp()).sum();
        for k in 0..outputs {
            let residual = match link {
                Link::Identity => z[k] - a[k],
                Link::Softmax => z[k].exp() / total - a[k],
            };
            value += count
                * match link {
                    Link::Identity => residual * residual / 2.0,
                    Link::Softmax => a[k] * (total.ln() - z[k]),
                };
            for (j, x) in x.iter().enumerate() {
                gradient[j * outputs + k] += count * x * residual;
            }
        }
    }
    value
}

fn random(rows: usize, width: usize, outputs: usize, zeros: f64, soft: bool) -> (Dataset, Vec<f64>) {
    let mut stream = Seed(3).stream("kernel test");
    let mut uniform = move || f64::from(stream.next_u32()) / f64::from(u32::MAX);
    let x = Array2::from_shape_fn((rows, width), |_| if uniform() < zeros { 0.0 } else { uniform() - 0.3 });
    let targets = if soft {
        let mut q = Array2::from_shape_fn((rows, outputs), |_| uniform());
        q.rows_mut().into_iter().for_each(|mut row| {
            let sum = row.sum();
            row /= sum;
        });
        Targets::Values(q)
    } else {
        let labels = (0..rows).map(|_| (uniform() * 0.999 * outputs as f64) as u8).collect();
        Targets::Classes { labels, classes: outputs }
    };
    let mut data = Dataset::new(Inputs::Reals(x), targets);
    data.counts = soft.then(|| (0..rows).map(|row| 1 + row as u32 % 3).collect());
    let theta = (0..(width + 1) * outputs).map(|_| uniform() * 2.0 - 1.0).collect();
    (data, theta)
}

#[test]
fn the_kernel_agrees_with_the_definition_in_both_precisions_and_both_storages() {
    for (rows, width, outputs, zeros) in
        [(1, 1, 1, 0.0), (7, 5, 3, 0.9), (2100, 9, 10, 0.1), (33, 13, 17, 0.7), (5, 3, 80, 0.0)]
    {
        for (link, soft) in [(Link::Softmax, false), (Link::Softmax, true), (Link::Identity, true)] {
            let (data, theta) = random(rows, width, outputs, zeros, soft);
            let mut expected = vec![0.0; theta.len()];
            let value = obvious(&data, link, &theta, &mut expected);
            let mut double = vec![0.0; theta.len()];
            let got = accumulate(&Design::<f64>::new(&data), link, &theta, &mut double);
            let mut single = vec![0.0; theta.len()];
            let rough = accumulate(&Design::<f32>::new(&data), link, &theta, &mut single);
            let scale = rows as f64;
            assert!((got - value).abs() < 1e-12 * scale, "{got} {value}");
            assert!((rough - value).abs() < 1e-4 * scale, "{rough} {value}");
            for ((e, d), s) in expected.iter().zip(double).zip(single) {
                assert!((e - d).abs() < 1e-12 * scale, "{e} {d}");
                assert!((e - s).abs() < 1e-4 * scale, "{e} {s}");
            }
        }
    }
}

#[test]
fn curvature_products_are_differences_of_gradients() {
    for (link, soft, outputs) in
        [(Link::Softmax, false, 10), (Link::Softmax, true, 3), (Link::Identity, true, 17)]
    {
        let (data, theta) = random(60, 8, outputs, 0.5, soft);
        let design = Design::<f64>::new(&data);
        let direction: Vec<f64> = (0..theta.len()).map(|k| (k as f64 * 1.1).sin()).collect();
        let gradient_at = |step: f64| {
            let there: Vec<f64> = theta.iter().zip(&direction).map(|(t, d)| t + step * d).collect();
            let mut gradient = vec![0.0; theta.len()];
            accumulate(&design, link, &there, &mut gradient);
            gradient
        };
        let mut product = vec![0.0; theta.len()];
        curve(&design, &Curvature::at(&design, link, &theta), &direction, &mut product);
        for ((above, below), got) in gradient_at(1e-5).iter().zip(gradient_at(-1e-5)).zip(product) {
            let difference = (above - below) / 2e-5;
            assert!((difference - got).abs() < 1e-6 * (1.0 + got.abs()), "{difference} {got}");
        }
    }
}

#[test]
fn the_prediction_is_the_largest_output() {
    let (data, theta) = random(50, 6, 10, 0.0, false);
    let guesses = predictions(&Design::<f64>::new(&data), &theta);
    for (row, &guess) in guesses.iter().enumerate() {
        let x = data.inputs.row(row);
        let z = |k: usize| {
            theta[6 * 10 + k] + x.iter().enumerate().map(|(j, x)| x * theta[j * 10 + k]).sum::<f64>()
        };
        assert!((0..10).all(|k| z(k) <= z(usize::from(guess)) + 1e-12));
    }
}

#[test]
fn huge_logits_give_a_finite_loss() {
    let (data, theta) = random(4, 3, 10, 0.0, false);
    let theta: Vec<f64> = theta.iter().map(|t| t * 1e6).collect();
    let mut gradient = vec![0.0; theta.len()];
    let value = accumulate(&Design::<f64>::new(&data), Link::Softmax, &theta, &mut gradient);
    assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{value}");
}

#[test]
fn grams_are_the_blocks_on_the_diagonal_of_the_second_derivative() {
    for (link, soft, zeros, width, outputs) in [
        (Link::Softmax, false, 0.8, 40, 10),
        (Link::Softmax, true, 0.0, 9, 18),
        (Link::Identity, true, 0.5, 5, 3),
    ] {
        let (data, theta) = random(60, width, outputs, zeros, soft);
        let design = Design::<f32>::new(&data);
        let at = Curvature::at(&design, link, &theta);
        let grams = grams(&design, &at);
        assert_eq!(grams.len(), outputs);
        for (k, gram) in grams.iter().enumerate() {
            assert_eq!(gram.len(), triangle(width + 1));
            for column in 0..=width {
                let unit = |j: usize| f64::from(u8::from(j == column * outputs + k));
                let direction: Vec<f64> = (0..theta.len()).map(unit).collect();
                let mut product = vec![0.0; theta.len()];
                curve(&Design::<f64>::new(&data), &at, &direction, &mut product);
                for row in column..=width {
                    let (got, want) = (f64::from(gram[triangle(row) + column]), product[row * outputs + k]);
                    assert!((got - want).abs() < 1e-4 * (1.0 + want.abs()), "{link:?} {k} {row} {column}");
                }
            }
        }
    }
}
