//! Models, and how their answers are judged.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    Dataset,
    kernel::{self, Design, Link},
};

/// What maps an input to outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Softmax regression: Wᵀx + b are logits, the loss is cross-entropy.
    Softmax,
    /// Linear regression: Wᵀx + b are the answer, the loss is half the squared error.
    Linear,
}

/// A kind of model with its sizes. Parameters are W and then b: shape (inputs + 1, outputs), row after row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// What it computes.
    pub kind: Kind,
    /// Length of an input.
    pub inputs: usize,
    /// Length of an answer; classes.
    pub outputs: usize,
}

impl Model {
    /// Number of parameters, d.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }

    /// Parameters uniform in ± 1/√inputs, `PyTorch`'s choice for a linear layer.
    pub(crate) fn uniform(&self, stream: &mut ChaCha8Rng) -> Vec<f64> {
        let bound = (self.inputs as f64).sqrt().recip();
        (0..self.dimension()).map(|_| stream.random_range(-bound..bound)).collect()
    }

    pub(crate) const fn link(&self) -> Link {
        match self.kind {
            Kind::Softmax => Link::Softmax,
            Kind::Linear => Link::Identity,
        }
    }
}

/// Inputs that models are asked about again and again.
#[derive(Debug)]
pub struct Exam {
    questions: Design<f32>,
}

impl Exam {
    /// The inputs of `data`; its targets are not looked at.
    #[must_use]
    pub fn new(data: &Dataset) -> Self {
        Self { questions: Design::new(data) }
    }

    /// The class that a model with these parameters gives each input: the largest output, the first of equals.
    ///
    /// # Panics
    /// When `theta` does not fit the inputs.
    #[must_use]
    pub fn answers(&self, theta: &[f32]) -> Vec<u8> {
        assert_eq!(
            theta.len(),
            (self.questions.width + 1) * self.questions.outputs,
            "parameters of this model"
        );
        let theta: Vec<f64> = theta.iter().copied().map(f64::from).collect();
        kernel::predictions(&self.questions, &theta)
    }
}

/// Fraction of `answers` that equal `labels`; 0 of none.
#[must_use]
pub fn accuracy(answers: &[u8], labels: &[u8]) -> f64 {
    let right = answers.iter().zip(labels).filter(|(answer, label)| answer == label).count();
    right as f64 / labels.len().max(1) as f64
}
