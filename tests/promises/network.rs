//! A scenario's network is bad on purpose: rounds go on, and what is lost is what the scenario says.

use std::{collections::BTreeSet, path::Path};

use crate::program::{output, succeed, with_scenario};

/// Ranks whose rows were aggregated, round by round.
fn voters(folder: &Path) -> Vec<BTreeSet<u64>> {
    let text = std::fs::read_to_string(folder.join("out/rounds.jsonl")).expect("rounds");
    let line = |line| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    let rank = |verdict: &serde_json::Value| verdict[0].as_u64().expect("a rank");
    let voters = |line: serde_json::Value| {
        line["verdicts"].as_array().into_iter().flatten().map(rank).collect::<BTreeSet<u64>>()
    };
    text.lines().map(line).map(voters).collect()
}

fn model(folder: &Path) -> Vec<u64> {
    let model = learning::data::load_vector(&folder.join("model.npz"), "theta").expect("a model");
    model.into_iter().map(f64::to_bits).collect()
}

#[test]
fn a_partition_loses_the_updates_of_its_group_in_its_rounds_and_the_run_goes_on() {
    // The others are far enough away for whoever comes back to find a round that is still open.
    let (folder, _) = with_scenario(
        r#"
        [task]
        model = "linear"
        [server]
        rounds = 40
        heartbeat = "100ms"
        schedule = { rate = 0.05 }
        [workers]
        count = 5
        [[network.faults]]
        who = [0, 1, 2]
        fault = { name = "delay", time = "15ms" }
        [[network.faults]]
        who = [3, 4]
        rounds = { from = 5, to = 9 }
        fault = { name = "partition" }
        "#,
    );
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--out", "out"]);
    let voters = voters(folder.path());
    assert_eq!(voters.len(), 40);
    let (everybody, rest) = (BTreeSet::from([0, 1, 2, 3, 4]), BTreeSet::from([0, 1, 2]));
    assert!(voters[..4].iter().all(|who| *who == everybody), "{voters:?}");
    assert!(voters[4..9].iter().all(|who| *who == rest), "{voters:?}");
    assert!(voters.iter().all(|who| who.is_superset(&rest)), "{voters:?}");
    assert_eq!(voters[39], everybody, "they came back");
}

#[test]
fn connections_that_break_cost_no_bit_where_rounds_wait() {
    let (folder, _) = with_scenario(
        r#"
        [task]
        model = "linear"
        [server]
        rounds = 60
        absent = "wait"
        quorum = 4
        round_deadline = "5m"
        schedule = { rate = 0.05 }
        [workers]
        count = 4
        [[network.faults]]
        fault = { name = "reset", probability = 0.1 }
        [[network.faults]]
        fault = { name = "delay", jitter = "3ms" }
        "#,
    );
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--out", "out"]);
    let (code, _, said) =
        output(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "plain"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("one process has no network: nothing of [network] happens"), "{said}");
    assert!(model(&folder.path().join("out")) == model(&folder.path().join("plain")), "the models differ");
    let back = |rank: u32| {
        let log = folder.path().join(format!("out/logs/worker-{rank}.log"));
        std::fs::read_to_string(log).expect("a log").matches("trying to get back").count()
    };
    assert!((0..4).map(back).sum::<usize>() >= 4, "the connections did not break");
}

#[test]
fn everything_that_is_wrong_with_the_section_is_told_at_once() {
    let (folder, _) = with_scenario(
        r#"
        [workers]
        count = 3
        [[network.faults]]
        who = [3]
        rounds = { from = 9, to = 8 }
        fault = { name = "reset", probability = 2 }
        [[network.faults]]
        who = "attackers"
        fault = { name = "delay" }
        [[network.faults]]
        who = "honest"
        fault = { name = "partition" }
        "#,
    );
    let (code, _, said) = output(folder.path(), ["run", "scenario.toml"]);
    assert_eq!(code, Some(2), "{said}");
    for words in [
        "6 problems",
        "network.faults 1: there is no rank 3, the highest is 2",
        "network.faults 1: rounds from 9 to 8 never come",
        "network.faults 1: probability is 2",
        "network.faults 2: it is nobody's",
        "network.faults 2: a delay of 0ns",
        "network.faults 3: a partition takes 3 of 3 workers for 150 rounds",
    ] {
        assert!(said.contains(words), "{said:?} does not say {words:?}");
    }
    let (folder, _) = with_scenario("[[network.faults]]\nfault = { name = \"partitoin\" }");
    let (_, _, said) = output(folder.path(), ["run", "scenario.toml"]);
    assert!(said.contains("did you mean `partition`?"), "{said}");
}
