//! Coordinate-wise work on rows that a pre-aggregator mixed: tile by tile, so that no copy of the rows is made.

use rayon::prelude::*;

use crate::{Rows, affine, rules::sign_guard::Signs};

/// Coordinates mixed at a time.
const TILE: usize = 4096;

/// Runs `kernel` on the rows that `mixing` makes of `rows` and answers what it answers, averaged over coordinates.
pub(crate) fn on_mixed(
    rows: Rows<'_>,
    mixing: &[&[f64]],
    out: &mut [f32],
    kernel: impl Fn(Rows<'_>, &mut [f32]) -> Vec<f64> + Sync,
) -> Vec<f64> {
    let d = out.len().max(1) as f64;
    let parts: Vec<Vec<f64>> = out
        .par_chunks_mut(TILE)
        .enumerate()
        .map_init(Vec::new, |buffer, (tile, out)| {
            let mixed = mix(rows, mixing, tile * TILE, out.len(), buffer);
            let share = out.len() as f64 / d;
            kernel(Rows(&mixed), out).iter().map(|kept| kept * share).collect()
        })
        .collect();
    let mut sums = vec![0.0; mixing.len()];
    for part in parts {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    sums
}

/// Numbers of positive and negative coordinates of the rows, mixed if there is a mixing.
pub(crate) fn signs(rows: Rows<'_>, mixing: Option<&[&[f64]]>, d: usize) -> Vec<[u32; 2]> {
    let Some(mixing) = mixing else {
        return rows.0.par_iter().map(|row| count(row)).collect();
    };
    let starts: Vec<usize> = (0..d).step_by(TILE).collect();
    let parts: Vec<Vec<[u32; 2]>> = starts
        .into_par_iter()
        .map_init(Vec::new, |buffer, start| {
            mix(rows, mixing, start, TILE.min(d - start), buffer).iter().map(|row| count(row)).collect()
        })
        .collect();
    let sum =
        |row: usize| parts.iter().fold([0, 0], |sum, part| [sum[0] + part[row][0], sum[1] + part[row][1]]);
    (0..mixing.len()).map(sum).collect()
}

fn count(values: &[f32]) -> [u32; 2] {
    values.iter().fold([0, 0], |[positive, negative], &x| {
        [positive + u32::from(x > 0.0), negative + u32::from(x < 0.0)]
    })
}

/// Counts as shares of `d` coordinates.
pub(crate) fn fractions(counts: [u32; 2], d: usize) -> Signs {
    counts.map(|count| f64::from(count) / d.max(1) as f64)
}

/// The coordinates from `start` on of every mixed row.
fn mix<'a>(
    rows: Rows<'_>,
    mixing: &[&[f64]],
    start: usize,
    len: usize,
    buffer: &'a mut Vec<f32>,
) -> Vec<&'a [f32]> {
    buffer.resize(mixing.len() * len, 0.0);
    for (weights, mixed) in mixing.iter().zip(buffer.chunks_exact_mut(len)) {
        affine::combine_from(rows, weights, start, mixed);
    }
    buffer.chunks_exact(len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinatewise;

    #[test]
    fn tiles_of_mixed_rows_are_the_mixed_rows() {
        let d = 2 * TILE + 5;
        let rows: Vec<Vec<f32>> =
            (0..3).map(|row| (0..d).map(|k| ((k * 7 + row * 5) % 13) as f32 - 6.0).collect()).collect();
        let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
        let mixing: [&[f64]; 3] = [&[0.5, 0.5, 0.0], &[0.0, 0.0, 1.0], &[0.25, 0.0, 0.5]];
        let mixed: Vec<Vec<f32>> = mixing
            .iter()
            .map(|w| (0..d).map(|k| (0..3).map(|row| w[row] as f32 * rows[row][k]).sum()).collect())
            .collect();
        let views_mixed: Vec<&[f32]> = mixed.iter().map(|row| &row[..]).collect();
        let (mut tiled, mut plain) = (vec![0.0; d], vec![0.0; d]);
        let kept = on_mixed(Rows(&views), &mixing, &mut tiled, coordinatewise::median);
        let want = coordinatewise::median(Rows(&views_mixed), &mut plain);
        assert_eq!(tiled, plain);
        assert!(kept.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12), "{kept:?} {want:?}");
        assert_eq!(signs(Rows(&views), Some(&mixing), d), signs(Rows(&views_mixed), None, d));
    }
}
