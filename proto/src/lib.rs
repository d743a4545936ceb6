//! The wire: package `equipoise.v1`, its limits, and the one place where bytes become domain types.
//!
//! The peer is hostile. [`Assembler`] turns frames into a row of finite numbers or a [`round::Rejection`]; nothing
//! else reads what a worker sends. Every rejection has a status in [`status`].

pub mod body;
pub mod call;
pub mod frame;
pub mod limits;
pub mod oracle;
pub mod reader;
pub mod session;
pub mod status;
pub mod token;
pub mod transport;

pub use frame::{Assembler, Expected, frames, share};
pub use reader::Reader;
pub use session::Session;
pub use token::Token;

/// Generated from `equipoise/v1/training.proto`.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
pub mod v1 {
    tonic::include_proto!("equipoise.v1");
}
