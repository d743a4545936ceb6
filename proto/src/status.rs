//! The status of every rejection, by tonic's litmus: malformed is `InvalidArgument`, out of turn `FailedPrecondition`.

use round::Rejection;
use tonic::{Code, Status};

use crate::v1;

/// The status that answers an update that was not taken.
#[must_use]
pub const fn code(why: &Rejection) -> Code {
    match why {
        Rejection::WrongRound { .. }
        | Rejection::Duplicate(_)
        | Rejection::NotAdmitted(_)
        | Rejection::NotDrawn(_)
        | Rejection::TooStale { .. }
        | Rejection::VoteLost(_)
        | Rejection::WrongRun { .. } => Code::FailedPrecondition,
        Rejection::FrameTooLong { .. } | Rejection::TooLong { .. } => Code::OutOfRange,
        Rejection::Banned => Code::PermissionDenied,
        Rejection::Checksum { .. } => Code::DataLoss,
        Rejection::Stalled { .. } => Code::DeadlineExceeded,
        Rejection::Replaced => Code::Aborted,
        Rejection::RoundZero
        | Rejection::NoHeader
        | Rejection::SecondHeader(_)
        | Rejection::Dimension { .. }
        | Rejection::NumberType { .. }
        | Rejection::Offset { .. }
        | Rejection::Alignment(_)
        | Rejection::Truncated { .. }
        | Rejection::Undecodable
        | Rejection::NonFinite { .. } => Code::InvalidArgument,
    }
}

/// The status with its sentence.
#[must_use]
pub fn status(why: &Rejection) -> Status {
    Status::new(code(why), why.to_string())
}

/// The receipt for an update of `round`, taken or not.
#[must_use]
pub fn receipt(round: u32, taken: Result<(), Rejection>) -> v1::Receipt {
    match taken {
        Ok(()) => v1::Receipt { round, ..v1::Receipt::default() },
        Err(why) => v1::Receipt { round, rejection: why.label().to_owned(), detail: why.to_string() },
    }
}
