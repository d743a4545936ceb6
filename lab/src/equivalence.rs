//! The main job: the same learning task four times, and three attackers that drag the common model to the same place.
//!
//! Nobody attacks; a liar sends counter-gradients; a liar holds a frozen model still; an unmodified honest worker holds
//! crafted data. Each is made of what the one before it left behind, and of nothing that a real attacker would not have.

use std::{future::Future, path::Path};

use attacker::{AttackSpec, Attackers, Settled};
use learning::data::{save_table, save_vector};
use serde::Serialize;

use crate::{
    failure::Failure,
    poison::{self, Poison, Recipe},
    report,
    results::{Summary, read_rounds, write_json},
    run::{self, Options},
    scenario::Scenario,
};

/// How the four runs ended: `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Equivalence {
    /// Nobody attacks.
    pub none: Summary,
    /// A liar sends counter-gradients.
    pub gradient: Summary,
    /// A liar holds a frozen model still.
    pub model: Summary,
    /// An honest worker holds crafted data.
    pub data: Summary,
    /// What the crafted data are.
    pub poison: PoisonSummary,
}

/// What the crafted data are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PoisonSummary {
    /// Rows in the file.
    pub rows: u64,
    /// Different ones among them.
    pub distinct: usize,
    /// Rows that it takes at least, where a bound is known.
    pub needed: Option<f64>,
    /// Norm of the gradient that they leave at the model they are to hold.
    pub stationarity: f64,
    /// Rows that the honest workers hold together.
    pub honest_rows: u64,
}

impl Equivalence {
    /// The runs in the order they were made, with the name of their folder and who attacked.
    #[must_use]
    pub fn runs(&self) -> [(&'static str, &'static str, &Summary); 4] {
        [
            ("none", "nobody", &self.none),
            ("gradient", "a liar, by counter-gradients", &self.gradient),
            ("model", "a liar, by a frozen model", &self.model),
            ("data", "an honest worker, by its data", &self.data),
        ]
    }
}

/// What is run four times.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// The learning task, and the server of the last two runs; its attackers do not matter.
    pub base: &'a Scenario,
    /// The server when nobody attacks.
    pub none: &'a server::Spec,
    /// The server when a liar sends counter-gradients, which bear shorter steps only and need fewer.
    pub gradient: &'a server::Spec,
    /// How the data of the last run are made.
    pub recipe: Recipe,
}

/// Runs `plan` below `options.out`, and writes summary and report there.
///
/// # Errors
/// When a run does not come to its end, or an attack cannot be turned into the next.
pub async fn run(
    plan: Plan<'_>,
    options: &Options,
    shutdown: impl Future<Output = ()>,
) -> Result<Equivalence, Failure> {
    tokio::pin!(shutdown);
    let Plan { base, none, gradient, recipe } = plan;
    let under = |server: &server::Spec| Scenario { server: server.clone(), ..base.clone() };
    let out = &options.out;
    let mut runner = Runner { options, shutdown };
    let none = runner.run(&under(none), "none", None).await?;
    let gradient = runner.run(&under(gradient), "gradient", Some(AttackSpec::CounterGradient {})).await?;

    let rank = base.workers.count;
    let settled = Settled::load(&out.join("gradient").join(format!("settled-{rank}.npz")))
        .map_err(|error| Failure::unfinished(&error))?;
    let theta = poison::attacking_model(base, &settled)?;
    let model_file = out.join("attacking-model.npz");
    save_vector(&model_file, &[("theta", &theta), ("rho", &settled.rho)])
        .map_err(|error| Failure::unfinished(&error))?;
    let model = runner.run(base, "model", Some(AttackSpec::Model { file: model_file })).await?;

    let Poison { rows, stationarity, needed } = poison::craft(base, &theta, &settled.rho, recipe)?;
    let data_file = out.join("poison.npz");
    save_table(&data_file, &rows).map_err(|error| Failure::unfinished(&error))?;
    let data = runner.run(base, "data", Some(AttackSpec::Data { file: data_file, start: None })).await?;

    let train =
        base.task.train(base.seed, options.data.as_deref()).map_err(|error| Failure::unfinished(&error))?;
    let poison = PoisonSummary {
        rows: rows.examples(),
        distinct: rows.inputs.rows(),
        needed,
        stationarity,
        honest_rows: train.examples(),
    };
    let equivalence = Equivalence { none, gradient, model, data, poison };
    write_json(&out.join("summary.json"), &equivalence)?;
    write_report(&equivalence, out)?;
    Ok(equivalence)
}

struct Runner<'a, S> {
    options: &'a Options,
    shutdown: S,
}

impl<S: Future<Output = ()> + Unpin> Runner<'_, S> {
    async fn run(
        &mut self,
        base: &Scenario,
        name: &str,
        attack: Option<AttackSpec>,
    ) -> Result<Summary, Failure> {
        let attackers = attack.map(Attackers::one).into_iter().collect();
        let scenario = Scenario { name: name.to_owned(), attackers, ..base.clone() };
        let options = Options { out: self.options.out.join(name), ..self.options.clone() };
        run::run(&scenario, &options, &mut self.shutdown).await.map_err(|failure| failure.at(name))
    }
}

fn write_report(equivalence: &Equivalence, out: &Path) -> Result<(), Failure> {
    let mut curves = Vec::new();
    for (name, _, _) in equivalence.runs() {
        curves.push(report::Curve { name: name.to_owned(), rounds: read_rounds(&out.join(name))? });
    }
    let picture = report::picture(&curves)?;
    let write = |name: &str, text: &str| {
        let path = out.join(name);
        std::fs::write(&path, text)
            .map_err(|error| Failure::because(format!("cannot write {}: {error}", path.display())))
    };
    write("equivalence.svg", &picture)?;
    write("report.html", &report::equivalence(equivalence, &picture).into_string())
}
