//! What attackers know, over sockets as in one process; and what every attack does to a rule, and which rule stands it.

use std::path::Path;

use crate::program::{json, number, output, succeed, with_scenario};

/// Sixteen honest workers and four liars on the digits.
fn scenario(rule: &str, rounds: u32, attackers: &str) -> String {
    format!(
        r#"
seed = 3
[task]
objective = "shared"
algorithm = {{ name = "dsgd", batch = 16, momentum = 0.9 }}
[server]
rounds = {rounds}
rule = "{rule}"
byzantine = 4
scale = "mean"
schedule = {{ rate = 0.5 }}
[workers]
count = 16
[[attackers]]
count = 4
{attackers}
"#
    )
}

fn model_bits(folder: &Path) -> Vec<u64> {
    let model = learning::data::load_vector(&folder.join("model.npz"), "theta").expect("a model");
    model.into_iter().map(f64::to_bits).collect()
}

#[test]
fn an_omniscient_line_search_over_sockets_is_that_of_one_process_bit_for_bit() {
    let attackers = "knowledge = \"omniscient\"\nattack = { name = \"optimal-alie\" }";
    let (folder, _) = with_scenario(&scenario("nnm+trimmed-mean", 12, attackers));
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--out", "cluster"]);
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "alone"]);
    let cluster = model_bits(&folder.path().join("cluster"));
    assert!(cluster.iter().any(|&bits| bits != 0), "the model moved");
    assert!(cluster == model_bits(&folder.path().join("alone")), "the cluster and the single process differ");
}

#[test]
fn accomplices_and_sleepers_over_sockets_are_those_of_one_process() {
    let attackers = r#"knowledge = "colluders"
sleep = 4
attack = { name = "collude", attack = { name = "min-max" } }
then = [{ from = 9, attack = { name = "sign-flip" } }]"#;
    let (folder, _) = with_scenario(&scenario("median", 12, attackers));
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--out", "cluster"]);
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "alone"]);
    let (cluster, alone) = (folder.path().join("cluster"), folder.path().join("alone"));
    assert!(model_bits(&cluster) == model_bits(&alone), "the cluster and the single process differ");
}

#[test]
fn an_attack_that_wants_to_know_more_than_is_granted_is_refused() {
    for (attack, needs) in [("optimal-alie", "omniscient"), ("mimic", "omniscient"), ("min-max", "colluders")]
    {
        let (folder, _) =
            with_scenario(&scenario("median", 3, &format!("attack = {{ name = \"{attack}\" }}")));
        let (code, _, said) = output(folder.path(), ["run", "scenario.toml", "--quiet"]);
        assert_eq!(code, Some(2), "{said}");
        let expected =
            format!("attackers 1: `{attack}` needs knowledge = \"{needs}\", the scenario grants \"self\"");
        assert!(said.contains(&expected), "{said:?} does not say {expected:?}");
    }
}

/// Accuracy after a short run in one process.
fn accuracy(rule: &str, attackers: &str) -> f64 {
    let (folder, _) = with_scenario(&scenario(rule, 60, attackers));
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "out"]);
    number(&json(&folder.path().join("out/summary.json")), &["accuracy_true"])
}

/// Each attack with the rule that it was made for, what that rule is left with, and a rule that stands it.
#[test]
fn every_attack_harms_the_rule_it_was_made_for_and_some_rule_stands_it() {
    let all = "knowledge = \"omniscient\"\n";
    for (attack, victim, left, stands) in [
        ("{ name = \"ipm\", tau = 10.0 }", "average", 0.5, "median"),
        ("{ name = \"optimal-ipm\" }", "average", 0.5, "nnm+trimmed-mean"),
        ("{ name = \"optimal-alie\" }", "average", 0.5, "nnm+trimmed-mean"),
        ("{ name = \"alie\", tau = 30.0 }", "average", 0.5, "median"),
        ("{ name = \"gaussian\", sigma = 20.0 }", "average", 0.6, "trimmed-mean"),
        ("{ name = \"collude\", attack = { name = \"ipm\", tau = 10.0 } }", "average", 0.5, "krum"),
    ] {
        let attackers = format!("{all}attack = {attack}");
        let (harmed, standing) = (accuracy(victim, &attackers), accuracy(stands, &attackers));
        assert!(harmed < left, "{attack}: {victim} is at {harmed}");
        assert!(standing > 0.8, "{attack}: {stands} is at {standing}");
    }
}
