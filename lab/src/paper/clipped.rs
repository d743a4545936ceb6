//! Poisoned rows that are images: sampled in [0, 1], projected, divided by their maximum, clipped, and labelled after that.

use attacks::craft::Sampling;
use learning::{Seed, data::Source, regularizer::Kind};

use super::{
    Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit, published,
    three::{Protocol, three},
};
use crate::failure::Failure;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "clipped",
    about: "Poisoned rows that are valid images against two honest users on MNIST, their loss counted many times, as published",
    needs: &[Source::Mnist],
    run,
};

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let rounds = stage.pick(250, 10);
    let mut base = published::scenario(stage, "base", Seed(1), Kind::SquaredL2, rounds, None)?;
    base.workers.count = 2;
    let (rows, copies) = stage.pick((10_000, 10_000), (1000, 10_000));
    let sampling = Sampling { rows, noise: 0.01, bound: None };
    let ended = three(stage, "", &Protocol { base, rounds: [rounds; 3], sampling, copies })?;
    let mut findings = Findings::default();
    let mut series = Vec::new();
    for (name, ran) in ["gradient", "model", "data"].iter().zip(&ended.runs) {
        let judgement = &ran.summary.judgement;
        let target = judgement.accuracy_target.unwrap_or(f64::NAN);
        let row = Row::new(
            format!("clipped images, {name}: accuracy, attacker's labels"),
            Unit::Accuracy,
            [target],
        );
        findings.rows.push(if stage.short { row } else { row.expect(Expected::AtLeast(0.8)) });
        findings.rows.push(Row::new(
            format!("clipped images, {name}: distance"),
            Unit::Plain,
            [ran.distance(rounds)],
        ));
        series.push(Series::new(*name, ran.distances()));
    }
    findings.remarks.push(format!(
        "{rows} rows that count {copies} times each, where 100,000 that count 1,000 times each were published: the same weight in the full version"
    ));
    findings.figures.push(Figure {
        name: "clipped",
        title: "Poisoned rows that are images, two honest users".to_owned(),
        x: Axis::linear("epoch"),
        y: Axis::log("‖ρ − θ†‖"),
        series,
    });
    Ok(findings)
}
