//! Outputs of other libraries, and of the papers' formulas, for every variant that we offer.
//!
//! The files hold f64 inputs with 8 digits and f64 outputs; ours go through f32 on the way in and out. A case passes
//! within its own tolerance plus 4e-7 of the largest input, some seven roundings to f32. Cases whose output changes in
//! their own library when rows are permuted (`tie_sensitive`) are left out: ours must not depend on that order.

use std::path::Path;

use equipoise_aggregation::{Aggregator, buckets};
use serde_json::Value;

use crate::{
    Rows, aggregate, aggregate_with_root,
    conformance::{ALL, INPUTS, input},
    gap, pipeline,
    reference::is_least_diameter,
    scale, value, wide,
};

/// One case of a file.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) rows: Rows,
    pub(crate) f: usize,
    raw: Value,
}

impl Case {
    fn parameter(&self, name: &str) -> &Value {
        &self.raw["params"][name]
    }

    fn output(&self) -> Vec<f64> {
        numbers(&self.raw["output"])
    }

    fn says(&self, key: &str) -> bool {
        self.raw[key].as_bool().unwrap_or(false)
    }

    fn tolerance(&self) -> f64 {
        let (relative, absolute) = (self.raw["rtol"].as_f64(), self.raw["atol"].as_f64());
        let largest = self.output().iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        absolute.unwrap_or(0.0) + relative.unwrap_or(0.0) * largest + 4e-7 * scale(&self.rows)
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.parse().expect("nan, inf or -inf"),
        value => value.as_f64().expect("a number"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(number).collect()
}

fn matrix(value: &Value) -> Rows {
    let rows = value.as_array().expect("rows").iter();
    rows.map(|row| numbers(row).into_iter().map(|x| x as f32).collect()).collect()
}

fn file(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All cases of a file that have rows.
pub(crate) fn cases(name: &str) -> Vec<Case> {
    let file = file(name);
    let all = file["cases"].as_array().expect("cases").iter();
    all.filter(|raw| raw["input"].is_array())
        .map(|raw| Case {
            name: format!("{name} {}", raw["id"]),
            rows: matrix(&raw["input"]),
            f: raw["params"]["f"].as_u64().or(raw["f"].as_u64()).unwrap_or(0) as usize,
            raw: raw.clone(),
        })
        .collect()
}

/// Checks every case of a file that `rule` has a name for, and that there is one.
fn check(name: &str, rule: impl Fn(&Case) -> Option<String>) {
    let mut checked = 0;
    for case in cases(name).iter().filter(|case| !case.says("tie_sensitive")) {
        let Some(rule) = rule(case) else { continue };
        let got = value(&rule, case.f, &case.rows);
        let gap = gap(&got, &case.output());
        assert!(gap <= case.tolerance(), "{}: {rule} is off by {gap}: {got:?}", case.name);
        checked += 1;
    }
    assert!(checked > 0, "{name} names no variant of ours");
}

fn always(rule: &str) -> impl Fn(&Case) -> Option<String> {
    move |_| Some(rule.to_owned())
}

#[test]
fn coordinate_wise_rules_are_byzfls_and_the_papers() {
    check("Average", always("average"));
    check("Median", always("median"));
    check("TrMean", always("trimmed-mean"));
    check("Meamed", always("meamed"));
    check("ref_phocas", always("phocas"));
}

#[test]
fn krum_is_byzfls_or_the_papers_as_the_variant_says() {
    check("Krum", always("krum(variant=byzfl)"));
    check("MultiKrum", always("multi-krum(variant=byzfl)"));
    check("ref_krum_paper", |case| Some(format!("multi-krum(m={})", case.parameter("m"))));
    check("ref_krum_paper", |case| (case.parameter("m") == 1).then(|| "krum".to_owned()));
}

#[test]
fn subsets_are_the_best_there_are() {
    check("ref_smea_exact", always("smea"));
    for case in ["MDA", "krum_brute"].into_iter().flat_map(cases) {
        let (got, told) = aggregate("mda", case.f, &case.rows).expect("an aggregate");
        let weights: Vec<f64> = told.verdicts.iter().map(|verdict| verdict.weight).collect();
        // Many subsets have the same two farthest members: theirs is the first of them, ours is drawn by lot.
        let equally_good = case.rows.len() <= 15 && is_least_diameter(&case.rows, case.f, &weights);
        let gap = gap(&got, &case.output());
        assert!(equally_good || gap <= case.tolerance(), "{}: off by {gap}", case.name);
    }
}

#[test]
fn geometric_medians_are_byzfls_steps_or_the_point_itself() {
    check("GeometricMedian", |case| {
        // Sixty steps that close in on a row amplify the rounding of the input; the slow reference checks those.
        if case.parameter("T").as_u64() > Some(3) {
            return None;
        }
        let (nu, steps) = (case.parameter("nu"), case.parameter("T"));
        Some(format!("geometric-median(variant=byzfl,nu={nu},steps={steps})"))
    });
    for case in cases("ref_geometric_median") {
        let got = wide(&value("geometric-median", case.f, &case.rows));
        let distance = |row: &Vec<f32>| {
            row.iter().zip(&got).map(|(x, z)| (f64::from(*x) - z).powi(2)).sum::<f64>().sqrt()
        };
        let objective: f64 = case.rows.iter().map(distance).sum();
        let best = number(&case.raw["objective"]);
        // The point is where it is flat: f32 costs the square of its rounding.
        assert!(objective <= best * (1.0 + 1e-6), "{}: {objective}, not {best}", case.name);
    }
}

#[test]
fn other_distance_rules_are_byzfls_and_the_papers() {
    check("MoNNA", |case| Some(format!("monna(pivot={})", case.parameter("idx"))));
    check("ref_caf_exact", always("caf"));
    check("ref_cge", always("cge"));
    check("blades_DnC", |case| {
        let (draws, filter) = (case.parameter("num_iters"), case.parameter("filter_frac"));
        Some(format!("dnc(iterations={draws},filter={filter})"))
    });
    check("blades_Signguard", |case| {
        let sizes = numbers(&case.raw["cluster_sizes"]);
        let clear = case.says("kmeans_optimal") && sizes.windows(2).any(|two| two[0] != two[1]);
        clear.then(|| "sign-guard(variant=blades)".to_owned())
    });
}

/// The trusted row of their input is the server's own gradient and has no vote.
#[test]
fn fltrust_is_the_papers() {
    for case in cases("ref_fltrust") {
        let (root, rows) = case.rows.split_first().expect("a trusted row");
        let (got, _) = aggregate_with_root("fltrust", case.f, &rows.to_vec(), root).expect("an aggregate");
        let gap = gap(&got, &case.output());
        assert!(gap <= case.tolerance(), "{}: off by {gap}", case.name);
    }
}

#[test]
fn buckets_are_byzfls_when_its_lots_are_drawn() {
    for case in cases("Bucketing") {
        let s = case.parameter("s").as_u64().expect("a size") as usize;
        let order: Vec<usize> =
            numbers(&case.raw["permutation"]).into_iter().map(|row| row as usize).collect();
        let theirs = matrix(&case.raw["output"]);
        let buckets = buckets(&order, s);
        assert_eq!(buckets.len(), theirs.len(), "{}", case.name);
        for (members, theirs) in buckets.iter().zip(&theirs) {
            let bucket = members.iter().map(|&row| case.rows[row].clone()).collect();
            let gap = gap(&value("average", 0, &bucket), &wide(theirs));
            assert!(gap <= 1e-6 * scale(&case.rows), "{}: off by {gap}", case.name);
        }
    }
}

#[test]
fn centered_clipping_remembers_its_centre_as_byzfl_does() {
    let rule = |params: &Value| format!("centered-clipping(tau={},steps={})", params["tau"], params["L"]);
    check("CenteredClipping", |case| Some(rule(&case.raw["params"])));
    for sequence in file("CenteredClipping")["sequences"].as_array().expect("sequences") {
        let mut aggregator = Aggregator::new(pipeline(&rule(&sequence["params"])), 1, 1);
        let inputs = sequence["input_sequence"].as_array().expect("inputs");
        let outputs = sequence["output_sequence"].as_array().expect("outputs");
        for (round, (input, output)) in inputs.iter().zip(outputs).enumerate() {
            let rows = matrix(input);
            let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let ranks: Vec<u32> = (0..rows.len() as u32).collect();
            let mut out = vec![0.0; rows[0].len()];
            aggregator.aggregate(round as u32, &ranks, &slices, &mut out).expect("an aggregate");
            assert!(gap(&out, &numbers(output)) <= 1e-6 * scale(&rows), "round {round}: {out:?}");
        }
    }
}

/// A pre-aggregator shows itself through the rules behind it: ours on their rows is our pipeline on the input.
#[test]
fn pre_aggregators_make_byzfls_rows() {
    for (name, stage) in
        [("NNM", "nnm"), ("ARC", "arc"), ("Clipping", "clipping"), ("Bucketing", "bucketing")]
    {
        for case in cases(name).iter().filter(|case| !case.says("tie_sensitive")) {
            let stage = match name {
                "Clipping" => format!("clipping(c={})", case.parameter("c")),
                // Their lots differ from ours, except where lots do not matter.
                "Bucketing" if case.parameter("s") == 1 => "bucketing(s=1)".to_owned(),
                "Bucketing" => continue,
                _ => stage.to_owned(),
            };
            let theirs = matrix(&case.raw["output"]);
            for rule in ["average", "median", "trimmed-mean", "monna(pivot=1)"] {
                if name == "Bucketing" && rule == "monna(pivot=1)" {
                    continue;
                }
                let ours = value(&format!("{stage}+{rule}"), case.f, &case.rows);
                let gap = gap(&ours, &wide(&value(rule, case.f, &theirs)));
                let allowed = case.raw["atol"].as_f64().unwrap_or(0.0) + 1e-6 * scale(&case.rows);
                assert!(gap <= allowed, "{}: {stage}+{rule} is off by {gap}", case.name);
            }
        }
    }
}

#[test]
fn pipelines_are_byzfls() {
    let stage = |value: &Value| match (value["name"].as_str().expect("a name"), &value["parameters"]) {
        ("NNM", _) => "nnm".to_owned(),
        ("ARC", _) => "arc".to_owned(),
        ("Clipping", parameters) => format!("clipping(c={})", parameters["c"]),
        ("TrMean", _) => "trimmed-mean".to_owned(),
        ("Median", _) => "median".to_owned(),
        ("Meamed", _) => "meamed".to_owned(),
        ("MDA", _) => "mda".to_owned(),
        ("Krum", _) => "krum(variant=byzfl)".to_owned(),
        ("MultiKrum", _) => "multi-krum(variant=byzfl)".to_owned(),
        ("GeometricMedian", parameters) => {
            format!("geometric-median(variant=byzfl,nu={},steps={})", parameters["nu"], parameters["T"])
        }
        (other, _) => panic!("{other} is new"),
    };
    check("RobustAggregator", |case| {
        let before = case.parameter("pre_aggregators").as_array().expect("a list").iter();
        let stages = before.chain([case.parameter("aggregator")]).map(stage);
        Some(stages.collect::<Vec<_>>().join("+"))
    });
}

#[test]
fn degenerate_inputs_give_numbers_or_a_refusal() {
    let mut answered = 0;
    for case in cases("edge_cases") {
        for rule in ALL {
            if let Ok((out, told)) = aggregate(rule, case.f, &case.rows) {
                assert!(out.iter().all(|x| x.is_finite()), "{}: {rule} answers {out:?}", case.name);
                assert!(
                    told.verdicts.iter().all(|verdict| verdict.weight.is_finite()),
                    "{}: {rule}",
                    case.name
                );
                answered += 1;
            }
        }
    }
    assert!(answered > 500, "{answered}");
}

/// What a rule answers when it is asked the same again: what it remembers shows itself, too.
fn second_round(rule: &str, f: usize, rows: &Rows) -> Option<Vec<f32>> {
    let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let ranks: Vec<u32> = (0..rows.len() as u32).collect();
    let mut out = vec![0.0; rows[0].len()];
    let mut aggregator = Aggregator::new(pipeline(rule), f, 1);
    for round in 1..3 {
        aggregator.aggregate_with_root(round, &ranks, &slices, Some(slices[0]), &mut out).ok()?;
    }
    Some(out)
}

/// No rule stands in for another: for every two there is a case on which they differ by far more than rounding.
#[test]
fn every_two_rules_are_told_apart_by_some_vector() {
    let golden = ["Krum", "MoNNA", "ref_phocas"].into_iter().flat_map(cases);
    let golden = golden.filter(|case| case.f > 0).map(|case| (case.f, case.rows));
    // None of theirs has n >= 4f + 3 rows.
    let ours = (0..INPUTS).map(|seed| (2, input(seed)));
    let inputs: Vec<(usize, Rows)> = golden.chain(ours).collect();
    let answers: Vec<Vec<Option<Vec<f32>>>> = ALL
        .iter()
        .map(|rule| inputs.iter().map(|(f, rows)| second_round(rule, *f, rows)).collect())
        .collect();
    for (i, first) in ALL.iter().enumerate() {
        for (j, second) in ALL.iter().enumerate().skip(i + 1) {
            let told =
                inputs.iter().zip(answers[i].iter().zip(&answers[j])).any(|((_, rows), pair)| match pair {
                    (Some(a), Some(b)) => gap(a, &wide(b)) > 1e-4 * scale(rows),
                    _ => false,
                });
            assert!(told, "no vector tells {first} from {second}");
        }
    }
}
