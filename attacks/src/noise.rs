//! Rows that no data have to do with: Gaussian noise, and one number everywhere.
//!
//! gaussian   d independent N(μ, σ²), σ the standard deviation; every liar and every round draws anew
//! constant   0, +∞ or NaN in every coordinate
//!
//! In: nothing. Out: (d,). A server that looks at what it is sent rejects the last two, which costs the vote of the round.
//! ByzFL's `Gaussian` sends one draw f times; its `Inf` is +∞.

use learning::Seed;
use rand_distr::{Distribution as _, Normal};

use crate::{Attack, Sight};

/// Noise.
#[derive(Debug)]
pub struct Gaussian {
    normal: Normal<f64>,
    stream: rand_chacha::ChaCha8Rng,
}

impl Gaussian {
    /// N(`mu`, `sigma`²), stream "noise" of the seed, liar `index`; `None` when σ is negative or not finite.
    #[must_use]
    pub fn new(mu: f64, sigma: f64, (seed, index): (Seed, u32)) -> Option<Self> {
        let normal = Normal::new(mu, sigma).ok().filter(|_| sigma >= 0.0)?;
        Some(Self { normal, stream: seed.stream_of("noise", index) })
    }
}

/// Words of the stream that a round may use.
const WORDS_A_ROUND: u128 = 1 << 36;

impl Attack for Gaussian {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        self.stream.set_word_pos(u128::from(sight.round) * WORDS_A_ROUND);
        sight.model.iter().map(|_| self.normal.sample(&mut self.stream) as f32).collect()
    }
}

/// The same number in every coordinate.
#[derive(Debug)]
pub struct Constant(pub f32);

impl Attack for Constant {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        vec![self.0; sight.model.len()]
    }
}
