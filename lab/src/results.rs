//! What a run leaves behind: `results/<name>/`.
//!
//! ```text
//! scenario.toml    the resolved scenario
//! rounds.jsonl     one line a round, written as it happens
//! study.jsonl      what happened in each round between the rows, if the scenario asks for it
//! summary.json     how it ended
//! model.npz        the final common model, array `theta`
//! logs/            what each process said
//! checkpoint       what a killed server goes on from, with --restart; state-0 and so on the same of the workers
//! processes.json   process identifiers by name, while it runs
//! report.html      plots
//! ```

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use learning::data::save_vector;
use serde::{Deserialize, Serialize};

use crate::{
    failure::Failure,
    judge::{Judgement, null_is_nan},
    labels::Labels,
    ledgers::Ledgers,
    scenario::Scenario,
    study::study,
};

/// The folder of one run, made before the run starts.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    rounds: File,
    study: Option<Study>,
}

/// Where the study goes, and what it takes to make one.
#[derive(Debug)]
struct Study {
    lines: File,
    honest: usize,
    dimension: usize,
}

/// One line of `rounds.jsonl`. Everything but `timing` is the same for the same scenario and seed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundLine {
    /// The round, from 1.
    pub round: u32,
    /// What is said of the model after it.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// What one unit of the sum of all rows moved the model by.
    pub step: f64,
    /// Norm of the aggregate.
    #[serde(deserialize_with = "null_is_nan")]
    pub aggregate_norm: f64,
    /// Rank and weight of each row that was in.
    pub verdicts: Vec<(u32, f64)>,
    /// Rank of each row that answers the model of an earlier round, and how many rounds earlier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub staleness: Vec<(u32, u32)>,
    /// Liars that the rule tolerated among them, f.
    #[serde(default)]
    pub byzantine: u32,
    /// Ranks without a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<u32>,
    /// Why the round was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// Rank, reason and number of the updates with which something was wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<(u32, String, u32)>,
    /// The same of those that came too late, gave way to another, or whose round was skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discarded: Vec<(u32, String, u32)>,
    /// Calls from nobody that the server knows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub strangers: u32,
    /// How long it took.
    pub timing: Timing,
    /// Squared distances of the round's points, for the study; they do not go into `rounds.jsonl`.
    #[serde(skip)]
    pub squares: Vec<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How long a round took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// From opening to the last update.
    pub collect_seconds: f64,
    /// From there to the moved model.
    pub aggregate_seconds: f64,
}

/// How a run ended: `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the scenario.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// What is said of the final model.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// ‖θ†‖, so that distances can be had in absolute terms.
    #[serde(deserialize_with = "null_is_nan")]
    pub target_norm: f64,
    /// Rounds done.
    pub rounds: u32,
    /// Rounds skipped among them.
    pub skipped: u32,
    /// Operating-system processes: server and workers; 1 in process.
    pub processes: usize,
    /// Workers that died before the end.
    pub lost: Vec<u32>,
    /// What became of everybody's updates, by rank.
    #[serde(default)]
    pub ledgers: Ledgers,
    /// Rows of each label that everybody learns from, by rank.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// From the first round's opening to the last's end.
    pub seconds: f64,
}

impl Folder {
    /// Makes the folder, empties an earlier run's rounds, and writes the resolved scenario.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub fn create(path: &Path, scenario: &Scenario) -> Result<Self, Failure> {
        let made = fs::create_dir_all(path.join("logs"))
            .and_then(|()| fs::write(path.join("scenario.toml"), scenario.to_toml()))
            .and_then(|()| File::create(path.join("rounds.jsonl")));
        let unwritable = |error: std::io::Error| {
            Failure::because(format!("cannot write results to {}: {error}", path.display()))
        };
        let rounds = made.map_err(unwritable)?;
        let study = if scenario.server.study {
            let (honest, dimension) = (scenario.workers.count, scenario.model()?.dimension());
            let lines = File::create(path.join("study.jsonl")).map_err(unwritable)?;
            Some(Study { lines, honest, dimension })
        } else {
            None
        };
        Ok(Self { path: path.to_owned(), rounds, study })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log of a process.
    #[must_use]
    pub fn log(&self, process: &str) -> PathBuf {
        self.path.join("logs").join(format!("{process}.log"))
    }

    /// Adds a round, and its study if the scenario asks for one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, line: &RoundLine) -> Result<(), Failure> {
        let mut text = serde_json::to_string(line).map_err(|error| Failure::unfinished(&error))?;
        text.push('\n');
        self.rounds.write_all(text.as_bytes()).map_err(|error| self.unwritable(&error))?;
        let Some(Study { lines, honest, dimension }) = &mut self.study else { return Ok(()) };
        let Some(study) = study(line, &line.squares, *honest, *dimension) else { return Ok(()) };
        let mut text = serde_json::to_string(&study).map_err(|error| Failure::unfinished(&error))?;
        text.push('\n');
        let written = lines.write_all(text.as_bytes());
        written.map_err(|error| self.unwritable(&error))
    }

    /// Writes how it ended.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&self, summary: &Summary, model: &[f32]) -> Result<(), Failure> {
        let theta: Vec<f64> = model.iter().copied().map(f64::from).collect();
        save_vector(&self.path.join("model.npz"), &[("theta", &theta)])
            .map_err(|error| Failure::unfinished(&error))?;
        // Last: a folder with a summary is a run that came to its end.
        write_json(&self.path.join("summary.json"), summary)
    }

    fn unwritable(&self, error: &std::io::Error) -> Failure {
        Failure::because(format!("cannot write results to {}: {error}", self.path.display()))
    }
}

/// Writes `value` as JSON for people and programs.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| Failure::unfinished(&error))?;
    text.push('\n');
    fs::write(path, text)
        .map_err(|error| Failure::because(format!("cannot write {}: {error}", path.display())))
}

/// Reads the lines of a `rounds.jsonl`.
///
/// # Errors
/// When it cannot be read or is none.
pub fn read_rounds(folder: &Path) -> Result<Vec<RoundLine>, Failure> {
    let path = folder.join("rounds.jsonl");
    let text = fs::read_to_string(&path)
        .map_err(|error| Failure::because(format!("cannot read {}: {error}", path.display())))?;
    let parse = |(index, line): (usize, &str)| {
        serde_json::from_str(line)
            .map_err(|error| Failure::because(format!("{}, line {}: {error}", path.display(), index + 1)))
    };
    text.lines().enumerate().map(parse).collect()
}
