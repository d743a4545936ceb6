//! Every rule and pre-aggregator with what a user must know to choose one.

use std::fmt;

/// Whether an entry makes one row or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Makes one row; stands last.
    Rule,
    /// Makes rows of rows; stands before a rule.
    PreAggregator,
}

/// A parameter as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its value when it is not given; `None` when it must be.
    pub default: Option<&'static str>,
    /// What it means.
    pub about: &'static str,
}

/// A rule or pre-aggregator as a user sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its name in pipelines.
    pub name: &'static str,
    /// Rule or pre-aggregator.
    pub kind: Kind,
    /// What can stand in parentheses.
    pub parameters: &'static [Parameter],
    /// What it needs of n and f.
    pub needs: &'static str,
    /// Known bound on κ, with r = f/(n−2f); a dash where none is known, ∞ where there is none.
    pub bound: &'static str,
    /// Time for n rows of d numbers.
    pub cost: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
}

/// Writes `name(parameter=value,…)`, leaving out values that are the defaults.
pub(crate) fn named(f: &mut fmt::Formatter<'_>, name: &str, values: &[String]) -> fmt::Result {
    f.write_str(name)?;
    let known = catalogue().iter().find(|entry| entry.name == name).map_or(&[][..], |entry| entry.parameters);
    let mut open = false;
    for (parameter, value) in known.iter().zip(values) {
        if parameter.default != Some(value.as_str()) {
            write!(f, "{}{}={value}", if open { "," } else { "(" }, parameter.name)?;
            open = true;
        }
    }
    if open { f.write_str(")") } else { Ok(()) }
}

/// All of them, rules first.
#[must_use]
pub fn catalogue() -> &'static [Entry] {
    &CATALOGUE
}

const fn rule(name: &'static str, needs: &'static str, bound: &'static str, cost: &'static str) -> Entry {
    Entry { name, kind: Kind::Rule, parameters: &[], needs, bound, cost, source: "", about: "" }
}

const fn before(name: &'static str, needs: &'static str, bound: &'static str, cost: &'static str) -> Entry {
    Entry { kind: Kind::PreAggregator, ..rule(name, needs, bound, cost) }
}

const fn parameter(name: &'static str, default: &'static str, about: &'static str) -> Parameter {
    Parameter { name, default: Some(default), about }
}

const KRUM: Parameter =
    parameter("variant", "paper", "paper: n-f-2 neighbours; byzfl: n-f-1 neighbours and n > 2f");

static CATALOGUE: [Entry; 23] = [
    Entry {
        source: "-",
        about: "mean of all rows; one liar moves it anywhere",
        ..rule("average", "-", "∞", "nd")
    },
    Entry {
        source: "Yin et al., ICML 2018",
        about: "median of each coordinate, the midpoint of the middle two for even n",
        ..rule("median", "n > 2f", "4(1+r)²", "dn log n")
    },
    Entry {
        source: "Yin et al., ICML 2018",
        about: "mean of each coordinate without its f lowest and f highest values",
        ..rule("trimmed-mean", "n > 2f", "6r(1+r)", "dn log n")
    },
    Entry {
        source: "Xie et al., 2018 (Generalized Byzantine-tolerant SGD)",
        about: "mean of the n-f values of each coordinate nearest to its median",
        ..rule("meamed", "n > 2f", "-", "dn log n")
    },
    Entry {
        source: "Xie et al., 2018 (Phocas)",
        about: "mean of the n-f values of each coordinate nearest to its trimmed mean",
        ..rule("phocas", "n > 2f", "-", "dn log n")
    },
    Entry {
        parameters: &[KRUM],
        source: "Blanchard et al., NeurIPS 2017",
        about: "the row whose nearest neighbours are nearest, by squared distances",
        ..rule("krum", "n >= 2f + 3 (byzfl: n > 2f)", "6(1+r)", "n²d")
    },
    Entry {
        parameters: &[KRUM, parameter("m", "auto", "rows selected; auto: n-f-2 (byzfl: n-f)")],
        source: "Blanchard et al., NeurIPS 2017",
        about: "mean of the m rows of best Krum score",
        ..rule("multi-krum", "n >= 2f + 3 (byzfl: n > 2f)", "-", "n²d")
    },
    Entry {
        source: "El Mhamdi et al., ICML 2018",
        about: "Krum picks n-2f rows one after another, then the mean of the n-4f values of each coordinate nearest to their median",
        ..rule("bulyan", "n >= 4f + 3", "-", "n²d + dn log n")
    },
    Entry {
        parameters: &[
            parameter(
                "variant",
                "converged",
                "converged: the exact point; byzfl: a few steps from the origin, not robust",
            ),
            parameter("nu", "0.1", "byzfl only: distances below it count as it"),
            parameter("steps", "3", "byzfl only: averages taken"),
        ],
        source: "Pillutla et al., 2022; Vardi and Zhang, PNAS 2000",
        about: "the point whose distances to the rows sum to the least",
        ..rule("geometric-median", "n > 2f", "4(1+r)² (byzfl: ∞)", "n²d")
    },
    Entry {
        source: "Rousseeuw, 1985; El Mhamdi et al., 2020",
        about: "mean of the n-f rows whose largest distance is least, found exactly",
        ..rule("mda", "n > 2f", "8f²/(n-f)", "n²d + a search exponential in f at worst")
    },
    Entry {
        parameters: &[parameter("pivot", "0", "rank of the worker that is trusted")],
        source: "Farhadkhani et al., 2023",
        about: "mean of the n-f rows nearest to a trusted worker's row",
        ..rule("monna", "n > 2f, an honest pivot", "-", "n²d")
    },
    Entry {
        source: "Gupta et al., 2021",
        about: "mean of the n-f shortest rows",
        ..rule("cge", "n > 2f", "∞", "nd")
    },
    Entry {
        parameters: &[
            parameter(
                "tau",
                "auto",
                "longest difference that counts in full; auto: the median of the differences",
            ),
            parameter("steps", "1", "steps a round"),
        ],
        source: "Karimireddy et al., ICML 2021",
        about: "the last aggregate, moved by the mean of the shortened differences to it",
        ..rule("centered-clipping", "n > 2f", "-", "n²d")
    },
    Entry {
        source: "Allouah et al., ICML 2025 (CAF)",
        about: "mean under weights that shrink along the direction of largest variance; keeps the mean of least variance",
        ..rule("caf", "n > 2f", "O(f/n), of the largest eigenvalue", "n²d + fn³")
    },
    Entry {
        source: "Allouah et al., ICML 2023 (SMEA)",
        about: "mean of the n-f rows whose covariance has the least largest eigenvalue, found exactly",
        ..rule(
            "smea",
            "n > 2f",
            "4f/(n-f)·(1+r)², of the largest eigenvalue",
            "n²d + a search exponential in f at worst",
        )
    },
    Entry {
        parameters: &[
            parameter("iterations", "5", "draws of coordinates"),
            parameter("dimensions", "10000", "coordinates a draw"),
            parameter("filter", "1", "rows dropped a draw, as a multiple of f"),
        ],
        source: "Shejwalkar and Houmansadr, NDSS 2021",
        about: "mean of the rows that in no draw stick out along the first singular vector",
        ..rule("dnc", "n > 2f, n > filter·f", "-", "nd + n² · dimensions · iterations")
    },
    Entry {
        parameters: &[parameter(
            "variant",
            "paper",
            "paper: filters norms as they came; blades: after clipping",
        )],
        source: "Xu et al., ICDCS 2022",
        about: "mean of the shortened rows whose norms and signs are like the majority's",
        ..rule("sign-guard", "n > 2f", "-", "nd")
    },
    Entry {
        parameters: &[parameter(
            "root",
            "auto",
            "rank of the trusted worker whose row is the server's own gradient and has no vote; auto: it is given",
        )],
        source: "Cao et al., NDSS 2021",
        about: "rows scaled to the server's own gradient and weighted by their cosine with it",
        ..rule("fltrust", "n > f, the server's own gradient", "-", "nd")
    },
    Entry {
        parameters: &[parameter(
            "c",
            "auto",
            "longest row that counts in full; auto: the median of the norms",
        )],
        source: "-",
        about: "mean of the rows, the long ones shortened",
        ..rule("clipped-mean", "n > 2f", "-", "nd")
    },
    Entry {
        source: "Allouah et al., AISTATS 2023",
        about: "each row becomes the mean of the n-f rows nearest to it",
        ..before("nnm", "n > f", "8f/(n-f)·(κ+1)", "n²d")
    },
    Entry {
        parameters: &[Parameter { name: "s", default: None, about: "rows a bucket" }],
        source: "Karimireddy et al., ICLR 2022",
        about: "means of s rows each, drawn by lot every round; f stays as it is",
        ..before("bucketing", "a rule that stands f of ⌈n/s⌉ rows", "-", "nd")
    },
    Entry {
        parameters: &[Parameter { name: "c", default: None, about: "longest row that stays" }],
        source: "-",
        about: "rows longer than c are shortened to c",
        ..before("clipping", "-", "-", "nd")
    },
    Entry {
        source: "Allouah et al., ICLR 2025 (ARC)",
        about: "the ⌊2f(n-f)/n⌋ longest rows are shortened to the norm of the next",
        ..before("arc", "n > f", "κ + 2r", "nd")
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pipeline;

    #[test]
    fn every_entry_makes_a_pipeline_of_its_name_and_can_be_explained() {
        for entry in catalogue() {
            let needed = entry.parameters.iter().filter(|parameter| parameter.default.is_none());
            let arguments: Vec<String> = needed.map(|parameter| format!("{}=2", parameter.name)).collect();
            let stage = match arguments.is_empty() {
                true => entry.name.to_owned(),
                false => format!("{}({})", entry.name, arguments.join(",")),
            };
            let text = match entry.kind {
                Kind::Rule => stage,
                Kind::PreAggregator => format!("{stage}+median"),
            };
            let pipeline: Pipeline = text.parse().unwrap();
            assert_eq!(pipeline.to_string(), text);
            let said = [entry.needs, entry.bound, entry.cost, entry.source, entry.about];
            assert!(said.iter().all(|said| !said.is_empty()), "{text}");
        }
    }
}
