//! The published counter-gradient attack on MNIST, under squared-l2 and l2, and the formal form of it.

use attacker::AttackSpec;
use learning::{
    data::{Source, load_vector},
    regularizer::Kind,
};
use optimizer::Method;

use super::{
    Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit,
    held::norm,
    published::{self, Reference},
    stage::Ran,
};
use crate::failure::Failure;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "counter-gradient",
    about: "A liar steers the common model by counter-gradients, as published: one Adam step an epoch, λ = 1",
    needs: &[Source::Mnist],
    run,
};

const ATTACK: AttackSpec = AttackSpec::CounterGradient {};

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let rounds = stage.pick(200, 25);
    let mut findings = Findings::default();
    let mut lines = Vec::new();
    let theta =
        load_vector(&published::target(stage)?, "theta").map_err(|error| Failure::unfinished(&error))?;
    findings.rows.push(
        Row::new("target: norm", Unit::Plain, [norm(&theta)])
            .reference(published::TARGET_NORM)
            .expect(Expected::WithinPart(0.002)),
    );
    let others: Result<Vec<f64>, Failure> =
        stage.seeds().map(|seed| published::norm_from_another_start(stage, seed)).collect();
    findings.rows.push(Row::new("target: norm from other starts", Unit::Plain, others?));
    for (kind, reference, published) in [
        (Kind::SquaredL2, published::counter_gradient_squared_l2(), (0.0072, 0.9266)),
        (Kind::L2, published::counter_gradient_l2(), (0.9214, 0.0076)),
    ] {
        let name = if kind == Kind::L2 { "l2" } else { "squared-l2" };
        let mut runs = Vec::new();
        for seed in stage.seeds() {
            runs.push(stage.cluster(&published::scenario(stage, name, seed, kind, rounds, Some(ATTACK))?)?);
        }
        let what = format!("counter-gradient, {name}");
        findings.rows.extend(compared(&what, &runs, &reference, (rounds == 200).then_some(published)));
        lines.extend(runs.first().map(|ran| Series::new(format!("{name}, ours"), ran.distances())));
        lines.push(Series::new(format!("{name}, reference code"), reference.distances()));
    }
    formal(stage, rounds, &mut findings, &mut lines)?;
    findings.figures.push(Figure {
        name: "counter-gradient",
        title: "Counter-gradient attack on MNIST: distance to the target".to_owned(),
        x: Axis::linear("epoch"),
        y: Axis::log("‖ρ − θ†‖"),
        series: lines,
    });
    Ok(findings)
}

/// The attacker that infers what the others sent from two successive models: right when the server descends plainly,
/// wrong when it is Adam.
fn formal(
    stage: &Stage,
    rounds: u32,
    findings: &mut Findings,
    lines: &mut Vec<Series>,
) -> Result<(), Failure> {
    for (name, server, expected) in
        [("formal-sgd", Method::Sgd, Expected::AtMost(0.5)), ("formal-adam", Method::adam(), Expected::Shown)]
    {
        let mut distances = Vec::new();
        for seed in stage.seeds() {
            let mut scenario = published::scenario(stage, name, seed, Kind::SquaredL2, rounds, Some(ATTACK))?;
            scenario.server.reveal_sum = false;
            scenario.server.optimizer = server;
            let ran = stage.cluster(&scenario)?;
            distances.push(ran.distance(rounds));
            if seed.0 == 1 {
                lines.push(Series::new(name.replace("formal-", "formal estimate, server "), ran.distances()));
            }
        }
        let server = if server == Method::Sgd { "plain descent" } else { "Adam" };
        let what = format!("formal estimate, server {server}: distance at {rounds}");
        findings.rows.push(Row::new(what, Unit::Plain, distances).expect(expected));
    }
    Ok(())
}

/// Accuracies and distances of `runs` beside those of the reference.
pub(super) fn compared(
    what: &str,
    runs: &[Ran],
    reference: &Reference,
    published: Option<(f64, f64)>,
) -> Vec<Row> {
    compared_within(what, runs, reference, published, 0.02)
}

/// The same with how far distances may be off.
pub(super) fn compared_within(
    what: &str,
    runs: &[Ran],
    reference: &Reference,
    published: Option<(f64, f64)>,
    part: f64,
) -> Vec<Row> {
    let Some(last) = runs.first().map(|ran| ran.summary.rounds) else { return Vec::new() };
    let at = last as usize - 1;
    let row = |what: String, unit, ours: Vec<f64>, reference, published: Option<f64>| {
        let row = Row::new(what, unit, ours).reference(reference);
        if let Some(published) = published { row.published(published) } else { row }
    };
    let accuracy = |pick: fn(&Ran) -> Option<f64>| runs.iter().filter_map(pick).collect::<Vec<_>>();
    let own = accuracy(|ran| ran.summary.judgement.accuracy_true);
    let target = accuracy(|ran| ran.summary.judgement.accuracy_target);
    let mut rows = vec![
        row(
            format!("{what}: accuracy, true labels"),
            Unit::Accuracy,
            own,
            reference.accuracy_true[at],
            published.map(|p| p.0),
        )
        .expect(Expected::Within(0.005)),
        row(
            format!("{what}: accuracy, attacker's labels"),
            Unit::Accuracy,
            target,
            reference.accuracy_target[at],
            published.map(|p| p.1),
        )
        .expect(Expected::Within(0.005)),
    ];
    for round in [10, 25, 50, 100, 200, 250].into_iter().filter(|round| *round <= last) {
        let ours: Vec<f64> = runs.iter().map(|ran| ran.distance(round)).collect();
        rows.push(
            row(format!("{what}: distance at {round}"), Unit::Plain, ours, reference.distance(round), None)
                .expect(Expected::WithinPart(part)),
        );
    }
    rows
}
