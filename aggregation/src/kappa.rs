//! How robust an aggregation was, measured by someone who knows who is honest.

use crate::{Rows, affine};

/// ‖aggregate − honest mean‖² over the mean of ‖honest row − honest mean‖².
///
/// A rule is (f, κ)-robust when this never exceeds κ. 0 when the aggregate is the mean; infinite when it is not and
/// all honest rows are equal; NaN without honest rows.
#[must_use]
pub fn kappa(aggregate: &[f32], honest: &[&[f32]]) -> f64 {
    let mut mean = vec![0.0; aggregate.len()];
    affine::mean(Rows(honest), &mut mean);
    let apart = |row: &[f32]| -> f64 {
        row.iter().zip(&mean).map(|(&x, &mean)| (f64::from(x) - f64::from(mean)).powi(2)).sum()
    };
    let error = apart(aggregate);
    let variance = honest.iter().map(|row| apart(row)).sum::<f64>() / honest.len() as f64;
    if error == 0.0 && variance == 0.0 { 0.0 } else { error / variance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_error_in_units_of_the_honest_variance() {
        let honest: [&[f32]; 2] = [&[1.0, 0.0], &[3.0, 0.0]];
        assert_eq!((kappa(&[2.0, 0.0], &honest), kappa(&[2.0, 3.0], &honest)), (0.0, 9.0));
        assert_eq!(kappa(&[1.0], &[&[1.0], &[1.0]]), 0.0);
        assert_eq!(kappa(&[2.0], &[&[1.0], &[1.0]]), f64::INFINITY);
        assert!(kappa(&[2.0], &[]).is_nan());
    }
}
