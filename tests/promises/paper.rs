//! The results of the paper that need no download, by the command that runs them.

use crate::program::{output, succeed};

fn table(folder: &std::path::Path, arguments: &[&str]) -> String {
    succeed(
        folder,
        [&["paper", "--short", "--seeds", "1", "--quiet", "--out", "results"], arguments].concat(),
    );
    std::fs::read_to_string(folder.join("results/table.md")).expect("a table")
}

#[test]
fn no_rule_is_right_in_both_worlds_not_even_one_that_trusts_a_worker() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = table(folder.path(), &["impossibility"]);
    assert!(
        table.contains("| two worlds, fltrust(root=14), by data: least worst error over the bound |"),
        "{table}"
    );
    assert!(!table.contains("left out") && !table.contains("| NO |"), "{table}");
    assert!(folder.path().join("results/impossibility.svg").is_file());
}

#[test]
fn the_last_layer_on_frozen_features_is_steered_by_gradients_a_model_and_data() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table = table(folder.path(), &["features"]);
    assert!(table.contains("| frozen features, data: accuracy, attacker's labels |"), "{table}");
    assert!(!table.contains("| NO |"), "{table}");
}

#[test]
fn without_its_data_an_experiment_is_skipped_with_the_way_to_get_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).expect("a writable folder");
    let arguments = ["paper", "clipped", "--quiet", "--out", "results", "--data-dir", "empty"];
    let (code, stdout, _) = output(folder.path(), arguments);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("clipped was skipped") && stdout.contains("equipoise fetch mnist"), "{stdout}");
}
