//! One suite for every rule: what it promises is checked, and what it is said to lack must be seen to fail.

use equipoise_aggregation::catalogue;

use crate::{Lots, Rows, aggregate_with_root};

/// What a rule may promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property {
    /// Which worker sent which row does not matter.
    Permutation,
    /// Moving all rows moves the aggregate.
    Translation,
    /// Stretching all rows stretches the aggregate, also by a negative factor.
    Scale,
    /// Whatever f workers send, each coordinate stays between those of honest rows.
    HonestRange,
    /// Rows of f workers that go to infinity leave the aggregate where honest rows are.
    Bounded,
}

use Property::{Bounded, HonestRange, Permutation, Scale, Translation};

/// n and f of the suite: the smallest n at which every rule stands f = 2.
const N: usize = 11;
const F: usize = 2;
const D: usize = 6;

/// Inputs each property is checked on.
pub(crate) const INPUTS: u64 = 16;

/// Lists the rules, what each lacks, and gives each a module of tests.
macro_rules! conformance {
    ($($name:ident: $rule:literal lacks $lacks:expr;)*) => {
        /// Every rule, every variant, every pre-aggregator.
        pub(crate) const ALL: &[&str] = &[$($rule),*];

        $(mod $name {
            use super::*;

            const LACKS: &[Property] = &$lacks;

            #[test]
            fn permuting_rows_changes_nothing_but_whose_verdict_is_whose() {
                check($rule, LACKS, Permutation, permutation);
            }

            #[test]
            fn moving_rows_moves_the_aggregate() {
                check($rule, LACKS, Translation, translation);
            }

            #[test]
            fn stretching_rows_stretches_the_aggregate() {
                check($rule, LACKS, Scale, stretching);
            }

            #[test]
            fn liars_cannot_leave_the_honest_range() {
                check($rule, LACKS, HonestRange, honest_range);
            }

            #[test]
            fn rows_that_go_to_infinity_leave_the_aggregate_bounded() {
                check($rule, LACKS, Bounded, bounded);
            }
        })*
    };
}

// A lack that is no oversight: Bulyan's last picks are mutual neighbours, whose scores are equal and which lots decide;
// MoNNA trusts one rank; lots make buckets, and choose between clusters that are equally good; what is measured from
// the origin does not move with the rows.
conformance! {
    average: "average" lacks [HonestRange, Bounded];
    median: "median" lacks [];
    trimmed_mean: "trimmed-mean" lacks [];
    meamed: "meamed" lacks [HonestRange];
    phocas: "phocas" lacks [HonestRange];
    krum: "krum" lacks [HonestRange];
    krum_byzfl: "krum(variant=byzfl)" lacks [HonestRange];
    multi_krum: "multi-krum" lacks [HonestRange];
    multi_krum_byzfl: "multi-krum(variant=byzfl)" lacks [HonestRange];
    bulyan: "bulyan" lacks [Permutation, HonestRange];
    geometric_median: "geometric-median" lacks [HonestRange];
    geometric_median_byzfl: "geometric-median(variant=byzfl)" lacks [Translation, Scale, HonestRange];
    mda: "mda" lacks [HonestRange];
    monna: "monna" lacks [Permutation, HonestRange];
    cge: "cge" lacks [Translation, HonestRange];
    centered_clipping: "centered-clipping" lacks [Translation, HonestRange];
    caf: "caf" lacks [HonestRange];
    smea: "smea" lacks [HonestRange];
    dnc: "dnc" lacks [HonestRange];
    sign_guard: "sign-guard" lacks [Permutation, Translation, HonestRange];
    sign_guard_blades: "sign-guard(variant=blades)" lacks [Permutation, Translation, HonestRange];
    fltrust: "fltrust" lacks [Translation, HonestRange];
    clipped_mean: "clipped-mean" lacks [Translation, HonestRange];
    nnm: "nnm+trimmed-mean" lacks [HonestRange];
    bucketing: "bucketing(s=2)+median" lacks [Permutation];
    clipping: "clipping(c=1)+average" lacks [Translation, Scale, HonestRange];
    arc: "arc+average" lacks [Translation, HonestRange];
}

#[test]
fn every_entry_of_the_catalogue_is_in_the_suite() {
    for entry in catalogue() {
        let named = |rule: &&str| rule.split('+').any(|stage| stage.split('(').next() == Some(entry.name));
        assert!(ALL.iter().any(named), "{} is in no suite", entry.name);
    }
}

/// Checks on many inputs that `rule` has a property, or on one of them that it lacks it.
fn check(
    rule: &str,
    lacks: &[Property],
    property: Property,
    holds: fn(&str, &Rows, u64) -> Result<(), String>,
) {
    let broken = (0..INPUTS).find_map(|seed| holds(rule, &input(seed), seed).err());
    match (lacks.contains(&property), broken) {
        (false, Some(how)) => panic!("{rule} promises {property:?}: {how}"),
        (true, None) => panic!("{rule} is said to lack {property:?}, which was not seen"),
        _ => (),
    }
}

/// Honest rows, then F liars among them. Numbers are multiples of 2⁻¹⁰, so that moving them is exact.
pub(crate) fn input(seed: u64) -> Rows {
    let mut lots = Lots(seed);
    let mut rows: Rows = lots.rows(N, D);
    for (k, row) in rows.iter_mut().enumerate() {
        for x in row.iter_mut() {
            *x = (*x * 1024.0).round() / 1024.0;
        }
        let honest = k < N - F;
        // Here all honest workers agree, and liars are in the middle of everything else.
        row[0] = if honest { 0.0 } else { 0.25 };
        // Here most honest workers agree.
        row[1] = [0.0, 0.125, 0.125, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0].get(k).copied().unwrap_or(1.5);
        if !honest {
            row[2..].iter_mut().for_each(|x| *x = (*x * 16.0).round() / 1024.0);
        }
        if seed.is_multiple_of(2) {
            // Here honest workers are of two minds, and liars next to one.
            row[0] = match k {
                0..5 => 0.0,
                _ if honest => 1.0,
                _ => 1.125,
            };
        }
    }
    rows
}

/// What the suite calls the server's own gradient.
fn root() -> Vec<f32> {
    vec![0.5, 0.75, 0.25, -0.25, 0.125, 0.5]
}

fn run(rule: &str, rows: &Rows, root: &[f32]) -> Result<(Vec<f32>, Vec<f64>), String> {
    let (out, told) = aggregate_with_root(rule, F, rows, root).map_err(|refusal| refusal.to_string())?;
    Ok((out, told.verdicts.iter().map(|verdict| verdict.weight).collect()))
}

/// Whether two aggregates are the same up to rounding.
fn same(a: &[f32], b: &[f32], size: f32) -> Result<(), String> {
    let close = a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 4e-6 * size);
    if close { Ok(()) } else { Err(format!("{a:?} is not {b:?}")) }
}

fn permutation(rule: &str, rows: &Rows, seed: u64) -> Result<(), String> {
    let mut order: Vec<usize> = (0..N).collect();
    let mut lots = Lots(seed + 100);
    order.sort_by_key(|_| lots.bits());
    let (out, weights) = run(rule, rows, &root())?;
    let permuted = order.iter().map(|&k| rows[k].clone()).collect();
    let (other, others) = run(rule, &permuted, &root())?;
    same(&out, &other, 1.0)?;
    let moved = order.iter().zip(&others).find(|(k, weight)| (weights[**k] - **weight).abs() > 1e-5);
    moved.map_or(Ok(()), |(k, weight)| Err(format!("row {k} has weight {} or {weight}", weights[*k])))
}

fn translation(rule: &str, rows: &Rows, _: u64) -> Result<(), String> {
    let by = |k: usize| [4.0, -3.0, 7.0, 2.0, -6.0, 5.0][k];
    let moved = |row: &[f32]| row.iter().enumerate().map(|(k, x)| x + by(k)).collect::<Vec<f32>>();
    let (out, _) = run(rule, rows, &root())?;
    let (other, _) = run(rule, &rows.iter().map(|row| moved(row)).collect(), &moved(&root()))?;
    same(&moved(&out), &other, 8.0)
}

fn stretching(rule: &str, rows: &Rows, _: u64) -> Result<(), String> {
    let (out, _) = run(rule, rows, &root())?;
    for factor in [64.0, -0.25] {
        let stretched = |row: &[f32]| row.iter().map(|x| factor * x).collect::<Vec<f32>>();
        let (other, _) = run(rule, &rows.iter().map(|row| stretched(row)).collect(), &stretched(&root()))?;
        same(&stretched(&out), &other, factor.abs())?;
    }
    Ok(())
}

fn honest_range(rule: &str, rows: &Rows, _: u64) -> Result<(), String> {
    let (out, _) = run(rule, rows, &root())?;
    let honest = &rows[..N - F];
    for (k, out) in out.iter().enumerate() {
        let column = honest.iter().map(|row| row[k]);
        let (low, high) = column.fold((f32::MAX, f32::MIN), |(low, high), x| (low.min(x), high.max(x)));
        if !(low..=high).contains(out) {
            return Err(format!("{out} left [{low}, {high}] at {k}"));
        }
    }
    Ok(())
}

fn bounded(rule: &str, rows: &Rows, seed: u64) -> Result<(), String> {
    let mut rows = rows.clone();
    let far = [1e4, 1e15, 1e30, f32::MAX][seed as usize % 4];
    for (k, row) in rows.iter_mut().enumerate().skip(N - F) {
        for (j, x) in row.iter_mut().enumerate() {
            *x = if (k + j + seed as usize).is_multiple_of(3) { -far } else { far };
        }
    }
    // Liars come first half of the time, but never as the trusted worker.
    if seed.is_multiple_of(2) {
        rows[1..].rotate_right(F);
    }
    let (out, _) = run(rule, &rows, &root())?;
    let outside = out.iter().find(|x| x.is_nan() || x.abs() > 4.0);
    outside.map_or(Ok(()), |x| Err(format!("{x}, where honest rows are within 1")))
}
