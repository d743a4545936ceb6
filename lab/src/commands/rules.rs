//! `equipoise rules`: what there is to choose from.

use aggregation::{Entry, Kind, catalogue};
use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;

/// Arguments of `rules`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only these [default: all]
    #[arg(value_name = "RULE")]
    pub names: Vec<String>,
    /// A JSON array instead of text
    #[arg(long)]
    pub json: bool,
}

pub(super) fn rules(arguments: &Arguments) -> Result<(), Failure> {
    let wanted =
        |entry: &&Entry| arguments.names.is_empty() || arguments.names.iter().any(|name| name == entry.name);
    if let Some(name) =
        arguments.names.iter().find(|name| catalogue().iter().all(|entry| entry.name != **name))
    {
        return Err(
            Failure::wrong(format!("there is no rule `{name}`")).hint("`equipoise rules` lists them all")
        );
    }
    let entries = catalogue().iter().filter(wanted);
    if arguments.json {
        let all: Vec<Value> = entries.map(object).collect();
        println!("{}", Value::Array(all));
        return Ok(());
    }
    let mut last = None;
    for entry in entries {
        if last != Some(entry.kind) {
            println!("{}", heading(entry.kind));
            last = Some(entry.kind);
        }
        print!("\n{}", paragraph(entry));
    }
    println!("\nn rows of d numbers, f of them declared Byzantine, r = f/(n-2f).");
    Ok(())
}

const fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Rule => "Rules: n rows become one.",
        Kind::PreAggregator => {
            "\nPre-aggregators: they stand before a rule, joined by +, as in nnm+trimmed-mean."
        }
    }
}

fn paragraph(entry: &Entry) -> String {
    let parameters = entry.parameters.iter().map(|parameter| {
        let default = parameter.default.map_or(String::new(), |default| format!(" [default: {default}]"));
        format!("    ({}=...) {}{default}\n", parameter.name, parameter.about)
    });
    let facts = [
        ("needs", entry.needs),
        ("kappa at most", entry.bound),
        ("cost", entry.cost),
        ("from", entry.source),
    ];
    let facts: Vec<String> =
        facts.iter().filter(|(_, fact)| *fact != "-").map(|(name, fact)| format!("{name} {fact}")).collect();
    format!(
        "{}\n    {}\n{}    {}\n",
        entry.name,
        entry.about,
        parameters.collect::<String>(),
        facts.join("; ")
    )
}

fn object(entry: &Entry) -> Value {
    let parameters: Vec<Value> = entry
        .parameters
        .iter()
        .map(|parameter| json!({ "name": parameter.name, "default": parameter.default, "about": parameter.about }))
        .collect();
    let known = |fact: &'static str| (fact != "-").then_some(fact);
    json!({
        "name": entry.name,
        "kind": match entry.kind { Kind::Rule => "rule", Kind::PreAggregator => "pre-aggregator" },
        "about": entry.about,
        "parameters": parameters,
        "needs": known(entry.needs),
        "bound": known(entry.bound),
        "cost": entry.cost,
        "source": known(entry.source),
    })
}
