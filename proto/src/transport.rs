//! HTTP/2 as it has to be set for tensors, the same on both ends.
//!
//! Frames larger than the default of 16 KiB double throughput and halve the processor time; those of just under 128 KiB are still in the
//! processor's cache when they are looked at, and bound what a connection holds of one. Keep-alives notice a peer that is gone
//! without a word.

use std::time::Duration;

use tonic::transport::{Endpoint, Server};

use crate::limits::{HEADERS_BYTES_MAX, RESETS_MAX, STREAMS_MAX};

/// What a peer may send before it is read: bounds the memory of the server by its connections, and a transfer to so much in
/// one time there and back. More is no faster on a loopback.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// With the nine bytes before it, just not more than two of a loopback's segments, be it IPv4 or 6: the few bytes of a third
/// would cost as much as a whole one.
const HTTP2_FRAME: u32 = 130_880;
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(3);

/// A server set for tensors; the listener has to set `TCP_NODELAY` itself.
#[must_use]
pub fn server() -> Server {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(HTTP2_FRAME)
        .max_concurrent_streams(STREAMS_MAX)
        .http2_max_pending_accept_reset_streams(Some(RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(RESETS_MAX))
        .http2_max_header_list_size(HEADERS_BYTES_MAX)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
}

/// A client set for tensors.
#[must_use]
pub fn client(endpoint: Endpoint) -> Endpoint {
    endpoint
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(HTTP2_FRAME)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
}
