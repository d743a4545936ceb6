//! Its attacks as ours.

use serde_json::Value as Json;
use toml::{Table, Value};

use super::{Draft, alternatives};

/// The attacks of a config.
pub(super) fn attacks(config: &Json, draft: &mut Draft) -> Vec<Value> {
    let mut attacks = Vec::new();
    for entry in alternatives(Some(config)) {
        let name = entry["name"].as_str().unwrap_or_default().to_owned();
        match attack(&name, &entry["parameters"]) {
            Some(table) => attacks.push(Value::Table(table)),
            None => draft.note(format!("attack: `{name}` is not known")),
        }
        if name == "LabelFlipping" {
            draft.note("attack: LabelFlipping sends the mean of gradients on honest rows there, here liars flip rows of their own");
        }
    }
    attacks
}

fn attack(name: &str, parameters: &Json) -> Option<Table> {
    let real = |key: &str, otherwise: f64| Value::Float(parameters[key].as_f64().unwrap_or(otherwise));
    let whole = |key: &str, otherwise: i64| Value::Integer(parameters[key].as_i64().unwrap_or(otherwise));
    let (name, fields): (&str, Vec<(&str, Value)>) = match name {
        "SignFlipping" => ("sign-flip", vec![]),
        "InnerProductManipulation" => ("ipm", vec![("tau", real("tau", 2.0))]),
        "ALittleIsEnough" => ("alie", vec![("tau", real("tau", 1.5))]),
        "Optimal_InnerProductManipulation" => {
            ("optimal-ipm", vec![("evaluations", whole("evals", 20)), ("search", "byzfl".into())])
        }
        "Optimal_ALittleIsEnough" => {
            ("optimal-alie", vec![("evaluations", whole("evals", 20)), ("search", "byzfl".into())])
        }
        "Mimic" => ("mimic", vec![("target", whole("epsilon", 0))]),
        "Inf" => ("infinity", vec![]),
        "Gaussian" => ("gaussian", vec![("mu", real("mu", 0.0)), ("sigma", real("sigma", 1.0))]),
        "LabelFlipping" => ("label-flip", vec![("flip", "reverse".into())]),
        _ => return None,
    };
    let name = ("name".to_owned(), Value::from(name));
    Some(
        std::iter::once(name).chain(fields.into_iter().map(|(key, value)| (key.to_owned(), value))).collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde::Deserialize as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_attack_it_has_is_one_of_ours() {
        let names = [
            "SignFlipping",
            "InnerProductManipulation",
            "ALittleIsEnough",
            "Optimal_InnerProductManipulation",
            "Optimal_ALittleIsEnough",
            "Mimic",
            "Inf",
            "Gaussian",
            "LabelFlipping",
        ];
        let config: Vec<Json> = names.iter().map(|name| json!({ "name": name })).collect();
        let mut draft = Draft::default();
        let all = attacks(&json!(config), &mut draft);
        assert_eq!((all.len(), draft.notes.len()), (9, 1));
        for table in all {
            let parsed = attacker::AttackSpec::deserialize(table.clone());
            assert!(parsed.is_ok(), "{table}: {parsed:?}");
        }
    }
}
