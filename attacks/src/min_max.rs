//! Min-max and min-sum: as far from the mean as a row can be without being farther out than honest rows are.
//!
//! row = mean + γ p,   p = −std,  −mean/‖mean‖  or  −sign(mean)
//! min-max: the largest γ with  maxᵢ ‖row − xᵢ‖ ≤ maxᵢⱼ ‖xᵢ − xⱼ‖
//! min-sum: the largest γ with  Σᵢ ‖row − xᵢ‖² ≤ maxᵢ Σⱼ ‖xᵢ − xⱼ‖²
//!
//! In: rows of honest workers, (h, d). Out: (d,). Both conditions are quadratic in γ, ‖row − xᵢ‖² = ‖xᵢ − μ‖² −
//! 2γ⟨xᵢ − μ, p⟩ + γ²‖p‖², so the largest γ is a root: exact, no tolerance, no cap. Cost O(h²·d).
//! Source: Shejwalkar & Houmansadr, NDSS 2021, section V (they search γ by halving steps). blades stops at γ = 5 and
//! returns a midpoint that may break the condition.

use serde::{Deserialize, Serialize};

use crate::{Attack, Crowd, Sight, crowd::moved};

/// The direction p.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// −std
    #[default]
    Std,
    /// −mean/‖mean‖
    Unit,
    /// −sign(mean)
    Sign,
}

/// What a row must not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Max,
    Sum,
}

/// Either attack.
#[derive(Debug)]
pub struct MinMax {
    bound: Bound,
    direction: Direction,
}

impl MinMax {
    /// No farther from any honest row than these are from each other.
    #[must_use]
    pub const fn max(direction: Direction) -> Self {
        Self { bound: Bound::Max, direction }
    }

    /// No larger sum of squared distances than an honest row has.
    #[must_use]
    pub const fn sum(direction: Direction) -> Self {
        Self { bound: Bound::Sum, direction }
    }
}

impl Attack for MinMax {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        let Some(crowd) = Crowd::new(sight.known.rows()) else { return sight.silence() };
        let mean = crowd.mean();
        let p = along(&crowd, &mean, self.direction);
        moved(&mean, gamma(&crowd, &mean, &p, self.bound), &p)
    }
}

fn along(crowd: &Crowd<'_>, mean: &[f64], direction: Direction) -> Vec<f64> {
    match direction {
        Direction::Std => crowd.deviation(mean).into_iter().map(|s| -s).collect(),
        Direction::Unit => {
            let norm = mean.iter().map(|m| m * m).sum::<f64>().sqrt();
            mean.iter().map(|m| if norm > 0.0 { -m / norm } else { 0.0 }).collect()
        }
        // The sign of 0 is 0.
        Direction::Sign => mean.iter().map(|&m| if m == 0.0 { 0.0 } else { -m.signum() }).collect(),
    }
}

/// The largest admissible γ; 0 where p vanishes.
fn gamma(crowd: &Crowd<'_>, mean: &[f64], p: &[f64], bound: Bound) -> f64 {
    let length: f64 = p.iter().map(|p| p * p).sum();
    if length == 0.0 {
        return 0.0;
    }
    let distances = crowd.squared_distances();
    let h = crowd.rows().len();
    // Per row: ‖xᵢ − μ‖² and ⟨xᵢ − μ, p⟩.
    let placed = crowd.rows().iter().map(|row| {
        row.iter().zip(mean).zip(p).fold((0.0, 0.0), |(square, along), ((&x, m), p)| {
            let away = f64::from(x) - m;
            (square + away * away, along + away * p)
        })
    });
    match bound {
        Bound::Max => {
            let most = distances.iter().copied().fold(0.0, f64::max);
            placed
                .map(|(square, along)| largest_root(length, along, square - most))
                .fold(f64::INFINITY, f64::min)
        }
        Bound::Sum => {
            let most = distances.chunks(h).map(|row| row.iter().sum::<f64>()).fold(0.0, f64::max);
            let (square, along) = placed.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            largest_root(h as f64 * length, along, square - most)
        }
    }
}

/// The largest root of a γ² − 2 b γ + c, a > 0 ≥ c.
fn largest_root(a: f64, b: f64, c: f64) -> f64 {
    ((b + (b * b - a * c).max(0.0).sqrt()) / a).max(0.0)
}
