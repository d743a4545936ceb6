//! Any process may be killed at any time: started again, it goes on, and the model is the one of an undisturbed run.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::program::{equipoise, json, output, succeed, with_scenario};

/// Each round waits for everybody, so that nobody's death changes whose rows are in.
fn scenario(rounds: u32, workers: usize, server: &str, rest: &str) -> String {
    format!(
        "seed = 5\n[server]\nrounds = {rounds}\nabsent = \"wait\"\nquorum = {workers}\nround_deadline = \"5m\"\n\
         {server}\n{rest}\n"
    )
}

/// A server with momentum, and workers whose answers follow from the model alone.
fn linear() -> String {
    scenario(
        1200,
        4,
        "schedule = { rate = 0.05 }\noptimizer = { name = \"momentum\", beta = 0.5 }",
        "[workers]\ncount = 4\n[task]\nmodel = \"linear\"",
    )
}

/// A sequence that is the same every time, SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 27)) % n
    }
}

fn model(out: &Path) -> Vec<u64> {
    let model = learning::data::load_vector(&out.join("model.npz"), "theta").expect("a model");
    model.into_iter().map(f64::to_bits).collect()
}

fn rounds_seen(folder: &Path) -> usize {
    let text = std::fs::read_to_string(folder.join("out/rounds.jsonl")).unwrap_or_default();
    text.lines()
        .last()
        .and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .map_or(0, |line| {
            line["round"].as_u64().and_then(|round| usize::try_from(round).ok()).unwrap_or_default()
        })
}

/// Kills a process of the run for good, if it still is one.
fn kill(folder: &Path, name: &str) -> bool {
    let pids = json(&folder.join("out/processes.json"));
    let Some(pid) = pids[name].as_u64() else { return false };
    let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.contains("equipoise")
        && Command::new("kill")
            .args(["-KILL", &pid.to_string()])
            .status()
            .is_ok_and(|status| status.success())
}

/// Kills so many processes of a run, one after another and whom the dice say; answers the folder of the run.
fn survives(scenario: &str, kills: u32, names: &[&str]) -> TempDir {
    let (folder, _) = with_scenario(scenario);
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "undisturbed"]);
    let mut run = equipoise(folder.path(), ["run", "scenario.toml", "--quiet", "--restart", "--out", "out"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stderr = BufReader::new(run.stderr.take().expect("piped")).lines();
    let mut dice = Dice(1);
    let mut killed = 0;
    while killed < kills {
        // Somewhere within the next few rounds.
        let until = rounds_seen(folder.path()) + 1 + dice.below(4) as usize;
        while rounds_seen(folder.path()) < until && run.try_wait().expect("a child").is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(run.try_wait().expect("a child").is_none(), "the run was over after {killed} kills");
        std::thread::sleep(Duration::from_micros(dice.below(4000)));
        if kill(folder.path(), names[dice.below(names.len() as u64) as usize]) {
            killed += 1;
            let said = stderr.next().expect("it says so").expect("text");
            assert!(said.contains("was killed by signal 9") && said.contains("was started again"), "{said}");
        }
    }
    let rest: Vec<String> = stderr.map(|line| line.expect("text")).collect();
    assert!(run.wait().expect("it ends").success(), "{rest:?}");
    assert!(
        model(&folder.path().join("out")) == model(&folder.path().join("undisturbed")),
        "the models differ"
    );
    assert_eq!(json(&folder.path().join("out/summary.json"))["lost"], serde_json::json!([]));
    folder
}

#[test]
fn two_hundred_kills_change_no_bit_of_the_model() {
    survives(&linear(), 200, &["server", "worker-0", "worker-1", "worker-2", "worker-3"]);
}

/// Every user has a model and an optimiser of its own, and an attacker the history of what it said.
#[test]
fn users_that_learn_and_liars_that_remember_lose_nothing_when_they_are_killed() {
    let server = "schedule = { rate = 0.02 }\ncheckpoint = { every = 2 }";
    let rest = "[workers]\ncount = 2\n[[attackers]]\nattack = { name = \"counter-gradient\" }\n\
                [task]\nmodel = \"softmax\"\nsolver = { name = \"joint\" }";
    survives(&scenario(500, 3, server, rest), 40, &["server", "worker-0", "worker-1", "attacker-2"]);
}

#[test]
fn momentum_of_workers_survives_them() {
    let task = "[workers]\ncount = 3\n[task]\nobjective = \"shared\"\nmodel = \"softmax\"\n\
                algorithm = { name = \"dsgd\", batch = 16, momentum = 0.9 }";
    let server = "schedule = { rate = 0.05 }\nscale = \"mean\"";
    survives(&scenario(500, 3, server, task), 40, &["worker-0", "worker-1", "worker-2"]);
}

/// Newton's method goes on from where it left off, and its bits depend on where that was.
#[test]
fn exact_users_go_on_from_their_own_models() {
    let task = "[workers]\ncount = 2\n[task]\nmodel = \"softmax\"";
    survives(&scenario(40, 2, "schedule = { rate = 0.05 }", task), 6, &["worker-0", "worker-1"]);
}

/// One good file, and what has to be said of it where it does not belong; of files that are none, before anybody is asked.
#[test]
fn a_workers_state_that_is_not_its_own_is_refused_in_words() {
    let task = "[workers]\ncount = 2\n[task]\nobjective = \"shared\"\nmodel = \"softmax\"";
    let (folder, _) = with_scenario(&scenario(3, 2, "", task));
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--restart", "--out", "out"]);
    let good = std::fs::read(folder.path().join("out/state-0")).expect("it was left");
    let changed = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut server = equipoise(
        folder.path(),
        ["server", "--scenario", "scenario.toml", "--listen", "127.0.0.1:0", "--lifeline"],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::null())
    .spawn()
    .expect("the program starts");
    let mut ready = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut ready).expect("it is ready");
    let ready: serde_json::Value = serde_json::from_str(&ready).expect("it says where it listens");
    let url = format!("http://{}", ready["listening"].as_str().expect("an address"));
    for (bytes, expected) in [
        (b"something else".to_vec(), "state is no state of equipoise"),
        (changed(0), "state is no state of equipoise"),
        (changed(8), "state is a state of format 0, this program reads format 1"),
        (changed(good.len() - 1), "the state state is damaged: its checksum does not fit"),
        (good[..good.len() - 1].to_vec(), "the state state is damaged: its length is not the announced one"),
        (good, "the state state is of another run"),
    ] {
        std::fs::write(folder.path().join("state"), bytes).expect("a writable folder");
        let (code, _, stderr) =
            output(folder.path(), ["worker", &url, "--rank", "0", "--state", "state", "--patience", "9s"]);
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(&format!("error: {expected}")), "{stderr:?} does not say {expected:?}");
    }
    drop(server.stdin.take());
    server.wait().expect("it ends");
}

#[test]
fn a_checkpoint_that_is_none_is_refused_in_words() {
    let (folder, _) = with_scenario(&linear());
    let file = folder.path().join("checkpoint");
    std::fs::write(&file, "something else").expect("a writable folder");
    let server = ["server", "--scenario", "scenario.toml", "--listen", "127.0.0.1:0"];
    let resume = [&server[..], &["--checkpoint", "checkpoint", "--resume"]].concat();
    let (code, _, stderr) = output(folder.path(), &resume);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("error: checkpoint is no checkpoint of equipoise"), "{stderr}");
    std::fs::remove_file(&file).expect("it is there");
    let (code, _, stderr) = output(folder.path(), &resume);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("error: cannot read the checkpoint checkpoint"), "{stderr}");
}
