//! The round that takes updates: who has a vote in it, and whose vote is in.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Pace, Rank, Rejection, Round};

#[derive(Debug)]
pub(super) struct OpenRound {
    pub(super) round: Round,
    pub(super) members: BTreeSet<Rank>,
    pub(super) awaited: BTreeSet<Rank>,
    /// Rows with the round whose model they answer.
    pub(super) rows: BTreeMap<Rank, (Round, Vec<f32>)>,
    pub(super) spent: BTreeSet<Rank>,
    /// Whether there are workers that were not drawn.
    pub(super) sampled: bool,
}

/// What a row that was taken did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is one more.
    Anew,
    /// An older one of the same worker gave way to it.
    Instead,
}

impl OpenRound {
    /// Whether this rank still has a vote that it did not use.
    pub(super) fn owes(&self, rank: Rank) -> bool {
        self.members.contains(&rank) && !self.rows.contains_key(&rank) && !self.spent.contains(&rank)
    }

    /// Takes a row that answers the model of `round`, the latest such of its worker being `answered`.
    pub(super) fn take(
        &mut self,
        rank: Rank,
        (round, row): (Round, Vec<f32>),
        answered: Option<Round>,
        pace: Pace,
    ) -> Result<Taken, Rejection> {
        let buffer = pace.buffer();
        if round > self.round || (round != self.round && buffer.is_none()) {
            Err(Rejection::WrongRound { got: round, open: Some(self.round) })
        } else if answered.is_some_and(|answered| round <= answered) {
            Err(Rejection::Duplicate(round))
        } else if let Some(buffer) = buffer
            && self.round.get() - round.get() > buffer.staleness_max
        {
            Err(Rejection::TooStale { got: round, open: self.round, most: buffer.staleness_max })
        } else if self.spent.contains(&rank) {
            Err(Rejection::VoteLost(self.round))
        } else if !self.members.contains(&rank) {
            let not_drawn = self.sampled;
            Err(if not_drawn { Rejection::NotDrawn(round) } else { Rejection::NotAdmitted(round) })
        } else {
            // A member that left and came back within the round still has its vote.
            self.awaited.remove(&rank);
            match self.rows.insert(rank, (round, row)) {
                None => Ok(Taken::Anew),
                Some(_) => Ok(Taken::Instead),
            }
        }
    }
}
