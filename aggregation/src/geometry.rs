//! Where the points of a round are relative to each other: all that geometric rules look at.

mod cloud;
mod distances;
mod products;

#[cfg(test)]
pub(crate) use cloud::tests::cloud;
pub(crate) use cloud::{Cloud, Mixing};
pub(crate) use distances::distances;
pub(crate) use products::{Point, products};
