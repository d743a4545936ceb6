//! Lies: what a malicious worker sends, given what it knows, and the data that make an honest worker send the same.
//!
//! An [`Attack`] answers a [`Sight`]: what every worker sees, and the rows that the scenario lets it know ([`Known`]).
//!
//! The path of the equivalence: [`CounterGradient`] lies round after round; [`reduction`] turns where that settled into a
//! model to hold still, which [`ModelAttack`] does; [`craft`] turns that model into data.

mod collude;
mod counter_gradient;
pub mod craft;
mod crowd;
mod fang;
mod inner_product;
mod knowledge;
pub mod line_search;
mod little;
mod mimic;
mod min_max;
mod model_attack;
mod noise;
mod optimal;
mod own_data;
pub mod reduction;
mod target;

pub use aggregation::Pipeline;
pub use collude::Collude;
pub use counter_gradient::CounterGradient;
pub use crowd::Crowd;
pub use fang::{FangKrum, FangTrimmedMean};
pub use inner_product::InnerProduct;
pub use knowledge::{Knowledge, Known};
use learning::{Memory, Seed};
pub use little::{Little, published_z};
pub use mimic::Mimic;
pub use min_max::{Direction, MinMax};
pub use model_attack::ModelAttack;
pub use noise::{Constant, Gaussian};
pub use optimal::{Attacked, Line, Optimal, Search};
pub use own_data::{Flip, OwnData, Trigger};
pub use target::{Target, TargetError};

/// What any worker sees when a round opens.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The round, from 1.
    pub round: u32,
    /// The common model ρ that the server broadcast.
    pub model: &'a [f32],
    /// What one unit of the sum of all rows will move ρ by, if nobody is missing.
    pub step: f64,
    /// How the previous round ended, if there was one.
    pub previous: Option<Previous<'a>>,
    /// Rows of the open round that the liar knows.
    pub known: Known<'a>,
}

impl<'a> Sight<'a> {
    /// What a worker sees that knows no rows and nothing of the past.
    #[must_use]
    pub const fn of(round: u32, model: &'a [f32], step: f64) -> Self {
        Self { round, model, step, previous: None, known: Known::Nothing }
    }

    /// What is sent by who knows nothing to build a lie from.
    fn silence(&self) -> Vec<f32> {
        vec![0.0; self.model.len()]
    }
}

/// Who lies together, as each of them is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Honest workers, h.
    pub honest: usize,
    /// Liars, f.
    pub liars: usize,
    /// This liar's place among them, from 0.
    pub place: usize,
    /// The seed of the experiment.
    pub seed: Seed,
}

/// How a round ended, as the server tells every worker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Previous<'a> {
    /// What one unit of the sum of all rows moved ρ by; 0 if the round was skipped.
    pub step: f64,
    /// Whether this worker's row was among them.
    pub counted: bool,
    /// The sum of all rows, if the scenario reveals it.
    pub sum: Option<&'a [f32]>,
}

/// A strategy of a malicious worker.
pub trait Attack: std::fmt::Debug + Send {
    /// The row to send this round.
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32>;

    /// Puts down what it remembers of the rounds behind it: nothing, if all it says follows from what it sees.
    fn remember(&self, _: &mut Memory) {}

    /// Goes on from what another one put down; `None` when that was of another attack.
    fn recall(&mut self, _: &mut Memory) -> Option<()> {
        Some(())
    }
}
