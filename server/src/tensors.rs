//! The calls that carry tensors, served without the buffers of a message: a model goes out as the memory that it is in, and an
//! update comes in as the row that it becomes.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use proto::{
    body::{self, Incoming},
    call, v1,
};
use tonic::{
    Request,
    body::Body,
    codegen::{
        Service as HttpService,
        http::{self, Response},
    },
    server::NamedService,
};

use crate::service::Service;

/// A service around those calls, which answers all others.
#[derive(Debug, Clone)]
pub(crate) struct Tensors<S> {
    pub(crate) calls: Service,
    pub(crate) others: S,
}

impl<S: NamedService> NamedService for Tensors<S> {
    const NAME: &'static str = S::NAME;
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> HttpService<http::Request<Body>> for Tensors<S>
where
    S: HttpService<http::Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answering>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.others.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Answering {
        let calls = self.calls.clone();
        match request.uri().path() {
            call::PULL_MODEL => Box::pin(async move { Ok(pull_model(calls, request).await) }),
            call::PUSH_UPDATE => Box::pin(async move {
                let (metadata, extensions, body) = Request::from_http(request).into_parts();
                let request = Request::from_parts(metadata, extensions, ());
                Ok(body::answer(calls.push_update(request, Incoming::new(body)).await))
            }),
            _ => self.others.call(request),
        }
    }
}

async fn pull_model(calls: Service, request: http::Request<Body>) -> Response<Body> {
    let (metadata, extensions, body) = Request::from_http(request).into_parts();
    let model = async {
        let wanted: v1::PullRequest = body::single(body).await?;
        calls.pull_model(Request::from_parts(metadata, extensions, wanted)).await
    };
    model.await.map_or_else(tonic::Status::into_http, |frames| body::tensor(&frames))
}
