//! The vertices of a linear program: minimise Σ nᵢ over nᵢ ≥ 0 with Σ nᵢ aᵢ = b, one column exchanged at a time.
//!
//! The revised simplex method with an explicit inverse, for programs of some hundred constraints whose columns are found
//! as they are needed. Whoever looks for columns starts from a vertex, so there is no first phase; every cost is 1 and
//! every number positive, so no exchange is unbounded.
//!
//! Source: Dantzig, *Linear Programming and Extensions*, chapter 9; column generation after Gilmore & Gomory, 1961.

use nalgebra::{DMatrix, DVector};

/// Exchanges after which the inverse is computed afresh, at least; as many as constraints where there are more.
const FRESH: usize = 100;
/// Entries of a direction below this are rounding.
const NEGLIGIBLE: f64 = 1e-9;

/// As many columns as constraints, and how often each is used.
#[derive(Debug, Clone)]
pub(super) struct Vertex {
    columns: DMatrix<f64>,
    wanted: DVector<f64>,
    inverse: DMatrix<f64>,
    numbers: DVector<f64>,
    prices: DVector<f64>,
    exchanges: usize,
}

impl Vertex {
    /// The vertex of these columns, if they are one: independent, and b a positive combination of them.
    pub(super) fn new(columns: DMatrix<f64>, wanted: DVector<f64>) -> Option<Self> {
        let inverse = columns.clone().try_inverse()?;
        let numbers = &inverse * &wanted;
        let positive = numbers.iter().all(|n| *n > -1e-9 * numbers.amax());
        let prices = inverse.row_sum().transpose();
        positive.then_some(Self { columns, wanted, inverse, numbers, prices, exchanges: 0 })
    }

    /// How often each column is used.
    pub(super) fn numbers(&self) -> &DVector<f64> {
        &self.numbers
    }

    /// What all of them cost together.
    pub(super) fn cost(&self) -> f64 {
        self.numbers.sum()
    }

    /// How often a column was exchanged.
    pub(super) const fn exchanges(&self) -> usize {
        self.exchanges
    }

    /// Prices of the constraints, under which every column in use costs exactly what it is worth.
    pub(super) fn prices(&self) -> &DVector<f64> {
        &self.prices
    }

    /// Takes `column` in; answers the place of the column that it replaces, or `None` when it cannot be told from
    /// rounding which.
    pub(super) fn enter(&mut self, column: &DVector<f64>) -> Option<usize> {
        let direction = &self.inverse * column;
        let negligible = NEGLIGIBLE * direction.amax();
        let allowed = |place: usize| {
            let step = self.numbers[place].max(0.0) / direction[place];
            (direction[place] > negligible).then_some((place, step))
        };
        // Of the columns that give way at nearly the same step the one that keeps the inverse smallest.
        let least =
            (0..direction.len()).filter_map(allowed).map(|(_, step)| step).fold(f64::INFINITY, f64::min);
        let (place, step) = (0..direction.len())
            .filter_map(allowed)
            .filter(|(_, step)| *step <= least * (1.0 + 1e-9) + 1e-15)
            .max_by(|a, b| direction[a.0].total_cmp(&direction[b.0]))?;
        self.numbers.axpy(-step, &direction, 1.0);
        self.numbers[place] = step;
        let pivot = self.inverse.row(place) / direction[place];
        let pivot = pivot.transpose();
        self.inverse.ger(-1.0, &direction, &pivot, 1.0);
        self.inverse.set_row(place, &pivot.transpose());
        let saving = 1.0 - self.prices.dot(column);
        self.prices.axpy(saving, &pivot, 1.0);
        self.columns.set_column(place, column);
        self.exchanges += 1;
        if self.exchanges.is_multiple_of(FRESH.max(self.wanted.len())) {
            self.refresh();
        }
        Some(place)
    }

    /// Takes the rounding out of the inverse and the numbers.
    pub(super) fn refresh(&mut self) {
        if let Some(inverse) = self.columns.clone().try_inverse() {
            self.inverse = inverse;
            self.prices = self.inverse.row_sum().transpose();
            self.numbers = &self.inverse * &self.wanted;
            for _ in 0..3 {
                let missing = &self.wanted - &self.columns * &self.numbers;
                self.numbers.gemv(1.0, &self.inverse, &missing, 1.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// min x + y + z with x + 2z = 3, y + 3z = 4: z replaces y at 4/3, and x stays at 1/3.
    #[test]
    fn a_better_column_replaces_the_one_that_runs_out_first() {
        let wanted = DVector::from_vec(vec![3.0, 4.0]);
        let mut vertex = Vertex::new(DMatrix::identity(2, 2), wanted).unwrap();
        assert_eq!((vertex.cost(), vertex.prices().as_slice()), (7.0, &[1.0, 1.0][..]));
        assert_eq!(vertex.enter(&DVector::from_vec(vec![2.0, 3.0])), Some(1));
        assert!((vertex.cost() - 5.0 / 3.0).abs() < 1e-12, "{vertex:?}");
        let prices = vertex.prices();
        assert!((prices[0] - 1.0).abs() < 1e-12 && (prices[1] + 1.0 / 3.0).abs() < 1e-12, "{prices}");
        vertex.refresh();
        assert!((vertex.numbers()[1] - 4.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_vertex_is_none() {
        let columns = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 4.0]);
        assert!(Vertex::new(columns, DVector::from_vec(vec![1.0, 1.0])).is_none());
        assert!(Vertex::new(DMatrix::identity(2, 2), DVector::from_vec(vec![1.0, -1.0])).is_none());
    }
}
