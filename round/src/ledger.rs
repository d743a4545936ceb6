//! What each worker did, in numbers: every update is accepted, rejected for a reason, or missing.

use std::collections::BTreeMap;

use crate::Rejection;

/// One worker's record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Updates that entered an aggregate's round.
    pub accepted: u32,
    /// Updates that were not taken, by reason.
    pub rejected: BTreeMap<&'static str, u32>,
    /// Rounds that closed without this worker's update.
    pub absent: u32,
}

impl Ledger {
    pub(crate) fn reject(&mut self, why: &Rejection) {
        *self.rejected.entry(why.label()).or_default() += 1;
    }
}
