//! Processes die; what is left says so and comes to an end.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::program::{equipoise, json, number, with_scenario};

/// Long enough that somebody can be killed on the way.
const LONG: &str = "[task]\nmodel = \"linear\"\n[server]\nrounds = 5000\n[workers]\ncount = 4\n";

/// Starts a run and waits until its first rounds are over.
fn started(folder: &Path) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut run = equipoise(folder, ["run", "scenario.toml", "--out", "out"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stderr = BufReader::new(run.stderr.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("round ") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).expect("text"), 0, "the run ended before its first rounds");
    }
    (run, stderr)
}

fn kill(pid: u32, signal: &str) {
    let killed = Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill runs");
    assert!(killed.success());
}

fn pid(folder: &Path, name: &str) -> u32 {
    json(&folder.join("out/processes.json"))[name]
        .as_u64()
        .and_then(|pid| pid.try_into().ok())
        .expect("a process")
}

fn rest(mut stderr: BufReader<std::process::ChildStderr>) -> String {
    let mut text = String::new();
    stderr.read_to_string(&mut text).expect("text");
    text
}

/// No process of the run is left: each would still hold its log, and its name would still be in the process table.
fn assert_nobody_is_left(folder: &Path) {
    let pids = json(&folder.join("out/processes.json"));
    for (name, pid) in pids.as_object().expect("processes by name") {
        let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!command.contains("equipoise"), "{name} is left: {command:?}");
    }
}

#[test]
fn the_others_go_on_without_a_worker_that_was_killed() {
    let (folder, _) = with_scenario(LONG);
    let (mut run, stderr) = started(folder.path());
    kill(pid(folder.path(), "worker-2"), "-KILL");
    let said = rest(stderr);
    assert!(run.wait().expect("it ends").success(), "{said}");
    assert!(said.contains("worker-2 was killed by signal 9"), "{said}");
    let summary = json(&folder.path().join("out/summary.json"));
    assert_eq!(number(&summary, &["rounds"]), 5000.0);
    assert_eq!(summary["lost"], serde_json::json!([2]));
    assert_nobody_is_left(folder.path());
}

#[test]
fn everyone_ends_when_the_server_is_killed() {
    let (folder, _) = with_scenario(LONG);
    let (mut run, stderr) = started(folder.path());
    kill(pid(folder.path(), "server"), "-KILL");
    let said = rest(stderr);
    assert_eq!(run.wait().expect("it ends").code(), Some(1), "{said}");
    assert!(said.contains("error: the server was killed by signal 9 after round"), "{said}");
    for rank in 0..4 {
        let log = std::fs::read_to_string(folder.path().join(format!("out/logs/worker-{rank}.log")))
            .expect("a log");
        let errors: Vec<&str> = log.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(matches!(errors[..], [line] if line.contains("lost the server")), "{log}");
    }
    assert_nobody_is_left(folder.path());
}

#[test]
fn ctrl_c_ends_everyone_and_says_where() {
    let (folder, _) = with_scenario(LONG);
    let (mut run, stderr) = started(folder.path());
    kill(run.id(), "-INT");
    let said = rest(stderr);
    assert_eq!(run.wait().expect("it ends").code(), Some(1), "{said}");
    assert!(said.contains("error: interrupted after round"), "{said}");
    assert_nobody_is_left(folder.path());
}

#[test]
fn nobody_outlives_a_program_that_was_killed() {
    let (folder, _) = with_scenario(LONG);
    let (mut run, stderr) = started(folder.path());
    run.kill().expect("it can be killed");
    run.wait().expect("it ends");
    drop(stderr);
    // The children notice by themselves; when the last is gone nobody holds the logs any more.
    let pids = json(&folder.path().join("out/processes.json"));
    for pid in pids.as_object().expect("processes by name").values() {
        let ended = Command::new("tail").args(["--pid", &pid.to_string(), "-f", "/dev/null"]).status();
        assert!(ended.expect("tail runs").success());
    }
    assert_nobody_is_left(folder.path());
}
