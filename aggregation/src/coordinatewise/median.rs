//! Coordinate-wise median.

use super::tile::{Answer, Columns, walk};
use crate::Rows;

/// Writes the median of each coordinate, for even n the midpoint of the two middle values.
pub(crate) fn median(rows: Rows<'_>, out: &mut [f32]) -> Vec<f64> {
    let n = rows.0.len();
    if n == 0 {
        return Vec::new();
    }
    let (lower, upper) = middle(n);
    walk(rows, lower..upper + 1, out, |columns| {
        let (low, high) = (columns.sorted(lower), columns.sorted(upper));
        Answer { value: midpoint(columns, n), low, high }
    })
}

/// Places of the two middle values, the same one for odd n.
pub(super) const fn middle(n: usize) -> (usize, usize) {
    ((n - 1) / 2, n / 2)
}

/// The median of `n` sorted values, exact in f64.
#[inline(always)]
pub(super) fn midpoint(columns: &Columns<'_>, n: usize) -> [f64; super::tile::LANES] {
    let (lower, upper) = middle(n);
    let (low, high) = (columns.sorted(lower), columns.sorted(upper));
    std::array::from_fn(|lane| 0.5 * (f64::from(low[lane]) + f64::from(high[lane])))
}
