//! One round of a worker: what it is shown, what it thinks of it, and how that goes out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use proto::{Assembler, Expected, body::Interrupted, call, reader::Unreadable, share, v1};
use tonic::transport::Channel;

use super::{lost, rejected};
use crate::{
    Participant, Previous, StateError, View, WorkerError, memory::Recalling, meters, oracle::Oracle,
};

/// What answering one round takes.
pub(super) struct Round {
    pub(super) channel: Channel,
    pub(super) secret: proto::Session,
    pub(super) run: u64,
    pub(super) dimension: usize,
    pub(super) oracle: Option<Oracle>,
    pub(super) threads: bool,
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
        let (participant, row, model) = respond(participant, opened, seen, self.threads).await;
        let row = match row {
            Ok(row) => row,
            Err(error) => return Answer { participant, model, update: Err(error.into()) },
        };
        let mut update = share(run, round, row);
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
        let sum = sum.map(|sum| sum.numbers);
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

    fn assemble(&self, frames: &[v1::Frame], buffer: Vec<f32>) -> Result<Model, WorkerError> {
        let mut assembler = self.assembler(buffer);
        for frame in frames {
            assembler.push(frame).map_err(WorkerError::BadModel)?;
        }
        finish(assembler).map(|(_, model)| model)
    }

    fn assembler(&self, buffer: Vec<f32>) -> Assembler {
        Assembler::new(Expected { run: self.run, dimension: self.dimension as u64 }, buffer)
    }

    /// The model of `round`, or of a later one if the server has only that and would take an answer to it; `None` when the
    /// round is over.
    async fn pull(&mut self, round: u32) -> Result<Option<(u32, Model)>, WorkerError> {
        let mut incoming = match call::pull_model(self.channel.clone(), self.secret, round).await {
            Ok(incoming) => incoming,
            Err(status) if status.code() == tonic::Code::FailedPrecondition => return Ok(None),
            Err(status) => return Err(lost(round, Some(status))),
        };
        let spare = std::mem::take(&mut self.spare);
        let mut assembler = self.assembler(spare);
        loop {
            match incoming.next(&mut assembler).await {
                Ok(Some(_)) => (),
                Ok(None) => break,
                Err(Interrupted::Broken(status)) => return Err(lost(round, Some(status))),
                Err(Interrupted::Unreadable(Unreadable::Rejected(why))) => {
                    return Err(WorkerError::BadModel(why));
                }
                Err(Interrupted::Unreadable(Unreadable::Undecodable(what))) => {
                    return Err(WorkerError::Protocol(what));
                }
            }
        }
        let (of, model) = finish(assembler)?;
        Ok((of >= round).then_some((of, model)))
    }

    async fn push(&mut self, update: Vec<v1::Frame>) -> Result<(), WorkerError> {
        let round = update.first().and_then(|frame| frame.header).map_or(0, |header| header.round);
        match call::push_update(self.channel.clone(), self.secret, &update).await {
            Ok(receipt) => {
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

/// The model of a complete tensor, with its round.
fn finish(assembler: Assembler) -> Result<(u32, Model), WorkerError> {
    let checksum = assembler.checksum();
    let (round, numbers) = assembler.finish().map_err(WorkerError::BadModel)?;
    Ok((round.get(), Model { numbers, checksum }))
}

/// The common model, with the checksum that it came with.
struct Model {
    numbers: Vec<f32>,
    checksum: u32,
}

/// What a round shows.
struct Seen {
    model: Model,
    /// The sum of the last round's rows, if it is revealed.
    sum: Option<Vec<f32>>,
    /// The honest rows, for who may see them.
    honest: Vec<Vec<f32>>,
}

/// What an answer may take before the next is thought of on another thread.
const QUICK: Duration = Duration::from_micros(500);

/// Lets the participant think, on a thread of its own if it may have one and takes its time.
async fn respond<P: Participant>(
    mut participant: Recalling<P>,
    opened: v1::RoundOpened,
    Seen { model, sum, honest }: Seen,
    threads: bool,
) -> (Recalling<P>, Result<Arc<Vec<f32>>, StateError>, Vec<f32>) {
    let quick = participant.quick;
    let think = move || {
        let previous = opened.previous.map(|previous| Previous {
            step: previous.step,
            counted: previous.counted,
            sum: sum.as_deref(),
        });
        let honest: Vec<&[f32]> = honest.iter().map(Vec::as_slice).collect();
        let Model { numbers: model, checksum } = model;
        let view = View { round: opened.round, model: &model, step: opened.step, previous, honest: &honest };
        let started = Instant::now();
        let row = participant.respond(&view, checksum);
        meters::responded(opened.round, started.elapsed());
        participant.quick = started.elapsed() < QUICK;
        (participant, row, model)
    };
    if quick || !threads {
        return think();
    }
    let thought = tokio::task::spawn_blocking(think).await;
    thought.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
