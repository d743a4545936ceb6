//! What every rule is: plain data that turns rows into one vector and says what it did with each row.

/// Updates of equal length, one a worker, in rank order.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a>(pub &'a [&'a [f32]]);

/// A rule whose needs on n and f are already checked, so aggregation cannot fail.
pub trait Rule: std::fmt::Debug + Send {
    /// Writes the aggregate of `rows` into `out` and answers one weight a row.
    fn aggregate(&mut self, rows: Rows<'_>, out: &mut [f32]) -> Vec<f64>;
}

/// The mean of all rows, summed in f64 in rank order.
#[derive(Debug)]
pub(crate) struct Average;

impl Rule for Average {
    fn aggregate(&mut self, Rows(rows): Rows<'_>, out: &mut [f32]) -> Vec<f64> {
        let n = rows.len() as f64;
        for (k, out) in out.iter_mut().enumerate() {
            *out = (rows.iter().map(|row| f64::from(row[k])).sum::<f64>() / n) as f32;
        }
        vec![1.0 / n; rows.len()]
    }
}
