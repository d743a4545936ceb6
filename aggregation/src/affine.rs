//! Weighted sums of rows at memory speed: what every geometric rule ends in.
//!
//! Each coordinate is summed in f64, in the order of the rows, whatever the number of threads or the processor. A
//! weight of exactly 0 removes the row: an outlier of 1e30 cannot leak through rounding.

use std::sync::atomic::{AtomicBool, Ordering};

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::Rows;

/// Coordinates summed at a time: their f64 sums stay in a near cache.
const TILE: usize = 4096;
/// Rows that are added to a sum while it is in a register.
const TOGETHER: usize = 4;

/// Coordinates a thread takes at a time.
const BLOCK: usize = 4 * TILE;

/// Writes the mean of `rows` and answers the weight of each: NaN for one that is not finite, and then the mean is of no use.
pub(crate) fn mean(rows: Rows<'_>, out: &mut [f32]) -> Vec<f64> {
    let divisor = rows.0.len() as f64;
    let all: Vec<(usize, f64)> = (0..rows.0.len()).map(|row| (row, 1.0)).collect();
    let finite: Vec<AtomicBool> = all.iter().map(|_| AtomicBool::new(true)).collect();
    by_blocks(out, |start, out| {
        Arch::new().dispatch(Sum { rows, weights: &all, divisor, start, out, finite: &finite });
    });
    finite.into_iter().map(|finite| if finite.into_inner() { 1.0 / divisor } else { f64::NAN }).collect()
}

/// Writes Σ weight · row for rows that are finite; weights beyond the rows are those of points at the origin.
pub(crate) fn combine(rows: Rows<'_>, weights: &[f64], out: &mut [f32]) {
    let present = present(rows, weights);
    by_blocks(out, |start, out| {
        Arch::new().dispatch(Sum { rows, weights: &present, divisor: 1.0, start, out, finite: &[] });
    });
}

fn present(rows: Rows<'_>, weights: &[f64]) -> Vec<(usize, f64)> {
    let weights = weights[..rows.0.len().min(weights.len())].iter().copied();
    weights.enumerate().filter(|&(_, weight)| weight != 0.0).collect()
}

/// Gives each block of `out` with its first coordinate to `work`, blocks in parallel.
fn by_blocks(out: &mut [f32], work: impl Fn(usize, &mut [f32]) + Sync) {
    if out.len() <= BLOCK {
        return work(0, out);
    }
    out.par_chunks_mut(BLOCK).enumerate().for_each(|(block, out)| work(block * BLOCK, out));
}

/// Σ weight · row / divisor for the coordinates from `start` on. Not a closure: that might be compiled for the baseline
/// processor.
struct Sum<'a> {
    rows: Rows<'a>,
    weights: &'a [(usize, f64)],
    divisor: f64,
    start: usize,
    out: &'a mut [f32],
    /// Where to tell of rows that turn out not to be finite.
    finite: &'a [AtomicBool],
}

impl WithSimd for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { rows, weights, divisor, start, out, finite } = self;
        let mut sums = vec![0.0; TILE.min(out.len())];
        for (tile, out) in out.chunks_mut(TILE).enumerate() {
            let start = start + tile * TILE;
            let sums = &mut sums[..out.len()];
            sums.fill(0.0);
            let part = |row: usize| &rows.0[row][start..][..out.len()];
            let (fours, rest) = weights.as_chunks::<TOGETHER>();
            for four in fours {
                add(sums, four.map(|(_, weight)| weight), four.map(|(row, _)| part(row)));
            }
            for &(row, weight) in rest {
                add(sums, [weight], [part(row)]);
            }
            let mut sound = true;
            for (out, sum) in out.iter_mut().zip(sums) {
                sound &= sum.is_finite();
                *out = ((*sum / divisor) as f32).clamp(f32::MIN, f32::MAX);
            }
            if !sound {
                // No sum of numbers overflows f64, and no infinity leaves it.
                for (row, finite) in rows.0.iter().zip(finite) {
                    let part = &row[start..][..out.len()];
                    finite.fetch_and(part.iter().all(|x| x.is_finite()), Ordering::Relaxed);
                }
            }
        }
    }
}

#[inline(always)]
fn add<const N: usize>(sums: &mut [f64], weights: [f64; N], rows: [&[f32]; N]) {
    let rows = rows.map(|row| &row[..sums.len()]);
    for (k, sum) in sums.iter_mut().enumerate() {
        for (weight, row) in weights.iter().zip(rows) {
            *sum += weight * f64::from(row[k]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threads;

    #[test]
    fn a_weight_of_zero_removes_the_row_and_threads_change_no_bit() {
        for d in [0, 1, 15, TILE - 1, TILE, TILE + 1, BLOCK + 7] {
            // One by one, and more than are added together.
            let mut rows: Vec<Vec<f32>> = (0..TOGETHER + 3)
                .map(|row| (0..d).map(|k| ((k * 7 + row) % 13) as f32 / 3.0).collect())
                .collect();
            rows[2].fill(f32::MAX);
            let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
            let weights = [0.3, 0.5, 0.0, 0.2, -0.1, 0.7, -0.6];
            let sum = |k: usize| {
                let rows = rows.iter().zip(weights).filter(|(_, weight)| *weight != 0.0);
                rows.fold(0.0, |sum, (row, weight)| sum + weight * f64::from(row[k])) as f32
            };
            let slow: Vec<f32> = (0..d).map(sum).collect();
            for count in [1, 3] {
                let mut out = vec![0.0; d];
                Threads::new(count).unwrap().run(|| combine(Rows(&views), &weights, &mut out));
                assert_eq!(out, slow);
            }
        }
    }
}
