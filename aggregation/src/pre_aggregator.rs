//! What mixes the rows before the rule sees them.

use std::fmt;

use crate::{
    ParsePipelineError, Refusal,
    catalogue::named,
    grammar::{Stage, positive},
};

/// A stage that makes rows out of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PreAggregator {
    /// Each row becomes the mean of the n − f rows nearest to it.
    Nnm,
    /// Means of s rows each, drawn by lot every round.
    Bucketing {
        /// Rows a bucket.
        s: usize,
    },
    /// Rows longer than c are shortened to c.
    Clipping {
        /// The largest norm that stays.
        c: f64,
    },
    /// The longest rows are shortened to the norm of the longest that stays.
    Arc,
}

impl PreAggregator {
    pub(crate) fn of(stage: &Stage<'_>) -> Result<Self, ParsePipelineError> {
        Ok(match stage.entry.name {
            "nnm" => Self::Nnm,
            "bucketing" => {
                Self::Bucketing { s: stage.value("s", "a whole number of at least 1", |&s: &usize| s >= 1)? }
            }
            "clipping" => {
                Self::Clipping { c: stage.value("c", "a positive number", |&value| positive(value))? }
            }
            "arc" => Self::Arc,
            rule => return Err(ParsePipelineError::RuleBeforeEnd(rule)),
        })
    }

    /// Its name in the catalogue.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nnm => "nnm",
            Self::Bucketing { .. } => "bucketing",
            Self::Clipping { .. } => "clipping",
            Self::Arc => "arc",
        }
    }

    /// How many rows it makes of `n`.
    ///
    /// # Errors
    /// When it is not defined for `n` and `f`.
    pub fn check(&self, n: usize, f: usize) -> Result<usize, Refusal> {
        match self {
            _ if n == 0 => Err(Refusal::NoRows),
            Self::Nnm | Self::Arc if f >= n => {
                let (stage, needs) = (self.name(), "n > f");
                Err(Refusal::TooManyByzantine { stage, needs, n, f, f_max: n - 1 })
            }
            Self::Bucketing { s } => Ok(n.div_ceil(*s)),
            _ => Ok(n),
        }
    }

    /// κ of a rule of `kappa` behind this stage, where that is known.
    pub(crate) fn kappa_bound(&self, kappa: f64, n: usize, f: usize) -> Option<f64> {
        let (n, f) = (n as f64, f as f64);
        match self {
            Self::Nnm => Some(8.0 * f / (n - f) * (kappa + 1.0)),
            Self::Arc => Some(kappa + 2.0 * f / (n - 2.0 * f)),
            Self::Bucketing { s: 1 } => Some(kappa),
            Self::Bucketing { .. } | Self::Clipping { .. } => None,
        }
    }
}

impl fmt::Display for PreAggregator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = match self {
            Self::Nnm | Self::Arc => vec![],
            Self::Bucketing { s } => vec![s.to_string()],
            Self::Clipping { c } => vec![c.to_string()],
        };
        named(f, self.name(), &parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bucket_may_be_short() {
        let rows = |n, s| PreAggregator::Bucketing { s }.check(n, 1);
        assert_eq!((rows(10, 3), rows(10, 1), rows(10, 11)), (Ok(4), Ok(10), Ok(1)));
    }

    #[test]
    fn mixing_neighbours_needs_one_honest_row() {
        assert_eq!(PreAggregator::Nnm.check(3, 2), Ok(3));
        let refusal = PreAggregator::Nnm.check(3, 3).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "nnm needs n > f: of 3 rows at most 2 may be Byzantine, f = 3 was declared"
        );
        assert_eq!(PreAggregator::Arc.check(0, 0), Err(Refusal::NoRows));
    }
}
