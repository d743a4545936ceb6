//! How a user fits its own model: exactly, as the formal algorithm has it, or one step a round, as the experiments ran.

mod exact;
mod joint;
mod ridge;

pub(crate) use exact::Exact;
pub(crate) use joint::Joint;
use optimizer::{Method, Schedule};
pub(crate) use ridge::Ridge;
use serde::{Deserialize, Serialize};

/// Which local solver, as a scenario names it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SolverSpec {
    /// θₙ = argmin Lₙ(θ) + R(ρ, θ), every round, started at zero.
    Exact {
        /// Norm of the gradient that is small enough.
        #[serde(default = "default_tolerance")]
        tolerance: f64,
    },
    /// One optimiser step on θₙ a round, from the same (ρ, θₙ) that the message is computed from.
    Joint {
        /// The step.
        #[serde(default = "Method::adam")]
        method: Method,
        /// Its learning rate.
        #[serde(default = "published_schedule")]
        schedule: Schedule,
    },
}

const fn default_tolerance() -> f64 {
    1e-8
}

const fn published_schedule() -> Schedule {
    Schedule { rate: 0.02, factor: 0.99, floor: 0.005 }
}

impl Default for SolverSpec {
    fn default() -> Self {
        Self::Exact { tolerance: default_tolerance() }
    }
}
