//! Nothing honest is rejected: whatever the network does, no honest worker is taken for a liar, loses a vote to a rejection,
//! or comes to any other end than that of the run.

use super::Violation;
use crate::{
    plan::Plan,
    trace::{Entry, Fact},
};

/// Its name.
pub const NAME: &str = "nothing honest is rejected";

/// Reasons that are the network's, not the worker's: an update broke off.
const BROKEN_OFF: [&str; 2] = ["truncated", "stalled"];

pub(super) fn check(plan: &Plan, entries: &[Entry]) -> Option<Violation> {
    entries.iter().find_map(|Entry { at, fact }| {
        let how = match fact {
            Fact::Closed(report, _) => {
                let wrong = |reason: &str| !BROKEN_OFF.contains(&reason);
                let rejected = (report.rejected.iter())
                    .find(|untaken| plan.is_honest(untaken.rank) && wrong(&untaken.reason));
                rejected.map(|untaken| format!("an update of worker {}: {}", untaken.rank, untaken.reason))
            }
            Fact::Over { ledgers, .. } => {
                let liar =
                    ledgers.iter().find(|(rank, ledger)| plan.is_honest(rank.0) && ledger.misbehaved > 0);
                liar.map(|(rank, ledger)| {
                    format!("worker {rank} is said to have misbehaved {} times", ledger.misbehaved)
                })
            }
            Fact::WorkerEnd(rank, Err(error)) if plan.is_honest(rank.0) => {
                Some(format!("worker {rank} gave up: {error}"))
            }
            _ => None,
        };
        how.map(|how| Violation { invariant: NAME, at: *at, how })
    })
}
