//! SignGuard: norms and signs like the majority's.
//!
//! M = median of ‖xᵢ‖;  S₁ = { i : 0.1 M ≤ ‖xᵢ‖ ≤ 3 M };  S₂ = the larger of two clusters of the rows' fractions of
//! positive, negative and zero coordinates;  SignGuard(x) = mean over S₁ ∩ S₂ of xᵢ · min(1, M / ‖xᵢ‖)
//!
//! In: n finite rows. Out: `(d,)`. Needs n > 2f; a round whose intersection is empty is refused. Cost O(nd).
//! Source: Xu et al., ICDCS 2022, Algorithm 2, without the random choice of coordinates.
//! `paper` filters the norms rows came with, `blades` those after shortening, so that 3 M never filters. The clusters
//! are the best of 2-means from every pair of rows (or every row and the one farthest from it, beyond 32 rows);
//! Blades' come from scikit-learn's random start. Of equally good clusters, and of equally large ones, the keys choose.

use crate::{Refusal, SignVariant, geometry::Cloud, matrix::median};

use super::clipped_mean::shortened_mean;

/// Fractions of positive and negative coordinates of a row; the zeros are the rest.
pub(crate) type Signs = [f64; 2];

/// The shortened mean of those with the majority's norms and signs.
pub(crate) fn sign_guard(
    cloud: &Cloud,
    variant: SignVariant,
    signs: &[Signs],
    keys: &[u64],
) -> Result<Vec<f64>, Refusal> {
    let norms = cloud.norms();
    let middle = median(norms.clone());
    let longest = match variant {
        SignVariant::Paper => 3.0 * middle,
        SignVariant::Blades => f64::INFINITY,
    };
    let like = majority_by_key(signs, keys);
    let passes = |row: &usize| norms[*row] >= 0.1 * middle && norms[*row] <= longest && like[*row];
    let chosen: Vec<usize> = (0..cloud.voters).filter(passes).collect();
    if chosen.is_empty() {
        return Err(Refusal::NothingKept { stage: "sign-guard", n: cloud.voters });
    }
    Ok(shortened_mean(cloud, &norms, middle, &chosen))
}

/// The majority as it is found when rows stand in the order of their keys, not of their ranks.
fn majority_by_key(signs: &[Signs], keys: &[u64]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..signs.len()).collect();
    order.sort_by_key(|&row| keys[row]);
    let sorted: Vec<Signs> = order.iter().map(|&row| signs[row]).collect();
    let mut like = vec![false; signs.len()];
    for (row, chosen) in order.into_iter().zip(majority(&sorted)) {
        like[row] = chosen;
    }
    like
}

/// Marks the larger of the two clusters; of equals the one of the first row.
fn majority(signs: &[Signs]) -> Vec<bool> {
    let n = signs.len();
    let pairs: Vec<(usize, usize)> = match n <= 32 {
        true => (0..n).flat_map(|a| (0..a).map(move |b| (a, b))).collect(),
        false => (0..n).map(|a| (a, farthest(signs, a))).collect(),
    };
    let clusters = pairs.into_iter().filter(|&(a, b)| signs[a] != signs[b]).map(|(a, b)| lloyd(signs, a, b));
    let Some((_, second)) = clusters.min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return vec![true; n];
    };
    let many = second.iter().filter(|&&second| second).count();
    let wanted = if 2 * many == n { second[0] } else { 2 * many > n };
    second.iter().map(|&second| second == wanted).collect()
}

fn apart(a: Signs, b: Signs) -> f64 {
    // The zeros' fractions differ by the negative sum of the others' differences.
    let (positive, negative) = (a[0] - b[0], a[1] - b[1]);
    positive * positive + negative * negative + (positive + negative) * (positive + negative)
}

fn farthest(signs: &[Signs], from: usize) -> usize {
    let far = |&row: &usize| apart(signs[row], signs[from]);
    (0..signs.len()).max_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(from)
}

/// Two means from the rows `a` and `b`: what is left of the squared distances, and who is in the second cluster.
fn lloyd(signs: &[Signs], a: usize, b: usize) -> (f64, Vec<bool>) {
    let mut centres = [signs[a], signs[b]];
    let mut second = vec![false; signs.len()];
    for _ in 0..100 {
        let next: Vec<bool> = signs.iter().map(|&at| apart(at, centres[1]) < apart(at, centres[0])).collect();
        let settled = next == second;
        second = next;
        if settled {
            break;
        }
        for (cluster, centre) in centres.iter_mut().enumerate() {
            let members = || signs.iter().zip(&second).filter(|(_, second)| usize::from(**second) == cluster);
            let count = members().count().max(1) as f64;
            *centre = [0, 1].map(|k| members().map(|(at, _)| at[k]).sum::<f64>() / count);
        }
    }
    let inertia =
        signs.iter().zip(&second).map(|(&at, &second)| apart(at, centres[usize::from(second)])).sum();
    (inertia, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn flipped_signs_and_strange_norms_are_left_out() {
        let rows: [&[f32]; 5] = [&[1.0, 1.0], &[1.0, 1.1], &[-1.0, -1.0], &[90.0, 90.0], &[1.1, 1.0]];
        let signs = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]];
        let kept = |variant| {
            let weights = sign_guard(&cloud(&rows, None), variant, &signs, &[0; 5]).unwrap();
            (0..5).filter(|&row| weights[row] > 0.0).collect::<Vec<_>>()
        };
        assert_eq!((kept(SignVariant::Paper), kept(SignVariant::Blades)), (vec![0, 1, 4], vec![0, 1, 3, 4]));
    }

    #[test]
    fn rows_of_zero_pass_as_themselves() {
        let cloud = cloud(&[&[0.0], &[0.0]], None);
        let weights = sign_guard(&cloud, SignVariant::Paper, &[[0.0; 2]; 2], &[0; 2]).unwrap();
        assert_eq!(weights, [0.5, 0.5, 0.0]);
    }
}
