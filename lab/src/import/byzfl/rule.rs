//! Its aggregators and pre-aggregators as pipelines.

use serde_json::Value as Json;
use toml::Value;

use super::{Draft, alternatives};

/// The rules of a config, each behind each chain of pre-aggregators.
pub(super) fn pipelines(config: &Json, draft: &mut Draft) -> Vec<Value> {
    let before = alternatives(config.get("pre_aggregators"));
    // A list of stages is one chain; a list of lists has one chain each.
    let chains: Vec<Vec<Json>> = if before.iter().all(Json::is_array) && !before.is_empty() {
        before.iter().map(|chain| alternatives(Some(chain))).collect()
    } else {
        vec![before]
    };
    let rules = alternatives(config.get("aggregator"));
    let mut pipelines = Vec::new();
    for chain in &chains {
        let stages: Option<Vec<String>> =
            chain.iter().map(|stage| named(stage, before_rule, draft)).collect();
        for rule in &rules {
            if let (Some(stages), Some(rule)) = (&stages, named(rule, rule_of, draft)) {
                let text = stages.iter().chain([&rule]).cloned().collect::<Vec<_>>().join("+");
                pipelines.push(Value::String(text));
            }
        }
    }
    pipelines
}

fn named(entry: &Json, of: fn(&str, &Json) -> Option<String>, draft: &mut Draft) -> Option<String> {
    let name = entry["name"].as_str().unwrap_or_default();
    let ours = of(name, &entry["parameters"]);
    if ours.is_none() {
        draft.note(format!("aggregator: `{name}` is not known"));
    }
    ours
}

/// `name(a=1,b=2)` of the parameters that are given, by their names there and here.
fn with(name: &str, fixed: &str, parameters: &Json, names: &[(&str, &str)]) -> String {
    let given = names.iter().filter_map(|(theirs, ours)| {
        let value = parameters.get(theirs).filter(|value| value.is_number())?;
        Some(format!("{ours}={value}"))
    });
    let all: Vec<String> =
        Some(fixed.to_owned()).filter(|fixed| !fixed.is_empty()).into_iter().chain(given).collect();
    if all.is_empty() { name.to_owned() } else { format!("{name}({})", all.join(",")) }
}

fn rule_of(name: &str, parameters: &Json) -> Option<String> {
    Some(match name {
        "Average" => "average".to_owned(),
        "Median" => "median".to_owned(),
        "TrMean" => "trimmed-mean".to_owned(),
        "GeometricMedian" => {
            with("geometric-median", "variant=byzfl", parameters, &[("nu", "nu"), ("T", "steps")])
        }
        "Krum" => "krum(variant=byzfl)".to_owned(),
        "MultiKrum" => "multi-krum(variant=byzfl)".to_owned(),
        "CenteredClipping" => {
            let tau = parameters["tau"].as_f64().unwrap_or(100.0);
            with("centered-clipping", &format!("tau={tau}"), parameters, &[("L", "steps")])
        }
        "MDA" => "mda".to_owned(),
        "MoNNA" => with("monna", "", parameters, &[("idx", "pivot")]),
        "Meamed" => "meamed".to_owned(),
        "CAF" => "caf".to_owned(),
        "SMEA" => "smea".to_owned(),
        _ => return None,
    })
}

fn before_rule(name: &str, parameters: &Json) -> Option<String> {
    Some(match name {
        "NNM" => "nnm".to_owned(),
        "Bucketing" => format!("bucketing(s={})", parameters["s"].as_u64().unwrap_or(1)),
        "Clipping" => format!("clipping(c={})", parameters["c"].as_f64().unwrap_or(2.0)),
        "ARC" => "arc".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_rule_it_has_is_one_of_ours() {
        let names = |names: &[&str]| names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
        let rules = [
            "Average",
            "Median",
            "TrMean",
            "GeometricMedian",
            "Krum",
            "MultiKrum",
            "CenteredClipping",
            "MDA",
            "MoNNA",
            "Meamed",
            "CAF",
            "SMEA",
        ];
        let chains: Vec<Json> =
            ["NNM", "Bucketing", "Clipping", "ARC"].iter().map(|name| json!(names(&[name]))).collect();
        let mut draft = Draft::default();
        let all = pipelines(&json!({ "aggregator": names(&rules), "pre_aggregators": chains }), &mut draft);
        assert_eq!((all.len(), draft.notes.len()), (48, 0));
        for text in all {
            let text = text.as_str().unwrap();
            assert!(text.parse::<aggregation::Pipeline>().is_ok(), "{text}");
        }
    }
}
