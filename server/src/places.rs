//! Who sits where: one place a rank, one session a place, one control stream a session.

use std::{collections::HashMap, time::Duration};

use proto::{Session, v1};
use round::Rank;
use tokio::{sync::mpsc, time::Instant};
use tonic::Status;

/// Where a worker's messages go.
pub(crate) type Downstream = mpsc::Sender<Result<v1::FromServer, Status>>;

/// Which place a worker asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Exactly(u32),
    Lowest,
    Highest,
}

/// A control stream, told from an earlier one of the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) rank: Rank,
    generation: u64,
}

/// All places of a run.
#[derive(Debug)]
pub(crate) struct Places {
    all: Vec<Place>,
    sessions: HashMap<Session, Rank>,
    generation: u64,
    /// Silence after which a place counts as left.
    patience: Duration,
}

#[derive(Debug, Clone)]
struct Place {
    session: Option<Session>,
    stream: Option<(Seat, Downstream)>,
    heard: Instant,
    banned: bool,
}

/// No place can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlace {
    #[error("all {0} places are taken")]
    Full(usize),
    #[error("whoever had place {0} misbehaved too often")]
    Banned(u32),
    #[error("{0} asked for a place within a second, try again in the next")]
    Rush(u32),
    #[error("place {0} is taken")]
    Taken(u32),
    #[error("there is no place {wish}, the highest is {highest}")]
    OutOfRange { wish: u32, highest: usize },
}

impl Places {
    pub(crate) fn new(workers: usize, patience: Duration) -> Self {
        let place = Place { session: None, stream: None, heard: Instant::now(), banned: false };
        Self { all: vec![place; workers], sessions: HashMap::new(), generation: 0, patience }
    }

    /// Gives `session` a place that is free, or whose holder has no stream and was silent too long.
    pub(crate) fn take(&mut self, wish: Wish, session: Session) -> Result<Rank, NoPlace> {
        let now = Instant::now();
        let patience = self.patience;
        let free = |place: &Place| {
            let silent = place.stream.is_none() && now.duration_since(place.heard) >= patience;
            !place.banned && (place.session.is_none() || silent)
        };
        let index = match wish {
            Wish::Exactly(wish) => match self.all.get(wish as usize) {
                None => Err(NoPlace::OutOfRange { wish, highest: self.all.len().saturating_sub(1) }),
                Some(place) if place.banned => Err(NoPlace::Banned(wish)),
                // Whoever asks for one place by name is that worker, started anew; its stream is gone.
                Some(place) if place.stream.is_some() => Err(NoPlace::Taken(wish)),
                Some(_) => Ok(wish as usize),
            },
            Wish::Lowest => self.all.iter().position(free).ok_or(NoPlace::Full(self.all.len())),
            Wish::Highest => self.all.iter().rposition(free).ok_or(NoPlace::Full(self.all.len())),
        }?;
        let rank = Rank(index as u32);
        let place = &mut self.all[index];
        if let Some(old) = place.session.replace(session) {
            self.sessions.remove(&old);
        }
        place.heard = now;
        self.sessions.insert(session, rank);
        Ok(rank)
    }

    /// The place of a session.
    pub(crate) fn rank(&self, session: Session) -> Option<Rank> {
        self.sessions.get(&session).copied()
    }

    /// Seats a control stream; one that the place already had is dropped.
    pub(crate) fn seat(&mut self, session: Session, downstream: Downstream) -> Option<Seat> {
        let rank = self.rank(session)?;
        let place = self.all.get_mut(rank.0 as usize)?;
        self.generation += 1;
        let seat = Seat { rank, generation: self.generation };
        place.stream = Some((seat, downstream));
        place.heard = Instant::now();
        Some(seat)
    }

    /// Takes the stream away if it is still this one; answers whether it was.
    pub(crate) fn unseat(&mut self, seat: Seat) -> bool {
        let Some(place) = self.all.get_mut(seat.rank.0 as usize) else { return false };
        let sits = place.stream.as_ref().is_some_and(|(sitting, _)| *sitting == seat);
        if sits {
            place.stream = None;
        }
        sits
    }

    /// Ends the session of a place, for now or, with `ban`, for good. Answers its control stream, which is to be left.
    pub(crate) fn expel(&mut self, rank: Rank, ban: bool) -> Option<Seat> {
        let place = self.all.get_mut(rank.0 as usize)?;
        place.banned |= ban;
        if let Some(session) = place.session.take() {
            self.sessions.remove(&session);
        }
        place.stream.as_ref().map(|(seat, _)| *seat)
    }

    /// Notes a sign of life.
    pub(crate) fn hear(&mut self, rank: Rank) {
        if let Some(place) = self.all.get_mut(rank.0 as usize) {
            place.heard = Instant::now();
        }
    }

    /// Notes one of everybody.
    pub(crate) fn hear_all(&mut self) {
        let now = Instant::now();
        self.all.iter_mut().for_each(|place| place.heard = now);
    }

    /// Seats that were silent too long.
    pub(crate) fn silent(&self) -> Vec<Seat> {
        let now = Instant::now();
        let silent = self.all.iter().filter(|place| now.duration_since(place.heard) >= self.patience);
        silent.filter_map(|place| place.stream.as_ref().map(|(seat, _)| *seat)).collect()
    }

    /// Sends to one worker without waiting. One that does not read loses its stream.
    pub(crate) fn send(&mut self, rank: Rank, message: v1::from_server::Message) -> Result<(), Seat> {
        let Some((seat, stream)) = self.all.get(rank.0 as usize).and_then(|place| place.stream.as_ref())
        else {
            return Ok(());
        };
        let message = v1::FromServer { message: Some(message) };
        stream.try_send(Ok(message)).map_err(|_| *seat)
    }

    /// Ranks with a stream.
    pub(crate) fn seated(&self) -> Vec<Rank> {
        self.all.iter().filter_map(|place| place.stream.as_ref().map(|(seat, _)| seat.rank)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u8) -> Session {
        Session([number; 16])
    }

    fn places() -> Places {
        Places::new(3, Duration::from_secs(10))
    }

    #[tokio::test(start_paused = true)]
    async fn places_are_given_from_both_ends_and_by_name() {
        let mut places = places();
        assert_eq!(places.take(Wish::Highest, session(1)), Ok(Rank(2)));
        assert_eq!(places.take(Wish::Lowest, session(2)), Ok(Rank(0)));
        assert_eq!(
            places.take(Wish::Exactly(3), session(3)),
            Err(NoPlace::OutOfRange { wish: 3, highest: 2 })
        );
        assert_eq!(places.take(Wish::Exactly(1), session(3)), Ok(Rank(1)));
        assert_eq!(places.take(Wish::Lowest, session(4)), Err(NoPlace::Full(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_whose_holder_never_came_is_free_again_in_time() {
        let mut places = places();
        for number in 0..3 {
            places.take(Wish::Lowest, session(number)).unwrap();
        }
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(places.take(Wish::Lowest, session(9)), Ok(Rank(0)));
        assert_eq!(places.rank(session(0)), None, "the old session is worth nothing now");
        assert_eq!(places.rank(session(9)), Some(Rank(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_stream_replaces_the_earlier_and_outlives_its_end() {
        let mut places = places();
        places.take(Wish::Lowest, session(1)).unwrap();
        let (sender, _receiver) = mpsc::channel(1);
        let first = places.seat(session(1), sender.clone()).unwrap();
        let second = places.seat(session(1), sender.clone()).unwrap();
        assert!(!places.unseat(first));
        assert_eq!(places.take(Wish::Exactly(0), session(2)), Err(NoPlace::Taken(0)));
        assert!(places.unseat(second));
        assert_eq!(places.seat(session(7), sender), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_does_not_read_is_found_out() {
        let mut places = places();
        places.take(Wish::Lowest, session(1)).unwrap();
        let (sender, _receiver) = mpsc::channel(1);
        let seat = places.seat(session(1), sender).unwrap();
        let stop = || v1::from_server::Message::Stop(v1::Stop::default());
        assert_eq!(places.send(Rank(0), stop()), Ok(()));
        assert_eq!(places.send(Rank(0), stop()), Err(seat));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(places.silent(), [seat]);
        places.hear(Rank(0));
        assert_eq!(places.silent(), []);
    }
}
