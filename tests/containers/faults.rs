//! Containers that are killed, paused and cut off from the network, and what becomes of the others.

use crate::cluster::{Cluster, code, docker};

/// Long enough that something can happen on the way.
const LONG: &str = "name = \"it\"\n[task]\nmodel = \"linear\"\n\
                    [server]\nrounds = 3000\nround_deadline = \"2s\"\nheartbeat = \"1s\"\n\
                    [workers]\ncount = 3\n[[attackers]]\nattack = { name = \"counter-gradient\" }\n";

/// Ranks that were missing, round by round.
fn absences(cluster: &Cluster) -> Vec<Vec<u64>> {
    let text = std::fs::read_to_string(cluster.results().join("rounds.jsonl")).expect("rounds");
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    let ranks = |line: serde_json::Value| {
        line["absent"]
            .as_array()
            .cloned()
            .unwrap_or_default()
            .iter()
            .filter_map(serde_json::Value::as_u64)
            .collect()
    };
    text.lines().map(line).map(ranks).collect()
}

/// Ranks that were missing in some round.
fn absent(cluster: &Cluster) -> Vec<u64> {
    let mut ranks = absences(cluster).concat();
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
    docker(["network", "disconnect", &cluster.network("default"), &lonely]);
    cluster.wait_until_said("server", "gone");
    docker(["network", "connect", &cluster.network("default"), &lonely]);
    assert_eq!(cluster.summary()["rounds"], 3000);
    assert_eq!(code(&lonely), 0);
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn without_its_network_an_attacker_does_no_harm() {
    let cluster = Cluster::new(LONG);
    cluster.up(3, 1);
    cluster.wait_until_said("observer", "round ");
    docker(["network", "disconnect", &cluster.network("default"), &cluster.container("attacker")]);
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

/// Two workers, an attacker and the observer on one network, two workers on another, the server on both.
const TWO_NETWORKS: &str = r#"
version: "3.8"
networks: { left: {}, right: {} }
services:
  worker: { networks: [left] }
  attacker: { networks: [left] }
  observer: { networks: [left] }
  distant:
    image: equipoise
    read_only: true
    command: ["worker", "--patience", "1m"]
    environment: { EQUIPOISE_SERVER: "http://server:4747" }
    stop_grace_period: 10s
    networks: [right]
    deploy: { replicas: 2 }
  server:
    command:
      - server
      - --listen=0.0.0.0:4747
      - --insecure
      - --scenario=/scenarios/it.toml
      - --workers=4
      - --attackers=1
      - --observers=1
    networks: [left, right]
    depends_on: { distant: { condition: service_healthy } }
"#;

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn who_is_behind_a_partition_loses_its_updates_and_nobody_else_does() {
    let cluster = Cluster::new(&LONG.replace("rounds = 3000", "rounds = 6000")).overlaid(TWO_NETWORKS);
    cluster.up(2, 1);
    cluster.wait_until_said("observer", "round ");
    let (server, right) = (cluster.container("server"), cluster.network("right"));
    docker(["network", "disconnect", &right, &server]);
    cluster.wait_until_said_times(2, "server", "gone");
    docker(["network", "connect", "--alias", "server", &right, &server]);
    cluster.wait_until_said_times(5 + 2, "server", "joined");
    let summary = cluster.summary();
    assert_eq!((&summary["rounds"], &summary["skipped"]), (&6000.into(), &0.into()));
    let lost = absences(&cluster);
    let behind = absent(&cluster);
    assert_eq!(behind.len(), 2, "the two of the other network: {behind:?}");
    for rank in &behind {
        let count = lost.iter().filter(|ranks| ranks.contains(rank)).count();
        println!("worker {rank} behind the partition lost {count} of 6000 updates");
        assert!((1..6000).contains(&count), "{count}");
    }
    assert_eq!(lost.last(), Some(&Vec::new()), "all are back at the end");
    for container in [cluster.containers("worker"), cluster.containers("distant")].concat() {
        assert_eq!(code(&container), 0);
    }
}
