//! HTTP/2 by hand, for what a gRPC library would not send.

use bytes::Bytes;
use h2::{
    RecvStream, SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use prost::Message as _;
use proto::{
    Session, Token,
    v1::{Frame, Receipt},
};
use tokio::{task::JoinHandle, time};
use tonic::{
    Code,
    codegen::http::{HeaderMap, Method, Request, Version},
};

use super::{AbuseError, PATIENCE, Target, member::receipt_words};

/// A connection that speaks HTTP/2; gone when it is dropped.
pub(crate) struct Raw {
    pub(crate) sender: SendRequest<Bytes>,
    token: Option<Token>,
    driver: JoinHandle<Result<(), h2::Error>>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Raw {
    pub(crate) async fn connect(target: &Target) -> Result<Self, AbuseError> {
        Self::with(target, &Builder::new()).await
    }

    pub(crate) async fn with(target: &Target, builder: &Builder) -> Result<Self, AbuseError> {
        let (sender, connection) = builder.handshake(target.connection().await?).await?;
        Ok(Self { sender: sender.ready().await?, token: target.token(), driver: tokio::spawn(connection) })
    }

    /// Begins a call of the training service.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        session: Option<Session>,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        self.sender = self.sender.clone().ready().await?;
        let token = self.token.map(|token| token.to_hex());
        let token: Vec<_> = token.iter().map(|token| (proto::token::KEY, token.as_str())).collect();
        self.sender.send_request(request(method, session, &token), false)
    }

    /// Why the connection ended, once it has.
    pub(crate) async fn end(mut self) -> String {
        match time::timeout(PATIENCE, &mut self.driver).await {
            Ok(Ok(Ok(()))) => "closed".to_owned(),
            Ok(Ok(Err(error))) => format!("closed: {error}"),
            Ok(Err(error)) => format!("closed: {error}"),
            Err(_) => "silence".to_owned(),
        }
    }
}

/// The head of a call.
pub(crate) fn request(method: &str, session: Option<Session>, more: &[(&str, &str)]) -> Request<()> {
    let path = format!("http://equipoise/equipoise.v1.Training/{method}");
    let mut request = Request::builder()
        .version(Version::HTTP_2)
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(session) = session {
        request = request.header(proto::session::KEY, session.to_hex());
    }
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a path and headers of ours are valid")
}

/// A gRPC message: the flag, the length, the bytes.
pub(crate) fn message(frame: &Frame) -> Bytes {
    let body = frame.encode_to_vec();
    [&[0][..], &(body.len() as u32).to_be_bytes(), &body].concat().into()
}

/// What the server answered, in words: a gRPC status, a receipt, a reset, or nothing for too long.
pub(crate) async fn answer(response: ResponseFuture) -> String {
    match time::timeout(PATIENCE, read(response)).await {
        Ok(Ok(words)) => words,
        Ok(Err(error)) => format!("closed: {error}"),
        Err(_) => "silence".to_owned(),
    }
}

async fn read(response: ResponseFuture) -> Result<String, h2::Error> {
    let (head, mut body) = response.await?.into_parts();
    if let Some(words) = status(&head.headers) {
        return Ok(words);
    }
    if !head.status.is_success() {
        return Ok(format!("HTTP {}", head.status.as_u16()));
    }
    let bytes = collect(&mut body).await?;
    let trailers = body.trailers().await?.unwrap_or_default();
    let receipt = bytes.get(5..).and_then(|bytes| Receipt::decode(bytes).ok());
    Ok(match (status(&trailers), receipt) {
        (Some(words), _) if !words.starts_with("Ok") => words,
        (_, Some(receipt)) => receipt_words(&receipt),
        _ => "an answer without a status".to_owned(),
    })
}

async fn collect(body: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        let _ = body.flow_control().release_capacity(data.len());
        all.extend_from_slice(&data);
    }
    Ok(all)
}

fn status(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let code = Code::from_bytes(text("grpc-status")?.as_bytes());
    Some(format!("{code:?}: {}", text("grpc-message").unwrap_or_default().replace("%20", " ")))
}
