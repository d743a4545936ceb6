//! Byzantine-robust aggregation: n updates become one.
//!
//! A [`Pipeline`] names a rule and the pre-aggregators before it; an [`Aggregator`] runs it round after round and says
//! beside the aggregate what it did with each row. Rows that are not finite are set aside first.

mod affine;
mod aggregator;
mod before;
mod catalogue;
mod coordinatewise;
mod election;
mod finite;
mod geometry;
mod grammar;
mod kappa;
mod matrix;
mod order;
mod pipeline;
mod pre_aggregator;
mod probe;
mod refusal;
mod rows;
mod rule;
mod rules;
#[cfg(test)]
mod sharded;
mod threads;

pub use aggregator::{Aggregate, Aggregator, Verdict};
pub use before::buckets;
pub use catalogue::{Entry, Kind, Parameter, catalogue};
pub use grammar::ParsePipelineError;
pub use kappa::kappa;
pub use pipeline::Pipeline;
pub use pre_aggregator::PreAggregator;
pub use probe::Probe;
pub use refusal::Refusal;
pub use rows::Rows;
pub use rule::{KrumVariant, MedianVariant, Rule, SignVariant};
pub use threads::{NoThreads, Threads};
