//! What the sockets may look at without asking the hub.

use std::sync::{Arc, atomic::AtomicU32};

use proto::{limits, v1};
use round::{Event, Rank, Rejection, Round};
use tokio::sync::watch;

use crate::observers;

/// What the sockets may read without asking.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) description: Arc<v1::JoinReply>,
    /// The model of the latest round, in frames.
    pub(crate) model: watch::Receiver<Arc<Vec<v1::Frame>>>,
    /// Rows that are not in use.
    pub(crate) spare: Spare,
    /// Rounds that an update may be older than the open one.
    pub(crate) staleness_max: u32,
    /// Calls from nobody that is known, since the last report.
    pub(crate) strangers: Arc<AtomicU32>,
}

impl Shared {
    /// The round whose model is the latest: the one that is open, or about to.
    pub(crate) fn round(&self) -> u32 {
        round(&self.model.borrow())
    }

    /// Whether an update of this round could still count.
    pub(crate) fn counts(&self, got: Round) -> Result<(), Rejection> {
        let (now, most) = (self.round(), self.staleness_max);
        match (now.checked_sub(got.get()), Round::new(now)) {
            (Some(age), _) if age <= most => Ok(()),
            (Some(_), Some(open)) if most > 0 => Err(Rejection::TooStale { got, open, most }),
            (_, open) => Err(Rejection::WrongRound { got, open }),
        }
    }
}

/// The round of a tensor.
pub(crate) fn round(frames: &[v1::Frame]) -> u32 {
    frames.first().and_then(|frame| frame.header).map_or(0, |header| header.round)
}

/// Rows that are not in use: a round's memory is n·d numbers, and it is the same memory every round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spare(Arc<std::sync::Mutex<Vec<Vec<f32>>>>);

impl Spare {
    pub(crate) fn take(&self) -> Vec<f32> {
        self.0.lock().ok().and_then(|mut rows| rows.pop()).unwrap_or_default()
    }

    pub(crate) fn give(&self, rows: impl IntoIterator<Item = Vec<f32>>) {
        if let Ok(mut spare) = self.0.lock() {
            spare.extend(rows);
        }
    }
}

/// How many messages may wait for one observer.
pub(crate) fn backlog(shared: &Shared) -> usize {
    observers::backlog(usize::try_from(shared.description.dimension).unwrap_or(usize::MAX))
        .min(limits::FRAME_BYTES_MAX)
}

/// What an update is to the engine.
pub(super) fn event(rank: Rank, update: Result<(Round, Vec<f32>), Rejection>) -> Event {
    match update {
        Ok((round, row)) => Event::Delivered { rank, round, row },
        Err(why) => Event::Malformed { rank, why },
    }
}
