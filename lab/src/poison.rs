//! From where a gradient attack settled to the data that make an honest worker do the same.

use attacker::Settled;
use attacks::{
    craft::{Hold, rows_for_least_squares, rows_for_softmax},
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

/// Rows that make an honest worker of the scenario's task hold `theta` when the common model is `rho`.
///
/// # Errors
/// When the vectors do not fit the task, or no rows do.
pub fn craft(scenario: &Scenario, theta: &[f64], rho: &[f64], pins: bool) -> Result<Poison, Failure> {
    let model = scenario.model()?;
    let hold = Hold { model, theta, rho, regularizer: scenario.task.regularizer(), nu: scenario.task.nu };
    let rows = match model.kind {
        Kind::Softmax => rows_for_softmax(&hold),
        Kind::Linear => rows_for_least_squares(&hold, pins),
        Kind::Mlp { .. } => {
            return Err(Failure::wrong(format!("there is no recipe of data that hold {}", model.kind)));
        }
    };
    let rows = rows.map_err(|error| Failure::unfinished(&error))?;
    let stationarity = hold.stationarity(&rows).map_err(|error| Failure::unfinished(&error))?;
    Ok(Poison { rows, stationarity })
}
