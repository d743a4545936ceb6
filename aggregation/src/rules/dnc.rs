//! Divide and conquer: spectral filtering on drawn coordinates.
//!
//! `iterations` times: draw r = min(d, `dimensions`) coordinates; μ the mean, v the first right singular vector of the
//!     centred rows there; sᵢ = ⟨xᵢ − μ, v⟩²; drop the ⌊filter · f⌋ rows of largest s
//! DnC(x) = mean of the rows that were never dropped
//!
//! In: n finite rows. Out: `(d,)`. Needs n > 2f and n > ⌊filter · f⌋; a round in which every row was dropped once is
//! refused. Cost O(iterations · n² · r) and O(nd) for the mean; memory O(n · min(d, iterations · r)).
//! Source: Shejwalkar and Houmansadr, NDSS 2021, Algorithm 2. Same as Blades `DnC`, which answers NaN when nothing is
//! left. Draws are ChaCha streams of the seed, one a round and iteration; ties by the hash of the rank.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{Refusal, geometry::Cloud, order::ascending};

use super::spectrum::top;

/// The coordinates of one draw, ascending.
pub(crate) fn draw(d: usize, dimensions: usize, seed: u64, round: u32, iteration: usize) -> Vec<usize> {
    if dimensions >= d {
        return (0..d).collect();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(u64::from(round) << 32 | iteration as u64);
    let mut drawn = rand::seq::index::sample(&mut rng, d, dimensions).into_vec();
    drawn.sort_unstable();
    drawn
}

/// The coordinates of all draws, ascending, each once.
pub(crate) fn all_drawn(d: usize, dimensions: usize, seed: u64, round: u32, iterations: usize) -> Vec<usize> {
    let draws = (0..iterations).flat_map(|iteration| draw(d, dimensions, seed, round, iteration));
    let mut all: Vec<usize> = draws.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Marks the `drop` rows that stick out most along the first singular vector of `cloud`.
pub(crate) fn dropped(cloud: &Cloud, drop: usize, keys: &[u64]) -> Vec<bool> {
    let n = cloud.voters;
    let all: Vec<usize> = (0..n).collect();
    let (_, direction) = top(&cloud.centred(&all, &vec![1.0 / n as f64; n]));
    let scores: Vec<f64> = direction.iter().map(|u| -u * u).collect();
    let mut dropped = vec![false; n];
    ascending(&scores, keys).iter().take(drop).for_each(|&row| dropped[row] = true);
    dropped
}

/// The mean of the rows that none of `draws` dropped, as weights of `points` points.
pub(crate) fn survivors(draws: &[Vec<bool>], points: usize) -> Result<Vec<f64>, Refusal> {
    let n = draws.first().map_or(0, Vec::len);
    let kept: Vec<usize> = (0..n).filter(|&row| draws.iter().all(|dropped| !dropped[row])).collect();
    if kept.is_empty() {
        return Err(Refusal::NothingKept { stage: "dnc", n });
    }
    let mut weights = vec![0.0; points];
    kept.iter().for_each(|&row| weights[row] = 1.0 / kept.len() as f64);
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn the_row_along_the_first_singular_vector_is_dropped() {
        let cloud = cloud(&[&[0.1, 0.0], &[0.0, 0.1], &[-0.1, 0.0], &[5.0, 5.0]], None);
        assert_eq!(dropped(&cloud, 1, &[0; 4]), [false, false, false, true]);
    }

    #[test]
    fn draws_are_distinct_coordinates_and_change_with_round_and_iteration() {
        let first = draw(1000, 10, 7, 1, 0);
        assert!(first.is_sorted_by(|a, b| a < b) && first.len() == 10 && first[9] < 1000);
        assert_eq!(first, draw(1000, 10, 7, 1, 0));
        assert!(first != draw(1000, 10, 7, 1, 1) && first != draw(1000, 10, 7, 2, 0));
        assert_eq!(draw(3, 10, 7, 1, 0), [0, 1, 2]);
    }

    #[test]
    fn nobody_left_is_a_refusal() {
        let refusal = survivors(&[vec![true, false], vec![false, true]], 2).unwrap_err();
        assert_eq!(refusal.to_string(), "dnc kept none of 2 rows");
    }
}
