//! Who may depend on whom. The pure crates name no socket, clock or environment; the server never knows the model.

use std::{collections::BTreeMap, path::Path, process::Command};

/// Each crate with the crates of ours that it may use.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("equipoise-aggregation", &[]),
    ("equipoise-envelope", &[]),
    ("equipoise-network", &[]),
    ("equipoise-optimizer", &[]),
    ("equipoise-round", &[]),
    ("equipoise-learning", &["equipoise-optimizer"]),
    ("equipoise-attacks", &["equipoise-aggregation", "equipoise-learning"]),
    ("equipoise-proto", &["equipoise-round"]),
    (
        "equipoise-server",
        &[
            "equipoise-aggregation",
            "equipoise-envelope",
            "equipoise-optimizer",
            "equipoise-proto",
            "equipoise-round",
        ],
    ),
    (
        "equipoise-worker",
        &[
            "equipoise-envelope",
            "equipoise-learning",
            "equipoise-network",
            "equipoise-proto",
            "equipoise-round",
        ],
    ),
    (
        "equipoise-attacker",
        &[
            "equipoise-attacks",
            "equipoise-learning",
            "equipoise-network",
            "equipoise-proto",
            "equipoise-worker",
        ],
    ),
    (
        "equipoise-simulation",
        &[
            "equipoise-attacker",
            "equipoise-learning",
            "equipoise-network",
            "equipoise-optimizer",
            "equipoise-proto",
            "equipoise-round",
            "equipoise-server",
            "equipoise-worker",
        ],
    ),
    (
        "equipoise",
        &[
            "equipoise-aggregation",
            "equipoise-attacker",
            "equipoise-attacks",
            "equipoise-learning",
            "equipoise-network",
            "equipoise-optimizer",
            "equipoise-proto",
            "equipoise-round",
            "equipoise-server",
            "equipoise-worker",
        ],
    ),
];

/// Crates without I/O, and what they must not name.
const PURE: [&str; 5] = ["aggregation", "attacks", "learning", "optimizer", "round"];
const IMPURE_CRATES: [&str; 6] = ["tokio", "tonic", "hyper", "reqwest", "getrandom", "tracing"];
const IMPURE_NAMES: [&str; 5] = ["std::env", "std::net", "std::process", "Instant::now", "SystemTime"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is around the crate")
}

/// Normal and build dependencies of every crate of the workspace.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("cargo answers JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a name").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies");
            let shipped = all.iter().filter(|dependency| dependency["kind"] != "dev");
            (text(&package["name"]), shipped.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

#[test]
fn crates_use_only_whom_they_may() {
    let dependencies = dependencies();
    assert_eq!(
        dependencies.keys().collect::<Vec<_>>(),
        BTreeMap::from(MAY_USE).keys().collect::<Vec<_>>(),
        "every crate has its line here",
    );
    for (name, allowed) in MAY_USE {
        let ours = dependencies[name].iter().filter(|other| other.starts_with("equipoise"));
        for other in ours {
            assert!(allowed.contains(&other.as_str()), "{name} must not use {other}");
        }
    }
}

#[test]
fn pure_crates_use_no_sockets_clocks_or_environment() {
    let dependencies = dependencies();
    for name in PURE {
        for other in &dependencies[&format!("equipoise-{name}")] {
            assert!(!IMPURE_CRATES.contains(&other.as_str()), "{name} must not use {other}");
        }
        for file in rust_files(&root().join(name).join("src")) {
            let text = std::fs::read_to_string(&file).expect("a readable source file");
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in IMPURE_NAMES {
                assert!(!shipped.contains(word), "{} names {word}", file.display());
            }
        }
    }
}

fn rust_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("a source folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                rust_files(&path)
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                vec![path]
            } else {
                Vec::new()
            }
        })
        .collect()
}
