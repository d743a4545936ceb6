//! After faults stop, rounds proceed: a run that is not over by then comes to its end, all rounds done.

use std::time::Duration;

use round::Reason;

use super::Violation;
use crate::{
    plan::Plan,
    trace::{Entry, Fact},
};

/// Its name.
pub const NAME: &str = "after faults stop, rounds proceed";

/// Longest time for which a server stays after its workers were told that it is over, whoever does not go.
const ENDING: Duration = Duration::from_secs(12);

pub(super) fn check(plan: &Plan, entries: &[Entry]) -> Option<Violation> {
    let over = entries.iter().find_map(|entry| match &entry.fact {
        Fact::Over { reason, .. } => Some((entry.at, reason)),
        _ => None,
    });
    let up = entries.iter().rposition(|entry| matches!(entry.fact, Fact::ServerUp { .. })).unwrap_or(0);
    let told = entries[up..].iter().find(|entry| matches!(entry.fact, Fact::WorkerEnd(_, Ok(_))));
    let (at, how) = match over {
        Some((at, Ok(_))) if told.is_some_and(|told| at > told.at + ENDING) => {
            (at, "the server told its workers that it was over and took too long to end".to_owned())
        }
        Some((_, Ok(Reason::Done))) => return None,
        // Too few workers were there for too long while things went wrong.
        Some((at, Ok(_))) if at < plan.excused_until() => return None,
        Some((at, Ok(reason))) => (at, format!("the run was given up: {reason}")),
        Some((at, Err(error))) => (at, format!("the server failed: {error}")),
        None => {
            let last = entries.iter().rev().find_map(|entry| match &entry.fact {
                Fact::Closed(report, _) => Some((entry.at, report.round)),
                _ => None,
            });
            let (at, round) = last.unwrap_or((Duration::ZERO, 0));
            let patience = plan.patience().as_secs();
            let how = format!("round {round} was the last of {}", plan.script.server.rounds);
            (at, format!("{how}, {patience} s after the last fault"))
        }
    };
    Some(Violation { invariant: NAME, at, how })
}
