//! One poisoned row against any number of honest rows, and K rows against a classifier of K classes.
//!
//! A row of a least-squares model has a gradient of any length, so one row carries any pull (section 6 of the paper's
//! setting), and K rows any pull on K outputs. The row is handed to an unmodified worker as a line of CSV.

use std::fmt::Write as _;

use attacker::{AttackSpec, Attackers};
use attacks::{Target, craft::rows_for_least_squares};
use learning::{
    Dataset, Seed, Targets, Task,
    data::{Inputs, Source, save_table, save_vector},
    fit, model,
};
use ndarray::Array2;
use optimizer::Schedule;
use rand_distr::{Distribution as _, StandardNormal};

use super::{Expected, Experiment, Findings, Row, Stage, Unit, held::Held};
use crate::{failure::Failure, scenario::Scenario};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "one-row",
    about: "One poisoned row against any number of honest rows, and ten against a classifier of ten classes",
    needs: &[],
    run,
};

const HONEST: usize = 10;
const INPUTS: usize = 8;

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for each in stage.pick(vec![10, 1000, 10_000], vec![10, 1000]) {
        findings.rows.extend(regression(stage, each)?);
    }
    findings.rows.extend(classifier(stage, "digits", Source::Digits, (0.01, 2.0, 150))?);
    if Source::Mnist.train(stage.data()).is_ok() {
        findings.rows.extend(classifier(stage, "mnist", Source::Mnist, (1.0, 0.02, 150))?);
    } else {
        findings
            .remarks
            .push("Ten rows against MNIST were left out: `equipoise fetch mnist` gets it.".to_owned());
    }
    Ok(findings)
}

/// One row against ten workers with `each` rows: the common model goes to a target that is ten times as far as the truth.
fn regression(stage: &Stage, each: usize) -> Result<Vec<Row>, Failure> {
    let unusable = |error| Failure::unfinished(&error);
    let honest_file = stage.file(&format!("honest-{each}.npz"))?;
    save_table(&honest_file, &observations(each * HONEST)).map_err(unusable)?;
    let target_file = stage.file("target.npz")?;
    let target: Vec<f64> = (0..=INPUTS).map(|k| 10.0 * (k as f64 + 1.0).cos()).collect();
    save_vector(&target_file, &[("theta", &target)]).map_err(unusable)?;
    let mut scenario = Scenario {
        name: format!("regression-{each}"),
        task: Task {
            data: Source::File(honest_file),
            model: model::Kind::Linear,
            lambda: 1.0,
            ..Task::default()
        },
        target: Target { file: Some(target_file), ..Target::default() },
        ..Scenario::default()
    };
    scenario.server.rounds = 150;
    scenario.server.schedule = Schedule::constant(0.05);
    let honest = stage.cluster(&Scenario { name: format!("honest-{each}"), ..scenario.clone() })?;

    let held = Held::new(&scenario.task, HONEST, scenario.seed, stage.data(), target)?;
    let rows = rows_for_least_squares(&held.hold(), false).map_err(|error| Failure::unfinished(&error))?;
    let file = stage.file(&format!("one-row-{each}.csv"))?;
    std::fs::write(&file, csv(&rows))
        .map_err(|error| Failure::because(format!("cannot write {}: {error}", file.display())))?;
    scenario.attackers = vec![Attackers::one(AttackSpec::Data { file, start: None })];
    let ran = stage.cluster(&scenario)?;
    let what = format!("linear regression, {} honest rows", each * HONEST);
    let relative = |ran: &super::stage::Ran| ran.summary.judgement.distance_to_target;
    Ok(vec![
        Row::new(format!("{what}: distance to target, nobody attacks"), Unit::Plain, [relative(&honest)])
            .expect(Expected::AtLeast(0.5)),
        Row::new(format!("{what}: poisoned rows"), Unit::Count, [rows.examples() as f64])
            .expect(Expected::AtMost(1.0)),
        Row::new(format!("{what}: distance to target, one row"), Unit::Plain, [relative(&ran)])
            .expect(Expected::AtMost(1e-3)),
    ])
}

/// As many rows as classes against all training rows.
fn classifier(
    stage: &Stage,
    name: &str,
    data: Source,
    (lambda, eta, rounds): (f64, f64, u32),
) -> Result<Vec<Row>, Failure> {
    let unusable = |error| Failure::unfinished(&error);
    let task = Task { data, model: model::Kind::Linear, lambda, ..Task::default() };
    let train = task.train(Seed(1), stage.data()).map_err(|error| Failure::unfinished(&error))?;
    let sized = task.sized_model().map_err(|error| Failure::unfinished(&error))?;
    let target = fit(&sized, &train.with_shifted_classes(1), 10.0);
    let target_file = stage.file(&format!("{name}-target.npz"))?;
    save_vector(&target_file, &[("theta", &target)]).map_err(unusable)?;
    let held = Held::new(&task, HONEST, Seed(1), stage.data(), target)?;
    let rows = rows_for_least_squares(&held.hold(), false).map_err(|error| Failure::unfinished(&error))?;
    let file = stage.file(&format!("{name}-rows.npz"))?;
    save_table(&file, &rows).map_err(unusable)?;
    let mut scenario = Scenario {
        name: format!("classifier-{name}"),
        task,
        target: Target { file: Some(target_file), ..Target::default() },
        attackers: vec![Attackers::one(AttackSpec::Data { file, start: None })],
        ..Scenario::default()
    };
    scenario.server.rounds = rounds;
    scenario.server.schedule = Schedule::constant(eta);
    let judgement = stage.cluster(&scenario)?.summary.judgement;
    let what = format!("least squares, {name}, {} honest rows", train.examples());
    let accuracy = |accuracy: Option<f64>| accuracy.unwrap_or(f64::NAN);
    Ok(vec![
        Row::new(format!("{what}: poisoned rows"), Unit::Count, [rows.examples() as f64])
            .expect(Expected::AtMost(10.0)),
        Row::new(
            format!("{what}: accuracy, true labels"),
            Unit::Accuracy,
            [accuracy(judgement.accuracy_true)],
        )
        .expect(Expected::AtMost(0.05)),
        Row::new(
            format!("{what}: accuracy, attacker's labels"),
            Unit::Accuracy,
            [accuracy(judgement.accuracy_target)],
        )
        .expect(Expected::AtLeast(0.8)),
        Row::new(format!("{what}: distance to target"), Unit::Plain, [judgement.distance_to_target]),
    ])
}

/// `count` rows with normal inputs, answered by one linear law and normal noise of 1.
fn observations(count: usize) -> Dataset {
    let mut stream = Seed(1).stream("observations");
    let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
    let inputs = Array2::from_shape_simple_fn((count, INPUTS), &mut normal);
    let answers = inputs.rows().into_iter().map(|x| {
        let law = x.iter().enumerate().map(|(k, x)| x * (k as f64 + 1.0).sin()).sum::<f64>();
        law + normal()
    });
    let answers: Vec<f64> = answers.collect();
    let answers = Array2::from_shape_vec((count, 1), answers).expect("an answer a row");
    Dataset::new(Inputs::Reals(inputs), Targets::Values(answers))
}

/// Rows as lines, the target last, every digit kept.
fn csv(rows: &Dataset) -> String {
    let mut text = String::new();
    for row in 0..rows.inputs.rows() {
        let numbers: Vec<String> =
            rows.inputs.row(row).into_iter().chain(rows.targets.row(row)).map(|n| n.to_string()).collect();
        let _ = writeln!(text, "{}", numbers.join(","));
    }
    text
}
