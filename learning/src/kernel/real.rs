//! The two precisions the kernel runs in, with an exponential whose bits are the same everywhere.

use std::{
    fmt::Debug,
    ops::{Add, AddAssign, Div, Mul, Sub},
};

/// f32 or f64.
pub(crate) trait Real:
    Copy
    + Debug
    + PartialOrd
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Send
    + Sync
    + 'static
{
    const ZERO: Self;
    const ONE: Self;
    const LOWEST: Self;

    /// The nearest value of this type.
    fn of(value: f64) -> Self;
    /// The same value as f64.
    fn wide(self) -> f64;
    /// eˣ in every lane, x ≤ 0; 0 where it is so small that its products would be denormal, which processors are slow at.
    fn exp<const L: usize>(lanes: [Self; L]) -> [Self; L];
}

// x = n ln 2 + r with |r| ≤ ln 2 / 2; ln 2 in two parts so that r is exact; Taylor's series of eʳ, whose first term left
// out is below the rounding of the type; 2ⁿ from its bits. Adding and subtracting ROUND rounds to whole numbers.

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const LOWEST: Self = Self::NEG_INFINITY;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value as Self
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn exp<const L: usize>(lanes: [Self; L]) -> [Self; L] {
        const NOTHING: f32 = -50.0;
        const ROUND: f32 = 12_582_912.0;
        const LN2_HIGH: f32 = 0.693_359_4;
        const LN2_LOW: f32 = -2.121_944_4e-4;
        const SERIES: [f32; 8] =
            [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
        lanes.map(|power| {
            let x = if power < NOTHING { NOTHING } else { power };
            let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
            let r = (x - n * LN2_HIGH) - n * LN2_LOW;
            let series = SERIES.iter().fold(0.0, |sum, &c| sum * r + c);
            let result = series * Self::from_bits(((n as i32 + 127) << 23) as u32);
            if power < NOTHING { 0.0 } else { result }
        })
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const LOWEST: Self = Self::NEG_INFINITY;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn exp<const L: usize>(lanes: [Self; L]) -> [Self; L] {
        const NOTHING: f64 = -600.0;
        const ROUND: f64 = 6_755_399_441_055_744.0;
        const LN2_HIGH: f64 = 0.693_145_751_953_125;
        const LN2_LOW: f64 = 1.428_606_820_309_417_3e-6;
        const SERIES: [f64; 14] = [
            1.0 / 6_227_020_800.0,
            1.0 / 479_001_600.0,
            1.0 / 39_916_800.0,
            1.0 / 3_628_800.0,
            1.0 / 362_880.0,
            1.0 / 40_320.0,
            1.0 / 5040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            0.5,
            1.0,
            1.0,
        ];
        lanes.map(|power| {
            let x = if power < NOTHING { NOTHING } else { power };
            let n = (x * std::f64::consts::LOG2_E + ROUND) - ROUND;
            let r = (x - n * LN2_HIGH) - n * LN2_LOW;
            let series = SERIES.iter().fold(0.0, |sum, &c| sum * r + c);
            let result = series * Self::from_bits(((n as i64 + 1023) << 52) as u64);
            if power < NOTHING { 0.0 } else { result }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_agrees_with_the_standard_one() {
        for i in 0..=7000 {
            let x = -f64::from(i) / 10.0;
            let [got] = <f64 as Real>::exp([x]);
            let exact = if x < -600.0 { got == 0.0 } else { (got / x.exp() - 1.0).abs() < 4e-16 };
            assert!(exact, "e^{x}: {got}");
            if x >= -50.0 {
                let [got] = <f32 as Real>::exp([x as f32]);
                let want = f64::from(x as f32).exp();
                assert!((f64::from(got) / want - 1.0).abs() < 3e-7, "e^{x}: {got}");
            }
        }
        assert_eq!(<f64 as Real>::exp([0.0]), [1.0]);
        assert_eq!(<f32 as Real>::exp([-50.1, -1e30, f32::NEG_INFINITY]), [0.0; 3]);
    }
}
