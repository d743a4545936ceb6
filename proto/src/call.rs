//! Calls that bring or fetch a tensor, from the worker's side.

use std::future::poll_fn;

use tonic::{
    Code, Status,
    body::Body,
    codegen::{
        Service as _,
        http::{
            HeaderValue, Method, Request, StatusCode, Version,
            header::{CONTENT_TYPE, TE},
        },
    },
    transport::Channel,
};

use crate::{
    Session,
    body::{GRPC, Incoming, Pieces, single},
    session, v1,
};

/// Path of the call that fetches a model.
pub const PULL_MODEL: &str = "/equipoise.v1.Training/PullModel";
/// Path of the call that brings an update.
pub const PUSH_UPDATE: &str = "/equipoise.v1.Training/PushUpdate";

/// Asks for the model of a round.
///
/// # Errors
/// When it is not to be had.
pub async fn pull_model(channel: Channel, session: Session, round: u32) -> Result<Incoming, Status> {
    let request = Pieces::message(&v1::PullRequest { round });
    Ok(Incoming::new(call(channel, session, PULL_MODEL, request).await?))
}

/// Brings an update.
///
/// # Errors
/// When it does not get there, or is refused by status.
pub async fn push_update(
    channel: Channel,
    session: Session,
    update: &[v1::Frame],
) -> Result<v1::Receipt, Status> {
    single(call(channel, session, PUSH_UPDATE, Pieces::tensor(update)).await?).await
}

async fn call(
    mut channel: Channel,
    session: Session,
    path: &'static str,
    pieces: Pieces,
) -> Result<Body, Status> {
    let broken = |error| Status::from_error(Box::new(error));
    let mut secret = HeaderValue::try_from(session.to_hex()).expect("hexadecimal digits are a valid header");
    secret.set_sensitive(true);
    let mut request = Request::new(Body::new(pieces));
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = path.parse().expect("a path is an address");
    request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    request.headers_mut().insert(CONTENT_TYPE, GRPC);
    request.headers_mut().insert(session::KEY, secret);
    poll_fn(|context| channel.poll_ready(context)).await.map_err(broken)?;
    let response = channel.call(request).await.map_err(broken)?;
    let status = Status::from_header_map(response.headers());
    match status {
        Some(status) if status.code() != Code::Ok => Err(status),
        _ if response.status() != StatusCode::OK => {
            Err(Status::unknown(format!("the answer is {}", response.status())))
        }
        _ => Ok(response.into_body()),
    }
}
