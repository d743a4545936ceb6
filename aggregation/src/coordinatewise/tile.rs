//! The walk over tiles of columns that all coordinate-wise rules share.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    network::{Comparator, Used, network},
    source::{MIXED, Source},
};

/// Columns that are worked on at once.
pub(super) const LANES: usize = 16;

/// Values of a tile: it stays in the first-level cache, or with its copy in the second.
const TILE: usize = 6144;

/// Columns that one thread takes at a time.
const BLOCK: usize = 8192;

/// Rows from which on sorting column by column beats the network.
const NETWORK_ROWS_MAX: usize = 1024;

/// `LANES` neighbouring columns after sorting: what a rule reads and what it answers.
pub(super) struct Columns<'a> {
    tile: &'a [f32],
    /// Columns of the tile.
    width: usize,
    /// The first of the `LANES`.
    at: usize,
}

impl Columns<'_> {
    /// The values at place `k` of the sorted columns.
    #[inline(always)]
    pub(super) fn sorted(&self, k: usize) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        lanes.copy_from_slice(&self.tile[k * self.width + self.at..][..LANES]);
        lanes
    }
}

/// Count of what was kept of a row that is not finite.
const BROKEN: u64 = u64::MAX;

/// What a rule makes of some columns.
pub(super) struct Answer {
    /// The aggregate.
    pub(super) value: [f64; LANES],
    /// The smallest value that was kept.
    pub(super) low: [f32; LANES],
    /// The largest value that was kept.
    pub(super) high: [f32; LANES],
}

/// What a rule makes of sorted columns. An implementation must be `inline(always)`, or else it is compiled for the
/// baseline processor only: a closure cannot promise that.
pub(super) trait ColumnRule: Sync {
    fn answer(&self, columns: &Columns<'_>) -> Answer;
}

/// Gives every `LANES` columns, sorted at least at the places `wanted`, to `rule` and answers the fraction of
/// coordinates of each voter that lie within what was kept; NaN for a row that is not finite, and then the rest is of no use.
pub(super) fn walk(
    source: &Source<'_>,
    wanted: Range<usize>,
    out: &mut [f32],
    rule: &impl ColumnRule,
) -> Vec<f64> {
    let n = source.voters();
    let comparators = if n <= NETWORK_ROWS_MAX { network(n, wanted) } else { Vec::new() };
    let width = (TILE / n.max(1) / MIXED * MIXED).clamp(MIXED, 256);
    let d = out.len();
    let kept = out
        .par_chunks_mut(BLOCK)
        .enumerate()
        .map_init(
            || Scratch::new(source, width),
            |scratch, (block, out)| {
                let mut kept = vec![0_u64; n];
                for (k, out) in out.chunks_mut(width).enumerate() {
                    let start = block * BLOCK + k * width;
                    let (comparators, kept) = (&comparators[..], &mut kept[..]);
                    Arch::new().dispatch(Tile { source, start, comparators, scratch, out, kept, rule });
                }
                kept
            },
        )
        .reduce(
            || vec![0; n],
            |mut sum, part| {
                sum.iter_mut().zip(part).for_each(|(sum, part)| *sum = sum.saturating_add(part));
                sum
            },
        );
    let share = |kept| if kept == BROKEN { f64::NAN } else { kept as f64 / d.max(1) as f64 };
    kept.into_iter().map(share).collect()
}

/// Memory of one thread.
struct Scratch {
    /// The columns, voter by voter, and then sorted.
    tile: Vec<f32>,
    /// What they were before, if that is nowhere else.
    mixed: Vec<f32>,
    wide: Vec<[f64; MIXED]>,
    low: Vec<f32>,
    high: Vec<f32>,
    column: Vec<f32>,
}

impl Scratch {
    fn new(source: &Source<'_>, width: usize) -> Self {
        let n = source.voters();
        Self {
            tile: vec![0.0; n * width],
            mixed: vec![0.0; if source.row(0).is_none() { n * width } else { 0 }],
            wide: source.scratch(),
            low: vec![0.0; width],
            high: vec![0.0; width],
            column: if n > NETWORK_ROWS_MAX { vec![0.0; n] } else { Vec::new() },
        }
    }
}

/// Some columns of all voters, and where their aggregate goes.
struct Tile<'a, R> {
    source: &'a Source<'a>,
    start: usize,
    comparators: &'a [Comparator],
    scratch: &'a mut Scratch,
    out: &'a mut [f32],
    kept: &'a mut [u64],
    rule: &'a R,
}

impl<R: ColumnRule> WithSimd for Tile<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { source, start, comparators, scratch, out, kept, rule } = self;
        let width = out.len().next_multiple_of(MIXED);
        let tile = &mut scratch.tile[..kept.len() * width];
        source.fill(start, out.len(), width, &mut scratch.wide, tile);
        if let Some(mixed) = scratch.mixed.get_mut(..tile.len()) {
            mixed.copy_from_slice(tile);
        }
        if !is_finite(tile) {
            for (values, kept) in tile.chunks_exact(width).zip(&mut *kept) {
                *kept = if is_finite(values) { *kept } else { BROKEN };
            }
        }
        if kept.len() <= NETWORK_ROWS_MAX {
            sort_by_network(simd, tile, width, comparators);
        } else {
            sort_columns(tile, width, &mut scratch.column);
        }
        let bounds = scratch.low.chunks_exact_mut(LANES).zip(scratch.high.chunks_exact_mut(LANES));
        for ((k, out), (low, high)) in out.chunks_mut(LANES).enumerate().zip(bounds) {
            let answer = rule.answer(&Columns { tile, width, at: k * LANES });
            low.copy_from_slice(&answer.low);
            high.copy_from_slice(&answer.high);
            for (out, value) in out.iter_mut().zip(answer.value) {
                // Of the two zeros the positive one, so that a permutation of the rows cannot show.
                *out = value as f32 + 0.0;
            }
        }
        let (low, high) = (&scratch.low[..out.len()], &scratch.high[..out.len()]);
        for (voter, kept) in kept.iter_mut().enumerate() {
            let values = source
                .row(voter)
                .map_or_else(|| &scratch.mixed[voter * width..][..width], |row| &row[start..][..out.len()]);
            *kept = kept.saturating_add(within(values, low, high).into());
        }
    }
}

/// x · 0 is 0 for finite x and NaN otherwise, and NaN stays.
#[inline(always)]
fn is_finite(values: &[f32]) -> bool {
    let mut sums = [0.0_f32; LANES];
    for values in values.as_chunks::<LANES>().0 {
        for (sum, x) in sums.iter_mut().zip(values) {
            *sum += x * 0.0;
        }
    }
    sums == [0.0; LANES]
}

#[inline(always)]
fn within(values: &[f32], low: &[f32], high: &[f32]) -> u32 {
    let mut count = 0;
    for ((value, low), high) in values.iter().zip(low).zip(high) {
        count += u32::from(value >= low) & u32::from(value <= high);
    }
    count
}

/// The minimum and maximum are asked for by name: from a comparison and a choice compilers make masked stores, which some
/// processors take twenty times as long for.
#[inline(always)]
fn sort_by_network<S: Simd>(simd: S, tile: &mut [f32], width: usize, comparators: &[Comparator]) {
    for comparator in comparators {
        let (before, after) = tile.split_at_mut(comparator.high * width);
        let low = S::as_mut_simd_f32s(&mut before[comparator.low * width..][..width]).0;
        let high = S::as_mut_simd_f32s(&mut after[..width]).0;
        // Loops, not closures: these must be compiled for the vectors of the caller.
        match comparator.used {
            Used::Both => {
                for (low, high) in low.iter_mut().zip(high) {
                    (*low, *high) = (simd.min_f32s(*low, *high), simd.max_f32s(*low, *high));
                }
            }
            Used::Low => {
                for (low, high) in low.iter_mut().zip(high) {
                    *low = simd.min_f32s(*low, *high);
                }
            }
            Used::High => {
                for (low, high) in low.iter_mut().zip(high) {
                    *high = simd.max_f32s(*low, *high);
                }
            }
        }
    }
}

/// For so many rows that a network would be longer than a sort.
fn sort_columns(tile: &mut [f32], width: usize, column: &mut [f32]) {
    for at in 0..width {
        for (value, row) in column.iter_mut().zip(tile.chunks_exact(width)) {
            *value = row[at];
        }
        column.sort_unstable_by(f32::total_cmp);
        for (value, row) in column.iter().zip(tile.chunks_exact_mut(width)) {
            row[at] = *value;
        }
    }
}
