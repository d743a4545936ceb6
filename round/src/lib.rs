//! The round as a state machine without I/O.
//!
//! An [`Engine`] takes [`Event`]s and returns [`Command`]s. It names no socket, no clock and no task, so the server,
//! the in-process simulation and the simulated networks of the tests all drive this one, and give the same bits.

mod conduct;
mod engine;
mod event;
mod ids;
mod ledger;
mod pace;
mod rejection;
mod sample;

pub use conduct::Conduct;
pub use engine::{Engine, SKIPPED, SUPERSEDED};
pub use event::{Absent, Command, Event, Plan, Reason, Resumed};
pub use ids::{Rank, Round};
pub use ledger::Ledger;
pub use pace::{Buffer, Pace, Stragglers};
pub use rejection::Rejection;
pub use sample::{Sample, liars_drawn};
