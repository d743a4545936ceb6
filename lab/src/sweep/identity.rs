//! What makes two runs the same run.

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};

use crate::{failure::Failure, scenario::Scenario};

/// The hash of a whole resolved scenario, apart from its name, and of the files it names. It names the run's folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RunId(String);

impl RunId {
    /// The run that `scenario` is.
    ///
    /// # Errors
    /// When a file it names cannot be read.
    pub(crate) fn of(scenario: &Scenario) -> Result<Self, Failure> {
        let nameless = Scenario { name: String::new(), ..scenario.clone() };
        let mut hash = Sha256::new();
        hash.update(nameless.to_toml());
        for path in scenario.files() {
            let bytes = std::fs::read(path)
                .map_err(|error| Failure::wrong(format!("cannot read {}: {error}", path.display())))?;
            hash.update(Sha256::digest(bytes));
        }
        // 64 bits: a folder name that fits a line, and no two of a million runs alike.
        let mut text = String::with_capacity(16);
        for byte in hash.finalize().iter().take(8) {
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_makes_another_run_and_a_name_does_not() {
        let base = Scenario::default();
        let id = |scenario: Scenario| RunId::of(&scenario).unwrap();
        assert_eq!(id(base.clone()), id(Scenario { name: "other".to_owned(), ..base.clone() }));
        let mut others = vec![base.clone(), Scenario { seed: learning::Seed(2), ..base.clone() }];
        others.push(Scenario {
            server: server::Spec { rounds: 149, ..server::Spec::default() },
            ..base.clone()
        });
        others.push(Scenario { task: learning::Task { nu: 1e-9, ..learning::Task::default() }, ..base });
        let ids: std::collections::BTreeSet<RunId> = others.into_iter().map(id).collect();
        assert_eq!(ids.len(), 4);
        assert!(ids.iter().all(|id| id.to_string().len() == 16));
    }

    #[test]
    fn other_contents_of_a_file_make_another_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("target.npz");
        let mut scenario = Scenario::default();
        scenario.target.file = Some(file.clone());
        let with = |text: &str| {
            std::fs::write(&file, text).unwrap();
            RunId::of(&scenario).unwrap()
        };
        assert_ne!(with("a"), with("b"));
        assert_eq!(with("a"), with("a"));
    }
}
