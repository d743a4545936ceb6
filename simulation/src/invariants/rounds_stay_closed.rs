//! Rounds never go back: every round follows the one before; a server that comes back goes on after its last checkpoint, with
//! the model that was seen; and nobody is asked for an earlier round than before, except by a server that came back.

use std::collections::BTreeMap;

use super::Violation;
use crate::{
    plan::Plan,
    trace::{Entry, Fact},
};

/// Its name.
pub const NAME: &str = "rounds never go back";

pub(super) fn check(plan: &Plan, entries: &[Entry]) -> Option<Violation> {
    let mut seen = Seen {
        every: plan.script.server.checkpoint.every,
        rounds: plan.script.server.rounds,
        ..Seen::default()
    };
    entries.iter().find_map(|Entry { at, fact }| {
        let how = match fact {
            Fact::ServerUp { .. } => {
                seen.anew = true;
                seen.lives += 1;
                None
            }
            Fact::WorkerUp(rank) => {
                seen.asked.remove(&rank.0);
                None
            }
            Fact::Answered { rank, round, .. } => seen.asked(rank.0, *round),
            Fact::Closed(report, model) => seen.closed(report.round, report.skipped.is_empty(), model),
            _ => None,
        };
        how.map(|how| Violation { invariant: NAME, at: *at, how })
    })
}

#[derive(Default)]
struct Seen {
    every: u32,
    rounds: u32,
    lives: u32,
    /// Whether the server came back since the last round that was seen.
    anew: bool,
    last: u32,
    /// The last round that is on the disk.
    kept: u32,
    models: BTreeMap<u32, Vec<f32>>,
    /// The latest round of each worker, and the life of the server in which it last went back.
    asked: BTreeMap<u32, (u32, u32)>,
}

impl Seen {
    fn closed(&mut self, round: u32, moved: bool, model: &[f32]) -> Option<String> {
        let (last, kept) = (self.last, self.kept);
        let follows = round == last + 1;
        let again = self.anew && round >= kept && round <= last;
        if !follows && !again {
            let on = format!("the last checkpoint that was seen is that of round {kept}");
            return Some(format!("round {round} closes after round {last}; {on}"));
        }
        let final_one = again && round == kept;
        if final_one && self.models.get(&round).is_some_and(|known| known != model) {
            return Some(format!("round {round} has another model than before the server came back"));
        }
        self.anew = false;
        self.last = round;
        self.models.insert(round, model.to_vec());
        if moved && (round.is_multiple_of(self.every) || round >= self.rounds) {
            self.kept = round;
        }
        None
    }

    fn asked(&mut self, rank: u32, round: u32) -> Option<String> {
        let lives = self.lives;
        let (latest, back) = self.asked.entry(rank).or_insert((0, 1));
        if round < *latest {
            if *back >= lives {
                return Some(format!("worker {rank} was asked for round {round} after round {latest}"));
            }
            *back = lives;
        }
        *latest = round;
        None
    }
}
