//! What a rule is given.

/// Updates of equal length, one a worker, in rank order.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a>(pub &'a [&'a [f32]]);
