//! What can be wrong with a task.

use crate::{DataError, data::PartitionError, model};
/// The task cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A weight is out of its range.
    #[error("{name} is {value}, expected {expected}")]
    Weight {
        /// `lambda`, `nu` or `tolerance`
        name: &'static str,
        /// What was given
        value: f64,
        /// The range
        expected: &'static str,
    },
    /// An exact solver needs a convex loss.
    #[error("the model {0} has no exact local solver, expected solver = {{ name = \"joint\" }}")]
    NotConvex(model::Kind),
    /// The optimiser of the joint solver makes no sense.
    #[error("the optimiser of the local solver is wrong")]
    Method(#[from] optimizer::InvalidMethod),
    /// The schedule of the joint solver makes no sense.
    #[error("the schedule of the local solver is wrong")]
    Schedule(#[from] optimizer::InvalidSchedule),
    /// A data set cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The rows cannot be shared out.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// A worker's own file does not fit the task.
    #[error("{file}: inputs of width {got}, the task has {want}")]
    Width {
        /// The file
        file: String,
        /// Width found
        got: usize,
        /// Width of the task
        want: usize,
    },
    /// A worker's own file does not fit the task.
    #[error("{file}: targets of length {got}, the task has {want} outputs")]
    Outputs {
        /// The file
        file: String,
        /// Outputs found
        got: usize,
        /// Outputs of the task
        want: usize,
    },
    /// A soft label is no distribution.
    #[error("{file}: the soft label of row {row} is no distribution (sum {sum}, smallest {smallest})")]
    SoftLabel {
        /// The file
        file: String,
        /// Row, counted from 0
        row: usize,
        /// Sum of the label
        sum: f64,
        /// Its smallest entry
        smallest: f64,
    },
    /// A start vector does not fit the model.
    #[error("{file}: `theta` has {got} numbers, the model has {want}")]
    Start {
        /// The file
        file: String,
        /// Numbers found
        got: usize,
        /// Parameters of the model
        want: usize,
    },
}
