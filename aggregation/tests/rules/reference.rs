//! The fast code against the slow definitions, on shapes around every width and block there is.

use crate::{
    Lots, Rows, aggregate, filters, gap,
    oracle::{
        Wide, by_distance, by_krum, columns, diameter, mda, mean, median, nearest, shortened, trimmed,
        weiszfeld,
    },
    value, wide,
};

/// What `rule` should answer, where its definition is short.
fn expected(rule: &str, rows: &Wide, f: usize) -> Vec<f64> {
    let n = rows.len();
    let all: Vec<usize> = (0..n).collect();
    let origin = vec![0.0; rows[0].len()];
    match rule {
        "average" => mean(rows, &all),
        "median" => columns(rows, median),
        "trimmed-mean" => columns(rows, |column| trimmed(column, f)),
        "meamed" => columns(rows, |column| nearest(column, median(column), n - f)),
        "phocas" => columns(rows, |column| nearest(column, trimmed(column, f), n - f)),
        "krum" => rows[by_krum(rows, n - f - 2)[0]].clone(),
        "krum(variant=byzfl)" => rows[by_krum(rows, n - f - 1)[0]].clone(),
        "multi-krum" => mean(rows, &by_krum(rows, n - f - 2)[..n - f - 2]),
        "multi-krum(variant=byzfl)" => mean(rows, &by_krum(rows, n - f - 1)[..n - f]),
        "monna" => mean(rows, &by_distance(rows, &rows[0])[..n - f]),
        "cge" => mean(rows, &by_distance(rows, &origin)[..n - f]),
        "geometric-median" => weiszfeld(rows, 1e-12, 3000),
        "geometric-median(variant=byzfl)" => weiszfeld(rows, 0.1, 3),
        "geometric-median(variant=byzfl,nu=0.000001,steps=60)" => weiszfeld(rows, 1e-6, 60),
        "centered-clipping(tau=0.5,steps=3)" => (0..3).fold(origin, |centre, _| {
            let short = rows.iter().map(|row| shortened(row, &centre, 0.5)).collect();
            mean(&short, &all)
        }),
        "clipping(c=0.5)+median" => {
            columns(&rows.iter().map(|row| shortened(row, &origin, 0.5)).collect(), median)
        }
        "nnm+trimmed-mean" => {
            let mixed = rows.iter().map(|row| mean(rows, &by_distance(rows, row)[..n - f])).collect();
            columns(&mixed, |column| trimmed(column, f))
        }
        "bulyan" => {
            columns(&filters::bulyan_selection(rows, f), |column| nearest(column, median(column), n - 4 * f))
        }
        "caf" => filters::caf(rows, f),
        "smea" => filters::smea(rows, f),
        "dnc(iterations=1,filter=1.5)" => filters::dnc(rows, (1.5 * f as f64) as usize),
        "sign-guard" => filters::sign_guard(rows),
        "fltrust" => filters::fltrust(rows, &rows[0]),
        // A step from the origin by the median distance is the same.
        "clipped-mean" | "centered-clipping" => filters::clipped_mean(rows),
        "arc+average" => filters::arc_average(rows, f),
        other => panic!("no definition of {other}"),
    }
}

fn compare(rules: &[&str], n: usize, f: usize, d: usize) {
    compare_on(&Lots((n * 1000 + d) as u64).rows(n, d), rules, f);
}

fn compare_on(rows: &Rows, rules: &[&str], f: usize) {
    let (n, d) = (rows.len(), rows[0].len());
    let slow: Wide = rows.iter().map(|row| wide(row)).collect();
    for rule in rules {
        let gap = gap(&value(rule, f, rows), &expected(rule, &slow, f));
        // An iteration to a point, and eigenvectors of distances that were summed in f32.
        let most = if ["geometric-median", "caf"].contains(rule) { 3e-5 } else { 1e-6 };
        assert!(gap <= most, "{rule}, n = {n}, f = {f}, d = {d}: off by {gap}");
    }
}

const COORDINATE_WISE: [&str; 4] = ["median", "trimmed-mean", "meamed", "phocas"];

const BY_DISTANCE: [&str; 12] = [
    "average",
    "krum",
    "krum(variant=byzfl)",
    "multi-krum",
    "multi-krum(variant=byzfl)",
    "monna",
    "cge",
    "geometric-median(variant=byzfl)",
    "geometric-median(variant=byzfl,nu=0.000001,steps=60)",
    "centered-clipping(tau=0.5,steps=3)",
    "clipping(c=0.5)+median",
    "nnm+trimmed-mean",
];

#[test]
fn coordinate_wise_rules_are_their_definitions() {
    for (n, f) in [
        (1, 0),
        (2, 0),
        (3, 1),
        (5, 2),
        (10, 2),
        (16, 7),
        (25, 5),
        (64, 20),
        (65, 32),
        (200, 50),
        (1100, 300),
    ] {
        for d in [0, 1, 15, 16, 17, 300] {
            compare(&COORDINATE_WISE, n, f, d);
        }
    }
    compare(&COORDINATE_WISE, 7, 2, 2 * 8192 + 5);
}

#[test]
fn distance_rules_are_their_definitions() {
    // With a single neighbour two rows always have the same score.
    for (n, f) in [(4, 0), (5, 1), (10, 2), (25, 5), (64, 20), (200, 50)] {
        for d in [0, 1, 15, 16, 17, 300] {
            // With no coordinate there are only ties, and all answers are empty.
            compare(&BY_DISTANCE, n, f, d);
        }
    }
    compare(&BY_DISTANCE, 7, 2, 2 * 8192 + 5);
}

#[test]
fn searches_and_iterations_end_where_their_definitions_do() {
    for (n, f, d) in [(3, 1, 4), (9, 2, 17), (12, 4, 16), (13, 6, 3)] {
        compare(&["geometric-median"], n, f, d);
        let rows = Lots(n as u64).rows(n, d);
        let (_, told) = aggregate("mda", f, &rows).expect("an aggregate");
        let weights: Vec<f64> = told.verdicts.iter().map(|verdict| verdict.weight).collect();
        assert!(is_least_diameter(&rows, f, &weights), "n = {n}, f = {f}: {weights:?}");
    }
}

#[test]
fn filters_are_their_definitions() {
    let by_length = ["fltrust", "clipped-mean", "arc+average", "centered-clipping"];
    for (n, f) in [(3, 1), (5, 2), (9, 2), (12, 3), (40, 9), (200, 50)] {
        for d in [1, 15, 16, 17, 300] {
            compare(&by_length, n, f, d);
        }
    }
    // With f below 3 the last picks have a single neighbour.
    for (n, f) in [(3, 0), (15, 3), (25, 5), (64, 15)] {
        for d in [1, 15, 16, 17, 300] {
            compare(&["bulyan"], n, f, d);
        }
    }
    for (n, f, d) in [(5, 1, 15), (9, 2, 16), (12, 3, 17), (11, 5, 15)] {
        compare(&["caf", "smea", "dnc(iterations=1,filter=1.5)"], n, f, d);
    }
    compare(&["caf", "dnc(iterations=1,filter=1.5)"], 64, 20, 17);
    for (n, f, d) in [(5, 1, 15), (9, 2, 16), (12, 5, 40)] {
        // Most coordinates of honest rows are positive; liars turn theirs round, and one of them shouts.
        let mut rows = Lots(n as u64).rows(n, d);
        rows.iter_mut().flatten().for_each(|x| *x += 0.5);
        rows[n - f..].iter_mut().flatten().for_each(|x| *x = -*x);
        rows[n - 1].iter_mut().for_each(|x| *x *= -50.0);
        compare_on(&rows, &["sign-guard"], f);
    }
}

/// Whether the rows of positive weight are n - f rows of equal weight that are as close together as any.
pub(crate) fn is_least_diameter(rows: &Rows, f: usize, weights: &[f64]) -> bool {
    let rows: Wide = rows.iter().map(|row| wide(row)).collect();
    let chosen: Vec<usize> = (0..rows.len()).filter(|&row| weights[row] > 0.0).collect();
    let size = rows.len() - f;
    let equal = chosen.iter().all(|&row| (weights[row] - 1.0 / size as f64).abs() < 1e-9);
    let least = diameter(&rows, &mda(&rows, size));
    equal && chosen.len() == size && diameter(&rows, &chosen) <= least * (1.0 + 1e-9)
}
