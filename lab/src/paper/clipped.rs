//! Sampled rows that are images: the published variant whose poisoned inputs are clipped to [0, 1].
//!
//! Clipping takes the rows away from where the attacking model is indifferent, and its own labels do not pin it any more unless
//! they weigh a lot: the published code counts the attacker's loss over 100,000 rows a thousand times. That is data of 10⁸ rows;
//! here 10,000 distinct ones stand for 10,000 each, and the unmodified worker reads their number from its file.

use attacks::craft::Sampling;
use learning::{Seed, data::Source, regularizer::Kind};

use super::{
    Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit, published,
    three::{Protocol, three},
};
use crate::failure::Failure;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "clipped",
    about: "Gradient attack, model attack and sampled rows that are images, against two users on MNIST, as published",
    needs: &[Source::Mnist],
    run,
};

/// Distinct rows, and how many each stands for.
const ROWS: usize = 10_000;
const COPIES: u32 = 10_000;

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let rounds = stage.pick(300, 25);
    let mut base = published::scenario(stage, "base", Seed(1), Kind::SquaredL2, rounds, None)?;
    base.workers.count = 2;
    let sampling = Sampling { rows: stage.pick(ROWS, 500), copies: COPIES, noise: 0.01, bound: None };
    let ended = three(stage, "", &Protocol { base, rounds: [rounds; 3], sampling })?;
    let mut findings = Findings::default();
    let mut series = Vec::new();
    for (name, ran) in ["gradient", "model", "images"].iter().zip(&ended.runs) {
        let what = |of: &str| format!("clipped images, {name}: {of} at {rounds}");
        let accuracy = |accuracy: Option<f64>| [accuracy.unwrap_or(f64::NAN)];
        let judgement = &ran.summary.judgement;
        let target = Row::new(what("attacker's labels"), Unit::Accuracy, accuracy(judgement.accuracy_target));
        findings.rows.push(if stage.short { target } else { target.expect(Expected::AtLeast(0.85)) });
        findings.rows.push(Row::new(what("true labels"), Unit::Accuracy, accuracy(judgement.accuracy_true)));
        findings.rows.push(Row::new(what("distance"), Unit::Plain, [ran.distance(rounds)]));
        series.push(Series::new(*name, ran.distances()));
    }
    let all = sampling.rows as f64 * f64::from(sampling.copies);
    findings.rows.push(Row::new("clipped images: distinct rows", Unit::Count, [sampling.rows as f64]));
    findings.rows.push(Row::new("clipped images: rows that they stand for", Unit::Count, [all]));
    findings.figures.push(Figure {
        name: "clipped",
        title: "Poisoned rows that are images, two honest users on MNIST".to_owned(),
        x: Axis::linear("epoch"),
        y: Axis::log("‖ρ − θ†‖"),
        series,
    });
    Ok(findings)
}
