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
    /// `None` until whoever goes on has made them.
    made: Option<Preconditioner>,
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
            factors.made = loss.preconditioner(&loss.curvature(&factors.theta), factors.pull);
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
            if let Some(made) = self.loss.preconditioner(&self.curvature, pull) {
                *self.factors = Some(Factors { theta: self.theta.clone(), pull, made: Some(made) });
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Model, Precision,
        data::Source,
        model::Kind::{Linear, Softmax},
    };

    /// Without what the classes share divided out the factors of a softmax would be no help.
    #[test]
    fn factors_cut_the_products_by_more_than_half() {
        let data = Source::Digits.train(None).unwrap().select(&(0..400).collect::<Vec<_>>());
        for (kind, regularizer) in [
            (Softmax, Regularizer { kind: Kind::SquaredL2, lambda: 1e-3 }),
            (Linear, Regularizer { kind: Kind::SmoothL2, lambda: 1.0 }),
        ] {
            let model = Model { kind, inputs: 64, outputs: 10 };
            let loss = Loss::new(&model, &data, 1e-4, 1.0, Precision::Double);
            let rho = |by: f64| -> Vec<f64> { (0..650).map(|k| by * f64::from(k).sin()).collect() };
            let mut with = Exact::new(vec![0.0; 650], 1e-7);
            with.solve(&rho(0.3), &loss, regularizer);
            assert!(with.factors.is_some(), "{kind}");
            let mut without = Exact::new(with.theta.clone(), 1e-7);
            let [few, many] =
                [&mut with, &mut without].map(|user| user.solve(&rho(0.31), &loss, regularizer));
            assert!(few.gradient_norm <= 1e-7 && many.gradient_norm <= 1e-7, "{kind}: {few:?} {many:?}");
            assert!(2 * few.passes < many.passes, "{kind}: {few:?} {many:?}");
        }
    }
}
