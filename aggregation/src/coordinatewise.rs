//! Rules that treat every coordinate by itself: tiles of columns, sorted across rows by a network on vector lanes.
//!
//! A tile of columns is copied out of the rows and sorted by compare-exchanges of whole lanes, of which only those are
//! run that the rule's order statistics need. What is summed is summed in f64 in sorted order, so nothing depends on
//! the order of the rows or on the number of threads. Rows must be finite. Rows that a pre-aggregator mixed are mixed in the
//! same tile, just before it is sorted.
//!
//! Each function answers, for every row, the fraction of coordinates whose value lay within what was kept. Equal values
//! are treated alike, so with ties the fractions may sum to more than the share that was kept.

mod median;
mod nearest;
mod network;
mod signs;
mod source;
mod tile;
mod trimmed_mean;

pub(crate) use median::median;
pub(crate) use nearest::{meamed, mean_around_median, phocas};
pub(crate) use signs::signs;
pub(crate) use source::Source;
pub(crate) use trimmed_mean::trimmed_mean;
