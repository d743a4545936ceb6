//! Why an update was not taken. Which of these are lies, and which just late, decides what they cost.

use crate::Round;

/// Why an update was not taken.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// The update is for a round that is not open.
    #[error("the update is for round {got}, {}", match .open { Some(open) => format!("round {open} is open"), None => "no round is open".to_owned() })]
    WrongRound {
        /// Round of the update
        got: Round,
        /// Round that is open
        open: Option<Round>,
    },
    /// This worker's update of this round was taken already.
    #[error("an update of round {0} was taken from this worker already")]
    Duplicate(Round),
    /// The worker joined after the round opened; its votes count from the next.
    #[error("this worker is admitted from the round after {0}")]
    NotAdmitted(Round),
    /// The worker is not among those that were drawn for the round.
    #[error("this worker was not drawn for round {0}")]
    NotDrawn(Round),
    /// The update answers a model that is too old.
    #[error("the update is for round {got}, round {open} takes those that are at most {most} rounds older")]
    TooStale {
        /// Round of the update
        got: Round,
        /// Round that is open
        open: Round,
        /// Rounds it may be older
        most: u32,
    },
    /// The worker already sent something malformed this round, which cost its vote.
    #[error("this worker lost its vote of round {0} to a malformed update")]
    VoteLost(Round),
    /// The worker misbehaved too often.
    #[error("this worker misbehaved too often and has no vote any more")]
    Banned,
    /// The update names another run.
    #[error("the update is for run {got:016x}, this is run {want:016x}")]
    WrongRun {
        /// Run of the update
        got: u64,
        /// Run of the server
        want: u64,
    },
    /// The update's round is 0.
    #[error("the update is for round 0, rounds count from 1")]
    RoundZero,
    /// The update does not start with a header.
    #[error("the first frame has no header")]
    NoHeader,
    /// The update has another header after the first.
    #[error("frame {0} has a header, only the first may")]
    SecondHeader(u64),
    /// The update announces another length.
    #[error("the update announces {got} numbers, the model has {want}")]
    Dimension {
        /// Announced
        got: u64,
        /// The model's
        want: u64,
    },
    /// The update announces numbers of another type.
    #[error("the update announces number type {got}, expected {want} (little-endian f32)")]
    NumberType {
        /// Announced
        got: i32,
        /// Little-endian f32
        want: i32,
    },
    /// A frame does not continue where the last one ended.
    #[error("a frame starts at byte {got}, the last one ended at {want}")]
    Offset {
        /// Start of the frame
        got: u64,
        /// End of the last one
        want: u64,
    },
    /// A frame is no whole number of floats, or empty.
    #[error("a frame holds {0} bytes, expected a positive multiple of 4")]
    Alignment(usize),
    /// A frame is larger than frames may be.
    #[error("a frame holds {got} bytes, at most {most} are allowed")]
    FrameTooLong {
        /// Its bytes
        got: usize,
        /// The limit
        most: usize,
    },
    /// More numbers came than were announced.
    #[error("{got} bytes came, {want} were announced")]
    TooLong {
        /// Bytes that came
        got: u64,
        /// Bytes announced
        want: u64,
    },
    /// The stream ended early.
    #[error("the stream ended after {got} of {want} bytes")]
    Truncated {
        /// Bytes that came
        got: u64,
        /// Bytes announced
        want: u64,
    },
    /// The update came too slowly, or not on.
    #[error("the update brought {got} of {want} bytes, and then too little in its time")]
    Stalled {
        /// Bytes that came
        got: u64,
        /// Bytes wanted
        want: u64,
    },
    /// The same worker began another update before this one was complete.
    #[error("another update of this worker took its place")]
    Replaced,
    /// What came is no message of the protocol.
    #[error("what came is no message of the protocol")]
    Undecodable,
    /// A number is NaN or infinite.
    #[error("number {index} is {value}, expected a finite one")]
    NonFinite {
        /// Its place, from 0
        index: u64,
        /// The number
        value: f32,
    },
    /// The checksum of the header is not that of the numbers.
    #[error("the numbers have checksum {got:08x}, the header says {want:08x}")]
    Checksum {
        /// Of the numbers
        got: u32,
        /// Of the header
        want: u32,
    },
}

impl Rejection {
    /// Short name, for counters and logs.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::WrongRound { .. } => "wrong-round",
            Self::Duplicate(_) => "duplicate",
            Self::NotAdmitted(_) => "not-admitted",
            Self::NotDrawn(_) => "not-drawn",
            Self::TooStale { .. } => "too-stale",
            Self::VoteLost(_) => "vote-lost",
            Self::Banned => "banned",
            Self::WrongRun { .. } => "wrong-run",
            Self::RoundZero => "round-zero",
            Self::NoHeader => "no-header",
            Self::SecondHeader(_) => "second-header",
            Self::Dimension { .. } => "dimension",
            Self::NumberType { .. } => "number-type",
            Self::Offset { .. } => "offset",
            Self::Alignment(_) => "alignment",
            Self::FrameTooLong { .. } => "frame-too-long",
            Self::TooLong { .. } => "too-long",
            Self::Truncated { .. } => "truncated",
            Self::Stalled { .. } => "stalled",
            Self::Replaced => "replaced",
            Self::Undecodable => "undecodable",
            Self::NonFinite { .. } => "non-finite",
            Self::Checksum { .. } => "checksum",
        }
    }

    /// Whether nothing is wrong with the update but its time: it came too late, or gave way to another.
    #[must_use]
    pub fn is_discard(&self) -> bool {
        match self {
            Self::WrongRound { got, open } => open.is_none_or(|open| *got < open),
            Self::Replaced | Self::TooStale { .. } => true,
            _ => false,
        }
    }

    /// Whether no honest worker, however slow, could have caused it. It then costs the worker this round's vote.
    #[must_use]
    pub const fn is_misbehaviour(&self) -> bool {
        !matches!(
            self,
            Self::WrongRound { .. }
                | Self::Duplicate(_)
                | Self::NotAdmitted(_)
                | Self::NotDrawn(_)
                | Self::TooStale { .. }
                | Self::VoteLost(_)
                | Self::Banned
                | Self::Truncated { .. }
                | Self::Stalled { .. }
                | Self::Replaced
        )
    }
}
