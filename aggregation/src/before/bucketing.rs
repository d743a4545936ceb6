//! Bucketing.
//!
//! yⱼ = mean of x_π(js), …, x_π(min(js + s, n) − 1)      π a permutation drawn every round
//!
//! In: n rows. Out: ⌈n/s⌉ rows. Needs a rule after it that stands f liars among ⌈n/s⌉ rows. Cost O(nd).
//! Source: Karimireddy et al., ICLR 2022, Algorithm 1. Same as ByzFL `Bucketing(s)`: a last short bucket is divided by
//! its own size, and f stays as it is. The permutation orders the hashes of ranks under the round, so that it does not
//! depend on the order of the rows.

use crate::geometry::{Cloud, Mixing};

/// The members of each bucket when rows are taken in this `order`, `s` at a time.
#[must_use]
pub fn buckets(order: &[usize], s: usize) -> Vec<Vec<usize>> {
    order.chunks(s.max(1)).map(<[usize]>::to_vec).collect()
}

/// The permutation that `keys` draw.
pub(super) fn order(keys: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by_key(|&row| keys[row]);
    order
}

pub(super) fn mixing(cloud: &Cloud, s: usize, keys: &[u64]) -> Mixing {
    buckets(&order(keys), s).iter().map(|bucket| cloud.mean_of(bucket)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{geometry::cloud, order};

    #[test]
    fn every_row_is_in_one_bucket_and_rounds_differ() {
        let rows: Vec<[f32; 1]> = (0..7).map(|row| [row as f32]).collect();
        let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
        let cloud = cloud(&views, None);
        let ranks: Vec<u32> = (0..7).collect();
        let draw = |round| mixing(&cloud, 3, &order::keys(1, round, &ranks));
        let mixing = draw(1);
        assert_eq!(mixing.len(), 3);
        let (whole, short) = (1.0 / 3.0, 1.0);
        for row in 0..7 {
            let weights: Vec<f64> =
                mixing.iter().map(|weights| weights[row]).filter(|&weight| weight > 0.0).collect();
            assert!(weights == [whole] || weights == [short], "{weights:?}");
        }
        assert_ne!(mixing, draw(2));
    }
}
