//! What each worker did, in numbers: every update is accepted, rejected or discarded for a reason, or missing.

use std::collections::BTreeMap;

use crate::{Rank, Rejection};

/// One worker's record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Updates that entered a round's aggregate.
    pub accepted: u32,
    /// Updates with which something was wrong, by reason.
    pub rejected: BTreeMap<&'static str, u32>,
    /// Updates that came too late, gave way to another, or whose round was skipped, by reason.
    pub discarded: BTreeMap<&'static str, u32>,
    /// Rejected updates that no honest worker could have sent.
    pub misbehaved: u32,
    /// Rounds that its accepted updates were older than the open one, all together.
    pub staleness: u32,
    /// Rounds that closed without this worker's update.
    pub absent: u32,
}

impl Ledger {
    /// Takes down an update that was not taken.
    pub(crate) fn refuse(&mut self, why: &Rejection) {
        let pile = if why.is_discard() { &mut self.discarded } else { &mut self.rejected };
        *pile.entry(why.label()).or_default() += 1;
        self.misbehaved += u32::from(why.is_misbehaviour());
    }

    /// Takes down that an update which was taken came to nothing.
    pub(crate) fn discard(&mut self, why: &'static str) {
        self.accepted = self.accepted.saturating_sub(1);
        *self.discarded.entry(why).or_default() += 1;
    }
}

/// Everybody's records: of the whole run, and of the time since the last report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ledgers {
    pub(crate) run: BTreeMap<Rank, Ledger>,
    recent: BTreeMap<Rank, Ledger>,
}

impl Ledgers {
    pub(crate) fn record(&mut self, rank: Rank, entry: impl Fn(&mut Ledger)) {
        entry(self.run.entry(rank).or_default());
        entry(self.recent.entry(rank).or_default());
    }

    /// Those with something to report since the last time: more than an update that was taken.
    pub(crate) fn report(&mut self) -> BTreeMap<Rank, Ledger> {
        let mut recent = std::mem::take(&mut self.recent);
        recent.retain(|_, ledger| !ledger.rejected.is_empty() || !ledger.discarded.is_empty());
        recent
    }
}
