//! `docker compose up` comes up, does its job, shows itself and ends.

use std::{path::Path, process::Command};

use crate::cluster::{Cluster, code, docker, root};

const SCENARIO: &str = "name = \"it\"\n[server]\nrounds = 30\n[workers]\ncount = 3\n\
                        [[attackers]]\nattack = { name = \"counter-gradient\" }\n";

/// A run's lines without their times.
fn rounds(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("rounds.jsonl")).expect("rounds");
    text.lines().map(|line| line.split(",\"timing\"").next().unwrap_or_default().to_owned()).collect()
}

/// That a cluster's run came to its end with the bits of one process.
fn has_the_bits_of_one_process(cluster: &Cluster) {
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
    let model = |folder: &Path| std::fs::read(folder.join("model.npz")).expect("a model");
    assert_eq!(model(&cluster.results()), model(&out));
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn a_run_in_containers_has_the_bits_of_a_run_in_one_process() {
    let cluster = Cluster::new(SCENARIO);
    cluster.up(3, 1);
    has_the_bits_of_one_process(&cluster);
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn with_mutual_tls_it_has_the_same_bits_and_a_stranger_stays_outside() {
    let cluster = Cluster::new(SCENARIO).overlaid("compose.tls.yml");
    cluster.up(3, 1);
    has_the_bits_of_one_process(&cluster);
    let endless =
        Cluster::new(&SCENARIO.replace("rounds = 30", "rounds = 1000000")).overlaid("compose.tls.yml");
    endless.up(2, 1);
    endless.wait_until_said("observer", "round ");
    let network = endless.network("default");
    let run = ["run", "--rm", "--network", &network, "equipoise", "worker"];
    for (address, said) in [("http://server:4747", "does not let us join"), ("https://server:4747", "keys")] {
        let stranger = Command::new("docker").args(run).arg(address).output().expect("docker starts");
        let error = String::from_utf8_lossy(&stranger.stderr).into_owned();
        assert!(!stranger.status.success() && error.contains(said), "{address}: {error}");
    }
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

/// That the server of `cluster` ended with `wanted`, after one line that contains `words`, and was not started again.
fn ended_with_one_line(cluster: &Cluster, service: &str, wanted: i32, words: &str) {
    assert_eq!(code(&cluster.container(service)), wanted, "{}", cluster.log(service));
    let log = cluster.log(service);
    let errors: Vec<&str> = log.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(log.contains(words), "{log}");
    let restarts = docker(["inspect", "--format", "{{.RestartCount}}", &cluster.container(service)]);
    assert_eq!(restarts.trim(), "0");
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn a_wrong_scenario_is_one_line_in_the_log_and_an_exit_code() {
    let cluster = Cluster::new("[server]\nrouns = 3\n");
    cluster.up(1, 1);
    ended_with_one_line(&cluster, "server", 2, "did you mean `rounds`?");
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn missing_data_are_one_line_in_the_log_and_an_exit_code() {
    let scenario = format!("{SCENARIO}[task]\ndata = \"mnist\"\n");
    let cluster = Cluster::new(&scenario);
    cluster.up(1, 1);
    ended_with_one_line(&cluster, "worker", 1, "equipoise fetch mnist");
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn a_port_that_is_taken_is_one_line_and_an_exit_code() {
    let cluster = Cluster::new(&SCENARIO.replace("rounds = 30", "rounds = 1000000"));
    cluster.up(1, 1);
    cluster.wait_until_said("observer", "round ");
    let network = format!("container:{}", cluster.container("server"));
    let second = Command::new("docker")
        .args(["run", "--rm", "--network", &network, "equipoise", "server", "--insecure"])
        .args(["--listen", "0.0.0.0:4747", "--scenario", "/scenarios/quickstart.toml"])
        .output()
        .expect("docker starts");
    let log = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{log}");
    let errors: Vec<&str> = log.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("cannot listen on 0.0.0.0:4747: Address already in use"), "{log}");
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn under_chaos_rounds_go_on_without_who_is_cut_off_and_come_to_their_end() {
    let cluster = Cluster::new(SCENARIO).overlaid("compose.chaos.yml");
    cluster.up(10, 1);
    assert_eq!(code(&cluster.container("observer")), 0, "{}", cluster.log("observer"));
    assert_eq!(code(&cluster.container("server")), 0, "{}", cluster.log("server"));
    assert_eq!(cluster.summary()["rounds"], 60);
    let text = std::fs::read_to_string(cluster.results().join("rounds.jsonl")).expect("rounds");
    let voters = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let verdicts = line["verdicts"].as_array().expect("verdicts").clone();
        verdicts.iter().map(|verdict| verdict[0].as_u64().expect("a rank")).collect::<Vec<_>>()
    };
    let voters: Vec<Vec<u64>> = text.lines().map(voters).collect();
    let cut = |rank: &u64| (7..=9).contains(rank);
    assert!(voters[19..29].iter().all(|who| who.len() >= 6 && !who.iter().any(cut)), "{voters:?}");
    assert!(voters[29..].iter().any(|who| who.iter().any(cut)), "nobody came back: {voters:?}");
}

#[test]
#[ignore = "needs a Docker engine: .ci/containers"]
fn every_combination_of_overlays_is_a_valid_configuration() {
    let mut overlays: Vec<String> = std::fs::read_dir(root())
        .expect("the workspace")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| {
            name.starts_with("compose.") && Path::new(name).extension().is_some_and(|end| end == "yml")
        })
        .collect();
    overlays.sort();
    assert!(overlays.iter().any(|name| name == "compose.tls.yml"), "{overlays:?}");
    for chosen in 0..1_u32 << overlays.len() {
        let some = overlays.iter().enumerate().filter(|(index, _)| chosen >> index & 1 == 1);
        let cluster = some.fold(Cluster::new(SCENARIO), |cluster, (_, name)| cluster.overlaid(name));
        let output = cluster.compose(&["config", "--quiet"]).output().expect("compose starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{chosen:b} of {overlays:?}: {said}");
    }
}
