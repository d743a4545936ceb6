//! The gRPC side: every call becomes messages to the hub; what a peer sends is looked at by `proto` only.

use std::pin::Pin;

use proto::{
    Assembler, Expected, Session, limits,
    status::{receipt, status},
    v1::{self, from_worker, join_request, training_server},
};
use round::{Rank, Rejection, Round};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    hub::{self, Message, Shared},
    meters,
    places::{NoPlace, Seat, Wish},
};

/// Messages that may wait for one worker: rounds are answered one at a time, so a few.
const DOWNSTREAM: usize = 16;

/// The calls of the protocol.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    hub: mpsc::Sender<Message>,
    shared: Shared,
}

type Out<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Service {
    pub(crate) const fn new(hub: mpsc::Sender<Message>, shared: Shared) -> Self {
        Self { hub, shared }
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
        let session = Session::of(request).ok_or_else(no_session)?;
        self.ask(|answer| Message::Who { session, answer }).await?.ok_or_else(unknown_session)
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

fn no_session() -> Status {
    Status::unauthenticated(format!("the call has no `{}`: join first", proto::session::KEY))
}

fn unknown_session() -> Status {
    Status::unauthenticated("the session is not known: it was replaced, or is of another server")
}

impl From<NoPlace> for Status {
    fn from(why: NoPlace) -> Self {
        match why {
            NoPlace::Full(_) => Self::resource_exhausted(why.to_string()),
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
        let request = request.into_inner();
        if request.version != limits::VERSION {
            return Err(Status::failed_precondition(format!(
                "the worker speaks version {} of the protocol, this server version {}",
                request.version,
                limits::VERSION,
            )));
        }
        let wish = match request.wish {
            Some(join_request::Wish::Rank(rank)) => Wish::Exactly(rank),
            Some(join_request::Wish::FromTheTop(true)) => Wish::Highest,
            Some(join_request::Wish::FromTheTop(false)) | None => Wish::Lowest,
        };
        let (session, rank) = self.ask(|answer| Message::Join { wish, answer }).await?.ok_or_else(over)??;
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
        let session = Session::of(&request).ok_or_else(no_session)?;
        let (downstream, messages) = mpsc::channel(DOWNSTREAM);
        let seat = self
            .ask(|answer| Message::Control { session, downstream, answer })
            .await?
            .ok_or_else(unknown_session)?;
        tokio::spawn(self.clone().listen(seat, request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }

    async fn pull_model(
        &self,
        request: Request<v1::PullRequest>,
    ) -> Result<Response<Self::PullModelStream>, Status> {
        self.caller(&request).await?;
        let frames = self.shared.model.borrow().clone();
        let have = frames.first().and_then(|frame| frame.header).map_or(0, |header| header.round);
        let want = request.into_inner().round;
        if have != want {
            return Err(Status::failed_precondition(format!(
                "the model is that of round {have}, not {want}"
            )));
        }
        meters::sent(frames.iter().map(|frame| frame.data.len()).sum());
        let frames = (0..frames.len()).map(move |index| Ok(frames[index].clone()));
        Ok(Response::new(Box::pin(tokio_stream::iter(frames))))
    }

    async fn push_update(
        &self,
        request: Request<Streaming<v1::Frame>>,
    ) -> Result<Response<v1::Receipt>, Status> {
        let rank = self.caller(&request).await?;
        let mut frames = request.into_inner();
        let mut assembler = self.assembler();
        let update = loop {
            match frames.next().await {
                Some(Ok(frame)) => match received(&mut assembler, &frame) {
                    Ok(false) => (),
                    Ok(true) => break assembler.finish(),
                    Err(why) => break Err(why),
                },
                // A stream that breaks off is a network's doing, or looks like it.
                Some(Err(_)) | None => break assembler.finish(),
            }
        };
        let round = update.as_ref().map_or(0, |(round, _)| round.get());
        let taken = self
            .ask(|answer| Message::Update { rank, update, answer: Some(answer) })
            .await?
            .ok_or_else(over)?;
        match taken {
            Err(why) if why.is_misbehaviour() => Err(status(&why)),
            taken => Ok(Response::new(receipt(round, taken))),
        }
    }

    async fn observe(
        &self,
        request: Request<v1::ObserveRequest>,
    ) -> Result<Response<Self::ObserveStream>, Status> {
        let every_model = request.into_inner().every_model;
        let (stream, observations) = mpsc::channel(hub::backlog(&self.shared));
        self.tell(Message::Observe { every_model, stream }).await?;
        Ok(Response::new(Box::pin(ReceiverStream::new(observations))))
    }
}

impl Service {
    /// Reads a worker's control stream to its end.
    async fn listen(self, seat: Seat, mut messages: Streaming<v1::FromWorker>) {
        while let Some(Ok(message)) = messages.next().await {
            let rank = seat.rank;
            let message = match message.message {
                Some(from_worker::Message::Heartbeat(_)) | None => Message::Heard(rank),
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
