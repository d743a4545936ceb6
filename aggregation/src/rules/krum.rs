//! Krum and Multi-Krum.
//!
//! s(i) = ∑ of ‖xᵢ − xⱼ‖² over the k rows j ≠ i nearest to i
//! Krum = the row of least s;  Multi-Krum = the mean of the m rows of least s
//!
//! In: n finite rows. Out: one row (Krum) or a mean of m.
//! `paper`: k = n − f − 2, m = n − f − 2, needs n ≥ 2f + 3. `byzfl`: k = n − f − 1, m = n − f, needs n > 2f.
//! Cost O(n²d) for the distances, O(n² log n) after.
//! Source: Blanchard et al., NeurIPS 2017, §4. The krum package's Python takes distances that are not squared, Blades
//! squares them twice; neither is offered. Ties by the hash of the rank, where the others take the first row.

use crate::{KrumVariant, geometry::Cloud, matrix::Matrix, order::ascending};

/// The row with the nearest neighbours.
pub(crate) fn krum(cloud: &Cloud, variant: KrumVariant, f: usize, keys: &[u64]) -> Vec<f64> {
    multi_krum(cloud, variant, Some(1), f, keys)
}

/// The mean of the `m` rows with the nearest neighbours.
pub(crate) fn multi_krum(
    cloud: &Cloud,
    variant: KrumVariant,
    m: Option<usize>,
    f: usize,
    keys: &[u64],
) -> Vec<f64> {
    let n = cloud.voters;
    let all: Vec<usize> = (0..n).collect();
    let mut best = ascending(&scores(&cloud.distances, &all, variant.neighbours(n, f)), keys);
    best.truncate(m.unwrap_or_else(|| variant.most(n, f)));
    cloud.mean_of(&best)
}

/// The summed squared distances of each of `among` to its nearest `neighbours` others of them.
pub(super) fn scores(distances: &Matrix, among: &[usize], neighbours: usize) -> Vec<f64> {
    let score = |&row: &usize| {
        let others = among.iter().filter(|&&other| other != row);
        let mut others: Vec<f64> = others.map(|&other| distances.at(row, other)).collect();
        others.sort_by(f64::total_cmp);
        others.iter().take(neighbours).sum()
    };
    among.iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn the_variants_count_neighbours_differently() {
        let rows: [&[f32]; 7] = [&[0.0], &[0.1], &[3.0], &[4.0], &[5.0], &[6.0], &[100.0]];
        let cloud = cloud(&rows, None);
        let chosen = |variant, f| krum(&cloud, variant, f, &[0; 7]).iter().position(|&w| w == 1.0);
        assert_eq!((chosen(KrumVariant::Paper, 2), chosen(KrumVariant::Byzfl, 2)), (Some(3), Some(3)));
        assert_eq!(scores(&cloud.distances, &[0, 1, 2], 1)[2], cloud.distances.at(1, 2));
        let many = multi_krum(&cloud, KrumVariant::Byzfl, None, 1, &[0; 7]);
        assert_eq!(many, cloud.mean_of(&[0, 1, 2, 3, 4, 5]));
        let few = multi_krum(&cloud, KrumVariant::Paper, None, 2, &[0; 7]);
        assert_eq!(few.iter().filter(|&&weight| weight > 0.0).count(), 3);
    }
}
