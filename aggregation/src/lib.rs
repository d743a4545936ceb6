//! Byzantine-robust aggregation: n updates become one.

mod aggregator;
mod pipeline;
mod rules;

pub use aggregator::{Aggregate, Aggregator, Refusal, Verdict};
pub use pipeline::{ParsePipelineError, Pipeline};
pub use rules::{Rows, Rule};
