//! The long-lived object a server keeps: a pipeline, its declared f, its seed and what it remembers.

use crate::{Pipeline, Rows, Rule, rules::Average};

/// Aggregates round after round; built once a run.
#[derive(Debug)]
pub struct Aggregator {
    rule: Box<dyn Rule>,
}

/// What became of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// Rank of the worker that sent the row.
    pub rank: u32,
    /// Weight of the row in the aggregate, or the fraction of its coordinates that was kept.
    pub weight: f64,
}

/// What an aggregation answers beside the vector it wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// One verdict a row, in the order of the rows.
    pub verdicts: Vec<Verdict>,
}

/// The rule cannot answer for these rows: a skipped round, not a crash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing arrived.
    #[error("no row to aggregate")]
    NoRows,
}

impl Aggregator {
    /// A rule that tolerates `byzantine` liars; `seed` breaks ties.
    #[must_use]
    pub fn new(pipeline: Pipeline, byzantine: usize, seed: u64) -> Self {
        let Pipeline::Average = pipeline;
        let _ = (byzantine, seed);
        Self { rule: Box::new(Average) }
    }

    /// Aggregates `rows` (finite or not, in rank order, each as long as `out`) into `out`.
    ///
    /// # Errors
    /// When the rule is not defined for what arrived; `out` is then unspecified.
    pub fn aggregate(
        &mut self,
        round: u32,
        ranks: &[u32],
        rows: &[&[f32]],
        out: &mut [f32],
    ) -> Result<Aggregate, Refusal> {
        let _ = round;
        if rows.is_empty() {
            return Err(Refusal::NoRows);
        }
        let weights = self.rule.aggregate(Rows(rows), out);
        let verdicts = ranks.iter().zip(weights).map(|(&rank, weight)| Verdict { rank, weight }).collect();
        Ok(Aggregate { verdicts })
    }
}
