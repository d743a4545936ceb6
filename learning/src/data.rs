//! Data sets: inputs and what is to be said of them, from embedded, IDX, npz or CSV sources.

mod csv;
mod digits;
mod error;
mod idx;
mod partition;
mod source;
mod tables;

use std::collections::HashMap;

use ndarray::{Array2, Axis};

pub use error::DataError;
pub use partition::{Partition, PartitionError};
pub use source::Source;
pub use tables::{load_rows, load_table, load_vector, save_table, save_vector};

/// Rows of inputs with a target each; a row may stand for several identical ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What a model sees, one row an example.
    pub inputs: Inputs,
    /// What it should say.
    pub targets: Targets,
    /// How many identical examples each row stands for; `None` is one each.
    pub counts: Option<Vec<u32>>,
}

/// Inputs, shape (rows, width).
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// Pixels, of which `largest` stands for 1.0.
    Bytes {
        /// Shape (rows, width).
        pixels: Array2<u8>,
        /// The value that a model sees as 1.0.
        largest: u8,
    },
    /// Numbers as they are.
    Reals(Array2<f64>),
}

/// Targets, one a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// A class from 0 to `classes` - 1.
    Classes {
        /// One a row.
        labels: Vec<u8>,
        /// How many there are.
        classes: usize,
    },
    /// A vector a row: a distribution over classes (soft label), or the values to regress on.
    Values(Array2<f64>),
}

impl Inputs {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Bytes { pixels, .. } => pixels.nrows(),
            Self::Reals(values) => values.nrows(),
        }
    }

    /// Length of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Bytes { pixels, .. } => pixels.ncols(),
            Self::Reals(values) => values.ncols(),
        }
    }

    /// One row as a model sees it.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> Vec<f64> {
        match self {
            Self::Bytes { pixels, largest } => {
                pixels.row(index).iter().map(|&pixel| f64::from(pixel) / f64::from(*largest)).collect()
            }
            Self::Reals(values) => values.row(index).to_vec(),
        }
    }

    fn select(&self, indices: &[usize]) -> Self {
        match self {
            Self::Bytes { pixels, largest } => {
                Self::Bytes { pixels: pixels.select(Axis(0), indices), largest: *largest }
            }
            Self::Reals(values) => Self::Reals(values.select(Axis(0), indices)),
        }
    }
}

impl Targets {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Values(values) => values.nrows(),
        }
    }

    /// Numbers a model has to give for a row: classes, or length of the target.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self {
            Self::Classes { classes, .. } => *classes,
            Self::Values(values) => values.ncols(),
        }
    }

    /// The target of one row as a vector, a class as its indicator.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> Vec<f64> {
        match self {
            Self::Classes { labels, classes } => {
                let label = usize::from(labels[index]);
                (0..*classes).map(|class| f64::from(u8::from(class == label))).collect()
            }
            Self::Values(values) => values.row(index).to_vec(),
        }
    }

    fn select(&self, indices: &[usize]) -> Self {
        match self {
            Self::Classes { labels, classes } => {
                Self::Classes { labels: indices.iter().map(|&i| labels[i]).collect(), classes: *classes }
            }
            Self::Values(values) => Self::Values(values.select(Axis(0), indices)),
        }
    }
}

impl Dataset {
    /// Rows with a target each.
    ///
    /// # Panics
    /// When there are not as many targets as inputs.
    #[must_use]
    pub fn new(inputs: Inputs, targets: Targets) -> Self {
        assert_eq!(inputs.rows(), targets.rows(), "one target a row");
        Self { inputs, targets, counts: None }
    }

    /// Number of rows, identical ones counted as often as they occur.
    #[must_use]
    pub fn examples(&self) -> u64 {
        self.counts
            .as_ref()
            .map_or(self.inputs.rows() as u64, |counts| counts.iter().copied().map(u64::from).sum())
    }

    /// The rows at `indices`, in that order.
    ///
    /// # Panics
    /// When an index is not below the number of rows.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            inputs: self.inputs.select(indices),
            targets: self.targets.select(indices),
            counts: self.counts.as_ref().map(|counts| indices.iter().map(|&i| counts[i]).collect()),
        }
    }

    /// The same data with other classes: class y becomes (y + `shift`) mod classes.
    #[must_use]
    pub fn with_shifted_classes(&self, shift: u8) -> Self {
        let mut shifted = self.clone();
        if let Targets::Classes { labels, classes } = &mut shifted.targets {
            for label in labels {
                // At most 256 classes: the remainder fits a byte.
                *label = ((usize::from(*label) + usize::from(shift)) % *classes) as u8;
            }
        }
        shifted
    }

    /// The same data with identical rows merged and counted: a sum over it is the same, at less cost.
    #[must_use]
    pub fn merged(&self) -> Self {
        let mut places: HashMap<Vec<u64>, usize> = HashMap::new();
        let (mut kept, mut counts) = (Vec::new(), Vec::new());
        for index in 0..self.inputs.rows() {
            let bits =
                self.inputs.row(index).into_iter().chain(self.targets.row(index)).map(f64::to_bits).collect();
            let count = self.counts.as_ref().map_or(1, |counts| counts[index]);
            let place = *places.entry(bits).or_insert_with(|| {
                kept.push(index);
                counts.push(0);
                kept.len() - 1
            });
            counts[place] += count;
        }
        Self { counts: Some(counts), ..self.select(&kept) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn three_rows_two_alike() -> Dataset {
        Dataset::new(
            Inputs::Reals(array![[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]),
            Targets::Classes { labels: vec![1, 0, 1], classes: 2 },
        )
    }

    #[test]
    fn merging_counts_identical_rows_and_loses_none() {
        let merged = three_rows_two_alike().merged();
        assert_eq!(merged.counts, Some(vec![2, 1]));
        assert_eq!(merged.examples(), 3);
        assert_eq!(merged.merged(), merged);
    }

    #[test]
    fn a_shift_wraps_around_the_classes() {
        let Targets::Classes { labels, .. } = three_rows_two_alike().with_shifted_classes(1).targets else {
            unreachable!("classes stay classes")
        };
        assert_eq!(labels, [0, 1, 0]);
    }

    #[test]
    fn pixels_are_seen_from_zero_to_one() {
        let inputs = Inputs::Bytes { pixels: array![[0, 8, 16]], largest: 16 };
        assert_eq!(inputs.row(0), [0.0, 0.5, 1.0]);
    }
}
