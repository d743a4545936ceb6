//! Inner products around a base point, summed from coordinates in f64: right to the last digits at any scale.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::matrix::Matrix;

/// Coordinates at a time.
const STRIP: usize = 512;
const LANES: usize = 8;

/// A point given by its coordinates.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Point<'a> {
    /// All coordinates are 0.
    Origin,
    /// A row.
    Row(&'a [f32]),
    /// The sum of a row and a direction, in f64.
    Moved(&'a [f32], &'a [f32]),
}

impl Point<'_> {
    fn fill(self, start: usize, values: &mut [f64]) {
        let len = values.len();
        match self {
            Self::Origin => values.fill(0.0),
            Self::Row(row) => {
                for (value, &x) in values.iter_mut().zip(&row[start..][..len]) {
                    *value = f64::from(x);
                }
            }
            Self::Moved(row, by) => {
                let numbers = row[start..][..len].iter().zip(&by[start..][..len]);
                for (value, (&x, &v)) in values.iter_mut().zip(numbers) {
                    *value = f64::from(x) + f64::from(v);
                }
            }
        }
    }
}

/// ⟨x_i − b, x_j − b⟩ for every i that is `wanted` and every j; 0 elsewhere.
pub(crate) fn products(points: &[Point<'_>], base: usize, wanted: &[bool], d: usize) -> Matrix {
    let block = super::block(d);
    let starts: Vec<usize> = (0..d).step_by(block).collect();
    let part = |start: usize| of_block(points, base, wanted, start, d.min(start + block));
    let parts: Vec<Matrix> = starts.into_par_iter().map(part).collect();
    let zeros = Matrix::zeros(points.len());
    parts.iter().fold(zeros, |sums, part| Matrix::from_fn(points.len(), |i, j| sums.at(i, j) + part.at(i, j)))
}

/// The same of the coordinates from `start` to `end`.
pub(super) fn of_block(
    points: &[Point<'_>],
    base: usize,
    wanted: &[bool],
    start: usize,
    end: usize,
) -> Matrix {
    let mut sums = Matrix::zeros(points.len());
    let mut scratch = vec![0.0; points.len() * STRIP];
    for strip in (start..end).step_by(STRIP) {
        add_strip(points, base, wanted, strip, STRIP.min(end - strip), &mut scratch, &mut sums);
    }
    sums
}

fn add_strip(
    points: &[Point<'_>],
    base: usize,
    wanted: &[bool],
    start: usize,
    len: usize,
    scratch: &mut [f64],
    sums: &mut Matrix,
) {
    let mut origin = [0.0; STRIP];
    points[base].fill(start, &mut origin[..len]);
    for (point, values) in points.iter().zip(scratch.chunks_exact_mut(STRIP)) {
        values.fill(0.0);
        point.fill(start, &mut values[..len]);
        for (value, base) in values[..len].iter_mut().zip(&origin) {
            *value -= base;
        }
    }
    Arch::new().dispatch(Strip { values: scratch, wanted, sums });
}

/// The products of `STRIP` coordinates. Not a closure: that might be compiled for the baseline processor.
struct Strip<'a> {
    values: &'a [f64],
    wanted: &'a [bool],
    sums: &'a mut Matrix,
}

impl WithSimd for Strip<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { values, wanted, sums } = self;
        for i in 0..wanted.len() {
            for j in (0..=i).filter(|&j| wanted[i] || wanted[j]) {
                let product = inner(&values[i * STRIP..][..STRIP], &values[j * STRIP..][..STRIP]);
                sums.set(i, j, sums.at(i, j) + product);
            }
        }
    }
}

#[inline(always)]
fn inner(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direction_of_a_far_point_survives() {
        let (far, x, y) = ([1e30_f32, 2e30], [1.0_f32, 1.0], [2.0_f32, 1.0]);
        let points = [Point::Row(&far), Point::Row(&x), Point::Row(&y), Point::Origin, Point::Moved(&x, &y)];
        let sums = products(&points, 1, &[true, false, false, false, true], 2);
        let (a, b) = (f64::from(1e30_f32), f64::from(2e30_f32));
        assert_eq!((sums.at(0, 2), sums.at(3, 0)), (a - 1.0, -(a - 1.0) - (b - 1.0)));
        assert_eq!((sums.at(4, 4), sums.at(4, 2), sums.at(2, 3)), (5.0, 2.0, 0.0));
    }
}
