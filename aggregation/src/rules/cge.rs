//! Comparative gradient elimination.
//!
//! CGE(x) = mean of the n − f rows of least ‖xᵢ‖
//!
//! In: n finite rows. Out: `(d,)`. Needs n > 2f. Cost O(n²d) for the distances, of which it uses n.
//! Source: Gupta et al., 2021. The paper sums; this is the mean. It is not robust to a shift of all rows, and unbounded
//! in the sense of κ. Ties by the hash of the rank.

use crate::{geometry::Cloud, order::ascending};

/// The mean of the shortest rows.
pub(crate) fn cge(cloud: &Cloud, f: usize, keys: &[u64]) -> Vec<f64> {
    let mut shortest = ascending(&cloud.norms(), keys);
    shortest.truncate(cloud.voters - f);
    cloud.mean_of(&shortest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn the_longest_rows_are_left_out() {
        let cloud = cloud(&[&[1.0, 0.0], &[-3.0, 0.0], &[0.0, 2.0]], None);
        assert_eq!(cge(&cloud, 1, &[0; 3]), [0.5, 0.0, 0.5, 0.0]);
    }
}
