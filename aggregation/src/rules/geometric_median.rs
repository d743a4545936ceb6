//! Geometric median.
//!
//! GM(x) = argmin over z of ∑ ‖xᵢ − z‖
//!
//! In: n finite rows. Out: `(d,)`. Needs n > 2f. Cost O(n²d) for the distances, then O(n²) an iteration, whatever d.
//! `converged`: a row that is optimal is answered exactly; else Weiszfeld's iteration from the best row, until a step
//! is 1e-10 of the median distance. Distances below 1e-9 of it count as that, so it has no absolute scale.
//! `byzfl`: z₀ = 0; `steps` times z ← ∑ bᵢxᵢ / ∑ bᵢ with bᵢ = 1 / max(‖xᵢ − z‖, nu): ByzFL's, kept for comparison. It is
//! not translation-equivariant, a few rows of zero hold it at 0, and rows closer than nu give the plain mean.
//! Source: Pillutla et al., 2022; Vardi and Zhang, PNAS 2000, for the step away from a row and its optimality.

use crate::{geometry::Cloud, matrix::median};

const ITERATIONS: usize = 2000;

/// The point of least summed distance.
pub(crate) fn converged(cloud: &Cloud, keys: &[u64]) -> Vec<f64> {
    let n = cloud.voters;
    let total = |row: usize| cloud.distances.row(row)[..n].iter().map(|square| square.sqrt()).sum::<f64>();
    let totals: Vec<f64> = (0..n).map(total).collect();
    let best = crate::order::ascending(&totals, keys)[0];
    let from_best: Vec<f64> = cloud.distances.row(best)[..n].iter().map(|square| square.sqrt()).collect();
    let copies = from_best.iter().filter(|&&distance| distance == 0.0).count() as f64;
    let mut pull: Vec<f64> = from_best.iter().map(|&far| if far > 0.0 { far.recip() } else { 0.0 }).collect();
    pull.resize(cloud.points(), 0.0);
    let sum: f64 = pull.iter().sum();
    let mut towards = pull.clone();
    towards[best] -= sum;
    let force = cloud.length(&towards).sqrt();
    // The others pull at a row with `force`, its copies hold it with one each.
    if force <= copies {
        return cloud.unit(best);
    }
    let mut weights: Vec<f64> = pull.iter().map(|pull| pull / sum * (1.0 - copies / force)).collect();
    weights[best] += copies / force;
    let scale = median(from_best);
    let scale = if scale > 0.0 { scale } else { force };
    for _ in 0..ITERATIONS {
        let next = weighted(cloud, &weights, 1e-9 * scale);
        let step: Vec<f64> = next.iter().zip(&weights).map(|(next, last)| next - last).collect();
        weights = next;
        if cloud.length(&step).sqrt() <= 1e-10 * scale {
            break;
        }
    }
    weights
}

/// ByzFL's `steps` averages from the origin.
pub(crate) fn byzfl(cloud: &Cloud, nu: f64, steps: usize) -> Vec<f64> {
    (0..steps).fold(cloud.unit(cloud.origin()), |weights, _| weighted(cloud, &weights, nu))
}

/// The average of the rows, each divided by its distance to `from` and that by no less than `least`.
fn weighted(cloud: &Cloud, from: &[f64], least: f64) -> Vec<f64> {
    let far = cloud.distances_to(from);
    let mut weights: Vec<f64> =
        far[..cloud.voters].iter().map(|square| square.sqrt().max(least).recip()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights.resize(cloud.points(), 0.0);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    fn at(weights: &[f64], rows: &[&[f32]]) -> Vec<f64> {
        let d = rows[0].len();
        (0..d).map(|k| rows.iter().zip(weights).map(|(row, w)| f64::from(row[k]) * w).sum()).collect()
    }

    #[test]
    fn the_corners_of_a_square_meet_in_the_middle_and_an_inner_row_is_the_answer_itself() {
        let square: [&[f32]; 4] = [&[0.0, 0.0], &[2.0, 0.0], &[0.0, 2.0], &[2.0, 2.0]];
        let middle = at(&converged(&cloud(&square, None), &[0; 4]), &square);
        assert!(middle.iter().all(|x| (x - 1.0).abs() < 1e-9), "{middle:?}");
        let inner: [&[f32]; 4] = [&[0.0, 0.0], &[3.0, 0.0], &[0.0, 3.0], &[1.0, 1.0]];
        let cloud = cloud(&inner, None);
        assert_eq!(converged(&cloud, &[0; 4]), cloud.unit(3));
    }

    #[test]
    fn rows_at_infinity_only_pull_in_their_direction() {
        let rows =
            |far: f32| -> [[f32; 2]; 5] { [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [far, far], [-far, far]] };
        let median = |rows: &[[f32; 2]; 5]| {
            let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
            at(&converged(&cloud(&views, None), &[0; 5]), &views)
        };
        let (near, far) = (median(&rows(1e6)), median(&rows(1e30)));
        assert!(near.iter().zip(&far).all(|(a, b)| (a - b).abs() < 1e-5), "{near:?} {far:?}");
    }

    #[test]
    fn the_scale_of_the_rows_does_not_matter() {
        for scale in [1e-30_f32, 1.0, 1e15] {
            let rows = [[0.0, 0.0], [scale, 0.0], [0.0, scale], [3.0 * scale, 4.0 * scale]];
            let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
            let z = at(&converged(&cloud(&views, None), &[0; 4]), &views);
            let unit = f64::from(scale);
            let force = |z: &[f64]| {
                let mut sum = [0.0; 2];
                for row in &rows {
                    let by = [f64::from(row[0]) - z[0], f64::from(row[1]) - z[1]];
                    let length = by[0].hypot(by[1]);
                    sum = [sum[0] + by[0] / length, sum[1] + by[1] / length];
                }
                sum[0].hypot(sum[1])
            };
            assert!(force(&z) < 1e-4, "{scale}: {z:?} {}", force(&z));
            assert!(z.iter().all(|x| (0.0..4.0 * unit).contains(x)));
        }
    }

    #[test]
    fn byzfls_version_is_held_at_zero_by_two_rows_of_ten() {
        let rows: Vec<[f32; 1]> = (0..10).map(|row| [if row < 8 { 100.0 } else { 0.0 }]).collect();
        let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
        let cloud = cloud(&views, None);
        let z = at(&byzfl(&cloud, 0.1, 3), &views)[0];
        assert!(z < 10.0, "{z}");
        let exact = at(&converged(&cloud, &[0; 10]), &views)[0];
        assert!((exact - 100.0).abs() < 1e-9, "{exact}");
    }
}
