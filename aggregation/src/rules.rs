//! The geometric rules, each a function from a cloud to weights of its points.

pub(crate) mod bulyan;
pub(crate) mod caf;
pub(crate) mod centered_clipping;
pub(crate) mod cge;
pub(crate) mod clipped_mean;
pub(crate) mod dnc;
pub(crate) mod fltrust;
pub(crate) mod geometric_median;
pub(crate) mod krum;
pub(crate) mod mda;
pub(crate) mod monna;
pub(crate) mod sign_guard;
pub(crate) mod smea;
mod spectrum;
