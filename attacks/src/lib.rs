//! Lies: what a malicious worker sends, given what it knows, and the data that make an honest worker send the same.
//!
//! The path of the equivalence: [`CounterGradient`] lies round after round; [`reduction`] turns where that settled into a
//! model to hold still, which [`ModelAttack`] does; [`craft`] turns that model into data.

mod counter_gradient;
pub mod craft;
mod model_attack;
pub mod reduction;
mod target;

pub use counter_gradient::CounterGradient;
pub use model_attack::ModelAttack;
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
}
