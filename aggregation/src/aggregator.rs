//! The long-lived object a server keeps: a pipeline, its declared f, its seed and what it remembers.

use crate::{
    Pipeline, Refusal, Rows, Rule, Threads, affine,
    coordinatewise::{self, Source},
    election::{self, Round, Voters},
    finite::is_finite,
    order,
};

/// Aggregates round after round; built once a run.
#[derive(Debug)]
pub struct Aggregator {
    pipeline: Pipeline,
    byzantine: usize,
    seed: u64,
    threads: Threads,
    centre: Option<Vec<f32>>,
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
        Self { pipeline, byzantine, seed, threads: Threads::default(), centre: None }
    }

    /// The same with these threads instead of the process's shared ones.
    #[must_use]
    pub fn with_threads(self, threads: Threads) -> Self {
        Self { threads, ..self }
    }

    /// Tolerates so many liars from now on.
    pub const fn tolerate(&mut self, byzantine: usize) {
        self.byzantine = byzantine;
    }

    /// What the rule remembers between rounds: the centre of `centered-clipping` once a round is done.
    #[must_use]
    pub fn state(&self) -> Option<&[f32]> {
        self.centre.as_deref()
    }

    /// Continues from what [`Aggregator::state`] answered.
    pub fn restore(&mut self, state: Option<Vec<f32>>) {
        self.centre = state;
    }

    /// Aggregates `rows` (finite or not, in rank order, each as long as `out`) into `out`.
    ///
    /// Rows that are not finite are set aside and counted against f: the rule sees n − b rows, f − b of them
    /// Byzantine.
    ///
    /// # Errors
    /// When the rule is not defined for what arrived, or more than f rows are not finite; `out` is then unspecified.
    pub fn aggregate(
        &mut self,
        round: u32,
        ranks: &[u32],
        rows: &[&[f32]],
        out: &mut [f32],
    ) -> Result<Aggregate, Refusal> {
        self.aggregate_with_root(round, ranks, rows, None, out)
    }

    /// The same with the server's own gradient, which `fltrust` compares rows with and other rules ignore; so does
    /// `fltrust(root=…)`, whose own gradient is one of the rows.
    ///
    /// # Errors
    /// As [`Aggregator::aggregate`]; also when `fltrust` gets no root, or one that is not finite.
    pub fn aggregate_with_root(
        &mut self,
        round: u32,
        ranks: &[u32],
        rows: &[&[f32]],
        root: Option<&[f32]>,
        out: &mut [f32],
    ) -> Result<Aggregate, Refusal> {
        if rows.is_empty() {
            return Err(Refusal::NoRows);
        }
        if let Some((&rank, row)) = ranks.iter().zip(rows).find(|(_, row)| row.len() != out.len()) {
            return Err(Refusal::Length { rank, got: row.len(), want: out.len() });
        }
        if let Rule::FlTrust { root: Some(rank) } = self.pipeline.rule {
            return self.aggregate_beside(rank, round, ranks, rows, out);
        }
        self.aggregate_voters(round, ranks, rows, root, out)
    }

    /// The row of `root` is the server's own gradient, the others vote.
    fn aggregate_beside(
        &mut self,
        root: u32,
        round: u32,
        ranks: &[u32],
        rows: &[&[f32]],
        out: &mut [f32],
    ) -> Result<Aggregate, Refusal> {
        let missing = Refusal::PivotMissing { stage: self.pipeline.rule.name(), rank: root };
        let Some(at) = ranks.iter().position(|&rank| rank == root).filter(|&at| at < rows.len()) else {
            return Err(missing);
        };
        let gradient = rows[at];
        if !self.threads.run(|| is_finite(gradient)) {
            return Err(missing);
        }
        let (mut ranks, mut rows) = (ranks.to_vec(), rows.to_vec());
        ranks.remove(at);
        rows.remove(at);
        let mut aggregate = self.aggregate_voters(round, &ranks, &rows, Some(gradient), out)?;
        aggregate.verdicts.insert(at, Verdict { rank: root, weight: 0.0 });
        Ok(aggregate)
    }

    fn aggregate_voters(
        &mut self,
        round: u32,
        ranks: &[u32],
        rows: &[&[f32]],
        root: Option<&[f32]>,
        out: &mut [f32],
    ) -> Result<Aggregate, Refusal> {
        let threads = self.threads.clone();
        let anchor = match self.pipeline.rule {
            Rule::FlTrust { .. } => {
                let usable = root.filter(|root| root.len() == out.len() && threads.run(|| is_finite(root)));
                Some(usable.ok_or(Refusal::NoRoot { stage: "fltrust" })?)
            }
            Rule::CenteredClipping { .. } => {
                self.centre.as_deref().filter(|centre| centre.len() == out.len())
            }
            _ => None,
        };
        let round = Round { pipeline: &self.pipeline, f: self.byzantine, seed: self.seed, number: round };
        let aggregate = threads.run(|| elect(round, ranks, rows, anchor, out))?;
        if matches!(self.pipeline.rule, Rule::CenteredClipping { .. }) {
            self.centre = Some(out.to_vec());
        }
        Ok(aggregate)
    }
}

fn elect(
    round: Round<'_>,
    ranks: &[u32],
    rows: &[&[f32]],
    anchor: Option<&[f32]>,
    out: &mut [f32],
) -> Result<Aggregate, Refusal> {
    let pipeline = round.pipeline;
    if pipeline.is_plain() {
        let plainly = |rows: &[&[f32]], f, out: &mut [f32]| match pipeline.rule {
            Rule::Average => affine::mean(Rows(rows), out),
            rule => coordinatewise::apply(rule, &Source::new(Rows(rows), None), f, out),
        };
        let mut weights = if pipeline.check_voters(rows.len(), round.f).is_ok() {
            plainly(rows, round.f, out)
        } else {
            // Those that are left may do.
            rows.iter().map(|row| if is_finite(row) { 0.0 } else { f64::NAN }).collect()
        };
        let finite: Vec<bool> = weights.iter().map(|weight| !weight.is_nan()).collect();
        let f = spare(round, &finite)?;
        if finite.contains(&false) {
            weights = plainly(&only(rows, &finite), f, out);
        }
        return Ok(answer(ranks, &finite, weights));
    }
    let survey = election::survey(round, Rows(rows), anchor, out.len());
    let finite: Vec<bool> =
        (0..).zip(rows).map(|(point, row)| survey.vouches(point) || is_finite(row)).collect();
    let f = spare(round, &finite)?;
    let (kept, kept_ranks) = (only(rows, &finite), only(ranks, &finite));
    let present: Vec<usize> =
        (0..survey.points()).filter(|&point| finite.get(point).is_none_or(|&finite| finite)).collect();
    let cloud = survey.cloud(&present, kept.len(), pipeline.needs_products());
    let keys = order::keys(round.seed, round.number, &kept_ranks);
    let pivot = match pipeline.rule {
        Rule::Monna { pivot } => kept_ranks.iter().position(|&rank| rank == pivot),
        _ => None,
    };
    let round = Round { f, ..round };
    let voters = Voters::seat(round, cloud, keys, pivot);
    let weights = voters.aggregate(round, Rows(&kept), (&survey, &present), anchor, out)?;
    Ok(answer(ranks, &finite, weights))
}

/// The f that is left when the rows that are not finite are taken as Byzantine, if the pipeline stands it.
fn spare(round: Round<'_>, finite: &[bool]) -> Result<usize, Refusal> {
    let broken = finite.iter().filter(|&&finite| !finite).count();
    let (n, f) = (finite.len(), round.f);
    if broken > f {
        return Err(Refusal::NotFinite { broken, n, f });
    }
    round.pipeline.check_voters(n - broken, f - broken)?;
    Ok(f - broken)
}

fn only<T: Copy>(all: &[T], wanted: &[bool]) -> Vec<T> {
    all.iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(&one, _)| one).collect()
}

fn answer(ranks: &[u32], finite: &[bool], weights: Vec<f64>) -> Aggregate {
    let mut weights = weights.into_iter();
    let mut weight = |finite: bool| if finite { weights.next().unwrap_or(0.0) } else { 0.0 };
    let verdicts = ranks.iter().zip(finite).map(|(&rank, &finite)| Verdict { rank, weight: weight(finite) });
    let verdicts = verdicts.collect();
    Aggregate {
        verdicts,
        set_aside: ranks.iter().zip(finite).filter(|(_, finite)| !**finite).map(|(&rank, _)| rank).collect(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
