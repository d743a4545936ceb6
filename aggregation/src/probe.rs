//! What a liar would achieve: the error of the aggregate as a function of how far it goes along a direction.
//!
//! e(τ) = ‖ F(honest rows, f copies of μ + τv) − honest mean ‖
//!
//! Distances to μ + τv are quadratic in τ, so that one pass over the data gives all of them: after it a geometric
//! pipeline is evaluated on (n + 1)² numbers, whatever d, and so are the pre-aggregators of one that looks at coordinates;
//! what it then makes of these is in `columns`.

mod columns;

use std::cell::LazyCell;

use crate::{
    Pipeline, Refusal, Rows, Rule, affine,
    coordinatewise::{self, Source},
    election::{Round, Voters},
    finite::is_finite,
    geometry::{Cloud, Mixing, Point, products},
    order,
};
use columns::{Kernel, Sums, Voter};

/// A pipeline with all but the liars' row fixed.
#[derive(Debug)]
pub struct Probe<'a> {
    pipeline: Pipeline,
    f: usize,
    seed: u64,
    round: u32,
    ranks: Vec<u32>,
    honest: Vec<&'a [f32]>,
    centre: &'a [f32],
    direction: &'a [f32],
    mean: Vec<f32>,
    /// Honest rows, the origin, the origin again as a fresh centre or the root, μ, μ + v; none when nothing is geometric.
    cloud: Option<Cloud>,
    sums: Sums,
    /// Rows with a share of the lie, of the last evaluation.
    memory: Vec<f32>,
}

impl<'a> Probe<'a> {
    /// The pipeline with the declared `f`, whose ties `seed` breaks, against the rows `honest` and f copies of
    /// `centre` + τ · `direction`. `ranks` are those of the honest rows, then those of the liars.
    ///
    /// The rule starts afresh in each evaluation, at round 0 unless [`Probe::in_round`] says otherwise.
    ///
    /// # Errors
    /// When the pipeline is not defined for so many rows, or a vector is not finite or has another length.
    pub fn new(
        pipeline: &'a Pipeline,
        f: usize,
        seed: u64,
        honest: &[&'a [f32]],
        ranks: &[u32],
        centre: &'a [f32],
        direction: &'a [f32],
    ) -> Result<Self, Refusal> {
        let (h, d) = (honest.len(), centre.len());
        let ranks: Vec<u32> =
            ranks.iter().copied().chain(u32::MAX - f as u32..u32::MAX).take(h + f).collect();
        let all = || honest.iter().copied().chain([centre, direction]);
        if let Some((row, other)) = all().enumerate().find(|(_, row)| row.len() != d) {
            let rank = ranks.get(row).copied().unwrap_or_default();
            return Err(Refusal::Length { rank, got: other.len(), want: d });
        }
        if h == 0 {
            return Err(Refusal::NoRows);
        }
        let broken = all().filter(|row| !is_finite(row)).count();
        if broken > 0 {
            return Err(Refusal::NotFinite { broken, n: h + f, f: 0 });
        }
        pipeline.check(h + f, f)?;
        let mut pipeline = pipeline.clone();
        let (mut honest, mut ranks, mut root) = (honest.to_vec(), ranks, None);
        if let Rule::FlTrust { root: Some(rank) } = pipeline.rule {
            let at = ranks[..h].iter().position(|&other| other == rank);
            let at = at.ok_or(Refusal::PivotMissing { stage: pipeline.rule.name(), rank })?;
            ranks.remove(at);
            root = Some(honest.remove(at));
            // What is left votes, as it does when the gradient is given.
            pipeline.rule = Rule::FlTrust { root: None };
        }
        let h = honest.len();
        let geometric = !pipeline.is_plain() || pipeline.rule == Rule::Average;
        let cloud = geometric.then(|| {
            let points: Vec<Point<'_>> = honest
                .iter()
                .map(|row| Point::Row(row))
                .chain([
                    Point::Origin,
                    root.map_or(Point::Origin, Point::Row),
                    Point::Row(centre),
                    Point::Moved(centre, direction),
                ])
                .collect();
            Cloud::of_products(products(&points, 0, &vec![true; points.len()], d), h)
        });
        let mut mean = vec![0.0; d];
        affine::mean(Rows(&honest), &mut mean);
        let (sums, memory) = <(Sums, Vec<f32>)>::default();
        Ok(Self { pipeline, f, seed, round: 0, ranks, honest, centre, direction, mean, cloud, sums, memory })
    }

    /// The same in another round: ties and lots fall otherwise.
    #[must_use]
    pub fn in_round(self, round: u32) -> Self {
        Self { round, ..self }
    }

    /// The error when the liars send μ + τv.
    ///
    /// # Errors
    /// When the rule refuses these rows.
    pub fn error(&mut self, tau: f64) -> Result<f64, Refusal> {
        let (mut sums, mut memory) = (std::mem::take(&mut self.sums), std::mem::take(&mut self.memory));
        let error = self.error_with(&mut sums, &mut memory, tau);
        (self.sums, self.memory) = (sums, memory);
        error
    }

    fn error_with(&self, sums: &mut Sums, memory: &mut Vec<f32>, tau: f64) -> Result<f64, Refusal> {
        let (h, d, f) = (self.honest.len(), self.mean.len(), self.f);
        let lie = LazyCell::new(|| self.lie(tau));
        let kernel = Kernel { rule: self.pipeline.rule, f };
        let all = || self.honest.iter().copied().chain(std::iter::repeat_n(&lie[..], f));
        let Some(cloud) = &self.cloud else {
            let voters: Vec<Voter<'_>> = all().map(Voter::of).collect();
            return Ok(columns::error(&voters, &lie, &self.mean, kernel, memory));
        };
        let points = Self::points(cloud, h, f, tau);
        let voters = self.seat(cloud, &points);
        let drawn = |drawn: &[usize]| {
            all().map(|row| drawn.iter().map(|&k| row[k]).collect()).collect::<Vec<Vec<f32>>>()
        };
        let signs = |mixing: Option<&Mixing>| {
            coordinatewise::signs(&Source::new(Rows(&all().collect::<Vec<_>>()), mixing), d)
        };
        if let Some(weights) = voters.decide(self.round(), d, drawn, signs)? {
            return Ok(self.apart(cloud, &points, &weights));
        }
        let chosen = voters.chosen(self.pipeline.rule, f);
        let rows: Vec<Voter<'_>> = match voters.mixing() {
            None => {
                let all: Vec<&[f32]> = all().collect();
                chosen.into_iter().map(|row| Voter::of(all[row])).collect()
            }
            Some(mixing) => {
                let weights: Vec<&[f64]> = chosen.into_iter().map(|voter| &mixing[voter][..]).collect();
                sums.voters(Rows(&self.honest), f, &weights, d)
            }
        };
        Ok(columns::error(&rows, &lie, &self.mean, kernel, memory))
    }

    const fn round(&self) -> Round<'_> {
        Round { pipeline: &self.pipeline, f: self.f, seed: self.seed, number: self.round }
    }

    /// μ + τv.
    fn lie(&self, tau: f64) -> Vec<f32> {
        let reach = |(&mu, &v): (&f32, &f32)| {
            (f64::from(mu) + tau * f64::from(v)).clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
        };
        self.centre.iter().zip(self.direction).map(reach).collect()
    }

    /// The rows that arrive, as combinations of the points of `cloud`.
    fn points(cloud: &Cloud, h: usize, f: usize, tau: f64) -> Vec<Vec<f64>> {
        let mut lie = vec![0.0; cloud.points()];
        (lie[h + 2], lie[h + 3]) = (1.0 - tau, tau);
        (0..h).map(|row| cloud.unit(row)).chain(std::iter::repeat_n(lie, f)).collect()
    }

    fn seat(&self, cloud: &Cloud, points: &[Vec<f64>]) -> Voters {
        let keys = order::keys(self.seed, self.round, &self.ranks);
        let pivot = match self.pipeline.rule {
            Rule::Monna { pivot } => self.ranks.iter().position(|&rank| rank == pivot),
            _ => None,
        };
        Voters::seat(self.round(), cloud.mixed(points), keys, pivot)
    }

    /// ‖aggregate − mean‖ of an aggregate that is a combination of the points.
    fn apart(&self, cloud: &Cloud, points: &[Vec<f64>], weights: &[f64]) -> f64 {
        let h = self.honest.len();
        let mut apart = vec![0.0; cloud.points()];
        for (weight, point) in weights.iter().zip(points) {
            apart.iter_mut().zip(point).for_each(|(sum, share)| *sum += weight * share);
        }
        for (sum, weight) in apart[h..].iter_mut().zip(&weights[points.len()..]) {
            *sum += weight;
        }
        apart[..h].iter_mut().for_each(|sum| *sum -= 1.0 / h as f64);
        cloud.length(&apart).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Aggregator, aggregator::tests::everything};

    /// The error of the rule itself.
    fn in_full(pipeline: &Pipeline, probe: &Probe<'_>, honest: &[&[f32]], tau: f64) -> Result<f64, Refusal> {
        let (lie, ranks) = (probe.lie(tau), (0..11).collect::<Vec<u32>>());
        let rows: Vec<&[f32]> = honest.iter().copied().chain([&lie[..]; 2]).collect();
        let mut out = vec![0.0; lie.len()];
        Aggregator::new(pipeline.clone(), 2, 3).aggregate_with_root(4, &ranks, &rows, None, &mut out)?;
        let squares = out.iter().zip(&probe.mean).map(|(&x, &mean)| (f64::from(x) - f64::from(mean)).powi(2));
        Ok(squares.sum::<f64>().sqrt())
    }

    #[test]
    fn the_error_is_that_of_the_rule_run_in_full() {
        // Two tiles of columns.
        let d = 5000;
        let value =
            |row: usize, k: usize| ((row * 7919 + k * 104_729 + row * row * 31) % 1009) as f32 / 1009.0;
        let rows: Vec<Vec<f32>> = (0..11).map(|row| (0..d).map(|k| value(row, k)).collect()).collect();
        let honest: Vec<&[f32]> = rows[..9].iter().map(|row| &row[..]).collect();
        let ranks: Vec<u32> = (0..11).collect();
        // Rows clipped to one norm tie for the shortest: the last bit decides.
        let settled = |text: &&String| !text.contains("fltrust") && !text.contains("+cge");
        let rooted = "fltrust(root=3)".to_owned();
        for text in everything().iter().filter(settled).chain([&rooted]) {
            let pipeline: Pipeline = text.parse().unwrap();
            if pipeline.check(11, 2).is_err() {
                assert!(Probe::new(&pipeline, 2, 3, &honest, &ranks, &rows[9], &rows[10]).is_err());
                continue;
            }
            let mut probe =
                Probe::new(&pipeline, 2, 3, &honest, &ranks, &rows[9], &rows[10]).unwrap().in_round(4);
            for tau in [0.0, -1.5, 1.0, 300.0] {
                let (Ok(quick), Ok(full)) = (probe.error(tau), in_full(&pipeline, &probe, &honest, tau))
                else {
                    assert!(text.contains("monna"), "{text}");
                    continue;
                };
                assert!((quick - full).abs() <= 1e-4 * (1.0 + full), "{text} {tau}: {quick} {full}");
            }
        }
    }

    #[test]
    fn copies_of_the_mean_do_no_harm_and_average_follows_the_liars_anywhere() {
        let (honest, v): ([&[f32]; 4], [f32; 2]) =
            ([&[1.0, 0.0], &[0.0, 1.0], &[2.0, 1.0], &[1.0, 2.0]], [1.0, 0.0]);
        let average = Pipeline::default();
        let mut probe = Probe::new(&average, 1, 0, &honest, &[], &[1.0, 1.0], &v).unwrap();
        assert!(probe.error(0.0).unwrap() < 1e-12);
        assert!((probe.error(1e9).unwrap() / 2e8 - 1.0).abs() < 1e-9);
    }
}
