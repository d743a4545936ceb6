//! What misbehaviour costs beyond the vote of the round, which it always costs.

use std::num::NonZeroU32;

/// What becomes of a worker that sends what no honest one could.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Conduct {
    /// It loses its vote of the round, and has one again in the next.
    #[default]
    Drop,
    /// The same, and the rule need not tolerate it among the rows that are left: f is one less in that round.
    Count,
    /// As [`Self::Drop`], and after so many times it has no vote any more.
    Ban(NonZeroU32),
}

impl Conduct {
    /// Whether a worker that misbehaved so often is banned.
    #[must_use]
    pub const fn bans(self, misbehaved: u32) -> bool {
        match self {
            Self::Drop | Self::Count => false,
            Self::Ban(most) => misbehaved >= most.get(),
        }
    }

    /// The liars that may be among the rows that are left, of `byzantine`, when `spent` members lost their vote to a lie.
    #[must_use]
    pub const fn left(self, byzantine: usize, spent: usize) -> usize {
        match self {
            Self::Count => byzantine.saturating_sub(spent),
            Self::Drop | Self::Ban(_) => byzantine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_chance_is_the_one_before_k() {
        let three = Conduct::Ban(NonZeroU32::new(3).unwrap());
        for (conduct, misbehaved, banned) in
            [(three, 2, false), (three, 3, true), (three, 4, true), (Conduct::Drop, u32::MAX, false)]
        {
            assert_eq!(conduct.bans(misbehaved), banned, "{conduct:?} after {misbehaved}");
        }
    }

    #[test]
    fn only_counting_takes_liars_off_f_and_never_below_none() {
        let three = Conduct::Ban(NonZeroU32::new(3).unwrap());
        for (conduct, byzantine, spent, left) in [
            (Conduct::Count, 2, 0, 2),
            (Conduct::Count, 2, 1, 1),
            (Conduct::Count, 2, 3, 0),
            (Conduct::Drop, 2, 1, 2),
            (three, 2, 1, 2),
        ] {
            assert_eq!(conduct.left(byzantine, spent), left, "{conduct:?}: {spent} of {byzantine}");
        }
    }
}
