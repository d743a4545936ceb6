//! Coordinate-wise trimmed mean.

use super::{
    source::Source,
    tile::{Answer, ColumnRule, Columns, LANES, walk},
};

/// Writes the mean of each coordinate without its `f` smallest and `f` largest values; n > 2f.
pub(crate) fn trimmed_mean(voters: &Source<'_>, f: usize, out: &mut [f32]) -> Vec<f64> {
    let n = voters.voters();
    if n == 0 {
        return Vec::new();
    }
    walk(voters, f..n - f, out, &TrimmedMean { n, f })
}

struct TrimmedMean {
    n: usize,
    f: usize,
}

impl ColumnRule for TrimmedMean {
    #[inline(always)]
    fn answer(&self, columns: &Columns<'_>) -> Answer {
        let Self { n, f } = *self;
        Answer { value: trimmed(columns, n, f), low: columns.sorted(f), high: columns.sorted(n - f - 1) }
    }
}

/// The mean of the places f to n - f, summed from the smallest up.
#[inline(always)]
pub(super) fn trimmed(columns: &Columns<'_>, n: usize, f: usize) -> [f64; LANES] {
    let mut sum = [0.0; LANES];
    for k in f..n - f {
        let values = columns.sorted(k);
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += f64::from(value);
        }
    }
    let count = (n - 2 * f) as f64;
    sum.map(|sum| sum / count)
}
