//! Adaptive robust clipping.
//!
//! k = ⌊2f(n − f)/n⌋;  C = the (k + 1)-th largest norm;  yᵢ = xᵢ · min(1, C / ‖xᵢ‖)
//!
//! In: n rows. Out: n rows. Needs n > f. Cost O(nd).
//! Source: Allouah et al., ICLR 2025 (Adaptive Gradient Clipping), Algorithm 2. Same as ByzFL `ARC(f)`, with k in whole
//! numbers: ByzFL's floating-point formula differs for two (n, f) with 2f > n.

use crate::geometry::{Cloud, Mixing};

use super::clipping::shortened;

pub(super) fn mixing(cloud: &Cloud, f: usize) -> Mixing {
    let n = cloud.voters;
    let mut norms = cloud.norms();
    norms.sort_by(|a, b| b.total_cmp(a));
    shortened(cloud, norms[2 * f * (n - f) / n])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn the_longest_rows_get_the_norm_of_the_next() {
        let cloud = cloud(&[&[8.0], &[1.0], &[-2.0], &[0.0], &[1e30]], None);
        let mixing = mixing(&cloud, 1);
        let scales: Vec<f64> = (0..5).map(|row| mixing[row][row]).collect();
        assert_eq!(scales, [1.0, 1.0, 1.0, 1.0, 8.0 / f64::from(1e30_f32)]);
    }
}
