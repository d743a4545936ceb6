//! The formal algorithm on MNIST: every user solves its local problem, and the equivalence holds at equilibrium.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use attacker::{AttackSpec, Attackers};
use attacks::Target;
use learning::{
    DataError, SolverSpec, Task,
    data::{Source, load_vector, save_vector},
    regularizer::Kind,
};
use optimizer::Schedule;

use super::{Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit, published};
use crate::{
    equivalence::{self, Equivalence, Plan},
    failure::Failure,
    poison::Recipe,
    results::read_rounds,
    scenario::Scenario,
};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "exact",
    about: "The formal algorithm on MNIST: the target in a dozen rounds, and three attackers at one equilibrium",
    needs: &[Source::Mnist],
    run,
};

/// Norm of a local gradient that is small enough: what ρ in f32 lets one see.
const TOLERANCE: f64 = 1e-6;

/// The same for the four runs: far below the distances that they are held to.
const ROUGHER: f64 = 1e-5;

/// At 1 it takes 79,000 poisoned rows and more; the smaller, the longer the first local solves.
const LAMBDA: f64 = 0.1;

/// Without it the data attack settles in thousands of rounds: where no honest image has ink, only the ridge bends the losses.
const NU: f64 = 0.01;

/// Digits.
const CLASSES: usize = 10;

/// The first round is a cold solve by every user, on as many processors as there are.
const PATIENCE: Duration = Duration::from_secs(1800);

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    dozen(stage, &mut findings)?;
    if stage.short {
        findings.remarks.push(
            "the equivalence at equilibrium on MNIST takes minutes and is left to the full version"
                .to_owned(),
        );
    } else {
        equilibrium(stage, &mut findings)?;
    }
    Ok(findings)
}

/// The counter-gradient attack at λ = 1: η = 0.005 is far below the critical step.
fn dozen(stage: &Stage, findings: &mut Findings) -> Result<(), Failure> {
    let rounds = 12;
    let seed = learning::Seed(1);
    let scenario = Scenario {
        name: "dozen-rounds".to_owned(),
        seed,
        task: Task { solver: SolverSpec::Exact { tolerance: TOLERANCE }, ..published::task(Kind::SquaredL2) },
        target: Target { file: Some(published::target(stage)?), ..Target::default() },
        server: paced(rounds, 0.005),
        attackers: vec![Attackers::one(AttackSpec::CounterGradient {})],
        ..Scenario::default()
    };
    let ran = stage.cluster(&scenario)?;
    // As another program measured on its own draw of the same data, from 35.2 before the first round.
    for (round, reference) in [(1, 1.48), (2, 1.12), (3, 0.134), (4, 0.105), (5, 0.0195), (6, 0.0118)] {
        let what = format!("exact counter-gradient, λ = 1: distance at {round}");
        findings.rows.push(Row::new(what, Unit::Plain, [ran.distance(round)]).reference(reference));
    }
    let what = format!("exact counter-gradient, λ = 1: distance at {rounds}");
    let last = Row::new(what, Unit::Plain, [ran.distance(rounds)]).reference(6e-5);
    findings.rows.push(last.expect(Expected::AtMost(1e-4)));
    findings.figures.push(Figure {
        name: "exact-counter-gradient",
        title: "The formal counter-gradient attack on MNIST, λ = 1, η = 0.005".to_owned(),
        x: Axis::linear("round"),
        y: Axis::log("‖ρ − θ†‖"),
        series: vec![Series::new("exact local solves", ran.distances())],
    });
    Ok(())
}

/// Plain descent.
fn paced(rounds: u32, rate: f64) -> server::Spec {
    server::Spec {
        rounds,
        schedule: Schedule::constant(rate),
        round_deadline: server::Deadline::Fixed(PATIENCE),
        ..server::Spec::default()
    }
}

/// The published target without what it adds to all classes alike: that changes no prediction, and as no softmax data push there,
/// none could hold it.
fn centred_target(stage: &Stage) -> Result<PathBuf, Failure> {
    let unfinished = |error: DataError| Failure::unfinished(&error);
    let mut theta = load_vector(&published::target(stage)?, "theta").map_err(unfinished)?;
    for classes in theta.chunks_exact_mut(CLASSES) {
        let common = classes.iter().sum::<f64>() / CLASSES as f64;
        classes.iter_mut().for_each(|theta| *theta -= common);
    }
    let file = stage.file("centred-target.npz")?;
    save_vector(&file, &[("theta", &theta)]).map_err(unfinished)?;
    Ok(file)
}

/// Four runs at λ = 0.1, the last with rows by linear program in the hands of the unmodified honest worker.
fn equilibrium(stage: &Stage, findings: &mut Findings) -> Result<(), Failure> {
    let seed = learning::Seed(1);
    let base = Scenario {
        name: "equilibrium".to_owned(),
        seed,
        task: Task {
            lambda: LAMBDA,
            nu: NU,
            solver: SolverSpec::Exact { tolerance: ROUGHER },
            start: learning::Start::Zeros,
            ..published::task(Kind::SquaredL2)
        },
        target: Target { file: Some(centred_target(stage)?), ..Target::default() },
        server: paced(32, 0.8),
        ..Scenario::default()
    };
    let started = Instant::now();
    let plan =
        Plan { base: &base, none: &paced(10, 0.8), gradient: &paced(14, 0.05), recipe: Recipe::Program };
    let (ended, out) = stage.equivalence(plan)?;
    let seconds = started.elapsed().as_secs_f64();
    findings.rows.extend(rows(&ended));
    findings.rows.push(Row::new("exact MNIST equivalence: four runs", Unit::Seconds, [seconds]));
    let mut series = Vec::new();
    for (name, _, summary) in ended.runs() {
        let norm = summary.target_norm;
        let distances = read_rounds(&out.join(name))?;
        let points: Vec<(f64, f64)> = distances
            .iter()
            .map(|line| (f64::from(line.round), line.judgement.distance_to_target * norm))
            .collect();
        series.push(Series::new(name, points));
    }
    findings.figures.push(Figure {
        name: "exact-equivalence",
        title: "Three attackers at one equilibrium: MNIST, λ = 0.1, exact local solves".to_owned(),
        x: Axis::linear("round"),
        y: Axis::log("‖ρ − θ†‖"),
        series,
    });
    Ok(())
}

fn rows(ended: &Equivalence) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, who, summary) in ended.runs() {
        let accuracy = |accuracy: Option<f64>| [accuracy.unwrap_or(f64::NAN)];
        let what = |of: &str| format!("exact MNIST, λ = 0.1, {who}: {of}");
        let own = Row::new(
            what("accuracy, true labels"),
            Unit::Accuracy,
            accuracy(summary.judgement.accuracy_true),
        );
        rows.push(own.expect(if name == "none" { Expected::AtLeast(0.88) } else { Expected::AtMost(0.02) }));
        if name == "none" {
            continue;
        }
        let target = accuracy(summary.judgement.accuracy_target);
        rows.push(
            Row::new(what("accuracy, attacker's labels"), Unit::Accuracy, target)
                .expect(Expected::AtLeast(0.91)),
        );
        let distance = summary.judgement.distance_to_target * summary.target_norm;
        let most = if name == "gradient" { 1e-4 } else { 0.5 };
        rows.push(Row::new(what("distance"), Unit::Plain, [distance]).expect(Expected::AtMost(most)));
    }
    let equivalence::PoisonSummary { rows: count, needed, stationarity, honest_rows, .. } = ended.poison;
    let needed = needed.unwrap_or(f64::NAN);
    rows.push(Row::new("exact MNIST: poisoned rows", Unit::Count, [count as f64]));
    rows.push(Row::new("exact MNIST: honest rows", Unit::Count, [honest_rows as f64]));
    rows.push(
        Row::new("exact MNIST: poisoned rows against the bound", Unit::Plain, [count as f64 / needed])
            .expect(Expected::AtMost(1.2)),
    );
    rows.push(
        Row::new("exact MNIST: gradient left at the model to hold", Unit::Plain, [stationarity])
            .expect(Expected::AtMost(1e-8)),
    );
    rows
}
