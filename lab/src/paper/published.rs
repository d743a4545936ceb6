//! The protocol of the published experiments, and what their code gave when it was run again, epoch by epoch.
//!
//! Ten users draw 6,000 MNIST images each; all models start uniform in ± 1/28; every epoch is one Adam step on each local
//! model and on the common one, from the same point; losses are sums, λ = 1. The attacker reads the sum of last epoch's
//! rows from memory: here the scenario reveals it.

use std::path::PathBuf;

use attacker::{AttackSpec, Attackers};
use attacks::Target;
use learning::{
    Dataset, Regularizer, Seed, Setting, SolverSpec, Start, Task, User,
    data::{Partition, Source, save_vector},
    regularizer,
};
use optimizer::{Method, Schedule};
use serde::Deserialize;

use super::{Stage, held::norm, mersenne::Mersenne};
use crate::{failure::Failure, scenario::Scenario};

/// Rate of both optimisers: from 0.0198 down to 0.00504725.
pub(super) const SCHEDULE: Schedule = Schedule { rate: 0.02, factor: 0.99, floor: 0.005 };

/// Epochs in which the target is learned.
const TARGET_EPOCHS: u32 = 100;

/// Norm of the published target.
pub(super) const TARGET_NORM: f64 = 35.20;

/// Seed of the published run that learned it.
const TARGET_SEED: u32 = 999;

/// The published experiment on MNIST with one attacker, or none.
pub(super) fn scenario(
    stage: &Stage,
    name: &str,
    seed: Seed,
    kind: regularizer::Kind,
    rounds: u32,
    attack: Option<AttackSpec>,
) -> Result<Scenario, Failure> {
    Ok(Scenario {
        name: format!("{name}-seed-{}", seed.0),
        seed,
        task: task(kind),
        target: Target { file: Some(target(stage)?), ..Target::default() },
        server: server::Spec {
            rounds,
            optimizer: Method::adam(),
            schedule: SCHEDULE,
            reveal_sum: true,
            ..server::Spec::default()
        },
        attackers: attack.map(Attackers::one).into_iter().collect(),
        ..Scenario::default()
    })
}

/// Its task.
pub(super) fn task(kind: regularizer::Kind) -> Task {
    Task {
        data: Source::Mnist,
        regularizer: kind,
        lambda: 1.0,
        partition: Partition::Independent { rows: 6000 },
        solver: SolverSpec::Joint { method: Method::adam(), schedule: SCHEDULE },
        start: Start::Uniform,
        ..Task::default()
    }
}

/// The published target: one user, all images, labels one further, no common model, 100 epochs of Adam at 0.02.
///
/// Full batches leave nothing to chance but where the model starts, and that makes a per cent or two of its norm and of every
/// distance; so it starts where the published one did.
pub(super) fn target(stage: &Stage) -> Result<PathBuf, Failure> {
    stage.shared("target.npz", |path| {
        let task = task(regularizer::Kind::SquaredL2);
        let mut stream = Mersenne::new(TARGET_SEED);
        let model = task.sized_model().map_err(|error| Failure::unfinished(&error))?;
        // The common model, which has no say here, was drawn first.
        stream.linear(&model);
        let theta = learn_target(&task, &images(stage)?, Some(stream.linear(&model)), Seed(1))?;
        save_vector(path, &[("theta", &theta)]).map_err(|error| Failure::unfinished(&error))
    })
}

/// The norm of the target when it starts elsewhere.
pub(super) fn norm_from_another_start(stage: &Stage, seed: Seed) -> Result<f64, Failure> {
    let theta = learn_target(&task(regularizer::Kind::SquaredL2), &images(stage)?, None, seed)?;
    Ok(norm(&theta))
}

fn images(stage: &Stage) -> Result<Dataset, Failure> {
    Source::Mnist.train(stage.data()).map_err(|error| Failure::unfinished(&error))
}

/// The target of `task`, learned in the published way from `start`, or from one that `seed` draws.
pub(super) fn learn_target(
    task: &Task,
    rows: &Dataset,
    start: Option<Vec<f64>>,
    seed: Seed,
) -> Result<Vec<f64>, Failure> {
    let setting = Setting {
        model: task.sized_model().map_err(|error| Failure::unfinished(&error))?,
        nu: 0.0,
        weight: 1.0,
        regularizer: Regularizer { kind: regularizer::Kind::SquaredL2, lambda: 0.0 },
        solver: SolverSpec::Joint { method: Method::adam(), schedule: Schedule::constant(0.02) },
    };
    let mut user = User::new(&setting, &rows.with_shifted_classes(1), start, (seed, TARGET));
    let nowhere = vec![0.0; setting.model.dimension()];
    for epoch in 1..=TARGET_EPOCHS {
        user.respond(epoch, &nowhere);
    }
    Ok(user.theta())
}

/// The target's user is no rank of any run.
const TARGET: u32 = u32::MAX;

/// What the published code gave, an entry an epoch.
#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    pub accuracy_true: Vec<f64>,
    pub accuracy_target: Vec<f64>,
    distance_to_target: Vec<Option<f64>>,
}

impl Reference {
    /// ‖ρ − θ†‖ after `round`.
    pub(super) fn distance(&self, round: u32) -> f64 {
        self.distance_to_target.get(round as usize - 1).copied().flatten().unwrap_or(f64::NAN)
    }

    /// ‖ρ − θ†‖ epoch by epoch.
    pub(super) fn distances(&self) -> Vec<(f64, f64)> {
        (1_u32..)
            .zip(&self.distance_to_target)
            .filter_map(|(round, d)| Some((f64::from(round), (*d)?)))
            .collect()
    }
}

macro_rules! reference {
    ($($function:ident: $file:literal),* $(,)?) => {
        $(
            #[doc = concat!("The curves of `", $file, "`.")]
            pub(super) fn $function() -> Reference {
                serde_json::from_str(include_str!(concat!("../../golden/paper/", $file)))
                    .expect("the files are in the repository and are tested")
            }
        )*

        #[cfg(test)]
        mod tests {
            #[test]
            fn every_reference_is_read() {
                $(assert!(super::$function().accuracy_true.len() >= 100, $file);)*
            }
        }
    };
}

reference! {
    counter_gradient_squared_l2: "counter_gradient_squared_l2.json",
    counter_gradient_l2: "counter_gradient_l2.json",
    equivalence_gradient: "equivalence_gradient.json",
    equivalence_model: "equivalence_model.json",
    equivalence_data: "equivalence_data.json",
    sum_of_losses: "sum_vs_mean_sum.json",
    mean_of_losses: "sum_vs_mean_mean.json",
}
