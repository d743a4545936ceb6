//! A sorting network for any number of wires, without the comparators that the wanted outputs do not need.

use std::ops::Range;

/// Compares two wires, `low` < `high`, and puts the smaller value on `low`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comparator {
    /// Wire of the smaller value.
    pub(super) low: usize,
    /// Wire of the larger value.
    pub(super) high: usize,
    /// Which of the two is read again.
    pub(super) used: Used,
}

/// Which outputs of a comparator are read by a later one or are wanted at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Used {
    Low,
    High,
    Both,
}

/// Batcher's odd-even merge sort of `n` wires, reduced to what brings the right values to the wires `wanted`.
pub(super) fn network(n: usize, wanted: Range<usize>) -> Vec<Comparator> {
    let mut read = vec![false; n];
    read[wanted].fill(true);
    let mut kept = Vec::new();
    for (low, high) in batcher(n).into_iter().rev() {
        let used = match (read[low], read[high]) {
            (true, true) => Used::Both,
            (true, false) => Used::Low,
            (false, true) => Used::High,
            (false, false) => continue,
        };
        (read[low], read[high]) = (true, true);
        kept.push(Comparator { low, high, used });
    }
    kept.reverse();
    kept
}

/// The network for the next power of two, where wires past the last one hold infinity and never move.
fn batcher(n: usize) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut merged = 1;
    while merged < n {
        let mut distance = merged;
        while distance > 0 {
            for start in (distance % merged..n.saturating_sub(distance)).step_by(2 * distance) {
                for low in start..(start + distance).min(n - distance) {
                    // Both wires belong to the same block that is being merged.
                    if low / (2 * merged) == (low + distance) / (2 * merged) {
                        pairs.push((low, low + distance));
                    }
                }
            }
            distance /= 2;
        }
        merged *= 2;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network sorts everything if it sorts every sequence of zeros and ones.
    #[test]
    fn every_wanted_wire_gets_its_order_statistic() {
        for n in 1..=13 {
            for wanted in (0..n).flat_map(|from| (from + 1..=n).map(move |to| from..to)) {
                let network = network(n, wanted.clone());
                for bits in 0..1_u32 << n {
                    let mut wires: Vec<bool> = (0..n).map(|wire| bits >> wire & 1 == 1).collect();
                    for Comparator { low, high, used } in &network {
                        let (a, b) = (wires[*low], wires[*high]);
                        // What is said to be unused is made wrong.
                        wires[*low] = if *used == Used::High { a != b } else { a && b };
                        wires[*high] = if *used == Used::Low { a != b } else { a || b };
                    }
                    let zeros = n - bits.count_ones() as usize;
                    assert!(
                        wanted.clone().all(|wire| wires[wire] == (wire >= zeros)),
                        "{n} {wanted:?} {bits:b}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_median_needs_fewer_comparators_than_a_sort() {
        assert_eq!(batcher(16).len(), 63, "Knuth, volume 3, section 5.3.4");
        assert!(network(25, 12..13).len() < batcher(25).len());
    }
}
