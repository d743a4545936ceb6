//! Value and gradient over a few rows, in single precision from end to end: the step of stochastic gradient descent.

use pulp::Arch;

use super::{Design, Judge, Link, Pass};

/// Writes the gradient of the mean of count · loss over `rows` at `theta` into `gradient`, and answers that mean.
pub(crate) fn batch(
    design: &Design<f32>,
    link: Link,
    rows: &[usize],
    theta: &[f32],
    gradient: &mut [f32],
) -> f64 {
    match design.outputs {
        0..=4 => batch_lanes::<4>(design, link, rows, theta, gradient),
        5..=16 => batch_lanes::<16>(design, link, rows, theta, gradient),
        17..=64 => batch_lanes::<64>(design, link, rows, theta, gradient),
        _ => batch_lanes::<256>(design, link, rows, theta, gradient),
    }
}

fn batch_lanes<const L: usize>(
    design: &Design<f32>,
    link: Link,
    rows: &[usize],
    theta: &[f32],
    gradient: &mut [f32],
) -> f64 {
    let outputs = design.outputs;
    let mut weights = vec![[0.0; L]; theta.len() / outputs];
    for (lanes, row) in weights.iter_mut().zip(theta.chunks_exact(outputs)) {
        lanes[..outputs].copy_from_slice(row);
    }
    let mut sums = vec![[0.0_f32; L]; weights.len()];
    let share = 1.0 / rows.len().max(1) as f32;
    let value = Arch::new().dispatch(Pass {
        design,
        weights: &weights,
        rows: rows.iter().copied(),
        gradient: &mut sums,
        answer: &Judge { design, link },
    });
    for (out, lanes) in gradient.chunks_exact_mut(outputs).zip(&sums) {
        out.iter_mut().zip(lanes).for_each(|(out, sum)| *out = share * sum);
    }
    value * f64::from(share)
}
