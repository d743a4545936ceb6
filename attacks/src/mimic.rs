//! Mimic: all liars copy one honest worker, so that its data count f + 1 times.
//!
//! fixed      row = xᵢ, i given
//! published  z ← normalised  t/(1+t) z + 1/(1+t) Σᵢ ⟨xᵢ − μ, z⟩ (xᵢ − μ)      direction in which workers differ most
//!            sᵢ ← t/(1+t) sᵢ + 1/(1+t) ⟨xᵢ, z⟩                              where each stands along it
//!            row = xᵢ, i = argmax |sᵢ|, chosen anew every round of a warm-up and kept from then on
//!
//! In: rows of honest workers, (h, d). Out: (d,). Cost O(h·d). Breaks nothing that is homogeneous: under heterogeneous data
//! it starves the others, and no rule can call the copies false.
//! Source: Karimireddy et al., ICLR 2022, section 3.2 and appendix B; ByzFL's `Mimic(epsilon)` is the fixed one.

use learning::{Memory, Seed};
use rand::RngExt as _;

use crate::{Attack, Crowd, Sight};

/// A copy of an honest row.
#[derive(Debug)]
pub struct Mimic(Choice);

#[derive(Debug)]
enum Choice {
    Fixed(usize),
    Online { seed: Seed, warmup: u32, seen: u32, direction: Vec<f64>, standing: Vec<f64>, choice: usize },
}

impl Mimic {
    /// Copies honest worker `index`, or the last if there are not so many.
    #[must_use]
    pub const fn fixed(index: usize) -> Self {
        Self(Choice::Fixed(index))
    }

    /// Copies the worker that stands out most, decided within `warmup` rounds; all liars of a seed decide alike.
    #[must_use]
    pub const fn online(warmup: u32, seed: Seed) -> Self {
        Self(Choice::Online { seed, warmup, seen: 0, direction: Vec::new(), standing: Vec::new(), choice: 0 })
    }
}

impl Attack for Mimic {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        let Some(crowd) = Crowd::new(sight.known.rows()) else { return sight.silence() };
        let rows = crowd.rows();
        let index = match &mut self.0 {
            Choice::Fixed(index) => *index,
            Choice::Online { seed, warmup, seen, direction, standing, choice } => {
                if direction.len() != crowd.dimension() {
                    let mut stream = seed.stream("mimic");
                    *direction = (0..crowd.dimension()).map(|_| stream.random_range(-1.0..1.0)).collect();
                    normalise(direction);
                }
                if *seen < *warmup.max(&mut 1) {
                    let t = f64::from(*seen);
                    learn(&crowd, direction, standing, t);
                    *choice = (0..standing.len())
                        .fold(0, |best, i| if standing[i].abs() > standing[best].abs() { i } else { best });
                    *seen += 1;
                }
                *choice
            }
        };
        rows[index.min(rows.len() - 1)].to_vec()
    }

    fn remember(&self, memory: &mut Memory) {
        if let Choice::Online { seen, direction, standing, choice, .. } = &self.0 {
            let sizes = [direction.len(), standing.len(), *choice].map(|size| size as u64);
            [u64::from(*seen)].into_iter().chain(sizes).for_each(|count| memory.put_count(count));
            memory.put_doubles(direction);
            memory.put_doubles(standing);
        }
    }

    fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        if let Choice::Online { seen, direction, standing, choice, .. } = &mut self.0 {
            *seen = memory.count()?;
            let (d, rows): (usize, usize) = (memory.count()?, memory.count()?);
            *choice = memory.count()?;
            (*direction, *standing) = (memory.doubles(d)?, memory.doubles(rows)?);
        }
        Some(())
    }
}

/// One step of the estimates, t rounds having been seen.
fn learn(crowd: &Crowd<'_>, direction: &mut [f64], standing: &mut Vec<f64>, t: f64) {
    let mean = crowd.mean();
    let (old, new) = (t / (1.0 + t), 1.0 / (1.0 + t));
    let mut pull = vec![0.0; direction.len()];
    for row in crowd.rows() {
        let away = || row.iter().zip(&mean).map(|(&x, m)| f64::from(x) - m);
        let along: f64 = away().zip(&*direction).map(|(a, z)| a * z).sum();
        pull.iter_mut().zip(away()).for_each(|(pull, a)| *pull += along * a);
    }
    direction.iter_mut().zip(&pull).for_each(|(z, pull)| *z = old * *z + new * pull);
    normalise(direction);
    standing.resize(crowd.rows().len(), 0.0);
    for (s, row) in standing.iter_mut().zip(crowd.rows()) {
        let along: f64 = row.iter().zip(&*direction).map(|(&x, z)| f64::from(x) * z).sum();
        *s = old * *s + new * along;
    }
}

fn normalise(vector: &mut [f64]) {
    let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|v| *v /= norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Known;

    #[test]
    fn the_online_choice_is_the_worker_that_stands_out_and_stays() {
        let mut attack = Mimic::online(3, Seed(1));
        let plain: [&[f32]; 4] = [&[1.0, 0.1, 0.0], &[1.0, -0.1, 0.0], &[1.0, 0.0, 9.0], &[1.0, 0.0, 0.1]];
        let sight = |rows| Sight { known: Known::Omniscient(rows), ..Sight::of(1, &[0.0; 3], 1.0) };
        for _ in 0..3 {
            assert_eq!(attack.answer(&sight(&plain)), plain[2]);
        }
        let turned: [&[f32]; 4] = [plain[2], plain[0], plain[1], plain[3]];
        assert_eq!(attack.answer(&sight(&turned)), turned[2], "after the warm-up the choice is kept");
    }
}
