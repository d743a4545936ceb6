//! Bulyan: the selection; the coordinate-wise half is `coordinatewise::mean_around_median`.
//!
//! repeat θ = n − 2f times: move the row Krum picks among those left to S
//! Bulyan(x)ₖ = mean of the θ − 2f = n − 4f values of coordinate k of S nearest to their median
//!
//! In: n finite rows. Out: `(d,)`. Needs n ≥ 4f + 3. Cost O(n²d + n³ log n + d·n log n).
//! Source: El Mhamdi et al., ICML 2018, Algorithm 2, with Krum of the paper: among m rows left it counts m − f − 2
//! neighbours, at least one. The krum package never updates the scores after a pick and selects n − 2f − 2; Flower
//! picks all θ at once.

use crate::{geometry::Cloud, order::ascending};

use super::krum::scores;

/// The rows that Krum picks one after another.
pub(crate) fn select(cloud: &Cloud, f: usize, keys: &[u64]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..cloud.voters).collect();
    let mut selected = Vec::with_capacity(cloud.voters - 2 * f);
    while selected.len() < cloud.voters - 2 * f {
        let scores = scores(&cloud.distances, &left, left.len().saturating_sub(f + 2).max(1));
        let keys: Vec<u64> = left.iter().map(|&row| keys[row]).collect();
        let best = ascending(&scores, &keys)[0];
        selected.push(left.remove(best));
    }
    selected.sort_unstable();
    selected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn outliers_are_not_selected() {
        let rows: [&[f32]; 7] = [&[0.0], &[0.1], &[0.3], &[0.2], &[0.4], &[9.0], &[0.5]];
        let selected = select(&cloud(&rows, None), 1, &[0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(selected.len(), 5);
        assert!(!selected.contains(&5), "{selected:?}");
    }
}
