//! The name of a rule with its pre-aggregators, as scenarios, the command line and reports write it.

use std::{fmt, str::FromStr};

/// `average`, or (later) `nnm+trimmed-mean`, `bucketing(s=2)+krum(variant=paper)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pipeline {
    /// The mean of all rows.
    Average,
}

/// The text names no rule we have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown rule `{0}`, expected `average`")]
pub struct ParsePipelineError(String);

impl FromStr for Pipeline {
    type Err = ParsePipelineError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "average" => Ok(Self::Average),
            _ => Err(ParsePipelineError(text.to_owned())),
        }
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("average")
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
