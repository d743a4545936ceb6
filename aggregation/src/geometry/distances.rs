//! All squared distances between points, each coordinate read once.
//!
//! D_ij = ‖x_i − x_j‖², summed as squares of differences: ‖x‖² + ‖y‖² − 2⟨x, y⟩ is ruined by one long vector.
//! Squares are summed in f32 over strips of 512 coordinates, in 16 lanes, and strips in f64, always in the same order:
//! the bits do not depend on the number of threads, nor on the processor. A strip whose f32 sum overflows or is so
//! small that squares may have vanished is summed again in f64, so that rows of 1e30 and of 1e-30 are right as well.
//! Points meet in groups of four, or two where registers are short: a number that was loaded is used so often.

use pulp::{Arch, Simd, WithSimd};

/// Coordinates whose squares are summed in f32.
const STRIP: usize = 512;
const LANES: usize = 16;
/// Below it the squares of a strip may have vanished in f32.
const TINY: f32 = 1e-28;

type Lanes = [f32; LANES];

static ORIGIN: [f32; STRIP] = [0.0; STRIP];

/// Squared distances in the coordinates from `start` to `end` between `points`, of which `None` is the origin: pair
/// (i, j < i) at i(i − 1)/2 + j.
pub(super) fn of_block(points: &[Option<&[f32]>], start: usize, end: usize) -> Vec<f64> {
    let mut sums = vec![0.0; points.len() * points.len().saturating_sub(1) / 2];
    let whole = start + (end - start) / LANES * LANES;
    let mut strips: Vec<&[f32]> = Vec::with_capacity(points.len());
    for start in (start..whole).step_by(STRIP) {
        let len = STRIP.min(whole - start);
        strips.clear();
        strips.extend(points.iter().map(|point| point.map_or(&ORIGIN[..len], |row| &row[start..][..len])));
        Arch::new().dispatch(Strip { strips: &strips, sums: &mut sums });
    }
    if whole < end {
        // The last few coordinates are padded with zeros to whole lanes.
        let padded = |point: Option<&[f32]>| -> Lanes {
            let rest = point.map_or(&[][..], |row| &row[whole..end]);
            std::array::from_fn(|lane| rest.get(lane).copied().unwrap_or(0.0))
        };
        let rest: Vec<Lanes> = points.iter().copied().map(padded).collect();
        let strips: Vec<&[f32]> = rest.iter().map(|lanes| &lanes[..]).collect();
        Arch::new().dispatch(Strip { strips: &strips, sums: &mut sums });
    }
    sums
}

/// The same coordinates of all points, whole lanes of them, and where the squares go.
struct Strip<'a> {
    strips: &'a [&'a [f32]],
    sums: &'a mut [f64],
}

impl WithSimd for Strip<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Sixteen sums fit the registers of AVX-512 and NEON only; they are the same either way.
        if S::REGISTER_COUNT >= 32 {
            add_strip::<S, 4>(simd, self.strips, self.sums);
        } else {
            add_strip::<S, 2>(simd, self.strips, self.sums);
        }
    }
}

#[inline(always)]
fn add_strip<S: Simd, const GROUP: usize>(simd: S, strips: &[&[f32]], sums: &mut [f64]) {
    let groups = strips.len().div_ceil(GROUP);
    let last = strips.len() - 1;
    for g in 0..groups {
        let a: [&[f32]; GROUP] = std::array::from_fn(|i| strips[last.min(g * GROUP + i)]);
        for h in 0..=g {
            let b: [&[f32]; GROUP] = std::array::from_fn(|j| strips[last.min(h * GROUP + j)]);
            let mut squares = [[[0.0; LANES]; GROUP]; GROUP];
            meet(simd, a, b, &mut squares);
            for (i, squares) in (g * GROUP..strips.len()).zip(squares) {
                for (j, lanes) in (h * GROUP..i).zip(squares) {
                    let square = sum(lanes);
                    let reliable = (TINY..=f32::MAX).contains(&square);
                    let square = if reliable { f64::from(square) } else { carefully(strips[i], strips[j]) };
                    sums[i * (i - 1) / 2 + j] += square;
                }
            }
        }
    }
}

/// Squared distances of each of `a` to each of `b`, by lanes: as many at a time as the processor has in a register.
#[inline(always)]
fn meet<S: Simd, const GROUP: usize>(
    simd: S,
    a: [&[f32]; GROUP],
    b: [&[f32]; GROUP],
    squares: &mut [[Lanes; GROUP]; GROUP],
) {
    let parts = LANES / S::F32_LANES;
    let registers = S::as_simd_f32s(a[0]).0.len();
    let x = a.map(|row| &S::as_simd_f32s(row).0[..registers]);
    let y = b.map(|row| &S::as_simd_f32s(row).0[..registers]);
    for part in 0..parts {
        let mut sums = [[simd.splat_f32s(0.0); GROUP]; GROUP];
        let mut c = part;
        while c < registers {
            for i in 0..GROUP {
                for j in 0..GROUP {
                    let difference = simd.sub_f32s(x[i][c], y[j][c]);
                    sums[i][j] = simd.add_f32s(sums[i][j], simd.mul_f32s(difference, difference));
                }
            }
            c += parts;
        }
        for (squares, sums) in squares.iter_mut().zip(&sums) {
            for (lanes, sum) in squares.iter_mut().zip(sums) {
                S::as_mut_simd_f32s(lanes).0[part] = *sum;
            }
        }
    }
}

/// The sum of the lanes, by halves.
#[inline(always)]
fn sum(lanes: Lanes) -> f32 {
    let eight: [f32; 8] = std::array::from_fn(|k| lanes[k] + lanes[k + 8]);
    let four: [f32; 4] = std::array::from_fn(|k| eight[k] + eight[k + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// The squared distance in f64.
#[inline(never)]
fn carefully(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for (sum, (&a, &b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            let difference = f64::from(a) - f64::from(b);
            *sum += difference * difference;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use crate::{Threads, geometry::Survey, matrix::Matrix};

    fn distances(points: &[Option<&[f32]>], d: usize) -> Matrix {
        Survey::new(points, points.len(), d, false).distances()
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
        for (n, d) in [(1, 5), (2, 0), (3, 1), (4, 15), (5, 16), (6, 17), (9, 511), (25, 513), (64, 40)] {
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
