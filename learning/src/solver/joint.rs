//! The published local solver: one step of an optimiser a round, single precision.

use optimizer::{Method, Optimizer, Schedule, State};

use crate::{Loss, Memory, Regularizer};

/// A local model on its way.
#[derive(Debug)]
pub(crate) struct Joint {
    theta: Vec<f32>,
    optimizer: Optimizer,
    schedule: Schedule,
}

impl Joint {
    pub(crate) fn new(start: Vec<f32>, method: Method, schedule: Schedule) -> Self {
        Self { optimizer: Optimizer::new(method, start.len()), theta: start, schedule }
    }

    pub(crate) fn theta(&self) -> Vec<f64> {
        self.theta.iter().copied().map(f64::from).collect()
    }

    pub(crate) fn remember(&self, memory: &mut Memory) {
        let State { steps, first, second } = self.optimizer.state();
        memory.put_count(u64::from(*steps));
        [&self.theta, first, second].iter().for_each(|values| memory.put_singles(values));
    }

    pub(crate) fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        let State { first, second, .. } = self.optimizer.state();
        let (first, second) = (first.len(), second.len());
        let (steps, theta) = (memory.count()?, memory.singles(self.theta.len())?);
        let state = State { steps, first: memory.singles(first)?, second: memory.singles(second)? };
        self.theta = theta;
        self.optimizer.restore(state).then_some(())
    }

    /// Answers ∇ρR(ρ, θ) at the present θ, then moves θ one step down L(θ) + R(ρ, θ).
    pub(crate) fn respond(
        &mut self,
        round: u32,
        rho: &[f64],
        loss: &Loss,
        regularizer: Regularizer,
    ) -> Vec<f64> {
        let theta = self.theta();
        let message = regularizer.gradient(rho, &theta);
        let mut gradient = vec![0.0; theta.len()];
        loss.evaluate(&theta, &mut gradient);
        let total: Vec<f32> = gradient.iter().zip(&message).map(|(g, m)| (g - m) as f32).collect();
        self.optimizer.step(&mut self.theta, &total, 1.0, self.schedule.at(round));
        message
    }
}
