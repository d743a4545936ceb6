//! Containers that are killed, paused and cut off from the network, and what becomes of the others.

use crate::cluster::{Cluster, code, docker};

/// Long enough that something can happen on the way.
const LONG: &str = "name = \"it\"\n[task]\nmodel = \"linear\"\n\
                    [server]\nrounds = 3000\nround_deadline = \"2s\"\nheartbeat = \"1s\"\n\
                    [workers]\ncount = 3\n[[attackers]]\nattack = { name = \"counter-gradient\" }\n";

/// Ranks that were missing in some round.
fn absent(cluster: &Cluster) -> Vec<u64> {
    let text = std::fs::read_to_string(cluster.results().join("rounds.jsonl")).expect("rounds");
    let mut ranks: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .flat_map(|line| line["absent"].as_array().cloned().unwrap_or_default())
        .filter_map(|rank| rank.as_u64())
        .collect();
    ranks.sort_unstable();
    ranks.dedup();
    ranks
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn the_others_go_on_when_a_worker_is_killed() {
    let cluster = Cluster::new(LONG);
    cluster.up(3, 1);
    cluster.wait_until_said("observer", "round ");
    let victim = cluster.container("worker");
    docker(["kill", "--signal", "KILL", &victim]);
    assert_eq!(cluster.summary()["rounds"], 3000);
    assert_eq!(code(&victim), 137);
    assert_eq!(code(&cluster.container("server")), 0);
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn a_worker_that_is_paused_past_the_deadline_misses_rounds_and_comes_back() {
    let cluster = Cluster::new(LONG);
    cluster.up(3, 1);
    cluster.wait_until_said("observer", "round ");
    let sleeper = cluster.container("worker");
    docker(["pause", &sleeper]);
    cluster.wait_until_said("server", "gone");
    docker(["unpause", &sleeper]);
    assert_eq!(cluster.summary()["rounds"], 3000);
    assert_eq!(absent(&cluster).len(), 1);
    assert_eq!(code(&sleeper), 0, "it came back and went on to the end");
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn a_worker_that_is_cut_off_and_connected_again_goes_on() {
    let cluster = Cluster::new(LONG);
    cluster.up(3, 1);
    cluster.wait_until_said("observer", "round ");
    let lonely = cluster.container("worker");
    docker(["network", "disconnect", &cluster.network(), &lonely]);
    cluster.wait_until_said("server", "gone");
    docker(["network", "connect", &cluster.network(), &lonely]);
    assert_eq!(cluster.summary()["rounds"], 3000);
    assert_eq!(code(&lonely), 0);
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn without_its_network_an_attacker_does_no_harm() {
    let cluster = Cluster::new(LONG);
    cluster.up(3, 1);
    cluster.wait_until_said("observer", "round ");
    docker(["network", "disconnect", &cluster.network(), &cluster.container("attacker")]);
    let summary = cluster.summary();
    assert!(summary["accuracy_true"].as_f64().expect("a number") > 0.85, "{summary}");
    assert_eq!(absent(&cluster), [3]);
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn a_server_that_is_killed_and_started_again_goes_on_to_the_same_model() {
    let undisturbed = Cluster::new(LONG);
    undisturbed.up(3, 1);
    let expected = undisturbed.summary();
    let cluster = Cluster::new(LONG);
    cluster.up(3, 1);
    cluster.wait_until_said("observer", "round ");
    let server = cluster.container("server");
    docker(["kill", "--signal", "KILL", &server]);
    docker(["start", &server]);
    let summary = cluster.summary();
    for key in ["accuracy_true", "accuracy_target", "distance_to_target", "norm", "rounds"] {
        assert_eq!(summary[key], expected[key], "{key}");
    }
    assert!(cluster.log("server").contains("resum"), "{}", cluster.log("server"));
}
