//! What misbehaviour costs beyond the vote of the round, which it always costs.

use std::num::NonZeroU32;

/// What becomes of a worker that sends what no honest one could.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Conduct {
    /// It loses its vote of the round, and has one again in the next.
    #[default]
    Drop,
    /// The same, and after so many times it has no vote any more.
    Ban(NonZeroU32),
}

impl Conduct {
    /// Whether a worker that misbehaved so often is banned.
    #[must_use]
    pub const fn bans(self, misbehaved: u32) -> bool {
        match self {
            Self::Drop => false,
            Self::Ban(most) => misbehaved >= most.get(),
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
}
