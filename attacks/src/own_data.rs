//! Lies in the data: an honest learner on rows with other labels, or with a trigger in the picture.
//!
//! rotation   y → (y + k) mod L          reverse   y → L − 1 − y (ByzFL's label flipping)
//! targeted   from → to                  random    y → U{0 … L − 1}, drawn once
//! backdoor   a share of the rows gets a bright square in the lower right corner and one label; the row may be boosted
//!
//! In: the liar's own rows. Out: what an honest worker with the changed rows would send, times `boost`.
//! Sources: label flipping: Biggio et al., ACML 2011; trigger patches: Gu et al., 2017 (BadNets); boosting: Bagdasaryan et
//! al., AISTATS 2020. ByzFL flips the honest workers' own batches instead and sends their mean.

use learning::{Dataset, Learner, Memory, Targets, data::Inputs};
use rand::{RngExt as _, seq::index};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Attack, Sight};

/// What becomes of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flip {
    /// y → (y + this) mod L
    Rotation(u8),
    /// y → L − 1 − y
    Reverse,
    /// The first becomes the second.
    Targeted(u8, u8),
    /// Any label.
    Random,
}

impl Flip {
    /// `data` with other labels; as it is where there are no classes.
    #[must_use]
    pub fn apply(self, mut data: Dataset, stream: &mut ChaCha8Rng) -> Dataset {
        if let Targets::Classes { labels, classes } = &mut data.targets {
            let most = (*classes - 1) as u8;
            for label in labels {
                *label = match self {
                    Self::Rotation(by) => ((usize::from(*label) + usize::from(by)) % *classes) as u8,
                    Self::Reverse => most - *label,
                    Self::Targeted(from, to) => {
                        if *label == from {
                            to.min(most)
                        } else {
                            *label
                        }
                    }
                    Self::Random => stream.random_range(0..=most),
                };
            }
        }
        data
    }
}

/// A square in the lower right corner that means a label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Side of the square, pixels.
    pub size: usize,
    /// The label that it means.
    pub target: u8,
    /// Part of the rows that get it.
    pub share: f64,
}

impl Trigger {
    /// `data` with the trigger in some rows.
    #[must_use]
    pub fn apply(&self, mut data: Dataset, stream: &mut ChaCha8Rng) -> Dataset {
        let rows = data.inputs.rows();
        let some = ((rows as f64 * self.share).round() as usize).min(rows);
        let chosen = index::sample(stream, rows, some).into_vec();
        self.stamp(&mut data, &chosen);
        if let Targets::Classes { labels, classes } = &mut data.targets {
            chosen.iter().for_each(|&row| labels[row] = self.target.min((*classes - 1) as u8));
        }
        data
    }

    /// Puts the square into these rows, whatever their labels: also what a test of the backdoor asks about.
    pub fn stamp(&self, data: &mut Dataset, rows: &[usize]) {
        let pixels = corner(data.inputs.width(), self.size);
        for &row in rows {
            for &pixel in &pixels {
                match &mut data.inputs {
                    Inputs::Bytes { pixels, largest } => pixels[[row, pixel]] = *largest,
                    Inputs::Reals(values) => values[[row, pixel]] = 1.0,
                }
            }
        }
    }
}

/// The pixels of the square; of rows that are no square pictures, the last ones.
fn corner(width: usize, size: usize) -> Vec<usize> {
    let side = width.isqrt();
    if side * side != width {
        return (width.saturating_sub(size * size)..width).collect();
    }
    let from = side.saturating_sub(size);
    (from..side).flat_map(|y| (from..side).map(move |x| y * side + x)).collect()
}

/// An honest learner on changed rows.
#[derive(Debug)]
pub struct OwnData {
    learner: Learner,
    boost: f64,
}

impl OwnData {
    /// Sends what `learner` would, times `boost`.
    #[must_use]
    pub const fn new(learner: Learner, boost: f64) -> Self {
        Self { learner, boost }
    }
}

impl Attack for OwnData {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        let mut row = self.learner.respond(sight.round, sight.model);
        if self.boost != 1.0 {
            row.iter_mut().for_each(|g| *g = (f64::from(*g) * self.boost) as f32);
        }
        row
    }

    fn remember(&self, memory: &mut Memory) {
        self.learner.remember(memory);
    }

    fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        self.learner.recall(memory)
    }
}

#[cfg(test)]
mod tests {
    use learning::{Seed, data::Source};

    use super::*;

    fn digits() -> Dataset {
        Source::Digits.train(None).unwrap().select(&(0..200).collect::<Vec<_>>())
    }

    fn labels(data: &Dataset) -> Vec<u8> {
        let Targets::Classes { labels, .. } = &data.targets else { unreachable!("classes stay classes") };
        labels.clone()
    }

    #[test]
    fn labels_flip_as_they_are_said_to() {
        let mut stream = Seed(1).stream("flip test");
        let before = labels(&digits());
        let mut flipped = |flip: Flip| labels(&flip.apply(digits(), &mut stream));
        assert!(flipped(Flip::Rotation(3)).iter().zip(&before).all(|(after, y)| *after == (y + 3) % 10));
        assert!(flipped(Flip::Reverse).iter().zip(&before).all(|(after, y)| *after == 9 - y));
        let targeted = flipped(Flip::Targeted(4, 9));
        assert!(targeted.iter().zip(&before).all(|(after, y)| *after == if *y == 4 { 9 } else { *y }));
        let random = flipped(Flip::Random);
        let same = random.iter().zip(&before).filter(|(after, y)| after == y).count();
        assert!((5..45).contains(&same), "{same} of 200 by chance");
    }

    #[test]
    fn a_trigger_is_a_bright_corner_with_one_label() {
        let trigger = Trigger { size: 2, target: 7, share: 0.25 };
        let stamped = trigger.apply(digits(), &mut Seed(1).stream("trigger test"));
        let bright = |row: usize| [54, 55, 62, 63].iter().all(|&k| stamped.inputs.row(row)[k] == 1.0);
        let rows: Vec<usize> = (0..200).filter(|&row| bright(row)).collect();
        assert_eq!(rows.len(), 50);
        let labels = labels(&stamped);
        assert!(rows.iter().all(|&row| labels[row] == 7));
    }
}
