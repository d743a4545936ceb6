//! How many numbers are positive and how many negative.

use pulp::{Arch, Simd, WithSimd};

/// Numbers of positive and negative `values`.
pub(crate) fn count_signs(values: &[f32]) -> [u32; 2] {
    Arch::new().dispatch(Signs(values))
}

struct Signs<'a>(&'a [f32]);

impl WithSimd for Signs<'_> {
    type Output = [u32; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [u32; 2] {
        count_signs_inlined(self.0)
    }
}

/// The same, compiled for the processor of the caller.
#[inline(always)]
pub(crate) fn count_signs_inlined(values: &[f32]) -> [u32; 2] {
    let (mut positive, mut negative) = (0, 0);
    for &x in values {
        positive += u32::from(x > 0.0);
        negative += u32::from(x < 0.0);
    }
    [positive, negative]
}
