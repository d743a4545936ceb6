//! When a round closes, and which updates count in it.

/// Whether a round waits for everybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pace {
    /// It closes when every member has answered, and only its own updates count.
    #[default]
    Synchronous,
    /// It closes when so many updates are in, which may be of earlier rounds.
    Asynchronous(Buffer),
}

/// The updates that a round of an asynchronous run is made of: at most one of each worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// How many close the round.
    pub rows: usize,
    /// Rounds that an update may be older than the open one.
    pub staleness_max: u32,
    /// What is done about a member that would be older.
    pub stragglers: Stragglers,
}

/// What an asynchronous run does about members that would fall too far behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stragglers {
    /// It goes on; what they send then is discarded.
    #[default]
    Discard,
    /// It waits for them, as long as a round may take.
    Wait,
}

impl Pace {
    /// The buffer, if there is one.
    pub(crate) const fn buffer(self) -> Option<Buffer> {
        match self {
            Self::Synchronous => None,
            Self::Asynchronous(buffer) => Some(buffer),
        }
    }
}
