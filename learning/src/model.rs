//! Models, and how their answers are judged.

use std::{fmt, str::FromStr};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    Dataset,
    kernel::{self, Design},
    mlp::Mlp,
};

/// What maps an input to outputs: `softmax`, `linear`, `mlp(HIDDEN)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Kind {
    /// Softmax regression: Wᵀx + b are logits, the loss is cross-entropy.
    Softmax,
    /// Linear regression: Wᵀx + b are the answer, the loss is half the squared error.
    Linear,
    /// A hidden layer of rectified units, then softmax regression on them.
    Mlp {
        /// Hidden units.
        hidden: usize,
    },
}

/// The text names no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown model `{0}`, expected one of `softmax`, `linear`, `mlp(HIDDEN)`")]
pub struct UnknownModel(String);

impl FromStr for Kind {
    type Err = UnknownModel;

    fn from_str(text: &str) -> Result<Self, UnknownModel> {
        let hidden =
            || text.strip_prefix("mlp(")?.strip_suffix(')')?.parse().ok().filter(|hidden| *hidden > 0);
        match text {
            "softmax" => Ok(Self::Softmax),
            "linear" => Ok(Self::Linear),
            _ => hidden().map(|hidden| Self::Mlp { hidden }).ok_or_else(|| UnknownModel(text.to_owned())),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Softmax => f.write_str("softmax"),
            Self::Linear => f.write_str("linear"),
            Self::Mlp { hidden } => write!(f, "mlp({hidden})"),
        }
    }
}

impl TryFrom<String> for Kind {
    type Error = UnknownModel;

    fn try_from(text: String) -> Result<Self, UnknownModel> {
        text.parse()
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.to_string()
    }
}

/// A kind of model with its sizes. Parameters are W and then b, layer by layer: shape (inputs + 1, outputs), row after row.
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
    pub fn dimension(&self) -> usize {
        self.layers().iter().map(|(inputs, outputs)| (inputs + 1) * outputs).sum()
    }

    /// Inputs and outputs of each layer.
    fn layers(&self) -> Vec<(usize, usize)> {
        match self.kind {
            Kind::Softmax | Kind::Linear => vec![(self.inputs, self.outputs)],
            Kind::Mlp { hidden } => vec![(self.inputs, hidden), (hidden, self.outputs)],
        }
    }

    /// Parameters uniform in ± 1/√inputs of their layer, `PyTorch`'s choice.
    pub(crate) fn uniform(&self, stream: &mut ChaCha8Rng) -> Vec<f64> {
        let layer = |(inputs, outputs): (usize, usize)| {
            let bound = (inputs as f64).sqrt().recip();
            (0..(inputs + 1) * outputs).map(|_| stream.random_range(-bound..bound)).collect::<Vec<_>>()
        };
        self.layers().into_iter().flat_map(layer).collect()
    }
}

/// Inputs that models are asked about again and again.
#[derive(Debug)]
pub struct Exam {
    dimension: usize,
    questions: Questions,
}

#[derive(Debug)]
enum Questions {
    Linear(Design<f32>),
    Mlp(Mlp),
}

impl Exam {
    /// The inputs of `data`, for models like `model`; the targets are not looked at.
    #[must_use]
    pub fn new(model: &Model, data: &Dataset) -> Self {
        let questions = match model.kind {
            Kind::Softmax | Kind::Linear => Questions::Linear(Design::new(data)),
            Kind::Mlp { hidden } => Questions::Mlp(Mlp::new(model, hidden, data)),
        };
        Self { dimension: model.dimension(), questions }
    }

    /// The class that a model with these parameters gives each input: the largest output, the first of equals.
    ///
    /// # Panics
    /// When `theta` does not have the model's length.
    #[must_use]
    pub fn answers(&self, theta: &[f32]) -> Vec<u8> {
        assert_eq!(theta.len(), self.dimension, "parameters of this model");
        match &self.questions {
            Questions::Linear(design) => {
                let theta: Vec<f64> = theta.iter().copied().map(f64::from).collect();
                kernel::predictions(design, &theta)
            }
            Questions::Mlp(mlp) => mlp.predictions(theta),
        }
    }
}

/// Fraction of `answers` that equal `labels`; 0 of none.
#[must_use]
pub fn accuracy(answers: &[u8], labels: &[u8]) -> f64 {
    let right = answers.iter().zip(labels).filter(|(answer, label)| answer == label).count();
    right as f64 / labels.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for name in ["softmax", "linear", "mlp(784)"] {
            assert_eq!(name.parse::<Kind>().unwrap().to_string(), name);
        }
        for name in ["", "mlp", "mlp()", "mlp(0)", "mlp(-1)", "mlp(3", "Softmax"] {
            assert_eq!(name.parse::<Kind>(), Err(UnknownModel(name.to_owned())));
        }
    }

    #[test]
    fn the_published_sizes_come_out() {
        let dimension = |kind| Model { kind, inputs: 784, outputs: 10 }.dimension();
        assert_eq!(dimension(Kind::Softmax), 7850);
        assert_eq!(dimension(Kind::Mlp { hidden: 784 }), 623_290);
    }
}
