//! How many coordinates of each voter are positive and how many negative.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::source::{MIXED, Source};
use crate::geometry::count_signs_inlined;

/// Columns counted at a time.
const TILE: usize = 8 * MIXED;

/// Columns that one thread takes at a time.
const BLOCK: usize = 32 * TILE;

/// Numbers of positive and negative coordinates, of `d`.
pub(crate) fn signs(voters: &Source<'_>, d: usize) -> Vec<[u32; 2]> {
    let n = voters.voters();
    let blocks: Vec<usize> = (0..d).step_by(BLOCK).collect();
    let of_block = |(wide, values): &mut (Vec<_>, Vec<f32>), block: usize| {
        let mut counts = vec![[0, 0]; n];
        for start in (block..d.min(block + BLOCK)).step_by(TILE) {
            let (len, counts) = (TILE.min(d - start), &mut counts[..]);
            Arch::new().dispatch(Tile { voters, start, len, wide, values, counts });
        }
        counts
    };
    blocks
        .into_par_iter()
        .map_init(|| (voters.scratch(), vec![0.0; n * TILE]), of_block)
        .reduce(|| vec![[0, 0]; n], |a, b| a.iter().zip(b).map(|(a, b)| [a[0] + b[0], a[1] + b[1]]).collect())
}

struct Tile<'a> {
    voters: &'a Source<'a>,
    start: usize,
    len: usize,
    wide: &'a mut [[f64; MIXED]],
    values: &'a mut [f32],
    counts: &'a mut [[u32; 2]],
}

impl WithSimd for Tile<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { voters, start, len, wide, values, counts } = self;
        // The padding is zeros, which have no sign.
        voters.fill(start, len, TILE, wide, values);
        for (counts, values) in counts.iter_mut().zip(values.chunks_exact(TILE)) {
            let part = count_signs_inlined(values);
            *counts = [counts[0] + part[0], counts[1] + part[1]];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rows, coordinatewise};

    #[test]
    fn voters_mixed_tile_by_tile_are_the_mixed_rows() {
        let d = 2 * BLOCK + 5;
        let rows: Vec<Vec<f32>> =
            (0..3).map(|row| (0..d).map(|k| ((k * 7 + row * 5) % 13) as f32 - 6.0).collect()).collect();
        let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
        let mixing = vec![vec![0.5, 0.5, 0.0], vec![0.0, 0.0, 1.0], vec![0.25, 0.0, 0.5]];
        let mixed: Vec<Vec<f32>> = mixing
            .iter()
            .map(|w| (0..d).map(|k| (0..3).map(|row| w[row] as f32 * rows[row][k]).sum()).collect())
            .collect();
        let views_mixed: Vec<&[f32]> = mixed.iter().map(|row| &row[..]).collect();
        let (tiled, plain) =
            (Source::new(Rows(&views), Some(&mixing)), Source::new(Rows(&views_mixed), None));
        let (mut of_tiled, mut of_plain) = (vec![0.0; d], vec![0.0; d]);
        let kept = coordinatewise::median(&tiled, &mut of_tiled);
        assert_eq!((kept, of_tiled), (coordinatewise::median(&plain, &mut of_plain), of_plain));
        let slowly = |row: &Vec<f32>| {
            [row.iter().filter(|x| **x > 0.0).count() as u32, row.iter().filter(|x| **x < 0.0).count() as u32]
        };
        let slow: Vec<[u32; 2]> = mixed.iter().map(slowly).collect();
        assert_eq!((signs(&tiled, d), signs(&plain, d)), (slow.clone(), slow));
    }
}
