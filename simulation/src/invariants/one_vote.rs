//! At most one vote per credential and round: of every round that moved the model, each rank's row is counted once, nobody's
//! is counted who has no credential, and the server's own record of who was counted is the same.

use std::collections::BTreeMap;

use proto::v1::RoundReport;
use round::{Rank, Reason};

use super::Violation;
use crate::{
    plan::Plan,
    trace::{Entry, Fact},
};

/// Its name.
pub const NAME: &str = "at most one vote per credential and round";

pub(super) fn check(plan: &Plan, entries: &[Entry]) -> Option<Violation> {
    let broken = |at, how| Violation { invariant: NAME, at, how };
    let credentials = plan.script.processes() as u32;
    let mut rounds: BTreeMap<u32, &RoundReport> = BTreeMap::new();
    for Entry { at, fact } in entries {
        match fact {
            Fact::Closed(report, _) => {
                let ranks: Vec<u32> = report.verdicts.iter().map(|verdict| verdict.rank).collect();
                let once = ranks.windows(2).all(|pair| pair[0] < pair[1]);
                if !once || ranks.iter().any(|rank| *rank >= credentials || report.absent.contains(rank)) {
                    let (round, absent) = (report.round, &report.absent);
                    let how = format!(
                        "round {round} counts {ranks:?} and misses {absent:?}, there are {credentials} credentials"
                    );
                    return Some(broken(*at, how));
                }
                rounds.insert(report.round, report);
            }
            Fact::Over { reason: Ok(Reason::Done), ledgers } => {
                return recorded(&rounds, ledgers).map(|how| broken(*at, how));
            }
            _ => (),
        }
    }
    None
}

/// What is wrong with the record of who was counted.
fn recorded(rounds: &BTreeMap<u32, &RoundReport>, ledgers: &[(Rank, round::Ledger)]) -> Option<String> {
    ledgers.iter().find_map(|(rank, ledger)| {
        let counts = |report: &&&RoundReport| report.verdicts.iter().any(|verdict| verdict.rank == rank.0);
        let counted = rounds.values().filter(counts).count();
        let accepted = ledger.accepted as usize;
        (accepted != counted)
            .then(|| format!("worker {rank} was counted in {counted} rounds, its record says {accepted}"))
    })
}
