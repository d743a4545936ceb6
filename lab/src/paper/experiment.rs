//! One experiment of the table.

use std::time::Instant;

use learning::data::Source;
use serde::Serialize;

use super::{Figure, Row, Stage};
use crate::failure::Failure;

/// A result of the paper that can be run.
#[derive(Debug)]
pub(crate) struct Experiment {
    /// What people type.
    pub name: &'static str,
    /// What it shows, in a sentence.
    pub about: &'static str,
    /// Data sets without which it is skipped.
    pub needs: &'static [Source],
    /// Runs it.
    pub run: fn(&Stage) -> Result<Findings, Failure>,
}

/// What an experiment found.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Findings {
    /// Rows of the table.
    pub rows: Vec<Row>,
    /// Figures of the report.
    #[serde(skip)]
    pub figures: Vec<Figure>,
    /// What else there is to say, a sentence each.
    pub remarks: Vec<String>,
}

/// How an experiment went.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// To its end.
    Done(Findings),
    /// It was not run, and why.
    Skipped(String),
    /// It broke, and how.
    Failed(String),
}

/// How an experiment went, with its name.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    /// Name of the experiment.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// How it went.
    pub status: Status,
    /// How long it took.
    pub seconds: f64,
}

impl Experiment {
    /// Runs it, if its data are there.
    pub(super) fn outcome(&self, stage: &Stage) -> Outcome {
        let started = Instant::now();
        let missing =
            self.needs.iter().find_map(|source| source.test(stage.data()).err().map(|why| (source, why)));
        let status = match missing {
            Some((source, why)) => Status::Skipped(format!(
                "{why}; `equipoise fetch {source}` gets it, and --data-dir or EQUIPOISE_DATA_DIR name one that is elsewhere"
            )),
            None => match (self.run)(stage) {
                Ok(findings) => Status::Done(findings),
                Err(failure) => Status::Failed(failure.message),
            },
        };
        Outcome { name: self.name, about: self.about, status, seconds: started.elapsed().as_secs_f64() }
    }
}
