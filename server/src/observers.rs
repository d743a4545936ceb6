//! Who follows the run without a vote: every model and every report, in order.

use std::time::Duration;

use proto::v1::{self, observation::Message};
use tokio::{sync::mpsc, time};
use tonic::Status;

/// Where an observer's messages go.
pub(crate) type Stream = mpsc::Sender<Result<v1::Observation, Status>>;

/// Longest time a round waits for an observer that wants every model.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of models that may wait for one observer.
const BACKLOG_BYTES: usize = 32 << 20;

/// Messages that may wait for one observer of models of this size.
pub(crate) fn backlog(dimension: usize) -> usize {
    (BACKLOG_BYTES / (4 * dimension.max(1))).clamp(8, 256)
}

/// All observers.
#[derive(Debug, Default)]
pub(crate) struct Observers(Vec<Observer>);

#[derive(Debug)]
struct Observer {
    stream: Stream,
    every_model: bool,
}

impl Observers {
    /// Adds one and sends it what describes the run and the present model.
    pub(crate) async fn add(&mut self, stream: Stream, every_model: bool, greeting: Vec<Message>) {
        let observer = Observer { stream, every_model };
        if observer.send(&greeting).await {
            self.0.push(observer);
        }
    }

    /// How many follow every model.
    pub(crate) fn faithful(&self) -> usize {
        self.0.iter().filter(|observer| observer.every_model).count()
    }

    /// Sends the same messages to everyone; whoever does not take them in time is dropped.
    pub(crate) async fn send(&mut self, messages: &[Message]) {
        let mut kept = Vec::with_capacity(self.0.len());
        for observer in self.0.drain(..) {
            if observer.send(messages).await {
                kept.push(observer);
            } else {
                tracing::warn!("an observer is gone");
            }
        }
        self.0 = kept;
    }
}

impl Observer {
    /// Answers whether the observer is still there.
    async fn send(&self, messages: &[Message]) -> bool {
        if !self.every_model && self.stream.capacity() < messages.len() {
            return !self.stream.is_closed(); // It will see a later one.
        }
        for message in messages {
            let observation = v1::Observation { message: Some(message.clone()) };
            let sent = time::timeout(PATIENCE, self.stream.send(Ok(observation))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return false;
            }
        }
        true
    }
}
