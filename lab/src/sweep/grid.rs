//! Every combination of the alternatives, checked before any of them runs.

use std::{collections::BTreeMap, path::Path};

use super::{
    file::{Axis, SweepFile, lay_over},
    identity::RunId,
};
use crate::{failure::Failure, scenario::Scenario};

/// Combinations beyond which a sweep is a mistake.
const POINTS_MAX: usize = 100_000;

/// All points of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    /// Names the folder of the results.
    pub(crate) name: String,
    /// What varies.
    pub(crate) axes: Vec<Axis>,
    /// One a combination, the first axis varying slowest.
    pub(crate) points: Vec<Point>,
}

/// One combination.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    /// Which alternative of each axis.
    pub(crate) choice: Vec<usize>,
    /// The run that it takes; other points may need the same.
    pub(crate) run: RunId,
    /// The scenario of that run.
    pub(crate) scenario: Scenario,
}

impl Grid {
    /// Reads a sweep file and expands it.
    ///
    /// # Errors
    /// When it cannot be read, or any combination cannot be run: all that is wrong, at once.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::wrong(format!("cannot read the sweep {}: {error}", path.display())))?;
        let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Self::parse(&text, &stem).map_err(|failure| failure.at(path.display()))
    }

    /// Expands the text of a sweep file whose name defaults to `stem`.
    pub(crate) fn parse(text: &str, stem: &str) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let SweepFile { base, axes } = SweepFile::parse(text, &mut problems)?;
        let name = base.get("name").and_then(toml::Value::as_str).unwrap_or(stem).to_owned();
        let count = axes.iter().try_fold(1_usize, |count, axis| count.checked_mul(axis.alternatives.len()));
        let count = match count {
            Some(count) if count <= POINTS_MAX => count,
            _ => {
                problems.push(format!("there are more than {POINTS_MAX} combinations"));
                0
            }
        };
        let mut wrong: BTreeMap<String, Wrong> = BTreeMap::new();
        let mut points = Vec::with_capacity(count);
        for index in 0..count {
            let choice = choice(index, &axes);
            match point(&base, &axes, &choice, &name) {
                Ok((scenario, run)) => points.push(Point { choice, run, scenario }),
                Err(several) => {
                    for problem in several {
                        wrong.entry(problem).or_insert_with(|| Wrong::new(&axes)).note(&choice);
                    }
                }
            }
        }
        problems
            .extend(wrong.iter().map(|(problem, wrong)| format!("{problem}{}", wrong.place(&axes, count))));
        match problems.len() {
            0 => Ok(Self { name, axes, points }),
            1 => Err(Failure::wrong(problems.remove(0))),
            several => Err(Failure::wrong(format!("{several} problems\n  - {}", problems.join("\n  - ")))),
        }
    }

    /// What axis number `axis` is at a point.
    pub(crate) fn label(&self, point: &Point, axis: usize) -> &str {
        &self.axes[axis].alternatives[point.choice[axis]].label
    }
}

/// The alternatives of combination number `index`; the last axis varies fastest.
fn choice(mut index: usize, axes: &[Axis]) -> Vec<usize> {
    let mut choice = vec![0; axes.len()];
    for (choice, axis) in choice.iter_mut().zip(axes).rev() {
        *choice = index % axis.alternatives.len();
        index /= axis.alternatives.len();
    }
    choice
}

fn point(
    base: &toml::Table,
    axes: &[Axis],
    choice: &[usize],
    name: &str,
) -> Result<(Scenario, RunId), Vec<String>> {
    let mut table = base.clone();
    for (axis, &chosen) in axes.iter().zip(choice) {
        lay_over(&mut table, &axis.alternatives[chosen].piece).map_err(|problem| vec![problem])?;
    }
    table.insert("name".to_owned(), name.into());
    let scenario = Scenario::from_table(table).map_err(|failure| {
        vec![failure.hint.map_or(failure.message.clone(), |hint| format!("{}, {hint}", failure.message))]
    })?;
    match scenario.problems() {
        problems if problems.is_empty() => {
            let run = RunId::of(&scenario).map_err(|failure| vec![failure.message])?;
            Ok((scenario, run))
        }
        problems => Err(problems),
    }
}

/// Where in the grid the same thing is wrong.
struct Wrong {
    points: usize,
    /// Which alternatives of each axis it is wrong with.
    with: Vec<Vec<bool>>,
}

impl Wrong {
    fn new(axes: &[Axis]) -> Self {
        Self { points: 0, with: axes.iter().map(|axis| vec![false; axis.alternatives.len()]).collect() }
    }

    fn note(&mut self, choice: &[usize]) {
        self.points += 1;
        self.with.iter_mut().zip(choice).for_each(|(with, &chosen)| with[chosen] = true);
    }

    /// The axes that narrow it down, and how often it is.
    fn place(&self, axes: &[Axis], all: usize) -> String {
        if self.points == all {
            return String::new();
        }
        let narrow = axes.iter().zip(&self.with).filter(|(_, with)| with.contains(&false));
        let narrow = narrow.map(|(axis, with)| {
            let labels = axis.alternatives.iter().zip(with).filter(|(_, with)| **with);
            format!(
                "{} {}",
                axis.name,
                labels.map(|(a, _)| a.label.as_str()).collect::<Vec<_>>().join(" or ")
            )
        });
        format!(" ({} of {all} runs: {})", self.points, narrow.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_axis_varies_slowest_and_equal_scenarios_are_one_run() {
        let grid = Grid::parse(
            "[sweep]\ntask.lambda = [1, 2]\nseed = [1, 2]\n[variants.twice]\na = {}\nb = {}",
            "x",
        )
        .unwrap();
        let labels: Vec<String> = grid
            .points
            .iter()
            .map(|p| (0..3).map(|axis| grid.label(p, axis)).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(labels[..5], ["a 1 1", "a 1 2", "a 2 1", "a 2 2", "b 1 1"]);
        assert_eq!(
            (grid.points[0].run == grid.points[4].run, grid.points[0].run == grid.points[1].run),
            (true, false)
        );
        assert_eq!(grid.points[3].scenario.task.lambda, 2.0);
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_where_it_is() {
        let text = "[server]\nrouns = 3\n[sweep]\nseed = [1, 2]\ntask.lambda = [1.0, -1.0]";
        let message = Grid::parse(text, "x").unwrap_err().message;
        assert!(
            message.contains("unknown field `rouns`") && message.contains("did you mean `rounds`?"),
            "{message}"
        );
        let text = "[sweep]\nseed = [1, 2]\ntask.lambda = [1.0, -1.0]\nserver.rule = ['average', 'krummm']\nworkers.count = []";
        let message = Grid::parse(text, "x").unwrap_err().message;
        for expected in [
            "3 problems",
            "`sweep.workers.count` is an empty list",
            "lambda is -1, expected a positive number (2 of 8 runs: lambda -1, rule average)",
            "krummm",
            "(4 of 8 runs: rule krummm)",
        ] {
            assert!(message.contains(expected), "{message:?} does not say {expected:?}");
        }
    }
}
