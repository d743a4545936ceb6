//! The blocks on the diagonal of the second derivative: Σ w xxᵀ over the rows of a design, one for each output.

use pulp::{Arch, Simd, WithSimd};

use super::{Curvature, Design, add_scaled, design::Rows};

/// Outputs that are summed at once.
const LANES: usize = 16;
/// Rows of the triangles that are summed at once: they stay in cache.
const STRIP: usize = 32;

/// Lower triangles, row after row, of Σ wₖ xxᵀ over inputs and bias, one for each output k: wₖ = counts · pₖ(1 − pₖ)
/// at the point of `at`, or counts where the second derivative is constant.
pub(crate) fn grams(design: &Design<f32>, at: &Curvature) -> Vec<Vec<f32>> {
    let rows = sparse(design);
    let mut all = vec![Vec::with_capacity(triangle(design.width + 1)); design.outputs];
    for (chunk, triangles) in all.chunks_mut(LANES).enumerate() {
        let weights = weights(design, at, chunk * LANES);
        let mut done = vec![0; rows.len()];
        for from in (0..=design.width).step_by(STRIP) {
            let to = (from + STRIP).min(design.width + 1);
            let (done, weights) = (&mut done, &weights);
            let sums = Arch::new().dispatch(Strip { rows: &rows, done, weights, from, to });
            for (k, triangle) in triangles.iter_mut().enumerate() {
                triangle.extend(sums.iter().map(|lanes| lanes[k]));
            }
        }
    }
    all
}

/// Number of values in the lower triangle of a square of this side, hence where its next row starts.
pub(crate) const fn triangle(side: usize) -> usize {
    side * (side + 1) / 2
}

/// The non-zero inputs of each row and the bias, in the order of their columns.
fn sparse(design: &Design<f32>) -> Vec<Vec<(u32, f32)>> {
    let bias = (design.width as u32, 1.0);
    let row = |row: usize| match &design.rows {
        Rows::Dense(values) => {
            let values = values[row * design.width..][..design.width].iter().copied();
            (0..).zip(values).filter(|(_, value)| *value != 0.0).chain([bias]).collect()
        }
        Rows::Sparse { starts, columns, values } => {
            let range = starts[row] as usize..starts[row + 1] as usize;
            let columns = columns[range.clone()].iter().copied().map(u32::from);
            columns.zip(values[range].iter().copied()).chain([bias]).collect()
        }
    };
    (0..design.len()).map(row).collect()
}

/// What each row weighs in the sums of the outputs from `first` on.
fn weights(design: &Design<f32>, at: &Curvature, first: usize) -> Vec<[f32; LANES]> {
    let weight = |row: usize| {
        let count = design.counts.as_ref().map_or(1.0, |counts| counts[row]);
        std::array::from_fn(|lane| {
            match at.probabilities.get(row * design.outputs..(row + 1) * design.outputs) {
                Some(p) => p.get(first + lane).map_or(0.0, |&p| count * (p * (1.0 - p)) as f32),
                None => count,
            }
        })
    };
    (0..design.len()).map(weight).collect()
}

/// Rows `from..to` of the triangles.
struct Strip<'a> {
    rows: &'a [Vec<(u32, f32)>],
    /// How many values of each row belong to earlier strips.
    done: &'a mut [usize],
    weights: &'a [[f32; LANES]],
    from: usize,
    to: usize,
}

impl WithSimd for Strip<'_> {
    type Output = Vec<[f32; LANES]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        let Self { rows, done, weights, from, to } = self;
        let start = triangle(from);
        let mut sums = vec![[0.0; LANES]; triangle(to) - start];
        for ((row, done), weight) in rows.iter().zip(done).zip(weights) {
            while let Some(&(column, x)) = row.get(*done).filter(|(column, _)| (*column as usize) < to) {
                let column = column as usize;
                let scaled = weight.map(|weight| weight * x);
                let sums = &mut sums[triangle(column) - start..][..=column];
                for &(other, y) in &row[..=*done] {
                    add_scaled(&mut sums[other as usize], y, scaled);
                }
                *done += 1;
            }
        }
        sums
    }
}
