//! Rounds that ask some of the workers only: who they are is drawn, and what f means among them is said beforehand.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use crate::program::{lines, output, succeed, with_scenario};

const SCENARIO: &str = r#"
seed = 3
[task]
objective = "shared"
model = "softmax"
algorithm = { name = "fedavg", steps = 3 }
[server]
rounds = 30
rule = "trimmed-mean"
byzantine = 2
scale = "mean"
schedule = { rate = 1.0 }
sample = 0.5
[workers]
count = 10
[[attackers]]
count = 2
attack = { name = "sign-flip" }
"#;

fn members(line: &Value) -> BTreeSet<u64> {
    let rank = |verdict: &Value| verdict[0].as_u64().expect("a rank");
    line["verdicts"].as_array().expect("verdicts").iter().map(rank).collect()
}

#[test]
fn a_seeded_half_is_asked_each_round_the_same_over_sockets_and_in_one_process() {
    let (folder, _) = with_scenario(SCENARIO);
    let run = |out: &str, more: &[&str]| {
        succeed(folder.path(), [&["run", "scenario.toml", "--quiet", "--out", out], more].concat());
        let out = folder.path().join(out);
        let model = learning::data::load_vector(&out.join("model.npz"), "theta").expect("a model");
        (drawn(&out), model.into_iter().map(f64::to_bits).collect::<Vec<_>>())
    };
    let drawn = run("sockets", &[]);
    assert!(drawn == run("alone", &["--in-process"]), "the cluster and the single process differ");
    let everybody: BTreeSet<u64> = drawn.0.iter().flatten().copied().collect();
    assert_eq!(everybody.len(), 12, "{everybody:?}");
    assert!(drawn.0.windows(2).any(|two| two[0] != two[1]), "always the same");
}

/// Who was in each round, all of whom the rule was to tolerate two liars among.
fn drawn(out: &Path) -> Vec<BTreeSet<u64>> {
    let rounds = lines(&out.join("rounds.jsonl"));
    assert_eq!(rounds.len(), 30);
    for round in &rounds {
        assert_eq!((members(round).len(), &round["byzantine"]), (6, &2.into()), "{round}");
        assert!(round["absent"].is_null() && round["rejected"].is_null(), "nobody else is missed: {round}");
    }
    rounds.iter().map(members).collect()
}

#[test]
fn a_draw_that_may_have_too_many_liars_for_the_rule_is_refused_in_words() {
    let (folder, path) = with_scenario(&SCENARIO.replace("sample = 0.5", "sample = 0.25"));
    let (code, _, stderr) = output(folder.path(), ["run", "scenario.toml"]);
    assert_eq!(code, Some(2), "{stderr}");
    let expected = "among the 3 that are drawn of 12 there may be 2 of the 2 liars";
    assert!(stderr.contains(expected) && stderr.contains("trimmed-mean"), "{stderr}");
    std::fs::write(path, SCENARIO.replace("sample = 0.5", "sample = 0.0")).expect("a writable folder");
    let (code, _, stderr) = output(folder.path(), ["run", "scenario.toml"]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("sample is 0, expected a share"), "{stderr}");
}
