//! Means of the values nearest to a centre of each coordinate: MeaMed, Phocas and the last step of Bulyan.
//!
//! The m values nearest to a centre are m neighbours in sorted order, hence one of each residue class of places modulo
//! m, and of its class it is the nearest: no search for a window, only a comparison of places m apart. A tie between a
//! value below and one above the centre counts half of each, so it favours nobody and negating all rows negates the
//! result.

use super::{
    median::midpoint,
    source::Source,
    tile::{Answer, ColumnRule, Columns, LANES, walk},
    trimmed_mean::trimmed,
};

/// Writes the mean of the n - f values nearest to the median of each coordinate.
pub(crate) fn meamed(voters: &Source<'_>, f: usize, out: &mut [f32]) -> Vec<f64> {
    mean_around_median(voters, voters.voters() - f, out)
}

/// Writes the mean of the n - f values nearest to the trimmed mean of each coordinate; n > 2f.
pub(crate) fn phocas(voters: &Source<'_>, f: usize, out: &mut [f32]) -> Vec<f64> {
    let n = voters.voters();
    if n == 0 {
        return Vec::new();
    }
    walk(voters, 0..n, out, &Phocas { n, f })
}

/// Writes the mean of the `keep` values nearest to the median of each coordinate; 0 < `keep` <= n.
pub(crate) fn mean_around_median(voters: &Source<'_>, keep: usize, out: &mut [f32]) -> Vec<f64> {
    let n = voters.voters();
    if n == 0 {
        return Vec::new();
    }
    walk(voters, 0..n, out, &AroundMedian { n, keep })
}

struct Phocas {
    n: usize,
    f: usize,
}

impl ColumnRule for Phocas {
    #[inline(always)]
    fn answer(&self, columns: &Columns<'_>) -> Answer {
        let Self { n, f } = *self;
        nearest(columns, n, n - f, trimmed(columns, n, f))
    }
}

struct AroundMedian {
    n: usize,
    keep: usize,
}

impl ColumnRule for AroundMedian {
    #[inline(always)]
    fn answer(&self, columns: &Columns<'_>) -> Answer {
        nearest(columns, self.n, self.keep, midpoint(columns, self.n))
    }
}

#[inline(always)]
fn nearest(columns: &Columns<'_>, n: usize, keep: usize, centre: [f64; LANES]) -> Answer {
    let (mut sum, mut low, mut high) = ([0.0; LANES], [f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    for class in 0..keep {
        // The nearest of the class; two of them when they are equally far.
        let mut below = columns.sorted(class);
        let mut above = below;
        for place in (class + keep..n).step_by(keep) {
            let next = columns.sorted(place);
            for lane in 0..LANES {
                let excess = f64::from(below[lane]) + f64::from(next[lane]) - 2.0 * centre[lane];
                below[lane] = if excess < 0.0 { next[lane] } else { below[lane] };
                above[lane] = if excess <= 0.0 { next[lane] } else { above[lane] };
            }
        }
        for lane in 0..LANES {
            sum[lane] += 0.5 * (f64::from(below[lane]) + f64::from(above[lane]));
            low[lane] = if below[lane] < low[lane] { below[lane] } else { low[lane] };
            high[lane] = if above[lane] > high[lane] { above[lane] } else { high[lane] };
        }
    }
    Answer { value: sum.map(|sum| sum / keep as f64), low, high }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rows;

    /// What is kept of one coordinate: value of the aggregate and the weight of each row.
    fn column(values: &[f32], keep: usize) -> (f32, Vec<f64>) {
        let rows: Vec<&[f32]> = values.chunks(1).collect();
        let mut out = [0.0];
        let weights = mean_around_median(&Source::new(Rows(&rows), None), keep, &mut out);
        (out[0], weights)
    }

    #[test]
    fn few_neighbours_of_the_median_are_found_among_many() {
        assert_eq!(
            column(&[9.0, 0.0, 10.0, 4.0, 11.0, 30.0, 12.0], 3),
            (10.0, vec![1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0])
        );
        assert_eq!(column(&[3.0, 1.0, 2.0, 100.0, -100.0], 1), (2.0, vec![0.0, 0.0, 1.0, 0.0, 0.0]));
    }

    #[test]
    fn a_tie_counts_half_of_each_side() {
        // 0 and 2 are equally far from 1, and so are the two middle values of an even number.
        assert_eq!(column(&[1.0, 2.0, 0.0], 2), (1.0, vec![1.0, 1.0, 1.0]));
        assert_eq!(column(&[0.0, 5.0, 1.0, -6.0], 1), (0.5, vec![1.0, 0.0, 1.0, 0.0]));
        assert_eq!(column(&[0.0; 4], 3), (0.0, vec![1.0; 4]));
    }

    #[test]
    fn the_largest_finite_values_do_not_overflow() {
        let (value, _) = column(&[f32::MAX, f32::MAX, f32::MAX, -f32::MAX], 3);
        assert_eq!(value, f32::MAX);
    }
}
