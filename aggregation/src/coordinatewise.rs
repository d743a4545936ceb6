//! Rules that treat every coordinate by itself: tiles of columns, sorted across rows by a network on vector lanes.
//!
//! A tile of columns is copied out of the rows and sorted by compare-exchanges of whole lanes, of which only those are
//! run that the rule's order statistics need. What is summed is summed in f64 in sorted order, so nothing depends on
//! the order of the rows or on the number of threads. Rows that are not finite are found on the way. Rows that a pre-aggregator mixed are mixed in the
//! same tile, just before it is sorted.
//!
//! Each function answers, for every row, the fraction of coordinates whose value lay within what was kept; NaN where a row is not
//! finite, and then the rest is of no use. Equal values
//! are treated alike, so with ties the fractions may sum to more than the share that was kept.

mod median;
mod nearest;
mod network;
mod signs;
mod source;
mod tile;
mod trimmed_mean;

use median::median;
use nearest::{meamed, mean_around_median, phocas};
use trimmed_mean::trimmed_mean;

use crate::Rule;

pub(crate) use signs::signs;
pub(crate) use source::Source;

/// Writes what `rule` makes of each coordinate of its voters, and answers what it kept of each. Bulyan's are those it selected,
/// all but 2f.
pub(crate) fn apply(rule: Rule, voters: &Source<'_>, f: usize, out: &mut [f32]) -> Vec<f64> {
    match rule {
        Rule::Median => median(voters, out),
        Rule::TrimmedMean => trimmed_mean(voters, f, out),
        Rule::Meamed => meamed(voters, f, out),
        Rule::Phocas => phocas(voters, f, out),
        _ => mean_around_median(voters, voters.voters() - 2 * f, out),
    }
}
