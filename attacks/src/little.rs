//! A little is enough: away from the mean by a few standard deviations, too little to look odd.
//!
//! row = mean + τ · std          fixed τ, either sign (ByzFL's `ALittleIsEnough`, default there 1.5)
//! row = mean − z · std          the paper's z = Φ⁻¹((n − f − s)/(n − f)), s = ⌊n/2⌋ + 1 − f, n = h + f
//!
//! In: rows of honest workers, (h, d). std per coordinate with h − 1 in the denominator. Out: (d,). Cost O(h·d).
//! For few liars the paper's z is negative or 0 and the attack harmless: f = 4 of 20 gives 0.157, f = 2 of 10 gives 0.
//! Source: Baruch et al., NeurIPS 2019, algorithm 3.

use crate::{Attack, Crowd, Group, Sight, crowd::moved};

/// The mean, and so many standard deviations.
#[derive(Debug)]
pub struct Little {
    tau: f64,
}

impl Little {
    /// With this τ.
    #[must_use]
    pub const fn fixed(tau: f64) -> Self {
        Self { tau }
    }

    /// With the paper's z for this group.
    #[must_use]
    pub fn published(group: &Group) -> Self {
        Self { tau: -published_z(group.honest + group.liars, group.liars) }
    }
}

impl Attack for Little {
    fn answer(&mut self, sight: &Sight<'_>) -> Vec<f32> {
        let Some(crowd) = Crowd::new(sight.known.rows()) else { return sight.silence() };
        let mean = crowd.mean();
        moved(&mean, self.tau, &crowd.deviation(&mean))
    }
}

/// Φ⁻¹((n − f − s)/(n − f)) with s = ⌊n/2⌋ + 1 − f, the honest workers that f liars have to win over.
#[must_use]
pub fn published_z(n: usize, f: usize) -> f64 {
    let honest = n.saturating_sub(f).max(1) as f64;
    let supporters = (n / 2 + 1).saturating_sub(f) as f64;
    // A majority of liars needs nobody: the largest z that makes sense is that of all but half a worker.
    normal_quantile(((honest - supporters) / honest).clamp(0.5 / honest, 1.0 - 0.5 / honest))
}

/// Φ⁻¹, by bisecting Φ.
fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if normal(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Φ(x) = 1/2 + φ(x) (x + x³/3 + x⁵/15 + …), every term positive for x > 0.
fn normal(x: f64) -> f64 {
    if x.abs() > 9.0 {
        return f64::from(u8::from(x > 0.0));
    }
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while sum + term != sum {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_z_is_that_of_the_table() {
        for (n, f, z) in [
            (10, 1, -0.139_710_298_881_862_1),
            (10, 2, 0.0),
            (10, 3, 0.180_012_369_792_704_93),
            (10, 4, 0.430_727_299_295_457_33),
            (20, 4, 0.157_310_684_610_170_67),
            (20, 9, 0.908_457_868_537_385_4),
            (50, 12, 0.336_038_140_371_823),
            (51, 24, 1.446_103_592_918_175_1),
        ] {
            assert!((published_z(n, f) - z).abs() < 1e-9, "({n}, {f}): {}", published_z(n, f));
        }
    }
}
