//! Rows being collected.

use learning::{Dataset, Targets, data::Inputs};
use nalgebra::DVector;
use ndarray::Array2;

/// Inputs with soft labels and multiplicities.
#[derive(Debug, Default)]
pub(super) struct Rows {
    inputs: Vec<f64>,
    labels: Vec<f64>,
    counts: Vec<u32>,
}

impl Rows {
    /// Adds `count` copies of a row; what rounding left below 0 in its label becomes 0.
    pub(super) fn push(&mut self, input: &DVector<f64>, label: &DVector<f64>, count: u32) {
        self.inputs.extend(input.iter());
        self.labels.extend(label.iter().map(|q| q.max(0.0)));
        self.counts.push(count);
    }

    pub(super) fn into_dataset(self) -> Dataset {
        let rows = self.counts.len();
        let table = |values: Vec<f64>| {
            let width = values.len() / rows.max(1);
            Array2::from_shape_vec((rows, width), values)
                .unwrap_or_else(|_| unreachable!("rows of equal length"))
        };
        Dataset {
            inputs: Inputs::Reals(table(self.inputs)),
            targets: Targets::Values(table(self.labels)),
            counts: Some(self.counts),
        }
    }
}
