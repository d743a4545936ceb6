//! Judges a common model as somebody outside would: by its answers on test data and on rows that were held out, and by its
//! distance to the target.
//!
//! Whoever picks a round (the best, the worst) picks it by the rows held out, so that the test data stay unseen.

use std::{num::NonZeroU32, path::Path};

use learning::{Dataset, Exam, Model, Targets, model::accuracy};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{failure::Failure, scenario::Scenario};

/// The `[judge]` section of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// Accuracies are had after every so many rounds, and after the last.
    pub every: NonZeroU32,
}

impl Default for Spec {
    fn default() -> Self {
        Self { every: NonZeroU32::MIN }
    }
}

/// Test data and target of a scenario.
#[derive(Debug)]
pub struct Judge {
    every: NonZeroU32,
    rounds: u32,
    exam: Option<Marking>,
    validation: Option<Marking>,
    target: Option<Vec<f64>>,
    target_norm: f64,
}

#[derive(Debug)]
struct Marking {
    exam: Exam,
    labels: Vec<u8>,
    shifted: Vec<u8>,
}

/// What is said of one model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Accuracy on test data with their own labels; none where the data have no classes.
    pub accuracy_true: Option<f64>,
    /// Accuracy on test data with the attackers' labels.
    pub accuracy_target: Option<f64>,
    /// Accuracy on the training rows that were held out, with their own labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_validation: Option<f64>,
    /// ‖ρ − θ†‖ / ‖θ†‖; NaN, in JSON null, where nobody has a target.
    #[serde(deserialize_with = "null_is_nan")]
    pub distance_to_target: f64,
    /// ‖ρ‖
    #[serde(deserialize_with = "null_is_nan")]
    pub norm: f64,
}

/// JSON has no number for what a model that blew up is measured to be: such are written as null.
pub(crate) fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

impl Marking {
    /// Marks on `data`; none where they have no classes.
    fn new(model: &Model, data: &Dataset, shift: u8) -> Option<Self> {
        match (&data.targets, data.with_shifted_classes(shift).targets) {
            (Targets::Classes { labels, .. }, Targets::Classes { labels: shifted, .. }) => {
                Some(Self { exam: Exam::new(model, data), labels: labels.clone(), shifted })
            }
            _ => None,
        }
    }
}

impl Judge {
    /// Reads the test data and finds the target.
    ///
    /// # Errors
    /// When either cannot be had.
    pub fn new(scenario: &Scenario, folder: Option<&Path>) -> Result<Self, Failure> {
        let resolve = || scenario.target.resolve(&scenario.task, scenario.seed, folder);
        let target = if scenario.has_target() {
            Some(resolve().map_err(|error| Failure::unfinished(&error))?)
        } else {
            None
        };
        let task = &scenario.task;
        let unreadable = |error| Failure::unfinished(&error);
        let (model, shift) = (scenario.model()?, scenario.target.shift);
        let exam = Marking::new(&model, &task.test(folder).map_err(unreadable)?, shift);
        let held_out = task.held_out(scenario.seed, folder).map_err(unreadable)?;
        let validation = held_out.and_then(|rows| Marking::new(&model, &rows, shift));
        let target_norm = target.as_ref().map_or(f64::NAN, |target| norm(target.iter().copied()));
        let (every, rounds) = (scenario.judge.every, scenario.server.rounds);
        Ok(Self { every, rounds, exam, validation, target, target_norm })
    }

    /// Judges the model `rho` after `round`, with accuracies when it is their turn.
    ///
    /// # Panics
    /// When it is not a model of the scenario's task.
    #[must_use]
    pub fn judge_after(&self, round: u32, rho: &[f32]) -> Judgement {
        if round.is_multiple_of(self.every.get()) || round == self.rounds {
            return self.judge(rho);
        }
        let judgement = Judgement::default();
        Judgement { distance_to_target: self.distance(rho), norm: norm_of(rho), ..judgement }
    }

    /// Judges the model `rho`.
    ///
    /// # Panics
    /// When it is not a model of the scenario's task.
    #[must_use]
    pub fn judge(&self, rho: &[f32]) -> Judgement {
        assert!(self.target.as_ref().is_none_or(|target| target.len() == rho.len()), "a model of the task");
        let marks = self.exam.as_ref().map(|marking| {
            let answers = marking.exam.answers(rho);
            (accuracy(&answers, &marking.labels), accuracy(&answers, &marking.shifted))
        });
        let validation = self.validation.as_ref();
        Judgement {
            accuracy_true: marks.map(|(own, _)| own),
            accuracy_target: marks.map(|(_, target)| target),
            accuracy_validation: validation
                .map(|marking| accuracy(&marking.exam.answers(rho), &marking.labels)),
            distance_to_target: self.distance(rho),
            norm: norm_of(rho),
        }
    }

    fn distance(&self, rho: &[f32]) -> f64 {
        let Some(target) = &self.target else { return f64::NAN };
        norm(rho.iter().zip(target).map(|(&rho, target)| f64::from(rho) - target)) / self.target_norm
    }

    /// ‖θ†‖; NaN where there is no target.
    #[must_use]
    pub const fn target_norm(&self) -> f64 {
        self.target_norm
    }
}

fn norm_of(rho: &[f32]) -> f64 {
    norm(rho.iter().copied().map(f64::from))
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}
