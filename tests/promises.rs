//! Promises that cross crates, kept by the program people run: real processes, real sockets, real files.

#[path = "promises/abuse.rs"]
mod abuse;
#[path = "promises/aggregation.rs"]
mod aggregation;
#[path = "promises/architecture.rs"]
mod architecture;
#[path = "promises/asynchronous.rs"]
mod asynchronous;
#[path = "promises/attacks.rs"]
mod attacks;
#[path = "promises/bench.rs"]
mod bench;
#[path = "promises/data.rs"]
mod data;
#[path = "promises/determinism.rs"]
mod determinism;
#[path = "promises/equivalence.rs"]
mod equivalence;
#[path = "promises/faults.rs"]
mod faults;
#[path = "promises/harm.rs"]
mod harm;
#[path = "promises/identity.rs"]
mod identity;
#[path = "promises/misbehaviour.rs"]
mod misbehaviour;
#[path = "promises/network.rs"]
mod network;
#[path = "promises/paper.rs"]
mod paper;
#[path = "promises/program.rs"]
mod program;
#[path = "promises/recovery.rs"]
mod recovery;
#[path = "promises/sampling.rs"]
mod sampling;
#[path = "promises/sweeps.rs"]
mod sweeps;
#[path = "promises/unfinished_sweeps.rs"]
mod unfinished_sweeps;
#[path = "promises/words.rs"]
mod words;
