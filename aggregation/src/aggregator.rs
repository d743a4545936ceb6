//! The long-lived object a server keeps: a pipeline, its declared f, its seed and what it remembers.

use crate::{Pipeline, Refusal, Rows, Rule, Threads, affine, coordinatewise};

/// Aggregates round after round; built once a run.
#[derive(Debug)]
pub struct Aggregator {
    pipeline: Pipeline,
    byzantine: usize,
    seed: u64,
    threads: Threads,
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
    /// Ranks whose rows were not finite and therefore set aside before the rule.
    pub set_aside: Vec<u32>,
}

impl Aggregator {
    /// A rule that tolerates `byzantine` liars; `seed` breaks ties.
    #[must_use]
    pub fn new(pipeline: Pipeline, byzantine: usize, seed: u64) -> Self {
        Self { pipeline, byzantine, seed, threads: Threads::default() }
    }

    /// The same with these threads instead of the process's shared ones.
    #[must_use]
    pub fn with_threads(self, threads: Threads) -> Self {
        Self { threads, ..self }
    }

    /// Aggregates `rows` (finite or not, in rank order, each as long as `out`) into `out`.
    ///
    /// Rows that are not finite are set aside and counted against f: the rule sees n − b rows, f − b of them
    /// Byzantine.
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
        let _ = (round, self.seed);
        if rows.is_empty() {
            return Err(Refusal::NoRows);
        }
        if let Some((&rank, row)) = ranks.iter().zip(rows).find(|(_, row)| row.len() != out.len()) {
            return Err(Refusal::Length { rank, got: row.len(), want: out.len() });
        }
        let finite: Vec<bool> = rows.iter().map(|row| row.iter().all(|x| x.is_finite())).collect();
        let broken = finite.iter().filter(|&&finite| !finite).count();
        let (n, f) = (rows.len(), self.byzantine);
        if broken > f {
            return Err(Refusal::NotFinite { broken, n, f });
        }
        let f = f - broken;
        self.pipeline.check(n - broken, f)?;
        let kept: Vec<&[f32]> =
            rows.iter().zip(&finite).filter(|(_, finite)| **finite).map(|(&row, _)| row).collect();
        let weights = self.apply(Rows(&kept), f, out)?;
        let mut weights = weights.into_iter();
        let weight = |&finite: &bool| if finite { weights.next().unwrap_or(0.0) } else { 0.0 };
        let weights: Vec<f64> = finite.iter().map(weight).collect();
        Ok(Aggregate {
            verdicts: ranks.iter().zip(weights).map(|(&rank, weight)| Verdict { rank, weight }).collect(),
            set_aside: ranks
                .iter()
                .zip(&finite)
                .filter(|(_, finite)| !**finite)
                .map(|(&rank, _)| rank)
                .collect(),
        })
    }

    fn apply(&self, rows: Rows<'_>, f: usize, out: &mut [f32]) -> Result<Vec<f64>, Refusal> {
        let threads = &self.threads;
        if let Some(stage) = self.pipeline.before.first() {
            return Err(Refusal::NotBuilt { stage: stage.name() });
        }
        threads.run(|| {
            Ok(match self.pipeline.rule {
                Rule::Average => affine::mean(rows, out),
                Rule::Median => coordinatewise::median(rows, out),
                Rule::TrimmedMean => coordinatewise::trimmed_mean(rows, f, out),
                Rule::Meamed => coordinatewise::meamed(rows, f, out),
                Rule::Phocas => coordinatewise::phocas(rows, f, out),
                rule => return Err(Refusal::NotBuilt { stage: rule.name() }),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregate(rule: &str, f: usize, rows: &[&[f32]]) -> Result<(Vec<f32>, Aggregate), Refusal> {
        let mut out = vec![0.0; rows.first().map_or(0, |row| row.len())];
        let ranks: Vec<u32> = (0..rows.len() as u32).collect();
        let aggregate = Aggregator::new(rule.parse().unwrap(), f, 1).aggregate(1, &ranks, rows, &mut out)?;
        Ok((out, aggregate))
    }

    #[test]
    fn rows_that_are_not_finite_are_set_aside_and_counted_against_f() {
        let rows: [&[f32]; 4] = [&[1.0, 2.0], &[f32::NAN, 0.0], &[3.0, 4.0], &[0.0, f32::INFINITY]];
        let (out, aggregate) = aggregate("average", 2, &rows).unwrap();
        assert_eq!(out, [2.0, 3.0]);
        assert_eq!(aggregate.set_aside, [1, 3]);
        assert_eq!(
            aggregate.verdicts.iter().map(|verdict| verdict.weight).collect::<Vec<_>>(),
            [0.5, 0.0, 0.5, 0.0]
        );
    }

    #[test]
    fn more_broken_rows_than_f_are_refused_in_words() {
        let refusal = aggregate("median", 0, &[&[1.0], &[f32::NAN]]).unwrap_err();
        assert_eq!(refusal.to_string(), "1 of 2 rows are not finite, at most f = 0 may be Byzantine");
    }

    #[test]
    fn a_row_of_another_length_is_refused() {
        let refusal = aggregate("average", 0, &[&[1.0], &[1.0, 2.0]]).unwrap_err();
        assert_eq!(refusal, Refusal::Length { rank: 1, got: 2, want: 1 });
    }
}
