//! The largest eigenvalue of a small symmetric matrix and its vector.

use nalgebra::DMatrix;

use crate::matrix::{Matrix, dot};

/// Largest eigenvalue and its unit vector of a positive semi-definite matrix; zeros when the matrix is 0.
pub(super) fn top(matrix: &Matrix) -> (f64, Vec<f64>) {
    let n = matrix.size();
    let scale = (0..n).map(|i| matrix.at(i, i)).fold(0.0, f64::max);
    if scale <= 0.0 {
        return (0.0, vec![0.0; n]);
    }
    let eigen = DMatrix::from_fn(n, n, |i, j| matrix.at(i, j) / scale).symmetric_eigen();
    let best = (0..n).max_by(|&a, &b| eigen.eigenvalues[a].total_cmp(&eigen.eigenvalues[b])).unwrap_or(0);
    (eigen.eigenvalues[best] * scale, eigen.eigenvectors.column(best).iter().copied().collect())
}

/// Whether a few steps of the power method show that the largest eigenvalue is `bound` or more.
///
/// A Rayleigh quotient never exceeds the largest eigenvalue, so `true` is certain and `false` is not.
pub(super) fn reaches(matrix: &Matrix, bound: f64, steps: usize) -> bool {
    let n = matrix.size();
    let Some(start) = (0..n).max_by(|&a, &b| matrix.at(a, a).total_cmp(&matrix.at(b, b))) else {
        return false;
    };
    if matrix.at(start, start) >= bound {
        return true;
    }
    let mut v = matrix.row(start).to_vec();
    for _ in 0..steps {
        let length = dot(&v, &v).sqrt();
        if length == 0.0 {
            return bound <= 0.0;
        }
        v.iter_mut().for_each(|v| *v /= length);
        let w = matrix.times(&v);
        if dot(&v, &w) >= bound {
            return true;
        }
        v = w;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_a_known_spectrum_is_found_at_any_scale() {
        for scale in [1e-80, 1.0, 1e80] {
            let matrix = Matrix::from_fn(3, |i, j| scale * if i == j { 2.0 } else { 1.0 });
            let (value, vector) = top(&matrix);
            assert!((value / scale - 4.0).abs() < 1e-12);
            assert!(vector.iter().all(|v| (v.abs() - 3.0_f64.sqrt().recip()).abs() < 1e-12));
            assert!(reaches(&matrix, 3.9 * scale, 9) && !reaches(&matrix, 4.1 * scale, 99));
        }
        assert_eq!(top(&Matrix::zeros(2)), (0.0, vec![0.0; 2]));
    }
}
