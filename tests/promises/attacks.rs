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

/// That a cluster of processes ends with the bits of one process, and not where it began.
fn is_the_same_over_sockets(scenario: &str) {
    let (folder, _) = with_scenario(scenario);
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--out", "cluster"]);
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "alone"]);
    let cluster = model_bits(&folder.path().join("cluster"));
    assert!(cluster.iter().any(|&bits| bits != 0), "the model moved");
    assert!(cluster == model_bits(&folder.path().join("alone")), "the cluster and the single process differ");
}

#[test]
fn an_omniscient_line_search_over_sockets_is_that_of_one_process_bit_for_bit() {
    let attackers = "knowledge = \"omniscient\"\nattack = { name = \"optimal-alie\" }";
    is_the_same_over_sockets(&scenario("nnm+trimmed-mean", 12, attackers));
}

#[test]
fn accomplices_and_sleepers_over_sockets_are_those_of_one_process() {
    let attackers = r#"knowledge = "colluders"
sleep = 4
attack = { name = "collude", attack = { name = "min-max" } }
then = [{ from = 9, attack = { name = "sign-flip" } }]"#;
    is_the_same_over_sockets(&scenario("median", 12, attackers));
}

#[test]
fn averaging_local_steps_over_sockets_gives_the_bits_of_one_process() {
    let text = scenario("trimmed-mean", 12, "attack = { name = \"sign-flip\" }").replace(
        "{ name = \"dsgd\", batch = 16, momentum = 0.9 }",
        "{ name = \"fedavg\", steps = 4, batch = 16, rate = 0.1 }",
    );
    is_the_same_over_sockets(&text);
}

#[test]
fn a_worker_that_the_server_trusts_is_its_gradient_and_stands_what_the_mean_does_not() {
    let attack = "{ name = \"ipm\", tau = 10.0 }";
    let (mean, trusting) = (accuracy("average", 1000.0, attack), accuracy("fltrust(root=0)", 1000.0, attack));
    assert!(mean < 0.3 && trusting > 0.7, "average {mean}, fltrust {trusting}");
    let text = scenario("fltrust(root=0)", 12, "attack = { name = \"sign-flip\" }");
    is_the_same_over_sockets(&text);
    for (rule, said) in [("fltrust", "as in fltrust(root=0)"), ("fltrust(root=20)", "trusts rank 20")] {
        let (folder, _) = with_scenario(&scenario(rule, 3, "attack = { name = \"sign-flip\" }"));
        let (code, _, error) = output(folder.path(), ["run", "scenario.toml", "--quiet"]);
        assert!(code == Some(2) && error.contains(said), "{error:?} does not say {said:?}");
    }
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

/// Accuracy after a short run in one process: eleven honest workers whose labels differ, five liars.
fn accuracy(rule: &str, alpha: f64, attack: &str) -> f64 {
    let attackers = format!("knowledge = \"omniscient\"\nattack = {attack}");
    let text = scenario(rule, 60, &attackers)
        .replace("[server]", &format!("partition = {{ name = \"dirichlet\", alpha = {alpha:?} }}\n[server]"))
        .replace("byzantine = 4", "byzantine = 5")
        .replace("count = 16", "count = 11")
        .replace("count = 4", "count = 5");
    let (folder, _) = with_scenario(&text);
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "out"]);
    number(&json(&folder.path().join("out/summary.json")), &["accuracy_true"])
}

/// Each attack on data of some heterogeneity: a rule that it harms, below what accuracy, and one that stands above another.
/// Where the rule that stands is `average`, the liars send too little to outweigh the honest.
#[test]
fn every_attack_harms_the_rule_it_was_made_for_and_some_rule_stands_it() {
    for (attack, alpha, (harmed, below), (stands, above)) in [
        ("{ name = \"sign-flip\" }", 0.3, ("geometric-median", 0.4), ("average", 0.7)),
        ("{ name = \"ipm\", tau = 0.8 }", 0.3, ("geometric-median", 0.4), ("average", 0.7)),
        ("{ name = \"ipm\", tau = 10.0 }", 1000.0, ("average", 0.3), ("median", 0.7)),
        ("{ name = \"alie\", tau = 1.5 }", 0.3, ("median", 0.65), ("nnm+median", 0.68)),
        ("{ name = \"optimal-alie\" }", 0.3, ("average", 0.3), ("krum", 0.6)),
        ("{ name = \"optimal-ipm\" }", 1000.0, ("average", 0.3), ("nnm+trimmed-mean", 0.7)),
        ("{ name = \"mimic\" }", 0.3, ("krum", 0.3), ("average", 0.6)),
        ("{ name = \"min-max\", direction = \"sign\" }", 0.3, ("average", 0.3), ("krum", 0.6)),
        ("{ name = \"min-sum\", direction = \"unit\" }", 0.3, ("average", 0.3), ("nnm+median", 0.6)),
        ("{ name = \"fang-trimmed-mean\" }", 0.3, ("trimmed-mean", 0.6), ("nnm+trimmed-mean", 0.75)),
        ("{ name = \"fang-krum\" }", 1.0, ("krum", 0.3), ("average", 0.7)),
        ("{ name = \"gaussian\", sigma = 5.0 }", 1000.0, ("average", 0.6), ("median", 0.7)),
        ("{ name = \"zero\" }", 0.3, ("krum", 0.3), ("average", 0.7)),
        ("{ name = \"label-flip\" }", 0.3, ("krum", 0.3), ("average", 0.7)),
        (
            "{ name = \"collude\", attack = { name = \"min-sum\", direction = \"unit\" } }",
            0.3,
            ("average", 0.3),
            ("nnm+trimmed-mean", 0.6),
        ),
    ] {
        let got = accuracy(harmed, alpha, attack);
        assert!(got < below, "{attack}: {harmed} is at {got}");
        let got = accuracy(stands, alpha, attack);
        assert!(got > above, "{attack}: {stands} is at {got}");
    }
}

/// What is no number costs its sender the vote of the round and nobody else anything.
#[test]
fn rows_that_are_no_numbers_are_rejected_and_even_the_mean_stands_them() {
    for attack in ["infinity", "nan"] {
        let got = accuracy("average", 1000.0, &format!("{{ name = \"{attack}\" }}"));
        assert!(got > 0.8, "{attack}: average is at {got}");
    }
}

/// A backdoor is not seen in the accuracy, but in what the model says of pictures with the trigger.
#[test]
fn a_boosted_backdoor_is_learned_under_the_mean_and_not_under_the_median() {
    let attack = "{ name = \"backdoor\", target = 7, boost = 3.0 }";
    let share = |rule: &str| {
        let (folder, _) = with_scenario(&scenario(rule, 60, &format!("attack = {attack}")));
        succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "out"]);
        let file = folder.path().join("out/model.npz");
        let theta = learning::data::load_vector(&file, "theta").expect("a model");
        let theta: Vec<f32> = theta.into_iter().map(|t| t as f32).collect();
        let mut test = learning::data::Source::Digits.test(None).expect("embedded");
        let trigger = attacks::Trigger { size: 2, target: 7, share: 1.0 };
        trigger.stamp(&mut test, &(0..360).collect::<Vec<_>>());
        let model = learning::Model { kind: learning::model::Kind::Softmax, inputs: 64, outputs: 10 };
        let answers = learning::Exam::new(&model, &test).answers(&theta);
        learning::model::accuracy(&answers, &[7; 360])
    };
    let (mean, median) = (share("average"), share("median"));
    assert!(mean > 0.8 && median < 0.5, "average {mean}, median {median}");
}
