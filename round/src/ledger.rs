//! What each worker did, in numbers: every update is accepted, rejected for a reason, or missing.

use std::collections::BTreeMap;

use crate::{Rank, Rejection};

/// One worker's record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Updates that entered an aggregate's round.
    pub accepted: u32,
    /// Updates that were not taken, by reason.
    pub rejected: BTreeMap<&'static str, u32>,
    /// Those of them that no honest worker could have sent.
    pub misbehaved: u32,
    /// Rounds that closed without this worker's update.
    pub absent: u32,
}

impl Ledger {
    pub(crate) fn reject(&mut self, why: &Rejection) {
        *self.rejected.entry(why.label()).or_default() += 1;
        self.misbehaved += u32::from(why.is_misbehaviour());
    }

    /// Updates that were not taken, whatever the reason.
    #[must_use]
    pub fn rejections(&self) -> u32 {
        self.rejected.values().sum()
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
        recent.retain(|_, ledger| !ledger.rejected.is_empty());
        recent
    }
}
