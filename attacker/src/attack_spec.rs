//! Every attack by its name in a scenario, with its parameters and what it has to know.

use std::path::PathBuf;

use attacks::{Direction, Flip, Knowledge};
use serde::{Deserialize, Serialize};

/// What an attacker does. Formulas and sources stand in the files of the crate `attacks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AttackSpec {
    /// Steers the common model to the target, from what every worker sees.
    CounterGradient {},
    /// The same, to bring the honest users' own models there; under squared-l2.
    LocalCounterGradient {},
    /// Follows the protocol with the local model frozen at the array `theta` of an `.npz` file.
    Model {
        /// The file.
        file: PathBuf,
    },
    /// No liar at all: an honest worker process that holds the rows of this file.
    Data {
        /// The file, `.npz` or `.csv`.
        file: PathBuf,
        /// The local model to start from, the array `theta` of an `.npz` file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<PathBuf>,
    },
    /// Minus the mean of the rows it knows; of its own, when it knows no other.
    SignFlip {},
    /// −τ times that mean.
    Ipm {
        /// τ
        #[serde(default = "two")]
        tau: f64,
    },
    /// A little is enough.
    Alie {
        /// mean + τ · std; without it the published mean − z · std.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tau: Option<f64>,
    },
    /// −τ times the mean, τ found by a line search against the server's rule.
    OptimalIpm {
        /// Evaluations of the rule.
        #[serde(default = "twenty")]
        evaluations: usize,
        /// How.
        #[serde(default)]
        search: SearchName,
    },
    /// mean + τ · std, τ found by a line search against the server's rule.
    OptimalAlie {
        /// Evaluations of the rule.
        #[serde(default = "twenty")]
        evaluations: usize,
        /// How.
        #[serde(default)]
        search: SearchName,
    },
    /// Copies one honest worker.
    Mimic {
        /// Its rank; without it the one that stands out most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<usize>,
        /// Rounds in which that is found out.
        #[serde(default = "fifty")]
        warmup: u32,
    },
    /// As far out as honest rows are from each other.
    MinMax {
        /// Which way.
        #[serde(default)]
        direction: Direction,
    },
    /// As far out as honest rows are from all others.
    MinSum {
        /// Which way.
        #[serde(default)]
        direction: Direction,
    },
    /// Beyond the honest values of every coordinate.
    FangTrimmedMean {
        /// Up to this many times, above 1.
        #[serde(default = "two")]
        b: f64,
    },
    /// The farthest row that Krum would still pick.
    FangKrum {},
    /// Gaussian noise instead of a row.
    Gaussian {
        /// Mean.
        #[serde(default)]
        mu: f64,
        /// Standard deviation.
        #[serde(default = "one")]
        sigma: f64,
    },
    /// +∞ everywhere.
    Infinity {},
    /// NaN everywhere.
    Nan {},
    /// 0 everywhere.
    Zero {},
    /// An honest learner whose labels are changed.
    LabelFlip {
        /// How.
        #[serde(default = "reverse")]
        flip: Flip,
    },
    /// An honest learner whose rows partly carry a trigger with a label of the liar's choice.
    Backdoor {
        /// Side of the trigger, pixels.
        #[serde(default = "pixels")]
        size: usize,
        /// The label it means.
        #[serde(default)]
        target: u8,
        /// Part of the rows that carry it.
        #[serde(default = "half")]
        share: f64,
        /// What the row is multiplied by.
        #[serde(default = "one")]
        boost: f64,
    },
    /// Another attack, by liars who all say something else and mean the same.
    Collude {
        /// The attack.
        attack: Box<AttackSpec>,
        /// How far apart, in honest standard deviations.
        #[serde(default = "half")]
        spread: f64,
    },
}

/// Which line search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SearchName {
    /// Both directions, in brackets.
    #[default]
    Bracketed,
    /// `ByzFL`'s, upwards from 0 by steps of 10.
    Byzfl,
}

const fn one() -> f64 {
    1.0
}

const fn two() -> f64 {
    2.0
}

const fn half() -> f64 {
    0.5
}

const fn twenty() -> usize {
    20
}

const fn fifty() -> u32 {
    50
}

const fn pixels() -> usize {
    2
}

const fn reverse() -> Flip {
    Flip::Reverse
}

/// An attack cannot be run as it is said.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidAttack {
    /// It needs to know more than it is granted.
    #[error("`{attack}` needs knowledge = \"{needs}\", the scenario grants \"{granted}\"")]
    Knowledge {
        /// The attack
        attack: String,
        /// What it needs
        needs: Knowledge,
        /// What it is granted
        granted: Knowledge,
    },
    /// A parameter is out of its range.
    #[error("{name} of `{attack}` is {value}, expected {expected}")]
    Parameter {
        /// The attack
        attack: String,
        /// The parameter
        name: &'static str,
        /// What was given
        value: f64,
        /// The range
        expected: &'static str,
    },
    /// Changes of the attack are out of order.
    #[error("the change of attack at round {from} is not after round {after}")]
    Order {
        /// The round of the change
        from: u32,
        /// What it has to come after
        after: u32,
    },
    /// An honest process cannot turn into a liar or sleep: it is another program.
    #[error("`data` is an honest worker with a file: it can neither sleep nor change its attack")]
    HonestProcess,
}

impl AttackSpec {
    /// Its name in a scenario.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CounterGradient {} => "counter-gradient",
            Self::LocalCounterGradient {} => "local-counter-gradient",
            Self::Model { .. } => "model",
            Self::Data { .. } => "data",
            Self::SignFlip {} => "sign-flip",
            Self::Ipm { .. } => "ipm",
            Self::Alie { .. } => "alie",
            Self::OptimalIpm { .. } => "optimal-ipm",
            Self::OptimalAlie { .. } => "optimal-alie",
            Self::Mimic { .. } => "mimic",
            Self::MinMax { .. } => "min-max",
            Self::MinSum { .. } => "min-sum",
            Self::FangTrimmedMean { .. } => "fang-trimmed-mean",
            Self::FangKrum {} => "fang-krum",
            Self::Gaussian { .. } => "gaussian",
            Self::Infinity {} => "infinity",
            Self::Nan {} => "nan",
            Self::Zero {} => "zero",
            Self::LabelFlip { .. } => "label-flip",
            Self::Backdoor { .. } => "backdoor",
            Self::Collude { .. } => "collude",
        }
    }

    /// The least that it has to know.
    #[must_use]
    pub fn needs(&self) -> Knowledge {
        match self {
            Self::Alie { .. }
            | Self::MinMax { .. }
            | Self::MinSum { .. }
            | Self::FangTrimmedMean { .. }
            | Self::FangKrum {} => Knowledge::Colluders,
            Self::OptimalIpm { .. } | Self::OptimalAlie { .. } | Self::Mimic { .. } => Knowledge::Omniscient,
            Self::Collude { attack, .. } => attack.needs().max(Knowledge::Colluders),
            _ => Knowledge::Own,
        }
    }

    /// Whether it looks at rows at all.
    #[must_use]
    pub fn reads_rows(&self) -> bool {
        self.needs() > Knowledge::Own || matches!(self, Self::SignFlip {} | Self::Ipm { .. })
    }

    /// Whether it is an honest learner on data of its own that it changes.
    #[must_use]
    pub fn spoils_data(&self) -> bool {
        match self {
            Self::LabelFlip { .. } | Self::Backdoor { .. } => true,
            Self::Collude { attack, .. } => attack.spoils_data(),
            _ => false,
        }
    }

    /// Whether all liars of a group send the same.
    #[must_use]
    pub const fn is_uniform(&self) -> bool {
        !matches!(
            self,
            Self::Collude { .. }
                | Self::FangTrimmedMean { .. }
                | Self::Gaussian { .. }
                | Self::LabelFlip { .. }
                | Self::Backdoor { .. }
                // Each compares the movement with its own row.
                | Self::CounterGradient {}
                | Self::LocalCounterGradient {}
        )
    }

    /// Answers what is wrong with it under `granted` knowledge.
    ///
    /// # Errors
    /// When something is.
    pub fn check(&self, granted: Knowledge) -> Result<(), InvalidAttack> {
        let (attack, needs) = (self.name().to_owned(), self.needs());
        if needs > granted {
            return Err(InvalidAttack::Knowledge { attack, needs, granted });
        }
        let range = |name, value: f64, fine: bool, expected| match fine && value.is_finite() {
            true => Ok(()),
            false => Err(InvalidAttack::Parameter { attack: self.name().to_owned(), name, value, expected }),
        };
        match self {
            Self::Ipm { tau } | Self::Alie { tau: Some(tau) } => range("tau", *tau, true, "a number"),
            Self::FangTrimmedMean { b } => range("b", *b, *b > 1.0, "a number above 1"),
            Self::Gaussian { mu, sigma } => {
                range("mu", *mu, true, "a number")?;
                range("sigma", *sigma, *sigma >= 0.0, "zero or a positive number")
            }
            Self::OptimalIpm { evaluations, .. } | Self::OptimalAlie { evaluations, .. } => {
                range("evaluations", *evaluations as f64, *evaluations > 0, "at least 1")
            }
            Self::Backdoor { share, boost, .. } => {
                range("share", *share, (0.0..=1.0).contains(share), "a number from 0 to 1")?;
                range("boost", *boost, true, "a number")
            }
            Self::Collude { attack, spread } => {
                range("spread", *spread, *spread >= 0.0, "zero or a positive number")?;
                attack.check(granted)
            }
            _ => Ok(()),
        }
    }

    /// Files it names.
    #[must_use]
    pub fn files(&self) -> Vec<&PathBuf> {
        match self {
            Self::Model { file } => vec![file],
            Self::Data { file, start } => std::iter::once(file).chain(start).collect(),
            Self::Collude { attack, .. } => attack.files(),
            _ => Vec::new(),
        }
    }
}
