//! What must be true of every run; a file each.

pub mod honest_are_taken;
pub mod one_vote;
pub mod rounds_go_on;
pub mod rounds_stay_closed;
pub mod same_trace;
pub mod sent_rows;

use std::{fmt, time::Duration};

use crate::{plan::Plan, trace::Entry, world::Run};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What it breaks.
    pub invariant: &'static str,
    /// When.
    pub at: Duration,
    /// How.
    pub how: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} broken at {:.3} s: {}", self.invariant, self.at.as_secs_f64(), self.how)
    }
}

/// Looks through the trace of a run.
type Checker = fn(&Plan, &[Entry]) -> Option<Violation>;

const ALL: [Checker; 5] = [
    one_vote::check,
    sent_rows::check,
    rounds_stay_closed::check,
    honest_are_taken::check,
    rounds_go_on::check,
];

/// All that is wrong with a run.
#[must_use]
pub fn check(run: &Run) -> Vec<Violation> {
    let panics = run.panics.iter().map(|how| Violation {
        invariant: "nothing panics",
        at: run.entries.last().map_or(Duration::ZERO, |entry| entry.at),
        how: how.clone(),
    });
    panics.chain(ALL.iter().filter_map(|check| check(&run.plan, &run.entries))).collect()
}
