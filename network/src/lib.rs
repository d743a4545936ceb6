//! How connections are made: plainly, through the faults of a scenario, or in a simulation.

mod dialer;

pub use dialer::{Dialer, Socket};
