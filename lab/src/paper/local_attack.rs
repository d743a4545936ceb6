//! The attack on one honest user's own model: slower than on the common model by orders of magnitude.

use attacker::{AttackSpec, Attackers, Settled};
use learning::{
    Exam, Targets,
    data::{Source, load_vector, save_vector},
    model::accuracy,
    regularizer::Kind,
};

use super::{Experiment, Findings, Row, Stage, Unit, published};
use crate::failure::Failure;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "local-attack",
    about: "A liar steers the own model of the only honest user, as published, for 5,000 epochs, or 40,000 with --long",
    needs: &[Source::Mnist],
    run,
};

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let rounds = if stage.long { 40_000 } else { stage.pick(5000, 200) };
    let (seed, mut findings) = (learning::Seed(1), Findings::default());
    let mut scenario = published::scenario(stage, "local", seed, Kind::SquaredL2, rounds, None)?;
    scenario.workers.count = 1;
    scenario.attackers = vec![Attackers::one(AttackSpec::LocalCounterGradient {})];
    // The common model is not what this is about.
    scenario.judge.every = std::num::NonZeroU32::new(50).unwrap_or(std::num::NonZeroU32::MIN);
    let ran = stage.cluster(&scenario)?;
    let unusable = |error| Failure::unfinished(&error);
    let settled = Settled::load(&ran.folder.join("settled-1.npz")).map_err(unusable)?;
    let target = load_vector(&published::target(stage)?, "theta").map_err(unusable)?;
    let theta = local_model(&settled, &target, scenario.task.lambda);
    save_vector(&stage.file("local-model.npz")?, &[("theta", &theta)]).map_err(unusable)?;
    let test = Source::Mnist.test(stage.data()).map_err(unusable)?;
    let exam = Exam::new(&scenario.model()?, &test);
    let narrow: Vec<f32> = theta.iter().map(|&t| t as f32).collect();
    let answers = exam.answers(&narrow);
    let mark = |data: &learning::Dataset| match &data.targets {
        Targets::Classes { labels, .. } => accuracy(&answers, labels),
        Targets::Values(_) => f64::NAN,
    };
    let (own, shifted) = (mark(&test), mark(&test.with_shifted_classes(1)));
    let row = Row::new(
        format!("local attack, the user's own model at {rounds}: attacker's labels"),
        Unit::Accuracy,
        [shifted],
    );
    findings.rows.push(match rounds {
        5000 => row.reference(0.15).expect(super::Expected::Within(0.05)),
        40_000 => row.reference(0.885).expect(super::Expected::Within(0.05)),
        _ => row,
    });
    findings.rows.push(Row::new(
        format!("local attack, the user's own model at {rounds}: true labels"),
        Unit::Accuracy,
        [own],
    ));
    Ok(findings)
}

/// θ = ρ − G/2λ, with the G that the attacker last knew: it sent g = (ρ − θ† − G/2λ)/η − G.
fn local_model(settled: &Settled, target: &[f64], lambda: f64) -> Vec<f64> {
    let Settled { rho, gradient, step } = settled;
    let reach = 1.0 + 1.0 / (2.0 * lambda * step);
    (rho.iter().zip(target).zip(gradient))
        .map(|((rho, target), sent)| rho - ((rho - target) / step - sent) / reach / (2.0 * lambda))
        .collect()
}
