//! One seed, or many on all processors: run, checked, and if something broke, with the command that shows it again.

use std::{
    fmt::Write as _,
    ops::RangeInclusive,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    invariants::{self, Violation},
    plan::Plan,
    world::{Run, play},
};

/// Runs a seed and checks it; with `twice` it is run again, to see whether the same happens.
#[must_use]
pub fn judge(seed: u64, twice: bool) -> (Run, Vec<Violation>) {
    let run = play(Plan::new(seed), None);
    let mut violations = invariants::check(&run);
    if twice {
        violations.extend(invariants::same_trace::check(&run, &play(Plan::new(seed), None)));
    }
    (run, violations)
}

/// What is to be said of a seed that broke something.
#[must_use]
pub fn complaint(seed: u64, violations: &[Violation]) -> String {
    let mut words = String::new();
    for violation in violations {
        let _ = writeln!(words, "seed {seed}: {violation}");
    }
    let _ = write!(words, "run it again: cargo run --release -p equipoise-simulation -- --seed {seed}");
    words
}

/// Runs seeds on every processor, those twice of which `twice` says so; answers what is to be said of those that broke
/// something, as soon as it is known to `tell` too.
pub fn soak(
    seeds: RangeInclusive<u64>,
    twice: impl Fn(u64) -> bool + Sync,
    tell: impl Fn(&str) + Sync,
) -> Vec<String> {
    let next = AtomicU64::new(*seeds.start());
    let complaints = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                return;
            }
            let (_, violations) = judge(seed, twice(seed));
            if !violations.is_empty() {
                let words = complaint(seed, &violations);
                tell(&words);
                complaints.lock().unwrap_or_else(PoisonError::into_inner).push(words);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    complaints.into_inner().unwrap_or_else(PoisonError::into_inner)
}
