//! The attacks against vectors of ByzFL and of the papers' formulas. Rows are f32 here and f64 there, hence the tolerance.

use std::path::Path;

use equipoise_attacks::{
    Attack, Constant, Direction, Gaussian, Group, InnerProduct, Known, Little, Mimic, MinMax, Sight,
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

/// Runs the attack that `make` makes of each case's parameters on its rows.
fn agree(file: &str, make: impl Fn(&Value) -> Box<dyn Attack>) {
    let cases = cases(file);
    assert!(!cases.is_empty());
    for case in cases {
        let input = case["input"].as_array().expect("rows");
        let rows: Vec<Vec<f32>> =
            input.iter().map(|row| numbers(row).into_iter().map(|x| x as f32).collect()).collect();
        let views: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let model = vec![0.0; rows[0].len()];
        let sight = Sight { known: Known::Omniscient(&views), ..Sight::of(1, &model, 1.0) };
        let got = make(&case).answer(&sight);
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
