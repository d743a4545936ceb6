//! Nearest-neighbour mixing.
//!
//! yᵢ = mean of the n − f rows nearest to xᵢ, xᵢ itself included
//!
//! In: n rows. Out: n rows. Needs n > f. Cost O(n²d) for the distances, O(n² log n) after.
//! Source: Allouah et al., AISTATS 2023 (Fixing by Mixing), Algorithm 2. Same as ByzFL `NNM(f)`; ties by the hash of
//! the rank, where ByzFL leaves them to the sort.

use crate::{
    geometry::{Cloud, Mixing},
    order::ascending,
};

pub(super) fn mixing(cloud: &Cloud, f: usize, keys: &[u64]) -> Mixing {
    let neighbours = |voter: usize| {
        let mut scores = cloud.distances.row(voter)[..cloud.voters].to_vec();
        scores[voter] = -1.0;
        let mut nearest = ascending(&scores, keys);
        nearest.truncate(cloud.voters - f);
        cloud.mean_of(&nearest)
    };
    (0..cloud.voters).map(neighbours).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn a_row_joins_its_neighbours_and_f_0_makes_all_rows_the_mean() {
        let cloud = cloud(&[&[0.0], &[1.0], &[10.0]], None);
        let half = [0.5, 0.5, 0.0, 0.0];
        assert_eq!(mixing(&cloud, 1, &[1, 2, 3]), [half.to_vec(), half.to_vec(), vec![0.0, 0.5, 0.5, 0.0]]);
        assert_eq!(mixing(&cloud, 0, &[1, 2, 3])[1], cloud.mean_of(&[0, 1, 2]));
    }

    #[test]
    fn a_row_is_its_own_neighbour_even_among_its_copies() {
        let cloud = cloud(&[&[1.0], &[1.0], &[1.0]], None);
        for (voter, weights) in mixing(&cloud, 2, &[3, 1, 2]).iter().enumerate() {
            assert_eq!(*weights, cloud.unit(voter));
        }
    }
}
