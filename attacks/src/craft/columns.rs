//! The program of the fewest rows over a space of points: logits, or images (7d of the mathematics page).
//!
//! A row at the point z with hard label k contributes z̃ (e_k − p)ᵀ, z̃ = (z, 1), p = softmax(Vᵀz + c):
//! ```text
//! minimise Σ nᵢ   over nᵢ ≥ 0   subject to   Σ nᵢ z̃ᵢ (e_kᵢ − pᵢ)ᵀ = M
//! ```
//! At any one point the contributions of the K labels reach every direction that sums to 0, since Σ p_k (e_k − p) = 0; so
//! with m + 1 points in general position every M is reached, whatever region they lie in. That is the first vertex. From
//! there rows are exchanged for those that the program's prices Y say would save most, z̃ᵀY (e_k − p) being what a row is
//! worth and 1 what it costs, looked for by ascent on that worth, until none would save.
//!
//! In: M, shape (m + 1, K), rows summing to 0. Out: at most (m + 1)(K − 1) rows, with how often each is used.

use nalgebra::{DMatrix, DVector};

use super::{Uncraftable, differences, simplex::Vertex, softmax};

/// What a new row has to save to be worth taking, as a part of itself.
const SAVING: f64 = 1e-3;
/// Rows tried at the prices they were found at before all are priced again.
const TRIED: usize = 24;

/// The points that rows may have.
#[derive(Debug, Clone)]
pub(super) struct Space {
    /// V, shape (m, K).
    pub(super) weights: DMatrix<f64>,
    /// c, length K.
    pub(super) bias: DVector<f64>,
    /// Coordinates are between these, if anything.
    pub(super) bounds: Option<(f64, f64)>,
    /// Searches for better rows, each followed by the exchanges it makes worth while.
    pub(super) searches: usize,
    /// Exchanges after each search, at most.
    pub(super) exchanges_max: usize,
}

/// A row, as often as the program uses it.
#[derive(Debug, Clone)]
pub(super) struct Use {
    /// z
    pub(super) point: DVector<f64>,
    /// k
    pub(super) class: usize,
    /// n
    pub(super) number: f64,
}

/// A point and a class: a row, of which the vertex knows only the column.
type Site = (DVector<f64>, usize);

/// A row and what it is worth.
#[derive(Debug, Clone)]
struct Offer {
    point: DVector<f64>,
    class: usize,
    worth: f64,
}

impl Space {
    /// p at `point`.
    pub(super) fn probabilities(&self, point: &DVector<f64>) -> DVector<f64> {
        softmax(&(self.weights.transpose() * point + &self.bias))
    }

    /// The fewest rows whose contributions sum to `wanted`, from a vertex at the points `corners`, m + 1 of them in
    /// general position; `others` are points to try first.
    ///
    /// # Errors
    /// When the corners are not in general position.
    pub(super) fn fewest(
        &self,
        wanted: &DMatrix<f64>,
        corners: &[DVector<f64>],
        others: Vec<DVector<f64>>,
    ) -> Result<Vec<Use>, Uncraftable> {
        let basis = differences(self.bias.len());
        let scale = wanted.norm().max(f64::MIN_POSITIVE);
        let (mut rows, mut vertex) = self.first_vertex(&(wanted / scale), corners, &basis)?;
        let mut pool = Pool::new(self, corners.iter().cloned().chain(others).collect());
        for search in 0..=self.searches {
            let before = vertex.cost();
            self.exchange(&mut vertex, &mut rows, &pool, &basis);
            let settled = search > 0 && vertex.cost() > (1.0 - 0.1 * SAVING) * before;
            if settled || search == self.searches {
                break;
            }
            let worth = Worth::new(self, &vertex, &basis);
            let better = worth.better(&rows);
            if better.is_empty() {
                break;
            }
            pool = Pool::new(self, better);
        }
        vertex.refresh();
        let used = rows.into_iter().zip(vertex.numbers());
        let used = used.map(|((point, class), &n)| Use { point, class, number: n * scale });
        Ok(used.filter(|used| used.number > 0.0).collect())
    }

    /// z̃ (e_k − p)ᵀ B, column after column, B an orthonormal basis of what sums to 0.
    fn column(&self, point: &DVector<f64>, class: usize, basis: &DMatrix<f64>) -> DVector<f64> {
        let mut push = -self.probabilities(point);
        push[class] += 1.0;
        let push = basis.tr_mul(&push);
        let rows = point.len() + 1;
        DVector::from_fn(rows * push.len(), |index, _| {
            let (row, column) = (index % rows, index / rows);
            push[column] * if row < point.len() { point[row] } else { 1.0 }
        })
    }

    /// M = Σⱼ z̃ⱼ gⱼᵀ over the corners; gⱼ = Σ n_k (e_k − p) with n_k = g_k + t p_k, t the least that leaves none negative.
    fn first_vertex(
        &self,
        wanted: &DMatrix<f64>,
        corners: &[DVector<f64>],
        basis: &DMatrix<f64>,
    ) -> Result<(Vec<Site>, Vertex), Uncraftable> {
        let points =
            DMatrix::from_columns(&corners.iter().map(|corner| corner.push(1.0)).collect::<Vec<_>>());
        let shares = points.lu().solve(wanted).ok_or(Uncraftable::NoVertex)?;
        let mut rows = Vec::new();
        for (corner, share) in corners.iter().zip(shares.row_iter()) {
            let p = self.probabilities(corner);
            let unused = (0..p.len()).max_by(|&a, &b| (-share[a] / p[a]).total_cmp(&(-share[b] / p[b])));
            rows.extend(
                (0..p.len()).filter(|&class| Some(class) != unused).map(|class| (corner.clone(), class)),
            );
        }
        let columns: Vec<DVector<f64>> =
            rows.iter().map(|(point, class)| self.column(point, *class, basis)).collect();
        let wanted = wanted * basis;
        let wanted = DVector::from_column_slice(wanted.as_slice());
        let vertex = Vertex::new(DMatrix::from_columns(&columns), wanted).ok_or(Uncraftable::NoVertex)?;
        Ok((rows, vertex))
    }

    /// Exchanges rows for those of the pool for as long as that saves.
    fn exchange(&self, vertex: &mut Vertex, rows: &mut [Site], pool: &Pool, basis: &DMatrix<f64>) {
        let last = vertex.exchanges() + self.exchanges_max;
        loop {
            let mut progress = false;
            for (index, class) in pool.best(&Worth::new(self, vertex, basis)) {
                let point = &pool.points[index];
                let column = self.column(point, class, basis);
                if vertex.prices().dot(&column) < 1.0 + SAVING {
                    continue;
                }
                if let Some(place) = vertex.enter(&column) {
                    rows[place] = (point.clone(), class);
                    progress = true;
                }
            }
            if !progress || vertex.exchanges() >= last {
                return;
            }
        }
    }
}

/// What rows are worth at the prices of a vertex.
struct Worth<'a> {
    space: &'a Space,
    /// Y Bᵀ, shape (m + 1, K).
    prices: DMatrix<f64>,
}

impl<'a> Worth<'a> {
    fn new(space: &'a Space, vertex: &Vertex, basis: &DMatrix<f64>) -> Self {
        let (rows, columns) = (space.weights.nrows() + 1, basis.ncols());
        let prices =
            DMatrix::from_column_slice(rows, columns, vertex.prices().as_slice()) * basis.transpose();
        Self { space, prices }
    }

    /// Yᵀz̃, in all K coordinates: what e_k is worth at `point`.
    fn values(&self, point: &DVector<f64>) -> DVector<f64> {
        self.prices.rows(0, point.len()).tr_mul(point) + self.prices.row(point.len()).transpose()
    }

    /// Points near those in use from where a row would save something.
    fn better(&self, rows: &[Site]) -> Vec<DVector<f64>> {
        let mut found: Vec<Offer> = Vec::new();
        for (start, _) in rows {
            let value = self.values(start);
            let mut classes: Vec<usize> = (0..value.len()).collect();
            classes.sort_by(|&a, &b| value[b].total_cmp(&value[a]));
            for &class in classes.iter().take(2) {
                let offer = self.ascend(start.clone(), class);
                let known =
                    |other: &Offer| other.class == class && (&other.point - &offer.point).amax() < 1e-3;
                if offer.worth > 1.0 + SAVING && !found.iter().any(known) {
                    found.push(offer);
                }
            }
        }
        found.into_iter().map(|offer| offer.point).collect()
    }

    /// Moves a row's point uphill on its worth, inside the bounds.
    fn ascend(&self, mut point: DVector<f64>, class: usize) -> Offer {
        let worth = |point: &DVector<f64>| {
            let (values, p) = (self.values(point), self.space.probabilities(point));
            values[class] - p.dot(&values)
        };
        let (mut step, mut best) = (0.5, worth(&point));
        for _ in 0..100 {
            let (values, p) = (self.values(&point), self.space.probabilities(&point));
            let mean = p.dot(&values);
            let mut push = -&p;
            push[class] += 1.0;
            let mut gradient = self.prices.rows(0, point.len()) * push;
            gradient -= &self.space.weights * p.component_mul(&values.add_scalar(-mean));
            let length = gradient.norm();
            if length < 1e-9 || step < 1e-5 {
                break;
            }
            let mut next = &point + step / length * gradient;
            if let Some((low, high)) = self.space.bounds {
                next.apply(|coordinate| *coordinate = coordinate.clamp(low, high));
            }
            let gained = worth(&next);
            if gained > best {
                (point, best, step) = (next, gained, step * 1.5);
            } else {
                step *= 0.4;
            }
        }
        Offer { point, class, worth: best }
    }
}

/// Points to choose from.
struct Pool {
    points: Vec<DVector<f64>>,
    /// One z̃ a column.
    lifted: DMatrix<f64>,
    /// One p a column.
    probabilities: DMatrix<f64>,
}

impl Pool {
    fn new(space: &Space, points: Vec<DVector<f64>>) -> Self {
        let column = |point: &DVector<f64>| point.push(1.0);
        let lifted = DMatrix::from_columns(&points.iter().map(column).collect::<Vec<_>>());
        let probabilities =
            DMatrix::from_columns(&points.iter().map(|point| space.probabilities(point)).collect::<Vec<_>>());
        Self { points, lifted, probabilities }
    }

    /// The rows that are worth most more than they cost, one a point: index and class.
    fn best(&self, worth: &Worth<'_>) -> Vec<(usize, usize)> {
        let values = worth.prices.tr_mul(&self.lifted);
        let best_of = |(values, p): (_, _)| -> (usize, f64) {
            let (values, p): (nalgebra::DVectorView<'_, f64>, nalgebra::DVectorView<'_, f64>) = (values, p);
            let (class, value) = values.argmax();
            (class, value - p.dot(&values))
        };
        let offers = values.column_iter().zip(self.probabilities.column_iter()).map(best_of).enumerate();
        let mut offers: Vec<(usize, (usize, f64))> =
            offers.filter(|(_, (_, worth))| *worth > 1.0 + SAVING).collect();
        offers.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
        offers.into_iter().take(TRIED).map(|(index, (class, _))| (index, class)).collect()
    }
}
