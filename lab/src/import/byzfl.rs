//! `ByzFL`'s `config.json`: one JSON file that describes a grid of trainings.
//!
//! Its rules come in the variants that have its numbers. Its attacks see what honest clients send, so ours are omniscient.

mod attack;
mod rule;

use serde_json::Value as Json;
use toml::{Table, Value};

use super::{
    Draft,
    draft::{alternatives, scalar},
};

/// Sections and keys that this knows, those that mean nothing here included.
const KNOWN: [(&str, &[&str]); 7] = [
    (
        "benchmark_config",
        &[
            "training_algorithm",
            "nb_steps",
            "device",
            "training_seed",
            "nb_training_seeds",
            "nb_honest_clients",
            "f",
            "tolerated_f",
            "set_honest_clients_as_clients",
            "size_train_set",
            "data_distribution_seed",
            "nb_data_distribution_seeds",
            "data_distribution",
        ],
    ),
    (
        "model",
        &[
            "name",
            "dataset_name",
            "nb_labels",
            "loss",
            "optimizer_name",
            "learning_rate",
            "learning_rate_decay",
            "milestones",
        ],
    ),
    ("aggregator", &[]),
    ("pre_aggregators", &[]),
    ("honest_clients", &["momentum", "weight_decay", "batch_size"]),
    ("attack", &[]),
    (
        "evaluation_and_results",
        &[
            "evaluation_delta",
            "batch_size_evaluation",
            "evaluate_on_test",
            "store_per_client_metrics",
            "store_models",
            "data_folder",
            "results_directory",
        ],
    ),
];

/// The sweep that `config` describes, as far as it can be one.
pub(crate) fn import(config: &Json) -> Draft {
    let mut draft = Draft::default();
    unknown(config, &mut draft);
    let (benchmark, model) = (&config["benchmark_config"], &config["model"]);
    let honest = &config["honest_clients"];
    task(model, benchmark, &mut draft);
    algorithm(benchmark, model, honest, &mut draft);
    partition(benchmark, &mut draft);
    draft.put("server.rounds", scalars(&benchmark["nb_steps"], 1000));
    draft.put("server.scale", vec!["mean".into()]);
    let pipelines = rule::pipelines(config, &mut draft);
    draft.put("server.rule", pipelines);
    draft.put("judge.every", scalars(&config["evaluation_and_results"]["evaluation_delta"], 50));
    let attacks = attack::attacks(&config["attack"], &mut draft);
    let mut attackers = Table::new();
    attackers.insert("knowledge".to_owned(), "omniscient".into());
    if let Some(first) = attacks.first() {
        attackers.insert("attack".to_owned(), first.clone());
        draft.put("attackers", vec![Value::Array(vec![Value::Table(attackers)])]);
        if attacks.len() > 1 {
            draft.put("attackers.0.attack", attacks);
        }
        liars(benchmark, &mut draft);
    } else {
        draft.put("workers.count", scalars(&benchmark["nb_honest_clients"], 10));
        draft.note("attack: there is none that can be taken over, so there are no attackers");
    }
    seeds(benchmark, &mut draft);
    draft
}

/// Keys that nobody knows.
fn unknown(config: &Json, draft: &mut Draft) {
    let Some(sections) = config.as_object() else { return };
    for (section, value) in sections {
        match KNOWN.iter().find(|(name, _)| name == section) {
            None => draft.note(format!("{section}: not known")),
            Some((_, keys)) if !keys.is_empty() => {
                let named = value.as_object().into_iter().flatten().map(|(key, _)| key);
                for key in named.filter(|key| !keys.contains(&key.as_str())) {
                    draft.note(format!("{section}.{key}: not known"));
                }
            }
            Some(_) => (),
        }
    }
}

fn scalars(value: &Json, otherwise: i64) -> Vec<Value> {
    let values: Vec<Value> = alternatives(Some(value)).iter().filter_map(scalar).collect();
    if values.is_empty() { vec![Value::Integer(otherwise)] } else { values }
}

fn reals(value: &Json, otherwise: f64) -> Vec<f64> {
    let values: Vec<f64> = alternatives(Some(value)).iter().filter_map(Json::as_f64).collect();
    if values.is_empty() { vec![otherwise] } else { values }
}

fn task(model: &Json, benchmark: &Json, draft: &mut Draft) {
    for name in alternatives(model.get("dataset_name")).iter().filter_map(Json::as_str).take(1) {
        let data = match name {
            "mnist" => "mnist",
            "fashionmnist" => "fashion-mnist",
            other => {
                draft.note(format!("model.dataset_name: `{other}` is not there, mnist stands in its place"));
                "mnist"
            }
        };
        draft.put("task.data", vec![data.into()]);
    }
    for name in alternatives(model.get("name")).iter().filter_map(Json::as_str).take(1) {
        let kind = match name {
            "fc_mnist" => "mlp(100)",
            "logreg_mnist" => {
                draft.note("model.name: logreg_mnist has sigmoid outputs under NLLLoss there, softmax with cross-entropy here");
                "softmax"
            }
            other => {
                draft.note(format!("model.name: `{other}` is not there, softmax stands in its place"));
                "softmax"
            }
        };
        draft.put("task.model", vec![kind.into()]);
    }
    if let Some(loss) = model["loss"].as_str().filter(|loss| !["NLLLoss", "CrossEntropyLoss"].contains(loss))
    {
        draft.note(format!("model.loss: `{loss}` is not there, the loss is cross-entropy"));
    }
    draft.put("task.start", vec!["uniform".into()]);
    let part = benchmark["size_train_set"].as_f64().unwrap_or(0.8);
    // As many digits as a person would write.
    draft.put("task.validation", vec![Value::Float(((1.0 - part) * 1e6).round() / 1e6)]);
}

fn algorithm(benchmark: &Json, model: &Json, honest: &Json, draft: &mut Draft) {
    let name = benchmark["training_algorithm"]["name"].as_str().unwrap_or("DSGD");
    let parameters = &benchmark["training_algorithm"]["parameters"];
    draft.put("task.objective", vec!["shared".into()]);
    let floats = |values: Vec<f64>| values.into_iter().map(Value::Float).collect::<Vec<_>>();
    let rates = floats(reals(&model["learning_rate"], 0.1));
    match name {
        "FedAvg" => {
            draft.put("task.algorithm.name", vec!["fedavg".into()]);
            draft.put("task.algorithm.steps", scalars(&parameters["local_steps_per_client"], 5));
            draft.put("task.algorithm.rate", rates);
            draft.put("server.schedule.rate", vec![Value::Float(1.0)]);
            if parameters["proportion_selected_clients"].as_f64().is_some_and(|part| part < 1.0) {
                draft.note("training_algorithm.parameters.proportion_selected_clients: every worker answers every round");
            }
        }
        other => {
            if other != "DSGD" {
                draft.note(format!(
                    "training_algorithm.name: `{other}` is not known, DSGD stands in its place"
                ));
            }
            draft.put("task.algorithm.name", vec!["dsgd".into()]);
            draft.put("task.algorithm.momentum", floats(reals(&honest["momentum"], 0.9)));
            draft.put("server.schedule.rate", rates);
            match model["optimizer_name"].as_str().unwrap_or("SGD") {
                "SGD" => (),
                "Adam" => {
                    let adam = Table::from_iter([("name".to_owned(), Value::from("adam"))]);
                    draft.put("server.optimizer", vec![Value::Table(adam)]);
                }
                other => draft
                    .note(format!("model.optimizer_name: `{other}` is not there, SGD stands in its place")),
            }
        }
    }
    draft.put("task.algorithm.batch", scalars(&honest["batch_size"], 32));
    draft.put("task.algorithm.weight_decay", floats(reals(&honest["weight_decay"], 1e-4)));
    let steady = reals(&model["learning_rate_decay"], 1.0).iter().all(|decay| *decay == 1.0);
    if !steady && !alternatives(model.get("milestones")).is_empty() {
        draft.note(
            "model.milestones: rates decay by a factor a round or not at all, so this one stays constant",
        );
    }
}

fn partition(benchmark: &Json, draft: &mut Draft) {
    let mut partitions = Vec::new();
    for entry in alternatives(benchmark.get("data_distribution")) {
        let name = entry["name"].as_str().unwrap_or_default();
        let (ours, parameter) = match name {
            "iid" => ("iid", None),
            "extreme_niid" => ("extreme", None),
            "gamma_similarity_niid" => ("similarity", Some("gamma")),
            "dirichlet_niid" => ("dirichlet", Some("alpha")),
            other => {
                draft.note(format!("data_distribution: `{other}` is not known"));
                continue;
            }
        };
        let values = parameter.map_or_else(
            || vec![None],
            |parameter| {
                reals(&entry["distribution_parameter"], 1.0)
                    .into_iter()
                    .map(|v| Some((parameter, v)))
                    .collect()
            },
        );
        for value in values {
            let mut table = Table::from_iter([("name".to_owned(), Value::from(ours))]);
            table.extend(value.map(|(parameter, value)| (parameter.to_owned(), Value::Float(value))));
            partitions.push(Value::Table(table));
        }
    }
    draft.put("task.partition", partitions);
}

/// Honest clients, liars, and the liars that rules are told of: all combinations but those with too few of the last.
fn liars(benchmark: &Json, draft: &mut Draft) {
    let whole = |key: &str, otherwise: i64| -> Vec<i64> {
        let values: Vec<i64> = alternatives(benchmark.get(key)).iter().filter_map(Json::as_i64).collect();
        if values.is_empty() { vec![otherwise] } else { values }
    };
    let among = benchmark["set_honest_clients_as_clients"].as_bool().unwrap_or(false);
    let (clients, liars, told) = (whole("nb_honest_clients", 10), whole("f", 1), whole("tolerated_f", -1));
    for &clients in &clients {
        for &f in &liars {
            for told in told.iter().map(|&told| if told < 0 { f } else { told }).filter(|&told| told >= f) {
                let honest = if among { clients - f } else { clients };
                let name = format!("{honest}+{f}");
                let name = if told == f { name } else { format!("{name} told {told}") };
                draft.variant(
                    "f",
                    &name,
                    &[("workers.count", honest), ("attackers.0.count", f), ("server.byzantine", told)],
                );
            }
        }
    }
}

fn seeds(benchmark: &Json, draft: &mut Draft) {
    let whole = |key: &str, otherwise| benchmark[key].as_i64().unwrap_or(otherwise);
    let (first, trainings) = (whole("training_seed", 0), whole("nb_training_seeds", 1).max(1));
    let distributions = whole("nb_data_distribution_seeds", 1).max(1);
    draft.put("seed", (first..first + trainings * distributions).map(Value::Integer).collect());
    if distributions > 1 || whole("data_distribution_seed", first) != first {
        draft.note("data_distribution_seed: one seed draws everything here, the shares of the data included");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sweep::Grid;

    fn config() -> Json {
        json!({
            "benchmark_config": {
                "training_algorithm": { "name": "DSGD", "parameters": {} },
                "nb_steps": 500, "device": "cuda", "training_seed": 3, "nb_training_seeds": 2, "nb_honest_clients": 12,
                "f": [2, 3], "tolerated_f": [3], "size_train_set": 0.8,
                "data_distribution": [
                    { "name": "gamma_similarity_niid", "distribution_parameter": [1.0, 0.0] }, { "name": "iid" },
                ],
            },
            "model": { "name": "logreg_mnist", "dataset_name": "mnist", "loss": "NLLLoss", "learning_rate": [0.1, 0.2] },
            "aggregator": [{ "name": "GeometricMedian", "parameters": { "nu": 0.1, "T": 3 } }, { "name": "TrMean" }],
            "pre_aggregators": [{ "name": "Clipping" }, { "name": "NNM", "parameters": {} }],
            "honest_clients": { "momentum": 0.9, "weight_decay": 0.0001, "batch_size": 25 },
            "attack": [{ "name": "SignFlipping" }, { "name": "ALittleIsEnough", "parameters": { "tau": 2.0 } }, { "name": "Optimal_InnerProductManipulation" }],
            "evaluation_and_results": { "evaluation_delta": 50 },
        })
    }

    #[test]
    fn what_maps_becomes_a_sweep_that_can_be_run() {
        let (text, notes) = import(&config()).text().unwrap();
        let grid = Grid::parse(&text, "byzfl").unwrap_or_else(|failure| panic!("{failure}\n{text}"));
        assert_eq!(grid.points.len(), 2 * 3 * 2 * 2 * 3 * 2, "{text}");
        let first = &grid.points[0].scenario;
        assert_eq!((first.processes(), first.server.byzantine, first.server.rounds), (14, 3, 500));
        let rules: Vec<String> =
            grid.points.iter().map(|point| point.scenario.server.rule.to_string()).collect();
        for rule in ["clipping(c=2)+nnm+geometric-median(variant=byzfl)", "clipping(c=2)+nnm+trimmed-mean"] {
            assert!(rules.iter().any(|got| got == rule), "{rule}: {:?}", rules[0]);
        }
        assert_eq!((first.task.validation, first.judge.every.get()), (0.2, 50));
        assert_eq!(notes.len(), 1, "{notes:?}");
    }

    #[test]
    fn what_does_not_map_is_listed() {
        let mut config = config();
        config["model"]["name"] = json!("ResNet18");
        config["model"]["dataset_name"] = json!("cifar10");
        config["aggregator"] = json!([{ "name": "Average" }, { "name": "Homemade" }]);
        config["attack"] = json!([{ "name": "SignFlipping" }, { "name": "Secret" }]);
        config["benchmark_config"]["colour"] = json!("blue");
        let (text, notes) = import(&config).text().unwrap();
        assert!(Grid::parse(&text, "byzfl").is_ok(), "{text}");
        for expected in
            ["`ResNet18`", "`cifar10`", "`Homemade`", "`Secret`", "benchmark_config.colour: not known"]
        {
            assert!(notes.iter().any(|note| note.contains(expected)), "{expected}: {notes:?}");
        }
        assert_eq!(notes.len(), 5, "{notes:?}");
    }
}
