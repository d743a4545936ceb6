//! A worker's side of the protocol: one control stream, one round at a time, the latest one first.

mod answer;

use std::{future::Future, pin::Pin, time::Duration};

use answer::{Answer, Round};
use network::{Dialer, Line};
use proto::{
    limits, transport,
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

use crate::{
    Config, End, Joined, Participant, Place, WorkerError, faults, memory::Recalling, meters, oracle::Oracle,
};

/// A worker with a place.
pub(crate) struct Session {
    channel: Channel,
    secret: proto::Session,
    joined: Joined,
    run: u64,
    heartbeat: Duration,
    oracle: Option<Oracle>,
    config: Config,
    /// What is wrong with the connection, if anything is.
    line: Option<Line>,
    /// Where the last model was: the next one gets the same memory.
    spare: Vec<f32>,
}

/// How a worker and its server part before the end.
pub(crate) enum Parting<P> {
    /// The connection broke; the participant can go on over another.
    Lost(WorkerError, Recalling<P>),
    /// There is no going on.
    For(WorkerError),
}

impl Session {
    /// Joins over a connection without faults; what comes after goes over `line`, or the one that the scenario gives.
    pub(crate) async fn join(
        config: &Config,
        place: Place,
        line: Option<&Line>,
    ) -> Result<Self, WorkerError> {
        let server = config.server.uri().to_string();
        let mut channel = connect(config, &config.dialer).await?;
        let wish = match place {
            Place::Rank(rank) => Wish::Rank(rank),
            Place::Lowest => Wish::FromTheTop(false),
            Place::Highest => Wish::FromTheTop(true),
        };
        let mut request = Request::new(v1::JoinRequest { version: limits::VERSION, wish: Some(wish) });
        config.token.iter().for_each(|token| token.sign(&mut request));
        let reply = client(&channel)
            .join(request)
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
        let line = match line {
            Some(line) => Some(line.clone()),
            None => faults::line(&joined)?,
        };
        if let Some(line) = &line {
            channel = connect(config, &line.dialer(&config.dialer)).await?;
        }
        let oracle = config.oracle.clone().map(|token| Oracle::new(channel.clone(), token));
        let (run, config) = (reply.run, config.clone());
        let spare = Vec::new();
        Ok(Self { channel, secret, joined, run, heartbeat, oracle, config, line, spare })
    }

    pub(crate) const fn line(&self) -> Option<&Line> {
        self.line.as_ref()
    }

    /// Another round is open, as far as is known here.
    fn opened(&self, round: u32) {
        let Some(line) = &self.line else { return };
        let cut = line.cut().is_some();
        line.opened(round);
        if !cut && line.cut().is_some() {
            tracing::info!(round, "cut off");
            tokio::spawn(faults::outlast(self.config.clone(), line.clone(), self.joined.rounds));
        }
    }

    pub(crate) const fn run(&self) -> u64 {
        self.run
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
        participant: Recalling<P>,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(End, P), Parting<P>> {
        let (upstream, messages) = mpsc::channel(4);
        let request = self.signed(ReceiverStream::new(messages));
        let mut downstream = match client(&self.channel).control(request).await {
            Ok(stream) => stream.into_inner(),
            Err(status) => return Err(Parting::Lost(lost(0, Some(status)), participant)),
        };
        let mut pulse = time::interval(self.heartbeat);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut idle = Some(participant);
        let mut busy: Option<JoinHandle<Answer<P>>> = None;
        let mut waiting: Option<v1::RoundOpened> = None;
        let mut stopped: Option<Result<End, WorkerError>> = None;
        let mut round = 0;
        loop {
            if stopped.is_some()
                && let Some(kept) = idle.take()
            {
                return match stopped.take() {
                    Some(Err(error)) => Err(Parting::Lost(error, kept)),
                    Some(Ok(end)) => Ok((end, kept.participant)),
                    None => unreachable!("looked at before"),
                };
            }
            if waiting.is_some()
                && let Some(participant) = idle.take()
                && let Some(opened) = waiting.take()
            {
                busy = Some(tokio::spawn(self.for_round().answer(participant, opened)));
            }
            tokio::select! {
                biased;
                () = &mut shutdown => return Err(Parting::For(WorkerError::Interrupted)),
                _ = pulse.tick() => {
                    let message = from_worker::Message::Heartbeat(v1::Heartbeat {});
                    let _ = upstream.try_send(v1::FromWorker { message: Some(message) });
                }
                message = next(&mut downstream, round), if stopped.is_none() => match message {
                    Ok(Message::Opened(opened)) => {
                        round = opened.round;
                        self.opened(round);
                        waiting = Some(opened);
                    }
                    Ok(Message::Receipt(receipt)) => {
                        rejected(round, &receipt);
                    }
                    Ok(Message::Stop(stop)) => {
                        let returns = self.config.patience.is_some() && stop.reason() == stop::Reason::Interrupted;
                        stopped = Some(if returns { Err(lost(round, None)) } else { Ok(end(&stop)) });
                    }
                    Err(error) => stopped = Some(Err(error)),
                },
                done = async { busy.as_mut().expect("guarded").await }, if busy.is_some() => {
                    busy = None;
                    let Answer { participant, update, model } = match done {
                        Ok(answer) => answer,
                        // A participant's panic is a bug of ours.
                        Err(error) => std::panic::resume_unwind(error.into_panic()),
                    };
                    idle = Some(participant);
                    self.spare = model;
                    match update {
                        Ok(Some(update)) if stopped.is_none() => {
                            let message = from_worker::Message::Update(update);
                            let _ = upstream.send(v1::FromWorker { message: Some(message) }).await;
                        }
                        Ok(_) => (),
                        Err(error @ WorkerError::Lost { .. }) => stopped = stopped.or(Some(Err(error))),
                        Err(error) => return Err(Parting::For(error)),
                    }
                }
            }
        }
    }

    fn for_round(&mut self) -> Round {
        Round {
            channel: self.channel.clone(),
            secret: self.secret,
            run: self.run,
            dimension: self.joined.dimension,
            oracle: self.oracle.clone(),
            threads: self.config.threads,
            spare: std::mem::take(&mut self.spare),
        }
    }
}

async fn connect(config: &Config, dialer: &Dialer) -> Result<Channel, WorkerError> {
    let connected = dialer.connect(&transport::client(config.server.clone())).await;
    connected.map_err(|source| WorkerError::Connect { server: config.server.uri().to_string(), source })
}

fn client(channel: &Channel) -> TrainingClient<Channel> {
    TrainingClient::new(channel.clone())
        .max_decoding_message_size(limits::MESSAGE_BYTES_MAX + limits::SCENARIO_BYTES_MAX)
        .max_encoding_message_size(limits::MESSAGE_BYTES_MAX)
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
