//! Rounds that do not wait for everybody: the slow cost the others nothing, the too old is discarded, and liars who are quick
//! have one row a buffer like everybody else.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
};

use lab::{judge::Judge, scenario::Scenario};
use round::{Ledger, Rank, Reason};
use tokio::net::TcpListener;
use tonic::transport::Endpoint;
use worker::{Config, Honest, Participant, Place, Rows, View, WorkerError};

use crate::program::{json, lines, number, output, succeed, with_scenario};

const ROUNDS: u32 = 150;
/// The worker that is slow, and by how many rounds.
const SLOW: u32 = 3;
const LAG: u32 = 3;

fn scenario(staleness_max: u32, stragglers: &str) -> String {
    format!(
        "seed = 2\nname = \"slow\"\n[task]\nobjective = \"shared\"\nmodel = \"softmax\"\n[server]\nrounds = {ROUNDS}\n\
         mode = {{ asynchronous = {{ buffer = 2, staleness_max = {staleness_max}, stragglers = \"{stragglers}\" }} }}\n\
         scale = \"mean\"\nschedule = {{ rate = 0.5 }}\n[workers]\ncount = 4\n"
    )
}

/// The latest round that anybody has seen.
type Latest = Arc<(Mutex<u32>, Condvar)>;

/// Honest, and perhaps not done before the others are some rounds on.
struct Paced {
    honest: Honest,
    lag: u32,
    latest: Latest,
}

impl Participant for Paced {
    fn respond(&mut self, view: &View<'_>) -> Arc<Vec<f32>> {
        let (latest, changed) = &*self.latest;
        let mut seen = latest.lock().expect("nobody panics");
        *seen = view.round.max(*seen);
        changed.notify_all();
        let until = (view.round + self.lag).min(ROUNDS);
        drop(changed.wait_while(seen, |seen| *seen < until).expect("nobody panics"));
        self.honest.respond(view)
    }
}

/// Runs it over sockets with one slow worker; answers what became of that one's updates and the accuracy at the end.
fn run_with_a_slow_worker(text: &str) -> (Ledger, f64) {
    let (_folder, path) = with_scenario(text);
    let scenario = Scenario::load(&path).expect("a scenario");
    let config = scenario.server_config().expect("a server");
    let judge = Judge::new(&scenario, None).expect("data");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcome = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let latest = Latest::default();
        for rank in 0..4 {
            let server = Endpoint::from_shared(url.clone()).expect("an address");
            let (latest, lag) = (Arc::clone(&latest), if rank == SLOW { LAG } else { 0 });
            tokio::spawn(async move {
                let paced = |joined: &_| {
                    let honest = Honest::new(joined, &Rows::default())?;
                    Ok::<_, WorkerError>(Paced { honest, lag, latest })
                };
                worker::run(Config::new(server, Place::Rank(rank)), paced, std::future::pending())
                    .await
                    .map(drop)
            });
        }
        Box::pin(server::run(listener, config, std::future::pending())).await.expect("a run")
    });
    assert_eq!(outcome.reason, Reason::Done);
    let ledger = outcome.ledgers.into_iter().find(|(rank, _)| *rank == Rank(SLOW)).expect("it was there").1;
    (ledger, judge.judge(&outcome.model).accuracy_true.expect("a classifier"))
}

#[test]
fn a_run_with_a_slow_worker_ends_and_learns_and_discards_what_is_too_old() {
    let (ledger, accuracy) = run_with_a_slow_worker(&scenario(LAG - 1, "discard"));
    assert!(ledger.discarded.contains_key("too-stale"), "{ledger:?}");
    assert!(ledger.rejected.is_empty() && ledger.misbehaved == 0, "{ledger:?}");
    assert!(ledger.staleness <= (LAG - 1) * ledger.accepted, "{ledger:?}");
    assert!(accuracy > 0.8, "{accuracy}");
}

#[test]
fn a_run_that_waits_for_stragglers_takes_all_they_send() {
    let bound = LAG + 2;
    let (ledger, accuracy) = run_with_a_slow_worker(&scenario(bound, "wait"));
    assert!(!ledger.discarded.contains_key("too-stale"), "{ledger:?}");
    // It works on each model for as long as it may be old, and one round more.
    assert!(ledger.accepted >= ROUNDS / (bound + 2), "{ledger:?}");
    let stale = ledger.staleness > 0 && ledger.staleness <= bound * ledger.accepted;
    assert!(stale, "{ledger:?}");
    assert!(accuracy > 0.8, "{accuracy}");
}

/// Answers the model of every round with the same row, once it has made sure that the model is the one of that round.
struct Sure(Arc<Mutex<u32>>);

impl Participant for Sure {
    fn respond(&mut self, view: &View<'_>) -> Arc<Vec<f32>> {
        // Every round moved every number by one.
        let want = (view.round - 1) as f32;
        assert!(view.model.iter().all(|&number| number == want), "round {}: {}", view.round, view.model[0]);
        *self.0.lock().expect("nobody panics") += 1;
        Arc::new(vec![-1.0; view.model.len()])
    }
}

/// A model of several frames has a call of its own, and may be a later one than was announced: the answer is to the one that came.
#[test]
fn models_of_several_frames_are_answered_as_what_they_are() {
    const LONG: usize = 2 * proto::limits::FRAME_BYTES_MAX / 4 + 3;
    let text = scenario(9, "discard")
        .replace("rate = 0.5", "rate = 1.0")
        .replace("stragglers", "exponent = 0.0, stragglers");
    let (_folder, path) = with_scenario(&text);
    let scenario = Scenario::load(&path).expect("a scenario");
    let config = server::Config { start: vec![0.0; LONG], ..scenario.server_config().expect("a server") };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let answered = Arc::new(Mutex::new(0));
    let outcome = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        for rank in 0..4 {
            let server = Endpoint::from_shared(url.clone()).expect("an address");
            let sure = Sure(Arc::clone(&answered));
            tokio::spawn(async move {
                let sure = |_: &_| Ok::<_, WorkerError>(sure);
                worker::run(Config::new(server, Place::Rank(rank)), sure, std::future::pending())
                    .await
                    .map(drop)
            });
        }
        Box::pin(server::run(listener, config, std::future::pending())).await.expect("a run")
    });
    assert_eq!(outcome.reason, Reason::Done);
    assert_eq!(outcome.model, vec![ROUNDS as f32; LONG]);
    let (answered, ledgers) = (*answered.lock().expect("nobody panics"), &outcome.ledgers);
    assert!(answered >= 2 * ROUNDS, "{answered} answers");
    assert!(
        ledgers.iter().all(|(_, ledger)| ledger.rejected.is_empty() && ledger.misbehaved == 0),
        "{ledgers:?}"
    );
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/asynchronous.toml")
}

fn accuracy(folder: &Path, out: &str) -> f64 {
    number(&json(&folder.join(out).join("summary.json")), &["accuracy_true"])
}

/// Four liars of twenty in buffers of eleven, in an order of arrival that the seed decides.
#[test]
fn a_robust_rule_resists_in_buffers_what_the_average_does_not() {
    let text = std::fs::read_to_string(shipped()).expect("it ships");
    let (folder, path) = with_scenario(&text);
    let run = |out| {
        succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--in-process", "--out", out]);
        accuracy(folder.path(), out)
    };
    let (robust, again) = (run("robust"), run("again"));
    let model = |out: &str| std::fs::read(folder.path().join(out).join("model.npz")).expect("a model");
    assert!(robust == again && model("robust") == model("again"), "the seed decides the order of arrival");
    for round in lines(&folder.path().join("robust/rounds.jsonl")) {
        assert_eq!((round["verdicts"].as_array().map(Vec::len), &round["byzantine"]), (Some(11), &4.into()));
        let ages = round["staleness"].as_array().into_iter().flatten();
        assert!(
            ages.into_iter().all(|age| (1..=10).contains(&age[1].as_u64().expect("a number"))),
            "{round}"
        );
    }
    let summary = json(&folder.path().join("robust/summary.json"));
    assert!(number(&summary, &["ledgers", "0", "staleness"]) > 0.0, "nobody was ever late");
    std::fs::write(&path, text.replace("nnm+trimmed-mean", "average")).expect("a writable folder");
    let average = run("average");
    assert!(robust > 0.85 && average < 0.5, "robust {robust}, average {average}");
}

/// Over sockets the order is that of arrival, and the same rule stands the same liars.
#[test]
fn processes_that_nobody_waits_for_learn_the_same_task() {
    let text = std::fs::read_to_string(shipped()).expect("it ships").replace("rounds = 400", "rounds = 200");
    let (folder, _) = with_scenario(&text);
    succeed(folder.path(), ["run", "scenario.toml", "--quiet", "--out", "out"]);
    assert!(accuracy(folder.path(), "out") > 0.8);
    let rounds = lines(&folder.path().join("out/rounds.jsonl"));
    assert!(rounds.iter().all(|round| round["verdicts"].as_array().map(Vec::len) == Some(11)));
}

#[test]
fn what_makes_no_sense_without_waiting_is_refused_in_words() {
    let text = std::fs::read_to_string(shipped()).expect("it ships");
    for (old, new, expected) in [
        ("buffer = 11", "buffer = 21", "buffer is 21, expected 1 to 20"),
        ("buffer = 11", "buffer = 8", "a buffer of 8 updates may have all 4 liars in it: trimmed-mean"),
        ("exponent = 0.5", "exponent = -1", "exponent is -1"),
        ("\"colluders\"", "\"omniscient\"", "an omniscient attacker waits for the honest updates"),
        ("scale = \"mean\"", "sample = 0.5", "sample is for synchronous rounds"),
        ("staleness_max = 10", "stale = 10", "unknown field `stale`"),
    ] {
        let (folder, _) = with_scenario(&text.replace(old, new));
        let (code, _, stderr) = output(folder.path(), ["run", "scenario.toml", "--in-process"]);
        assert_eq!(code, Some(2), "{new}: {stderr}");
        assert!(stderr.contains(expected), "{new}: {stderr}");
    }
}
