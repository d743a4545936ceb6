//! The blocks on the diagonal of the second derivative: Σ w xxᵀ over the rows of a design, one for each output.

use pulp::Arch;

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
        for from in (0..=design.width).step_by(STRIP) {
            let to = (from + STRIP).min(design.width + 1);
            let sums = Arch::new().dispatch(|| strip(&rows, &weights, from, to));
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
fn sparse(design: &Design<f32>) -> Vec<Vec<(usize, f32)>> {
    let bias = (design.width, 1.0);
    let row = |row: usize| match &design.rows {
        Rows::Dense(values) => {
            let values = values[row * design.width..][..design.width].iter().copied().enumerate();
            values.filter(|(_, value)| *value != 0.0).chain([bias]).collect()
        }
        Rows::Sparse { starts, columns, values } => {
            let range = starts[row] as usize..starts[row + 1] as usize;
            let columns = columns[range.clone()].iter().copied().map(usize::from);
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
#[inline(always)]
fn strip(rows: &[Vec<(usize, f32)>], weights: &[[f32; LANES]], from: usize, to: usize) -> Vec<[f32; LANES]> {
    let start = triangle(from);
    let mut sums = vec![[0.0; LANES]; triangle(to) - start];
    for (row, weight) in rows.iter().zip(weights) {
        let above = row.partition_point(|(column, _)| *column < from);
        let within = row.partition_point(|(column, _)| *column < to);
        for last in above..within {
            let (column, x) = row[last];
            let scaled = weight.map(|weight| weight * x);
            let sums = &mut sums[triangle(column) - start..][..=column];
            for &(other, y) in &row[..=last] {
                add_scaled(&mut sums[other], y, scaled);
            }
        }
    }
    sums
}
