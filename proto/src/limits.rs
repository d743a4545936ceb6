//! Every limit on what a peer may send, in one place; none is left to a library's default.

use std::time::Duration;

/// Version of the protocol that a worker has to speak.
pub const VERSION: u32 = 1;
/// Most bytes of numbers in a frame.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Most bytes of a message: a frame and what is around it. Tonic reserves what a peer announces, up to this.
pub const MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX + 4096;
/// Most bytes of a scenario in a [`crate::v1::JoinReply`].
pub const SCENARIO_BYTES_MAX: usize = 1 << 20;
/// Most parameters of a model: 16 GiB of them.
pub const DIMENSION_MAX: u64 = 1 << 32;
/// Most streams a connection may have open.
pub const STREAMS_MAX: u32 = 16;
/// Streams that a peer reset before they were looked at, after which its connection is closed (CVE-2023-44487).
pub const RESETS_MAX: usize = 20;
/// Most bytes of metadata of a call.
pub const HEADERS_BYTES_MAX: u32 = 16 << 10;
/// Most bytes that come up in a call whose request is one short message: all but Control and PushUpdate.
pub const REQUEST_BYTES_MAX: u64 = 4096;
/// Longest time for such a request to come.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest time for a connection to make a call that is not refused.
pub const STRANGER_TIME_MAX: Duration = Duration::from_secs(10);
/// Refused calls after which a connection without any other is closed.
pub const STRANGER_CALLS_MAX: u32 = 64;
/// Connections that are served at once, beside those of the workers.
pub const CONNECTIONS_MIN: usize = 64;
/// Connections that one worker may have.
pub const CONNECTIONS_PER_WORKER: usize = 8;
/// Places that are given out in a second, beside one for each worker.
pub const JOINS_PER_SECOND_MIN: u32 = 64;
/// Observers that are served at once.
pub const OBSERVERS_MAX: usize = 16;
/// Signs of life of one session beside two for each that it owes, after which it ends.
pub const HEARTBEATS_SPARE: u32 = 2000;
/// Time whose signs of life may come at once: a pause of either side makes them, and must not end a session.
pub const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Rejected updates of one worker in one round, after which its session ends.
pub const REJECTIONS_MAX: u32 = 64;
/// Bytes a second that an update has to bring on average, after [`UPDATE_GRACE`].
pub const UPDATE_BYTES_PER_SECOND: u64 = 64 << 10;
/// Time that an update may take whatever its length.
pub const UPDATE_GRACE: Duration = Duration::from_secs(2);

/// The longest time in which `bytes` of an update have to have come: transfers live by progress.
#[must_use]
pub fn update_time(bytes: u64) -> Duration {
    UPDATE_GRACE + Duration::from_secs_f64(bytes as f64 / UPDATE_BYTES_PER_SECOND as f64)
}
