//! The formal local solver: minimise L(θ) + R(ρ, θ) to a gradient norm, from where the last round left off.

use crate::{
    Loss, Memory, Regularizer,
    kernel::Curvature,
    newton::{self, Convex, Finish, Stop},
    preconditioner::Preconditioner,
    regularizer::Kind,
};

/// Passes over the data that one local solve may take: far more than any we have seen.
const PASSES_MAX: u32 = 20_000;

/// Products for one direction above which factors of the second derivative are worth their while, or worth renewing.
const PRODUCTS_MAX: u32 = 30;

/// A local model, kept from one round to the next.
#[derive(Debug)]
pub(crate) struct Exact {
    theta: Vec<f64>,
    tolerance: f64,
    factors: Option<Factors>,
}

/// Factors of the second derivative, and where they are from: whoever goes on makes the same ones.
#[derive(Debug)]
struct Factors {
    theta: Vec<f64>,
    pull: f64,
    made: Option<Preconditioner>,
}

impl Factors {
    fn make(&mut self, loss: &Loss, curvature: &Curvature) {
        self.made = loss.preconditioner(curvature, self.pull);
    }
}

impl Exact {
    pub(crate) const fn new(start: Vec<f64>, tolerance: f64) -> Self {
        Self { theta: start, tolerance, factors: None }
    }

    pub(crate) fn theta(&self) -> &[f64] {
        &self.theta
    }

    pub(crate) fn remember(&self, memory: &mut Memory) {
        memory.put_doubles(&self.theta);
        memory.put_count(self.factors.is_some().into());
        if let Some(Factors { theta, pull, .. }) = &self.factors {
            memory.put_doubles(theta);
            memory.put_doubles(&[*pull]);
        }
    }

    pub(crate) fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        let length = self.theta.len();
        self.theta = memory.doubles(length)?;
        self.factors = match memory.count::<u64>()? {
            0 => None,
            _ => Some(Factors { theta: memory.doubles(length)?, pull: memory.doubles(1)?[0], made: None }),
        };
        Some(())
    }

    /// Fits θ to ρ and answers how that ended.
    pub(crate) fn solve(&mut self, rho: &[f64], loss: &Loss, regularizer: Regularizer) -> Finish {
        if regularizer.kind == Kind::L2 && self.settle_on_kink(rho, loss, regularizer) {
            return Finish { gradient_norm: 0.0, passes: 1 };
        }
        let stop = Stop { tolerance: self.tolerance, passes_max: PASSES_MAX };
        if let Some(factors) = self.factors.as_mut().filter(|factors| factors.made.is_none()) {
            factors.make(loss, &loss.curvature(&factors.theta));
        }
        let mut local = Local {
            loss,
            regularizer,
            rho,
            theta: Vec::new(),
            curvature: Curvature::default(),
            factors: &mut self.factors,
            products: 0,
        };
        newton::minimize(&mut self.theta, stop, &mut local)
    }

    /// λ‖ρ−θ‖ has a kink at θ = ρ, which is the optimum iff ‖∇L(ρ)‖ ≤ λ. Otherwise moves θ below the kink's value, so
    /// that descent from there never meets it.
    fn settle_on_kink(&mut self, rho: &[f64], loss: &Loss, regularizer: Regularizer) -> bool {
        let mut gradient = vec![0.0; rho.len()];
        let at_kink = loss.evaluate(rho, &mut gradient);
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        if norm <= regularizer.lambda {
            self.theta.copy_from_slice(rho);
            return true;
        }
        let mut scratch = vec![0.0; rho.len()];
        let mut total = |theta: &[f64]| loss.evaluate(theta, &mut scratch) + regularizer.value(rho, theta);
        if total(&self.theta) < at_kink {
            return false;
        }
        let mut step = 1.0;
        // The slope along −∇L is λ − ‖∇L‖ < 0, so some step is short enough, and all shorter ones.
        while step > f64::MIN_POSITIVE {
            let there: Vec<f64> = rho.iter().zip(&gradient).map(|(r, g)| r - step / norm * g).collect();
            if total(&there) < at_kink {
                self.theta = there;
                return false;
            }
            step /= 4.0;
        }
        // ‖∇L‖ exceeds λ by rounding only.
        self.theta.copy_from_slice(rho);
        true
    }
}

/// L(θ) + R(ρ, θ) as a function of θ.
struct Local<'a> {
    loss: &'a Loss,
    regularizer: Regularizer,
    rho: &'a [f64],
    theta: Vec<f64>,
    curvature: Curvature,
    factors: &'a mut Option<Factors>,
    /// Since it settled.
    products: u32,
}

impl Convex for Local<'_> {
    fn visit(&mut self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        self.theta = theta.to_vec();
        let value = self.loss.evaluate(theta, gradient);
        let pull = self.regularizer.pull(self.rho, theta);
        for ((g, t), r) in gradient.iter_mut().zip(theta).zip(self.rho) {
            *g += pull * (t - r);
        }
        value + self.regularizer.value(self.rho, theta)
    }

    fn settle(&mut self) {
        self.curvature = self.loss.curvature(&self.theta);
        if std::mem::take(&mut self.products) > PRODUCTS_MAX {
            let pull = self.regularizer.pull(self.rho, &self.theta);
            let factors = self.factors.insert(Factors { theta: self.theta.clone(), pull, made: None });
            factors.make(self.loss, &self.curvature);
        }
    }

    fn curve(&mut self, v: &[f64], product: &mut [f64]) {
        self.products += 1;
        self.loss.curve(&self.curvature, v, product);
        self.regularizer.curve(self.rho, &self.theta, v, product);
    }

    fn precondition(&self, residual: &[f64], answer: &mut [f64]) {
        match self.factors.as_ref().and_then(|factors| factors.made.as_ref()) {
            Some(factors) => factors.solve(residual, answer),
            None => answer.copy_from_slice(residual),
        }
    }
}
