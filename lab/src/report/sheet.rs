//! The points of a sweep by the part that each axis plays: `seed` is averaged over, `attack` is the adversary's choice,
//! `rule` the defender's; the others are settings that neither has chosen.
//!
//! Choices (the worst attack, the best rule) go by the rows held out; what is shown is accuracy on test data.

use crate::sweep::{Grid, Outcome, Step};

/// A sweep, ready to be looked at.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    pub(super) grid: &'a Grid,
    pub(super) outcomes: &'a [Outcome],
    pub(super) rule: Option<usize>,
    pub(super) attack: Option<usize>,
    /// The axes that are settings.
    pub(super) settings: Vec<usize>,
}

/// Alternatives of some axes: (axis, alternative).
pub(super) type Fixed = Vec<(usize, usize)>;

/// The runs of one combination, which differ in their seeds only.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Runs {
    pub(super) tests: Vec<f64>,
    validations: Vec<f64>,
    /// Runs without an accuracy.
    pub(super) missing: usize,
}

impl Runs {
    /// Mean accuracy on test data.
    pub(super) fn mean(&self) -> Option<f64> {
        mean(&self.tests)
    }

    /// Standard deviation over the seeds, of the sample.
    pub(super) fn spread(&self) -> Option<f64> {
        spread(&self.tests)
    }

    /// What is chosen by.
    fn validation(&self) -> Option<f64> {
        if self.validations.len() == self.tests.len() { mean(&self.validations) } else { None }
    }
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

pub(super) fn spread(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

impl<'a> Sheet<'a> {
    pub(super) fn new(grid: &'a Grid, outcomes: &'a [Outcome]) -> Self {
        let called = |name: &str| grid.axes.iter().position(|axis| axis.name == name);
        let (rule, attack, seed) = (called("rule"), called("attack"), called("seed"));
        let played = |axis: &usize| [rule, attack, seed].contains(&Some(*axis));
        let settings = (0..grid.axes.len()).filter(|axis| !played(axis)).collect();
        Self { grid, outcomes, rule, attack, settings }
    }

    /// Labels of an axis; of none, what all runs have.
    pub(super) fn labels(&self, axis: Option<usize>, otherwise: &str) -> Vec<String> {
        axis.map_or_else(
            || vec![otherwise.to_owned()],
            |axis| self.grid.axes[axis].alternatives.iter().map(|a| a.label.clone()).collect(),
        )
    }

    /// Every combination of `axes`; one empty combination of none.
    pub(super) fn combinations(&self, axes: &[usize]) -> Vec<Fixed> {
        axes.iter().fold(vec![Vec::new()], |combinations, &axis| {
            let longer = |fixed: &Fixed| {
                let fixed = fixed.clone();
                (0..self.grid.axes[axis].alternatives.len())
                    .map(move |alternative| [fixed.clone(), vec![(axis, alternative)]].concat())
            };
            combinations.iter().flat_map(longer).collect()
        })
    }

    /// `f = 4, heterogeneity = iid`
    pub(super) fn words(&self, fixed: &Fixed) -> String {
        let word = |&(axis, alternative): &(usize, usize)| {
            let axis = &self.grid.axes[axis];
            format!("{} = {}", axis.name, axis.alternatives[alternative].label)
        };
        fixed.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    /// The outcomes of all points at `fixed`.
    pub(super) fn at<'b>(&'b self, fixed: &'b Fixed) -> impl Iterator<Item = &'a Outcome> + 'b {
        let points = self.grid.points.iter().zip(self.outcomes);
        let here =
            move |choice: &[usize]| fixed.iter().all(|&(axis, alternative)| choice[axis] == alternative);
        points.filter(move |(point, _)| here(&point.choice)).map(|(_, outcome)| outcome)
    }

    /// The runs at `fixed`.
    pub(super) fn runs(&self, fixed: &Fixed, step: Step) -> Runs {
        let mut runs = Runs::default();
        for outcome in self.at(fixed) {
            match outcome.scores.at(step) {
                Some(score) => {
                    runs.tests.push(score.test);
                    runs.validations.extend(score.validation);
                }
                None => runs.missing += 1,
            }
        }
        runs
    }

    /// The attack that does most harm at `fixed`, by the rows held out, and its runs. None when one is not known.
    pub(super) fn worst_case(&self, fixed: &Fixed, step: Step) -> Option<(String, Runs)> {
        let Some(attack) = self.attack else {
            let runs = self.runs(fixed, step);
            return runs.mean().map(|_| (String::new(), runs));
        };
        let cases = self.grid.axes[attack].alternatives.iter().enumerate().map(|(index, alternative)| {
            let runs = self.runs(&[fixed.clone(), vec![(attack, index)]].concat(), step);
            runs.validation().map(|validation| (validation, alternative.label.clone(), runs))
        });
        let cases: Vec<_> = cases.collect::<Option<_>>()?;
        let worst = cases.into_iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some((worst.1, worst.2))
    }

    /// The rule that withstands its worst attack best at `fixed`, by the rows held out, and the runs of that case.
    pub(super) fn best_rule(&self, fixed: &Fixed, step: Step) -> Option<(String, Runs)> {
        let rule = self.rule?;
        let cases =
            self.grid.axes[rule].alternatives.iter().enumerate().filter_map(|(index, alternative)| {
                let (_, runs) = self.worst_case(&[fixed.clone(), vec![(rule, index)]].concat(), step)?;
                runs.validation().map(|validation| (validation, alternative.label.clone(), runs))
            });
        // The first of equals.
        let best = cases.fold(None, |best: Option<(f64, String, Runs)>, case| match best {
            Some(best) if best.0 >= case.0 => Some(best),
            _ => Some(case),
        });
        best.map(|(_, rule, runs)| (rule, runs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_a_sample() {
        assert_eq!((mean(&[1.0, 2.0, 3.0]), spread(&[1.0, 2.0, 3.0])), (Some(2.0), Some(1.0)));
        assert_eq!((mean(&[]), spread(&[1.0])), (None, None));
    }
}
