//! Rules on rows that people bring: what goes in, what comes out, what is said to a mistake.

use std::{
    io::Write as _,
    path::Path,
    process::{Output, Stdio},
};

use crate::program::{equipoise, output, succeed};

const ROWS: &str = "[[1, 10], [2, 20], [3, 30], [4, 40], [1000, -1000]]";

/// Runs the program with `input` on its standard input.
fn piped(folder: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = equipoise(folder, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // A program that is not interested in its input closes it.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("the program ends");
    (
        status.code(),
        String::from_utf8_lossy(&stdout).into_owned(),
        String::from_utf8_lossy(&stderr).into_owned(),
    )
}

/// A `.npy` file of version 1.0, written by hand.
fn npy(path: &Path, descriptor: &str, fortran: &str, shape: &str, numbers: &[u8]) {
    let mut header = format!("{{'descr': '{descriptor}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(numbers);
    std::fs::write(path, file).expect("a writable folder");
}

#[test]
fn rows_come_as_json_and_the_aggregate_goes_out_as_json() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (code, stdout, stderr) = piped(folder.path(), &["aggregate", "median", "--byzantine", "1"], ROWS);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(0), "[3.0,20.0]\n", ""));
    let verdict = ["aggregate", "trimmed-mean", "-f", "1", "--verdict"];
    let (code, stdout, _) = piped(folder.path(), &verdict, ROWS);
    let told: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(code, Some(0));
    assert_eq!(told["aggregate"], serde_json::json!([3.0, 20.0]));
    assert_eq!(told["weights"], serde_json::json!([0.5, 1.0, 1.0, 0.5, 0.0]));
    assert_eq!(told["set_aside"], serde_json::json!([]));
}

#[test]
fn a_row_that_is_not_finite_is_set_aside_and_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let broken = "[[1, 2], [null, 0], [3, 4]]";
    let (code, stdout, _) = piped(folder.path(), &["aggregate", "average", "-f", "1", "--verdict"], broken);
    assert_eq!(code, Some(0));
    let told: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(told["aggregate"], serde_json::json!([2.0, 3.0]));
    assert_eq!(told["set_aside"], serde_json::json!([1]));
    let (code, _, stderr) = piped(folder.path(), &["aggregate", "average", "-f", "0"], broken);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("1 of 3 rows are not finite"), "{stderr}");
}

#[test]
fn arrays_of_either_width_and_order_are_read_and_one_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let numbers = [1.0, 2.0, 3.0, 40.0, 50.0, 60.0];
    let single: Vec<u8> = numbers.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect();
    let double: Vec<u8> = numbers.iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
    npy(&folder.path().join("rows.npy"), "<f8", "False", "(3, 2)", &double);
    npy(&folder.path().join("columns.npy"), "<f4", "True", "(3, 2)", &single);
    npy(&folder.path().join("line.npy"), "<f4", "False", "(6,)", &single);
    npy(&folder.path().join("whole.npy"), "<i8", "False", "(3, 2)", &double);
    let median = |file: &str| succeed(folder.path(), ["aggregate", "median", "-f", "1", file]);
    assert_eq!(median("rows.npy"), "[3.0,40.0]\n");
    assert_eq!(median("columns.npy"), "[2.0,50.0]\n");
    assert_eq!(
        succeed(folder.path(), ["aggregate", "median", "-f", "1", "rows.npy", "--out", "out.npy"]),
        ""
    );
    let written = std::fs::read(folder.path().join("out.npy")).expect("what was written");
    assert!(written.ends_with(&[3.0_f32.to_le_bytes(), 40.0_f32.to_le_bytes()].concat()));
    for (file, code, expected) in [
        ("line.npy", 2, "an array of shape [6], expected rows x numbers"),
        ("whole.npy", 1, "hint: arrays of f32 or f64 can be read"),
        ("gone.npy", 1, "cannot read gone.npy: "),
        ("rows.txt", 2, "rows.txt is no .npy, .npz or .json file"),
    ] {
        let (got, _, stderr) = output(folder.path(), ["aggregate", "median", "-f", "1", file]);
        assert_eq!(got, Some(code), "{stderr}");
        assert!(stderr.contains(expected), "{stderr:?} does not say {expected:?}");
    }
}

#[test]
fn fltrust_takes_the_servers_own_gradient_from_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a writable folder");
    write("root.json", "[[3, 4]]");
    write("long.json", "[[3, 4, 5]]");
    let fltrust = ["aggregate", "fltrust", "-f", "1"];
    let with = |root: &'static str| fltrust.into_iter().chain(["--root", root]).collect::<Vec<_>>();
    let (code, stdout, _) = piped(folder.path(), &with("root.json"), "[[6, 8], [-6, -8]]");
    assert_eq!((code, stdout.as_str()), (Some(0), "[3.0,4.0]\n"));
    let (code, _, stderr) = piped(folder.path(), &fltrust, ROWS);
    assert!(code == Some(1) && stderr.contains("needs the server's own gradient"), "{stderr}");
    let (code, _, stderr) = piped(folder.path(), &with("long.json"), ROWS);
    assert!(code == Some(2) && stderr.contains("long.json holds 1 x 3 numbers, expected 1 x 2"), "{stderr}");
}

#[test]
fn wrong_rules_numbers_and_rows_are_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (arguments, input, expected) in [
        (&["aggregate", "krumm", "-f", "1"][..], ROWS, "unknown rule `krumm`, did you mean `krum`?"),
        (&["aggregate", "median"], ROWS, "--byzantine <F>"),
        (
            &["aggregate", "median", "-f", "3"],
            ROWS,
            "of 5 rows at most 2 may be Byzantine, f = 3 was declared",
        ),
        (&["aggregate", "median", "-f", "0"], "[[1, 2], [3]]", "row 1 has 1 numbers, expected 2 as in row 0"),
        (&["aggregate", "median", "-f", "0"], "[1, 2]", "hint: expected an array of arrays"),
        (&["aggregate", "median", "-f", "0"], "[]", "no row to aggregate"),
        (
            &["aggregate", "median", "-f", "0", "--out", "x.csv"],
            ROWS,
            "--out is x.csv, expected a name that ends in .npy",
        ),
        (&["rules", "krumm"], "", "there is no rule `krumm`"),
    ] {
        let (code, _, stderr) = piped(folder.path(), arguments, input);
        assert_eq!(code, Some(2), "{stderr}");
        assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{stderr}");
        assert!(stderr.contains(expected), "{stderr:?} does not say {expected:?}");
    }
}

#[test]
fn every_rule_is_listed_for_people_and_for_programs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = succeed(folder.path(), ["rules"]);
    let listed: serde_json::Value =
        serde_json::from_str(&succeed(folder.path(), ["rules", "--json"])).expect("JSON");
    let listed = listed.as_array().expect("an array");
    assert_eq!(listed.len(), aggregation::catalogue().len());
    for rule in listed {
        let name = rule["name"].as_str().expect("a name");
        assert!(text.lines().any(|line| line == name), "{name} is not listed");
    }
}

#[test]
fn the_bench_times_rules_beside_the_machine() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bench =
        ["bench", "aggregation", "--n", "7", "-f", "2", "--d", "1000", "--repetitions", "1", "--json"];
    let rules = ["--rules", "median", "bulyan"];
    let measured = succeed(folder.path(), bench.iter().chain(&rules));
    let measured: serde_json::Value = serde_json::from_str(&measured).expect("JSON");
    assert!(measured["rules"][0]["median_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{measured}");
    let refused = measured["rules"][1]["refused"].as_str().expect("a refusal");
    assert!(refused.contains("bulyan needs n >= 4f + 3"), "{refused}");
}
