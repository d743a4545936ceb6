//! Small square tables of f64, of one row and column a point.

/// A square matrix.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    size: usize,
    values: Vec<f64>,
}

impl Matrix {
    pub(crate) fn zeros(size: usize) -> Self {
        Self { size, values: vec![0.0; size * size] }
    }

    pub(crate) fn from_fn(size: usize, value: impl Fn(usize, usize) -> f64) -> Self {
        Self { size, values: (0..size * size).map(|k| value(k / size, k % size)).collect() }
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn at(&self, i: usize, j: usize) -> f64 {
        self.values[i * self.size + j]
    }

    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.size..][..self.size]
    }

    /// Writes both (i, j) and (j, i).
    pub(crate) fn set(&mut self, i: usize, j: usize, value: f64) {
        self.values[i * self.size + j] = value;
        self.values[j * self.size + i] = value;
    }

    /// The rows and columns of `these`, in that order.
    pub(crate) fn only(&self, these: &[usize]) -> Self {
        Self::from_fn(these.len(), |i, j| self.at(these[i], these[j]))
    }

    /// M·a; entries of `a` that are 0 cost nothing and add nothing.
    pub(crate) fn times(&self, a: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; self.size];
        for (j, &a) in a.iter().enumerate().filter(|(_, a)| **a != 0.0) {
            for (product, m) in product.iter_mut().zip(self.row(j)) {
                *product += a * m;
            }
        }
        product
    }

    /// aᵀ·M·a
    pub(crate) fn quadratic(&self, a: &[f64]) -> f64 {
        dot(a, &self.times(a))
    }
}

/// Σ a·b; where `a` is 0 nothing is added.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).filter(|(a, _)| **a != 0.0).map(|(a, b)| a * b).sum()
}

/// The median, the midpoint of the middle two for an even number; 0 of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n => f64::midpoint(values[(n - 1) / 2], values[n / 2]),
    }
}
