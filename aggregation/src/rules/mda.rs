//! Minimum diameter averaging.
//!
//! MDA(x) = mean of S*,  S* = argmin over |S| = n − f of max over i, j in S of ‖xᵢ − xⱼ‖
//!
//! In: n finite rows. Out: `(d,)`. Needs n > 2f, and a search that ends: one of more than 2·10⁶ steps is refused.
//! Cost O(n²d) for the distances. A diameter t is possible when f rows touch every pair farther apart than t: a vertex
//! cover, searched by branching on the row with the most such pairs, at worst 2^f steps, for log n² values of t.
//! Source: Rousseeuw, 1985; El Mhamdi et al., 2020. ByzFL `MDA(f)` and krum's `brute` try all n over f subsets.
//! Of subsets with the same diameter the one with the least summed distances is taken, where these take the first in
//! lexicographic order, which favours the rows that come first.

use crate::{Refusal, geometry::Cloud, matrix::Matrix, order::ascending};

/// Steps that a search may take.
const STEPS: u64 = 2_000_000;

/// The mean of the subset of least diameter.
pub(crate) fn mda(cloud: &Cloud, f: usize, keys: &[u64]) -> Result<Vec<f64>, Refusal> {
    let n = cloud.voters;
    // Rows in the order of their keys: of equals the first found wins, whatever their places.
    let order = ascending(&vec![0.0; n], keys);
    let mut search = Search { distances: cloud.distances.only(&order), steps: 0, best: None };
    let diameter = search.diameter(f)?;
    search.collect(diameter, f)?;
    let subset = search.best.map_or_else(Vec::new, |(_, subset)| subset);
    Ok(cloud.mean_of(&subset.iter().map(|&row| order[row]).collect::<Vec<_>>()))
}

/// n over f in words: exact up to 2¹²⁷, then the power of ten.
pub(super) fn binomial(n: usize, f: usize) -> String {
    let exact =
        (0..f as u128).try_fold(1_u128, |product, k| Some(product.checked_mul(n as u128 - k)? / (k + 1)));
    let digits = || (0..f).map(|k| ((n - k) as f64 / (k + 1) as f64).log10()).sum::<f64>();
    exact.map_or_else(|| format!("about 10^{:.0}", digits()), |count| count.to_string())
}

struct Search {
    distances: Matrix,
    steps: u64,
    /// Summed distances and rows of the best subset so far.
    best: Option<(f64, Vec<usize>)>,
}

/// Pairs that are too far apart, as a set of rows a row.
struct Conflicts(Vec<Vec<u64>>);

/// What to do with rows that touch every conflict, `spare` fewer than allowed; `true` ends the search.
type Found<'a> = dyn FnMut(&[u64], usize) -> bool + 'a;

impl Search {
    /// The least diameter of n − f rows.
    fn diameter(&mut self, f: usize) -> Result<f64, Refusal> {
        let n = self.distances.size();
        let mut values: Vec<f64> = (0..n).flat_map(|i| self.distances.row(i)[..=i].to_vec()).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let (mut low, mut high) = (0, values.len() - 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            let conflicts = self.conflicts(values[middle]);
            let mut possible = false;
            self.cover(&conflicts, all(n), f, f, &mut |_, _| {
                possible = true;
                true
            })?;
            if possible {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(values[low])
    }

    /// Finds, of all subsets of n − f rows of `diameter`, the one of least summed distances.
    fn collect(&mut self, diameter: f64, f: usize) -> Result<(), Refusal> {
        let n = self.distances.size();
        let conflicts = self.conflicts(diameter);
        let distances = self.distances.clone();
        let mut best: Option<(f64, Vec<usize>)> = None;
        self.cover(&conflicts, all(n), f, f, &mut |left, spare| {
            let mut rows: Vec<usize> = members(left, n);
            let sum =
                |row: usize, rows: &[usize]| rows.iter().map(|&other| distances.at(row, other)).sum::<f64>();
            for _ in 0..spare {
                let farthest = (0..rows.len())
                    .max_by(|&a, &b| sum(rows[a], &rows).total_cmp(&sum(rows[b], &rows)))
                    .unwrap_or(0);
                rows.remove(farthest);
            }
            let total = rows.iter().map(|&row| sum(row, &rows)).sum::<f64>();
            if best.as_ref().is_none_or(|(least, _)| total < *least) {
                best = Some((total, rows));
            }
            false
        })?;
        self.best = best;
        Ok(())
    }

    fn conflicts(&self, diameter: f64) -> Conflicts {
        let n = self.distances.size();
        let of = |row: usize| {
            let mut set = vec![0; n.div_ceil(64)];
            let far = self.distances.row(row).iter().enumerate().filter(|(_, d)| **d > diameter);
            far.for_each(|(other, _)| set[other / 64] |= 1 << (other % 64));
            set
        };
        Conflicts((0..n).map(of).collect())
    }

    /// Calls `found` with what is left by each way to touch all conflicts among `left` with `spare` rows.
    fn cover(
        &mut self,
        conflicts: &Conflicts,
        left: Vec<u64>,
        spare: usize,
        f: usize,
        found: &mut Found<'_>,
    ) -> Result<bool, Refusal> {
        self.steps += 1;
        if self.steps > STEPS {
            let n = self.distances.size();
            let (visited, subsets) = (self.steps - 1, binomial(n, f));
            return Err(Refusal::TooManySubsets { stage: "mda", visited, subsets, n });
        }
        let (mut most, mut worst, mut touching) = (0, 0, 0);
        for row in members(&left, conflicts.0.len()) {
            let degree = conflicts.degree(row, &left);
            touching += degree;
            if degree > most {
                (most, worst) = (degree, row);
            }
        }
        if most == 0 {
            return Ok(found(&left, spare));
        }
        if touching > 2 * spare * most {
            return Ok(false);
        }
        let mut without = left.clone();
        without[worst / 64] &= !(1 << (worst % 64));
        if self.cover(conflicts, without, spare - 1, f, found)? {
            return Ok(true);
        }
        if most > spare {
            return Ok(false);
        }
        // The row stays, so all it conflicts with must go.
        let without: Vec<u64> = left.iter().zip(&conflicts.0[worst]).map(|(left, far)| left & !far).collect();
        self.cover(conflicts, without, spare - most, f, found)
    }
}

impl Conflicts {
    fn degree(&self, row: usize, left: &[u64]) -> usize {
        self.0[row].iter().zip(left).map(|(far, left)| (far & left).count_ones() as usize).sum()
    }
}

fn all(n: usize) -> Vec<u64> {
    (0..n.div_ceil(64)).map(|word| u64::MAX >> (64 - (n - 64 * word).min(64))).collect()
}

fn members(set: &[u64], n: usize) -> Vec<usize> {
    (0..n).filter(|row| set[row / 64] >> (row % 64) & 1 == 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn the_search_finds_the_diameter_that_trying_all_subsets_finds() {
        for (n, f, d) in [(3, 1, 1), (7, 3, 2), (10, 4, 3), (11, 2, 30)] {
            let value = |row: usize, k: usize| ((row * 7919 + k * 104_729 + row * row * 31) % 1009) as f32;
            let rows: Vec<Vec<f32>> = (0..n).map(|row| (0..d).map(|k| value(row, k)).collect()).collect();
            let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
            let cloud = cloud(&views, None);
            let of = |mask: u32| (0..n).filter(|row| mask >> row & 1 == 1).collect::<Vec<_>>();
            let diameter = |rows: &[usize]| {
                rows.iter()
                    .flat_map(|&i| rows.iter().map(move |&j| (i, j)))
                    .map(|(i, j)| cloud.distances.at(i, j))
                    .fold(0.0, f64::max)
            };
            let subsets = (0_u32..1 << n).filter(|mask| mask.count_ones() as usize == n - f);
            let least = subsets.map(|mask| diameter(&of(mask))).fold(f64::INFINITY, f64::min);
            let weights = mda(&cloud, f, &vec![0; n]).unwrap();
            let chosen: Vec<usize> = (0..n).filter(|&row| weights[row] > 0.0).collect();
            assert_eq!((chosen.len(), diameter(&chosen)), (n - f, least), "{n} {f} {d}");
        }
    }

    #[test]
    fn equal_rows_and_many_rows_end() {
        let equal = cloud(&[&[1.0][..]; 5], None);
        assert_eq!(mda(&equal, 2, &[4, 0, 3, 1, 2]).unwrap().iter().filter(|&&w| w > 0.0).count(), 3);
        let rows: Vec<[f32; 1]> =
            (0..130).map(|row| [if row < 90 { row as f32 / 90.0 } else { row as f32 }]).collect();
        let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
        let cloud = cloud(&views, None);
        assert_eq!(mda(&cloud, 40, &vec![0; 130]).unwrap(), cloud.mean_of(&(0..90).collect::<Vec<_>>()));
    }

    #[test]
    fn subsets_are_counted_in_words() {
        assert_eq!((binomial(25, 5), binomial(3, 0)), ("53130".to_owned(), "1".to_owned()));
        assert_eq!(binomial(400, 190), "about 10^119");
    }
}
