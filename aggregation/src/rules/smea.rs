//! Smallest maximum eigenvalue averaging.
//!
//! SMEA(x) = mean of S*,  S* = argmin over |S| = n − f of λ_max( (1/|S|) ∑ over S of (xᵢ − μ_S)(xᵢ − μ_S)ᵀ )
//!
//! In: n finite rows. Out: `(d,)`. Needs n > 2f, and few enough subsets: a search that does not end in some 2·10⁹
//! operations is refused with the count.
//! Cost O(n²d) for the distances, then at worst n over f subsets of O(n²) each: branch and bound, since no subset's
//! λ_max is below that of a part of it.
//! Source: Allouah et al., ICML 2023 (On the Privacy-Robustness-Utility Trilemma), Algorithm 2, with exact eigenvalues.
//! ByzFL `SMEA(f)` takes one power step from a random start a subset. Equal subsets: the first by the hash of the rank.

use crate::{Refusal, geometry::Cloud, matrix::Matrix, order::ascending};

use super::{mda::binomial, spectrum};

/// Multiplications that a search may take.
const WORK: u64 = 2_000_000_000;

/// The mean of the subset of least worst variance.
pub(crate) fn smea(cloud: &Cloud, f: usize, keys: &[u64]) -> Result<Vec<f64>, Refusal> {
    let n = cloud.voters;
    if f == 0 {
        return Ok(cloud.mean_of(&(0..n).collect::<Vec<_>>()));
    }
    // The farthest rows come first: leaving them out gives a low bound, keeping them exceeds it at once.
    let nearness: Vec<f64> = (0..n).map(|row| -cloud.distances.row(row)[..n].iter().sum::<f64>()).collect();
    let order = ascending(&nearness, keys);
    let mut search = Search { cloud, order, f, best: (f64::INFINITY, vec![]), subsets: 0, work: 0 };
    match search.visit(0, 0, &mut Vec::with_capacity(n)) {
        true => Ok(cloud.mean_of(&search.best.1)),
        false => Err(Refusal::TooManySubsets {
            stage: "smea",
            visited: search.subsets,
            subsets: binomial(n, f),
            n,
        }),
    }
}

struct Search<'a> {
    cloud: &'a Cloud,
    order: Vec<usize>,
    f: usize,
    best: (f64, Vec<usize>),
    subsets: u64,
    work: u64,
}

impl Search<'_> {
    /// Decides on the row at `place`, `removed` of those before being left out; `false` when the work is used up.
    fn visit(&mut self, place: usize, removed: usize, kept: &mut Vec<usize>) -> bool {
        if self.work > WORK {
            return false;
        }
        if removed == self.f {
            self.judge([&kept[..], &self.order[place..]].concat());
            return true;
        }
        if self.order.len() - place == self.f - removed {
            self.judge(kept.clone());
            return true;
        }
        if !self.visit(place + 1, removed + 1, kept) {
            return false;
        }
        kept.push(self.order[place]);
        let hopeless = kept.len() > 1 && {
            let scatter = self.scatter(kept);
            self.reaches(&scatter, 4)
        };
        let done = hopeless || self.visit(place + 1, removed, kept);
        kept.pop();
        done
    }

    fn judge(&mut self, subset: Vec<usize>) {
        self.subsets += 1;
        let scatter = self.scatter(&subset);
        if !self.reaches(&scatter, 24) {
            self.work += 20 * (subset.len() as u64).pow(3);
            let (variance, _) = spectrum::top(&scatter);
            if variance < self.best.0 {
                self.best = (variance, subset);
            }
        }
    }

    fn reaches(&mut self, scatter: &Matrix, steps: usize) -> bool {
        self.work += steps as u64 * 2 * (scatter.size() as u64).pow(2);
        self.best.0.is_finite() && spectrum::reaches(scatter, self.best.0, steps)
    }

    fn scatter(&mut self, subset: &[usize]) -> Matrix {
        self.work += 4 * (subset.len() as u64).pow(2);
        self.cloud.centred(subset, &vec![1.0 / subset.len() as f64; subset.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    fn rows(n: usize, d: usize) -> Vec<Vec<f32>> {
        let value =
            |row: usize, k: usize| ((row * 7919 + k * 104_729 + row * row * 31) % 1009) as f32 / 1009.0;
        (0..n).map(|row| (0..d).map(|k| value(row, k)).collect()).collect()
    }

    #[test]
    fn branch_and_bound_finds_what_trying_all_subsets_finds() {
        for (n, f, d) in [(5, 2, 2), (7, 3, 4), (9, 4, 20), (8, 2, 1)] {
            let rows = rows(n, d);
            let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
            let cloud = cloud(&views, None);
            let subsets = (0_u32..1 << n).filter(|mask| mask.count_ones() as usize == n - f);
            let of = |mask: u32| (0..n).filter(|row| mask >> row & 1 == 1).collect::<Vec<_>>();
            let variance = |subset: &[usize]| {
                spectrum::top(&cloud.centred(subset, &vec![1.0 / subset.len() as f64; subset.len()])).0
            };
            let least = subsets.map(|mask| variance(&of(mask))).fold(f64::INFINITY, f64::min);
            let weights = smea(&cloud, f, &vec![0; n]).unwrap();
            let chosen: Vec<usize> = (0..n).filter(|&row| weights[row] > 0.0).collect();
            assert!(chosen.len() == n - f && variance(&chosen) <= least * (1.0 + 1e-9), "{n} {f} {d}");
        }
    }

    #[test]
    fn what_would_not_end_is_refused_with_the_count() {
        let rows = rows(60, 80);
        let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
        let refusal = smea(&cloud(&views, None), 29, &[0; 60]).unwrap_err().to_string();
        assert!(refusal.starts_with("smea gave up after "), "{refusal}");
        assert!(refusal.contains("114449595062769120 subsets of 60 rows"), "{refusal}");
    }
}
