//! One tidy table of a sweep, a line a point: `table.csv` for people, `table.jsonl` for programs.

use std::path::Path;

use serde_json::{Value, json};

use super::{Axis, Grid, Outcome, State, Step};
use crate::failure::Failure;

/// Columns with their values, in order.
type Line = Vec<(String, Value)>;

/// Writes both files.
///
/// # Errors
/// When one cannot be written.
pub(super) fn write(grid: &Grid, outcomes: &[Outcome], out: &Path) -> Result<(), Failure> {
    let lines: Vec<Line> = (0..grid.points.len()).map(|index| line(grid, outcomes, index)).collect();
    let path = out.join("table.csv");
    let wrong = |error: csv::Error| Failure::because(format!("cannot write {}: {error}", path.display()));
    let mut csv = csv::Writer::from_path(&path).map_err(wrong)?;
    if let Some(first) = lines.first() {
        csv.write_record(first.iter().map(|(key, _)| key)).map_err(wrong)?;
    }
    for line in &lines {
        csv.write_record(line.iter().map(|(_, value)| cell(value))).map_err(wrong)?;
    }
    csv.flush().map_err(|error| wrong(error.into()))?;
    let object = |line: &Line| {
        let fields: Vec<String> = line.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
        format!("{{{}}}\n", fields.join(","))
    };
    let path = out.join("table.jsonl");
    std::fs::write(&path, lines.iter().map(object).collect::<String>())
        .map_err(|error| Failure::because(format!("cannot write {}: {error}", path.display())))
}

/// A line; where something is not known it is null.
fn line(grid: &Grid, outcomes: &[Outcome], index: usize) -> Line {
    let (point, outcome) = (&grid.points[index], &outcomes[index]);
    let label = |(axis, what): (usize, &Axis)| (what.name.clone(), number_or_text(grid.label(point, axis)));
    let mut line: Line = grid.axes.iter().enumerate().map(label).collect();
    let mut put = |key: &str, value: Value| line.push((key.to_owned(), value));
    put("run", json!(point.run.to_string()));
    put("state", json!(outcome.state.name()));
    for step in Step::ALL {
        let score = outcome.scores.at(step);
        put(&format!("{}_round", step.name()), json!(score.map(|score| score.round)));
        put(&format!("{}_test_accuracy", step.name()), json!(score.map(|score| score.test)));
        put(&format!("{}_validation_accuracy", step.name()), json!(score.and_then(|score| score.validation)));
    }
    let summary = match &outcome.state {
        State::Done(summary) => Some(summary),
        State::Failed(_) | State::Missing => None,
    };
    put("accuracy_target", json!(summary.and_then(|summary| summary.judgement.accuracy_target)));
    put("distance_to_target", json!(summary.map(|summary| summary.judgement.distance_to_target)));
    put("model_norm", json!(summary.map(|summary| summary.judgement.norm)));
    put("rounds", json!(summary.map(|summary| summary.rounds)));
    put("skipped", json!(summary.map(|summary| summary.skipped)));
    put("lost", json!(summary.map(|summary| summary.lost.len())));
    put("seconds", json!(summary.map(|summary| summary.seconds)));
    line
}

/// A label as JSON: a number where it is one.
fn number_or_text(label: &str) -> Value {
    label.parse().map_or_else(|_| json!(label), Value::Number)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
