//! All squared distances between points, each coordinate read once.
//!
//! D_ij = ‖x_i − x_j‖², summed as squares of differences: ‖x‖² + ‖y‖² − 2⟨x, y⟩ is ruined by one long vector.
//! Squares are summed in 16 lanes of f32 over strips of 256 coordinates, and those of 16 strips likewise; these sums in f64,
//! always in the same order: the bits do not depend on the number of threads, nor on the processor. A block whose sum overflows
//! or is so small that squares may have vanished is summed again in f64, so that rows of 1e30 and of 1e-30 are right as well.
//!
//! Points meet in groups of four, or three where registers are short: a number that was loaded is used so often, and no sum
//! waits for itself. Groups meet by clusters, whose lanes stay in a cache however many points there are.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd, bytemuck};

/// Coordinates of which a sum is never out of a register: those of some thirty points stay in the nearest cache.
const STRIP: usize = 256;
/// Coordinates whose squares are summed in f32.
const RUN: usize = 16 * STRIP;
const LANES: usize = 16;
/// Points whose groups meet before others do: whole groups of either size.
const CLUSTER: usize = 60;
/// Below it the squares of a block may have vanished in f32.
const TINY: f64 = 1e-28;

static ORIGIN: [f32; STRIP] = [0.0; STRIP];

/// Squared distances in the coordinates from `start` to `end` between `points`, of which `None` is the origin: pair
/// (i, j < i) at i(i − 1)/2 + j.
pub(super) fn of_block(points: &[Option<&[f32]>], start: usize, end: usize) -> Vec<f64> {
    let len = end - start;
    let points: Vec<Option<&[f32]>> = points.iter().map(|point| point.map(|row| &row[start..end])).collect();
    let mut sums = vec![0.0; points.len() * points.len().saturating_sub(1) / 2];
    Arch::new().dispatch(Block { points: &points, len, sums: &mut sums });
    let pairs = (0..points.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    for (sum, (i, j)) in sums.iter_mut().zip(pairs) {
        if !(TINY..=f64::MAX).contains(sum) {
            *sum = carefully(points[i], points[j], len);
        }
    }
    sums
}

/// The same `len` coordinates of all points, and where the squares go.
struct Block<'a> {
    points: &'a [Option<&'a [f32]>],
    len: usize,
    sums: &'a mut [f64],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { points, len, sums } = self;
        let mut lanes = Vec::new();
        for run in (0..len).step_by(RUN) {
            let end = len.min(run + RUN);
            for (g, a) in points.chunks(CLUSTER).enumerate() {
                for (h, b) in points.chunks(CLUSTER).take(g + 1).enumerate() {
                    let same = g == h;
                    lanes.clear();
                    lanes.resize(a.len() * b.len() * LANES / S::F32_LANES, simd.splat_f32s(0.0));
                    add_run(simd, a, b, same, run..end, &mut lanes);
                    let lanes: &[f32] = bytemuck::cast_slice(&lanes);
                    for (i, lanes) in (g * CLUSTER..).zip(lanes.chunks_exact(b.len() * LANES)) {
                        let sums = &mut sums[i * i.saturating_sub(1) / 2 + h * CLUSTER..];
                        let before = if same { i - g * CLUSTER } else { b.len() };
                        for (sum, lanes) in sums.iter_mut().zip(lanes.as_chunks::<LANES>().0).take(before) {
                            *sum += halves(lanes.map(f64::from));
                        }
                    }
                }
            }
        }
    }
}

/// Adds the squares of the differences between points of `a` and of `b` to the `lanes` of the pairs, a point of `a` after
/// another; if they are the `same`, to those of each with the ones before it.
#[inline(always)]
fn add_run<S: Simd>(
    simd: S,
    a: &[Option<&[f32]>],
    b: &[Option<&[f32]>],
    same: bool,
    run: Range<usize>,
    lanes: &mut [S::f32s],
) {
    let whole = run.start + run.len() / LANES * LANES;
    let (mut x, mut y) = (Vec::with_capacity(a.len()), Vec::with_capacity(b.len()));
    for start in (run.start..whole).step_by(STRIP) {
        let strip = start..whole.min(start + STRIP);
        strips::<S>(a, strip.clone(), &mut x);
        strips::<S>(b, strip, &mut y);
        add_strip(simd, &x, &y, same, lanes);
    }
    if whole < run.end {
        // The last few coordinates are padded with zeros to whole lanes.
        let rest =
            |points: &[Option<&[f32]>]| points.iter().map(|row| padded(*row, whole)).collect::<Vec<_>>();
        let (a, b) = (rest(a), rest(b));
        let x: Vec<&[S::f32s]> = a.iter().map(|row| S::as_simd_f32s(row).0).collect();
        let y: Vec<&[S::f32s]> = b.iter().map(|row| S::as_simd_f32s(row).0).collect();
        add_strip(simd, &x, &y, same, lanes);
    }
}

/// The same coordinates of all `points`, whole registers of them.
#[inline(always)]
fn strips<'a, S: Simd>(points: &[Option<&'a [f32]>], strip: Range<usize>, to: &mut Vec<&'a [S::f32s]>) {
    let values = |row: Option<&'a [f32]>| row.map_or(&ORIGIN[..strip.len()], |row| &row[strip.clone()]);
    to.clear();
    to.extend(points.iter().map(|row| S::as_simd_f32s(values(*row)).0));
}

#[inline(always)]
fn add_strip<S: Simd>(simd: S, x: &[&[S::f32s]], y: &[&[S::f32s]], same: bool, lanes: &mut [S::f32s]) {
    // Sixteen sums fit the registers of AVX-512 and NEON only; they are the same either way.
    if S::REGISTER_COUNT >= 32 {
        add_groups::<S, 4>(simd, x, y, same, lanes);
    } else {
        add_groups::<S, 3>(simd, x, y, same, lanes);
    }
}

#[inline(always)]
fn add_groups<S: Simd, const GROUP: usize>(
    simd: S,
    x: &[&[S::f32s]],
    y: &[&[S::f32s]],
    same: bool,
    lanes: &mut [S::f32s],
) {
    for at in (0..x.len()).step_by(GROUP) {
        match x.len() - at {
            1 => add_group::<S, 1, GROUP>(simd, x, y, at, same, lanes),
            2 => add_group::<S, 2, GROUP>(simd, x, y, at, same, lanes),
            3 if GROUP > 3 => add_group::<S, 3, GROUP>(simd, x, y, at, same, lanes),
            _ => add_group::<S, GROUP, GROUP>(simd, x, y, at, same, lanes),
        }
    }
}

/// The pairs of the `A` points of `x` from `at` on.
#[inline(always)]
fn add_group<S: Simd, const A: usize, const B: usize>(
    simd: S,
    x: &[&[S::f32s]],
    y: &[&[S::f32s]],
    at: usize,
    same: bool,
    lanes: &mut [S::f32s],
) {
    for before in (0..if same { at } else { y.len() }).step_by(B) {
        meet::<S, A, B, false>(simd, x, y, [at, before], lanes);
    }
    if same {
        meet::<S, A, A, true>(simd, x, y, [at, at], lanes);
    }
}

/// The pairs of the `A` points of `x` and the `B` points of `y` from these places on; if they are the `SAME`, each pair once.
#[inline(always)]
fn meet<S: Simd, const A: usize, const B: usize, const SAME: bool>(
    simd: S,
    x: &[&[S::f32s]],
    y: &[&[S::f32s]],
    places: [usize; 2],
    lanes: &mut [S::f32s],
) {
    let (parts, registers) = (LANES / S::F32_LANES, x[0].len());
    let a: [&[S::f32s]; A] = std::array::from_fn(|i| &x[places[0] + i][..registers]);
    let b: [&[S::f32s]; B] = std::array::from_fn(|j| &y[places[1] + j][..registers]);
    for part in 0..parts {
        let mut sums = [[simd.splat_f32s(0.0); B]; A];
        let mut c = part;
        while c < registers {
            for i in 0..A {
                for j in 0..if SAME { i } else { B } {
                    let difference = simd.sub_f32s(a[i][c], b[j][c]);
                    sums[i][j] = simd.mul_add_f32s(difference, difference, sums[i][j]);
                }
            }
            c += parts;
        }
        for (i, sums) in sums.iter().enumerate() {
            let first = (places[0] + i) * y.len() + places[1];
            for (j, &sum) in sums.iter().enumerate().take(if SAME { i } else { B }) {
                let lanes = &mut lanes[(first + j) * parts + part];
                *lanes = simd.add_f32s(*lanes, sum);
            }
        }
    }
}

/// The sum of the lanes, by halves.
fn halves(lanes: [f64; LANES]) -> f64 {
    let eight: [f64; 8] = std::array::from_fn(|k| lanes[k] + lanes[k + 8]);
    let four: [f64; 4] = std::array::from_fn(|k| eight[k] + eight[k + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// The squared distance of points of length `len`, summed in f64.
fn carefully(a: Option<&[f32]>, b: Option<&[f32]>, len: usize) -> f64 {
    Arch::new().dispatch(Careful { a, b, len })
}

struct Careful<'a> {
    a: Option<&'a [f32]>,
    b: Option<&'a [f32]>,
    len: usize,
}

impl WithSimd for Careful<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let mut sums = [0.0; LANES];
        for start in (0..self.len).step_by(LANES) {
            let (a, b) = (padded(self.a, start), padded(self.b, start));
            for (sum, (a, b)) in sums.iter_mut().zip(a.into_iter().zip(b)) {
                let difference = f64::from(a) - f64::from(b);
                *sum += difference * difference;
            }
        }
        halves(sums)
    }
}

/// The lanes from `start` on, with zeros behind the last number.
#[inline(always)]
fn padded(point: Option<&[f32]>, start: usize) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    if let Some(rest) = point.map(|row| &row[start..]) {
        match rest.first_chunk() {
            Some(whole) => lanes = *whole,
            None => lanes[..rest.len()].copy_from_slice(rest),
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Threads,
        geometry::{Asked, Survey},
        matrix::Matrix,
    };

    fn distances(points: &[Option<&[f32]>], d: usize) -> Matrix {
        Survey::new(points, points.len(), d, Asked::default()).distances()
    }

    fn rows(n: usize, d: usize) -> Vec<Vec<f32>> {
        let value = |row: usize, k: usize| ((row * 7919 + k * 104_729) % 1009) as f32 / 1009.0 - 0.5;
        (0..n).map(|row| (0..d).map(|k| value(row, k)).collect()).collect()
    }

    fn slowly(points: &[Option<&[f32]>], i: usize, j: usize, d: usize) -> f64 {
        let at = |p: usize, k: usize| points[p].map_or(0.0, |row| f64::from(row[k]));
        (0..d).map(|k| (at(i, k) - at(j, k)).powi(2)).sum()
    }

    #[test]
    fn they_are_those_of_the_definition_for_every_shape() {
        for (n, d) in [
            (1, 5),
            (2, 0),
            (3, 1),
            (4, 15),
            (5, 16),
            (6, 17),
            (7, STRIP - 1),
            (9, STRIP),
            (25, STRIP + 1),
            (5, RUN - 1),
            (3, RUN + 16),
            (4, 2 * RUN + 5),
            (CLUSTER - 1, 40),
            (CLUSTER, 40),
            (2 * CLUSTER + 7, 17),
        ] {
            let rows = rows(n, d);
            let points: Vec<Option<&[f32]>> = rows.iter().map(|row| Some(&row[..])).chain([None]).collect();
            let matrix = distances(&points, d);
            for i in 0..=n {
                for j in 0..=n {
                    let want = slowly(&points, i, j, d);
                    assert!(
                        (matrix.at(i, j) - want).abs() <= 2e-6 * want,
                        "{n} {d}: {} {want}",
                        matrix.at(i, j)
                    );
                }
            }
        }
    }

    #[test]
    fn no_bit_depends_on_the_number_of_threads() {
        let rows = rows(7, 100_003);
        let points: Vec<Option<&[f32]>> = rows.iter().map(|row| Some(&row[..])).collect();
        let one = Threads::new(1).unwrap().run(|| distances(&points, 100_003));
        assert_eq!(one, Threads::new(5).unwrap().run(|| distances(&points, 100_003)));
    }

    #[test]
    fn no_bit_depends_on_the_processor() {
        let rows = rows(CLUSTER + 5, RUN + 37);
        let points: Vec<Option<&[f32]>> = rows.iter().map(|row| Some(&row[..])).chain([None]).collect();
        let with = |run: &dyn Fn(Block<'_>)| {
            let mut sums = vec![0.0; points.len() * (points.len() - 1) / 2];
            run(Block { points: &points, len: RUN + 37, sums: &mut sums });
            sums
        };
        let here = with(&|block| Arch::new().dispatch(block));
        assert_eq!(here, with(&|block| pulp::Scalar::new().vectorize(block)));
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            assert_eq!(here, with(&|block| Simd::vectorize(simd, block)));
        }
    }

    #[test]
    fn a_run_that_overflows_or_vanishes_is_summed_again() {
        let mut rows = vec![vec![0.25; 2 * RUN]; 2];
        rows[1][RUN + 3] = 1e30;
        let tiny = vec![1e-25; 2 * RUN];
        let block = of_block(&[Some(&rows[0]), Some(&rows[1]), Some(&tiny), None], 0, 2 * RUN);
        assert!((block[0] / 1e60 - 1.0).abs() < 1e-6, "{block:?}");
        assert!((block[5] / (2.0 * RUN as f64 * 1e-50) - 1.0).abs() < 1e-6, "{block:?}");
    }

    #[test]
    fn huge_and_tiny_rows_neither_overflow_nor_vanish() {
        let (huge, tiny, zero) = (vec![1e30; 40], vec![1e-30; 40], vec![0.0; 40]);
        let matrix = distances(&[Some(&huge), Some(&tiny), Some(&zero)], 40);
        assert!((matrix.at(0, 2) / 40e60 - 1.0).abs() < 1e-6);
        assert!((matrix.at(1, 2) / 40e-60 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn rows_far_from_the_origin_keep_their_small_distances() {
        let rows: Vec<Vec<f32>> = (0..30).map(|row| vec![1000.0 + row as f32 / 128.0; 100]).collect();
        let points: Vec<Option<&[f32]>> = rows.iter().map(|row| Some(&row[..])).collect();
        let matrix = distances(&points, 100);
        assert_eq!((matrix.at(3, 3), matrix.at(0, 1)), (0.0, 100.0 / 128.0 / 128.0));
    }
}
