//! Rows seen together: their mean, their spread, their distances, in f64.

/// Rows of equal length, at least one.
#[derive(Debug, Clone, Copy)]
pub struct Crowd<'a> {
    rows: &'a [&'a [f32]],
}

impl<'a> Crowd<'a> {
    /// These rows; `None` when there are none.
    #[must_use]
    pub const fn new(rows: &'a [&'a [f32]]) -> Option<Self> {
        if rows.is_empty() { None } else { Some(Self { rows }) }
    }

    /// The rows.
    #[must_use]
    pub const fn rows(&self) -> &'a [&'a [f32]] {
        self.rows
    }

    /// Length of a row, d.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.rows[0].len()
    }

    /// The mean, coordinate by coordinate.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.dimension()];
        for row in self.rows {
            mean.iter_mut().zip(*row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let share = 1.0 / self.rows.len() as f64;
        mean.iter_mut().for_each(|m| *m *= share);
        mean
    }

    /// The standard deviation around `mean`, with h − 1 in the denominator; 0 of a single row.
    #[must_use]
    pub fn deviation(&self, mean: &[f64]) -> Vec<f64> {
        let mut squares = vec![0.0; mean.len()];
        for row in self.rows {
            for ((sum, &x), m) in squares.iter_mut().zip(*row).zip(mean) {
                let away = f64::from(x) - m;
                *sum += away * away;
            }
        }
        let share = 1.0 / self.rows.len().saturating_sub(1).max(1) as f64;
        squares.into_iter().map(|sum| (share * sum).sqrt()).collect()
    }

    /// ‖xᵢ − xⱼ‖², shape (h, h), row after row.
    #[must_use]
    pub fn squared_distances(&self) -> Vec<f64> {
        let h = self.rows.len();
        let mut all = vec![0.0; h * h];
        for i in 0..h {
            for j in 0..i {
                let distance = squared_distance(self.rows[i], self.rows[j]);
                all[i * h + j] = distance;
                all[j * h + i] = distance;
            }
        }
        all
    }

    /// Smallest and largest value of coordinate `k`.
    pub(crate) fn range(&self, k: usize) -> (f64, f64) {
        self.rows
            .iter()
            .map(|row| f64::from(row[k]))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    }
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0; 4];
    let ((a_fours, a_rest), (b_fours, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for (a, b) in a_fours.iter().zip(b_fours) {
        for i in 0..4 {
            let away = f64::from(a[i]) - f64::from(b[i]);
            sums[i] += away * away;
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest.sum::<f64>()
}

/// `center` + `factor` · `direction`, as a row.
pub(crate) fn moved(center: &[f64], factor: f64, direction: &[f64]) -> Vec<f32> {
    center.iter().zip(direction).map(|(c, d)| (c + factor * d) as f32).collect()
}
