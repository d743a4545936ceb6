//! Connections: how many, and for how long without a call that is not refused.
//!
//! A connection comes in as a stranger. Its first call that is taken admits it; one that makes none in time, or too many
//! that are refused, is closed. So nobody can hold what workers need by doing nothing.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use proto::limits;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{self, Sleep},
};
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{
    Request,
    transport::server::{Connected, TlsConnectInfo},
};

/// Time after which accepting is tried again when the system had no file descriptor left.
const BREATH: Duration = Duration::from_millis(50);

/// What the calls of a connection say of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pass {
    admitted: Arc<AtomicBool>,
    refused: Arc<AtomicU32>,
    close: CancellationToken,
}

impl Pass {
    /// That of the connection that a request came on.
    pub(crate) fn of<T>(request: &Request<T>) -> Self {
        let over_tls = request.extensions().get::<TlsConnectInfo<Self>>();
        over_tls
            .map(TlsConnectInfo::get_ref)
            .or_else(|| request.extensions().get())
            .cloned()
            .unwrap_or_default()
    }

    /// Whether both are of one connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.admitted, &other.admitted)
    }

    /// The connection made a call that was taken.
    pub(crate) fn admit(&self) {
        self.admitted.store(true, Ordering::Relaxed);
    }

    /// The connection made a call that was refused.
    pub(crate) fn refuse(&self) {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if refused >= limits::STRANGER_CALLS_MAX && !self.admitted.load(Ordering::Relaxed) {
            self.close();
        }
    }

    pub(crate) fn close(&self) {
        self.close.cancel();
    }
}

/// A connection with its pass.
pub(crate) struct Guarded<C> {
    io: C,
    pass: Pass,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Until when it has to be admitted; none once it is.
    deadline: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

/// Lets at most `most` connections in; the others are closed at once.
pub(crate) fn guard<C>(
    incoming: impl Stream<Item = io::Result<C>>,
    most: usize,
) -> impl Stream<Item = io::Result<Guarded<C>>> {
    let places = Arc::new(Semaphore::new(most));
    let paced = incoming.then(|connection| async {
        // Out of file descriptors, say: tonic would end the server.
        if connection.is_err() {
            time::sleep(BREATH).await;
        }
        connection
    });
    paced.filter_map(move |connection| {
        let (io, place) = (connection.ok()?, Arc::clone(&places).try_acquire_owned().ok()?);
        let pass = Pass::default();
        let closed = Box::pin(pass.close.clone().cancelled_owned());
        let deadline = Some(Box::pin(time::sleep(limits::STRANGER_TIME_MAX)));
        Some(Ok(Guarded { io, pass, closed, deadline, _place: place }))
    })
}

impl<C> Guarded<C> {
    /// Why the connection has to end now, if it has to.
    fn over(&mut self, context: &mut Context<'_>) -> Option<io::Error> {
        if self.closed.as_mut().poll(context).is_ready() {
            return Some(io::Error::new(io::ErrorKind::ConnectionAborted, "closed for misuse"));
        }
        let deadline = self.deadline.as_mut()?;
        if self.pass.admitted.load(Ordering::Relaxed) {
            self.deadline = None;
        } else if deadline.as_mut().poll(context).is_ready() {
            return Some(io::Error::new(io::ErrorKind::TimedOut, "a stranger that did nothing"));
        }
        None
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Guarded<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.over(context) {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.io).poll_read(context, buffer),
        }
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Guarded<C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl<C> Connected for Guarded<C> {
    type ConnectInfo = Pass;

    fn connect_info(&self) -> Pass {
        self.pass.clone()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    async fn connection(
        most: usize,
        count: usize,
    ) -> (Vec<Guarded<tokio::io::DuplexStream>>, Vec<tokio::io::DuplexStream>) {
        let (ours, theirs): (Vec<_>, Vec<_>) = (0..count).map(|_| duplex(64)).unzip();
        let incoming = tokio_stream::iter(ours.into_iter().map(Ok));
        (guard(incoming, most).map(|connection| connection.unwrap()).collect().await, theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_that_does_nothing_is_closed_and_one_that_was_admitted_is_not() {
        let (mut connections, _theirs) = connection(2, 2).await;
        connections[1].pass.admit();
        let read = connections[0].read_u8().await.unwrap_err();
        assert_eq!(read.kind(), io::ErrorKind::TimedOut);
        let waited = time::timeout(2 * limits::STRANGER_TIME_MAX, connections[1].read_u8()).await;
        assert!(waited.is_err(), "it is still open");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_connections_come_in_than_there_are_places() {
        assert_eq!(connection(2, 5).await.0.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_refused_call_closes_a_stranger_only() {
        for (refused, admitted, open) in [
            (limits::STRANGER_CALLS_MAX - 1, false, true),
            (limits::STRANGER_CALLS_MAX, false, false),
            (limits::STRANGER_CALLS_MAX, true, true),
        ] {
            let pass = Pass::default();
            if admitted {
                pass.admit();
            }
            (0..refused).for_each(|_| pass.refuse());
            assert_eq!(!pass.close.is_cancelled(), open, "{refused} refused, admitted {admitted}");
        }
    }
}
