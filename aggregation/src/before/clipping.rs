//! Static clipping.
//!
//! yᵢ = xᵢ · min(1, c / ‖xᵢ‖)
//!
//! In: n rows. Out: n rows. Needs c > 0. Cost O(nd).
//! Source: folklore. Same as ByzFL `Clipping(c)`, without writing into the caller's rows.

use crate::geometry::{Cloud, Mixing};

pub(super) fn mixing(cloud: &Cloud, c: f64) -> Mixing {
    shortened(cloud, c)
}

/// Every voter shortened to `longest`: a share of itself, the rest of the origin.
pub(super) fn shortened(cloud: &Cloud, longest: f64) -> Mixing {
    let shorten = |(voter, norm): (usize, f64)| {
        let mut weights = cloud.unit(voter);
        if norm > longest {
            weights[voter] = longest / norm;
            weights[cloud.origin()] = 1.0 - longest / norm;
        }
        weights
    };
    cloud.norms().into_iter().enumerate().map(shorten).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cloud;

    #[test]
    fn only_rows_longer_than_c_are_shortened() {
        let cloud = cloud(&[&[3.0, 4.0], &[0.0, 2.0]], None);
        assert_eq!(mixing(&cloud, 2.5), [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]);
    }
}
