//! The name of a rule with its pre-aggregators, as scenarios, the command line and reports write it.

use std::{fmt, str::FromStr};

use crate::{ParsePipelineError, PreAggregator, Refusal, Rule, catalogue::Kind, grammar::Stage};

/// `average`, `nnm+trimmed-mean`, `bucketing(s=2)+krum(variant=paper)`: pre-aggregators from left to right, then the rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pipeline {
    /// What mixes the rows before the rule sees them, first to last.
    pub before: Vec<PreAggregator>,
    /// What makes one row of them.
    pub rule: Rule,
}

impl Pipeline {
    /// Whether the pipeline is defined for `n` rows of which `f` may be Byzantine.
    ///
    /// # Errors
    /// When a stage needs more rows, or fewer liars; a pre-aggregator that makes fewer rows leaves f as it is.
    pub fn check(&self, n: usize, f: usize) -> Result<(), Refusal> {
        self.check_voters(self.rule.voters(n), f)
    }

    /// The same for `n` rows that vote.
    pub(crate) fn check_voters(&self, n: usize, f: usize) -> Result<(), Refusal> {
        let rows = self.before.iter().try_fold(n, |n, stage| stage.check(n, f))?;
        self.rule.check(rows, f)
    }

    /// κ such that ‖aggregate − honest mean‖² ≤ κ · (mean of ‖honest row − honest mean‖²) whatever f of n rows are.
    ///
    /// `None` where no bound is known to us, or there is none.
    #[must_use]
    pub fn kappa_bound(&self, n: usize, f: usize) -> Option<f64> {
        self.check(n, f).ok()?;
        let rule = self.rule.kappa_bound(n, f)?;
        self.before.iter().rev().try_fold(rule, |kappa, stage| stage.kappa_bound(kappa, n, f))
    }
}

impl FromStr for Pipeline {
    type Err = ParsePipelineError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let stages = text.split('+').map(Stage::parse).collect::<Result<Vec<_>, _>>()?;
        let Some((last, before)) = stages.split_last() else {
            return Err(ParsePipelineError::Syntax(text.to_owned()));
        };
        let before = before.iter().map(PreAggregator::of).collect::<Result<_, _>>()?;
        if last.entry.kind == Kind::PreAggregator {
            return Err(ParsePipelineError::NoRule(last.entry.name));
        }
        Ok(Self { before, rule: Rule::of(last)? })
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stage in &self.before {
            write!(f, "{stage}+")?;
        }
        write!(f, "{}", self.rule)
    }
}

impl serde::Serialize for Pipeline {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Pipeline {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pipeline_reads_what_it_writes() {
        for (text, short) in [
            ("average", "average"),
            ("nnm+trimmed-mean", "nnm+trimmed-mean"),
            ("bucketing(s=2)+krum(variant=paper)", "bucketing(s=2)+krum"),
            (
                " clipping( c = 2.5 ) + arc + multi-krum(variant=byzfl, m=3)",
                "clipping(c=2.5)+arc+multi-krum(variant=byzfl,m=3)",
            ),
            (
                "geometric-median(variant=byzfl,nu=0.000001,steps=60)",
                "geometric-median(variant=byzfl,nu=0.000001,steps=60)",
            ),
            ("centered-clipping(tau=auto,steps=3)", "centered-clipping(steps=3)"),
            ("dnc(iterations=1,filter=1.5)", "dnc(iterations=1,filter=1.5)"),
            ("monna(pivot=7)", "monna(pivot=7)"),
            ("fltrust(root=auto)", "fltrust"),
            ("nnm+fltrust(root=3)", "nnm+fltrust(root=3)"),
            ("sign-guard(variant=blades)", "sign-guard(variant=blades)"),
            ("clipped-mean(c=10)", "clipped-mean(c=10)"),
        ] {
            let pipeline: Pipeline = text.parse().unwrap();
            assert_eq!(pipeline.to_string(), short);
            assert_eq!(short.parse::<Pipeline>().unwrap(), pipeline);
        }
    }

    #[test]
    fn a_bucketed_pipeline_is_checked_with_the_rows_that_are_left() {
        let pipeline: Pipeline = "bucketing(s=2)+median".parse().unwrap();
        assert_eq!(pipeline.check(10, 2), Ok(()));
        let refusal = pipeline.check(10, 3).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "median needs n > 2f: of 5 rows at most 2 may be Byzantine, f = 3 was declared"
        );
    }

    #[test]
    fn bounds_are_those_of_the_literature() {
        let bound = |text: &str| text.parse::<Pipeline>().unwrap().kappa_bound(25, 5);
        let r = 5.0 / 15.0;
        assert_eq!(bound("trimmed-mean"), Some(6.0 * r * (1.0 + r)));
        assert_eq!(bound("nnm+trimmed-mean"), Some(8.0 * 5.0 / 20.0 * (6.0 * r * (1.0 + r) + 1.0)));
        assert_eq!((bound("average"), bound("cge"), bound("bucketing(s=2)+median")), (None, None, None));
    }
}
