//! Connections of the simulated network, in the shapes that the product takes.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use network::Dialer;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc,
};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;
use turmoil::net::{TcpListener, TcpStream};

/// Connections that wait to be served.
const BACKLOG: usize = 64;

/// What a server accepts.
pub(crate) fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Accepted>> {
    let (accepted, incoming) = mpsc::channel(BACKLOG);
    tokio::spawn(async move {
        loop {
            let connection = listener.accept().await.map(|(socket, _)| Accepted(socket));
            if accepted.send(connection).await.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(incoming)
}

/// The server's end of a connection.
pub(crate) struct Accepted(TcpStream);

impl Connected for Accepted {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Accepted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// The connections of one host, which can all be broken at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<CancellationToken>>);

impl Lines {
    /// Breaks every connection that there is.
    pub(crate) fn break_all(&self) {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *present).cancel();
    }

    /// Makes connections that can be broken.
    pub(crate) fn dialer(&self) -> Dialer {
        let lines = self.clone();
        Dialer::new(move |uri| {
            let lines = lines.clone();
            async move {
                let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
                let socket = TcpStream::connect((host, port)).await?;
                let present = lines.0.lock().unwrap_or_else(PoisonError::into_inner);
                Ok::<_, io::Error>(Dialled { socket, broken: Box::pin(present.clone().cancelled_owned()) })
            }
        })
    }
}

/// The other end.
struct Dialled {
    socket: TcpStream,
    broken: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Dialled {
    fn is_broken(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.broken.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Dialled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_broken(context)?;
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Dialled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_broken(context)?;
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
