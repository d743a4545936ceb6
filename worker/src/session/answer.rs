//! One round of a worker: what it is shown, what it thinks of it, and how that goes out.

use std::{sync::Arc, time::Instant};

use proto::{
    Assembler, Expected, share,
    v1::{self, training_client::TrainingClient},
};
use tonic::{Request, transport::Channel};

use super::{lost, rejected};
use crate::{Participant, Previous, View, WorkerError, memory::Recalling, meters, oracle::Oracle};

/// What answering one round takes.
pub(super) struct Round {
    pub(super) client: TrainingClient<Channel>,
    pub(super) secret: proto::Session,
    pub(super) run: u64,
    pub(super) dimension: usize,
    pub(super) oracle: Option<Oracle>,
    pub(super) spare: Vec<f32>,
}

/// What came of it.
pub(super) struct Answer<P> {
    pub(super) participant: Recalling<P>,
    /// The memory of the model that was answered.
    pub(super) model: Vec<f32>,
    /// The update, if it is short enough for the control stream and not sent yet.
    pub(super) update: Result<Option<v1::Frame>, WorkerError>,
}

impl Round {
    pub(super) async fn answer<P: Participant>(
        mut self,
        participant: Recalling<P>,
        mut opened: v1::RoundOpened,
    ) -> Answer<P> {
        let seen = match self.see(&mut opened, participant.participant.wants_honest()).await {
            Ok(Some(seen)) => seen,
            // The round closed before its model was here.
            Ok(None) => return Answer { participant, model: self.spare, update: Ok(None) },
            Err(error) => return Answer { participant, model: self.spare, update: Err(error) },
        };
        let (run, round) = (self.run, opened.round);
        let (participant, row, model) = respond(participant, opened, seen).await;
        let mut update = share(run, round, Arc::new(row));
        let update =
            if update.len() == 1 { Ok(update.pop()) } else { self.push(update).await.map(|()| None) };
        Answer { participant, model, update }
    }

    /// What a round shows; `None` when it is over. Where rounds do not wait, `opened` becomes a later one, whose model came.
    async fn see(
        &mut self,
        opened: &mut v1::RoundOpened,
        wants_honest: bool,
    ) -> Result<Option<Seen>, WorkerError> {
        let model = match &opened.model {
            Some(frame) => {
                let buffer = std::mem::take(&mut self.spare);
                self.assemble(std::slice::from_ref(frame), buffer)?
            }
            None => match self.pull(opened.round).await? {
                Some((round, model)) => {
                    opened.round = round;
                    model
                }
                None => return Ok(None),
            },
        };
        let sum = opened.sum.as_ref();
        let sum = sum.map(|frame| self.assemble(std::slice::from_ref(frame), Vec::new())).transpose()?;
        let honest = match (wants_honest, &mut self.oracle) {
            (false, _) => Vec::new(),
            (true, None) => return Err(WorkerError::NoToken),
            (true, Some(oracle)) => {
                let expected = Expected { run: self.run, dimension: self.dimension as u64 };
                match oracle.reveal(opened.round, expected).await? {
                    Some(rows) => rows,
                    // The round closed before the honest rows were in.
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(Seen { model, sum, honest }))
    }

    fn assemble(&self, frames: &[v1::Frame], buffer: Vec<f32>) -> Result<Vec<f32>, WorkerError> {
        let mut assembler = self.assembler(buffer);
        for frame in frames {
            assembler.push(frame).map_err(WorkerError::BadModel)?;
        }
        assembler.finish().map(|(_, model)| model).map_err(WorkerError::BadModel)
    }

    fn assembler(&self, buffer: Vec<f32>) -> Assembler {
        Assembler::new(Expected { run: self.run, dimension: self.dimension as u64 }, buffer)
    }

    /// The model of `round`, or of a later one if the server has only that and would take an answer to it; `None` when the
    /// round is over.
    async fn pull(&mut self, round: u32) -> Result<Option<(u32, Vec<f32>)>, WorkerError> {
        let mut request = Request::new(v1::PullRequest { round });
        self.secret.sign(&mut request);
        let mut frames = match self.client.pull_model(request).await {
            Ok(frames) => frames.into_inner(),
            Err(status) if status.code() == tonic::Code::FailedPrecondition => return Ok(None),
            Err(status) => return Err(lost(round, Some(status))),
        };
        let spare = std::mem::take(&mut self.spare);
        let mut assembler = self.assembler(spare);
        while let Some(frame) = frames.message().await.map_err(|status| lost(round, Some(status)))? {
            assembler.push(&frame).map_err(WorkerError::BadModel)?;
        }
        let (of, model) = assembler.finish().map_err(WorkerError::BadModel)?;
        Ok((of.get() >= round).then(|| (of.get(), model)))
    }

    async fn push(&mut self, update: Vec<v1::Frame>) -> Result<(), WorkerError> {
        let round = update.first().and_then(|frame| frame.header).map_or(0, |header| header.round);
        let mut request = Request::new(tokio_stream::iter(update));
        self.secret.sign(&mut request);
        match self.client.push_update(request).await {
            Ok(receipt) => {
                let receipt = receipt.into_inner();
                if !receipt.rejection.is_empty() {
                    rejected(round, &receipt);
                }
                Ok(())
            }
            Err(status) if status.code() == tonic::Code::Unavailable => Err(lost(round, Some(status))),
            Err(status) => {
                meters::rejected(status.code().description());
                tracing::warn!(round, code = %status.code(), "update rejected: {}", status.message());
                Ok(())
            }
        }
    }
}

/// What a round shows.
struct Seen {
    model: Vec<f32>,
    /// The sum of the last round's rows, if it is revealed.
    sum: Option<Vec<f32>>,
    /// The honest rows, for who may see them.
    honest: Vec<Vec<f32>>,
}

/// Lets the participant think, on a thread of its own.
async fn respond<P: Participant>(
    mut participant: Recalling<P>,
    opened: v1::RoundOpened,
    Seen { model, sum, honest }: Seen,
) -> (Recalling<P>, Vec<f32>, Vec<f32>) {
    tokio::task::spawn_blocking(move || {
        let previous = opened.previous.map(|previous| Previous {
            step: previous.step,
            counted: previous.counted,
            sum: sum.as_deref(),
        });
        let honest: Vec<&[f32]> = honest.iter().map(Vec::as_slice).collect();
        let view = View { round: opened.round, model: &model, step: opened.step, previous, honest: &honest };
        let started = Instant::now();
        let row = participant.respond(&view);
        meters::responded(opened.round, started.elapsed());
        (participant, row, model)
    })
    .await
    .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
