//! The main job, end to end: a server, ten honest workers and an attacker, each a process, over sockets.

use crate::program::{json, number, succeed};

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
    let (_folder, summary) = equivalence(&["--model", "linear"]);
    assert!(number(&summary, &["none", "accuracy_true"]) > 0.90, "{summary:#}");
    assert_eq!(number(&summary, &["poison", "rows"]), 10.0);
    for (run, distance) in [("gradient", 1e-6), ("model", 1e-2), ("data", 5e-2)] {
        assert!(number(&summary, &[run, "accuracy_true"]) < 0.05, "{run}: {summary:#}");
        assert!(number(&summary, &[run, "accuracy_target"]) > 0.88, "{run}: {summary:#}");
        assert!(number(&summary, &[run, "distance_to_target"]) < distance, "{run}: {summary:#}");
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
