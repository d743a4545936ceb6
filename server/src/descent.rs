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
    /// The model before: once nobody reads it any more, the aggregate gets its memory, and the next model the aggregate's.
    before: Arc<Vec<f32>>,
    aggregator: Aggregator,
    optimizer: Optimizer,
    schedule: Schedule,
    scale: Scale,
    tempo: Tempo,
    study: bool,
    reveal_sum: bool,
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
    /// n times the aggregate, when the scenario reveals it: under `average` the sum of the n rows.
    pub sum: Option<Vec<f32>>,
}

impl Descent {
    /// A model at `start` that moves as `spec` says; `seed` breaks the rule's ties.
    #[must_use]
    pub fn new(spec: &Spec, start: Vec<f32>, seed: u64) -> Self {
        Self {
            aggregator: Aggregator::new(spec.rule.clone(), spec.byzantine, seed),
            optimizer: Optimizer::new(spec.optimizer, start.len()),
            schedule: spec.schedule,
            scale: spec.scale,
            tempo: spec.mode,
            study: spec.study,
            reveal_sum: spec.reveal_sum,
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
        let mut vector = Arc::try_unwrap(std::mem::take(&mut self.before)).unwrap_or_default();
        vector.resize(self.model.len(), 0.0);
        let verdicts = match self.aggregator.aggregate(round.get(), &ranks, &views, &mut vector) {
            Ok(aggregated) => aggregated.verdicts,
            Err(refusal) => {
                self.before = Arc::new(vector);
                return Err(refusal);
            }
        };
        let scale = match self.scale {
            Scale::Sum => rows.len() as f64,
            Scale::Mean => 1.0,
        };
        let moved = Moved {
            step: self.step(round, rows.len()),
            verdicts,
            aggregate_norm: norm(&vector),
            squares: if self.study { constellation(&views, &vector) } else { Vec::new() },
            sum: self
                .reveal_sum
                .then(|| vector.iter().map(|&g| (f64::from(g) * rows.len() as f64) as f32).collect()),
        };
        self.optimizer.replace(&self.model, &mut vector, scale, self.schedule.at(round.get()));
        self.before = std::mem::replace(&mut self.model, Arc::new(vector));
        Ok(moved)
    }
}

/// ‖x‖, from eight sums: a fixed order that fills vector registers.
fn norm(x: &[f32]) -> f64 {
    let (eights, rest) = x.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, &x) in sums.iter_mut().zip(eight) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    let rest = rest.iter().map(|&x| f64::from(x) * f64::from(x));
    (sums.iter().sum::<f64>() + rest.sum::<f64>()).sqrt()
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
