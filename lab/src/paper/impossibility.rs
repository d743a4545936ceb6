//! No rule is right in two worlds that it cannot tell apart.
//!
//! F of N users are of one mind, at Δ, and N − F of another, at 0. World 1: those at Δ are Byzantine; the honest agree, and the
//! right model is theirs. World 2: the Byzantine are F of those at 0; the right model is that of the honest, F Δ/(N − F).
//! The messages are the same, so is the answer, and it is wrong by at least half of F Δ/(N − F) in one of the worlds. The
//! Byzantine either send gradients, as a liar who holds a frozen model, or run the honest code on data: no difference.

use aggregation::{Aggregator, Kind, Pipeline, catalogue};
use attacks::{Attack as _, ModelAttack, Sight};
use learning::{
    Dataset, Model, Regularizer, Seed, Setting, SolverSpec, Targets, User, data::Inputs, model, regularizer,
};
use ndarray::Array2;
use rand_distr::{Distribution as _, StandardNormal};

use super::{Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit, held::distance};
use crate::failure::Failure;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "impossibility",
    about: "Two worlds that no rule can tell apart: the error of every rule, by gradients and by data",
    needs: &[],
    run,
};

/// As few as every rule stands.
const USERS: usize = 15;
const BYZANTINE: usize = 3;
const INPUTS: usize = 3;
const ROWS: usize = 2000;
const LAMBDA: f64 = 0.5;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Means {
    Gradients,
    Data,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum World {
    One,
    Two,
}

impl World {
    /// Whether user `user`, of whom the first F are at Δ, is Byzantine.
    const fn lies(self, user: usize) -> bool {
        match self {
            Self::One => user < BYZANTINE,
            Self::Two => user >= BYZANTINE && user < 2 * BYZANTINE,
        }
    }

    /// How far along Δ the honest are on average.
    fn right(self) -> f64 {
        match self {
            Self::One => 0.0,
            Self::Two => BYZANTINE as f64 / (USERS - BYZANTINE) as f64,
        }
    }
}

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let gaps = stage.pick(vec![0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0], vec![0.1, 3.0, 100.0]);
    let rounds = stage.pick(400, 200);
    let bound = |gap: f64| 0.5 * World::Two.right() * gap;
    let mut findings = Findings::default();
    let least: Vec<(f64, f64)> = gaps.iter().map(|&gap| (gap, bound(gap))).collect();
    let mut alike: Vec<(Vec<f64>, Vec<String>)> = Vec::new();
    for pipeline in pipelines()? {
        match worst_errors(&pipeline, &gaps, rounds) {
            Err(refusal) => findings.remarks.push(format!("{pipeline} is left out: {refusal}.")),
            Ok(worst) => {
                for (means, errors) in ["gradients", "data"].into_iter().zip(&worst) {
                    let over = gaps.iter().zip(errors).map(|(&gap, error)| error / bound(gap));
                    let what =
                        format!("two worlds, {pipeline}, by {means}: least worst error over the bound");
                    let least = over.fold(f64::INFINITY, f64::min);
                    findings.rows.push(Row::new(what, Unit::Plain, [least]).expect(Expected::AtLeast(0.99)));
                }
                let [_, by_data] = worst;
                let same =
                    |errors: &[f64]| errors.iter().zip(&by_data).all(|(a, b)| (a / b - 1.0).abs() < 0.01);
                match alike.iter_mut().find(|(errors, _)| same(errors)) {
                    Some((_, names)) => names.push(pipeline.to_string()),
                    None => alike.push((by_data, vec![pipeline.to_string()])),
                }
            }
        }
    }
    let line = |(errors, names): (Vec<f64>, Vec<String>)| {
        let name = match names.as_slice() {
            [name] => name.clone(),
            names => format!("{} rules, among them {}", names.len(), names[0]),
        };
        Series::new(name, gaps.iter().copied().zip(errors).collect::<Vec<_>>())
    };
    let mut series = vec![Series::new("no rule is below", least)];
    series.extend(alike.into_iter().map(line));
    findings.figures.push(Figure {
        name: "impossibility",
        title: format!("Two worlds, {BYZANTINE} Byzantine of {USERS}, by data: error in the worse one"),
        x: Axis::log("heterogeneity, ‖Δ‖"),
        y: Axis::log("‖ρ − right‖"),
        series,
    });
    Ok(findings)
}

/// Every rule by itself, and every pre-aggregator before the trimmed mean.
fn pipelines() -> Result<Vec<Pipeline>, Failure> {
    let parse = |entry: &aggregation::Entry| {
        let given: Vec<String> = (entry.parameters.iter().filter(|parameter| parameter.default.is_none()))
            .map(|parameter| format!("{}=2", parameter.name))
            .collect();
        let stage = if entry.name == "fltrust" {
            // The server's own gradient is that of a user who is honest in both worlds.
            format!("fltrust(root={})", USERS - 1)
        } else if given.is_empty() {
            entry.name.to_owned()
        } else {
            format!("{}({})", entry.name, given.join(","))
        };
        let text = if entry.kind == Kind::Rule { stage } else { format!("{stage}+trimmed-mean") };
        text.parse().map_err(|error| Failure::unfinished(&error))
    };
    catalogue().iter().map(parse).collect()
}

/// The larger of the errors in the two worlds, gap by gap, by gradients and by data.
fn worst_errors(
    pipeline: &Pipeline,
    gaps: &[f64],
    rounds: u32,
) -> Result<[Vec<f64>; 2], aggregation::Refusal> {
    let worst = |means| -> Result<Vec<f64>, aggregation::Refusal> {
        let worse = |&gap: &f64| {
            let one = error(pipeline, gap, World::One, means, rounds)?;
            Ok(one.max(error(pipeline, gap, World::Two, means, rounds)?))
        };
        gaps.iter().map(worse).collect()
    };
    Ok([worst(Means::Gradients)?, worst(Means::Data)?])
}

/// How far from right the common model ends; it starts where the minority is.
fn error(
    pipeline: &Pipeline,
    gap: f64,
    world: World,
    means: Means,
    rounds: u32,
) -> Result<f64, aggregation::Refusal> {
    let mut users: Vec<Anybody> = (0..USERS).map(|user| Anybody::new(user, gap, world, means)).collect();
    let mut aggregator = Aggregator::new(pipeline.clone(), BYZANTINE, 1);
    let ranks: Vec<u32> = (0..USERS as u32).collect();
    let dimension = INPUTS + 1;
    let mut rho: Vec<f32> = mind(gap).into_iter().map(|r| r as f32).collect();
    let mut out = vec![0.0_f32; dimension];
    // The mean of gradients of at most 2λ-smooth functions: a quarter of the way each round.
    let eta = (0.25 / (2.0 * LAMBDA)) as f32;
    for round in 1..=rounds {
        let rows: Vec<Vec<f32>> = users.iter_mut().map(|user| user.answer(round, &rho)).collect();
        let views: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        match aggregator.aggregate(round, &ranks, &views, &mut out) {
            Ok(_) => (),
            Err(refusal) if round == 1 => return Err(refusal),
            // A server skips such a round: who trusts a user that is content sees nothing to do.
            Err(_) => continue,
        }
        rho.iter_mut().zip(&out).for_each(|(rho, step)| *rho -= eta * step);
    }
    let right = mind(world.right() * gap);
    let rho: Vec<f64> = rho.into_iter().map(f64::from).collect();
    Ok(distance(&rho, &right))
}

/// The model at `far` along Δ: all coordinates alike, of that norm.
fn mind(far: f64) -> Vec<f64> {
    vec![far / ((INPUTS + 1) as f64).sqrt(); INPUTS + 1]
}

/// An honest user, a liar, or an honest user with a liar's data.
enum Anybody {
    Worker(Box<User>),
    Liar(ModelAttack),
}

impl Anybody {
    fn new(user: usize, gap: f64, world: World, means: Means) -> Self {
        let theta = mind(if user < BYZANTINE { gap } else { 0.0 });
        let regularizer = Regularizer { kind: regularizer::Kind::SquaredL2, lambda: LAMBDA };
        if means == Means::Gradients && world.lies(user) {
            return Self::Liar(ModelAttack::new(theta, regularizer));
        }
        let model = Model { kind: model::Kind::Linear, inputs: INPUTS, outputs: 1 };
        let solver = SolverSpec::Exact { tolerance: 1e-9 };
        let setting = Setting { model, nu: 0.0, weight: 1.0, regularizer, solver };
        Self::Worker(Box::new(User::new(&setting, &data_of(&theta), None, (Seed(1), user as u32))))
    }

    fn answer(&mut self, round: u32, rho: &[f32]) -> Vec<f32> {
        match self {
            Self::Worker(user) => user.respond(round, rho),
            Self::Liar(liar) => liar.answer(&Sight::of(round, rho, 0.0)),
        }
    }
}

/// Rows that say `theta` and nothing else, the same inputs for everybody.
fn data_of(theta: &[f64]) -> Dataset {
    let mut stream = Seed(1).stream("two worlds");
    let inputs =
        Array2::from_shape_simple_fn((ROWS, INPUTS), || -> f64 { StandardNormal.sample(&mut stream) });
    let answers = Array2::from_shape_fn((ROWS, 1), |(row, _)| {
        inputs.row(row).iter().zip(theta).map(|(x, t)| x * t).sum::<f64>() + theta[INPUTS]
    });
    Dataset::new(Inputs::Reals(inputs), Targets::Values(answers))
}
