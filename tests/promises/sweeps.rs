//! A sweep runs every combination once, goes on where it was, and tells all mistakes before anything runs.

use std::{collections::BTreeSet, path::Path};

use crate::program::{json, output, succeed};

/// A folder with a sweep in it.
fn with_sweep(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("grid.toml"), text).expect("a writable folder");
    folder
}

const SMALL: &str = r#"
[task]
objective = "shared"
algorithm = { name = "dsgd" }
validation = 0.2
[server]
rounds = 12
scale = "mean"
byzantine = 2
schedule = { rate = 0.5 }
[judge]
every = 4
[workers]
count = 6
[[attackers]]
count = 2
knowledge = "omniscient"
attack = { name = "sign-flip" }
[sweep]
server.rule = ["average", "trimmed-mean"]
attackers.0.attack = [{ name = "sign-flip" }, { name = "ipm", tau = 20.0 }]
seed = [1, 2]
"#;

fn table(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("results/grid/table.jsonl")).expect("a table");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// Everything but the times.
fn without_seconds(folder: &Path) -> Vec<serde_json::Value> {
    let mut lines = table(folder);
    lines.iter_mut().for_each(|line| drop(line.as_object_mut().expect("an object").remove("seconds")));
    lines
}

#[test]
fn every_combination_is_run_once_and_a_second_time_none() {
    let folder = with_sweep(SMALL);
    let (code, stdout, stderr) = output(folder.path(), ["sweep", "grid.toml", "--in-process"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("8 runs, 96 rounds to go: about "), "{stderr}");
    assert!(stdout.contains("trimmed-mean") && stdout.contains("worst case"), "{stdout}");
    let lines = table(folder.path());
    let runs: BTreeSet<&str> = lines.iter().filter_map(|line| line["run"].as_str()).collect();
    assert_eq!((lines.len(), runs.len()), (8, 8));
    for line in &lines {
        assert_eq!((&line["state"], &line["last_round"]), (&"done".into(), &12.into()), "{line}");
        assert!(
            line["best_test_accuracy"].is_number() && line["worst_validation_accuracy"].is_number(),
            "{line}"
        );
    }
    let results = folder.path().join("results/grid");
    let page = std::fs::read_to_string(results.join("sweep.html")).expect("a page");
    assert!(page.contains("<svg") && !page.contains("src=\"http"), "the page opens offline");
    let csv = std::fs::read_to_string(results.join("table.csv")).expect("a table");
    assert!(csv.starts_with("rule,attack,seed,run,state,last_round,"), "{csv}");

    // One run is lost; only that one is done again, and with the same bits.
    let before = without_seconds(folder.path());
    let lost = results.join("runs").join(lines[3]["run"].as_str().expect("a run"));
    std::fs::remove_file(lost.join("summary.json")).expect("a summary");
    let (code, _, stderr) = output(folder.path(), ["sweep", "grid.toml", "--in-process"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("8 runs, 7 of them done, 12 rounds to go"), "{stderr}");
    assert_eq!(without_seconds(folder.path()), before);
    let (_, _, stderr) = output(folder.path(), ["sweep", "grid.toml", "--in-process"]);
    assert!(stderr.contains("8 runs, 8 of them done: nothing to do"), "{stderr}");
}

#[test]
fn a_sweep_of_clusters_has_the_same_numbers() {
    let one = SMALL.replace("seed = [1, 2]", "seed = [1]").replace(", \"trimmed-mean\"", "");
    let folders = [with_sweep(&one), with_sweep(&one)];
    succeed(folders[0].path(), ["sweep", "grid.toml", "--quiet", "--in-process"]);
    succeed(folders[1].path(), ["sweep", "grid.toml", "--quiet", "--jobs", "2"]);
    assert_eq!(without_seconds(folders[0].path()), without_seconds(folders[1].path()));
}

#[test]
fn a_study_has_the_same_bits_over_sockets_and_says_what_the_attack_does() {
    let one = SMALL.split("[sweep]").next().expect("a scenario");
    let folder = with_sweep(one);
    succeed(folder.path(), ["run", "grid.toml", "--quiet", "--study", "--out", "a", "--in-process"]);
    succeed(folder.path(), ["run", "grid.toml", "--quiet", "--study", "--out", "b"]);
    let study = |out: &str| -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(folder.path().join(out).join("study.jsonl")).expect("a study");
        let line = |line: &str| {
            let mut value: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
            drop(value.as_object_mut().expect("an object").remove("timing"));
            value
        };
        text.lines().map(line).collect()
    };
    let lines = study("a");
    assert_eq!(lines.len(), 12);
    assert!(lines == study("b"), "the cluster and the single process differ");
    for line in &lines {
        assert_eq!((&line["honest"]["rows"], &line["attack"]["rows"]), (&6.into(), &2.into()));
        let number = |key: &str| line[key].as_f64().expect("a number");
        assert!(number("cosine_honest_attack") < 0.0, "signs are flipped: {line}");
        assert!((number("attack_weight") - 0.25).abs() < 1e-12, "the average takes everybody in: {line}");
        assert!(number("kappa") > 0.0 && number("error") > 0.0, "{line}");
    }
}

#[test]
fn all_mistakes_of_a_sweep_are_told_before_anything_runs() {
    let wrong = SMALL
        .replace("{ name = \"ipm\", tau = 20.0 }", "{ name = \"alei\" }, { name = \"mimic\" }")
        .replace("byzantine = 2", "byzantine = 4")
        .replace("knowledge = \"omniscient\"", "")
        .replace("seed = [1, 2]", "seed = [1, 2]\ntask.lambda = []");
    let folder = with_sweep(&wrong);
    let (code, _, stderr) = output(folder.path(), ["sweep", "grid.toml", "--in-process"]);
    assert_eq!(code, Some(2), "{stderr}");
    for expected in [
        "4 problems",
        "`sweep.task.lambda` is an empty list, expected at least one alternative",
        "unknown variant `alei`",
        "(4 of 12 runs: attack alei)",
        "`mimic` needs knowledge = \"omniscient\"",
        "trimmed-mean needs n > 2f",
        "rule trimmed-mean",
    ] {
        assert!(stderr.contains(expected), "{stderr:?} does not say {expected:?}");
    }
    assert!(!folder.path().join("results").exists(), "nothing was run");
}

#[test]
fn a_run_that_cannot_be_finished_is_tried_twice_and_told_and_the_others_are_kept() {
    let text = SMALL
        .replace("seed = [1, 2]", "seed = [1]\ntask.data = [\"digits\", \"mnist\"]")
        .replace("[\"average\", \"trimmed-mean\"]", "[\"average\"]");
    let folder = with_sweep(&text);
    let (code, _, stderr) = output(folder.path(), ["sweep", "grid.toml", "--in-process", "--quiet"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("error: 2 of 4 runs failed, tried twice each"), "{stderr}");
    let states = table(folder.path()).into_iter().map(|line| line["state"].as_str().map(str::to_owned));
    let done = states.flatten().filter(|state| state == "done").count();
    assert_eq!(done, 2);
    assert!(
        json(
            &folder
                .path()
                .join("results/grid/runs")
                .join(table(folder.path())[0]["run"].as_str().expect("a run"))
                .join("summary.json")
        )
        .is_object()
    );
}
