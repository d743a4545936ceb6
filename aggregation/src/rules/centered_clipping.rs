//! Centered clipping.
//!
//! v ← the last aggregate (0 at first);  `steps` times:  v ← v + (1/n) ∑ (xᵢ − v) · min(1, τ / ‖xᵢ − v‖)
//!
//! In: n finite rows and the centre. Out: `(d,)`, the next round's centre. Needs n > 2f.
//! Cost O(n²d) for the distances, the centre one point more; a step costs O(n²), whatever d.
//! Source: Karimireddy et al., ICML 2021, Algorithm 2. With τ given same as ByzFL `CenteredClipping(m, L, tau)`, whose
//! default τ = 100 clips nothing that is shorter. By default τ is the median of ‖xᵢ − v‖, so that it has the scale of
//! the rows.

use crate::{geometry::Cloud, matrix::median};

/// The centre after `steps` steps from the anchor.
pub(crate) fn centered_clipping(cloud: &Cloud, tau: Option<f64>, steps: usize) -> Vec<f64> {
    let n = cloud.voters as f64;
    let mut centre = cloud.unit(cloud.anchor());
    for _ in 0..steps {
        let squares = cloud.distances_to(&centre);
        let distances: Vec<f64> = squares[..cloud.voters].iter().map(|square| square.sqrt()).collect();
        let tau = tau.unwrap_or_else(|| median(distances.clone()));
        let shares: Vec<f64> =
            distances.iter().map(|&far| if far > tau { tau / far / n } else { 1.0 / n }).collect();
        let stays = 1.0 - shares.iter().sum::<f64>();
        // A step that keeps nothing of the centre must leave exactly nothing of it.
        let stays = if stays.abs() < 1e-15 { 0.0 } else { stays };
        centre.iter_mut().for_each(|weight| *weight *= stays);
        centre.iter_mut().zip(shares).for_each(|(weight, share)| *weight += share);
    }
    centre
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn a_far_row_moves_the_centre_by_tau_over_n() {
        let cloud = cloud(&[&[1.0, 0.0], &[1e30, 0.0]], Some(&[0.0, 0.0]));
        let weights = centered_clipping(&cloud, Some(2.0), 1);
        assert_eq!((weights[0], weights[1] * f64::from(1e30_f32)), (0.5, 1.0));
        let again = centered_clipping(&cloud, Some(2.0), 2);
        let at = again[0] + again[1] * f64::from(1e30_f32);
        assert!((at - (1.5 + 0.5 * (-0.5 + 2.0))).abs() < 1e-6, "{at}");
    }

    #[test]
    fn a_large_tau_gives_the_mean() {
        let cloud = cloud(&[&[1.0], &[2.0], &[6.0]], Some(&[7.0]));
        assert_eq!(centered_clipping(&cloud, Some(100.0), 1), cloud.mean_of(&[0, 1, 2]));
    }
}
