//! Sum or mean: under a mean of losses a user with 60,000 rows says no more than one with 10, and learning fails.

use std::path::PathBuf;

use learning::{
    LossScale, Seed, SolverSpec, Start, Task,
    data::{Partition, Source, save_vector},
    model,
    regularizer::Kind,
};
use optimizer::{Method, Schedule};

use super::{
    Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit,
    published::{self, Reference},
    stage::Ran,
};
use crate::{failure::Failure, scenario::Scenario};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "sum-or-mean",
    about: "Ten users with 10 rows and one with 60,000 on Fashion-MNIST, 60 % of the labels random: losses summed or averaged",
    needs: &[Source::FashionMnist],
    run,
};

/// From 0.0396 down to 0.0202.
const SCHEDULE: Schedule = Schedule { rate: 0.04, factor: 0.99, floor: 0.02 };

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let rounds = stage.pick(200, 3);
    let (sum, mean) = (published::sum_of_losses(), published::mean_of_losses());
    let mut findings = Findings::default();
    let mut ends = Vec::new();
    let mut lines = Vec::new();
    for (name, scale, reference) in [("sum", LossScale::Sum, &sum), ("mean", LossScale::Mean, &mean)] {
        let mut runs = Vec::new();
        for seed in stage.seeds() {
            let mut scenario = scenario(name, scale, seed, rounds);
            scenario.target.file = Some(start(stage, &scenario)?);
            runs.push(stage.cluster(&scenario)?);
        }
        let own: Vec<f64> = runs.iter().filter_map(|ran| ran.summary.judgement.accuracy_true).collect();
        lines.push(Series::new(format!("{name}, ours"), runs.first().map(accuracies).unwrap_or_default()));
        lines.push(Series::new(format!("{name}, reference code"), reference_accuracies(reference)));
        ends.push(Row::new(format!("{name} of losses: accuracy at {rounds}"), Unit::Accuracy, own));
    }
    let [sums, means]: [Row; 2] = ends.try_into().map_err(|_| Failure::because("two runs were made"))?;
    let gap = sums.mean() - means.mean();
    if stage.short {
        findings.rows.extend([sums, means]);
    } else {
        // Three seeds of the reference: 0.577 0.581 0.542 and 0.251 0.320 0.277.
        findings.rows.push(sums.published(0.5811).reference(0.567).expect(Expected::Within(0.04)));
        findings.rows.push(means.published(0.2629).reference(0.283).expect(Expected::Within(0.08)));
        findings.rows.push(
            Row::new("sum of losses above mean", Unit::Accuracy, [gap])
                .published(0.3182)
                .expect(Expected::AtLeast(0.2)),
        );
    }
    findings.figures.push(Figure {
        name: "sum-or-mean",
        title: "Sum or mean of losses on Fashion-MNIST with noisy labels".to_owned(),
        x: Axis::linear("epoch"),
        y: Axis::linear("accuracy of the common model"),
        series: lines,
    });
    Ok(findings)
}

/// Nobody attacks, so distances are from where the common model starts.
fn start(stage: &Stage, scenario: &Scenario) -> Result<PathBuf, Failure> {
    let start = scenario.task.initial_model(scenario.seed).map_err(|error| Failure::unfinished(&error))?;
    let theta: Vec<f64> = start.into_iter().map(f64::from).collect();
    let file = stage.file(&format!("start-seed-{}.npz", scenario.seed.0))?;
    save_vector(&file, &[("theta", &theta)]).map_err(|error| Failure::unfinished(&error))?;
    Ok(file)
}

fn accuracies(ran: &Ran) -> Vec<(f64, f64)> {
    ran.rounds
        .iter()
        .filter_map(|line| Some((f64::from(line.round), line.judgement.accuracy_true?)))
        .collect()
}

fn reference_accuracies(reference: &Reference) -> Vec<(f64, f64)> {
    (1_u32..).zip(&reference.accuracy_true).map(|(round, accuracy)| (f64::from(round), *accuracy)).collect()
}

fn scenario(name: &str, scale: LossScale, seed: Seed, rounds: u32) -> Scenario {
    let rows = std::iter::repeat_n(10, 10).chain([60_000]).collect();
    Scenario {
        name: format!("{name}-seed-{}", seed.0),
        seed,
        task: Task {
            data: Source::FashionMnist,
            model: model::Kind::Mlp { hidden: 784 },
            regularizer: Kind::SquaredL2,
            lambda: 100.0,
            loss: scale,
            // The sum is divided so that both have the same total weight.
            loss_weight: if scale == LossScale::Sum { 11.0 / 60_100.0 } else { 1.0 },
            label_noise: 0.6,
            partition: Partition::Sizes { rows },
            solver: SolverSpec::Joint { method: Method::adam(), schedule: SCHEDULE },
            start: Start::Uniform,
            ..Task::default()
        },
        server: server::Spec {
            rounds,
            optimizer: Method::adam(),
            schedule: SCHEDULE,
            ..server::Spec::default()
        },
        workers: worker::Workers { count: 11 },
        ..Scenario::default()
    }
}
