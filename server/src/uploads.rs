//! Updates on their way in: one a worker, at no less than a certain pace.

use std::{collections::HashMap, sync::Arc};

use proto::{
    Assembler,
    body::{Incoming, Interrupted},
    limits,
    reader::Unreadable,
};
use round::{Rank, Rejection, Round};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::meters;

/// The one upload that every worker may have; a later one takes the place of an earlier.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uploads(Arc<std::sync::Mutex<HashMap<Rank, Lane>>>);

/// A worker's way in. Whoever holds the lock has a row in memory.
#[derive(Debug, Clone, Default)]
struct Lane {
    lock: Arc<Mutex<()>>,
    replaced: CancellationToken,
}

/// A worker's turn.
#[derive(Debug)]
pub(crate) struct Turn {
    replaced: CancellationToken,
    _lock: OwnedMutexGuard<()>,
}

impl Uploads {
    /// Waits until the worker's upload before this has let go, which it is told to; `None` when a later one came meanwhile.
    pub(crate) async fn turn(&self, rank: Rank) -> Option<Turn> {
        let (lock, replaced) = {
            let mut lanes = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let lane = lanes.entry(rank).or_default();
            lane.replaced.cancel();
            lane.replaced = CancellationToken::new();
            (Arc::clone(&lane.lock), lane.replaced.clone())
        };
        tokio::select! {
            biased;
            () = replaced.cancelled() => None,
            lock = lock.lock_owned() => Some(Turn { replaced: replaced.clone(), _lock: lock }),
        }
    }
}

/// Reads an update to its end, or until it is clear that it will not count. `counts` answers whether one of a round does.
pub(crate) async fn read(
    mut update: Incoming,
    mut assembler: Assembler,
    turn: Turn,
    counts: impl Fn(Round) -> Result<(), Rejection>,
) -> Result<(Round, Vec<f32>), Rejection> {
    let start = Instant::now();
    loop {
        let (got, want) = assembler.progress();
        let due = (got + limits::FRAME_BYTES_MAX as u64).min(want);
        let next = tokio::select! {
            biased;
            () = turn.replaced.cancelled() => return Err(Rejection::Replaced),
            next = time::timeout_at(start + limits::update_time(due), update.next(&mut assembler)) => next,
        };
        match next {
            Err(_) => return Err(Rejection::Stalled { got, want }),
            Ok(Ok(Some((bytes, complete)))) => {
                meters::received(bytes);
                if complete {
                    return assembler.finish();
                }
            }
            Ok(Ok(None)) => return assembler.finish(),
            Ok(Err(Interrupted::Unreadable(Unreadable::Rejected(why)))) => return Err(why),
            Ok(Err(Interrupted::Unreadable(Unreadable::Undecodable(_)))) => {
                return Err(Rejection::Undecodable);
            }
            // A stream that breaks off is a network's doing, or looks like it.
            Ok(Err(Interrupted::Broken(_))) => return Err(Rejection::Truncated { got, want }),
        }
        // The rest of an update that will not count is not worth the memory.
        if let Some(round) = assembler.round() {
            counts(round)?;
        }
    }
}

/// Whether bytes came that are no message, as opposed to a connection that broke.
pub(crate) fn is_decoding(status: &Status) -> bool {
    let broke = std::error::Error::source(status).is_some();
    !broke && matches!(status.code(), Code::Internal | Code::OutOfRange | Code::Unimplemented)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::StreamBody;
    use prost::Message as _;
    use proto::{Expected, frames};
    use tokio_stream::{Stream, StreamExt as _, iter, pending};
    use tonic::body::Body;

    use super::*;

    const RUN: u64 = 1;
    const D: usize = 3 * limits::FRAME_BYTES_MAX / 4;

    fn assembler() -> Assembler {
        Assembler::new(Expected { run: RUN, dimension: D as u64 }, Vec::new())
    }

    /// What frames are on the wire, one after another.
    fn update(round: u32) -> Vec<Bytes> {
        let message = |frame: proto::v1::Frame| {
            let length = u32::try_from(frame.encoded_len()).unwrap().to_be_bytes();
            [&[0][..], &length, &frame.encode_to_vec()].concat().into()
        };
        frames(RUN, round, &vec![0.0; D]).into_iter().map(message).collect()
    }

    fn incoming(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Incoming {
        let pieces = pieces.map(|piece| Ok::<_, Status>(http_body::Frame::data(piece)));
        Incoming::new(Body::new(StreamBody::new(pieces)))
    }

    async fn turn() -> Turn {
        Uploads::default().turn(Rank(0)).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_that_does_not_go_on_stalls_when_its_bytes_are_overdue() {
        let frames = iter(update(1).into_iter().take(1)).chain(pending());
        let start = Instant::now();
        let why = read(incoming(frames), assembler(), turn().await, |_| Ok(())).await.unwrap_err();
        let frame = limits::FRAME_BYTES_MAX as u64;
        assert_eq!(why, Rejection::Stalled { got: frame, want: 3 * frame });
        assert_eq!(start.elapsed().as_secs(), limits::update_time(2 * frame).as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_update_that_keeps_the_pace_is_taken_however_long_it_takes() {
        let pace = Duration::from_secs(15);
        let frames = iter(update(1)).throttle(pace);
        let taken = read(incoming(frames), assembler(), turn().await, |_| Ok(())).await;
        assert_eq!(taken.map(|(round, row)| (round.get(), row.len())), Ok((1, D)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_of_an_update_of_another_round_is_not_waited_for() {
        let frames = iter(update(7).into_iter().take(1)).chain(pending());
        let why = read(incoming(frames), assembler(), turn().await, |got| {
            Err(Rejection::WrongRound { got, open: None })
        })
        .await
        .unwrap_err();
        assert_eq!(why.label(), "wrong-round");
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_upload_takes_the_place_of_an_earlier_one_of_the_same_worker_only() {
        let uploads = Uploads::default();
        let first = uploads.turn(Rank(0)).await.unwrap();
        let other = uploads.turn(Rank(1)).await.unwrap();
        let reading = tokio::spawn(read(incoming(pending()), assembler(), first, |_| Ok(())));
        assert!(uploads.turn(Rank(0)).await.is_some());
        assert_eq!(reading.await.unwrap(), Err(Rejection::Replaced));
        assert!(!other.replaced.is_cancelled());
    }
}
