//! Whatever a peer sends, stalls or floods: the server stands it, and the model is exactly what the votes make.
//!
//! Each family of attacks goes against a server of its own with honest workers, all real processes. An observer takes
//! down every round; afterwards the honest rows are computed again and must give the same model bit for bit.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use lab::{
    keys::{self, Days, Keys, Split},
    observer::{Observer, Sighting},
    scenario::Scenario,
};
use proto::v1::RoundReport;
use round::{Rank, Round};
use serde_json::Value;
use server::Descent;
use tokio::sync::oneshot;
use worker::{Honest, Joined, Participant as _, Rows, View};

use crate::program::{equipoise, output, with_scenario};

/// Three honest workers, and a place to attack from.
const SCENARIO: &str = r#"
name = "abuse"
[task]
model = "linear"
[server]
rounds = 1000000
quorum = 3
round_deadline = "3s"
join_deadline = "60s"
[workers]
count = 3
[[attackers]]
attack = { name = "counter-gradient" }
"#;
const HONEST: u32 = 3;
/// Most memory that the server may ever have resident, whatever is thrown at it.
const MEMORY_MIB_MAX: u64 = 160;

/// Ends with the test, however that ends.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything an observer saw.
struct Seen {
    start: Vec<f32>,
    rounds: Vec<RoundReport>,
    model: Vec<f32>,
}

fn server(folder: &Path, mode: &str) -> (Process, String) {
    let arguments = ["server", "--scenario", "scenario.toml", "--listen", "127.0.0.1:0", "--keys", "keys"];
    let mut command = equipoise(folder, arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let ready: Value = serde_json::from_str(&line).expect("where it listens");
    let scheme = if mode == "open" { "http" } else { "https" };
    let url = format!("{scheme}://{}", ready["listening"].as_str().expect("an address"));
    (Process(child), url)
}

fn worker(folder: &Path, url: &str, rank: u32) -> Process {
    let mut command: Command =
        equipoise(folder, ["worker", url, "--rank", &rank.to_string(), "--keys", "keys"]);
    Process(command.stderr(Stdio::null()).spawn().expect("it starts"))
}

/// Follows the run until told to stop, and then to the end of the round.
async fn watch(mut observer: Observer, mut enough: oneshot::Receiver<()>) -> Seen {
    let mut seen = Seen { start: Vec::new(), rounds: Vec::new(), model: Vec::new() };
    while enough.try_recv().is_err() {
        match observer.next().await.expect("the server goes on") {
            Sighting::Start(model) => seen.start = model,
            Sighting::Round(report, model) => {
                seen.rounds.push(report);
                seen.model = model;
            }
            Sighting::Stop(end) => panic!("the run ended: {end:?}"),
        }
    }
    seen
}

/// The model that the counted votes make: the honest rows, computed again, and zeros from the attacker.
fn replay(scenario: &Scenario, seen: &Seen) -> Vec<f32> {
    let config = scenario.server_config().expect("a scenario");
    let joined = |rank| Joined {
        rank,
        workers: HONEST + 1,
        dimension: config.start.len(),
        rounds: config.spec.rounds,
        scenario: config.scenario.clone(),
    };
    let mut honest: Vec<Honest> =
        (0..HONEST).map(|rank| Honest::new(&joined(rank), &Rows::default()).expect("data")).collect();
    let mut descent = Descent::new(&config.spec, config.start.clone(), config.seed);
    assert_eq!(descent.model(), seen.start);
    for report in &seen.rounds {
        let round = Round::new(report.round).expect("from 1");
        let counted: BTreeSet<u32> = report.verdicts.iter().map(|verdict| verdict.rank).collect();
        let model = descent.model().to_vec();
        let mut rows: Vec<(Rank, Vec<f32>)> = Vec::new();
        for (rank, worker) in (0..).zip(&mut honest) {
            assert!(counted.contains(&rank), "round {round}: the vote of {rank} is missing");
            let view = View { round: report.round, model: &model, step: 1.0, previous: None, honest: &[] };
            rows.push((Rank(rank), Arc::unwrap_or_clone(worker.respond(&view))));
        }
        if counted.contains(&HONEST) {
            rows.push((Rank(HONEST), vec![0.0; model.len()]));
        }
        descent.apply(round, report.byzantine as usize, &rows).expect("the average is always defined");
    }
    descent.model().to_vec()
}

/// Commits these attacks against a server with honest workers; answers the verdicts.
fn stands(attacks: &[&str]) -> Vec<Value> {
    stands_as("open", attacks)
}

/// The same against a server that knows who calls in this way.
fn stands_as(mode: &str, attacks: &[&str]) -> Vec<Value> {
    let (folder, path) =
        with_scenario(&SCENARIO.replace("[server]", &format!("[server]\nidentity = {mode:?}")));
    let keys = Keys { folder: Some(folder.path().join("keys")) };
    keys::init(
        &folder.path().join("keys"),
        (HONEST as usize, 1),
        &[],
        Days { from: -1, to: 30 },
        Split::None,
    )
    .expect("keys");
    let (server, url) = server(folder.path(), mode);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let endpoint = tonic::transport::Endpoint::from_shared(url.clone()).expect("an address");
    let token = keys.token(&endpoint, "observer").expect("a token");
    let endpoint = keys.endpoint(endpoint, "observer").expect("keys");
    let observer = runtime.block_on(Observer::follow_as(endpoint, token)).expect("a server");
    let _workers: Vec<Process> = (0..HONEST).map(|rank| worker(folder.path(), &url, rank)).collect();
    let (enough, told) = oneshot::channel();
    let watching = runtime.spawn(watch(observer, told));
    let pid = server.0.id().to_string();
    let mut arguments =
        vec!["abuse", "--target", &url, "--rank", "3", "--pid", &pid, "--json", "--keys", "keys"];
    // With the attacker's place taken once, the rounds begin.
    arguments.extend(["--attack", "early"]);
    arguments.extend(attacks.iter().flat_map(|attack| ["--attack", attack]));
    let (code, stdout, stderr) = output(folder.path(), arguments);
    enough.send(()).expect("the observer is still there");
    let seen = runtime.block_on(watching).expect("it saw everything");
    assert_eq!(code, Some(0), "{stdout}\n{stderr}");
    let report: Value = serde_json::from_str(&stdout).expect("a report");
    let peak = report["memory_peak_bytes"][1].as_u64().expect("a number") >> 20;
    assert!(peak < MEMORY_MIB_MAX, "the server had {peak} MiB");
    let scenario = Scenario::load(&path).expect("a scenario");
    assert!(replay(&scenario, &seen) == seen.model, "the model is not what the votes make");
    assert!(seen.rounds.iter().all(|report| report.skipped.is_empty()), "a round was lost");
    report["verdicts"].as_array().expect("verdicts").clone()
}

#[test]
fn malformed_updates_cost_their_sender_a_vote_and_nobody_else_anything() {
    let verdicts = stands(&[
        "wrong-length",
        "absurd-length",
        "too-many-bytes",
        "too-few-bytes",
        "torn-number",
        "wrong-offset",
        "wrong-order",
        "second-header",
        "no-header",
        "empty",
        "wrong-run",
        "round-zero",
        "wrong-number-type",
        "wrong-checksum",
        "nan",
        "infinity",
        "denormal",
        "not-protobuf",
    ]);
    assert_eq!(verdicts.len(), 19);
}

#[test]
fn nobody_votes_twice_or_out_of_turn_or_for_another() {
    stands(&[
        "duplicate",
        "equivocation",
        "replay",
        "late",
        "forged-session",
        "forged-control",
        "no-session",
    ]);
    stands(&["impersonation", "no-such-rank", "other-version", "no-such-method"]);
}

#[test]
fn what_is_announced_is_not_reserved() {
    stands(&["four-gib", "four-gib-join", "oversized-header", "truncated-stream", "cut", "garbage"]);
}

#[test]
fn the_slow_are_not_waited_for() {
    stands(&["slow-loris", "stall", "heartbeats-only"]);
}

#[test]
fn strangers_who_do_nothing_are_shown_the_door() {
    stands(&["slow-join", "idle-connection", "never-reading", "deaf-observers"]);
}

#[test]
fn floods_run_off() {
    stands(&["stream-flood", "rapid-reset", "heartbeat-flood", "update-flood", "stranger-flood"]);
    stands(&["join-flood", "connection-flood"]);
}

/// A family's most telling attacks each, over TLS: by a worker that shows its credential and then misbehaves.
#[test]
fn whoever_shows_a_credential_gets_away_with_no_more() {
    let attacks = [
        "wrong-checksum",
        "nan",
        "equivocation",
        "forged-session",
        "impersonation",
        "no-such-rank",
        "four-gib-join",
        "not-protobuf",
        "garbage",
        "never-reading",
        "rapid-reset",
        "stranger-flood",
    ];
    for mode in ["token", "mtls"] {
        let verdicts = stands_as(mode, &attacks);
        let answer = |attack: &str| {
            let verdict = verdicts.iter().find(|verdict| verdict["attack"] == attack).expect("a verdict");
            verdict["answer"].as_str().expect("words").to_owned()
        };
        assert!(answer("impersonation").starts_with("PermissionDenied"), "{}", answer("impersonation"));
        assert!(answer("no-such-rank").starts_with("PermissionDenied"), "{}", answer("no-such-rank"));
    }
}
