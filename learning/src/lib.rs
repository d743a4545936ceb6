//! What honest users do: hold data, fit their own model to it, and pull the common model towards theirs.
//!
//! F(ρ, θ) = Σₙ Lₙ(θₙ) + Σₙ R(ρ, θₙ): see [`Regularizer`] for R, [`Loss`] for L, [`User`] for one user's side of
//! the protocol. Nothing here knows of sockets, clocks or the environment.

pub mod data;
mod fit;
mod kernel;
mod learner;
mod loss;
mod memory;
mod mlp;
pub mod model;
mod newton;
mod preconditioner;
pub mod regularizer;
mod seed;
mod shared;
mod solver;
mod task;
mod user;

pub use data::{DataError, Dataset, Targets};
pub use fit::fit;
pub use learner::{Learner, Objective};
pub use loss::{Loss, Precision};
pub use memory::Memory;
pub use model::{Exam, Model};
pub use regularizer::Regularizer;
pub use seed::Seed;
pub use shared::{Algorithm, Shared};
pub use solver::SolverSpec;
pub use task::{LossScale, Start, Task, TaskError};
pub use user::{Setting, User};
