//! Who follows the run without a vote: every model and every report, in order.

use std::{
    future::{Future, poll_fn},
    task::Poll,
    time::Duration,
};

use proto::{
    limits,
    v1::{self, observation::Message},
};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};
use tonic::Status;

/// Where an observer's messages go.
pub(crate) type Stream = mpsc::Sender<Result<v1::Observation, Status>>;

/// Longest time that all rounds together wait for observers that want every model and end up not reading it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Messages that a connection takes by itself although nobody reads it.
const UNREAD: usize = 4;

/// Longest time to wait for one that never read anything.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);

/// Bytes of models that may wait for one observer.
const BACKLOG_BYTES: usize = 32 << 20;

/// Messages that may wait for one observer of models of this size: a report and a model at least.
pub(crate) fn backlog(dimension: usize) -> usize {
    let frames = (4 * dimension).div_ceil(limits::FRAME_BYTES_MAX);
    (BACKLOG_BYTES / (4 * dimension.max(1))).clamp(8, 256).max(frames + 2)
}

/// All observers.
#[derive(Debug)]
pub(crate) struct Observers {
    all: Vec<Observer>,
    /// What is left of [`PATIENCE`].
    patience: Duration,
}

/// What an observer wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follows {
    /// Everything, even if rounds have to wait.
    EveryModel,
    /// What there is whenever it is ready.
    Latest,
    /// The same without models.
    Reports,
}

impl Follows {
    pub(crate) const fn new(request: v1::ObserveRequest) -> Self {
        match (request.reports_only, request.every_model) {
            (true, _) => Self::Reports,
            (false, true) => Self::EveryModel,
            (false, false) => Self::Latest,
        }
    }
}

#[derive(Debug)]
struct Observer {
    stream: Stream,
    follows: Follows,
    /// Messages handed to the stream.
    handed: usize,
}

impl Default for Observers {
    fn default() -> Self {
        Self { all: Vec::new(), patience: PATIENCE }
    }
}

impl Observers {
    /// Adds one, if there is room, and sends it what describes the run and the present model.
    pub(crate) async fn add(&mut self, stream: Stream, follows: Follows, greeting: Vec<Message>) {
        self.all.retain(|observer| !observer.stream.is_closed());
        if self.all.len() >= limits::OBSERVERS_MAX {
            let full = Status::resource_exhausted(format!("{} observers are there already", self.all.len()));
            let _ = stream.try_send(Err(full));
            return;
        }
        let observer = Observer { stream, follows, handed: 0 };
        let mut there = self.hand(vec![observer], &greeting).await;
        self.all.append(&mut there);
    }

    /// How many follow every model.
    pub(crate) fn faithful(&self) -> usize {
        self.all.iter().filter(|observer| observer.follows == Follows::EveryModel).count()
    }

    /// Sends the same messages to everyone; whoever does not take them in time is dropped.
    pub(crate) async fn send(&mut self, messages: &[Message]) {
        let all = std::mem::take(&mut self.all);
        let before = all.len();
        self.all = self.hand(all, messages).await;
        (self.all.len()..before).for_each(|_| tracing::warn!("an observer is gone"));
    }

    /// Answers who is still there. All are waited for together, and waiting for one that then reads costs no patience.
    async fn hand(&mut self, observers: Vec<Observer>, messages: &[Message]) -> Vec<Observer> {
        let start = Instant::now();
        let patience = self.patience;
        let handing = observers.into_iter().map(|mut observer| async move {
            let most = if observer.has_read() { patience } else { patience.min(FIRST_PATIENCE) };
            let taken = observer.take(messages, start + most).await;
            (observer, taken, start.elapsed())
        });
        let (there, gone): (Vec<_>, Vec<_>) =
            together(handing).await.into_iter().partition(|(_, taken, _)| *taken);
        let lost = gone.iter().map(|(_, _, waited)| *waited).max().unwrap_or_default();
        self.patience = self.patience.saturating_sub(lost);
        there.into_iter().map(|(observer, ..)| observer).collect()
    }
}

/// What all of these futures come to, in order.
async fn together<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waits: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut pending = false;
        for (wait, done) in waits.iter_mut().filter(|(_, done)| done.is_none()) {
            match wait.as_mut().poll(context) {
                Poll::Ready(output) => *done = Some(output),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    waits.into_iter().filter_map(|(_, done)| done).collect()
}

impl Observer {
    fn has_read(&self) -> bool {
        let waiting = self.stream.max_capacity() - self.stream.capacity();
        self.handed > waiting + UNREAD
    }

    async fn take(&mut self, messages: &[Message], deadline: Instant) -> bool {
        let wanted =
            |message: &&Message| self.follows != Follows::Reports || !matches!(message, Message::Model(_));
        let wanted: Vec<&Message> = messages.iter().filter(wanted).collect();
        if self.follows != Follows::EveryModel && self.stream.capacity() < wanted.len() {
            return !self.stream.is_closed(); // It will see a later one.
        }
        for message in wanted {
            let observation = v1::Observation { message: Some(message.clone()) };
            let sent = time::timeout_at(deadline, self.stream.send(Ok(observation))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return false;
            }
            self.handed += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop() -> Message {
        Message::Stop(v1::Stop::default())
    }

    #[tokio::test(start_paused = true)]
    async fn observers_that_never_read_cost_a_second_together_and_then_nothing() {
        let mut observers = Observers::default();
        let mut deaf = Vec::new();
        for _ in 0..4 {
            let (stream, receiver) = mpsc::channel(2);
            observers.add(stream, Follows::EveryModel, vec![stop()]).await;
            deaf.push(receiver);
        }
        let start = Instant::now();
        for _ in 0..9 {
            observers.send(&[stop()]).await;
        }
        assert_eq!((observers.faithful(), start.elapsed()), (0, FIRST_PATIENCE));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_read_is_waited_for_and_what_it_costs_is_paid_back_when_it_reads_on() {
        let mut observers = Observers::default();
        let (stream, mut receiver) = mpsc::channel(1);
        observers.add(stream, Follows::EveryModel, Vec::new()).await;
        for _ in 0..=UNREAD {
            observers.send(&[stop()]).await;
            assert!(receiver.recv().await.is_some());
        }
        let reading = tokio::spawn(async move {
            for _ in 0..4 {
                time::sleep(PATIENCE / 2).await;
                assert!(receiver.recv().await.is_some());
            }
        });
        for _ in 0..4 {
            observers.send(&[stop()]).await;
        }
        assert_eq!((observers.faithful(), observers.patience), (1, PATIENCE));
        reading.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn who_wants_reports_gets_no_model_however_many_frames_it_has() {
        let (model, report) =
            (Message::Model(v1::Frame::default()), Message::Report(v1::RoundReport::default()));
        for (follows, seen) in [(Follows::Reports, 1), (Follows::Latest, 0), (Follows::EveryModel, 4)] {
            let mut observers = Observers::default();
            let (stream, mut receiver) = mpsc::channel(2);
            observers.add(stream, follows, Vec::new()).await;
            let reading = tokio::spawn(async move {
                let mut messages = 0;
                while receiver.recv().await.is_some() {
                    messages += 1;
                }
                messages
            });
            observers.send(&[report.clone(), model.clone(), model.clone(), model.clone()]).await;
            drop(observers);
            assert_eq!(reading.await.unwrap(), seen, "{follows:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_room_for_so_many_observers() {
        let mut observers = Observers::default();
        let mut receivers = Vec::new();
        for number in 0..=limits::OBSERVERS_MAX {
            let (stream, mut receiver) = mpsc::channel(4);
            observers.add(stream, Follows::Latest, vec![stop()]).await;
            let greeted = receiver.recv().await.is_some_and(|message| message.is_ok());
            assert_eq!(greeted, number < limits::OBSERVERS_MAX, "{number}");
            receivers.push(receiver);
        }
    }
}
