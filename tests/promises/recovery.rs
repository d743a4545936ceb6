//! Any process may be killed at any time: started again, it goes on, and the model is the one of an undisturbed run.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::program::{equipoise, json, output, succeed, with_scenario};

/// Each round waits for everybody, so that nobody's death changes whose rows are in.
const SCENARIO: &str = r#"
seed = 5
[task]
model = "linear"
[server]
rounds = 1200
absent = "wait"
quorum = 4
round_deadline = "5m"
schedule = { rate = 0.05 }
optimizer = { name = "momentum", beta = 0.5 }
[workers]
count = 4
"#;

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

#[test]
fn two_hundred_kills_change_no_bit_of_the_model() {
    let (folder, _) = with_scenario(SCENARIO);
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", "undisturbed"]);
    let mut run = equipoise(folder.path(), ["run", "scenario.toml", "--quiet", "--restart", "--out", "out"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stderr = BufReader::new(run.stderr.take().expect("piped")).lines();
    let names = ["server", "worker-0", "worker-1", "worker-2", "worker-3"];
    let mut dice = Dice(1);
    let mut kills = 0;
    while kills < 200 {
        // Somewhere within the next few rounds.
        let until = rounds_seen(folder.path()) + 1 + dice.below(4) as usize;
        while rounds_seen(folder.path()) < until && run.try_wait().expect("a child").is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(run.try_wait().expect("a child").is_none(), "the run was over after {kills} kills");
        if kill(folder.path(), names[dice.below(5) as usize]) {
            kills += 1;
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
}

#[test]
fn a_checkpoint_that_is_none_is_refused_in_words() {
    let (folder, _) = with_scenario(SCENARIO);
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
