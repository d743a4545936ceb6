//! Byzantine-robust aggregation: n updates become one.

mod aggregator;
#[allow(dead_code, unused_imports)]
mod coordinatewise;
mod pipeline;
mod rules;

pub use aggregator::{Aggregate, Aggregator, Refusal, Verdict};
pub use pipeline::{ParsePipelineError, Pipeline};
pub use rules::{Rows, Rule};
