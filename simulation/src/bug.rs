//! Bugs that can be planted in the plumbing of a run, so that it is seen that each checker finds what it looks for.

use round::Rank;

use crate::invariants::{
    honest_are_taken, one_vote, rounds_go_on, rounds_stay_closed, same_trace, sent_rows,
};

/// A bug, one for each invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A vote is counted twice.
    TwoVotes,
    /// A row is changed on its way, so that what is aggregated was never sent.
    AnotherRow,
    /// The server comes back with the state from before the first round.
    OldState,
    /// An honest worker's numbers are broken on their way.
    BrokenNumbers,
    /// The network is not repaired when calm comes.
    NeverRepaired,
    /// Something is drawn that the seed does not decide.
    Unseeded,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TwoVotes,
        Self::AnotherRow,
        Self::OldState,
        Self::BrokenNumbers,
        Self::NeverRepaired,
        Self::Unseeded,
    ];

    /// The invariant that it breaks.
    #[must_use]
    pub const fn breaks(self) -> &'static str {
        match self {
            Self::TwoVotes => one_vote::NAME,
            Self::AnotherRow => sent_rows::NAME,
            Self::OldState => rounds_stay_closed::NAME,
            Self::BrokenNumbers => honest_are_taken::NAME,
            Self::NeverRepaired => rounds_go_on::NAME,
            Self::Unseeded => same_trace::NAME,
        }
    }

    /// The round in which something happens to a row.
    const ROUND: u32 = 4;

    /// What becomes of the first worker's row on its way.
    pub(crate) fn spoil(self, rank: Rank, round: u32, row: &mut [f32]) {
        let Some(last) = row.last_mut().filter(|_| rank.0 == 0 && round == Self::ROUND) else { return };
        match self {
            Self::AnotherRow => *last += 1.0,
            Self::BrokenNumbers => *last = f32::NAN,
            _ => (),
        }
    }
}
