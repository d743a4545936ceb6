//! Which members a round asks, if it does not ask all, and how many liars may be among them.

use std::collections::BTreeSet;

use crate::{Rank, Round};

/// A draw of so many members every round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How many are drawn.
    pub size: usize,
    /// Decides who; anybody who knows it can tell in advance.
    pub seed: u64,
}

/// Keeps the draw apart from everything else that is hashed with the seed.
const DOMAIN: u64 = 0x7361_6d70_6c65_6421;

impl Sample {
    /// Those of `there` with the least keys in this round. Nobody's key depends on the others: who stays away makes room
    /// for the next in order and moves nobody else.
    pub(crate) fn draw(self, round: Round, there: BTreeSet<Rank>) -> BTreeSet<Rank> {
        let start = mix(mix(self.seed ^ DOMAIN) ^ u64::from(round.get()));
        let mut order: Vec<(u64, Rank)> =
            there.into_iter().map(|rank| (mix(start ^ u64::from(rank.0)), rank)).collect();
        order.sort_unstable();
        order.into_iter().take(self.size).map(|(_, rank)| rank).collect()
    }
}

/// `SplitMix64`'s finaliser after its increment.
const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The least f̂ such that in all of `rounds` draws of m = `size` of `workers`, f = `byzantine` of whom lie, no draw has more
/// than f̂ liars, but for a probability of at most `risk`:
///
/// rounds · P(H > f̂) ≤ risk,   P(H = h) = C(f, h) C(n−f, m−h) / C(n, m)
///
/// The union bound over the rounds of Allouah et al., "Byzantine-Robust Federated Learning: Impact of Client Subsampling and
/// Local Updates", 2024, with the exact tail instead of a Chernoff bound on it. Under a risk of 0 it is min(f, m).
#[must_use]
pub fn liars_drawn(workers: usize, byzantine: usize, size: usize, rounds: u32, risk: f64) -> usize {
    let (f, m) = (byzantine.min(workers), size.min(workers));
    let most = f.min(m);
    let least = (f + m).saturating_sub(workers);
    let logarithms: Vec<f64> = std::iter::once(0.0)
        .chain((1..=workers).scan(0.0, |sum, k| {
            *sum += (k as f64).ln();
            Some(*sum)
        }))
        .collect();
    let choose = |n: usize, k: usize| logarithms[n] - logarithms[k] - logarithms[n - k];
    let chance = |h: usize| (choose(f, h) + choose(workers - f, m - h) - choose(workers, m)).exp();
    let mut tail = 0.0;
    for bound in (least..most).rev() {
        tail += chance(bound + 1);
        if f64::from(rounds) * tail > risk {
            return bound + 1;
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(ranks: impl IntoIterator<Item = u32>) -> BTreeSet<Rank> {
        ranks.into_iter().map(Rank).collect()
    }

    fn round(number: u32) -> Round {
        Round::new(number).unwrap()
    }

    #[test]
    fn everybody_is_drawn_about_as_often() {
        let sample = Sample { size: 5, seed: 3 };
        let mut drawn = [0; 20];
        for number in 1..=4000 {
            let members = sample.draw(round(number), ranks(0..20));
            assert_eq!(members.len(), 5);
            members.into_iter().for_each(|rank| drawn[rank.0 as usize] += 1);
        }
        // 4000 draws of probability 1/4: a standard deviation of 27.
        assert!(drawn.iter().all(|times| (1000_i32 - times).abs() < 140), "{drawn:?}");
    }

    #[test]
    fn who_stays_away_moves_nobody_else() {
        let sample = Sample { size: 5, seed: 3 };
        for number in 1..200 {
            let all = sample.draw(round(number), ranks(0..20));
            let without = sample.draw(round(number), ranks((0..20).filter(|rank| *rank != 7)));
            let stayed: BTreeSet<Rank> = all.iter().copied().filter(|rank| rank.0 != 7).collect();
            assert!(without.is_superset(&stayed), "round {number}: {all:?} became {without:?}");
            assert_eq!(without.len(), 5);
        }
    }

    #[test]
    fn the_seed_and_the_round_decide() {
        let draw = |seed, number| Sample { size: 5, seed }.draw(round(number), ranks(0..20));
        assert_eq!(draw(3, 9), draw(3, 9));
        assert_ne!(draw(3, 9), draw(4, 9));
        assert_ne!(draw(3, 9), draw(3, 10));
    }

    /// Expected values by exact binomial coefficients: C(4,4)·C(16,6)/C(20,10) = 14/323 and so on.
    #[test]
    fn the_bound_is_the_quantile_of_the_hypergeometric_distribution() {
        for (n, f, m, rounds, risk, bound) in [
            (20, 4, 10, 1, 14.0 / 323.0 + 1e-12, 3),
            (20, 4, 10, 1, 14.0 / 323.0 - 1e-12, 4),
            (20, 4, 10, 10, 14.0 / 323.0, 4),
            (4, 2, 2, 1, 1.0 / 6.0 + 1e-12, 1),
            (4, 2, 2, 1, 5.0 / 6.0 + 1e-12, 0),
            (20, 4, 10, 1, 0.0, 4),
            (20, 4, 3, 1, 0.0, 3),
            (20, 0, 10, 100, 0.0, 0),
            (10, 4, 10, 100, 0.5, 4),
        ] {
            assert_eq!(liars_drawn(n, f, m, rounds, risk), bound, "{n} {f} {m} {rounds} {risk}");
        }
    }

    /// What is drawn agrees with what is said of it.
    #[test]
    fn hardly_any_draw_exceeds_the_bound() {
        let (sample, rounds) = (Sample { size: 20, seed: 8 }, 2000);
        let bound = liars_drawn(100, 10, 20, rounds, 0.01);
        assert!(bound < 10, "{bound}");
        for number in 1..=rounds {
            let liars = sample.draw(round(number), ranks(0..100)).iter().filter(|rank| rank.0 >= 90).count();
            assert!(liars <= bound, "round {number}: {liars} of at most {bound}");
        }
    }
}
