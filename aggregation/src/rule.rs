//! Which rule, with which parameters, and what it needs of n and f.

use std::fmt;

use crate::{
    ParsePipelineError, Refusal,
    catalogue::named,
    grammar::{Stage, positive},
};

/// Whose convention of Krum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KrumVariant {
    /// The paper's: n − f − 2 neighbours, n ≥ 2f + 3, Multi-Krum selects n − f − 2.
    Paper,
    /// ByzFL's: n − f − 1 neighbours, n > 2f, Multi-Krum selects n − f.
    Byzfl,
}

/// Which geometric median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MedianVariant {
    /// The point of least summed distance.
    Converged,
    /// ByzFL's: `steps` averages weighted by 1 / max(distance, `nu`), from the origin.
    Byzfl {
        /// Distances below it count as it.
        nu: f64,
        /// Averages taken.
        steps: usize,
    },
}

/// Whose convention of SignGuard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignVariant {
    /// The paper's: rows are filtered by the norms they came with.
    Paper,
    /// Blades': rows are filtered by their clipped norms, so that none is too long.
    Blades,
}

/// A rule with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Rule {
    /// The mean of all rows.
    #[default]
    Average,
    /// The median of each coordinate.
    Median,
    /// The mean of each coordinate without its f lowest and f highest values.
    TrimmedMean,
    /// The mean of the n − f values of each coordinate nearest to its median.
    Meamed,
    /// The mean of the n − f values of each coordinate nearest to its trimmed mean.
    Phocas,
    /// The row with the nearest neighbours.
    Krum {
        /// Whose convention.
        variant: KrumVariant,
    },
    /// The mean of the m rows with the nearest neighbours.
    MultiKrum {
        /// Whose convention.
        variant: KrumVariant,
        /// Rows selected; the variant's own number by default.
        m: Option<usize>,
    },
    /// Krum again and again, then the values of each coordinate nearest to its median.
    Bulyan,
    /// The point of least summed distance to the rows.
    GeometricMedian {
        /// Which one.
        variant: MedianVariant,
    },
    /// The mean of the n − f rows of least diameter.
    Mda,
    /// The mean of the n − f rows nearest to the trusted one.
    Monna {
        /// Rank of the trusted worker.
        pivot: u32,
    },
    /// The mean of the n − f shortest rows.
    Cge,
    /// The last aggregate, moved by the mean of the shortened differences to it.
    CenteredClipping {
        /// Longest difference that counts in full; the median of the differences by default.
        tau: Option<f64>,
        /// Steps a round.
        steps: usize,
    },
    /// The mean under weights that shrink along the direction of largest variance.
    Caf,
    /// The mean of the n − f rows whose covariance has the least largest eigenvalue.
    Smea,
    /// The mean of the rows that never stick out along the first singular vector of drawn coordinates.
    Dnc {
        /// Draws of coordinates.
        iterations: usize,
        /// Coordinates drawn.
        dimensions: usize,
        /// Rows dropped a draw, as a multiple of f.
        filter: f64,
    },
    /// The mean of the shortened rows whose norms and signs are like the majority's.
    SignGuard {
        /// Whose convention.
        variant: SignVariant,
    },
    /// Rows scaled to the norm of the server's own gradient and weighted by their cosine with it.
    FlTrust {
        /// Rank of the worker whose row is the server's own gradient and has no vote; by default the caller gives one.
        root: Option<u32>,
    },
    /// The mean of the rows, the long ones shortened.
    ClippedMean {
        /// Longest row that counts in full; the median of the norms by default.
        c: Option<f64>,
    },
}

impl Rule {
    pub(crate) fn of(stage: &Stage<'_>) -> Result<Self, ParsePipelineError> {
        let krum = || {
            let byzfl: String = stage.value("variant", "paper or byzfl", |v| v == "paper" || v == "byzfl")?;
            Ok(if byzfl == "byzfl" { KrumVariant::Byzfl } else { KrumVariant::Paper })
        };
        let one = "a whole number of at least 1";
        let count = |name| stage.value(name, one, |&value: &usize| value >= 1);
        let radius = |name| stage.optional(name, "a positive number or auto", |&value| positive(value));
        Ok(match stage.entry.name {
            "median" => Self::Median,
            "trimmed-mean" => Self::TrimmedMean,
            "meamed" => Self::Meamed,
            "phocas" => Self::Phocas,
            "krum" => Self::Krum { variant: krum()? },
            "multi-krum" => {
                let m = stage.optional("m", "a whole number of at least 1 or auto", |&m: &usize| m >= 1)?;
                Self::MultiKrum { variant: krum()?, m }
            }
            "bulyan" => Self::Bulyan,
            "geometric-median" => Self::GeometricMedian { variant: geometric_median(stage)? },
            "mda" => Self::Mda,
            "monna" => Self::Monna { pivot: stage.value("pivot", "the rank of a worker", |_| true)? },
            "cge" => Self::Cge,
            "centered-clipping" => Self::CenteredClipping { tau: radius("tau")?, steps: count("steps")? },
            "caf" => Self::Caf,
            "smea" => Self::Smea,
            "dnc" => Self::Dnc {
                iterations: count("iterations")?,
                dimensions: count("dimensions")?,
                filter: stage.value("filter", "a positive number", |&value| positive(value))?,
            },
            "sign-guard" => {
                let variant: String =
                    stage.value("variant", "paper or blades", |v| v == "paper" || v == "blades")?;
                let blades = variant == "blades";
                Self::SignGuard { variant: if blades { SignVariant::Blades } else { SignVariant::Paper } }
            }
            "fltrust" => {
                Self::FlTrust { root: stage.optional("root", "the rank of a worker or auto", |_| true)? }
            }
            "clipped-mean" => Self::ClippedMean { c: radius("c")? },
            _ => Self::Average,
        })
    }

    /// Its name in the catalogue.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Average => "average",
            Self::Median => "median",
            Self::TrimmedMean => "trimmed-mean",
            Self::Meamed => "meamed",
            Self::Phocas => "phocas",
            Self::Krum { .. } => "krum",
            Self::MultiKrum { .. } => "multi-krum",
            Self::Bulyan => "bulyan",
            Self::GeometricMedian { .. } => "geometric-median",
            Self::Mda => "mda",
            Self::Monna { .. } => "monna",
            Self::Cge => "cge",
            Self::CenteredClipping { .. } => "centered-clipping",
            Self::Caf => "caf",
            Self::Smea => "smea",
            Self::Dnc { .. } => "dnc",
            Self::SignGuard { .. } => "sign-guard",
            Self::FlTrust { .. } => "fltrust",
            Self::ClippedMean { .. } => "clipped-mean",
        }
    }

    /// Values of its parameters, in the catalogue's order.
    fn parameters(&self) -> Vec<String> {
        let auto = |value: Option<f64>| value.map_or("auto".to_owned(), |value| value.to_string());
        match self {
            Self::Krum { variant } => vec![variant.to_string()],
            Self::MultiKrum { variant, m } => {
                vec![variant.to_string(), m.map_or("auto".to_owned(), |m| m.to_string())]
            }
            Self::GeometricMedian { variant: MedianVariant::Byzfl { nu, steps } } => {
                vec!["byzfl".to_owned(), nu.to_string(), steps.to_string()]
            }
            Self::Monna { pivot } => vec![pivot.to_string()],
            Self::FlTrust { root } => vec![root.map_or("auto".to_owned(), |root| root.to_string())],
            Self::CenteredClipping { tau, steps } => vec![auto(*tau), steps.to_string()],
            Self::Dnc { iterations, dimensions, filter } => {
                vec![iterations.to_string(), dimensions.to_string(), filter.to_string()]
            }
            Self::SignGuard { variant: SignVariant::Blades } => vec!["blades".to_owned()],
            Self::ClippedMean { c } => vec![auto(*c)],
            _ => vec![],
        }
    }

    /// Whether the rule is defined for `n` rows of which `f` may be Byzantine.
    ///
    /// # Errors
    /// When it needs more rows, or fewer liars.
    pub fn check(&self, n: usize, f: usize) -> Result<(), Refusal> {
        let stage = self.name();
        if n == 0 {
            return Err(Refusal::NoRows);
        }
        let (needs, least, per_liar) = match self {
            Self::Average => return Ok(()),
            Self::FlTrust { root: None } => ("n > f", 1, 1),
            Self::FlTrust { root: Some(_) } => ("n > f beside its root", 1, 1),
            Self::Bulyan => ("n >= 4f + 3", 3, 4),
            Self::Krum { variant: KrumVariant::Paper }
            | Self::MultiKrum { variant: KrumVariant::Paper, .. } => ("n >= 2f + 3", 3, 2),
            _ => ("n > 2f", 1, 2),
        };
        let Some(f_max) = n.checked_sub(least).map(|spare| spare / per_liar) else {
            return Err(Refusal::TooFewRows { stage, needs, n, f });
        };
        if f > f_max {
            return Err(Refusal::TooManyByzantine { stage, needs, n, f, f_max });
        }
        match self {
            Self::MultiKrum { variant, m: Some(m) } if *m > variant.most(n, f) => {
                Err(Refusal::Selection { stage, got: *m, n, f, max: variant.most(n, f) })
            }
            Self::Dnc { filter, .. } if (filter * f as f64) as usize >= n => {
                let got = (filter * f as f64) as usize;
                Err(Refusal::Selection { stage, got, n, f, max: n - 1 })
            }
            _ => Ok(()),
        }
    }

    /// The rank whose row the rule trusts.
    #[must_use]
    pub fn trusted(&self) -> Option<u32> {
        match self {
            Self::Monna { pivot } => Some(*pivot),
            Self::FlTrust { root } => *root,
            _ => None,
        }
    }

    /// How many of `n` rows vote: a root among them does not.
    pub(crate) fn voters(&self, n: usize) -> usize {
        match self {
            Self::FlTrust { root: Some(_) } => n.saturating_sub(1),
            _ => n,
        }
    }

    /// The bound on κ from the literature, for an n and f that pass [`Rule::check`].
    pub(crate) fn kappa_bound(&self, n: usize, f: usize) -> Option<f64> {
        let (n, f) = (n as f64, f as f64);
        let r = f / (n - 2.0 * f);
        match self {
            Self::Average if f == 0.0 => Some(0.0),
            Self::TrimmedMean => Some(6.0 * r * (1.0 + r)),
            Self::Median | Self::GeometricMedian { variant: MedianVariant::Converged } => {
                Some(4.0 * (1.0 + r) * (1.0 + r))
            }
            Self::Krum { .. } => Some(6.0 * (1.0 + r)),
            Self::Mda => Some(8.0 * f * f / (n - f)),
            Self::Smea => Some(4.0 * f / (n - f) * (1.0 + r) * (1.0 + r)),
            _ => None,
        }
    }
}

impl KrumVariant {
    /// Other rows whose distances make a row's score.
    pub(crate) fn neighbours(self, n: usize, f: usize) -> usize {
        match self {
            Self::Paper => n - f - 2,
            Self::Byzfl => n - f - 1,
        }
    }

    /// The most rows Multi-Krum may select, and what it selects by itself.
    pub(crate) fn most(self, n: usize, f: usize) -> usize {
        match self {
            Self::Paper => n - f - 2,
            Self::Byzfl => n - f,
        }
    }
}

fn geometric_median(stage: &Stage<'_>) -> Result<MedianVariant, ParsePipelineError> {
    let want = "converged or byzfl";
    let variant: String = stage.value("variant", want, |v| v == "converged" || v == "byzfl")?;
    let nu = stage.value("nu", "a positive number", |&value| positive(value))?;
    let steps = stage.value("steps", "a whole number of at least 1", |&steps: &usize| steps >= 1)?;
    Ok(if variant == "byzfl" { MedianVariant::Byzfl { nu, steps } } else { MedianVariant::Converged })
}

impl fmt::Display for KrumVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paper => "paper",
            Self::Byzfl => "byzfl",
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        named(f, self.name(), &self.parameters())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pipeline;

    #[test]
    fn the_last_good_and_the_first_bad_f() {
        for (rule, n, good) in [
            ("median", 10, 4),
            ("krum", 10, 3),
            ("krum(variant=byzfl)", 10, 4),
            ("bulyan", 11, 2),
            ("fltrust", 10, 9),
            ("smea", 1, 0),
            ("bulyan", 3, 0),
        ] {
            let rule: Pipeline = rule.parse().unwrap();
            assert_eq!(rule.check(n, good), Ok(()), "{rule}");
            let refusal = rule.check(n, good + 1).unwrap_err();
            assert!(matches!(refusal, Refusal::TooManyByzantine { f_max, .. } if f_max == good), "{refusal}");
        }
        let krum: Pipeline = "krum".parse().unwrap();
        assert_eq!(
            krum.check(2, 0).unwrap_err().to_string(),
            "krum needs n >= 2f + 3: it got 2 rows, f = 0 was declared"
        );
        assert_eq!(Rule::Average.check(3, 100), Ok(()));
    }

    #[test]
    fn a_selection_larger_than_what_can_be_trusted_is_refused() {
        let multi_krum: Pipeline = "multi-krum(m=6)".parse().unwrap();
        assert_eq!(multi_krum.check(10, 2), Ok(()));
        assert_eq!(
            multi_krum.check(10, 3).unwrap_err().to_string(),
            "multi-krum is to select 6 rows, of 10 rows with f = 3 it can select 1 to 5"
        );
    }
}
