//! MoNNA: the nearest neighbours of a trusted worker.
//!
//! MoNNA(x) = mean of the n − f rows nearest to x_pivot, itself included
//!
//! In: n finite rows. Out: `(d,)`. Needs n > 2f and a pivot that is honest. Cost O(n²d) for the distances.
//! Source: Farhadkhani et al., 2023, where every worker is its own pivot. Same as ByzFL `MoNNA(f, idx)`; the pivot is a
//! rank here, and a round without its row is refused.

use crate::{geometry::Cloud, order::ascending};

/// The mean of the rows nearest to `pivot`.
pub(crate) fn monna(cloud: &Cloud, pivot: usize, f: usize, keys: &[u64]) -> Vec<f64> {
    let mut scores = cloud.distances.row(pivot)[..cloud.voters].to_vec();
    scores[pivot] = -1.0;
    let mut nearest = ascending(&scores, keys);
    nearest.truncate(cloud.voters - f);
    cloud.mean_of(&nearest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn the_pivot_keeps_its_neighbours() {
        let cloud = cloud(&[&[0.0], &[5.0], &[4.0]], None);
        assert_eq!(monna(&cloud, 2, 1, &[0; 3]), [0.0, 0.5, 0.5, 0.0]);
    }
}
