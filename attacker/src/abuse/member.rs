//! A worker with a place, up to the moment where an honest one would begin to compute.

use std::time::Duration;

use proto::{
    Session, frames, limits,
    v1::{self, from_server::Message, from_worker, join_request::Wish, training_client::TrainingClient},
};
use tokio::{sync::mpsc, time};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming, transport::Channel};

use super::{AbuseError, PATIENCE, Target};

/// Times to ask again for a place that the server does not know to be free yet.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(50);

/// A worker with a place, told of an open round.
pub(crate) struct Member {
    pub(crate) client: TrainingClient<Channel>,
    pub(crate) session: Session,
    pub(crate) run: u64,
    pub(crate) dimension: usize,
    pub(crate) round: u32,
    upstream: mpsc::Sender<v1::FromWorker>,
    downstream: Streaming<v1::FromServer>,
}

/// Asks for the place that we had before, or for the highest that is free.
pub(crate) async fn join(target: &Target) -> Result<(TrainingClient<Channel>, v1::JoinReply), AbuseError> {
    let mut client = target.client().await?;
    for _ in 0..TRIES {
        let wish = target.rank().map_or(Wish::FromTheTop(true), Wish::Rank);
        let request = target.signed(v1::JoinRequest { version: limits::VERSION, wish: Some(wish) });
        match client.join(request).await {
            Ok(reply) => {
                let reply = reply.into_inner();
                target.remember(reply.rank);
                return Ok((client, reply));
            }
            // The server has not noticed yet that the last attack is over, or thinks that we ask too often.
            Err(status) if matches!(status.code(), Code::AlreadyExists | Code::ResourceExhausted) => {
                time::sleep(PAUSE).await;
            }
            Err(status) => return Err(AbuseError::NoPlace(Box::new(status))),
        }
    }
    Err(AbuseError::NoPlace(Box::new(Status::already_exists("the place stays taken"))))
}

impl Member {
    /// Joins and waits for a round in which it has a vote.
    pub(crate) async fn admitted(target: &Target) -> Result<Self, AbuseError> {
        let (mut client, reply) = join(target).await?;
        let no_place = |status| AbuseError::NoPlace(Box::new(status));
        let session = Session::from_bytes(&reply.session).ok_or(AbuseError::NoRound)?;
        let (upstream, messages) = mpsc::channel(64);
        let mut request = Request::new(ReceiverStream::new(messages));
        session.sign(&mut request);
        let downstream = client.control(request).await.map_err(no_place)?.into_inner();
        let dimension = reply.dimension as usize;
        let mut member = Self { client, session, run: reply.run, dimension, round: 0, upstream, downstream };
        member.next_round().await?;
        Ok(member)
    }

    /// Waits until another round opens.
    pub(crate) async fn next_round(&mut self) -> Result<u32, AbuseError> {
        let deadline = time::Instant::now() + 2 * PATIENCE;
        loop {
            match time::timeout_at(deadline, self.hear()).await {
                Ok(Some(Message::Opened(opened))) => {
                    self.round = opened.round;
                    return Ok(opened.round);
                }
                Ok(Some(Message::Receipt(_))) => (),
                Ok(Some(Message::Stop(_)) | None) | Err(_) => return Err(AbuseError::NoRound),
            }
        }
    }

    /// What the server says next; `None` when it ended the stream.
    pub(crate) async fn hear(&mut self) -> Option<Message> {
        loop {
            match self.downstream.message().await {
                Ok(Some(v1::FromServer { message: Some(message) })) => return Some(message),
                Ok(Some(_)) => (),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Sends upstream; answers whether the stream is still there.
    pub(crate) async fn say(&self, message: from_worker::Message) -> bool {
        self.upstream.send(v1::FromWorker { message: Some(message) }).await.is_ok()
    }

    /// The frames of a well-formed update of `round`, all numbers the same.
    pub(crate) fn update(&self, round: u32, value: f32) -> Vec<v1::Frame> {
        frames(self.run, round, &vec![value; self.dimension])
    }

    /// Pushes an update and answers what became of it.
    pub(crate) async fn push(&mut self, update: Vec<v1::Frame>) -> String {
        push(&mut self.client, self.session, update).await
    }
}

/// Pushes an update and answers what became of it.
pub(crate) async fn push(
    client: &mut TrainingClient<Channel>,
    session: Session,
    update: Vec<v1::Frame>,
) -> String {
    let mut request = Request::new(tokio_stream::iter(update));
    session.sign(&mut request);
    match time::timeout(PATIENCE, client.push_update(request)).await {
        Ok(Ok(receipt)) => receipt_words(&receipt.into_inner()),
        Ok(Err(status)) => status_words(&status),
        Err(_) => "silence".to_owned(),
    }
}

pub(crate) fn receipt_words(receipt: &v1::Receipt) -> String {
    if receipt.rejection.is_empty() {
        "taken".to_owned()
    } else {
        format!("{}: {}", receipt.rejection, receipt.detail)
    }
}

pub(crate) fn status_words(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}
