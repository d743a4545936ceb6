//! Who comes first among equals: a seeded hash of the rank and the round, which favours nobody for long.

/// Keys that order the rows of `ranks` when a rule cannot.
pub(crate) fn keys(seed: u64, round: u32, ranks: &[u32]) -> Vec<u64> {
    let start = mix(seed ^ mix(u64::from(round)));
    ranks.iter().map(|&rank| mix(start ^ u64::from(rank))).collect()
}

/// The indices of `scores` from the least to the largest, equals by their keys.
pub(crate) fn ascending(scores: &[f64], keys: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(keys[a].cmp(&keys[b])));
    order
}

/// SplitMix64's finaliser after its increment.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_are_ordered_by_rank_not_by_place_and_anew_each_round() {
        let ranks = [3, 1, 4, 2];
        let first = |round, ranks: &[u32]| ranks[ascending(&[0.0; 4], &keys(7, round, ranks))[0]];
        let winners: Vec<u32> = (0..64).map(|round| first(round, &ranks)).collect();
        let permuted: Vec<u32> = (0..64).map(|round| first(round, &[1, 2, 3, 4])).collect();
        assert_eq!(winners, permuted);
        assert!(ranks.iter().all(|rank| winners.contains(rank)), "{winners:?}");
    }
}
