//! Studies of other libraries as sweep files.

pub(crate) mod byzfl;
mod draft;

pub(crate) use draft::Draft;
