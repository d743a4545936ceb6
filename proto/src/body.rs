//! Bodies of calls whose messages are not put together in memory: tensors go out as what they are made of, and come in by
//! [`Reader`].

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body::{Body as _, Frame};
use prost::{Message, encoding::encode_varint};
use tonic::{
    Code, Status,
    body::Body,
    codegen::http::{HeaderMap, HeaderValue, Response, header::CONTENT_TYPE},
};

use crate::{Assembler, Reader, limits::REQUEST_BYTES_MAX, reader::Unreadable, v1};

/// The type of a body.
pub(crate) const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
/// Field 3 of a frame, with a length.
const NUMBERS: u8 = 3 << 3 | 2;

/// Bytes to send, in order.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    left: VecDeque<Bytes>,
    /// Whether a call ends well with them.
    answers: bool,
}

impl Pieces {
    /// A tensor: what is around its numbers, and the numbers where they are.
    pub(crate) fn tensor(frames: &[v1::Frame]) -> Self {
        let pieces = |frame: &v1::Frame| {
            let around = v1::Frame { data: Bytes::new(), ..frame.clone() };
            let mut start = BytesMut::with_capacity(64);
            let tail =
                if frame.data.is_empty() { 0 } else { 1 + varint(frame.data.len()) + frame.data.len() };
            prefix(&mut start, around.encoded_len() + tail);
            around.encode_raw(&mut start);
            if !frame.data.is_empty() {
                start.put_u8(NUMBERS);
                encode_varint(frame.data.len() as u64, &mut start);
            }
            [start.freeze(), frame.data.clone()]
        };
        let left = frames.iter().flat_map(pieces).filter(|piece| !piece.is_empty()).collect();
        Self { left, answers: false }
    }

    /// A single message.
    pub(crate) fn message(message: &impl Message) -> Self {
        let mut bytes = BytesMut::new();
        prefix(&mut bytes, message.encoded_len());
        message.encode_raw(&mut bytes);
        Self { left: VecDeque::from([bytes.freeze()]), answers: false }
    }

    fn response(self) -> Response<Body> {
        let mut response = Response::new(Body::new(Self { answers: true, ..self }));
        response.headers_mut().insert(CONTENT_TYPE, GRPC);
        response
    }
}

fn varint(value: usize) -> usize {
    prost::encoding::encoded_len_varint(value as u64)
}

/// Flag and length of a message, which is not compressed.
fn prefix(to: &mut BytesMut, length: usize) {
    to.put_u8(0);
    to.put_u32(length as u32);
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(match self.left.pop_front() {
            Some(piece) => Some(Ok(Frame::data(piece))),
            None if std::mem::take(&mut self.answers) => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                Some(Ok(Frame::trailers(trailers)))
            }
            None => None,
        })
    }
}

/// A tensor as what a call answers.
#[must_use]
pub fn tensor(frames: &[v1::Frame]) -> Response<Body> {
    Pieces::tensor(frames).response()
}

/// What a call answers: a message, or why there is none.
pub fn answer(message: Result<impl Message, Status>) -> Response<Body> {
    message.map_or_else(Status::into_http, |message| Pieces::message(&message).response())
}

/// The single short message of a body.
///
/// # Errors
/// When it does not come, or something else does.
pub async fn single<M: Message + Default>(body: Body) -> Result<M, Status> {
    let (mut arriving, mut bytes) = (Arriving::new(body), Vec::new());
    while let Some(piece) = arriving.next().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > REQUEST_BYTES_MAX {
            return Err(Status::out_of_range("the message is too long"));
        }
    }
    arriving.end()?;
    let message = match bytes.split_first_chunk::<5>() {
        Some((&[0, a, b, c, d], message)) if u32::from_be_bytes([a, b, c, d]) as usize == message.len() => {
            M::decode(message).ok()
        }
        _ => None,
    };
    message.ok_or_else(|| Status::internal("the bytes are not one message"))
}

/// A body on its way in.
struct Arriving {
    body: Pin<Box<Body>>,
    /// What the other side said of how it ended.
    trailers: Option<HeaderMap>,
}

impl Arriving {
    fn new(body: Body) -> Self {
        Self { body: Box::pin(body), trailers: None }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            let frame = std::future::poll_fn(|context| self.body.as_mut().poll_frame(context)).await;
            match frame.transpose()?.map(Frame::into_data) {
                None => return Ok(None),
                Some(Ok(piece)) => return Ok(Some(piece)),
                Some(Err(frame)) => self.trailers = frame.into_trailers().ok().or(self.trailers.take()),
            }
        }
    }

    /// Whether the body ended well, as far as is said.
    fn end(&self) -> Result<(), Status> {
        match self.trailers.as_ref().and_then(Status::from_header_map) {
            Some(status) if status.code() != Code::Ok => Err(status),
            _ => Ok(()),
        }
    }
}

/// Something else came than a tensor, or nothing more.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// The connection broke, or the other side gave up.
    #[error(transparent)]
    Broken(#[from] Status),
    /// What came is not what has to.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

/// A tensor on its way in.
pub struct Incoming {
    arriving: Arriving,
    reader: Reader,
}

impl Incoming {
    /// The tensor that `body` brings.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self { arriving: Arriving::new(body), reader: Reader::default() }
    }

    /// Waits for bytes and hands them to the assembler. Answers how many, and whether the tensor is complete; `None` when no more
    /// will come. A wait that is cancelled loses nothing.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is not what has to.
    pub async fn next(&mut self, assembler: &mut Assembler) -> Result<Option<(usize, bool)>, Interrupted> {
        if let Some(piece) = self.arriving.next().await? {
            return Ok(Some((piece.len(), self.reader.read(&piece, assembler)?)));
        }
        self.arriving.end()?;
        if self.reader.is_between() { Ok(None) } else { Err(Unreadable::Undecodable("it ends early").into()) }
    }
}
