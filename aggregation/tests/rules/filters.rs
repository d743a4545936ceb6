//! Rules that filter or weigh whole rows, as their definitions say them: in f64, with the covariance of all coordinates.

use nalgebra::{DMatrix, SymmetricEigen};

use crate::oracle::{Wide, by_krum, distance, mean, median, shortened};

fn length(row: &[f64]) -> f64 {
    distance(row, &vec![0.0; row.len()]).sqrt()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    median(&values)
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// The weighted mean, and the largest eigenvalue of the weighted covariance with its eigenvector.
fn worst_direction(rows: &Wide, weights: &[f64]) -> (Vec<f64>, f64, Vec<f64>) {
    let (d, total) = (rows[0].len(), weights.iter().sum::<f64>());
    let centre: Vec<f64> =
        (0..d).map(|k| rows.iter().zip(weights).map(|(row, w)| w * row[k]).sum::<f64>() / total).collect();
    let covariance = DMatrix::from_fn(d, d, |a, b| {
        let of = |(row, w): (&Vec<f64>, &f64)| w * (row[a] - centre[a]) * (row[b] - centre[b]);
        rows.iter().zip(weights).map(of).sum::<f64>() / total
    });
    let eigen = SymmetricEigen::new(covariance);
    let top = eigen.eigenvalues.imax();
    (centre, eigen.eigenvalues[top], eigen.eigenvectors.column(top).iter().copied().collect())
}

pub(crate) fn caf(rows: &Wide, f: usize) -> Vec<f64> {
    let n = rows.len();
    let mut trust = vec![1.0; n];
    let mut best = (f64::INFINITY, vec![]);
    while trust.iter().sum::<f64>() > (n - 2 * f) as f64 {
        let (centre, variance, direction) = worst_direction(rows, &trust);
        let out: Vec<f64> = rows.iter().map(|row| dot(&minus(row, &centre), &direction).powi(2)).collect();
        if variance < best.0 {
            best = (variance, centre);
        }
        let most = (0..n).filter(|&i| trust[i] > 0.0).map(|i| out[i]).fold(0.0, f64::max);
        trust.iter_mut().zip(&out).for_each(|(trust, out)| *trust *= (1.0 - out / most).max(0.0));
    }
    best.1
}

pub(crate) fn smea(rows: &Wide, f: usize) -> Vec<f64> {
    let n = rows.len();
    let subsets = (0..1_u32 << n).filter(|subset| subset.count_ones() as usize == n - f);
    let measured = subsets.map(|subset| {
        let part: Wide = (0..n).filter(|row| subset >> row & 1 == 1).map(|row| rows[row].clone()).collect();
        let (centre, variance, _) = worst_direction(&part, &vec![1.0; n - f]);
        (variance, centre)
    });
    measured.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a subset").1
}

/// With all coordinates in its one draw.
pub(crate) fn dnc(rows: &Wide, drop: usize) -> Vec<f64> {
    let (centre, _, direction) = worst_direction(rows, &vec![1.0; rows.len()]);
    let out = |row: usize| dot(&minus(&rows[row], &centre), &direction).powi(2);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&a, &b| out(a).total_cmp(&out(b)));
    mean(rows, &order[..rows.len() - drop])
}

/// The majority's signs by the best of all ways to divide the rows in two.
pub(crate) fn sign_guard(rows: &Wide) -> Vec<f64> {
    let (n, d) = (rows.len(), rows[0].len() as f64);
    let share = |row: &Vec<f64>, of: fn(f64) -> bool| row.iter().filter(|x| of(**x)).count() as f64 / d;
    let signs: Wide = rows
        .iter()
        .map(|row| vec![share(row, |x| x > 0.0), share(row, |x| x < 0.0), share(row, |x| x == 0.0)])
        .collect();
    let inertia = |members: &[usize]| {
        let centre = mean(&signs, members);
        members.iter().map(|&row| distance(&signs[row], &centre)).sum::<f64>()
    };
    let divided =
        |subset: u32| -> (Vec<usize>, Vec<usize>) { (0..n).partition(|row| subset >> row & 1 == 1) };
    let ways = (1..(1_u32 << n) - 1).map(divided);
    let (a, b) = ways
        .min_by(|x, y| (inertia(&x.0) + inertia(&x.1)).total_cmp(&(inertia(&y.0) + inertia(&y.1))))
        .expect("two rows");
    let majority = if a.len() > b.len() { a } else { b };
    let usual = middle(rows.iter().map(|row| length(row)).collect());
    let passes = |&row: &usize| (0.1 * usual..=3.0 * usual).contains(&length(&rows[row]));
    let kept: Vec<usize> = majority.into_iter().filter(passes).collect();
    clipped(rows, usual, &kept)
}

fn clipped(rows: &Wide, most: f64, kept: &[usize]) -> Vec<f64> {
    let origin = vec![0.0; rows[0].len()];
    let short: Wide = rows.iter().map(|row| shortened(row, &origin, most)).collect();
    mean(&short, kept)
}

pub(crate) fn clipped_mean(rows: &Wide) -> Vec<f64> {
    let usual = middle(rows.iter().map(|row| length(row)).collect());
    clipped(rows, usual, &(0..rows.len()).collect::<Vec<_>>())
}

/// The mean of rows shortened to the length of the next after the ⌊2f(n − f)/n⌋ longest.
pub(crate) fn arc_average(rows: &Wide, f: usize) -> Vec<f64> {
    let n = rows.len();
    let mut lengths: Vec<f64> = rows.iter().map(|row| length(row)).collect();
    lengths.sort_by(|a, b| b.total_cmp(a));
    clipped(rows, lengths[2 * f * (n - f) / n], &(0..n).collect::<Vec<_>>())
}

pub(crate) fn fltrust(rows: &Wide, root: &[f64]) -> Vec<f64> {
    let trust = |row: &Vec<f64>| (dot(row, root) / length(row) / length(root)).max(0.0);
    let total: f64 = rows.iter().map(trust).sum();
    let scaled = |k: usize| {
        rows.iter().map(|row| trust(row) / total * length(root) / length(row) * row[k]).sum::<f64>()
    };
    (0..root.len()).map(scaled).collect()
}

/// What Krum picks again and again among the rows that are left.
pub(crate) fn bulyan_selection(rows: &Wide, f: usize) -> Wide {
    let (mut left, mut selected) = (rows.clone(), vec![]);
    while selected.len() < rows.len() - 2 * f {
        let neighbours = left.len().saturating_sub(f + 2).max(1);
        selected.push(left.remove(by_krum(&left, neighbours)[0]));
    }
    selected
}
