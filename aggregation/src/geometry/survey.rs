//! One pass over the coordinates of all points: their distances, products where distances hide directions, and what a rule asks
//! of coordinates themselves.
//!
//! ⟨x_i − b, x_j − b⟩ from distances is (D_ib + D_jb − D_ij) / 2, which keeps nothing of the direction of a point a
//! thousand times farther away than the others. Such points are found block by block, and their products in the block
//! summed in f64 around a voter in its middle while its coordinates are still in a cache: no third pass over the rows.

use rayon::prelude::*;

use super::{
    block,
    cloud::{Cloud, middle},
    distances,
    products::{self, Point},
    signs::count_signs,
};
use crate::matrix::{Matrix, median};

/// A point this many times farther from the base than half of the voters are has its products summed directly.
const FAR: f64 = 100.0;

/// What is to be seen on the way, beside distances.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    /// Inner products.
    pub(crate) products: bool,
    /// How many coordinates of each voter are positive, and how many negative.
    pub(crate) signs: bool,
    /// The voters' coordinates at these places, ascending.
    pub(crate) drawn: &'a [usize],
}

/// What all blocks of coordinates say about the points.
pub(crate) struct Survey {
    points: usize,
    /// Places of the drawn coordinates, ascending.
    places: Vec<usize>,
    parts: Vec<Part>,
}

/// What one of them says.
struct Part {
    /// Pair (i, j < i) at i(i − 1)/2 + j.
    distances: Vec<f64>,
    /// ⟨x_i − c, x_j − c⟩ around a point c of the block's choice, where a point is far from the others.
    products: Option<Matrix>,
    /// Of each voter, if asked for.
    signs: Vec<[u32; 2]>,
    /// The drawn coordinates of each voter.
    drawn: Vec<Vec<f32>>,
}

impl Survey {
    /// Of `points`, the first `voters` of which vote and `None` is the origin, of length `d`.
    pub(crate) fn new(points: &[Option<&[f32]>], voters: usize, d: usize, asked: Asked<'_>) -> Self {
        Self::by_blocks(points, voters, d, block(d), asked)
    }

    /// The same for coordinates of which a block has `block`.
    pub(crate) fn by_blocks(
        points: &[Option<&[f32]>],
        voters: usize,
        d: usize,
        block: usize,
        asked: Asked<'_>,
    ) -> Self {
        let part = |start: usize| {
            let end = d.min(start + block);
            let distances = distances::of_block(points, start, end);
            let products = asked.products.then(|| closely(points, voters, &distances, start, end)).flatten();
            let rows = points[..voters].iter().flatten();
            let signs =
                rows.clone().filter(|_| asked.signs).map(|row| count_signs(&row[start..end])).collect();
            let place = |place: usize| asked.drawn.partition_point(|&drawn| drawn < place);
            let places = &asked.drawn[place(start)..place(end)];
            let drawn: Vec<Vec<f32>> = rows.map(|row| places.iter().map(|&k| row[k]).collect()).collect();
            Part { distances, products, signs, drawn }
        };
        let starts: Vec<usize> = (0..d).step_by(block).collect();
        let parts = starts.into_par_iter().map(part).collect();
        Self { points: points.len(), places: asked.drawn.to_vec(), parts }
    }

    /// The survey of all coordinates from those of consecutive ranges, of which no coordinates were drawn.
    #[cfg(test)]
    pub(crate) fn join(surveys: impl Iterator<Item = Self>) -> Self {
        let join = |mut all: Self, next: Self| {
            all.parts.extend(next.parts);
            all
        };
        surveys.reduce(join).expect("a range")
    }

    /// Points, voting or not.
    pub(crate) fn points(&self) -> usize {
        self.points
    }

    /// Whether a point is at a finite distance of some other in every block, as only one that is finite can be.
    pub(crate) fn vouches(&self, point: usize) -> bool {
        let mut others = (0..self.points).filter(|&other| other != point);
        others.any(|other| self.parts.iter().all(|part| part.distances[pair(point, other)].is_finite()))
    }

    /// How many coordinates of a voter are positive and how many negative, if that was asked for.
    pub(crate) fn signs(&self, voter: usize) -> [u32; 2] {
        let signs = self.parts.iter().filter_map(|part| part.signs.get(voter));
        signs.fold([0, 0], |[positive, negative], part| [positive + part[0], negative + part[1]])
    }

    /// The coordinates `of` these voters at these places, which are among those that were drawn.
    pub(crate) fn drawn(&self, of: impl Iterator<Item = usize>, places: &[usize]) -> Vec<Vec<f32>> {
        let add = |end: &mut usize, part: &Part| {
            *end += part.drawn[0].len();
            Some(*end)
        };
        let ends: Vec<usize> = self.parts.iter().scan(0, add).collect();
        let at = |place: &usize| {
            let k = self.places.partition_point(|drawn| drawn < place);
            let part = ends.partition_point(|&end| end <= k);
            (&self.parts[part].drawn, k + self.parts[part].drawn[0].len() - ends[part])
        };
        let at: Vec<_> = places.iter().map(at).collect();
        of.map(|voter| at.iter().map(|(drawn, k)| drawn[voter][*k]).collect()).collect()
    }

    /// Squared distances.
    pub(super) fn distances(&self) -> Matrix {
        total(self.points, self.parts.iter())
    }

    /// The cloud of the points `present`, the first `voters` of which vote, with the products that were asked for.
    pub(crate) fn cloud(&self, present: &[usize], voters: usize, products: bool) -> Cloud {
        let distances = self.distances().only(present);
        let base = middle(&distances, voters);
        if !products {
            return Cloud::new(distances, Matrix::zeros(0), voters);
        }
        let near = self.parts.iter().filter(|part| part.products.is_none());
        let near = total(self.points, near).only(present);
        let mut sums = Matrix::from_fn(present.len(), |i, j| from_distances(&near, base, i, j));
        for part in self.parts.iter().filter_map(|part| part.products.as_ref()) {
            let part = part.only(present);
            sums = Matrix::from_fn(present.len(), |i, j| sums.at(i, j) + around(&part, base, i, j));
        }
        Cloud::new(distances, sums, voters)
    }
}

/// The sums of `parts`, in their order.
fn total<'a>(points: usize, parts: impl Iterator<Item = &'a Part>) -> Matrix {
    let mut sums = Matrix::zeros(points);
    for part in parts {
        for ((i, j), distance) in pairs(points).zip(&part.distances) {
            sums.set(i, j, sums.at(i, j) + distance);
        }
    }
    sums
}

/// The place of the pair of two different points.
fn pair(i: usize, j: usize) -> usize {
    let (i, j) = (i.max(j), i.min(j));
    i * (i - 1) / 2 + j
}

fn pairs(points: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..points).flat_map(|i| (0..i).map(move |j| (i, j)))
}

/// ⟨x_i − b, x_j − b⟩ by the law of cosines.
fn from_distances(distances: &Matrix, b: usize, i: usize, j: usize) -> f64 {
    0.5 * (distances.at(b, i) + distances.at(b, j) - distances.at(i, j))
}

/// ⟨x_i − b, x_j − b⟩ from products around any point.
pub(super) fn around(products: &Matrix, b: usize, i: usize, j: usize) -> f64 {
    if i == b || j == b {
        return 0.0;
    }
    (products.at(i, j) + products.at(b, b)) - (products.at(i, b) + products.at(b, j))
}

/// The products of a block, if a point is far from its middle.
fn closely(
    points: &[Option<&[f32]>],
    voters: usize,
    distances: &[f64],
    start: usize,
    end: usize,
) -> Option<Matrix> {
    let mut matrix = Matrix::zeros(points.len());
    for ((i, j), &distance) in pairs(points.len()).zip(distances) {
        // A row that is not finite is out of the way until it is set aside.
        matrix.set(i, j, if distance.is_nan() { f64::INFINITY } else { distance });
    }
    let base = middle(&matrix, voters);
    let radius = median(matrix.row(base)[..voters].to_vec()) * FAR * FAR;
    let far: Vec<bool> = matrix.row(base).iter().map(|&distance| distance > radius).collect();
    far.contains(&true).then(|| {
        let points: Vec<Point<'_>> =
            points.iter().map(|point| point.map_or(Point::Origin, Point::Row)).collect();
        let direct = products::of_block(&points, base, &far, start, end);
        Matrix::from_fn(points.len(), |i, j| {
            if far[i] || far[j] { direct.at(i, j) } else { from_distances(&matrix, base, i, j) }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCTS: Asked<'_> = Asked { products: true, signs: false, drawn: &[] };

    /// A row that is far in one block only, another that is far everywhere, and four that never are.
    #[test]
    fn products_of_points_far_in_some_blocks_or_in_all_are_those_of_the_definition() {
        let (d, block) = (1600, 512);
        let value = |row: usize, k: usize| ((row * 7919 + k * 104_729 + row * k) % 1009) as f32 / 1009.0;
        let mut rows: Vec<Vec<f32>> = (0..6).map(|row| (0..d).map(|k| value(row, k)).collect()).collect();
        rows[1][600..700].iter_mut().for_each(|x| *x *= 1e12);
        rows[4].iter_mut().for_each(|x| *x *= -1e9);
        let points: Vec<Option<&[f32]>> = rows.iter().map(|row| Some(&row[..])).chain([None]).collect();
        let survey = Survey::by_blocks(&points, 6, d, block, PRODUCTS);
        assert!(survey.parts.iter().all(|part| part.products.is_some()));
        let near = Survey::by_blocks(&points[..1], 1, d, block, PRODUCTS);
        assert!(near.parts.iter().all(|part| part.products.is_none()));
        let cloud = survey.cloud(&(0..7).collect::<Vec<_>>(), 6, true);
        let at = |point: usize, k: usize| points[point].map_or(0.0, |row| f64::from(row[k]));
        for i in 0..7 {
            for j in 0..7 {
                let product = |k: usize| (at(i, k) - at(0, k)) * (at(j, k) - at(0, k));
                let (want, scale) =
                    (0..d).map(product).fold((0.0, 0.0), |(sum, scale), x| (sum + x, scale + x.abs()));
                let got = cloud.product_around(0, i, j);
                assert!((got - want).abs() <= 1e-5 * scale, "{i} {j}: {got} {want}");
            }
        }
    }

    #[test]
    fn signs_and_drawn_coordinates_are_those_of_the_whole_rows() {
        let (d, block) = (1600, 512);
        let value = |row: usize, k: usize| ((row * 7919 + k * 104_729) % 5) as f32 - 2.0;
        let rows: Vec<Vec<f32>> = (0..3).map(|row| (0..d).map(|k| value(row, k)).collect()).collect();
        let points: Vec<Option<&[f32]>> = rows.iter().map(|row| Some(&row[..])).chain([None]).collect();
        let drawn = [0, 3, 511, 512, 1599];
        let survey =
            Survey::by_blocks(&points, 3, d, block, Asked { products: false, signs: true, drawn: &drawn });
        for (voter, row) in rows.iter().enumerate() {
            let count = |with: fn(f32) -> bool| row.iter().filter(|x| with(**x)).count() as u32;
            assert_eq!(survey.signs(voter), [count(|x| x > 0.0), count(|x| x < 0.0)]);
            assert_eq!(survey.drawn([voter].into_iter(), &[3, 1599]), [[row[3], row[1599]]]);
        }
    }

    #[test]
    fn a_row_that_is_not_finite_spoils_nothing_for_those_that_are_left() {
        let rows: [&[f32]; 7] = [
            &[1.0, 2.0],
            &[f32::NAN, 1.0],
            &[2.0, 1.0],
            &[f32::INFINITY, 0.0],
            &[3e8, 1.0],
            &[1.0, 1.0],
            &[2.0, 2.0],
        ];
        let points: Vec<Option<&[f32]>> = rows.iter().map(|row| Some(*row)).collect();
        let cloud = Survey::new(&points, 7, 2, PRODUCTS).cloud(&[0, 2, 4, 5, 6], 5, true);
        assert_eq!(cloud.product_around(0, 1, 2), (3e8 - 1.0) + 1.0);
    }
}
