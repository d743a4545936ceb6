//! What conjugate gradients are told of the second derivative beforehand: its blocks on the diagonal, one for each output.
//!
//! The blocks Σ wₖ xxᵀ + ridge · I are factored in single precision at one point and serve for many points near it. The sum
//! over the classes of a softmax has no curvature but the ridge, which blocks do not know: it is divided out exactly.

use pulp::{Arch, Simd, WithSimd};

use crate::kernel::triangle;

/// Factors of the blocks.
#[derive(Debug, Clone)]
pub(crate) struct Preconditioner {
    /// Lower triangles L with LLᵀ the block, row after row, one for each output.
    factors: Vec<Vec<f32>>,
    ridge: f64,
    /// Whether the loss does not change when all outputs do by the same.
    invariant: bool,
}

/// Columns that are worked on at once.
const BLOCK: usize = 16;

/// Values in the factors above which they would take more memory than they are worth.
const VALUES_MAX: usize = 1 << 26;

impl Preconditioner {
    /// Whether factors for `outputs` blocks of this side fit.
    pub(crate) const fn fits(side: usize, outputs: usize) -> bool {
        triangle(side).saturating_mul(outputs) <= VALUES_MAX
    }

    /// Factors `grams`, lower triangles without the positive `ridge`.
    pub(crate) fn new(mut grams: Vec<Vec<f32>>, ridge: f64, invariant: bool) -> Self {
        for gram in &mut grams {
            Arch::new().dispatch(Factor { lower: gram, ridge: ridge as f32 });
        }
        Self { factors: grams, ridge, invariant }
    }

    /// Writes an approximation of (∇²F)⁻¹ `residual` into `answer`: a symmetric and positive function of the residual.
    pub(crate) fn solve(&self, residual: &[f64], answer: &mut [f64]) {
        let outputs = self.factors.len();
        let common =
            |row: &[f64]| if self.invariant { row.iter().sum::<f64>() / outputs as f64 } else { 0.0 };
        let means: Vec<f64> = residual.chunks_exact(outputs).map(common).collect();
        for (k, factor) in self.factors.iter().enumerate() {
            let column = residual.iter().skip(k).step_by(outputs);
            let mut column: Vec<f32> = column.zip(&means).map(|(r, mean)| (r - mean) as f32).collect();
            Arch::new().dispatch(Substitute { factor, x: &mut column });
            for (answer, x) in answer.iter_mut().skip(k).step_by(outputs).zip(column) {
                *answer = f64::from(x);
            }
        }
        for (row, mean) in answer.chunks_exact_mut(outputs).zip(means) {
            let change = mean / self.ridge - common(row);
            row.iter_mut().for_each(|answer| *answer += change);
        }
    }
}

/// Cholesky's factor of the lower triangle A + `ridge` · I, in its place. Pivots are at least the ridge but for rounding.
struct Factor<'a> {
    lower: &'a mut [f32],
    ridge: f32,
}

impl WithSimd for Factor<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { lower, ridge } = self;
        let mut row = 0;
        while triangle(row) < lower.len() {
            let (above, rest) = lower.split_at_mut(triangle(row));
            let current = &mut rest[..=row];
            current[row] += ridge;
            for first in (0..row).step_by(BLOCK) {
                let columns = first..row.min(first + BLOCK);
                for column in columns.clone() {
                    current[column] -= dot(&current[..first], &above[triangle(column)..][..first]);
                }
                for column in columns.clone() {
                    current[column] /= above[triangle(column) + column];
                    for later in column + 1..columns.end {
                        current[later] -= current[column] * above[triangle(later) + column];
                    }
                }
            }
            let pivot = current[row] - dot(&current[..row], &current[..row]);
            current[row] = pivot.max(ridge).sqrt();
            row += 1;
        }
    }
}

/// Solves LLᵀx = b, in the place of b.
struct Substitute<'a> {
    factor: &'a [f32],
    x: &'a mut [f32],
}

impl WithSimd for Substitute<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { factor, x } = self;
        let row_of = |row: usize| &factor[triangle(row)..][..=row];
        for row in 0..x.len() {
            let (before, rest) = x.split_at_mut(row);
            let l = row_of(row);
            rest[0] = (rest[0] - dot(&l[..row], before)) / l[row];
        }
        for row in (0..x.len()).rev() {
            let (before, rest) = x.split_at_mut(row);
            let l = row_of(row);
            rest[0] /= l[row];
            let solved = rest[0];
            for (x, l) in before.iter_mut().zip(l) {
                *x -= solved * l;
            }
        }
    }
}

/// Sixteen running sums: a fixed order that still fills vector registers.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<BLOCK>();
    let (b, b_rest) = b.as_chunks::<BLOCK>();
    let mut sums = [0.0_f32; BLOCK];
    for (a, b) in a.iter().zip(b) {
        for i in 0..BLOCK {
            sums[i] += a[i] * b[i];
        }
    }
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            sums[i] += sums[half + i];
        }
    }
    a_rest.iter().zip(b_rest).fold(sums[0], |sum, (a, b)| sum + a * b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Σ xxᵀ of a few rows: lower triangle.
    fn gram(side: usize, rows: usize) -> Vec<f32> {
        let x = |row: usize, column: usize| ((row * 31 + column * 17) as f32 * 0.7).sin();
        let entry = |i: usize, j: usize| (0..rows).map(|row| x(row, i) * x(row, j)).sum::<f32>();
        (0..side).flat_map(|i| (0..=i).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect()
    }

    #[test]
    fn the_blocks_are_solved() {
        let (side, ridge) = (70, 0.5);
        let blocks = vec![gram(side, 90), gram(side, 3)];
        let b: Vec<f64> = (0..2 * side).map(|i| (i as f64 * 0.3).cos()).collect();
        let mut x = vec![0.0; b.len()];
        Preconditioner::new(blocks.clone(), ridge, false).solve(&b, &mut x);
        for (k, block) in blocks.iter().enumerate() {
            for i in 0..side {
                let entry = |j: usize| f64::from(block[triangle(i.max(j)) + i.min(j)]);
                let sum: f64 = (0..side).map(|j| entry(j) * x[2 * j + k]).sum::<f64>() + ridge * x[2 * i + k];
                assert!((sum - b[2 * i + k]).abs() < 1e-3, "{sum} {}", b[2 * i + k]);
            }
        }
    }

    #[test]
    fn what_all_outputs_share_meets_the_ridge_alone() {
        let blocks = vec![gram(5, 9), gram(5, 7), gram(5, 8)];
        let of = Preconditioner::new(blocks, 0.25, true);
        let mut answer = vec![0.0; 15];
        of.solve(&[3.0; 15], &mut answer);
        assert!(answer.iter().all(|x| (x - 12.0).abs() < 1e-5), "{answer:?}");
        let apart: Vec<f64> = (0..15).map(|i| f64::from(i % 3) - 1.0).collect();
        of.solve(&apart, &mut answer);
        assert!(answer.chunks(3).all(|row| row.iter().sum::<f64>().abs() < 1e-12), "{answer:?}");
        assert!(answer.iter().zip(&apart).map(|(x, r)| x * r).sum::<f64>() > 0.0);
    }
}
