//! FLTrust: rows are believed as far as they agree with the server's own gradient.
//!
//! tᵢ = max(0, cos(g₀, xᵢ));  FLTrust(x) = ∑ tᵢ · (‖g₀‖ / ‖xᵢ‖) · xᵢ / ∑ tᵢ
//!
//! In: n finite rows and the server's gradient g₀ ≠ 0. Out: `(d,)`, no longer than g₀. Needs n > f and a trusted g₀.
//! Over a network g₀ is the row of the trusted worker `root`, which has no vote, so that the server needs no model.
//! Cost O(n²d) for the distances, of which it uses 2n.
//! Source: Cao et al., NDSS 2021, eq. 3–5. No other library has it. When no row agrees with g₀ the round is refused.

use crate::{Refusal, geometry::Cloud};

/// The scaled rows under their trust.
pub(crate) fn fltrust(cloud: &Cloud) -> Result<Vec<f64>, Refusal> {
    let (origin, root) = (cloud.origin(), cloud.anchor());
    let length = cloud.distances.at(origin, root).sqrt();
    let norms = cloud.norms();
    let trust: Vec<f64> = norms
        .iter()
        .enumerate()
        .map(|(voter, norm)| match *norm > 0.0 && length > 0.0 {
            true => (cloud.product_around(origin, voter, root) / norm / length).clamp(0.0, 1.0),
            false => 0.0,
        })
        .collect();
    let total: f64 = trust.iter().sum();
    if total <= 0.0 {
        return Err(Refusal::NothingKept { stage: "fltrust", n: cloud.voters });
    }
    let mut weights = vec![0.0; cloud.points()];
    for (voter, (trust, norm)) in trust.iter().zip(norms).enumerate().filter(|(_, (trust, _))| **trust > 0.0)
    {
        weights[voter] = trust / total * length / norm;
    }
    weights[origin] = 1.0 - weights.iter().sum::<f64>();
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn rows_against_the_root_count_nothing_and_long_ones_are_shortened() {
        let cloud = cloud(&[&[4.0, 0.0], &[-1.0, 0.0], &[0.0, 1e30], &[1.0, 1.0]], Some(&[2.0, 0.0]));
        let weights = fltrust(&cloud).unwrap();
        let trust = 1.0 + 0.5_f64.sqrt();
        let want = [0.5 / trust, 0.0, 0.0, 1.0 / trust];
        assert!(weights.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-7), "{weights:?}");
    }

    #[test]
    fn nobody_agrees_with_a_root_of_zero() {
        let refusal = fltrust(&cloud(&[&[4.0], &[0.0]], Some(&[0.0]))).unwrap_err();
        assert_eq!(refusal.to_string(), "fltrust kept none of 2 rows");
    }
}
