//! The program under test.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// `equipoise` with these arguments, to be run in a folder of its own.
pub(crate) fn equipoise(folder: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_equipoise"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env_remove("EQUIPOISE_DATA_DIR");
    command
}

/// Runs it to its end.
pub(crate) fn output(
    folder: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } =
        equipoise(folder, arguments).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

/// Runs it and expects it to come to its end.
pub(crate) fn succeed(folder: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let (code, stdout, stderr) = output(folder, arguments);
    assert_eq!(code, Some(0), "stdout: {stdout}\nstderr: {stderr}");
    stdout
}

/// A folder with a scenario in it.
pub(crate) fn with_scenario(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, text).expect("a writable folder");
    (folder, path)
}

/// A JSON file.
pub(crate) fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A number in it.
pub(crate) fn number(value: &serde_json::Value, keys: &[&str]) -> f64 {
    let found = keys.iter().fold(value, |value, key| &value[key]);
    found.as_f64().unwrap_or_else(|| panic!("{keys:?} is {found}"))
}

/// A file of JSON lines.
pub(crate) fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    text.lines().map(parse).collect()
}
