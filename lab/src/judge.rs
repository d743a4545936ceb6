//! Judges a common model as somebody outside would: by its answers on test data, and by its distance to the target.

use std::path::Path;

use learning::{Exam, Targets, model::accuracy};
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, scenario::Scenario};

/// Test data and target of a scenario.
#[derive(Debug)]
pub struct Judge {
    exam: Option<Marking>,
    target: Vec<f64>,
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
    /// ‖ρ − θ†‖ / ‖θ†‖
    pub distance_to_target: f64,
    /// ‖ρ‖
    pub norm: f64,
}

impl Judge {
    /// Reads the test data and finds the target.
    ///
    /// # Errors
    /// When either cannot be had.
    pub fn new(scenario: &Scenario, folder: Option<&Path>) -> Result<Self, Failure> {
        let target = scenario
            .target
            .resolve(&scenario.task, scenario.seed, folder)
            .map_err(|error| Failure::unfinished(&error))?;
        let test = scenario.task.test(folder).map_err(|error| Failure::unfinished(&error))?;
        let exam = match (&test.targets, &test.with_shifted_classes(scenario.target.shift).targets) {
            (Targets::Classes { labels, .. }, Targets::Classes { labels: shifted, .. }) => Some(Marking {
                exam: Exam::new(&scenario.model()?, &test),
                labels: labels.clone(),
                shifted: shifted.clone(),
            }),
            _ => None,
        };
        Ok(Self { exam, target_norm: norm(target.iter().copied()), target })
    }

    /// Judges the model `rho`.
    ///
    /// # Panics
    /// When it is not a model of the scenario's task.
    #[must_use]
    pub fn judge(&self, rho: &[f32]) -> Judgement {
        assert_eq!(rho.len(), self.target.len(), "a model of the task");
        let marks = self.exam.as_ref().map(|marking| {
            let answers = marking.exam.answers(rho);
            (accuracy(&answers, &marking.labels), accuracy(&answers, &marking.shifted))
        });
        let distance = norm(rho.iter().zip(&self.target).map(|(&rho, target)| f64::from(rho) - target));
        Judgement {
            accuracy_true: marks.map(|(own, _)| own),
            accuracy_target: marks.map(|(_, target)| target),
            distance_to_target: distance / self.target_norm,
            norm: norm(rho.iter().copied().map(f64::from)),
        }
    }

    /// ‖θ†‖
    #[must_use]
    pub const fn target_norm(&self) -> f64 {
        self.target_norm
    }
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}
