//! What happens to the engine, and what it wants done about it.

use std::collections::BTreeMap;

use crate::{Conduct, Ledger, Pace, Rank, Rejection, Round, Sample};

/// What the engine has to know beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Workers to wait for before the first round.
    pub workers: usize,
    /// Rounds to go through.
    pub rounds: u32,
    /// Updates without which a round is skipped; at least 1.
    pub quorum: usize,
    /// Rounds skipped one after another before giving up; at least 1.
    pub skips_max: u32,
    /// Liars that there may be among the members of a round, f.
    pub byzantine: usize,
    /// What misbehaviour costs.
    pub conduct: Conduct,
    /// What a round does about a member that is gone.
    pub absent: Absent,
    /// Whether a round waits for everybody.
    pub pace: Pace,
    /// The draw of each round's members, if not all are asked.
    pub sample: Option<Sample>,
}

/// What a round does about a member that is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Absent {
    /// It goes on without: nobody waits for a member that left until it is back.
    #[default]
    GoOn,
    /// It waits until the member is back or the deadline has passed.
    Wait,
}

/// Where an earlier run was left, when this one goes on from there.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resumed {
    /// The last round that is behind it.
    pub closed: u32,
    /// What each worker did until then.
    pub ledgers: BTreeMap<Rank, Ledger>,
    /// The latest round whose model an update of each worker answers that was taken.
    pub answered: BTreeMap<Rank, Round>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A worker is there, for the first time or again; it votes from the next round that opens.
    Joined(Rank),
    /// A worker is gone.
    Left(Rank),
    /// A well-formed update came.
    Delivered {
        /// From whom.
        rank: Rank,
        /// For which round.
        round: Round,
        /// The numbers.
        row: Vec<f32>,
    },
    /// A worker sent something that is no update.
    Malformed {
        /// Who.
        rank: Rank,
        /// What was wrong.
        why: Rejection,
    },
    /// Nobody else is waited for before the first round.
    GatheringOver,
    /// The time of a round is up.
    DeadlinePassed(Round),
    /// The rows of a round were aggregated and the model has moved.
    Aggregated(Round),
    /// The rule could not answer for the rows of a round.
    Refused(Round),
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Send the model to `to` and start the round's clock.
    Open {
        /// The round.
        round: Round,
        /// Who votes in it; in an asynchronous run those of them who do not work on an earlier model.
        to: Vec<Rank>,
    },
    /// Send the model to a member that came back while the round is open, or is done with an earlier one; the clock goes on.
    Remind {
        /// The round.
        round: Round,
        /// Who is to have it.
        rank: Rank,
    },
    /// Tell a worker what became of what it sent.
    Answer {
        /// The worker.
        rank: Rank,
        /// Whether it was taken.
        taken: Result<Round, Rejection>,
    },
    /// Note that a later update of this worker took the place of the one that was in.
    Superseded(Rank),
    /// Aggregate these rows and answer [`Event::Aggregated`] or [`Event::Refused`].
    Aggregate {
        /// The round, now closed.
        round: Round,
        /// Its rows in order of rank.
        rows: Vec<(Rank, Vec<f32>)>,
        /// How many rounds older than this one each of them is.
        staleness: Vec<u32>,
        /// Members whose row is missing.
        absent: Vec<Rank>,
        /// Liars that the rule has to tolerate among these rows.
        byzantine: usize,
    },
    /// The round closed without an aggregate.
    Skip {
        /// The round.
        round: Round,
        /// Whose updates were in, to no avail.
        rows: Vec<Rank>,
        /// Members whose row is missing.
        absent: Vec<Rank>,
    },
    /// A worker misbehaved too often and has no place any more.
    Ban(Rank),
    /// It is over.
    Finish(Reason),
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// All rounds are done.
    #[error("all rounds are done")]
    Done,
    /// Too few workers came for a first round.
    #[error("{joined} workers joined in time, a round needs {quorum}")]
    TooFewJoined {
        /// Workers that came
        joined: usize,
        /// Workers a round needs
        quorum: usize,
    },
    /// Too many rounds in a row were skipped.
    #[error("{skipped} rounds in a row were skipped")]
    TooManySkipped {
        /// How many
        skipped: u32,
    },
}
