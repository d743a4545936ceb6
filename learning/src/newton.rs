//! Inexact Newton's method for smooth convex functions, to a gradient norm near the rounding of f64.
//!
//! Each direction solves ∇²F p = −∇F by conjugate gradients, only as well as it is worth (Nocedal &
//! Wright, *Numerical Optimization*, algorithm 7.1). The line search accepts by Wolfe's conditions or by their
//! approximate form (Hager & Zhang, SIAM J. Optim. 2005), which still works where the decrease of the function drowns in
//! rounding but its slope does not.

/// A twice differentiable convex function that is asked about one point at a time.
pub(crate) trait Convex {
    /// Moves to `x`; answers F(x) and writes ∇F(x).
    fn visit(&mut self, x: &[f64], gradient: &mut [f64]) -> f64;
    /// Gets ready for [`Self::curve`] at the point visited last.
    fn settle(&mut self);
    /// Writes ∇²F · `v` at the point that was settled on.
    fn curve(&mut self, v: &[f64], product: &mut [f64]);
    /// Writes what is known of (∇²F)⁻¹ · `residual` without a pass over the data: symmetric and positive.
    fn precondition(&self, residual: &[f64], answer: &mut [f64]);
}

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stop {
    /// Norm of the gradient that is small enough.
    pub(crate) tolerance: f64,
    /// Passes over the data after which to give up.
    pub(crate) passes_max: u32,
}

/// How a minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Finish {
    /// Norm of the gradient at the answer.
    pub(crate) gradient_norm: f64,
    /// Gradients and curvature products that were computed.
    pub(crate) passes: u32,
}

const ARMIJO: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
/// Slack of function values in the approximate conditions, relative.
const ROUNDING: f64 = 1e-12;
/// A direction's residual, relative to the gradient: at most the second, less as the gradient vanishes, and never less
/// than products in single precision are good for.
const FORCING: (f64, f64) = (1e-3, 0.1);

/// Minimises `function` from `x`, leaving the answer in `x`.
pub(crate) fn minimize(x: &mut [f64], stop: Stop, function: &mut impl Convex) -> Finish {
    let mut here = Point { x: x.to_vec(), value: 0.0, gradient: vec![0.0; x.len()] };
    here.value = function.visit(&here.x, &mut here.gradient);
    let mut passes = 1;
    loop {
        let gradient_norm = norm(&here.gradient);
        let enough =
            gradient_norm <= stop.tolerance || passes >= stop.passes_max || !gradient_norm.is_finite();
        let next = if enough {
            None
        } else {
            function.settle();
            let direction = direction(&here.gradient, stop, function, &mut passes);
            search(&here, &direction, &mut passes, function)
        };
        // Done, or no step improves on this point: rounding is all that is left.
        let Some(there) = next else {
            x.copy_from_slice(&here.x);
            return Finish { gradient_norm, passes };
        };
        here = there;
    }
}

#[derive(Debug, Clone)]
struct Point {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

/// An approximate solution p of ∇²F p = −∇F by preconditioned conjugate gradients; always a direction of descent.
fn direction(gradient: &[f64], stop: Stop, function: &mut impl Convex, passes: &mut u32) -> Vec<f64> {
    let gradient_norm = norm(gradient);
    // A tenth of the final tolerance: the last direction should not have to be followed by another.
    let enough = (gradient_norm.sqrt().clamp(FORCING.0, FORCING.1) * gradient_norm).max(0.1 * stop.tolerance);
    let mut p = vec![0.0; gradient.len()];
    let mut r: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut z = vec![0.0; r.len()];
    function.precondition(&r, &mut z);
    let mut conjugate = z.clone();
    let mut product = vec![0.0; r.len()];
    let mut squared = dot(&r, &z);
    for _ in 0..2 * gradient.len().min(500) {
        function.curve(&conjugate, &mut product);
        *passes += 1;
        let curvature = dot(&conjugate, &product);
        if curvature <= 0.0 || !curvature.is_finite() {
            break; // Flat to rounding: what there is so far is a direction of descent.
        }
        let step = squared / curvature;
        add(&mut p, step, &conjugate);
        add(&mut r, -step, &product);
        if norm(&r) <= enough || *passes >= stop.passes_max {
            break;
        }
        function.precondition(&r, &mut z);
        let next = dot(&r, &z);
        let beta = next / squared;
        conjugate.iter_mut().zip(&z).for_each(|(c, z)| *c = z + beta * *c);
        squared = next;
    }
    if dot(&p, gradient) < 0.0 { p } else { gradient.iter().map(|g| -g).collect() }
}

/// A point along `direction` that satisfies Wolfe's conditions, found by bracketing and secant steps on the slope.
fn search(from: &Point, direction: &[f64], passes: &mut u32, function: &mut impl Convex) -> Option<Point> {
    let slope = dot(&from.gradient, direction);
    let slack = ROUNDING * from.value.abs();
    let (mut low, mut high) = ((0.0, slope), None::<(f64, f64)>);
    let mut step = 1.0;
    let mut there = from.clone();
    for _ in 0..60 {
        there.x.clone_from(&from.x);
        add(&mut there.x, step, direction);
        there.value = function.visit(&there.x, &mut there.gradient);
        *passes += 1;
        let new_slope = dot(&there.gradient, direction);
        let decreased = there.value <= from.value + ARMIJO * step * slope;
        let nearly = there.value <= from.value + slack && new_slope <= -0.8 * slope;
        if !(decreased || nearly) || !there.value.is_finite() {
            high = Some((step, new_slope));
        } else if new_slope < CURVATURE * slope {
            low = (step, new_slope);
        } else {
            return Some(there);
        }
        step = match high {
            None => step * (1.0 + (new_slope / (slope - new_slope)).clamp(1.0, 9.0)),
            Some(high) => between(low, high),
        };
    }
    None
}

/// Where the slope, taken as linear between two steps, vanishes; kept inside the middle 80 % of the bracket.
fn between((low, low_slope): (f64, f64), (high, high_slope): (f64, f64)) -> f64 {
    let width = high - low;
    let secant = low - low_slope * width / (high_slope - low_slope);
    if secant.is_finite() { secant.clamp(low + 0.1 * width, high - 0.1 * width) } else { low + 0.5 * width }
}

/// Eight running sums: a fixed order that still fills vector registers.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_eights, a_rest) = a.as_chunks::<8>();
    let (b_eights, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a_eights.iter().zip(b_eights) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Σ sₖ (xₖ − k)² + (xₖ − k)⁴ / 10 with scales over several orders of magnitude.
    struct Quartic {
        at: Vec<f64>,
    }

    impl Quartic {
        fn scale(k: usize) -> f64 {
            10_f64.powf(k as f64 / 8.0)
        }
    }

    impl Convex for Quartic {
        fn visit(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
            self.at = x.to_vec();
            let mut value = 0.0;
            for (k, (x, g)) in x.iter().zip(gradient).enumerate() {
                let r = x - k as f64;
                value += Self::scale(k) * r * r + 0.1 * r.powi(4);
                *g = 2.0 * Self::scale(k) * r + 0.4 * r.powi(3);
            }
            value
        }

        fn settle(&mut self) {}

        fn curve(&mut self, v: &[f64], product: &mut [f64]) {
            for (k, product) in product.iter_mut().enumerate() {
                *product = (2.0 * Self::scale(k) + 1.2 * (self.at[k] - k as f64).powi(2)) * v[k];
            }
        }

        fn precondition(&self, residual: &[f64], answer: &mut [f64]) {
            for (k, answer) in answer.iter_mut().enumerate() {
                *answer = residual[k] / Self::scale(k);
            }
        }
    }

    fn solve(stop: Stop) -> (Vec<f64>, Finish) {
        let mut x = vec![3.0; 30];
        let finish = minimize(&mut x, stop, &mut Quartic { at: Vec::new() });
        (x, finish)
    }

    #[test]
    fn a_badly_scaled_quartic_is_solved_to_the_tolerance() {
        let (x, finish) = solve(Stop { tolerance: 1e-10, passes_max: 5000 });
        assert!(finish.gradient_norm <= 1e-10, "{finish:?}");
        assert!(x.iter().enumerate().all(|(k, x)| (x - k as f64).abs() < 1e-9));
    }

    #[test]
    fn the_budget_of_passes_is_kept() {
        let (_, finish) = solve(Stop { tolerance: 0.0, passes_max: 7 });
        assert!(finish.passes <= 7 + 60, "{finish:?}");
    }
}
