//! What became of every worker's updates, added up from the lines of the rounds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::results::RoundLine;

/// Records by rank.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledgers(BTreeMap<u32, Ledger>);

/// One worker's record: every update that came is in one of accepted, rejected and discarded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Updates that entered a round's aggregate.
    pub accepted: u32,
    /// Rounds that those were older than the open one, all together.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub staleness: u32,
    /// Rounds that closed without one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub absent: u32,
    /// Updates with which something was wrong, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected: BTreeMap<String, u32>,
    /// Updates that came too late, gave way to another, or whose round was skipped, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub discarded: BTreeMap<String, u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Ledgers {
    /// Adds a round.
    pub fn add(&mut self, line: &RoundLine) {
        for (rank, _) in &line.verdicts {
            self.of(*rank).accepted += 1;
        }
        for (rank, rounds) in &line.staleness {
            self.of(*rank).staleness += rounds;
        }
        for rank in &line.absent {
            self.of(*rank).absent += 1;
        }
        for (rank, reason, count) in &line.rejected {
            *self.of(*rank).rejected.entry(reason.clone()).or_default() += count;
        }
        for (rank, reason, count) in &line.discarded {
            *self.of(*rank).discarded.entry(reason.clone()).or_default() += count;
        }
    }

    fn of(&mut self, rank: u32) -> &mut Ledger {
        self.0.entry(rank).or_default()
    }
}
