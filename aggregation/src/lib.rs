//! Byzantine-robust aggregation: n updates become one.
//!
//! A [`Pipeline`] names a rule and the pre-aggregators before it; an [`Aggregator`] runs it round after round and says
//! beside the aggregate what it did with each row. Rows that are not finite are set aside first.

mod affine;
mod aggregator;
mod catalogue;
mod coordinatewise;
mod grammar;
mod pipeline;
mod pre_aggregator;
mod refusal;
mod rows;
mod rule;
mod threads;

pub use aggregator::{Aggregate, Aggregator, Verdict};
pub use catalogue::{Entry, Kind, Parameter, catalogue};
pub use grammar::ParsePipelineError;
pub use pipeline::Pipeline;
pub use pre_aggregator::PreAggregator;
pub use refusal::Refusal;
pub use rows::Rows;
pub use rule::{KrumVariant, MedianVariant, Rule, SignVariant};
pub use threads::{NoThreads, Threads};
