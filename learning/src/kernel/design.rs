//! A data set laid out for the kernel: one precision, dense or sparse.

use super::Real;
use crate::{Dataset, Targets};

/// Rows, answers and multiplicities of a linear model's data.
#[derive(Debug, Clone)]
pub(crate) struct Design<R> {
    pub(super) rows: Rows<R>,
    pub(super) answers: Answers<R>,
    /// Examples each row stands for; `None` is one.
    pub(super) counts: Option<Vec<R>>,
    pub(crate) width: usize,
    pub(crate) outputs: usize,
    length: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Rows<R> {
    /// Shape (rows, width), row after row.
    Dense(Vec<R>),
    /// The non-zero values of row i are at `starts[i]..starts[i + 1]`.
    Sparse { starts: Vec<u32>, columns: Vec<u16>, values: Vec<R> },
}

#[derive(Debug, Clone)]
pub(super) enum Answers<R> {
    /// One class a row, below the number of outputs.
    Classes(Vec<u8>),
    /// Shape (rows, outputs), row after row.
    Values(Vec<R>),
}

/// Below this fraction of non-zero values sparse rows are faster than dense ones.
const SPARSE_BELOW: f64 = 0.6;

impl<R: Real> Design<R> {
    /// Lays out `data`, in the order of its rows.
    ///
    /// # Panics
    /// When a label is not below the number of classes: a [`Dataset`] that was loaded has none.
    pub(crate) fn new(data: &Dataset) -> Self {
        let (length, width, outputs) = (data.inputs.rows(), data.inputs.width(), data.targets.outputs());
        let answers = match &data.targets {
            Targets::Classes { labels, classes } => {
                assert!(labels.iter().all(|&label| usize::from(label) < *classes), "labels are classes");
                Answers::Classes(labels.clone())
            }
            Targets::Values(values) => Answers::Values(values.iter().map(|&value| R::of(value)).collect()),
        };
        let counts = data.counts.as_ref().map(|counts| counts.iter().map(|&c| R::of(f64::from(c))).collect());
        Self { rows: Rows::new(data), answers, counts, width, outputs, length }
    }

    /// Number of rows.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }
}

impl<R: Real> Rows<R> {
    fn new(data: &Dataset) -> Self {
        let (rows, width) = (data.inputs.rows(), data.inputs.width());
        let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        if u16::try_from(width).is_ok() {
            for row in 0..rows {
                for (column, value) in
                    data.inputs.row(row).into_iter().enumerate().filter(|(_, value)| *value != 0.0)
                {
                    columns.push(column as u16);
                    values.push(R::of(value));
                }
                starts.push(values.len() as u32);
            }
            if (values.len() as f64) < SPARSE_BELOW * (rows * width) as f64
                && u32::try_from(values.len()).is_ok()
            {
                return Self::Sparse { starts, columns, values };
            }
        }
        Self::Dense((0..rows).flat_map(|row| data.inputs.row(row)).map(R::of).collect())
    }
}
