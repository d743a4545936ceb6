//! The real server, workers and attackers on a simulated network.
//!
//! A seed decides everything: who is there and who lies, messages that are late or lost, partitions, crashes and restarts,
//! misbehaviour on the wire. First things go wrong, and then they do not any more. Of every run the same few things must be
//! true, the [`invariants`]. A run that breaks one is run again, the same, by its seed.

mod bug;
pub mod invariants;
mod judge;
mod log;
mod participant;
mod plan;
mod stage;
mod trace;
mod wire;
mod witness;
mod world;

pub use bug::Bug;
pub use invariants::Violation;
pub use judge::{complaint, judge, soak};
pub use plan::{Plan, Script, Trouble, Worry};
pub use trace::{Entry, Fact, comparable, digest};
pub use world::{Run, play};
