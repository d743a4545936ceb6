//! One step of gradient descent: the same three optimisers for the server's model and for a worker's own.
//!
//! Vectors are f32, arithmetic is f64, coordinates are independent: the result does not depend on who runs it.

mod schedule;

pub use schedule::{InvalidSchedule, Schedule};
use serde::{Deserialize, Serialize};

/// Which step to take; the learning rate comes from a [`Schedule`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Method {
    /// x ← x − η g
    Sgd,
    /// m ← β m + g, x ← x − η m (Polyak, as in PyTorch without dampening)
    Momentum {
        /// β in [0, 1)
        #[serde(default = "default_beta1")]
        beta: f64,
    },
    /// Kingma & Ba, ICLR 2015, algorithm 1, with bias correction
    Adam {
        /// Decay of the first moment, in [0, 1)
        #[serde(default = "default_beta1")]
        beta1: f64,
        /// Decay of the second moment, in [0, 1)
        #[serde(default = "default_beta2")]
        beta2: f64,
        /// Added to the root of the second moment
        #[serde(default = "default_epsilon")]
        epsilon: f64,
    },
}

const fn default_beta1() -> f64 {
    0.9
}

const fn default_beta2() -> f64 {
    0.999
}

const fn default_epsilon() -> f64 {
    1e-8
}

impl Method {
    /// Adam with its published constants.
    #[must_use]
    pub const fn adam() -> Self {
        Self::Adam { beta1: default_beta1(), beta2: default_beta2(), epsilon: default_epsilon() }
    }

    /// Answers the first constant that is out of its range.
    ///
    /// # Errors
    /// When a decay is outside [0, 1) or epsilon is not positive.
    pub fn check(&self) -> Result<(), InvalidMethod> {
        let decay = |name, value: f64| match (0.0..1.0).contains(&value) {
            true => Ok(()),
            false => Err(InvalidMethod::Decay { name, value }),
        };
        match *self {
            Self::Sgd => Ok(()),
            Self::Momentum { beta } => decay("beta", beta),
            Self::Adam { beta1, beta2, epsilon } => {
                decay("beta1", beta1)?;
                decay("beta2", beta2)?;
                if epsilon > 0.0 && epsilon.is_finite() {
                    Ok(())
                } else {
                    Err(InvalidMethod::Epsilon(epsilon))
                }
            }
        }
    }
}

/// A constant of an optimiser is out of range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidMethod {
    /// A decay is outside [0, 1).
    #[error("{name} is {value}, expected a number from 0 to below 1")]
    Decay {
        /// The constant's name
        name: &'static str,
        /// What was given
        value: f64,
    },
    /// Epsilon is not positive.
    #[error("epsilon is {0}, expected a positive number")]
    Epsilon(f64),
}

/// A method with what it remembers between steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    method: Method,
    state: State,
}

/// What a step leaves behind, as a checkpoint stores it: empty vectors where the method keeps none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Steps taken.
    pub steps: u32,
    /// First moment, or momentum.
    pub first: Vec<f32>,
    /// Second moment.
    pub second: Vec<f32>,
}

impl Optimizer {
    /// An optimiser for vectors of length `dimension` that has taken no step.
    #[must_use]
    pub fn new(method: Method, dimension: usize) -> Self {
        let zeros = |needed: bool| if needed { vec![0.0; dimension] } else { Vec::new() };
        let first = zeros(!matches!(method, Method::Sgd));
        let second = zeros(matches!(method, Method::Adam { .. }));
        Self { method, state: State { steps: 0, first, second } }
    }

    /// What has to be kept to go on later.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Goes on from a state that [`Self::state`] gave; answers whether it fits this method and dimension.
    #[must_use]
    pub fn restore(&mut self, state: State) -> bool {
        let fits =
            state.first.len() == self.state.first.len() && state.second.len() == self.state.second.len();
        if fits {
            self.state = state;
        }
        fits
    }

    /// Moves `x` against `gradient`, whose every coordinate is first multiplied by `scale`.
    ///
    /// # Panics
    /// When the two have different lengths, or not the length this optimiser was made for.
    pub fn step(&mut self, x: &mut [f32], gradient: &[f32], scale: f64, rate: f64) {
        assert_eq!(x.len(), gradient.len(), "a gradient has the length of its parameters");
        self.state.steps = self.state.steps.saturating_add(1);
        self.advance(0, x, gradient, scale, rate);
    }

    /// The same where `x` stays and what it would become takes the place of the gradient.
    ///
    /// # Panics
    /// As [`Self::step`].
    pub fn replace(&mut self, x: &[f32], gradient: &mut [f32], scale: f64, rate: f64) {
        assert_eq!(x.len(), gradient.len(), "a gradient has the length of its parameters");
        self.state.steps = self.state.steps.saturating_add(1);
        let mut moved = [0.0; 1024];
        let parts = x.chunks(moved.len()).zip(gradient.chunks_mut(1024));
        for (from, (x, gradient)) in (0..).step_by(1024).zip(parts) {
            let moved = &mut moved[..x.len()];
            moved.copy_from_slice(x);
            self.advance(from, moved, gradient, scale, rate);
            gradient.copy_from_slice(moved);
        }
    }

    /// Moves the coordinates from `from` on.
    fn advance(&mut self, from: usize, x: &mut [f32], gradient: &[f32], scale: f64, rate: f64) {
        let State { steps, first, second } = &mut self.state;
        match self.method {
            Method::Sgd => {
                for (x, &g) in x.iter_mut().zip(gradient) {
                    *x = (f64::from(*x) - rate * scale * f64::from(g)) as f32;
                }
            }
            Method::Momentum { beta } => {
                let first = &mut first[from..from + x.len()];
                for ((x, &g), m) in x.iter_mut().zip(gradient).zip(first) {
                    *m = (beta * f64::from(*m) + scale * f64::from(g)) as f32;
                    *x = (f64::from(*x) - rate * f64::from(*m)) as f32;
                }
            }
            Method::Adam { beta1, beta2, epsilon } => {
                let (first, second) = (&mut first[from..from + x.len()], &mut second[from..from + x.len()]);
                let correction = |beta: f64| 1.0 - beta.powf(f64::from(*steps));
                let (c1, c2) = (correction(beta1), correction(beta2));
                for (((x, &g), m), v) in x.iter_mut().zip(gradient).zip(first).zip(second) {
                    let g = scale * f64::from(g);
                    *m = (beta1 * f64::from(*m) + (1.0 - beta1) * g) as f32;
                    *v = (beta2 * f64::from(*v) + (1.0 - beta2) * g * g) as f32;
                    let step = f64::from(*m) / c1 / ((f64::from(*v) / c2).sqrt() + epsilon);
                    *x = (f64::from(*x) - rate * step) as f32;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three steps on gradients 1, -2, 0.5 from x = 1 at rate 0.1; the expected values are the formulas in Python floats.
    fn after_three_steps(method: Method) -> f32 {
        let mut x = [1.0];
        let mut optimizer = Optimizer::new(method, 1);
        for gradient in [1.0, -2.0, 0.5] {
            optimizer.step(&mut x, &[gradient], 1.0, 0.1);
        }
        x[0]
    }

    #[test]
    fn steps_agree_with_the_formulas_worked_out_by_hand() {
        for (method, expected) in
            [(Method::Sgd, 1.05), (Method::Momentum { beta: 0.9 }, 1.059), (Method::adam(), 0.950_279_4)]
        {
            let got = after_three_steps(method);
            assert!((got - expected).abs() < 1e-6, "{method:?}: {got}, expected {expected}");
        }
    }

    #[test]
    fn the_first_step_of_adam_has_the_length_of_the_rate() {
        let mut x = [0.0; 3];
        Optimizer::new(Method::adam(), 3).step(&mut x, &[1e-3, -5.0, 70.0], 1.0, 0.02);
        for (x, expected) in x.iter().zip([-0.02, 0.02, -0.02]) {
            assert!((x - expected).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn what_replaces_the_gradient_is_what_a_step_leads_to() {
        let n = 2500_u16;
        let wave = |k: u16, by: f32| (f32::from(k) * by).sin();
        for method in [Method::Sgd, Method::Momentum { beta: 0.9 }, Method::adam()] {
            let mut stepped: Vec<f32> = (0..n).map(|k| wave(k, 0.3)).collect();
            let mut one = Optimizer::new(method, stepped.len());
            let mut two = one.clone();
            for round in 1..4_u16 {
                let gradient: Vec<f32> = (0..n).map(|k| wave(k, f32::from(round))).collect();
                let mut replaced = gradient.clone();
                two.replace(&stepped, &mut replaced, 0.5, 0.1);
                one.step(&mut stepped, &gradient, 0.5, 0.1);
                assert_eq!((&replaced, &two), (&stepped, &one), "{method:?}");
            }
        }
    }

    #[test]
    fn a_restored_optimizer_goes_on_bit_for_bit() {
        let gradients = [0.3, -0.7, 0.1, 2.0];
        let (mut whole, mut halves) = ([1.0], [1.0]);
        let mut one = Optimizer::new(Method::adam(), 1);
        let mut two = one.clone();
        for (i, &g) in gradients.iter().enumerate() {
            one.step(&mut whole, &[g], 2.0, 0.1);
            if i == 2 {
                let state = two.state().clone();
                two = Optimizer::new(Method::adam(), 1);
                assert!(two.restore(state));
            }
            two.step(&mut halves, &[g], 2.0, 0.1);
        }
        assert_eq!(whole, halves);
        assert!(!Optimizer::new(Method::Sgd, 1).restore(one.state().clone()));
    }

    #[test]
    fn constants_out_of_range_are_refused() {
        assert!(Method::adam().check().is_ok());
        assert!(Method::Momentum { beta: 1.0 }.check().is_err());
        assert!(Method::Momentum { beta: f64::NAN }.check().is_err());
        assert!(Method::Adam { beta1: 0.9, beta2: 0.999, epsilon: 0.0 }.check().is_err());
    }
}
