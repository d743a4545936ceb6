//! Accomplices that do not all say the same: f distinct rows that add up to what f copies would.
//!
//! rowᵢ = base + ε · std ⊙ (ξᵢ − ξ̄),   ξ₁ … ξ_f standard normal, drawn anew every round, ξ̄ their mean
//!
//! In: another attack's row, rows of honest workers for the scale. Out: (d,). Cost of the base and O(f·d).
//! A rule or a filter that looks for identical rows finds none; their mean is the base's row.

use learning::Memory;
use rand_distr::{Distribution as _, StandardNormal};

use crate::{Attack, Crowd, Group, Sight};

/// Another attack with its own deviation for every liar.
#[derive(Debug)]
pub struct Collude {
    base: Box<dyn Attack>,
    spread: f64,
    group: Group,
}

impl Collude {
    /// Spreads `base` by `spread` honest standard deviations.
    #[must_use]
    pub const fn new(base: Box<dyn Attack>, spread: f64, group: Group) -> Self {
        Self { base, spread, group }
    }
}

/// Words of the stream that a round may use.
const WORDS_A_ROUND: u128 = 1 << 36;

impl Attack for Collude {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        let base = self.base.answer(sight);
        let Some(crowd) = Crowd::new(sight.known.rows()) else { return base };
        let mut mine = vec![0.0; base.len()];
        let share = 1.0 / self.group.liars.max(1) as f64;
        for liar in 0..self.group.liars {
            let mut stream = self.group.seed.stream_of("collude", liar as u32);
            stream.set_word_pos(u128::from(sight.round) * WORDS_A_ROUND);
            let weight = f64::from(u8::from(liar == self.group.place)) - share;
            for own in &mut mine {
                let draw: f64 = StandardNormal.sample(&mut stream);
                *own += weight * draw;
            }
        }
        let deviation = crowd.deviation(&crowd.mean());
        let away = mine.iter().zip(&deviation);
        base.iter()
            .zip(away)
            .map(|(&b, (own, std))| (f64::from(b) + self.spread * std * own) as f32)
            .collect()
    }

    fn remember(&self, memory: &mut Memory) {
        self.base.remember(memory);
    }

    fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        self.base.recall(memory)
    }
}

#[cfg(test)]
mod tests {
    use learning::Seed;

    use super::*;
    use crate::{InnerProduct, Known};

    #[test]
    fn the_rows_differ_and_their_mean_is_the_base() {
        let honest: [&[f32]; 3] = [&[1.0, 2.0], &[3.0, 1.0], &[2.0, 6.0]];
        let sight = Sight { known: Known::Omniscient(&honest), ..Sight::of(4, &[0.0; 2], 1.0) };
        let row = |place| {
            let group = Group { honest: 3, liars: 4, place, seed: Seed(2) };
            Collude::new(Box::new(InnerProduct::new(2.0)), 0.5, group).answer(&sight)
        };
        let rows: Vec<Vec<f32>> = (0..4).map(row).collect();
        for k in 0..2 {
            let mean = rows.iter().map(|row| row[k]).sum::<f32>() / 4.0;
            assert!((mean - [-4.0, -6.0][k]).abs() < 1e-5, "{mean}");
        }
        assert!((0..4).all(|i| (0..i).all(|j| rows[i] != rows[j])));
    }
}
