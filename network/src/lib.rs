//! How connections are made: plainly, through the faults of a scenario, or in a simulation.

mod dialer;
mod line;
mod spec;
mod wire;

pub use dialer::{Dialer, Socket};
pub use line::Line;
pub use spec::{Crew, Entry, Fault, Group, InvalidFault, Network, Rounds, Who};
