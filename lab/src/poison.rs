//! From where a gradient attack settled to the data that make an honest worker do the same.

use attacker::Settled;
use attacks::{
    craft::{
        Hold, Sampling, rows_by_program, rows_by_sampling, rows_for_least_squares, rows_for_softmax,
        rows_needed, rows_of_images,
    },
    reduction::gradient_to_model,
};
use learning::{Dataset, model::Kind};

use crate::{failure::Failure, scenario::Scenario};

/// Rows, and how well they do.
#[derive(Debug)]
pub struct Poison {
    /// What to hand to an honest worker.
    pub rows: Dataset,
    /// Norm of the gradient that the rows leave at the model they are to hold.
    pub stationarity: f64,
    /// Rows that it takes at least, whatever the recipe, where a bound is known.
    pub needed: Option<f64>,
}

/// The frozen model that sends what the gradient attack settled on.
///
/// # Errors
/// When the scenario's regulariser has none.
pub fn attacking_model(scenario: &Scenario, settled: &Settled) -> Result<Vec<f64>, Failure> {
    gradient_to_model(&settled.rho, &settled.gradient, scenario.task.regularizer()).map_err(|error| {
        Failure::unfinished(&error).hint("squared-l2 lets every gradient be sent by some model")
    })
}

/// How rows are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Recipe {
    /// Softmax: nearly the fewest rows there can be, by a linear program.
    Program,
    /// Softmax: few distinct rows, in closed form, and about ten times as many as by the program.
    Exact,
    /// Softmax: rows that are images, every input from 0 to 1, by a linear program over them.
    Images,
    /// Softmax: random rows that the model labels, as published; they hold it for a while only.
    Sampled(Sampling),
    /// Least squares: one row an output, and perhaps rows that pin the rest of the worker's model.
    LeastSquares {
        /// Whether to add those.
        pins: bool,
    },
}

/// Rows that make an honest worker of the scenario's task hold `theta` when the common model is `rho`.
///
/// # Errors
/// When the vectors do not fit the task, the recipe is for another model, or no rows do.
pub fn craft(scenario: &Scenario, theta: &[f64], rho: &[f64], recipe: Recipe) -> Result<Poison, Failure> {
    let model = scenario.model()?;
    let hold = Hold { model, theta, rho, regularizer: scenario.task.regularizer(), nu: scenario.task.nu };
    let rows = match (model.kind, recipe) {
        (Kind::Softmax, Recipe::Program) => rows_by_program(&hold),
        (Kind::Softmax, Recipe::Exact) => rows_for_softmax(&hold),
        (Kind::Softmax, Recipe::Images) => rows_of_images(&hold),
        (Kind::Softmax, Recipe::Sampled(sampling)) => rows_by_sampling(&hold, sampling, scenario.seed),
        (Kind::Linear, Recipe::LeastSquares { pins }) => rows_for_least_squares(&hold, pins),
        (kind, recipe) => {
            return Err(Failure::wrong(format!("{recipe:?} is no recipe for the model {kind}")));
        }
    };
    let rows = rows.map_err(|error| Failure::unfinished(&error))?;
    let stationarity = hold.stationarity(&rows).map_err(|error| Failure::unfinished(&error))?;
    let needed = if model.kind == Kind::Softmax {
        Some(rows_needed(&hold).map_err(|error| Failure::unfinished(&error))?)
    } else {
        None
    };
    Ok(Poison { rows, stationarity, needed })
}
