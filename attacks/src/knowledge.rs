//! What a liar knows of the rows of the open round, as a type: no attack can look at what it was not handed.

use serde::{Deserialize, Serialize};

/// How much a scenario lets a liar know, least first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Knowledge {
    /// What every worker sees, and the honest row of its own data.
    #[serde(rename = "self")]
    #[default]
    Own,
    /// The honest rows of its accomplices' data as well.
    Colluders,
    /// The rows of all honest workers, before it has to answer.
    Omniscient,
}

impl std::fmt::Display for Knowledge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Own => "self",
            Self::Colluders => "colluders",
            Self::Omniscient => "omniscient",
        })
    }
}

/// The rows that are known.
#[derive(Debug, Clone, Copy, Default)]
pub enum Known<'a> {
    /// None.
    #[default]
    Nothing,
    /// The honest row of the liar's own data.
    Own(&'a [f32]),
    /// The honest rows of the liar's and its accomplices' data, in order of rank.
    Colluders(&'a [&'a [f32]]),
    /// What the honest workers sent, in order of rank.
    Omniscient(&'a [&'a [f32]]),
}

impl<'a> Known<'a> {
    /// The rows, as a sample of what honest workers send.
    #[must_use]
    pub const fn rows<'b>(&'b self) -> &'b [&'a [f32]] {
        match self {
            Self::Nothing => &[],
            Self::Own(row) => std::slice::from_ref(row),
            Self::Colluders(rows) | Self::Omniscient(rows) => rows,
        }
    }
}
