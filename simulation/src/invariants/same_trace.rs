//! Same seed, same trace: whatever happens twice happens in the same order, at the same time.

use super::Violation;
use crate::{trace::comparable, world::Run};

/// Its name.
pub const NAME: &str = "same seed, same trace";

/// Compares two runs of one seed.
#[must_use]
pub fn check(one: &Run, other: &Run) -> Option<Violation> {
    let (first, second) = (comparable(&one.entries), comparable(&other.entries));
    let pairs = first.iter().zip(second);
    // Formatted, for a row may have numbers that are not equal to themselves.
    let different = pairs.map(|(a, b)| (a.at, a.to_string(), b.to_string())).find(|(_, a, b)| a != b);
    let (at, how) = match different {
        Some((at, a, b)) => (at, format!("once\n    {a}\nand once\n    {b}")),
        None if first.len() == second.len() => return None,
        None => {
            let shorter = first.len().min(second.len());
            let at = first.get(shorter).or(second.get(shorter)).map(|entry| entry.at);
            (at.unwrap_or_default(), format!("{} entries, and once {}", first.len(), second.len()))
        }
    };
    Some(Violation { invariant: NAME, at, how })
}
