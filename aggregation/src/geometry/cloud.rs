//! The points of a round as rules see them: distances and inner products, whatever d is.

use super::survey::around;
use crate::matrix::{Matrix, dot, median};

/// Voters first, then points that do not vote: the origin, and a centre or root when the rule has one.
#[derive(Debug, Clone)]
pub(crate) struct Cloud {
    /// How many of the points vote.
    pub(crate) voters: usize,
    /// Squared distances.
    pub(crate) distances: Matrix,
    /// ⟨x_i − b, x_j − b⟩ around a voter b in the middle; empty unless a rule needs them.
    products: Matrix,
}

/// Affine combinations of points: one row of weights a new voter.
pub(crate) type Mixing = Vec<Vec<f64>>;

impl Cloud {
    pub(super) fn new(distances: Matrix, products: Matrix, voters: usize) -> Self {
        Self { voters, distances, products }
    }

    /// A cloud of points whose products around one of them were summed in f64.
    pub(crate) fn of_products(products: Matrix, voters: usize) -> Self {
        let distance = |i, j| (products.at(i, i) + products.at(j, j) - 2.0 * products.at(i, j)).max(0.0);
        Self { voters, distances: Matrix::from_fn(products.size(), distance), products }
    }

    /// Points, voting or not.
    pub(crate) fn points(&self) -> usize {
        self.distances.size()
    }

    /// Index of the origin in a cloud that has it.
    pub(crate) fn origin(&self) -> usize {
        self.voters
    }

    /// Index of the centre or root in a cloud that has it.
    pub(crate) fn anchor(&self) -> usize {
        self.voters + 1
    }

    /// ‖voter‖ in a cloud that has the origin.
    pub(crate) fn norms(&self) -> Vec<f64> {
        self.distances.row(self.origin())[..self.voters].iter().map(|square| square.sqrt()).collect()
    }

    /// ‖x_i − Σ w·x‖² for every point; `weights` sum to 1.
    pub(crate) fn distances_to(&self, weights: &[f64]) -> Vec<f64> {
        let towards = self.products.times(weights);
        let length = dot(weights, &towards);
        (0..self.points()).map(|i| (self.products.at(i, i) - 2.0 * towards[i] + length).max(0.0)).collect()
    }

    /// ‖Σ a·x‖² for an `a` that sums to 0.
    pub(crate) fn length(&self, a: &[f64]) -> f64 {
        self.products.quadratic(a).max(0.0)
    }

    /// ⟨x_i − o, x_j − o⟩ around the point `o`.
    pub(crate) fn product_around(&self, o: usize, i: usize, j: usize) -> f64 {
        around(&self.products, o, i, j)
    }

    /// ⟨x_i − μ, x_j − μ⟩ for the points `these`, μ their mean under `shares`, from the distances among them alone.
    pub(crate) fn centred(&self, these: &[usize], shares: &[f64]) -> Matrix {
        let distances = self.distances.only(these);
        let towards = distances.times(shares);
        let spread = 0.5 * dot(shares, &towards);
        Matrix::from_fn(these.len(), |i, j| 0.5 * (towards[i] + towards[j] - distances.at(i, j)) - spread)
    }

    /// The weights that give every one of `chosen` the same share.
    pub(crate) fn mean_of(&self, chosen: &[usize]) -> Vec<f64> {
        let mut weights = vec![0.0; self.points()];
        chosen.iter().for_each(|&voter| weights[voter] = 1.0 / chosen.len() as f64);
        weights
    }

    /// The cloud whose voters are the combinations `mixing` of these points; points that do not vote stay.
    pub(crate) fn mixed(&self, mixing: &[Vec<f64>]) -> Self {
        let fixed = (self.voters..self.points()).map(|point| self.unit(point));
        let all: Mixing = mixing.iter().cloned().chain(fixed).collect();
        let towards: Vec<Vec<f64>> = all.iter().map(|weights| self.products.times(weights)).collect();
        let products = Matrix::from_fn(all.len(), |i, j| {
            let (i, j) = (i.min(j), i.max(j));
            dot(&all[i], &towards[j])
        });
        let distances = Matrix::from_fn(all.len(), |i, j| {
            let (i, j) = (i.min(j), i.max(j));
            let around = products.at(i, i) + products.at(j, j);
            let distance = around - 2.0 * products.at(i, j);
            if all[i] == all[j] {
                0.0
            } else if distance > 1e-6 * around {
                distance
            } else {
                // Both hold the same share of something far away: only their difference is exact.
                self.length(&all[i].iter().zip(&all[j]).map(|(a, b)| a - b).collect::<Vec<_>>())
            }
        });
        Self { voters: mixing.len(), distances, products }
    }

    /// All weight on one point.
    pub(crate) fn unit(&self, point: usize) -> Vec<f64> {
        (0..self.points()).map(|other| if other == point { 1.0 } else { 0.0 }).collect()
    }
}

/// The voter nearest to half of the voters: in the midst of the honest ones while these are a majority.
pub(super) fn middle(distances: &Matrix, voters: usize) -> usize {
    let radius = |voter: usize| median(distances.row(voter)[..voters].to_vec());
    (0..voters).min_by(|&a, &b| radius(a).total_cmp(&radius(b))).unwrap_or(0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::geometry::{Asked, Survey};

    /// A cloud of these voters with the origin, and the anchor if there is one.
    pub(crate) fn cloud(rows: &[&[f32]], anchor: Option<&[f32]>) -> Cloud {
        let points: Vec<Option<&[f32]>> =
            rows.iter().map(|&row| Some(row)).chain([None]).chain(anchor.map(Some)).collect();
        let survey =
            Survey::new(&points, rows.len(), rows[0].len(), Asked { products: true, ..Asked::default() });
        survey.cloud(&(0..points.len()).collect::<Vec<_>>(), rows.len(), true)
    }

    #[test]
    fn mixed_rows_have_the_distances_of_the_rows_they_stand_for() {
        let rows: [&[f32]; 4] = [&[1.0, 0.0], &[0.0, 2.0], &[3.0, 3.0], &[-1.0, 1e6]];
        let mixing = vec![vec![0.5, 0.5, 0.0, 0.0, 0.0], vec![0.0, 0.0, 0.0, 1e-6, 1.0 - 1e-6]];
        let mixed = cloud(&rows, None).mixed(&mixing);
        let plain = cloud(&[&[0.5, 1.0], &[-1e-6, 1.0]], None);
        for i in 0..3 {
            for j in 0..3 {
                assert!((mixed.distances.at(i, j) - plain.distances.at(i, j)).abs() < 1e-6);
                assert!((mixed.product_around(2, i, j) - plain.product_around(2, i, j)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_share_of_something_infinitely_far_cancels_exactly() {
        let rows: [&[f32]; 4] = [&[1.0], &[2.0], &[4.0], &[1e30]];
        let mixing = vec![vec![0.5, 0.0, 0.0, 0.5, 0.0], vec![0.0, 0.5, 0.0, 0.5, 0.0]];
        assert!((cloud(&rows, None).mixed(&mixing).distances.at(0, 1) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn a_point_moves_by_its_share_of_a_far_one() {
        let cloud = cloud(&[&[0.0, 0.0], &[1.0, 0.0], &[0.0, 1.0], &[1e30, 1e30]], None);
        let far = cloud.distances_to(&[1.0 - 1e-30, 0.0, 0.0, 1e-30, 0.0]);
        assert!((far[0] - 2.0).abs() < 1e-6 && (far[1] - 1.0).abs() < 1e-6, "{far:?}");
    }
}
