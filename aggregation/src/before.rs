//! Pre-aggregators as mixing matrices: each new row is an affine combination of the rows and the origin.

mod arc;
mod bucketing;
mod clipping;
mod nnm;

pub use bucketing::buckets;

use crate::{
    PreAggregator,
    geometry::{Cloud, Mixing},
};

/// The rows `stage` makes, as combinations of the cloud's points.
pub(crate) fn mixing(stage: PreAggregator, cloud: &Cloud, f: usize, keys: &[u64]) -> Mixing {
    match stage {
        PreAggregator::Nnm => nnm::mixing(cloud, f, keys),
        PreAggregator::Bucketing { s } => bucketing::mixing(cloud, s, keys),
        PreAggregator::Clipping { c } => clipping::mixing(cloud, c),
        PreAggregator::Arc => arc::mixing(cloud, f),
    }
}
