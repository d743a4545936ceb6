//! The end of a run: everybody is told, and has gone before the server goes.

use std::time::Duration;

use proto::v1::{self, from_server, observation};
use round::{Command, Rank, Reason, Rejection, Round};
use tokio::{
    sync::{mpsc, oneshot},
    time,
};

use super::{Hub, Message, shared::event};
use crate::{Outcome, ServerError};

/// Longest time to wait for everybody to take their leave.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

impl Hub {
    /// Tells everybody why it is over and waits until they have gone.
    pub(super) async fn take_leave(
        mut self,
        mut messages: mpsc::Receiver<Message>,
    ) -> Result<Outcome, ServerError> {
        let stop = match self.reason {
            Some(Reason::Done) => v1::Stop { reason: v1::stop::Reason::Done.into(), detail: String::new() },
            Some(reason) => v1::Stop { reason: v1::stop::Reason::Failed.into(), detail: reason.to_string() },
            None => v1::Stop {
                reason: v1::stop::Reason::Interrupted.into(),
                detail: "the server was stopped".into(),
            },
        };
        self.observers.send(&[observation::Message::Stop(stop.clone())]).await;
        drop(std::mem::take(&mut self.observers));
        for rank in self.places.seated() {
            let _ = self.places.send(rank, from_server::Message::Stop(stop.clone()));
        }
        let leaving = async {
            while !self.places.seated().is_empty() {
                match messages.recv().await {
                    Some(Message::Ended(seat)) => drop(self.places.unseat(seat)),
                    Some(Message::Update { rank, update, answer }) => self.too_late(rank, update, answer),
                    Some(_) => (),
                    None => break,
                }
            }
        };
        if time::timeout(GRACE, leaving).await.is_err() {
            tracing::warn!("some workers did not take their leave");
        }
        let ledgers = self.engine.ledgers().iter().map(|(rank, ledger)| (*rank, ledger.clone())).collect();
        if let Some(error) = self.unkept {
            return Err(error.into());
        }
        match (self.reason, self.descent) {
            (Some(reason), Some(descent)) => Ok(Outcome { reason, model: descent.model().to_vec(), ledgers }),
            _ => Err(ServerError::Interrupted { round: self.round }),
        }
    }

    /// Answers an update that comes after the end; the ledger has it too.
    fn too_late(
        &mut self,
        rank: Rank,
        update: Result<(Round, Vec<f32>), Rejection>,
        to: Option<oneshot::Sender<Result<(), Rejection>>>,
    ) {
        if let Some(Command::Answer { rank, taken }) =
            self.engine.handle(event(rank, update)).into_iter().next()
        {
            self.answer(rank, taken, to);
        }
    }
}
