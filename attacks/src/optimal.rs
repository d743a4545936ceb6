//! The optimised attacks: along a line, where the server's own rule is farthest from the honest mean.
//!
//! maximise over τ   ‖F(x₁ … xₕ, f copies of row(τ)) − mean(x₁ … xₕ)‖
//! row(τ) = mean + τ · std  (a little is enough)     or     −τ · mean  (inner-product manipulation)
//!
//! In: rows of honest workers, (h, d); the server's rule, its declared f and its seed, which a scenario does not hide. Out:
//! (d,), sent by every liar. Cost of one probe, and `evaluations` of it: only the liars' row changes, so a geometric rule
//! costs O(n²) each once the distances are known, and one that looks at coordinates sums only the lies anew.
//! Source: the line search of ByzFL's `Optimal_*` attacks; see [`crate::line_search`] for how ours differs. A rule that
//! remembers (centered clipping) is probed from its fresh state.

use aggregation::{Aggregator, Pipeline, Probe};

use crate::{
    Attack, Crowd, Group, Sight,
    crowd::moved,
    line_search::{Best, Upwards, bracketed, upwards},
};

/// The line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Standard deviations from the mean.
    Little,
    /// Minus the mean.
    InnerProduct,
}

/// How the line is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Search {
    /// Both directions, in brackets.
    Bracketed {
        /// Evaluations of the rule.
        evaluations: usize,
    },
    /// As ByzFL does.
    Upwards(Upwards),
}

/// The rule that is attacked, as the scenario says it.
#[derive(Debug, Clone)]
pub struct Attacked {
    /// The rule.
    pub pipeline: Pipeline,
    /// The number of liars that is declared to it.
    pub byzantine: usize,
    /// What breaks its ties.
    pub seed: u64,
}

/// An attack along a line.
#[derive(Debug)]
pub struct Optimal {
    line: Line,
    search: Search,
    attacked: Attacked,
    group: Group,
}

impl Optimal {
    /// Along `line`, against `attacked`.
    #[must_use]
    pub const fn new(line: Line, search: Search, attacked: Attacked, group: Group) -> Self {
        Self { line, search, attacked, group }
    }
}

impl Attack for Optimal {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        let Some(crowd) = Crowd::new(sight.known.rows()) else { return sight.silence() };
        let mean = crowd.mean();
        let (center, direction) = match self.line {
            Line::Little => (mean.clone(), crowd.deviation(&mean)),
            Line::InnerProduct => (vec![0.0; mean.len()], mean.iter().map(|m| -m).collect()),
        };
        let narrow = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
        let ranks: Vec<u32> = (0..(crowd.rows().len() + self.group.liars) as u32).collect();
        let (from, along) = (narrow(&center), narrow(&direction));
        let Attacked { pipeline, byzantine, seed } = &self.attacked;
        // A probe has as many liars as are declared; otherwise the rule is run in full.
        let probe = (*byzantine == self.group.liars)
            .then(|| Probe::new(pipeline, *byzantine, *seed, crowd.rows(), &ranks, &from, &along).ok())
            .flatten()
            .map(|probe| probe.in_round(sight.round));
        let best = if let Some(mut probe) = probe {
            // A round that the rule refuses is skipped, which harms nobody.
            self.search(|tau| probe.error(tau).unwrap_or(0.0))
        } else {
            let mut trial = Trial::new(&crowd, &mean, ranks, &self.attacked);
            self.search(|tau| trial.error(sight.round, &moved(&center, tau, &direction)))
        };
        moved(&center, best.at, &direction)
    }
}

impl Optimal {
    fn search(&self, error: impl FnMut(f64) -> f64) -> Best {
        match self.search {
            Search::Bracketed { evaluations } => bracketed(evaluations, error),
            Search::Upwards(search) => upwards(search, error),
        }
    }
}

/// The server's rule on the honest rows and copies of a lie.
struct Trial<'a> {
    honest: &'a [&'a [f32]],
    mean: &'a [f64],
    ranks: Vec<u32>,
    attacked: &'a Attacked,
    out: Vec<f32>,
}

impl<'a> Trial<'a> {
    fn new(crowd: &Crowd<'a>, mean: &'a [f64], ranks: Vec<u32>, attacked: &'a Attacked) -> Self {
        Self { honest: crowd.rows(), mean, ranks, attacked, out: vec![0.0; mean.len()] }
    }

    /// ‖F(honest, lies) − mean‖; 0 where the rule refuses.
    fn error(&mut self, round: u32, lie: &[f32]) -> f64 {
        let liars = self.ranks.len() - self.honest.len();
        let rows: Vec<&[f32]> = self.honest.iter().copied().chain(std::iter::repeat_n(lie, liars)).collect();
        let Attacked { pipeline, byzantine, seed } = self.attacked;
        let mut rule = Aggregator::new(pipeline.clone(), *byzantine, *seed);
        if rule.aggregate(round, &self.ranks, &rows, &mut self.out).is_err() {
            return 0.0;
        }
        self.out.iter().zip(self.mean).map(|(&a, m)| (f64::from(a) - m).powi(2)).sum::<f64>().sqrt()
    }
}
