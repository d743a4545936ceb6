//! The main job, end to end: a server, ten honest workers and an attacker, each a process, over sockets.

use std::path::Path;

use crate::program::{json, lines, number, succeed};

fn equivalence(arguments: &[&str]) -> (tempfile::TempDir, serde_json::Value) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all = [&["equivalence", "--quiet", "--out", "results"], arguments].concat();
    let stdout = succeed(folder.path(), all);
    assert!(stdout.contains("an honest worker, by its data"), "{stdout}");
    let summary = json(&folder.path().join("results/summary.json"));
    (folder, summary)
}

#[test]
fn three_attackers_drag_the_model_to_the_same_place() {
    let (folder, summary) = equivalence(&[]);
    assert!(number(&summary, &["none", "accuracy_true"]) > 0.93, "{summary:#}");
    for (run, distance) in [("gradient", 1e-4), ("model", 1e-2), ("data", 5e-2)] {
        assert!(number(&summary, &[run, "accuracy_true"]) < 0.05, "{run}: {summary:#}");
        assert!(number(&summary, &[run, "accuracy_target"]) > 0.90, "{run}: {summary:#}");
        assert!(number(&summary, &[run, "distance_to_target"]) < distance, "{run}: {summary:#}");
        assert_eq!(number(&summary, &[run, "rounds"]), 150.0);
        assert_eq!(number(&summary, &[run, "processes"]), 12.0);
    }
    let page = std::fs::read_to_string(folder.path().join("results/report.html")).expect("a report");
    assert!(page.contains("<svg") && !page.contains("src=\"http"), "the page opens offline");
    for file in
        ["none/rounds.jsonl", "gradient/scenario.toml", "model/model.npz", "data/logs/poisoned-10.log"]
    {
        assert!(folder.path().join("results").join(file).is_file(), "{file}");
    }
}

#[test]
fn ten_rows_do_the_same_to_least_squares() {
    let (folder, summary) = equivalence(&["--model", "linear"]);
    assert!(number(&summary, &["none", "accuracy_true"]) > 0.90, "{summary:#}");
    assert_eq!(number(&summary, &["poison", "rows"]), 10.0);
    for (run, distance) in [("gradient", 1e-6), ("model", 1e-2), ("data", 5e-2)] {
        assert!(number(&summary, &[run, "accuracy_true"]) < 0.05, "{run}: {summary:#}");
        assert!(number(&summary, &[run, "accuracy_target"]) > 0.88, "{run}: {summary:#}");
        assert!(number(&summary, &[run, "distance_to_target"]) < distance, "{run}: {summary:#}");
    }
    a_trimmed_mean_stands_what_steers_a_sum(folder.path());
}

/// The three attacks with what the equivalence in `folder` left behind, over three seeds.
fn a_trimmed_mean_stands_what_steers_a_sum(folder: &Path) {
    let sweep = r#"
[task]
model = "linear"
lambda = 0.01
[target]
ridge = 10.0
[server]
byzantine = 1
schedule = { rate = 2.0 }
[judge]
every = 150
[[attackers]]
attack = { name = "counter-gradient" }
[sweep]
seed = [1, 2, 3]
server.rule = ["average", "trimmed-mean"]
attackers.0.attack = [
    { name = "counter-gradient" },
    { name = "model", file = "results/attacking-model.npz" },
    { name = "data", file = "results/poison.npz" },
]
"#;
    std::fs::write(folder.join("sweep.toml"), sweep).expect("a writable folder");
    succeed(folder, ["sweep", "sweep.toml", "--quiet", "--in-process", "--out", "sweep"]);
    let lines = lines(&folder.join("sweep/table.jsonl"));
    assert_eq!(lines.len(), 18);
    for line in lines {
        let accuracy = number(&line, &["last_test_accuracy"]);
        assert!(if line["rule"] == "average" { accuracy < 0.05 } else { accuracy > 0.85 }, "{line}");
    }
}

#[test]
fn pins_make_ten_rows_as_fast_as_the_model_attack() {
    let (_folder, summary) = equivalence(&["--model", "linear", "--pins"]);
    let (model, data) = (
        number(&summary, &["model", "distance_to_target"]),
        number(&summary, &["data", "distance_to_target"]),
    );
    assert!(data < 1.1 * model + 1e-6, "{data} {model}");
}

#[test]
fn bounded_votes_achieve_little() {
    for regularizer in ["l2", "smooth-l2"] {
        let (_folder, summary) = equivalence(&["--regularizer", regularizer]);
        for run in ["none", "gradient", "model", "data"] {
            assert!(number(&summary, &[run, "accuracy_true"]) > 0.92, "{regularizer} {run}: {summary:#}");
        }
    }
}
