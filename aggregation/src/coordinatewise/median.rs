//! Coordinate-wise median.

use super::{
    source::Source,
    tile::{Answer, ColumnRule, Columns, LANES, walk},
};

/// Writes the median of each coordinate, for even n the midpoint of the two middle values.
pub(crate) fn median(voters: &Source<'_>, out: &mut [f32]) -> Vec<f64> {
    let n = voters.voters();
    if n == 0 {
        return Vec::new();
    }
    let (lower, upper) = middle(n);
    walk(voters, lower..upper + 1, out, &Median { n })
}

struct Median {
    n: usize,
}

impl ColumnRule for Median {
    #[inline(always)]
    fn answer(&self, columns: &Columns<'_>) -> Answer {
        let (lower, upper) = middle(self.n);
        Answer { value: midpoint(columns, self.n), low: columns.sorted(lower), high: columns.sorted(upper) }
    }
}

/// Places of the two middle values, the same one for odd n.
pub(super) const fn middle(n: usize) -> (usize, usize) {
    ((n - 1) / 2, n / 2)
}

/// The median of `n` sorted values, exact in f64.
#[inline(always)]
pub(super) fn midpoint(columns: &Columns<'_>, n: usize) -> [f64; LANES] {
    let (lower, upper) = middle(n);
    let (low, high) = (columns.sorted(lower), columns.sorted(upper));
    let mut middle = [0.0; LANES];
    for ((middle, low), high) in middle.iter_mut().zip(low).zip(high) {
        *middle = 0.5 * (f64::from(low) + f64::from(high));
    }
    middle
}
