//! What coordinate-wise rules vote on: rows as they came, or mixed tile by tile, so that no copy of all of them is made.

use super::tile::LANES;
use crate::{Rows, geometry::Mixing};

/// Columns mixed at a time: their sums stay in registers. Tiles are padded to a multiple.
pub(super) const MIXED: usize = 2 * LANES;

/// Rows, and how they are mixed into voters if a pre-aggregator did.
pub(crate) struct Source<'a> {
    rows: Rows<'a>,
    /// Rows and weights of each voter, without zeros: a weight of 0 removes the row.
    mixing: Option<Vec<Vec<(usize, f64)>>>,
}

impl<'a> Source<'a> {
    /// The rows themselves, or a voter for each of `mixing`; weights beyond the rows are those of points at the origin.
    pub(crate) fn new(rows: Rows<'a>, mixing: Option<&Mixing>) -> Self {
        let sparse = |weights: &Vec<f64>| {
            let weights = weights.iter().copied().take(rows.0.len()).enumerate();
            weights.filter(|&(_, weight)| weight != 0.0).collect()
        };
        Self { rows, mixing: mixing.map(|mixing| mixing.iter().map(sparse).collect()) }
    }

    /// How many vote.
    pub(crate) fn voters(&self) -> usize {
        self.mixing.as_ref().map_or(self.rows.0.len(), Vec::len)
    }

    /// The row that is this voter, unless voters are mixed.
    pub(super) fn row(&self, voter: usize) -> Option<&'a [f32]> {
        if self.mixing.is_none() { self.rows.0.get(voter).copied() } else { None }
    }

    /// Memory for [`Source::fill`].
    pub(super) fn scratch(&self) -> Vec<[f64; MIXED]> {
        vec![[0.0; MIXED]; if self.mixing.is_some() { self.rows.0.len() } else { 0 }]
    }

    /// Writes the `len` columns from `start` on, one voter after another, each padded with zeros to `width`.
    #[inline(always)]
    pub(super) fn fill(
        &self,
        start: usize,
        len: usize,
        width: usize,
        wide: &mut [[f64; MIXED]],
        tile: &mut [f32],
    ) {
        let Some(mixing) = &self.mixing else {
            for (row, copy) in self.rows.0.iter().zip(tile.chunks_exact_mut(width)) {
                copy[..len].copy_from_slice(&row[start..][..len]);
                copy[len..].fill(0.0);
            }
            return;
        };
        for (k, columns) in (start..start + width).step_by(MIXED).enumerate() {
            let present = (start + len).saturating_sub(columns).min(MIXED);
            for (row, wide) in self.rows.0.iter().zip(&mut *wide) {
                widen(&row[columns.min(row.len())..][..present], wide);
            }
            for (weights, voter) in mixing.iter().zip(tile.chunks_exact_mut(width)) {
                let mut sums = [0.0; MIXED];
                for &(row, weight) in weights {
                    for (sum, x) in sums.iter_mut().zip(&wide[row]) {
                        *sum += weight * x;
                    }
                }
                for (voter, sum) in voter.as_chunks_mut::<MIXED>().0[k].iter_mut().zip(sums) {
                    *voter = (sum as f32).clamp(f32::MIN, f32::MAX);
                }
            }
        }
    }
}

/// The values in f64, padded with zeros.
#[inline(always)]
fn widen(values: &[f32], wide: &mut [f64; MIXED]) {
    let mut padded = [0.0; MIXED];
    let values = values.first_chunk().unwrap_or_else(|| {
        padded[..values.len()].copy_from_slice(values);
        &padded
    });
    for (wide, &x) in wide.iter_mut().zip(values) {
        *wide = f64::from(x);
    }
}
