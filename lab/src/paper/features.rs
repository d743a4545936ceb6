//! Last layer on frozen features: only the last layer of a network is trained, and the attack knows of no pixels.
//!
//! Any `.npz` of features `x` and labels `y` will do (`--features FILE`); it is learned from and judged by. Without one the
//! features are those of a random layer of 256 rectified units on the embedded digits, which needs no download.

use std::path::PathBuf;

use attacks::{Target, craft::Sampling};
use learning::{
    Dataset, Seed, Task,
    data::{Inputs, Partition, Source, save_table, save_vector},
    regularizer::Kind,
};
use ndarray::Array2;
use optimizer::Schedule;
use rand_distr::{Distribution as _, StandardNormal};

use super::{
    Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit, published,
    three::{Protocol, three},
};
use crate::{failure::Failure, scenario::Scenario};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "features",
    about: "The last layer on frozen features: gradient attack, model attack and sampled rows, rate 0.02 constant, as published",
    needs: &[],
    run,
};

/// Units of the random layer.
const UNITS: usize = 256;

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let file = match &stage.features {
        Some(file) => file.clone(),
        None => random_layer(stage)?,
    };
    let source = Source::File(file);
    let rows = source.train(None).map_err(|error| Failure::unfinished(&error))?;
    let (seed, rounds) = (Seed(1), stage.pick([1000, 500, 1500], [250, 100, 100]));
    let schedule = Schedule::constant(0.02);
    let mut task = Task {
        data: source,
        partition: Partition::Independent { rows: (rows.inputs.rows() / 10).max(1) },
        ..published::task(Kind::SquaredL2)
    };
    task.solver = learning::SolverSpec::Joint { method: optimizer::Method::adam(), schedule };
    let target = stage.file("target.npz")?;
    let theta = published::learn_target(&task, &rows, None, seed)?;
    save_vector(&target, &[("theta", &theta)]).map_err(|error| Failure::unfinished(&error))?;
    let base = Scenario {
        seed,
        task,
        target: Target { file: Some(target), ..Target::default() },
        server: server::Spec {
            optimizer: optimizer::Method::adam(),
            schedule,
            reveal_sum: true,
            ..server::Spec::default()
        },
        ..Scenario::default()
    };
    let sampling = Sampling { rows: stage.pick(20_000, 2000), copies: 1, noise: 0.1, bound: Some(50.0) };
    let ended = three(stage, "", &Protocol { base, rounds, sampling })?;
    let mut findings = Findings::default();
    let mut series = Vec::new();
    for (name, ran) in ["gradient", "model", "data"].iter().zip(&ended.runs) {
        let target = ran.summary.judgement.accuracy_target.unwrap_or(f64::NAN);
        let row = Row::new(
            format!("frozen features, {name}: accuracy, attacker's labels"),
            Unit::Accuracy,
            [target],
        );
        findings.rows.push(row.expect(Expected::AtLeast(0.8)));
        let own = ran.summary.judgement.accuracy_true.unwrap_or(f64::NAN);
        findings.rows.push(Row::new(
            format!("frozen features, {name}: accuracy, true labels"),
            Unit::Accuracy,
            [own],
        ));
        series.push(Series::new(*name, ran.distances()));
    }
    findings.figures.push(Figure {
        name: "features",
        title: "The last layer on frozen features".to_owned(),
        x: Axis::linear("epoch"),
        y: Axis::log("‖ρ − θ†‖"),
        series,
    });
    Ok(findings)
}

/// max(0, Wx) of the embedded digits, W normal.
fn random_layer(stage: &Stage) -> Result<PathBuf, Failure> {
    let digits = Source::Digits.train(None).map_err(|error| Failure::unfinished(&error))?;
    let (rows, width) = (digits.inputs.rows(), digits.inputs.width());
    let mut stream = Seed(1).stream("frozen layer");
    let scale = (width as f64).sqrt().recip();
    let layer = Array2::from_shape_simple_fn((width, UNITS), || {
        let weight: f64 = StandardNormal.sample(&mut stream);
        weight * scale
    });
    let inputs = Array2::from_shape_fn((rows, width), |_| 0.0);
    let inputs = (0..rows).fold(inputs, |mut inputs, index| {
        inputs.row_mut(index).iter_mut().zip(digits.inputs.row(index)).for_each(|(to, from)| *to = from);
        inputs
    });
    let features = inputs.dot(&layer).mapv(|unit| unit.max(0.0));
    let path = stage.file("features.npz")?;
    let data = Dataset { inputs: Inputs::Reals(features), targets: digits.targets, counts: None };
    save_table(&path, &data).map_err(|error| Failure::unfinished(&error))?;
    Ok(path)
}
