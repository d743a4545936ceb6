//! The same scenario and seed give the same bits: twice over sockets, and in one process without any.

use std::path::Path;

use serde_json::Value;

use crate::program::{succeed, with_scenario};

const SCENARIO: &str = r#"
seed = 11
[task]
model = "linear"
[server]
rounds = 25
[workers]
count = 5
[[attackers]]
attack = { name = "counter-gradient" }
"#;

fn rounds_without_timing(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("rounds.jsonl")).expect("rounds");
    let line = |line: &str| {
        let mut value: Value = serde_json::from_str(line).expect("a line is JSON");
        value.as_object_mut().expect("an object").remove("timing");
        value
    };
    text.lines().map(line).collect()
}

#[test]
fn two_clusters_and_one_process_agree_bit_for_bit() {
    let (folder, _) = with_scenario(SCENARIO);
    let run = |out: &str, more: &[&str]| {
        succeed(folder.path(), [&["run", "scenario.toml", "--quiet", "--out", out], more].concat());
        let out = folder.path().join(out);
        let model = learning::data::load_vector(&out.join("model.npz"), "theta").expect("a model");
        (rounds_without_timing(&out), model.into_iter().map(f64::to_bits).collect::<Vec<_>>())
    };
    let first = run("first", &[]);
    assert_eq!(first.0.len(), 25);
    assert!(first == run("second", &[]), "two clusters differ");
    assert!(first == run("alone", &["--in-process"]), "the cluster and the single process differ");
}

#[test]
fn another_seed_gives_other_bits() {
    let (folder, path) = with_scenario(SCENARIO);
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "a"]);
    std::fs::write(path, SCENARIO.replace("11", "12")).expect("a writable folder");
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "b"]);
    let rounds = |name: &str| rounds_without_timing(&folder.path().join(name));
    assert_ne!(rounds("a"), rounds("b"));
}
