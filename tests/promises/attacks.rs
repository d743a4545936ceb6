//! What attackers know and learn from, over sockets as in one process.

use std::{collections::BTreeMap, path::Path};

use crate::{
    harm::accuracies,
    program::{json, output, succeed, with_scenario},
};

/// Sixteen honest workers and four liars on the digits.
pub(crate) fn scenario(rule: &str, rounds: u32, attackers: &str) -> String {
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
    let [mean, trusting] = accuracies(["average", "fltrust(root=0)"], 1000.0, attack);
    assert!(mean.iter().all(|&mean| mean < 0.3), "average {mean:?}");
    assert!(trusting.iter().all(|&trusting| trusting > 0.7), "fltrust {trusting:?}");
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

/// The labels that everybody learns from, as the partition says; a liar's own where its attack needs them.
#[test]
fn a_summary_says_which_labels_everybody_learns_from() {
    let labels = |attackers: &str| {
        let partition = "partition = { name = \"extreme\" }\n[server]";
        let (folder, _) = with_scenario(&scenario("median", 2, attackers).replace("[server]", partition));
        succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "alone"]);
        succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--out", "cluster"]);
        let of = |out: &str| json(&folder.path().join(out).join("summary.json"))["labels"].clone();
        assert_eq!(of("alone"), of("cluster"));
        let page = std::fs::read_to_string(folder.path().join("alone/report.html")).expect("a page");
        assert!(page.contains("Rows of each label"), "{page}");
        serde_json::from_value::<BTreeMap<u32, Vec<u32>>>(of("alone")).expect("rows by label and rank")
    };
    let sees = |rows: &Vec<u32>| rows.iter().filter(|&&rows| rows > 0).count();
    let honest = labels("attack = { name = \"zero\" }");
    assert_eq!(honest.keys().copied().collect::<Vec<_>>(), (0..16).collect::<Vec<_>>());
    assert!(honest.values().all(|rows| rows.len() == 10 && (1..=3).contains(&sees(rows))), "{honest:?}");
    assert_eq!(honest.values().flatten().sum::<u32>(), 1437, "every row is somebody's");
    let flipped = labels("attack = { name = \"label-flip\" }");
    assert_eq!(flipped.len(), 20);
    assert!((16..20).all(|rank| sees(&flipped[&rank]) == 10 && flipped[&rank].iter().sum::<u32>() == 89));
}
