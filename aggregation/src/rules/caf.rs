//! Covariance-bound agnostic filter.
//!
//! c ← 1;  while ∑cᵢ > n − 2f:
//!     μ = ∑cᵢxᵢ / ∑cᵢ;  λ, v = top eigenpair of ∑cᵢ(xᵢ − μ)(xᵢ − μ)ᵀ / ∑cᵢ;  keep the μ of least λ
//!     tᵢ = ⟨xᵢ − μ, v⟩²;  cᵢ ← cᵢ (1 − tᵢ / max tⱼ over cⱼ > 0)
//!
//! In: n finite rows. Out: `(d,)`. Needs n > 2f. f = 0 is the mean.
//! Cost O(n²d) for the distances, then at most n rounds of O(n³), whatever d.
//! Source: Allouah et al., ICML 2025 (Towards Trustworthy Federated Learning with Untrusted Participants), Algorithm 2,
//! with exact eigenvectors. ByzFL `CAF(f)` takes one power step from a random start, and the maximum over rows whose
//! weight is already 0, which a far outlier makes all but endless; here each round removes at least one row.

use crate::geometry::Cloud;

use super::spectrum::top;

/// The mean of least variance along its worst direction.
pub(crate) fn caf(cloud: &Cloud, f: usize) -> Vec<f64> {
    let n = cloud.voters;
    let mut trust = vec![1.0; n];
    let mut best = (f64::INFINITY, cloud.mean_of(&(0..n).collect::<Vec<_>>()));
    while trust.iter().sum::<f64>() > (n - 2 * f) as f64 {
        let active: Vec<usize> = (0..n).filter(|&voter| trust[voter] > 0.0).collect();
        let total: f64 = active.iter().map(|&voter| trust[voter]).sum();
        let shares: Vec<f64> = active.iter().map(|&voter| trust[voter] / total).collect();
        let products = cloud.centred(&active, &shares);
        let roots: Vec<f64> = shares.iter().map(|share| share.sqrt()).collect();
        let covariance =
            crate::matrix::Matrix::from_fn(active.len(), |i, j| roots[i] * products.at(i, j) * roots[j]);
        let (variance, direction) = top(&covariance);
        if variance < best.0 {
            let mut mean = vec![0.0; cloud.points()];
            active.iter().zip(&shares).for_each(|(&voter, share)| mean[voter] = *share);
            best = (variance, mean);
        }
        let along: Vec<f64> = direction.iter().zip(&roots).map(|(u, root)| u * root).collect();
        let sticks_out: Vec<f64> = products.times(&along).iter().map(|t| t * t).collect();
        let most = sticks_out.iter().copied().fold(0.0, f64::max);
        if most <= 0.0 {
            break;
        }
        for (&voter, t) in active.iter().zip(&sticks_out) {
            trust[voter] *= 1.0 - t / most;
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn far_rows_are_removed_one_a_round_however_far() {
        let rows: [&[f32]; 6] =
            [&[1.0, 0.1], &[1.1, 0.0], &[0.9, 0.0], &[1.0, -0.1], &[1e30, 1.0], &[0.0, 1e8]];
        let weights = caf(&cloud(&rows, None), 2);
        assert_eq!(&weights[4..], [0.0, 0.0, 0.0]);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn without_liars_or_variance_it_is_the_mean() {
        let plain = cloud(&[&[1.0], &[5.0], &[7.0]], None);
        assert_eq!(caf(&plain, 0), plain.mean_of(&[0, 1, 2]));
        let equal = cloud(&[&[2.0], &[2.0], &[2.0]], None);
        assert_eq!(caf(&equal, 1), equal.mean_of(&[0, 1, 2]));
    }
}
