//! How pipelines are written: `name(parameter=value,…)` joined by `+`, and what is wrong with a text that is not one.

use std::{collections::BTreeMap, str::FromStr};

use crate::catalogue::{Entry, catalogue};

/// The text names no pipeline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePipelineError {
    /// Nobody knows this rule.
    #[error("unknown rule `{name}`, did you mean `{nearest}`? (`equipoise rules` lists them all)")]
    UnknownName {
        /// What was written.
        name: String,
        /// The known name it resembles most.
        nearest: &'static str,
    },
    /// The rule has no such parameter.
    #[error("`{stage}` has no parameter `{name}`, {known}")]
    UnknownParameter {
        /// Name of the rule or pre-aggregator.
        stage: &'static str,
        /// What was written.
        name: String,
        /// What it has.
        known: String,
    },
    /// The parameter does not take this value.
    #[error("`{stage}` got {parameter} = `{got}`, expected {want}")]
    Value {
        /// Name of the rule or pre-aggregator.
        stage: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// What was written.
        got: String,
        /// What would be right.
        want: &'static str,
    },
    /// A parameter without a default was not given.
    #[error("`{stage}` needs {parameter}, as in `{stage}({parameter}={example})`")]
    Missing {
        /// Name of the rule or pre-aggregator.
        stage: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// A value that would do.
        example: &'static str,
    },
    /// Parentheses or equal signs are amiss.
    #[error("cannot read `{0}`, expected `name` or `name(parameter=value,...)`")]
    Syntax(String),
    /// The same parameter twice.
    #[error("parameter `{0}` is given twice")]
    Twice(String),
    /// A rule stands before the end.
    #[error("`{0}` is a rule and must stand last, only pre-aggregators can stand before `+`")]
    RuleBeforeEnd(&'static str),
    /// A pre-aggregator stands at the end.
    #[error("`{0}` is a pre-aggregator, expected a rule after it, as in `{0}+trimmed-mean`")]
    NoRule(&'static str),
}

/// One `name(parameter=value,…)`, its name known.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) entry: &'static Entry,
    arguments: BTreeMap<&'a str, &'a str>,
}

impl<'a> Stage<'a> {
    /// Reads one stage and checks the names in it.
    pub(crate) fn parse(text: &'a str) -> Result<Self, ParsePipelineError> {
        let syntax = || ParsePipelineError::Syntax(text.to_owned());
        let (name, inside) = match text.split_once('(') {
            None => (text.trim(), ""),
            Some((name, rest)) => (name.trim(), rest.trim_end().strip_suffix(')').ok_or_else(syntax)?),
        };
        if inside.contains(['(', ')']) {
            return Err(syntax());
        }
        let entry = catalogue().iter().find(|entry| entry.name == name).ok_or_else(|| {
            ParsePipelineError::UnknownName {
                name: name.to_owned(),
                nearest: nearest(name, catalogue().iter().map(|entry| entry.name)).unwrap_or("average"),
            }
        })?;
        let mut arguments = BTreeMap::new();
        for argument in inside.split(',').filter(|_| !inside.trim().is_empty()) {
            let (key, value) = argument.split_once('=').ok_or_else(syntax)?;
            let (key, value) = (key.trim(), value.trim());
            if !entry.parameters.iter().any(|parameter| parameter.name == key) {
                return Err(unknown_parameter(entry, key));
            }
            if arguments.insert(key, value).is_some() {
                return Err(ParsePipelineError::Twice(key.to_owned()));
            }
        }
        Ok(Self { entry, arguments })
    }

    /// The value of `parameter`, or its default, if `accept` likes it.
    pub(crate) fn value<T: FromStr>(
        &self,
        parameter: &'static str,
        want: &'static str,
        accept: impl Fn(&T) -> bool,
    ) -> Result<T, ParsePipelineError> {
        let default = self.entry.parameters.iter().find(|known| known.name == parameter);
        let default = default.and_then(|known| known.default);
        let text = self.arguments.get(parameter).copied().or(default).ok_or(ParsePipelineError::Missing {
            stage: self.entry.name,
            parameter,
            example: "2",
        })?;
        text.parse().ok().filter(accept).ok_or_else(|| ParsePipelineError::Value {
            stage: self.entry.name,
            parameter,
            got: text.to_owned(),
            want,
        })
    }

    /// The value of `parameter`, `None` for `auto`, which is its default.
    pub(crate) fn optional<T: FromStr>(
        &self,
        parameter: &'static str,
        want: &'static str,
        accept: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, ParsePipelineError> {
        match self.arguments.get(parameter) {
            None | Some(&"auto") => Ok(None),
            Some(_) => self.value(parameter, want, accept).map(Some),
        }
    }
}

fn unknown_parameter(entry: &'static Entry, name: &str) -> ParsePipelineError {
    let names = entry.parameters.iter().map(|parameter| parameter.name);
    let known = match nearest(name, names.clone()) {
        None => "it takes none".to_owned(),
        Some(nearest) if strsim::osa_distance(name, nearest) <= 2 => format!("did you mean `{nearest}`?"),
        Some(_) => {
            format!("expected {}", names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or "))
        }
    };
    ParsePipelineError::UnknownParameter { stage: entry.name, name: name.to_owned(), known }
}

/// The one of `known` that resembles `name` most.
fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let likeness = |known: &&'static str| strsim::jaro_winkler(&name.to_lowercase(), known);
    known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// A positive finite number.
pub(crate) fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

#[cfg(test)]
mod tests {
    use crate::Pipeline;

    #[test]
    fn what_cannot_be_read_says_what_would_be_right() {
        for (text, message) in [
            ("krumm", "unknown rule `krumm`, did you mean `krum`? (`equipoise rules` lists them all)"),
            (
                "Trimmed_mean",
                "unknown rule `Trimmed_mean`, did you mean `trimmed-mean`? (`equipoise rules` lists them all)",
            ),
            ("krum(varient=paper)", "`krum` has no parameter `varient`, did you mean `variant`?"),
            ("median(f=2)", "`median` has no parameter `f`, it takes none"),
            ("dnc(x=2)", "`dnc` has no parameter `x`, expected `iterations` or `dimensions` or `filter`"),
            ("krum(variant=flower)", "`krum` got variant = `flower`, expected paper or byzfl"),
            ("bucketing+krum", "`bucketing` needs s, as in `bucketing(s=2)`"),
            ("bucketing(s=0)+krum", "`bucketing` got s = `0`, expected a whole number of at least 1"),
            ("clipping(c=inf)+median", "`clipping` got c = `inf`, expected a positive number"),
            (
                "median+nnm",
                "`median` is a rule and must stand last, only pre-aggregators can stand before `+`",
            ),
            ("nnm", "`nnm` is a pre-aggregator, expected a rule after it, as in `nnm+trimmed-mean`"),
            ("krum(variant=paper,variant=byzfl)", "parameter `variant` is given twice"),
            ("krum(variant", "cannot read `krum(variant`, expected `name` or `name(parameter=value,...)`"),
            ("krum(paper)", "cannot read `krum(paper)`, expected `name` or `name(parameter=value,...)`"),
        ] {
            assert_eq!(text.parse::<Pipeline>().unwrap_err().to_string(), message, "{text}");
        }
    }
}
