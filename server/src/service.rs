//! The gRPC side: every call becomes messages to the hub; what a peer sends is looked at by `proto` only.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use proto::{
    Assembler, Expected, Session,
    body::Incoming,
    limits,
    status::{receipt, status},
    v1::{self, from_worker, join_request, training_server},
};
use round::{Rank, Rejection, Round};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    Identity, Who,
    door::Pass,
    hub::{self, Message, Shared},
    meters,
    observers::Follows,
    places::{NoPlace, Seat, Wish},
    pulse::Pulse,
    uploads::{self, Uploads},
};

/// Messages that may wait for one worker: rounds are answered one at a time, so a few.
const DOWNSTREAM: usize = 16;

/// The calls of the protocol.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    hub: mpsc::Sender<Message>,
    shared: Shared,
    identity: Arc<Identity>,
    uploads: Uploads,
    /// Connections of each worker, oldest first; a lock for moments, never held across a wait.
    connections: Arc<Mutex<HashMap<Rank, VecDeque<Pass>>>>,
}

type Out<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    pub(crate) fn new(hub: mpsc::Sender<Message>, shared: Shared, identity: Arc<Identity>) -> Self {
        Self { hub, shared, identity, uploads: Uploads::default(), connections: Arc::default() }
    }

    /// With its limits.
    pub(crate) fn into_server(self) -> training_server::TrainingServer<Self> {
        training_server::TrainingServer::new(self)
            .max_decoding_message_size(limits::MESSAGE_BYTES_MAX)
            .max_encoding_message_size(limits::MESSAGE_BYTES_MAX + limits::SCENARIO_BYTES_MAX)
    }

    async fn tell(&self, message: Message) -> Result<(), Status> {
        self.hub.send(message).await.map_err(|_| over())
    }

    /// Sends a message with a way to answer it and waits for the answer; `None` when the hub gave none.
    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<Option<T>, Status> {
        let (answer, answered) = oneshot::channel();
        self.tell(message(answer)).await?;
        Ok(answered.await.ok())
    }

    async fn caller<T>(&self, request: &Request<T>) -> Result<Rank, Status> {
        let pass = Pass::of(request);
        let session = Session::of(request).ok_or_else(|| self.refused(&pass, no_session()))?;
        let rank = self.ask(|answer| Message::Who { session, answer }).await?;
        let rank = rank.ok_or_else(|| self.refused(&pass, unknown_session()))?;
        self.admit(rank, pass);
        Ok(rank)
    }

    /// Counts a refusal, against the connection it came on too.
    fn refused(&self, pass: &Pass, status: Status) -> Status {
        self.shared.strangers.fetch_add(1, Ordering::Relaxed);
        pass.refuse();
        status
    }

    /// The connection is one of this worker's; the oldest of too many is closed.
    fn admit(&self, rank: Rank, pass: Pass) {
        pass.admit();
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let own = connections.entry(rank).or_default();
        if own.iter().any(|other| other.is(&pass)) {
            return;
        }
        own.push_back(pass);
        if own.len() > limits::CONNECTIONS_PER_WORKER
            && let Some(oldest) = own.pop_front()
        {
            oldest.close();
        }
    }

    /// The model of the round that is asked for, in frames.
    pub(crate) async fn pull_model(
        &self,
        request: Request<v1::PullRequest>,
    ) -> Result<Arc<Vec<v1::Frame>>, Status> {
        self.caller(&request).await?;
        let frames = self.shared.model.borrow().clone();
        let have = hub::round(&frames);
        let want = request.into_inner().round;
        // Where rounds do not wait, a later model is as good, and better.
        let later = have > want && self.shared.staleness_max > 0;
        if have != want && !later {
            return Err(Status::failed_precondition(format!(
                "the model is that of round {have}, not {want}"
            )));
        }
        meters::sent(frames.iter().map(|frame| frame.data.len()).sum());
        Ok(frames)
    }

    /// Takes an update in, and answers what became of it.
    pub(crate) async fn push_update(
        &self,
        request: Request<()>,
        update: Incoming,
    ) -> Result<v1::Receipt, Status> {
        let rank = self.caller(&request).await?;
        let update = match self.uploads.turn(rank).await {
            Some(turn) => {
                let counts = |round| self.shared.counts(round);
                uploads::read(update, self.assembler(), turn, counts).await
            }
            None => Err(Rejection::Replaced),
        };
        let round = update.as_ref().map_or(0, |(round, _)| round.get());
        let taken = self
            .ask(|answer| Message::Update { rank, update, answer: Some(answer) })
            .await?
            .ok_or_else(over)?;
        match taken {
            Err(why) if why.is_misbehaviour() => Err(status(&why)),
            taken => Ok(receipt(round, taken)),
        }
    }

    fn assembler(&self) -> Assembler {
        let description = &self.shared.description;
        let expected = Expected { run: description.run, dimension: description.dimension };
        Assembler::new(expected, self.shared.spare.take())
    }
}

fn received(assembler: &mut Assembler, frame: &v1::Frame) -> Result<bool, Rejection> {
    meters::received(frame.data.len());
    assembler.push(frame)
}

fn over() -> Status {
    Status::unavailable("the run is over")
}

/// [`crate::tensors::Tensors`] answers before it comes here.
fn elsewhere() -> Status {
    Status::internal("a tensor went the way of short messages")
}

fn no_session() -> Status {
    Status::unauthenticated(format!("the call has no `{}`: join first", proto::session::KEY))
}

fn unknown_session() -> Status {
    Status::unauthenticated("the session is not known: it was replaced, or is of another server")
}

impl From<NoPlace> for Status {
    fn from(why: NoPlace) -> Self {
        match why {
            NoPlace::Full(_) | NoPlace::Rush(_) => Self::resource_exhausted(why.to_string()),
            NoPlace::Banned(_) => Self::permission_denied(why.to_string()),
            NoPlace::Taken(_) => Self::already_exists(why.to_string()),
            NoPlace::OutOfRange { .. } => Self::out_of_range(why.to_string()),
        }
    }
}

#[tonic::async_trait]
impl training_server::Training for Service {
    type ControlStream = Out<v1::FromServer>;
    type PullModelStream = Out<v1::Frame>;
    type ObserveStream = Out<v1::Observation>;

    async fn join(&self, request: Request<v1::JoinRequest>) -> Result<Response<v1::JoinReply>, Status> {
        let pass = Pass::of(&request);
        let who = self.identity.who(&request).map_err(|status| self.refused(&pass, status))?;
        let request = request.into_inner();
        if request.version != limits::VERSION {
            let versions = format!(
                "the worker speaks version {} of the protocol, this server version {}",
                request.version,
                limits::VERSION,
            );
            return Err(self.refused(&pass, Status::failed_precondition(versions)));
        }
        let wish = match request.wish {
            Some(join_request::Wish::Rank(rank)) => Wish::Exactly(rank),
            Some(join_request::Wish::FromTheTop(true)) => Wish::Highest,
            Some(join_request::Wish::FromTheTop(false)) | None => Wish::Lowest,
        };
        // A credential has its one place, whatever is asked for; who comes with it again takes it over.
        let (wish, known) = match (who, wish) {
            (None, wish) => (wish, false),
            (Some(Who::Worker(rank)), Wish::Exactly(other)) if rank.0 != other => {
                let another = format!("the credential is that of place {rank}, not {other}");
                return Err(self.refused(&pass, Status::permission_denied(another)));
            }
            (Some(Who::Worker(rank)), _) => (Wish::Exactly(rank.0), true),
            (Some(Who::Observer), _) => {
                return Err(self.refused(&pass, Status::permission_denied("an observer has no place")));
            }
        };
        let joined = self.ask(|answer| Message::Join { wish, known, answer }).await?;
        let place = joined.ok_or_else(over)?;
        let (session, rank) = place.map_err(|why| self.refused(&pass, why.into()))?;
        self.admit(rank, pass);
        Ok(Response::new(v1::JoinReply {
            session: session.0.to_vec().into(),
            rank: rank.0,
            ..self.shared.description.as_ref().clone()
        }))
    }

    async fn control(
        &self,
        request: Request<Streaming<v1::FromWorker>>,
    ) -> Result<Response<Self::ControlStream>, Status> {
        let pass = Pass::of(&request);
        let session = Session::of(&request).ok_or_else(|| self.refused(&pass, no_session()))?;
        let (downstream, messages) = mpsc::channel(DOWNSTREAM);
        let seat = self.ask(|answer| Message::Control { session, downstream, answer }).await?;
        let seat = seat.ok_or_else(|| self.refused(&pass, unknown_session()))?;
        self.admit(seat.rank, pass);
        tokio::spawn(self.clone().listen(seat, request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }

    async fn pull_model(
        &self,
        _: Request<v1::PullRequest>,
    ) -> Result<Response<Self::PullModelStream>, Status> {
        Err(elsewhere())
    }

    async fn push_update(&self, _: Request<Streaming<v1::Frame>>) -> Result<Response<v1::Receipt>, Status> {
        Err(elsewhere())
    }

    async fn clock(&self, request: Request<v1::ClockRequest>) -> Result<Response<v1::ClockReply>, Status> {
        let pass = Pass::of(&request);
        self.identity.who(&request).map_err(|status| self.refused(&pass, status))?;
        Ok(Response::new(v1::ClockReply { round: self.shared.round() }))
    }

    async fn observe(
        &self,
        request: Request<v1::ObserveRequest>,
    ) -> Result<Response<Self::ObserveStream>, Status> {
        let pass = Pass::of(&request);
        self.identity.who(&request).map_err(|status| self.refused(&pass, status))?;
        pass.admit();
        let follows = Follows::new(request.into_inner());
        let (stream, observations) = mpsc::channel(hub::backlog(&self.shared));
        self.tell(Message::Observe { follows, stream }).await?;
        Ok(Response::new(Box::pin(ReceiverStream::new(observations))))
    }
}

impl Service {
    /// Reads a worker's control stream to its end.
    async fn listen(self, seat: Seat, mut messages: Streaming<v1::FromWorker>) {
        let rank = seat.rank;
        let mut pulse = Pulse::new(Duration::from_secs_f64(self.shared.description.heartbeat_seconds));
        while let Some(message) = messages.next().await {
            let message = match message {
                Ok(message) => message.message,
                Err(status) => {
                    if uploads::is_decoding(&status) {
                        let update = Err(Rejection::Undecodable);
                        let _ = self.tell(Message::Update { rank, update, answer: None }).await;
                    }
                    break;
                }
            };
            let message = match message {
                Some(from_worker::Message::Heartbeat(_)) | None => {
                    if pulse.is_flood() {
                        // What still waits to be read is not: the stream ends here.
                        let _ = self.tell(Message::Flood(rank)).await;
                        return;
                    }
                    Message::Heard(rank)
                }
                Some(from_worker::Message::Update(frame)) => {
                    Message::Update { rank, update: self.only(&frame), answer: None }
                }
            };
            if self.tell(message).await.is_err() {
                return;
            }
        }
        let _ = self.tell(Message::Ended(seat)).await;
    }

    /// The update of a single frame.
    fn only(&self, frame: &v1::Frame) -> Result<(Round, Vec<f32>), Rejection> {
        let mut assembler = self.assembler();
        received(&mut assembler, frame)?;
        assembler.finish()
    }
}
