//! Bounded votes: what the attack can do, and what its reductions are, when no message is longer than λ.
//!
//! With N honest users and f attackers, none of whom can send more than λ, the common model ends within
//! (2 Σ‖ρ_h − θₙ*‖ + Σ λ/2μₙ)/(N − f) of ρ_h, where it ends without attack; μₙ is the strong convexity of user n's loss, θₙ* its
//! optimum. f > N reach any target. docs/paper.md has the proof.

use attacker::{AttackSpec, Attackers, Settled};
use attacks::{Target, reduction::gradient_to_model};
use learning::{
    Model, Regularizer, Task,
    data::{Partition, load_vector, save_vector},
    fit, model,
    regularizer::Kind,
};
use optimizer::Schedule;

use super::{
    Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit, rate::normal, stage::Ran,
};
use crate::{failure::Failure, scenario::Scenario};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "bounded-votes",
    about: "l2 and smooth-l2 on digits: reductions where they exist, refusals where not, and the most that f attackers do",
    needs: &[],
    run,
};

const HONEST: usize = 10;

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for (name, kind) in [("l2", Kind::L2), ("smooth-l2", Kind::SmoothL2)] {
        reduce(stage, name, kind, &mut findings)?;
    }
    displace(stage, &mut findings)?;
    Ok(findings)
}

/// Softmax on digits: the attack settles on a message of norm λ, nearly, which a frozen model sends too.
fn reduce(stage: &Stage, name: &str, kind: Kind, findings: &mut Findings) -> Result<(), Failure> {
    let base = Scenario {
        // ν lets softmax regression settle: without it separable rows have no optimum.
        task: Task { regularizer: kind, lambda: 1.0, nu: 1.0, ..Task::default() },
        server: server::Spec { rounds: 200, schedule: Schedule::constant(0.1), ..server::Spec::default() },
        ..Scenario::default()
    };
    let run = |who: &str, attack| {
        let attackers = vec![Attackers::one(attack)];
        stage.cluster(&Scenario { name: format!("{name}-{who}"), attackers, ..base.clone() })
    };
    let unusable = |error| Failure::unfinished(&error);
    let gradient = run("gradient", AttackSpec::CounterGradient {})?;
    let settled = Settled::load(&gradient.folder.join(format!("settled-{HONEST}.npz"))).map_err(unusable)?;
    let regularizer = base.task.regularizer();
    let theta = gradient_to_model(&settled.rho, &settled.gradient, regularizer)
        .map_err(|error| Failure::unfinished(&error))?;
    let file = stage.file(&format!("{name}-model.npz"))?;
    save_vector(&file, &[("theta", &theta), ("rho", &settled.rho)]).map_err(unusable)?;
    let model = run("model", AttackSpec::Model { file })?;
    let apart = distance(&final_model(&gradient)?, &final_model(&model)?) / norm(&final_model(&gradient)?);
    findings.rows.push(
        Row::new(format!("{name}: model attack from gradient attack, part of ‖ρ‖"), Unit::Plain, [apart])
            .expect(Expected::AtMost(0.02)),
    );
    // What it would take to hold ρ at the target: minus the sum of what honest users send there.
    let target = Target::default()
        .resolve(&base.task, base.seed, None)
        .map_err(|error| Failure::unfinished(&error))?;
    let needed = needed_at(&target, &base)?;
    findings.rows.push(
        Row::new(
            format!("{name}: message that would hold the target, in λ"),
            Unit::Plain,
            [norm(&needed) / base.task.lambda],
        )
        .expect(Expected::AtLeast(1.0)),
    );
    match gradient_to_model(&target, &needed, regularizer) {
        Err(refusal) => {
            findings.remarks.push(format!("{name}, a model that holds the target: refused, {refusal}"));
        }
        Ok(_) => return Err(Failure::because(format!("{name}: a model was found that holds the target"))),
    }
    Ok(())
}

/// Minus the sum of what the honest users send at `rho`.
fn needed_at(rho: &[f64], scenario: &Scenario) -> Result<Vec<f64>, Failure> {
    let narrow: Vec<f32> = rho.iter().map(|&r| r as f32).collect();
    let mut needed = vec![0.0; rho.len()];
    for shard in 0..scenario.workers.count {
        let user = scenario.task.user(shard, scenario.workers.count, scenario.seed, None);
        let sent = user.map_err(|error| Failure::unfinished(&error))?.respond(1, &narrow);
        needed.iter_mut().zip(sent).for_each(|(needed, sent)| *needed -= f64::from(sent));
    }
    Ok(needed)
}

/// Ridge regression on digits under l2: displacement by f attackers against the bound.
fn displace(stage: &Stage, findings: &mut Findings) -> Result<(), Failure> {
    let task = Task {
        model: model::Kind::Linear,
        regularizer: Kind::L2,
        lambda: 10.0,
        nu: 10.0,
        partition: Partition::Iid,
        ..Task::default()
    };
    let base = Scenario {
        task,
        server: server::Spec {
            rounds: stage.pick(1500, 400),
            schedule: Schedule::constant(0.0005),
            ..server::Spec::default()
        },
        ..Scenario::default()
    };
    let ran = stage.cluster(&Scenario { name: "ridge-0".to_owned(), ..base.clone() })?;
    let honest = final_model(&ran)?;
    let (from_optima, slack) = spread(&base, &honest)?;
    let (mut bound, mut measured, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for count in [1, 3, 5, 8, 9, 11] {
        let scenario = Scenario {
            name: format!("ridge-{count}"),
            attackers: vec![Attackers { count, ..Attackers::one(AttackSpec::CounterGradient {}) }],
            ..base.clone()
        };
        let ran = stage.cluster(&scenario)?;
        let moved = distance(&final_model(&ran)?, &honest);
        let f = count as f64;
        measured.push((f, moved));
        lines.push(Series::new(format!("f = {count}"), ran.distances()));
        if count < HONEST {
            let most = (2.0 * from_optima + slack) / (HONEST as f64 - f);
            bound.push((f, most));
            findings.rows.push(
                Row::new(format!("l2 ridge: displacement by f = {count} of {HONEST}"), Unit::Plain, [moved])
                    .expect(Expected::AtMost(most)),
            );
        } else {
            let left = ran.distance(base.server.rounds) / ran.summary.target_norm;
            findings.rows.push(Row::new(
                format!("l2 ridge: distance to the target, relative, f = {count}"),
                Unit::Plain,
                [left],
            ));
        }
    }
    findings.figures.push(Figure {
        name: "bounded-votes",
        title: "l2, ten honest users: how far f attackers move the common model".to_owned(),
        x: Axis::linear("attackers f"),
        y: Axis::log("displacement"),
        series: vec![Series::new("measured", measured), Series::new("bound", bound)],
    });
    findings.figures.push(Figure {
        name: "bounded-votes-rounds",
        title: "l2, ten honest users and f attackers: distance to the target".to_owned(),
        x: Axis::linear("round"),
        y: Axis::log("‖ρ − θ†‖"),
        series: lines,
    });
    Ok(())
}

/// Σ‖ρ_h − θₙ*‖ and Σ λ/2μₙ over the honest.
fn spread(scenario: &Scenario, honest: &[f64]) -> Result<(f64, f64), Failure> {
    let (task, shards) = (&scenario.task, scenario.workers.count);
    let Regularizer { lambda, .. } = task.regularizer();
    let model: Model = scenario.model()?;
    let (mut from_optima, mut slack) = (0.0, 0.0);
    for shard in 0..shards {
        let rows =
            task.rows(shard, shards, scenario.seed, None).map_err(|error| Failure::unfinished(&error))?;
        from_optima += distance(&fit(&model, &rows, task.nu), honest);
        let convexity = normal(&rows).symmetric_eigenvalues().min().max(0.0) + 2.0 * task.nu;
        slack += lambda / (2.0 * convexity);
    }
    Ok((from_optima, slack))
}

fn final_model(ran: &Ran) -> Result<Vec<f64>, Failure> {
    load_vector(&ran.folder.join("model.npz"), "theta").map_err(|error| Failure::unfinished(&error))
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

fn norm(a: &[f64]) -> f64 {
    a.iter().map(|a| a * a).sum::<f64>().sqrt()
}
