//! A worker's side of the protocol: one control stream, one round at a time, the latest one first.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use proto::{
    Assembler, Expected, frames, limits, transport,
    v1::{
        self, from_server::Message, from_worker, join_request::Wish, stop, training_client::TrainingClient,
    },
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{self, MissedTickBehavior},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming, transport::Channel};

use crate::{Config, End, Joined, Participant, Place, Previous, View, WorkerError, meters, oracle::Oracle};

/// A worker with a place.
pub(crate) struct Session {
    client: TrainingClient<Channel>,
    secret: proto::Session,
    joined: Joined,
    run: u64,
    heartbeat: Duration,
    oracle: Option<Oracle>,
}

impl Session {
    pub(crate) async fn join(config: &Config) -> Result<Self, WorkerError> {
        let server = config.server.uri().to_string();
        let endpoint = transport::client(config.server.clone());
        let channel = endpoint
            .connect()
            .await
            .map_err(|source| WorkerError::Connect { server: server.clone(), source })?;
        let oracle = config.oracle.clone().map(|token| Oracle::new(channel.clone(), token));
        let mut client = TrainingClient::new(channel)
            .max_decoding_message_size(limits::MESSAGE_BYTES_MAX + limits::SCENARIO_BYTES_MAX)
            .max_encoding_message_size(limits::MESSAGE_BYTES_MAX);
        let wish = match config.place {
            Place::Rank(rank) => Wish::Rank(rank),
            Place::Lowest => Wish::FromTheTop(false),
            Place::Highest => Wish::FromTheTop(true),
        };
        let reply = client
            .join(v1::JoinRequest { version: limits::VERSION, wish: Some(wish) })
            .await
            .map_err(|status| WorkerError::Refused { server, status: Box::new(status) })?
            .into_inner();
        let secret = proto::Session::from_bytes(&reply.session)
            .ok_or(WorkerError::Protocol("a session that is none"))?;
        let dimension = usize::try_from(reply.dimension)
            .ok()
            .filter(|_| (1..=limits::DIMENSION_MAX).contains(&reply.dimension))
            .ok_or(WorkerError::Protocol("a model without parameters, or with too many"))?;
        let heartbeat = Duration::try_from_secs_f64(reply.heartbeat_seconds)
            .ok()
            .filter(|interval| !interval.is_zero())
            .ok_or(WorkerError::Protocol("a heartbeat interval that is none"))?;
        let joined = Joined {
            rank: reply.rank,
            workers: reply.workers,
            dimension,
            rounds: reply.rounds,
            scenario: reply.scenario,
        };
        Ok(Self { client, secret, joined, run: reply.run, heartbeat, oracle })
    }

    pub(crate) const fn joined(&self) -> &Joined {
        &self.joined
    }

    fn signed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        self.secret.sign(&mut request);
        request
    }

    /// Answers rounds until the server says stop.
    pub(crate) async fn work<P: Participant>(
        mut self,
        participant: P,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(End, P), WorkerError> {
        let (upstream, messages) = mpsc::channel(4);
        let request = self.signed(ReceiverStream::new(messages));
        let mut downstream =
            self.client.control(request).await.map_err(|status| lost(0, Some(status)))?.into_inner();
        let mut pulse = time::interval(self.heartbeat);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut idle = Some(participant);
        let mut busy: Option<JoinHandle<Result<Answer<P>, WorkerError>>> = None;
        let mut waiting: Option<v1::RoundOpened> = None;
        let mut stopped: Option<End> = None;
        let mut round = 0;
        tokio::pin!(shutdown);
        loop {
            if let (Some(end), Some(participant)) = (&stopped, idle.take_if(|_| stopped.is_some())) {
                return Ok((end.clone(), participant));
            }
            if let (Some(_), Some(_)) = (&idle, &waiting)
                && let (Some(participant), Some(opened)) = (idle.take(), waiting.take())
            {
                busy = Some(tokio::spawn(self.for_round().answer(participant, opened)));
            }
            tokio::select! {
                message = next(&mut downstream, round), if stopped.is_none() => match message? {
                    Message::Opened(opened) => {
                        round = opened.round;
                        waiting = Some(opened);
                    }
                    Message::Receipt(receipt) => {
                        rejected(round, &receipt);
                    }
                    Message::Stop(stop) => stopped = Some(end(&stop)),
                },
                done = async { busy.as_mut().expect("guarded").await }, if busy.is_some() => {
                    busy = None;
                    let answer = match done {
                        Ok(answer) => answer?,
                        // A participant's panic is a bug of ours.
                        Err(error) => std::panic::resume_unwind(error.into_panic()),
                    };
                    idle = Some(answer.participant);
                    if stopped.is_none() && let Some(update) = answer.update {
                        let message = from_worker::Message::Update(update);
                        let _ = upstream.send(v1::FromWorker { message: Some(message) }).await;
                    }
                }
                _ = pulse.tick() => {
                    let message = from_worker::Message::Heartbeat(v1::Heartbeat {});
                    let _ = upstream.try_send(v1::FromWorker { message: Some(message) });
                }
                () = &mut shutdown => return Err(WorkerError::Interrupted),
            }
        }
    }

    fn for_round(&self) -> Round {
        Round {
            client: self.client.clone(),
            secret: self.secret,
            run: self.run,
            dimension: self.joined.dimension,
            oracle: self.oracle.clone(),
        }
    }
}

/// What answering one round takes.
struct Round {
    client: TrainingClient<Channel>,
    secret: proto::Session,
    run: u64,
    dimension: usize,
    oracle: Option<Oracle>,
}

/// What came of it.
struct Answer<P> {
    participant: P,
    /// The update, if it is short enough for the control stream and not sent yet.
    update: Option<v1::Frame>,
}

impl Round {
    async fn answer<P: Participant>(
        mut self,
        mut participant: P,
        opened: v1::RoundOpened,
    ) -> Result<Answer<P>, WorkerError> {
        let model = match &opened.model {
            Some(frame) => self.assemble(std::slice::from_ref(frame))?,
            None => match self.pull(opened.round).await? {
                Some(model) => model,
                // The round closed before its model was here.
                None => return Ok(Answer { participant, update: None }),
            },
        };
        let sum = opened.sum.as_ref().map(|frame| self.assemble(std::slice::from_ref(frame))).transpose()?;
        let rows = if participant.wants_honest() {
            let expected = Expected { run: self.run, dimension: self.dimension as u64 };
            let oracle = self.oracle.as_mut().ok_or(WorkerError::NoToken)?;
            match oracle.reveal(opened.round, expected).await? {
                Some(rows) => rows,
                // The round closed before the honest rows were in.
                None => return Ok(Answer { participant, update: None }),
            }
        } else {
            Vec::new()
        };
        let (participant, row) = tokio::task::spawn_blocking(move || {
            let previous = opened.previous.map(|previous| Previous {
                step: previous.step,
                counted: previous.counted,
                sum: sum.as_deref(),
            });
            let honest: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let view =
                View { round: opened.round, model: &model, step: opened.step, previous, honest: &honest };
            let started = Instant::now();
            let row = participant.respond(&view);
            meters::responded(opened.round, started.elapsed());
            (participant, row)
        })
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let mut update = frames(self.run, opened.round, &row);
        if update.len() == 1 {
            return Ok(Answer { participant, update: update.pop() });
        }
        self.push(update).await?;
        Ok(Answer { participant, update: None })
    }

    fn assemble(&self, frames: &[v1::Frame]) -> Result<Vec<f32>, WorkerError> {
        let mut assembler = self.assembler();
        for frame in frames {
            assembler.push(frame).map_err(WorkerError::BadModel)?;
        }
        assembler.finish().map(|(_, model)| model).map_err(WorkerError::BadModel)
    }

    fn assembler(&self) -> Assembler {
        Assembler::new(Expected { run: self.run, dimension: self.dimension as u64 }, Vec::new())
    }

    /// The model of `round`; `None` when that round is over.
    async fn pull(&mut self, round: u32) -> Result<Option<Vec<f32>>, WorkerError> {
        let mut request = Request::new(v1::PullRequest { round });
        self.secret.sign(&mut request);
        let mut frames = match self.client.pull_model(request).await {
            Ok(frames) => frames.into_inner(),
            Err(status) if status.code() == tonic::Code::FailedPrecondition => return Ok(None),
            Err(status) => return Err(lost(round, Some(status))),
        };
        let mut assembler = self.assembler();
        while let Some(frame) = frames.message().await.map_err(|status| lost(round, Some(status)))? {
            assembler.push(&frame).map_err(WorkerError::BadModel)?;
        }
        assembler.finish().map(|(_, model)| Some(model)).map_err(WorkerError::BadModel)
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

/// The next message; an end of the stream is a loss, for the server says stop first.
async fn next(stream: &mut Streaming<v1::FromServer>, round: u32) -> Result<Message, WorkerError> {
    loop {
        match stream.message().await {
            Ok(Some(v1::FromServer { message: Some(message) })) => return Ok(message),
            Ok(Some(v1::FromServer { message: None })) => (), // Of a later version.
            Ok(None) => return Err(lost(round, None)),
            Err(status) => return Err(lost(round, Some(status))),
        }
    }
}

fn rejected(round: u32, receipt: &v1::Receipt) {
    meters::rejected(&receipt.rejection);
    tracing::warn!(round, reason = receipt.rejection, "update rejected: {}", receipt.detail);
}

fn lost(round: u32, status: Option<Status>) -> WorkerError {
    WorkerError::Lost { round, status: status.map(Box::new) }
}

fn end(stop: &v1::Stop) -> End {
    if stop.reason() == stop::Reason::Done { End::Done } else { End::Stopped(stop.detail.clone()) }
}
