//! Every mistake gets one clear line: what, what was got, what would be right, and what to do.

use std::net::TcpListener;

use crate::program::{equipoise, output, with_scenario};

/// What the program says to a mistake, and its exit code.
fn said(scenario: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let (folder, _) = with_scenario(scenario);
    let (code, _, stderr) = output(folder.path(), arguments);
    assert!(!stderr.contains("panicked") && !stderr.contains("bug of equipoise"), "{stderr}");
    let errors = stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "one line: {stderr}");
    (code, stderr)
}

#[test]
fn a_mistake_in_a_scenario_is_told_before_anything_starts() {
    for (scenario, expected) in [
        ("[server]\nrouns = 3", "line 2: unknown field `rouns`"),
        ("[server]\nrouns = 3", "hint: did you mean `rounds`?"),
        ("[task]\nmodel = \"sofmax\"", "hint: did you mean `softmax`?"),
        ("[task]\ndata = \"minst\"", "unknown data set `minst`"),
        ("[server]\nrule = \"krummm\"", "unknown rule `krummm`"),
        ("seed = 'x'", "line 1: invalid type: string \"x\""),
        ("[task", "line 1:"),
        ("[server]\nrounds = 0", "rounds is 0, expected at least 1"),
        ("[[attackers]]\nattack = { name = \"data\", file = \"gone.npz\" }", "there is no file gone.npz"),
    ] {
        let (code, stderr) = said(scenario, &["run", "scenario.toml"]);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(expected), "{stderr:?} does not say {expected:?}");
    }
}

#[test]
fn a_missing_scenario_a_wrong_flag_and_a_wrong_address_are_told() {
    for (arguments, expected) in [
        (&["run", "nowhere.toml"][..], "cannot read the scenario nowhere.toml"),
        (&["equivalence", "--lambda", "0"], "lambda is 0, expected a positive number"),
        (&["worker", "127.0.0.1:4747"], "is not the address of a server"),
        (&["worker", "ftp://x"], "hint: it looks like http://127.0.0.1:4747"),
    ] {
        let (code, stderr) = said("", arguments);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(expected), "{stderr:?} does not say {expected:?}");
    }
    let (code, stderr) = said("", &["equivalence", "--modle", "linear"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("--model"), "{stderr}");
}

#[test]
fn data_that_were_not_fetched_are_told_where_they_were_looked_for() {
    let (code, stderr) =
        said("[task]\ndata = \"mnist\"", &["run", "scenario.toml", "--data-dir", "here", "--in-process"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("data set `mnist` is not in here/mnist"), "{stderr}");
    assert!(stderr.contains("\nhint: `equipoise fetch mnist` gets it"), "{stderr}");
}

#[test]
fn a_port_in_use_is_told_with_its_number() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let (code, stderr) = said("", &["server", "--scenario", "scenario.toml", "--listen", &address]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(&format!("cannot listen on {address}: ")), "{stderr}");
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let free =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    for command in ["worker", "attacker", "observe", "health"] {
        let (code, stderr) = said("", &[command, &format!("http://{free}")]);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(&format!("cannot connect to http://{free}")), "{stderr}");
    }
}

#[test]
fn poisoned_rows_of_the_wrong_width_end_the_run_with_one_line() {
    let scenario = "[[attackers]]\nattack = { name = \"data\", file = \"narrow.csv\" }";
    let (folder, _) = with_scenario(scenario);
    std::fs::write(folder.path().join("narrow.csv"), "1,2,3\n").expect("a writable folder");
    let run =
        equipoise(folder.path(), ["run", "scenario.toml", "--quiet"]).output().expect("the program starts");
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1), "{stderr}");
    let expected = "poisoned-10 ended with code 1: narrow.csv: inputs of width 2, the task has 64";
    assert!(stderr.contains(expected), "{stderr:?} does not say {expected:?}");
}

#[test]
fn whoever_stops_reading_the_output_is_no_bug() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ended = equipoise(folder.path(), ["rules"]).stdout(writer).output().expect("it starts");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}
