//! Local PAC\*: who provides enough data labelled by θ* gets a local model near θ*, whatever the others hold.
//!
//! User 0 holds m rows that θ* labelled, with noise; the common model is either the equilibrium with four honest users of
//! another mind, whose data stay as they are, or held thirty times ‖θ*‖ away by somebody who steers it there, round after
//! round. Under squared-l2 the pull of the common model grows with its distance, under l2 and smooth-l2 it is at most λ: what it
//! costs user 0 shrinks with m in all of them.

use learning::{
    Dataset, Model, Regularizer, Seed, Setting, SolverSpec, Targets, User, data::Inputs, model,
    regularizer::Kind,
};
use ndarray::Array2;
use rand::RngExt as _;
use rand_distr::{Distribution as _, StandardNormal};

use super::{
    Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit,
    held::{distance, norm},
};
use crate::failure::Failure;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "local-pac",
    about: "Distance of a user's own model to the truth against the amount of its data, others fixed or hostile",
    needs: &[],
    run,
};

const INPUTS: usize = 4;
const OTHERS: usize = 4;
const ROUNDS: u32 = 60;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Others {
    Fixed,
    Hostile,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every experiment")]
fn run(stage: &Stage) -> Result<Findings, Failure> {
    let amounts: Vec<usize> =
        stage.pick(vec![10, 30, 100, 300, 1000, 3000, 10_000, 30_000], vec![10, 100, 1000, 10_000]);
    let mut findings = Findings::default();
    for (model, name, figure) in [
        (model::Kind::Linear, "linear regression", "local-pac-linear"),
        (model::Kind::Softmax, "logistic regression", "local-pac-logistic"),
    ] {
        let mut series = Vec::new();
        for (kind, pull) in [(Kind::SquaredL2, "squared-l2"), (Kind::L2, "l2"), (Kind::SmoothL2, "smooth-l2")]
        {
            for (others, how) in [(Others::Fixed, "fixed"), (Others::Hostile, "hostile")] {
                let case = Case { model, regularizer: Regularizer { kind, lambda: 1.0 }, others };
                let measured = |amount: usize| -> Vec<f64> {
                    stage.seeds().map(|seed| case.distance(amount, seed)).collect()
                };
                let all: Vec<(usize, Vec<f64>)> = amounts.iter().map(|&m| (m, measured(m))).collect();
                let what = format!("local PAC*, {name}, {pull}, others {how}");
                for (index, (amount, distances)) in all.iter().enumerate() {
                    let row = Row::new(
                        format!("{what}: distance at {amount} rows"),
                        Unit::Plain,
                        distances.clone(),
                    );
                    if index + 1 == all.len() {
                        findings.rows.push(row.expect(Expected::AtMost(0.15)));
                    } else if index == 0 {
                        findings.rows.push(row);
                    }
                }
                let points = all.iter().map(|(m, d)| (*m as f64, d.iter().sum::<f64>() / d.len() as f64));
                series.push(Series::new(format!("{pull}, others {how}"), points.collect::<Vec<_>>()));
            }
        }
        findings.figures.push(Figure {
            name: figure,
            title: format!("Local PAC*, {name}: a user's own model"),
            x: Axis::log("rows of its own"),
            y: Axis::log("‖θ − θ*‖ / ‖θ*‖"),
            series,
        });
    }
    Ok(findings)
}

#[derive(Debug, Clone, Copy)]
struct Case {
    model: model::Kind,
    regularizer: Regularizer,
    others: Others,
}

impl Case {
    /// ‖θ₀ − θ*‖/‖θ*‖ of a user with `amount` rows.
    fn distance(&self, amount: usize, seed: Seed) -> f64 {
        let outputs = if self.model == model::Kind::Linear { 1 } else { 2 };
        let sized = Model { kind: self.model, inputs: INPUTS, outputs };
        let solver = SolverSpec::Exact { tolerance: 1e-8 };
        let setting = Setting { model: sized, nu: 0.0, weight: 1.0, regularizer: self.regularizer, solver };
        let (truth, other) = (opinion(&sized, seed, 0), opinion(&sized, seed, 1));
        let mut user = User::new(&setting, &labelled(&sized, &truth, amount, seed, 0), None, (seed, 0));
        match self.others {
            Others::Hostile => {
                let far: Vec<f32> = (truth.iter().zip(&other))
                    .map(|(t, o)| (t + 30.0 * norm(&truth) / norm(&other) * o) as f32)
                    .collect();
                user.respond(1, &far);
            }
            Others::Fixed => {
                let mut users = vec![user];
                users.extend((1..=OTHERS as u32).map(|index| {
                    User::new(&setting, &labelled(&sized, &other, 200, seed, index), None, (seed, index))
                }));
                settle(&mut users, sized.dimension());
                user = users.swap_remove(0);
            }
        }
        distance(&felt(&user.theta(), outputs), &truth) / norm(&truth)
    }
}

/// The protocol, undisturbed: the sum of all gradients, and a step short enough for every regulariser at λ = 1.
fn settle(users: &mut [User], dimension: usize) {
    let mut rho = vec![0.0_f32; dimension];
    let eta = 0.4 / users.len() as f32;
    for round in 1..=ROUNDS {
        let mut sum = vec![0.0_f32; dimension];
        for user in users.iter_mut() {
            sum.iter_mut().zip(user.respond(round, &rho)).for_each(|(sum, sent)| *sum += sent);
        }
        rho.iter_mut().zip(&sum).for_each(|(rho, sum)| *rho -= eta * sum);
    }
}

/// A model of norm about 2 whose outputs sum to 0 where there are two: softmax does not feel the rest.
fn opinion(model: &Model, seed: Seed, index: u32) -> Vec<f64> {
    let mut stream = seed.stream_of("opinion", index);
    let theta: Vec<f64> = (0..model.dimension()).map(|_| StandardNormal.sample(&mut stream)).collect();
    let theta = felt(&theta, model.outputs);
    theta.iter().map(|t| 2.0 * t / norm(&theta)).collect()
}

/// The part of `theta` that its answers depend on.
fn felt(theta: &[f64], outputs: usize) -> Vec<f64> {
    if outputs == 1 {
        return theta.to_vec();
    }
    theta
        .chunks(outputs)
        .flat_map(|row| {
            let mean = row.iter().sum::<f64>() / outputs as f64;
            row.iter().map(move |t| t - mean).collect::<Vec<_>>()
        })
        .collect()
}

/// Rows with normal inputs, answered by `theta` with normal noise of 1, or drawn from its probabilities.
fn labelled(model: &Model, theta: &[f64], amount: usize, seed: Seed, index: u32) -> Dataset {
    let mut stream = seed.stream_of("labelled rows", index);
    let inputs =
        Array2::from_shape_simple_fn((amount, INPUTS), || -> f64 { StandardNormal.sample(&mut stream) });
    let answers = |x: ndarray::ArrayView1<'_, f64>| -> Vec<f64> {
        (0..model.outputs)
            .map(|k| {
                let weighted =
                    x.iter().enumerate().map(|(j, x)| x * theta[j * model.outputs + k]).sum::<f64>();
                weighted + theta[INPUTS * model.outputs + k]
            })
            .collect()
    };
    let targets = if model.kind == model::Kind::Linear {
        let values = inputs.rows().into_iter().map(|x| {
            let noise: f64 = StandardNormal.sample(&mut stream);
            answers(x)[0] + noise
        });
        let values = values.collect::<Vec<f64>>();
        Targets::Values(Array2::from_shape_vec((amount, 1), values).expect("an answer a row"))
    } else {
        let labels = inputs.rows().into_iter().map(|x| {
            let answers = answers(x);
            u8::from(stream.random_bool((1.0 + (answers[0] - answers[1]).exp()).recip()))
        });
        Targets::Classes { labels: labels.collect(), classes: 2 }
    };
    Dataset::new(Inputs::Reals(inputs), targets)
}
