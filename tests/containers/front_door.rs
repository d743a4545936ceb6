//! `docker compose up` comes up, does its job, shows itself and ends.

use std::process::Command;

use crate::cluster::{Cluster, code, docker};

const SCENARIO: &str = "name = \"it\"\n[server]\nrounds = 30\n[workers]\ncount = 3\n\
                        [[attackers]]\nattack = { name = \"counter-gradient\" }\n";

/// A run's lines without their times.
fn rounds(folder: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("rounds.jsonl")).expect("rounds");
    text.lines().map(|line| line.split(",\"timing\"").next().unwrap_or_default().to_owned()).collect()
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn a_run_in_containers_has_the_bits_of_a_run_in_one_process() {
    let cluster = Cluster::new(SCENARIO);
    cluster.up(3, 1);
    assert_eq!(cluster.summary()["rounds"], 30);
    assert_eq!(code(&cluster.container("server")), 0, "{}", cluster.log("server"));
    for container in [cluster.containers("worker"), cluster.containers("attacker")].concat() {
        assert_eq!(code(&container), 0);
    }
    assert!(cluster.log("observer").contains("accuracy"), "{}", cluster.log("observer"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("it.toml"), SCENARIO).expect("a writable folder");
    let alone = Command::new(env!("CARGO_BIN_EXE_equipoise"))
        .args(["run", "it.toml", "--in-process", "--quiet", "--out", "out"])
        .current_dir(folder.path())
        .status();
    assert!(alone.expect("the program starts").success());
    let out = folder.path().join("out");
    assert_eq!(rounds(&cluster.results()), rounds(&out));
    let model = |folder: &std::path::Path| std::fs::read(folder.join("model.npz")).expect("a model");
    assert_eq!(model(&cluster.results()), model(&out));
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn twenty_containers_share_the_task_without_being_told_how_many_they_are() {
    let cluster = Cluster::new(&SCENARIO.replace("rounds = 30", "rounds = 10"));
    cluster.up(15, 3);
    assert_eq!(cluster.summary()["rounds"], 10);
    let resolved = std::fs::read_to_string(cluster.results().join("scenario.toml")).expect("a scenario");
    let resolved: toml::Table = resolved.parse().expect("TOML");
    assert_eq!(resolved["workers"]["count"].as_integer(), Some(15));
    assert_eq!(resolved["attackers"][0]["count"].as_integer(), Some(3));
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn every_container_ends_in_its_grace_and_none_is_left() {
    let cluster = Cluster::new(&SCENARIO.replace("rounds = 30", "rounds = 1000000"));
    cluster.up(3, 1);
    cluster.wait_until_said("observer", "round ");
    let stopped = cluster.compose(&["stop", "--timeout", "10"]).output().expect("compose starts");
    assert!(stopped.status.success());
    for service in ["server", "observer", "worker", "attacker"] {
        for container in cluster.containers(service) {
            let ended = code(&container);
            assert!((0..128).contains(&ended), "{service} had to be killed: code {ended}");
        }
    }
    assert!(cluster.compose(&["down", "--volumes"]).output().expect("compose starts").status.success());
    assert_eq!(cluster.containers("worker"), Vec::<String>::new());
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn a_wrong_scenario_is_one_line_in_the_log_and_an_exit_code() {
    let cluster = Cluster::new("[server]\nrouns = 3\n");
    cluster.up(1, 1);
    assert_eq!(code(&cluster.container("server")), 2);
    let log = cluster.log("server");
    assert_eq!(log.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{log}");
    assert!(log.contains("did you mean `rounds`?"), "{log}");
    assert_eq!(
        docker(["inspect", "--format", "{{.RestartCount}}", &cluster.container("server")]).trim(),
        "0"
    );
}
