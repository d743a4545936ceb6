//! A participant whose answers are taken down before they go out: what the checkers believe was sent.

use std::sync::Arc;

use round::Rank;
use worker::{Participant, View};

use crate::{
    bug::Bug,
    trace::{Fact, Trace},
};

/// Whose answers are taken down, and where.
#[derive(Debug, Clone)]
pub(crate) struct Noting {
    rank: Rank,
    trace: Trace,
    bug: Option<Bug>,
}

impl Noting {
    pub(crate) const fn new(rank: Rank, trace: Trace, bug: Option<Bug>) -> Self {
        Self { rank, trace, bug }
    }
}

/// A participant, and the notes of it.
#[derive(Debug)]
pub(crate) struct Noted<P> {
    participant: P,
    notes: Noting,
}

impl<P> Noted<P> {
    pub(crate) const fn new(participant: P, notes: Noting) -> Self {
        Self { participant, notes }
    }
}

impl<P: Participant> Participant for Noted<P> {
    fn respond(&mut self, view: &View<'_>) -> Arc<Vec<f32>> {
        let mut row = Arc::unwrap_or_clone(self.participant.respond(view));
        let Noting { rank, trace, bug } = &self.notes;
        let (round, model) = (view.round, proto::frame::checksum(view.model));
        trace.note(Fact::Answered { rank: *rank, round, model, row: row.clone() });
        if let Some(bug) = bug {
            bug.spoil(*rank, round, &mut row);
        }
        Arc::new(row)
    }

    fn wants_honest(&self) -> bool {
        self.participant.wants_honest()
    }
}
