//! Every limit on what a peer may send, in one place; none is left to a library's default.

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
