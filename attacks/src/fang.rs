//! Fang's attacks on a known rule: against the direction that the honest would go, s = sign(mean).
//!
//! trimmed mean  per coordinate beyond the honest values on the side of −s: U[m, b·m] or U[m, m/b] with m the largest value
//!               where s < 0, U[m/b, m] or U[b·m, m] with m the smallest where s ≥ 0; every liar draws anew
//! krum          row = −λ s, the largest λ = λ₀/2ᵏ at which Krum picks it among h honest rows and f copies;
//!               λ₀ = √(minᵢ score'ᵢ / ((n − 2f − 1) d)) + maxᵢ ‖xᵢ‖/√d, score' over the n − f − 2 nearest honest rows
//!
//! In: rows of honest workers, (h, d). Out: (d,). Cost O(h·d) and O(h²·d).
//! Source: Fang et al., USENIX Security 2020, sections 4.2 and 4.3, full knowledge, written for updates instead of models.
//! blades' `AdaptiveAdversary` is the first with one draw for all. Where m is 0 the interval is a point, as there.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::{Attack, Crowd, Group, Sight};

/// Against trimmed mean and median.
#[derive(Debug)]
pub struct FangTrimmedMean {
    b: f64,
    stream: ChaCha8Rng,
}

impl FangTrimmedMean {
    /// With intervals up to `b` > 1 times the extreme honest value.
    #[must_use]
    pub fn new(b: f64, group: &Group) -> Self {
        Self { b, stream: group.seed.stream_of("fang", group.place as u32) }
    }
}

/// Words of the stream that a round may use.
const WORDS_A_ROUND: u128 = 1 << 36;

impl Attack for FangTrimmedMean {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        let Some(crowd) = Crowd::new(sight.known.rows()) else { return sight.silence() };
        self.stream.set_word_pos(u128::from(sight.round) * WORDS_A_ROUND);
        let mean = crowd.mean();
        let draw = |(k, &mean): (usize, &f64)| {
            let (low, high) = crowd.range(k);
            let (extreme, away) = if mean < 0.0 { (high, high > 0.0) } else { (low, low < 0.0) };
            let other = if away { self.b * extreme } else { extreme / self.b };
            (extreme + (other - extreme) * self.stream.random_range(0.0..1.0)) as f32
        };
        mean.iter().enumerate().map(draw).collect()
    }
}

/// Against Krum.
#[derive(Debug)]
pub struct FangKrum {
    liars: usize,
}

impl FangKrum {
    /// With so many liars, who send the same.
    #[must_use]
    pub const fn new(group: &Group) -> Self {
        Self { liars: group.liars }
    }
}

/// λ below which the attack gives up halving.
const LEAST: f64 = 1e-5;

impl Attack for FangKrum {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        let Some(crowd) = Crowd::new(sight.known.rows()) else { return sight.silence() };
        let sign: Vec<f64> = crowd.mean().iter().map(|&m| if m == 0.0 { 0.0 } else { m.signum() }).collect();
        let scene = Scene::new(&crowd, &sign, self.liars);
        let mut lambda = scene.start();
        while lambda > LEAST && !scene.picked(lambda) {
            lambda /= 2.0;
        }
        sign.iter().map(|s| (-lambda * s) as f32).collect()
    }
}

/// What Krum looks at, whatever λ is.
struct Scene {
    honest: usize,
    liars: usize,
    dimension: f64,
    distances: Vec<f64>,
    squares: Vec<f64>,
    along: Vec<f64>,
    length: f64,
}

impl Scene {
    fn new(crowd: &Crowd<'_>, sign: &[f64], liars: usize) -> Self {
        let squares = |row: &&[f32]| row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let along = |row: &&[f32]| row.iter().zip(sign).map(|(&x, s)| f64::from(x) * s).sum();
        Self {
            honest: crowd.rows().len(),
            liars,
            dimension: sign.len() as f64,
            distances: crowd.squared_distances(),
            squares: crowd.rows().iter().map(squares).collect(),
            along: crowd.rows().iter().map(along).collect(),
            length: sign.iter().map(|s| s * s).sum(),
        }
    }

    /// Rows whose distances make a score, n − f − 2.
    fn neighbours(&self) -> usize {
        self.honest.saturating_sub(2).max(1)
    }

    fn start(&self) -> f64 {
        let scores = (0..self.honest).map(|i| {
            let mut row: Vec<f64> = self.distances[i * self.honest..][..self.honest].to_vec();
            row.sort_by(f64::total_cmp);
            row.iter().skip(1).take(self.neighbours()).sum::<f64>()
        });
        let least = scores.fold(f64::INFINITY, f64::min);
        let spare = (self.honest as f64 - self.liars as f64 - 1.0).max(1.0) * self.dimension;
        let longest = self.squares.iter().copied().fold(0.0, f64::max);
        (least / spare).sqrt() + (longest / self.dimension).sqrt()
    }

    /// Whether Krum prefers the liars' row to all honest ones.
    fn picked(&self, lambda: f64) -> bool {
        let to_liar: Vec<f64> = (0..self.honest)
            .map(|i| self.squares[i] + 2.0 * lambda * self.along[i] + lambda * lambda * self.length)
            .collect();
        let score = |mut distances: Vec<f64>| {
            distances.sort_by(f64::total_cmp);
            distances.iter().take(self.neighbours()).sum::<f64>()
        };
        let copies = self.liars.saturating_sub(1);
        let lie = score(to_liar.iter().copied().chain(std::iter::repeat_n(0.0, copies)).collect());
        (0..self.honest).all(|i| {
            let others = (0..self.honest).filter(|&j| j != i).map(|j| self.distances[i * self.honest + j]);
            lie < score(others.chain(std::iter::repeat_n(to_liar[i], self.liars)).collect())
        })
    }
}
