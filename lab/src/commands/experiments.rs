//! Commands that make results.

use std::{future::Future, time::Instant};

use attacker::Settled;
use attacks::craft::Sampling;
use learning::{
    Seed, Task,
    data::{load_vector, save_table},
    model,
    regularizer::Kind,
};
use optimizer::Schedule;

use super::{endpoint, options};
use crate::{
    cli::{self, RecipeKind},
    equivalence,
    failure::Failure,
    following::Following,
    in_process,
    judge::Judge,
    labels::Labels,
    ledgers::Ledgers,
    observer::{self, Sighting},
    poison::{self, Recipe},
    progress::Progress,
    report,
    results::{Folder, RoundLine, Summary, read_rounds},
    run::{self, Options},
    scenario::Scenario,
};

pub(super) async fn equivalence(
    arguments: cli::Equivalence,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let scenario = equivalence_scenario(&arguments);
    scenario.check()?;
    let recipe = recipe(&scenario, arguments.recipe);
    let options = options(arguments.common, "equivalence");
    if !options.quiet {
        eprintln!("seed {}, results in {}", scenario.seed.0, options.out.display());
    }
    let server = &scenario.server;
    let plan = equivalence::Plan { base: &scenario, none: server, gradient: server, recipe };
    let equivalence = equivalence::run(plan, &options, shutdown).await?;
    let poison = &equivalence.poison;
    println!("{}", report::equivalence_table(&equivalence));
    let needed = match poison.needed {
        Some(needed) if needed > 0.0 => format!("; {:.0} is the least there can be", needed.ceil()),
        _ => String::new(),
    };
    println!(
        "The poisoned worker holds {} rows ({} distinct{needed}) against {} honest ones.",
        poison.rows, poison.distinct, poison.honest_rows,
    );
    println!("Picture: {}", options.out.join("report.html").display());
    Ok(())
}

/// What was tried and works on digits. Under l2 and smooth-l2 a worker that sits on ρ sends the gradient of its own loss,
/// so the server descends on the sum of those: at 0.3 that starts to oscillate after some 45 rounds, at 0.1 it does not.
fn equivalence_scenario(arguments: &cli::Equivalence) -> Scenario {
    let regularizer: Kind = arguments.regularizer.into();
    let (lambda, eta, rounds) =
        if regularizer == Kind::SquaredL2 { (0.01, 2.0, 150) } else { (1.0, 0.1, 60) };
    Scenario {
        name: "equivalence".to_owned(),
        seed: Seed(arguments.seed),
        task: Task {
            model: arguments.model.into(),
            regularizer,
            lambda: arguments.lambda.unwrap_or(lambda),
            ..Task::default()
        },
        server: server::Spec {
            rounds: arguments.rounds.unwrap_or(rounds),
            schedule: Schedule::constant(arguments.eta.unwrap_or(eta)),
            ..server::Spec::default()
        },
        workers: worker::Workers { count: arguments.workers },
        ..Scenario::default()
    }
}

pub(super) async fn run(arguments: cli::Run, shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
    let mut scenario = Scenario::load(&arguments.scenario)?;
    if arguments.study {
        scenario.server.study = true;
        scenario.check()?;
    }
    let options = Options { restart: arguments.restart, ..options(arguments.common, &scenario.name) };
    if !options.quiet {
        eprintln!("seed {}, results in {}", scenario.seed.0, options.out.display());
    }
    let summary = if arguments.in_process {
        in_process::run(&scenario, &options)?
    } else {
        run::run(&scenario, &options, shutdown).await?
    };
    show(&summary, &options)
}

/// Prints the table of one run and writes its page.
fn show(summary: &Summary, options: &Options) -> Result<(), Failure> {
    let picture =
        report::picture(&[report::Curve { name: summary.name.clone(), rounds: read_rounds(&options.out)? }])?;
    let path = options.out.join("report.html");
    std::fs::write(&path, report::single(summary, &picture).into_string())
        .map_err(|error| Failure::because(format!("cannot write {}: {error}", path.display())))?;
    println!("{}", report::summary_table(summary));
    println!("Picture: {}", path.display());
    Ok(())
}

pub(super) fn poison(arguments: &cli::Poison) -> Result<(), Failure> {
    let scenario = match &arguments.scenario {
        Some(path) => Scenario::load(path)?,
        None => Scenario::default(),
    };
    let unreadable = |error| Failure::unfinished(&error);
    let rho = load_vector(&arguments.attack, "rho").map_err(unreadable)?;
    let theta = if let Ok(theta) = load_vector(&arguments.attack, "theta") {
        theta
    } else {
        let gradient = load_vector(&arguments.attack, "gradient")
            .map_err(|error| unreadable(error).hint("it needs `rho` and `gradient`, or `rho` and `theta`"))?;
        poison::attacking_model(&scenario, &Settled { rho: rho.clone(), gradient, step: 0.0 })?
    };
    let poison = poison::craft(&scenario, &theta, &rho, recipe(&scenario, arguments.recipe))?;
    save_table(&arguments.out, &poison.rows).map_err(unreadable)?;
    println!(
        "{} rows ({} distinct) in {}, gradient left at the model to hold: {:.1e}",
        poison.rows.examples(),
        poison.rows.inputs.rows(),
        arguments.out.display(),
        poison.stationarity,
    );
    Ok(())
}

fn recipe(scenario: &Scenario, arguments: cli::Recipe) -> Recipe {
    match (scenario.task.model, arguments.recipe) {
        (model::Kind::Linear, _) => Recipe::LeastSquares { pins: arguments.pins },
        (_, RecipeKind::Program) => Recipe::Program,
        (_, RecipeKind::Exact) => Recipe::Exact,
        (_, RecipeKind::Images) => Recipe::Images,
        (_, RecipeKind::Sampled) => Recipe::Sampled(Sampling::published()),
    }
}

pub(super) async fn observe(
    arguments: cli::Observe,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Failure> {
    arguments.metrics.serve().await?;
    let server = endpoint(&arguments.server, &arguments.keys, "observer")?;
    let token = arguments.keys.token(&server, "observer")?;
    let mut following = Following::start(server, token, arguments.patience).await?;
    let scenario: Scenario = toml::from_str(following.scenario()).map_err(|error| {
        Failure::because(format!("the scenario of {} is not ours: {}", arguments.server, error.message()))
    })?;
    let options = options(arguments.common, &scenario.name);
    let mut folder = Folder::create(&options.out, &scenario)?;
    let judge = Judge::new(&scenario, options.data.as_deref())?;
    let labels = Labels::of(&scenario, options.data.as_deref())?;
    let mut progress = Progress::new(&scenario.name, scenario.server.rounds, options.quiet);
    let (mut last, mut final_model, mut skipped, started) =
        (None::<RoundLine>, Vec::new(), 0, Instant::now());
    let mut ledgers = Ledgers::default();
    tokio::pin!(shutdown);
    loop {
        let sighting = tokio::select! {
            sighting = following.next() => sighting?,
            () = &mut shutdown => return Err(Failure::because("interrupted")),
        };
        match sighting {
            Sighting::Start(_) => (),
            Sighting::Round(report, _) if last.as_ref().is_some_and(|line| report.round <= line.round) => (),
            Sighting::Round(report, model) => {
                let line = observer::line(report, &model, &judge);
                skipped += u32::from(line.skipped.is_some());
                ledgers.add(&line);
                folder.add(&line)?;
                progress.round(&line);
                (last, final_model) = (Some(line), model);
            }
            Sighting::Stop(Ok(())) => break,
            Sighting::Stop(Err(why)) => return Err(Failure::because(format!("the run ended: {why}"))),
        }
    }
    progress.finish();
    let Some(last) = last else { return Err(Failure::because("the run ended before a round was seen")) };
    let summary = Summary {
        name: scenario.name.clone(),
        seed: scenario.seed.0,
        judgement: last.judgement,
        target_norm: judge.target_norm(),
        rounds: last.round,
        skipped,
        processes: 1 + scenario.processes(),
        lost: last.absent,
        ledgers,
        labels,
        seconds: started.elapsed().as_secs_f64(),
    };
    folder.finish(&summary, &final_model)?;
    show(&summary, &options)
}
