use super::*;

fn aggregate(rule: &str, f: usize, rows: &[&[f32]]) -> Result<(Vec<f32>, Aggregate), Refusal> {
    let mut out = vec![0.0; rows.first().map_or(0, |row| row.len())];
    let ranks: Vec<u32> = (0..rows.len() as u32).collect();
    let aggregate = Aggregator::new(rule.parse().unwrap(), f, 1).aggregate(1, &ranks, rows, &mut out)?;
    Ok((out, aggregate))
}

#[test]
fn rows_that_are_not_finite_are_set_aside_and_counted_against_f() {
    let rows: [&[f32]; 4] = [&[1.0, 2.0], &[f32::NAN, 0.0], &[3.0, 4.0], &[0.0, f32::INFINITY]];
    let (out, aggregate) = aggregate("average", 2, &rows).unwrap();
    assert_eq!(out, [2.0, 3.0]);
    assert_eq!(aggregate.set_aside, [1, 3]);
    assert_eq!(
        aggregate.verdicts.iter().map(|verdict| verdict.weight).collect::<Vec<_>>(),
        [0.5, 0.0, 0.5, 0.0]
    );
}

#[test]
fn more_broken_rows_than_f_are_refused_in_words() {
    let refusal = aggregate("median", 0, &[&[1.0], &[f32::NAN]]).unwrap_err();
    assert_eq!(refusal.to_string(), "1 of 2 rows are not finite, at most f = 0 may be Byzantine");
}

#[test]
fn a_root_among_the_rows_is_the_gradient_that_would_be_given_and_has_no_vote() {
    let rows: [&[f32]; 4] = [&[4.0, 0.0], &[1.0, 1.0], &[2.0, 0.0], &[-1.0, 0.0]];
    let (out, beside_root) = aggregate("fltrust(root=2)", 1, &rows).unwrap();
    let (mut given, voters) = ([0.0; 2], [rows[0], rows[1], rows[3]]);
    let mut plain = Aggregator::new("fltrust".parse().unwrap(), 1, 1);
    let told = plain.aggregate_with_root(1, &[0, 1, 3], &voters, Some(rows[2]), &mut given).unwrap();
    assert_eq!(out, given);
    let weights = |told: &Aggregate| told.verdicts.iter().map(|verdict| verdict.weight).collect::<Vec<_>>();
    let beside = weights(&told);
    assert_eq!(weights(&beside_root), [beside[0], beside[1], 0.0, beside[2]]);
    for (broken, n) in [(f32::NAN, 4), (1.0, 2)] {
        let rows = [&[4.0, 0.0][..], &[1.0, 1.0], &[broken, 0.0], &[-1.0, 0.0]];
        let refusal = aggregate("fltrust(root=2)", 1, &rows[..n]).unwrap_err();
        assert_eq!(refusal.to_string(), "fltrust trusts rank 2, whose row is missing or not finite");
    }
    let check = |f| "fltrust(root=2)".parse::<Pipeline>().unwrap().check(4, f);
    assert_eq!(
        (check(2), check(3).unwrap_err().to_string().as_str()),
        (
            Ok(()),
            "fltrust needs n > f beside its root: of 3 rows at most 2 may be Byzantine, f = 3 was declared"
        )
    );
}

#[test]
fn a_row_of_another_length_is_refused() {
    let refusal = aggregate("average", 0, &[&[1.0], &[1.0, 2.0]]).unwrap_err();
    assert_eq!(refusal, Refusal::Length { rank: 1, got: 2, want: 1 });
}

/// All rules and pre-aggregators, as pipelines.
pub(crate) fn everything() -> Vec<String> {
    let stages = |kind| {
        crate::catalogue().iter().filter(move |entry| entry.kind == kind).map(|entry| {
            let needed = entry.parameters.iter().find(|parameter| parameter.default.is_none());
            needed.map_or(entry.name.to_owned(), |parameter| format!("{}({}=2)", entry.name, parameter.name))
        })
    };
    let rules: Vec<String> = stages(crate::Kind::Rule).collect();
    let mixed = stages(crate::Kind::PreAggregator)
        .flat_map(|stage| rules.iter().map(move |rule| format!("{stage}+{rule}")).collect::<Vec<_>>());
    let more = ["geometric-median(variant=byzfl)", "multi-krum(variant=byzfl)", "nnm+arc+dnc(dimensions=3)"];
    rules.iter().cloned().chain(mixed).chain(more.map(str::to_owned)).collect()
}

#[test]
fn every_pipeline_stays_near_the_honest_rows_whatever_two_of_eleven_send() {
    let honest: Vec<Vec<f32>> =
        (0..9).map(|row| (0..40).map(|k| 1.0 + ((row * 13 + k * 7) % 11) as f32 / 40.0).collect()).collect();
    let bound = 1.5;
    for evil in
        [[1e30_f32, -1e30], [1e30, 1e30], [1e-40, 0.0], [f32::MAX, f32::MIN], [f32::NAN, 1e5], [1e9, 3.0]]
    {
        let evil = evil.map(|x| vec![x; 40]);
        let rows: Vec<&[f32]> = evil.iter().chain(&honest).map(|row| &row[..]).collect();
        let ranks: Vec<u32> = (0..11).map(|rank| rank * 3).collect();
        for text in everything() {
            let unbounded = ["average", "cge", "bucketing", "fltrust", "monna", "variant=byzfl"];
            let mut out = vec![0.0; 40];
            let mut aggregator = Aggregator::new(text.parse().unwrap(), 2, 5);
            let root = vec![1.1; 40];
            let result = aggregator.aggregate_with_root(1, &ranks, &rows, Some(&root), &mut out);
            match result {
                Err(refusal) => {
                    let words = refusal.to_string();
                    assert!(
                        text.contains("bucketing") && words.contains("needs n >= ")
                            || text.contains("monna") && words.contains("trusts"),
                        "{text}: {words}"
                    );
                }
                Ok(aggregate) => {
                    assert!(out.iter().all(|x| x.is_finite()), "{text} {out:?}");
                    assert!(aggregate.verdicts.iter().all(|verdict| verdict.weight.is_finite()), "{text}");
                    if !unbounded.iter().any(|name| text.contains(name)) {
                        let far = out.iter().map(|x| (x - 1.0).abs()).fold(0.0, f32::max);
                        assert!(far < bound, "{text} {:?}: {far} {:?}", evil[0][0], aggregate.verdicts);
                    }
                }
            }
        }
    }
}

#[test]
fn a_row_with_a_number_that_is_none_is_set_aside_by_every_pipeline() {
    let rows: Vec<Vec<f32>> =
        (0..11).map(|row| (0..40).map(|k| ((row * 13 + k * 7) % 11) as f32).collect()).collect();
    let ranks: Vec<u32> = (0..11).collect();
    for (text, broken) in everything()
        .iter()
        .flat_map(|text| [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(|broken| (text, broken)))
    {
        let mut rows = rows.clone();
        rows[4][17] = broken;
        let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
        let (mut out, mut want) = (vec![0.0; 40], vec![0.0; 40]);
        let aggregate = |f, ranks: &[u32], views: &[&[f32]], out: &mut [f32]| {
            let mut aggregator = Aggregator::new(text.parse().unwrap(), f, 5);
            aggregator.aggregate_with_root(1, ranks, views, Some(&rows[0]), out)
        };
        let without = |all: &[u32]| -> Vec<u32> { all.iter().copied().filter(|rank| *rank != 4).collect() };
        let left: Vec<&[f32]> = without(&ranks).into_iter().map(|rank| views[rank as usize]).collect();
        match (aggregate(3, &ranks, &views, &mut out), aggregate(2, &without(&ranks), &left, &mut want)) {
            (Ok(with), Ok(_)) => {
                assert_eq!(with.set_aside, [4], "{text} {broken}");
                assert_eq!(with.verdicts[4].weight, 0.0, "{text} {broken}");
                assert_eq!(out, want, "{text} {broken}");
            }
            (with, without) => assert_eq!(with.is_err(), without.is_err(), "{text} {broken}"),
        }
    }
}

#[test]
fn one_row_no_liars_equal_rows_and_rows_of_zero_are_answered_by_every_rule() {
    for text in everything().iter().filter(|text| !text.contains("fltrust")) {
        for (rows, want) in [
            (vec![vec![2.0_f32, -1.0]; 1], [2.0, -1.0]),
            (vec![vec![2.0, -1.0]; 7], [2.0, -1.0]),
            (vec![vec![0.0, 0.0]; 7], [0.0, 0.0]),
        ] {
            let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
            match aggregate(text, 0, &views) {
                Ok((out, _)) if text.contains("clip") || text.contains("byzfl") => {
                    assert!(out.iter().all(|x| x.is_finite()), "{text} {out:?}");
                }
                Ok((out, _)) => assert_eq!(out, want, "{text} of {}", rows.len()),
                Err(refusal) => {
                    assert!(matches!(refusal, Refusal::TooFewRows { .. }), "{text}: {refusal}");
                }
            }
        }
    }
}

#[test]
fn no_bit_depends_on_the_number_of_threads() {
    let rows: Vec<Vec<f32>> = (0..15)
        .map(|row| {
            (0..70_001).map(|k| ((row * 7919 + k * 1031 + row * row * k) % 1009) as f32 / 1e3).collect()
        })
        .collect();
    let views: Vec<&[f32]> = rows.iter().map(|row| &row[..]).collect();
    let ranks: Vec<u32> = (0..15).collect();
    for text in everything().iter().filter(|text| !text.contains('+') || text.starts_with("nnm")) {
        let run = |threads| {
            let mut out = vec![0.0; 70_001];
            let threads = Threads::new(threads).unwrap();
            let mut aggregator = Aggregator::new(text.parse().unwrap(), 3, 1).with_threads(threads);
            let verdicts = aggregator.aggregate_with_root(1, &ranks, &views, Some(&rows[3]), &mut out);
            (verdicts.unwrap().verdicts, out)
        };
        assert_eq!(run(1), run(3), "{text}");
    }
}

#[test]
fn the_centre_is_carried_on_and_can_be_restored() {
    let rows: [&[f32]; 3] = [&[1.0], &[2.0], &[9.0]];
    let run = |aggregator: &mut Aggregator, round| {
        let mut out = [0.0];
        aggregator.aggregate(round, &[0, 1, 2], &rows, &mut out).unwrap();
        out
    };
    let new = || Aggregator::new("centered-clipping(tau=1)".parse().unwrap(), 1, 1);
    let mut all = new();
    let (first, second) = (run(&mut all, 1), run(&mut all, 2));
    assert_ne!(first, second);
    let mut half = new();
    assert_eq!(half.state(), None);
    assert_eq!(run(&mut half, 1), first);
    let mut resumed = new();
    resumed.restore(half.state().map(<[f32]>::to_vec));
    assert_eq!(run(&mut resumed, 2), second);
}
