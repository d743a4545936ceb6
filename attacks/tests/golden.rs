//! The attacks against vectors of ByzFL, krum, blades and of the papers' formulas. Rows are f32 here and f64 there, hence
//! the tolerance.

use std::path::Path;

use aggregation::{Aggregator, Pipeline, Probe};
use equipoise_attacks::{
    Attack, Attacked, Constant, Crowd, Direction, Gaussian, Group, InnerProduct, Known, Line, Little, Mimic,
    MinMax, Optimal, Search, Sight,
    line_search::{Upwards, upwards},
};
use learning::Seed;
use serde_json::Value;

fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(file).with_extension("json");
    let text = std::fs::read_to_string(&path).expect("a golden file");
    let golden: Value = serde_json::from_str(&text).expect("JSON");
    golden["cases"].as_array().expect("cases").clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().expect("a number").parse().expect("nan or inf"))
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a vector").iter().map(number).collect()
}

/// The honest rows of a case.
fn rows(case: &Value) -> Vec<Vec<f32>> {
    let input = case["input"].as_array().expect("rows");
    input.iter().map(|row| numbers(row).into_iter().map(|x| x as f32).collect()).collect()
}

fn answer(attack: &mut dyn Attack, rows: &[Vec<f32>]) -> Vec<f32> {
    let views: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let model = vec![0.0; rows[0].len()];
    attack.answer(&Sight { known: Known::Omniscient(&views), ..Sight::of(1, &model, 1.0) })
}

/// Runs the attack that `make` makes of each case's parameters on its rows.
fn agree(file: &str, make: impl Fn(&Value) -> Box<dyn Attack>) {
    let cases = cases(file);
    assert!(!cases.is_empty());
    for case in cases {
        let got = answer(&mut *make(&case), &rows(&case));
        for (got, want) in got.iter().zip(numbers(&case["output"])) {
            let close =
                f64::from(*got) == want || (f64::from(*got) - want).abs() <= 2e-5 * (1.0 + want.abs());
            assert!(close, "{file}, case {}: {got} is not {want}", case["id"]);
        }
    }
}

#[test]
fn attacks_on_the_mean_are_those_of_byzfl() {
    agree("SignFlipping", |_| Box::new(InnerProduct::new(1.0)));
    agree("InnerProductManipulation", |case| Box::new(InnerProduct::new(number(&case["params"]["tau"]))));
    agree("ALittleIsEnough", |case| Box::new(Little::fixed(number(&case["params"]["tau"]))));
    agree("Mimic", |case| {
        Box::new(Mimic::fixed(case["params"]["epsilon"].as_u64().expect("an index") as usize))
    });
    agree("Inf", |_| Box::new(Constant(f32::INFINITY)));
}

#[test]
fn the_published_z_of_a_little_is_enough_goes_down() {
    agree("ref_alie_zmax", |case| {
        let liars = case["params"]["f"].as_u64().expect("f") as usize;
        let honest = case["input"].as_array().expect("rows").len();
        Box::new(Little::published(&Group { honest, liars, place: 0, seed: Seed(1) }))
    });
}

#[test]
fn min_max_and_min_sum_go_as_far_as_they_may_in_every_direction() {
    for (name, direction) in [("std", Direction::Std), ("unit", Direction::Unit), ("sign", Direction::Sign)] {
        agree(&format!("ref_minmax_{name}"), |_| Box::new(MinMax::max(direction)));
        agree(&format!("ref_minsum_{name}"), |_| Box::new(MinMax::sum(direction)));
    }
}

#[test]
fn gaussian_noise_has_the_moments_of_the_golden_file() {
    for case in cases("Gaussian") {
        let (mu, sigma) = (number(&case["params"]["mu"]), number(&case["params"]["sigma"]));
        let count = case["sample_count"].as_u64().expect("a count") as usize;
        let model = vec![0.0; count];
        let mut noise = Gaussian::new(mu, sigma, (Seed(1), 0)).expect("a standard deviation");
        let draw = noise.answer(&Sight::of(1, &model, 1.0));
        let mean = draw.iter().map(|&x| f64::from(x)).sum::<f64>() / count as f64;
        let variance = draw.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count as f64;
        let within = |key: &str| number(&case[key]) + 1e-6;
        assert!((mean - mu).abs() <= within("accept_mean_within"), "{mean} {mu}");
        assert!((variance.sqrt() - sigma).abs() <= within("accept_std_within"), "{variance} {sigma}");
        assert_ne!(noise.answer(&Sight::of(2, &model, 1.0)) == draw, sigma > 0.0, "every round draws anew");
    }
}

/// The search is asked for the points of the published trace, in order, and answered what was found there.
#[test]
fn the_upward_search_looks_where_byzfl_looks() {
    for file in ["Optimal_ALittleIsEnough", "Optimal_InnerProductManipulation"] {
        for case in cases(file) {
            let trace: Vec<Vec<f64>> =
                case["trace"].as_array().expect("a trace").iter().map(numbers).collect();
            let mut asked = 0;
            let parameter = |name: &str| number(&case["params"][name]);
            let search = Upwards {
                start: parameter("start"),
                delta: parameter("delta"),
                ratio: parameter("ratio"),
                evaluations: trace.len(),
            };
            let best = upwards(search, |at| {
                let [want, value] = trace[asked][..] else { panic!("pairs") };
                assert!((at - want).abs() <= 1e-9 * (1.0 + want.abs()), "{file} {}: {at} {want}", case["id"]);
                asked += 1;
                value
            });
            assert_eq!(asked, trace.len(), "{file} {}", case["id"]);
            assert!((best.at - number(&case["tau_opt"])).abs() < 1e-9 * (1.0 + best.at.abs()));
        }
    }
}

/// What ByzFL's label flipping sends is the mean of the gradients over flipped labels. Here every liar sends its own.
#[test]
fn flipped_gradients_are_averaged_as_byzfl_does() {
    for case in cases("LabelFlipping") {
        let rows = rows(&case);
        let views: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let mean = Crowd::new(&views).expect("rows").mean();
        for (got, want) in mean.iter().zip(numbers(&case["output"])) {
            assert!((got - want).abs() <= 1e-6 * (1.0 + want.abs()), "case {}: {got} {want}", case["id"]);
        }
    }
}

/// blades looks for γ below 5, to within 0.01, and sends the last one it looked at: ours is the one it looks for.
#[test]
fn min_max_goes_where_blades_goes_to_within_its_last_step_and_beyond_its_cap() {
    let mut beyond = 0;
    for case in cases("blades_MinMax") {
        let rows = rows(&case);
        let views: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let crowd = Crowd::new(&views).expect("rows");
        let mean = crowd.mean();
        let deviation = crowd.deviation(&mean);
        let k = (0..mean.len()).max_by(|&a, &b| deviation[a].total_cmp(&deviation[b])).expect("a coordinate");
        let gamma = |row: f64| (mean[k] - row) / deviation[k];
        let ours = gamma(f64::from(answer(&mut MinMax::max(Direction::Std), &rows)[k]));
        let theirs = gamma(numbers(&case["output"])[k]);
        beyond += u32::from(ours > 5.0);
        assert!((ours.min(5.0) - theirs).abs() < 0.011, "case {}: {ours} {theirs}", case["id"]);
    }
    assert_eq!(beyond, 0);
}

/// ‖rule(honest, lies) − mean‖
fn harm(rule: &Pipeline, rows: &[Vec<f32>], liars: usize, lie: &[f32]) -> f64 {
    let honest: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let all: Vec<&[f32]> = honest.iter().copied().chain(std::iter::repeat_n(lie, liars)).collect();
    let ranks: Vec<u32> = (0..all.len() as u32).collect();
    let mut out = vec![0.0; lie.len()];
    Aggregator::new(rule.clone(), liars, 1).aggregate(1, &ranks, &all, &mut out).expect("an aggregate");
    let mean = Crowd::new(&honest).expect("rows").mean();
    out.iter().zip(mean).map(|(&x, m)| (f64::from(x) - m).powi(2)).sum::<f64>().sqrt()
}

/// krum's `little` and `empire` with a factor are the same rows. Where it looks for the factor, under a rule that is also
/// ours (its median is the lower one, which is the median here: n is odd; its `brute` is MDA), ours does at least its harm.
/// Its `bulyan` moves one coordinate, which is no attack of ours.
#[test]
fn attacks_of_krum_are_the_same_rows_and_its_searches_find_nothing_worse() {
    let (mut fixed, mut searched) = (0, 0);
    for case in cases("krum_attacks") {
        let (rows, want, parameters) = (rows(&case), numbers(&case["output"]), &case["params"]);
        let line = match parameters["attack"].as_str().expect("a name") {
            "little" => Line::Little,
            "empire" => Line::InnerProduct,
            _ => continue,
        };
        let factor = number(&parameters["factor"]);
        let liars = parameters["f_real"].as_u64().expect("liars") as usize;
        if factor > 0.0 {
            let factor = if parameters["negative"] == true { -factor } else { factor };
            let got = match line {
                Line::Little => answer(&mut Little::fixed(factor), &rows),
                Line::InnerProduct => answer(&mut InnerProduct::new(factor - 1.0), &rows),
            };
            let near =
                |(&got, want): (&f32, &f64)| (f64::from(got) - want).abs() <= 2e-5 * (1.0 + want.abs());
            assert!(got.iter().zip(&want).all(near), "case {}: {got:?} {want:?}", case["id"]);
            fixed += 1;
            continue;
        }
        let rule: Pipeline = match parameters["defense"].as_str().expect("a rule") {
            "median" => "median".parse().expect("a rule"),
            "brute" => "mda".parse().expect("a rule"),
            _ => continue,
        };
        let attacked = Attacked { pipeline: rule.clone(), byzantine: liars, seed: 1 };
        let group = Group { honest: rows.len(), liars, place: 0, seed: Seed(1) };
        let mut optimal = Optimal::new(line, Search::Bracketed { evaluations: 20 }, attacked, group);
        let want: Vec<f32> = want.into_iter().map(|x| x as f32).collect();
        let (ours, theirs) =
            (harm(&rule, &rows, liars, &answer(&mut optimal, &rows)), harm(&rule, &rows, liars, &want));
        assert!(ours >= theirs * (1.0 - 1e-6), "case {}: {ours} {theirs}", case["id"]);
        searched += 1;
    }
    assert_eq!((fixed, searched), (4, 4));
}

/// Our name of a stage of ByzFL's.
fn stage(stage: &Value) -> Option<String> {
    Some(match stage["name"].as_str()? {
        "Clipping" => format!("clipping(c={})", stage["parameters"]["c"]),
        "TrMean" => "trimmed-mean".to_owned(),
        "GeometricMedian" => "geometric-median(variant=byzfl)".to_owned(),
        "Krum" => "krum(variant=byzfl)".to_owned(),
        "MultiKrum" => "multi-krum(variant=byzfl)".to_owned(),
        // ByzFL's carries its centre from one evaluation to the next; of subsets with one diameter it takes the first.
        "CenteredClipping" | "MDA" => return None,
        other => other.to_lowercase(),
    })
}

/// ByzFL's objective at every point of its search, by a probe that sees only the lies move.
#[test]
fn a_probe_answers_the_objective_of_byzfl_at_every_point_of_its_search() {
    let mut points = 0;
    for file in ["Optimal_ALittleIsEnough", "Optimal_InnerProductManipulation"] {
        for case in cases(file) {
            let parameters = &case["params"];
            let before = parameters["pre_aggregators"].as_array().expect("stages");
            let stages =
                before.iter().chain([&parameters["aggregator"]]).map(stage).collect::<Option<Vec<_>>>();
            let Some(stages) = stages else { continue };
            let pipeline: Pipeline = stages.join("+").parse().expect("a pipeline");
            let (rows, liars) = (rows(&case), parameters["f"].as_u64().expect("f") as usize);
            let honest: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let crowd = Crowd::new(&honest).expect("rows");
            let mean = crowd.mean();
            let narrow = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect::<Vec<f32>>();
            let (from, along) = match file {
                "Optimal_ALittleIsEnough" => (narrow(mean.clone()), narrow(crowd.deviation(&mean))),
                _ => (vec![0.0; mean.len()], narrow(mean.iter().map(|m| -m).collect())),
            };
            let ranks: Vec<u32> = (0..(rows.len() + liars) as u32).collect();
            let mut probe = Probe::new(&pipeline, liars, 1, &honest, &ranks, &from, &along).expect("a probe");
            for point in case["trace"].as_array().expect("a trace").iter().map(numbers) {
                // Rows clipped to one norm are all as near to a lie at the origin.
                if point[0] == 0.0 && file.ends_with("Manipulation") && stages[0].starts_with("clipping") {
                    continue;
                }
                let got = probe.error(point[0]).expect("an aggregate");
                let name = format!("{file} {}: {pipeline} at {}", case["id"], point[0]);
                assert!((got - point[1]).abs() <= 1e-4 * (1.0 + point[1]), "{name}: {got} {}", point[1]);
                points += 1;
            }
        }
    }
    assert!(points > 300, "{points}");
}
