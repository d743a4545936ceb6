//! Which rows are finite, at memory speed.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

const BLOCK: usize = 1 << 16;
const LANES: usize = 16;

/// Whether `values` hold neither NaN nor infinity.
pub(crate) fn is_finite(values: &[f32]) -> bool {
    values.par_chunks(BLOCK).all(|block| Arch::new().dispatch(Finite(block)))
}

/// Not a closure: that might be compiled for the baseline processor.
struct Finite<'a>(&'a [f32]);

impl WithSimd for Finite<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        // x · 0 is 0 for finite x and NaN otherwise, and NaN stays.
        let (lanes, rest) = self.0.as_chunks::<LANES>();
        let mut sums = [0.0_f32; LANES];
        for values in lanes {
            for lane in 0..LANES {
                sums[lane] += values[lane] * 0.0;
            }
        }
        sums.iter().sum::<f32>() == 0.0 && rest.iter().all(|x| x.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_number_anywhere_is_found() {
        for d in [0, 1, 15, 16, 100_000] {
            assert!(is_finite(&vec![f32::MAX; d]));
            for at in [0, d / 2, d.saturating_sub(1)].into_iter().filter(|&at| at < d) {
                for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut values = vec![-1e-40; d];
                    values[at] = bad;
                    assert!(!is_finite(&values), "{d} {at} {bad}");
                }
            }
        }
    }
}
