//! Norm-clipped mean.
//!
//! M(x) = (1/n) ∑ xᵢ · min(1, c / ‖xᵢ‖)       c = median of ‖x₁‖, …, ‖xₙ‖ unless given
//!
//! In: n finite rows. Out: `(d,)`. Needs n > 2f, so that the median norm is between honest ones. Cost O(nd).
//! Source: folklore of federated learning. A liar moves it by 2c/n at most. ByzFL has it as `Clipping(c)` before
//! `Average()`.

use crate::{geometry::Cloud, matrix::median};

/// The mean of the shortened rows.
pub(crate) fn clipped_mean(cloud: &Cloud, c: Option<f64>) -> Vec<f64> {
    let norms = cloud.norms();
    let longest = c.unwrap_or_else(|| median(norms.clone()));
    shortened_mean(cloud, &norms, longest, &(0..cloud.voters).collect::<Vec<_>>())
}

/// The mean of `chosen`, each shortened to `longest`.
pub(super) fn shortened_mean(cloud: &Cloud, norms: &[f64], longest: f64, chosen: &[usize]) -> Vec<f64> {
    let share = 1.0 / chosen.len() as f64;
    let mut weights = vec![0.0; cloud.points()];
    for &voter in chosen {
        let scale = if norms[voter] > longest { longest / norms[voter] } else { 1.0 };
        weights[voter] = share * scale;
        weights[cloud.origin()] += share * (1.0 - scale);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn the_median_norm_is_the_longest() {
        let cloud = cloud(&[&[1.0], &[-2.0], &[1024.0]], None);
        let weights = clipped_mean(&cloud, None);
        assert_eq!(&weights[..3], [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0 / 512.0]);
        assert_eq!(clipped_mean(&cloud, Some(1.0))[1], 0.5 / 3.0);
    }
}
