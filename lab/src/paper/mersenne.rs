//! The numbers that the published code drew: a layer's start from its generator.
//!
//! MT19937; a float in [0, 1) is the lower 24 of 32 bits. A linear layer draws its weights, one output after another, and
//! then its biases, all uniform in ± 1/√inputs. With its seed, 999, and two layers drawn (the common model, and the only
//! user's), the target of the published runs is learned again from where it was.

use learning::Model;
use rand_mt::Mt;

/// The generator.
#[derive(Debug)]
pub(super) struct Mersenne(Mt);

impl Mersenne {
    pub(super) fn new(seed: u32) -> Self {
        Self(Mt::new(seed))
    }

    /// Parameters of a linear model in our order, input after input, the bias last.
    pub(super) fn linear(&mut self, model: &Model) -> Vec<f64> {
        let bound = (model.inputs as f32).sqrt().recip();
        let mut uniform = || (self.0.next_u32() & 0x00ff_ffff) as f32 / 16_777_216.0 * (2.0 * bound) - bound;
        let mut theta = vec![0.0; model.dimension()];
        for output in 0..model.outputs {
            for input in 0..model.inputs {
                theta[input * model.outputs + output] = f64::from(uniform());
            }
        }
        for bias in &mut theta[model.inputs * model.outputs..] {
            *bias = f64::from(uniform());
        }
        theta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_common_model_starts_with_the_norm_that_it_had() {
        let model = Model { kind: learning::model::Kind::Softmax, inputs: 784, outputs: 10 };
        let start = Mersenne::new(999).linear(&model);
        let norm = start.iter().map(|t| t * t).sum::<f64>().sqrt();
        assert!((norm - 1.837_259).abs() < 1e-6, "{norm}");
    }
}
