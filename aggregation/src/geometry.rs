//! Where the points of a round are relative to each other: all that geometric rules look at.

mod cloud;
mod distances;
mod products;
mod signs;
mod survey;

#[cfg(test)]
pub(crate) use cloud::tests::cloud;
pub(crate) use cloud::{Cloud, Mixing};
pub(crate) use products::{Point, products};
pub(crate) use signs::count_signs_inlined;
pub(crate) use survey::{Asked, Survey};

/// Coordinates summed at a time, of `d`: at most 64 blocks, whose sums are added in order. A block is never divided, by
/// threads or by shards, and so neither changes a bit.
pub(crate) fn block(d: usize) -> usize {
    d.div_ceil(64).max(8192).next_multiple_of(512)
}
