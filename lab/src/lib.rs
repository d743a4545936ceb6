//! The laboratory: experiments as clusters of processes, and what is seen of them.

pub mod cli;
pub mod cluster;
mod commands;
pub use commands::execute;
pub mod equivalence;
pub mod failure;
pub mod fetch;
pub mod following;
pub mod headcount;
mod import;
pub mod in_process;
pub mod judge;
pub mod keys;
mod lifeline;
pub mod metrics;
pub mod observer;
mod paper;
pub mod poison;
pub mod progress;
mod ready;
mod remedy;
pub mod report;
pub mod results;
pub mod run;
pub mod scenario;
pub mod study;
mod sweep;
