//! A sweep that is interrupted keeps what is done; a run of it that dies is tried once more, and both are said.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::program::{equipoise, json, output};

/// One worker's death is the end of the run: each round wants everybody.
const SWEEP: &str = r#"
[task]
objective = "shared"
algorithm = { name = "dsgd" }
[server]
scale = "mean"
absent = "wait"
quorum = 3
schedule = { rate = 0.5 }
[workers]
count = 3
"#;

/// Nobody answers sooner, so no run is over before it is looked at.
const SLOW: &str = "\n[[network.faults]]\nfault = { name = \"delay\", time = \"20ms\" }\n";

fn with_sweep(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("grid.toml"), text).expect("a writable folder");
    folder
}

fn start(folder: &Path, arguments: &[&str]) -> Child {
    let arguments = [&["sweep", "grid.toml", "--quiet"], arguments].concat();
    let mut command = equipoise(folder, arguments);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

fn signal(name: &str, pid: u64) {
    let status = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "kill {name} {pid}");
}

/// Waits until `look` finds something, as long as the program runs.
fn wait_for<T>(program: &mut Child, look: impl Fn() -> Option<T>) -> T {
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(program.try_wait().expect("a child").is_none(), "the sweep ended too early");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The folders of the runs that have this file.
fn having(folder: &Path, file: &str) -> Vec<PathBuf> {
    let runs = std::fs::read_dir(folder.join("results/grid/runs")).into_iter().flatten();
    runs.filter_map(|run| Some(run.ok()?.path())).filter(|run| run.join(file).is_file()).collect()
}

/// The identifiers of the processes of the only run; none while they are being written.
fn processes(folder: &Path) -> Option<serde_json::Map<String, serde_json::Value>> {
    let text =
        std::fs::read_to_string(having(folder, "processes.json").first()?.join("processes.json")).ok()?;
    serde_json::from_str(&text).ok()
}

#[test]
fn an_interrupted_sweep_keeps_what_is_done_and_goes_on_from_there() {
    for how in [&["--in-process", "--jobs", "1"][..], &["--jobs", "1"]] {
        let grid = |rounds: &str| format!("{SWEEP}[sweep]\nserver.rounds = {rounds}\n");
        // The second would take hours.
        let folder = with_sweep(&grid("[3, 9_000_000]"));
        let mut sweep = start(folder.path(), how);
        let done = wait_for(&mut sweep, || having(folder.path(), "summary.json").pop());
        let running = || having(folder.path(), "rounds.jsonl").into_iter().find(|run| *run != done);
        let running = wait_for(&mut sweep, running);
        signal("-INT", u64::from(sweep.id()));
        let ended = sweep.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("error: interrupted: 1 of 2 runs are done"), "{said}");
        assert!(!running.join("summary.json").exists());
        for pid in processes_of(&running) {
            let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            assert!(!command.contains("equipoise"), "{command} outlived the sweep");
        }
        let before = std::fs::read_to_string(done.join("summary.json")).expect("a summary");

        std::fs::write(folder.path().join("grid.toml"), grid("[3, 4]")).expect("a writable folder");
        let (code, _, said) = output(folder.path(), [&["sweep", "grid.toml"], how].concat());
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("2 runs, 1 of them done, 4 rounds to go"), "{said}");
        let after = std::fs::read_to_string(done.join("summary.json")).expect("a summary");
        assert_eq!(before, after, "what is done is not done again");
    }
}

fn processes_of(run: &Path) -> Vec<u64> {
    let file = run.join("processes.json");
    if !file.is_file() {
        return Vec::new();
    }
    json(&file).as_object().into_iter().flatten().filter_map(|(_, pid)| pid.as_u64()).collect()
}

/// Kills a worker of each of the first `deaths` attempts and answers how the sweep ended and what it said.
fn with_deaths(deaths: usize) -> (Option<i32>, String, tempfile::TempDir) {
    let folder = with_sweep(&format!("{SWEEP}{SLOW}[sweep]\nserver.rounds = [100]\n"));
    let mut sweep = start(folder.path(), &[]);
    let mut stderr = BufReader::new(sweep.stderr.take().expect("piped")).lines();
    let (mut killed, mut said) = (0, String::new());
    for _ in 0..deaths {
        let next = || processes(folder.path())?["worker-1"].as_u64().filter(|&pid| pid != killed);
        let pid = wait_for(&mut sweep, next);
        signal("-KILL", pid);
        killed = pid;
        said.extend(stderr.next().map(|line| line.expect("text") + "\n"));
    }
    said.extend(stderr.map(|line| line.expect("text") + "\n"));
    (sweep.wait().expect("it ends").code(), said, folder)
}

#[test]
fn a_run_that_crashes_is_tried_once_more_and_reported() {
    let (code, said, folder) = with_deaths(1);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("failed and is tried once more: worker-1 was killed by signal 9"), "{said}");
    let run = having(folder.path(), "summary.json").pop().expect("the run is done");
    assert_eq!(json(&run.join("summary.json"))["lost"], serde_json::json!([]));

    let (code, said, folder) = with_deaths(2);
    assert_eq!(code, Some(1), "{said}");
    for expected in
        ["failed and is tried once more", "failed twice: worker-1 was killed", "error: 1 of 1 runs failed"]
    {
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
    let table = std::fs::read_to_string(folder.path().join("results/grid/table.csv")).expect("a table");
    assert!(table.contains(",failed,"), "{table}");
}
