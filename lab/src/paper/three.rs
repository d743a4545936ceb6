//! Gradient attack, then model attack, then sampled rows, one made of the other as the published code does it.

use std::time::Instant;

use attacker::{AttackSpec, Attackers, Settled};
use attacks::craft::Sampling;
use learning::{
    Seed,
    data::{load_vector, save_table, save_vector},
};
use rand_distr::{Distribution as _, Normal};

use super::{Stage, stage::Ran};
use crate::{
    failure::Failure,
    poison::{self, Recipe},
    scenario::Scenario,
};

/// What to run.
#[derive(Debug)]
pub(super) struct Protocol {
    /// Everything but name, rounds and attackers; the target is a file.
    pub base: Scenario,
    /// Rounds of the three runs.
    pub rounds: [u32; 3],
    /// The rows of the third.
    pub sampling: Sampling,
}

/// The runs, and how long they took together.
#[derive(Debug)]
pub(super) struct Three {
    /// Gradient, model, data.
    pub runs: [Ran; 3],
    /// From the first process to the last.
    pub seconds: f64,
    /// ‖θ♠‖
    pub norm: f64,
}

/// Carries out `protocol`; the folders of its runs begin with `prefix`.
pub(super) fn three(stage: &Stage, prefix: &str, protocol: &Protocol) -> Result<Three, Failure> {
    let Protocol { base, rounds, sampling } = protocol;
    let seed = base.seed;
    let run = |name: &str, rounds, attack| {
        let mut scenario = Scenario {
            name: format!("{prefix}{name}-seed-{}", seed.0),
            attackers: vec![Attackers::one(attack)],
            ..base.clone()
        };
        scenario.server.rounds = rounds;
        stage.cluster(&scenario)
    };
    let file = |name: &str| stage.file(&format!("{prefix}{name}-seed-{}.npz", seed.0));
    let unusable = |error| Failure::unfinished(&error);
    let started = Instant::now();
    let gradient = run("gradient", rounds[0], AttackSpec::CounterGradient {})?;
    let settled = gradient.folder.join(format!("settled-{}.npz", base.workers.count));
    let settled = Settled::load(&settled).map_err(unusable)?;
    let theta = published_model(base, &settled)?;
    let (model_file, data_file, start_file) = (file("attacking-model")?, file("poison")?, file("start")?);
    save_vector(&model_file, &[("theta", &theta), ("rho", &settled.rho)]).map_err(unusable)?;
    let model = run("model", rounds[1], AttackSpec::Model { file: model_file })?;
    let rows = poison::craft(base, &theta, &settled.rho, Recipe::Sampled(*sampling))?.rows;
    save_table(&data_file, &rows).map_err(unusable)?;
    save_vector(&start_file, &[("theta", &near(&theta, seed))]).map_err(unusable)?;
    let data = run("data", rounds[2], AttackSpec::Data { file: data_file, start: Some(start_file) })?;
    let norm = theta.iter().map(|t| t * t).sum::<f64>().sqrt();
    Ok(Three { runs: [gradient, model, data], seconds: started.elapsed().as_secs_f64(), norm })
}

/// θ♠ = ρ + Σₙ (ρ − θₙ) = ρ + G/2λ over the honest, G as the attacker last knew it: g was (ρ − θ†)/η − G. In a run that has
/// not settled this is not the model that sends g.
fn published_model(base: &Scenario, settled: &Settled) -> Result<Vec<f64>, Failure> {
    let Some(target) = &base.target.file else {
        return Err(Failure::wrong("the published protocol has its target in a file"));
    };
    let target = load_vector(target, "theta").map_err(|error| Failure::unfinished(&error))?;
    let others = |rho: f64, target: f64, sent: f64| (rho - target) / settled.step - sent;
    Ok((settled.rho.iter().zip(&target).zip(&settled.gradient))
        .map(|((&rho, &target), &sent)| rho + others(rho, target, sent) / (2.0 * base.task.lambda))
        .collect())
}

/// Where the published data attack starts the attacker's own model: θ♠ and normal noise of 0.1.
fn near(theta: &[f64], seed: Seed) -> Vec<f64> {
    let mut stream = seed.stream("poisoned start");
    let noise = Normal::new(0.0, 0.1).expect("a deviation is positive");
    theta.iter().map(|t| t + noise.sample(&mut stream)).collect()
}
