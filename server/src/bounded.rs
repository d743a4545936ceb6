//! Calls whose request is one short message get a few bytes and a few seconds to send it.
//!
//! Control and PushUpdate are streams and have bounds of their own.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use proto::limits;
use tokio::time::{self, Sleep};
use tonic::{
    Status,
    body::Body,
    codegen::{Body as HttpBody, Service, http::Request},
    server::NamedService,
};

/// A service whose short requests are bounded.
#[derive(Debug, Clone)]
pub(crate) struct Bounded<S>(pub(crate) S);

impl<S: NamedService> NamedService for Bounded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Bounded<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let path = request.uri().path();
        if path.ends_with("/Control") || path.ends_with("/PushUpdate") {
            return self.0.call(request);
        }
        let deadline = Box::pin(time::sleep(limits::REQUEST_TIME_MAX));
        self.0.call(request.map(|body| Body::new(Short { body, left: limits::REQUEST_BYTES_MAX, deadline })))
    }
}

/// A request body that has to be short and soon.
struct Short {
    body: Body,
    left: u64,
    deadline: Pin<Box<Sleep>>,
}

impl HttpBody for Short {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            let late = || Some(Err(Status::deadline_exceeded("the request did not come in time")));
            return self.deadline.as_mut().poll(context).map(|()| late());
        };
        if let Some(Ok(frame)) = &frame {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            let Some(left) = self.left.checked_sub(length) else {
                return Poll::Ready(Some(Err(Status::out_of_range("the request is too long"))));
            };
            self.left = left;
        }
        Poll::Ready(frame)
    }
}
