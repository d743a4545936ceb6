//! One round of a pipeline: points become voters, voters weights, and weights the aggregate.

use crate::{
    MedianVariant, Pipeline, PreAggregator, Refusal, Rows, Rule, affine, before,
    coordinatewise::{self, Source},
    geometry::{Asked, Cloud, Mixing, Survey},
    rules::{
        bulyan, caf, centered_clipping, cge, clipped_mean, dnc, fltrust, geometric_median, krum, mda, monna,
        sign_guard, smea,
    },
};

/// What a rule is given in a round beside the points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round<'a> {
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) f: usize,
    pub(crate) seed: u64,
    pub(crate) number: u32,
}

impl Round<'_> {
    /// The coordinates of `d` that a rule draws, ascending.
    fn drawn(&self, d: usize) -> Vec<usize> {
        match self.pipeline.rule {
            Rule::Dnc { iterations, dimensions, .. } if dimensions < d => {
                dnc::all_drawn(d, dimensions, self.seed, self.number, iterations)
            }
            _ => Vec::new(),
        }
    }
}

/// Voters after the pre-aggregators.
#[derive(Debug)]
pub(crate) struct Voters {
    /// Where they are; of a rule that ignores it, where they were before the last stage.
    cloud: Cloud,
    /// Each voter as a combination of the points, if any stage mixed them.
    mixing: Option<Mixing>,
    keys: Vec<u64>,
    /// The trusted voter.
    pivot: Option<usize>,
}

impl Pipeline {
    /// Whether a coordinate-wise rule works on the rows themselves.
    pub(crate) fn is_plain(&self) -> bool {
        self.before.is_empty() && (self.rule == Rule::Average || self.ignores_geometry())
    }

    /// Whether the rule looks at nothing but coordinates.
    fn ignores_geometry(&self) -> bool {
        matches!(self.rule, Rule::Median | Rule::TrimmedMean | Rule::Meamed | Rule::Phocas)
    }

    /// Whether the origin is one of the points.
    pub(crate) fn needs_origin(&self) -> bool {
        let shortens =
            |stage: &PreAggregator| matches!(stage, PreAggregator::Clipping { .. } | PreAggregator::Arc);
        self.before.iter().any(shortens)
            || matches!(
                self.rule,
                Rule::GeometricMedian { variant: MedianVariant::Byzfl { .. } }
                    | Rule::Cge
                    | Rule::CenteredClipping { .. }
                    | Rule::SignGuard { .. }
                    | Rule::FlTrust { .. }
                    | Rule::ClippedMean { .. }
            )
    }

    /// Whether distances are not enough.
    pub(crate) fn needs_products(&self) -> bool {
        !self.before.is_empty()
            || matches!(
                self.rule,
                Rule::GeometricMedian { .. } | Rule::CenteredClipping { .. } | Rule::FlTrust { .. }
            )
    }

    /// Whether a centre or root is one of the points.
    pub(crate) fn needs_anchor(&self) -> bool {
        matches!(self.rule, Rule::CenteredClipping { .. } | Rule::FlTrust { .. })
    }
}

impl Voters {
    /// Lets the stages before the rule mix the points of `cloud`.
    pub(crate) fn seat(
        round: Round<'_>,
        mut cloud: Cloud,
        mut keys: Vec<u64>,
        mut pivot: Option<usize>,
    ) -> Self {
        let mut mixing: Option<Mixing> = None;
        let stages = &round.pipeline.before;
        for (at, &stage) in stages.iter().enumerate() {
            let step = before::mixing(stage, &cloud, round.f, &keys);
            if let PreAggregator::Bucketing { .. } = stage {
                let first = |weights: &Vec<f64>| {
                    (0..keys.len()).filter(|&row| weights[row] > 0.0).map(|row| keys[row]).min()
                };
                pivot = pivot.and_then(|pivot| step.iter().position(|weights| weights[pivot] > 0.0));
                keys = step.iter().map(|weights| first(weights).unwrap_or(0)).collect();
            }
            if at + 1 < stages.len() || !round.pipeline.ignores_geometry() {
                cloud = cloud.mixed(&step);
            }
            mixing = Some(match mixing {
                None => step,
                Some(before) => step.iter().map(|weights| pull(weights, &before)).collect(),
            });
        }
        Self { cloud, mixing, keys, pivot }
    }

    /// Weights of the points, when the rule needs no coordinates.
    pub(crate) fn weights(&self, rule: Rule, f: usize) -> Result<Option<Vec<f64>>, Refusal> {
        let (cloud, keys) = (&self.cloud, &self.keys[..]);
        let weights = match rule {
            Rule::Average => cloud.mean_of(&(0..cloud.voters).collect::<Vec<_>>()),
            Rule::Krum { variant } => krum::krum(cloud, variant, f, keys),
            Rule::MultiKrum { variant, m } => krum::multi_krum(cloud, variant, m, f, keys),
            Rule::GeometricMedian { variant: MedianVariant::Converged } => {
                geometric_median::converged(cloud, keys)
            }
            Rule::GeometricMedian { variant: MedianVariant::Byzfl { nu, steps } } => {
                geometric_median::byzfl(cloud, nu, steps)
            }
            Rule::Mda => mda::mda(cloud, f, keys)?,
            Rule::Monna { pivot } => {
                let missing = Refusal::PivotMissing { stage: rule.name(), rank: pivot };
                monna::monna(cloud, self.pivot.ok_or(missing)?, f, keys)
            }
            Rule::Cge => cge::cge(cloud, f, keys),
            Rule::CenteredClipping { tau, steps } => centered_clipping::centered_clipping(cloud, tau, steps),
            Rule::Caf => caf::caf(cloud, f),
            Rule::Smea => smea::smea(cloud, f, keys)?,
            Rule::FlTrust { .. } => fltrust::fltrust(cloud)?,
            Rule::ClippedMean { c } => clipped_mean::clipped_mean(cloud, c),
            _ => return Ok(None),
        };
        Ok(Some(self.pulled(&weights)))
    }

    /// Weights of voters as weights of points.
    fn pulled(&self, weights: &[f64]) -> Vec<f64> {
        self.mixing.as_ref().map_or_else(|| weights.to_vec(), |mixing| pull(weights, mixing))
    }

    /// Writes the aggregate of `rows`, which the survey has at the places `present`, and answers what became of each.
    pub(crate) fn aggregate(
        &self,
        round: Round<'_>,
        rows: Rows<'_>,
        (survey, present): (&Survey, &[usize]),
        anchor: Option<&[f32]>,
        out: &mut [f32],
    ) -> Result<Vec<f64>, Refusal> {
        let voters = || present.iter().take(rows.0.len()).copied();
        let columns = |drawn: &[usize]| survey.drawn(voters(), drawn);
        let signs = |mixing: Option<&Mixing>| match mixing {
            // Mixed rows are known only now.
            Some(_) => coordinatewise::signs(&Source::new(rows, mixing), out.len()),
            None => voters().map(|voter| survey.signs(voter)).collect(),
        };
        let weights = self.decide(round, out.len(), columns, signs)?;
        Ok(self.write(round, weights.as_deref(), rows, anchor, out))
    }

    /// Weights of the points, of `d` coordinates, when one weight holds for all coordinates of a row: of the geometry, and of
    /// the drawn coordinates of the rows or the numbers of their signs where a rule asks for these.
    pub(crate) fn decide(
        &self,
        round: Round<'_>,
        d: usize,
        columns: impl Fn(&[usize]) -> Vec<Vec<f32>>,
        signs: impl FnOnce(Option<&Mixing>) -> Vec<[u32; 2]>,
    ) -> Result<Option<Vec<f64>>, Refusal> {
        let weights = match round.pipeline.rule {
            Rule::Dnc { iterations, dimensions, filter } => {
                let drop = (filter * round.f as f64) as usize;
                self.pulled(&self.dnc(round, columns, d, iterations, dimensions, drop)?)
            }
            Rule::SignGuard { variant } => {
                let share = |count| f64::from(count) / d.max(1) as f64;
                let counts = signs(self.mixing.as_ref()).into_iter();
                let signs: Vec<_> = counts.map(|counts| counts.map(share)).collect();
                self.pulled(&sign_guard::sign_guard(&self.cloud, variant, &signs, &self.keys)?)
            }
            rule => return self.weights(rule, round.f),
        };
        Ok(Some(weights))
    }

    /// Writes what `rows` make under these weights of the points, or without them coordinate by coordinate.
    pub(crate) fn write(
        &self,
        round: Round<'_>,
        weights: Option<&[f64]>,
        rows: Rows<'_>,
        anchor: Option<&[f32]>,
        out: &mut [f32],
    ) -> Vec<f64> {
        let n = rows.0.len();
        let Some(weights) = weights else {
            return self.by_coordinate(round, rows, out);
        };
        match anchor {
            // The centre is the last point, after the origin.
            Some(anchor) if weights.len() == n + 2 && weights[n + 1] != 0.0 => {
                let all: Vec<&[f32]> = rows.0.iter().copied().chain([anchor]).collect();
                let weights: Vec<f64> = weights[..n].iter().copied().chain([weights[n + 1]]).collect();
                affine::combine(Rows(&all), &weights, out);
            }
            _ => affine::combine(rows, weights, out),
        }
        weights[..n].to_vec()
    }

    /// The voters whose coordinates a rule takes together.
    pub(crate) fn chosen(&self, rule: Rule, f: usize) -> Vec<usize> {
        match rule {
            Rule::Bulyan => bulyan::select(&self.cloud, f, &self.keys),
            _ => (0..self.keys.len()).collect(),
        }
    }

    /// Each voter as a combination of the points, if any stage mixed them.
    pub(crate) const fn mixing(&self) -> Option<&Mixing> {
        self.mixing.as_ref()
    }

    /// What was kept of the voters, as shares of the rows they are made of if they were mixed.
    fn shares(&self, mut kept: Vec<f64>, n: usize) -> Vec<f64> {
        if self.mixing.is_some() {
            let total = kept.iter().sum::<f64>().max(f64::MIN_POSITIVE);
            kept.iter_mut().for_each(|kept| *kept /= total);
            kept.resize(self.cloud.points(), 0.0);
            kept = self.pulled(&kept);
            kept.truncate(n);
        }
        kept
    }

    fn by_coordinate(&self, round: Round<'_>, rows: Rows<'_>, out: &mut [f32]) -> Vec<f64> {
        let (rule, f) = (round.pipeline.rule, round.f);
        let chosen = self.chosen(rule, f);
        let mixing: Option<Mixing> =
            self.mixing.as_ref().map(|mixing| chosen.iter().map(|&voter| mixing[voter].clone()).collect());
        let of: Vec<&[f32]> = match mixing {
            None => chosen.iter().map(|&row| rows.0[row]).collect(),
            Some(_) => rows.0.to_vec(),
        };
        let kept = coordinatewise::apply(rule, &Source::new(Rows(&of), mixing.as_ref()), f, out);
        let mut all = vec![0.0; self.cloud.voters];
        chosen.iter().zip(kept).for_each(|(&voter, kept)| all[voter] = kept);
        self.shares(all, rows.0.len())
    }

    fn dnc(
        &self,
        round: Round<'_>,
        columns: impl Fn(&[usize]) -> Vec<Vec<f32>>,
        d: usize,
        iterations: usize,
        dimensions: usize,
        drop: usize,
    ) -> Result<Vec<f64>, Refusal> {
        let mut draws = Vec::new();
        for iteration in 0..iterations {
            if dimensions >= d {
                draws.push(dnc::dropped(&self.cloud, drop, &self.keys));
                break;
            }
            let drawn = dnc::draw(d, dimensions, round.seed, round.number, iteration);
            let part = columns(&drawn);
            let views: Vec<&[f32]> = part.iter().map(Vec::as_slice).collect();
            let asked = Asked { products: round.pipeline.needs_products(), ..Asked::default() };
            let points = points(round.pipeline, Rows(&views), None);
            let survey = Survey::new(&points, views.len(), dimensions, asked);
            let all: Vec<usize> = (0..survey.points()).collect();
            let mut cloud = survey.cloud(&all, views.len(), round.pipeline.needs_products());
            if let Some(mixing) = &self.mixing {
                cloud = cloud.mixed(mixing);
            }
            draws.push(dnc::dropped(&cloud, drop, &self.keys));
        }
        dnc::survivors(&draws, self.cloud.points())
    }
}

/// What rows and the fixed points that the pipeline needs say of each other, and what it asks of their coordinates.
pub(crate) fn survey(round: Round<'_>, rows: Rows<'_>, anchor: Option<&[f32]>, d: usize) -> Survey {
    let Round { pipeline, .. } = round;
    let asked = Asked {
        products: pipeline.needs_products(),
        signs: matches!(pipeline.rule, Rule::SignGuard { .. }) && pipeline.before.is_empty(),
        drawn: &round.drawn(d),
    };
    Survey::new(&points(pipeline, rows, anchor), rows.0.len(), d, asked)
}

/// The rows, then the origin and the centre or root as `pipeline` needs them; `None` is the origin.
pub(crate) fn points<'a>(
    pipeline: &Pipeline,
    rows: Rows<'a>,
    anchor: Option<&'a [f32]>,
) -> Vec<Option<&'a [f32]>> {
    let mut points: Vec<Option<&[f32]>> = rows.0.iter().map(|&row| Some(row)).collect();
    if pipeline.needs_origin() {
        points.push(None);
    }
    if pipeline.needs_anchor() {
        points.push(anchor);
    }
    points
}

/// Weights of voters that `mixing` made, as weights of the points; what is behind the voters stays.
fn pull(weights: &[f64], mixing: &[Vec<f64>]) -> Vec<f64> {
    let points = mixing.first().map_or(0, Vec::len);
    let fixed = weights.len() - mixing.len();
    let mut pulled = vec![0.0; points];
    pulled[points - fixed..].copy_from_slice(&weights[mixing.len()..]);
    for (&weight, voter) in weights.iter().zip(mixing).filter(|(weight, _)| **weight != 0.0) {
        pulled.iter_mut().zip(voter).for_each(|(sum, share)| *sum += weight * share);
    }
    pulled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_mixed_rows_are_pulled_back_to_the_rows_and_fixed_points_keep_theirs() {
        let mixing = vec![vec![0.5, 0.5, 0.0, 0.0], vec![0.0, 0.0, 0.25, 0.75]];
        assert_eq!(pull(&[0.5, 0.25, 0.25], &mixing), [0.25, 0.25, 0.0625, 0.4375]);
    }
}
