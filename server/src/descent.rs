//! The model and how it moves: the arithmetic of a round, with no idea where the rows come from.

use std::sync::Arc;

use aggregation::{Aggregator, Refusal, Verdict};
use optimizer::{Optimizer, Schedule};
use round::{Rank, Round};

use crate::{Scale, Spec, Tempo, checkpoint::DescentState, constellation::constellation};

/// The common model ρ with its rule and its optimiser.
#[derive(Debug)]
pub struct Descent {
    model: Arc<Vec<f32>>,
    /// The model before, whose memory the next one gets once nobody reads it any more.
    before: Arc<Vec<f32>>,
    aggregate: Vec<f32>,
    aggregator: Aggregator,
    optimizer: Optimizer,
    schedule: Schedule,
    scale: Scale,
    tempo: Tempo,
    study: bool,
}

/// What a round did to the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// What one unit of the sum of all rows moved the model by.
    pub step: f64,
    /// What the rule did with each row.
    pub verdicts: Vec<Verdict>,
    /// ‖aggregate‖
    pub aggregate_norm: f64,
    /// Squared distances of the round's points, when they are asked for.
    pub squares: Vec<f64>,
}

impl Descent {
    /// A model at `start` that moves as `spec` says; `seed` breaks the rule's ties.
    #[must_use]
    pub fn new(spec: &Spec, start: Vec<f32>, seed: u64) -> Self {
        Self {
            aggregate: vec![0.0; start.len()],
            aggregator: Aggregator::new(spec.rule.clone(), spec.byzantine, seed),
            optimizer: Optimizer::new(spec.optimizer, start.len()),
            schedule: spec.schedule,
            scale: spec.scale,
            tempo: spec.mode,
            study: spec.study,
            model: Arc::new(start),
            before: Arc::default(),
        }
    }

    /// What has to be kept to go on later.
    #[must_use]
    pub fn state(&self) -> DescentState {
        DescentState {
            model: self.model.to_vec(),
            optimizer: self.optimizer.state().clone(),
            aggregator: self.aggregator.state().map(<[f32]>::to_vec),
        }
    }

    /// Goes on from a state that [`Self::state`] gave; answers whether it fits.
    #[must_use]
    pub fn restore(&mut self, state: DescentState) -> bool {
        let d = self.model.len();
        let fits = state.model.len() == d
            && state.aggregator.as_ref().is_none_or(|centre| centre.len() == d)
            && self.optimizer.restore(state.optimizer);
        if fits {
            self.model = Arc::new(state.model);
            self.aggregator.restore(state.aggregator);
        }
        fits
    }

    /// The model, ρ.
    #[must_use]
    pub fn model(&self) -> &[f32] {
        &self.model
    }

    /// The same, for whoever reads it while the next is made.
    #[must_use]
    pub fn shared_model(&self) -> Arc<Vec<f32>> {
        Arc::clone(&self.model)
    }

    /// n times the latest aggregate: under `average` the sum of the n rows.
    #[must_use]
    pub fn sum(&self, rows: usize) -> Vec<f32> {
        self.aggregate.iter().map(|&g| (f64::from(g) * rows as f64) as f32).collect()
    }

    /// What one unit of the sum of `rows` rows moves the model by in `round`.
    #[must_use]
    pub fn step(&self, round: Round, rows: usize) -> f64 {
        let rate = self.schedule.at(round.get());
        match self.scale {
            Scale::Sum => rate,
            Scale::Mean => rate / rows.max(1) as f64,
        }
    }

    /// Gives rows of an asynchronous run the weight of their age, before they are aggregated.
    pub fn discount(&self, rows: &mut [(Rank, Vec<f32>)], staleness: &[u32]) {
        self.tempo.discount(rows, staleness);
    }

    /// Aggregates `rows`, in order of rank and with as many as `byzantine` liars among them, and moves the model.
    ///
    /// # Errors
    /// When the rule is not defined for these rows; the model then stays where it is.
    pub fn apply(
        &mut self,
        round: Round,
        byzantine: usize,
        rows: &[(Rank, Vec<f32>)],
    ) -> Result<Moved, Refusal> {
        self.aggregator.tolerate(byzantine);
        let ranks: Vec<u32> = rows.iter().map(|(rank, _)| rank.0).collect();
        let views: Vec<&[f32]> = rows.iter().map(|(_, row)| row.as_slice()).collect();
        let verdicts = self.aggregator.aggregate(round.get(), &ranks, &views, &mut self.aggregate)?.verdicts;
        let scale = match self.scale {
            Scale::Sum => rows.len() as f64,
            Scale::Mean => 1.0,
        };
        let mut model = Arc::try_unwrap(std::mem::take(&mut self.before)).unwrap_or_default();
        model.clone_from(&self.model);
        self.optimizer.step(&mut model, &self.aggregate, scale, self.schedule.at(round.get()));
        self.before = std::mem::replace(&mut self.model, Arc::new(model));
        let squares = self.aggregate.iter().map(|&g| f64::from(g) * f64::from(g));
        Ok(Moved {
            step: self.step(round, rows.len()),
            verdicts,
            aggregate_norm: squares.sum::<f64>().sqrt(),
            squares: if self.study { constellation(&views, &self.aggregate) } else { Vec::new() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_and_mean_differ_by_the_number_of_rows_and_say_so_in_the_step() {
        for (scale, model, step) in [(Scale::Sum, [-4.0, 2.0], 0.5), (Scale::Mean, [-2.0, 1.0], 0.25)] {
            let spec = Spec { scale, schedule: Schedule::constant(0.5), ..Spec::default() };
            let mut descent = Descent::new(&spec, vec![0.0; 2], 1);
            let rows = [(Rank(0), vec![2.0, 0.0]), (Rank(4), vec![6.0, -4.0])];
            let moved = descent.apply(Round::FIRST, 0, &rows).unwrap();
            assert_eq!((descent.model(), moved.step), (&model[..], step));
            assert_eq!(moved.verdicts.iter().map(|verdict| verdict.rank).collect::<Vec<_>>(), [0, 4]);
        }
    }

    #[test]
    fn a_robust_rule_says_whom_it_left_out() {
        let spec = Spec { rule: "cge".parse().unwrap(), byzantine: 1, ..Spec::default() };
        let mut descent = Descent::new(&spec, vec![0.0], 1);
        let rows = [(Rank(0), vec![1.0]), (Rank(3), vec![-50.0]), (Rank(5), vec![3.0])];
        let mut weights = |byzantine| {
            let verdicts = descent.apply(Round::FIRST, byzantine, &rows).unwrap().verdicts;
            verdicts.into_iter().map(|verdict| verdict.weight).collect::<Vec<_>>()
        };
        assert_eq!(weights(1), [0.5, 0.0, 0.5]);
        assert!(
            weights(0).iter().all(|weight| *weight == 1.0 / 3.0),
            "with f of this round, not of the spec"
        );
    }

    #[test]
    fn a_refused_round_leaves_the_model() {
        let mut descent = Descent::new(&Spec::default(), vec![3.0], 1);
        assert!(descent.apply(Round::FIRST, 0, &[]).is_err());
        assert_eq!(descent.model(), [3.0]);
    }
}
