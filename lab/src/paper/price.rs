//! The price of poisoning: rows that hold the attacking model, by every recipe, against the fewest there can be.
//!
//! One figure over λ, over how unlike the honest users' data are, and over the number of classes. The recipes are the
//! linear program over logits, the closed form, the linear program over images, and the published sampling, of which what
//! it would need for an error of a hundredth is computed: its rows pin the length of the model by the variance that their
//! noise gives the logits, and the regulariser pulls against that.

use std::time::Instant;

use attacks::{
    Target,
    craft::{
        Hold, Sampling, rows_by_program, rows_by_sampling, rows_for_softmax, rows_needed, rows_of_images,
    },
};
use learning::{
    Dataset, Seed, Targets, Task,
    data::{Partition, Source, save_table},
};

use super::{Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit, held::Held};
use crate::failure::Failure;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "price",
    about: "Rows it takes to hold a softmax model against λ, heterogeneity and classes, by every recipe",
    needs: &[],
    run,
};

const HONEST: usize = 10;
/// Error of the held model, relative, that the need of the published sampling is computed for.
const SAMPLED_ERROR: f64 = 0.01;

/// What a recipe took.
struct Price {
    rows: f64,
    stationarity: f64,
    missed: f64,
    seconds: f64,
}

/// The prices of one case.
struct Case {
    what: String,
    needed: f64,
    program: Price,
    exact: Price,
    images: Option<Price>,
    sampled: f64,
}

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let mut cases = Vec::new();
    for lambda in stage.pick(vec![0.001, 0.01, 0.1, 1.0], vec![0.01, 1.0]) {
        cases.push(case(stage, format!("λ = {lambda}"), Task { lambda, ..Task::default() }, !stage.short)?);
    }
    for gamma in stage.pick(vec![0.75, 0.5, 0.25, 0.0], vec![0.0]) {
        let task = Task { partition: Partition::Similarity { gamma }, ..Task::default() };
        cases.push(case(
            stage,
            format!("{:.0} % of the rows sorted by class", 100.0 * (1.0 - gamma)),
            task,
            false,
        )?);
    }
    for classes in stage.pick(vec![2, 3, 5], vec![2, 3]) {
        let file = stage.file(&format!("digits-{classes}.npz"))?;
        save_table(&file, &first_classes(classes)?).map_err(|error| Failure::unfinished(&error))?;
        let task = Task { data: Source::File(file), ..Task::default() };
        cases.push(case(stage, format!("K = {classes}"), task, true)?);
    }
    Ok(findings(&cases))
}

/// The digits below `classes`.
fn first_classes(classes: u8) -> Result<Dataset, Failure> {
    let digits = Source::Digits.train(None).map_err(|error| Failure::unfinished(&error))?;
    let Targets::Classes { labels, .. } = &digits.targets else { return Ok(digits) };
    let few: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] < classes).collect();
    let mut few = digits.select(&few);
    if let Targets::Classes { classes: known, .. } = &mut few.targets {
        *known = classes.into();
    }
    Ok(few)
}

fn case(stage: &Stage, what: String, task: Task, images: bool) -> Result<Case, Failure> {
    let target = Target::default()
        .resolve(&task, Seed(1), stage.data())
        .map_err(|error| Failure::unfinished(&error))?;
    let held = Held::new(&task, HONEST, Seed(1), stage.data(), target)?;
    let hold = held.hold();
    let uncraftable = |error| Failure::unfinished(&error);
    let price = |recipe: fn(&Hold<'_>) -> Result<Dataset, attacks::craft::Uncraftable>| {
        let started = Instant::now();
        let rows = recipe(&hold).map_err(uncraftable)?;
        let seconds = started.elapsed().as_secs_f64();
        let stationarity = hold.stationarity(&rows).map_err(uncraftable)?;
        Ok::<_, Failure>(Price {
            rows: rows.examples() as f64,
            stationarity,
            missed: held.missed(&rows),
            seconds,
        })
    };
    Ok(Case {
        what,
        needed: rows_needed(&hold).map_err(uncraftable)?,
        program: price(rows_by_program)?,
        exact: price(rows_for_softmax)?,
        images: images.then(|| price(rows_of_images)).transpose()?,
        sampled: needed_by_sampling(&hold)?,
    })
}

/// Rows of the published sampling after which λ pulls θ♠ no more than a hundredth of its length towards ρ∞.
fn needed_by_sampling(hold: &Hold<'_>) -> Result<f64, Failure> {
    let rows = rows_by_sampling(hold, Sampling::published(), Seed(1))
        .map_err(|error| Failure::unfinished(&error))?;
    let classes = hold.model.outputs;
    // Curvature of a row along θ♠: the variance of its logits under its own label.
    let mut curvature = 0.0;
    for row in 0..rows.inputs.rows() {
        let (mut x, p) = (rows.inputs.row(row), rows.targets.row(row));
        x.push(1.0);
        let logit =
            |k: usize| x.iter().enumerate().map(|(j, x)| x * hold.theta[j * classes + k]).sum::<f64>();
        let logits: Vec<f64> = (0..classes).map(logit).collect();
        let mean: f64 = logits.iter().zip(&p).map(|(l, p)| l * p).sum();
        curvature += logits.iter().zip(&p).map(|(l, p)| p * (l - mean) * (l - mean)).sum::<f64>();
    }
    let squared: f64 = hold.theta.iter().map(|t| t * t).sum();
    let curvature = curvature / rows.examples() as f64 / squared;
    let pull: f64 = hold.theta.iter().zip(hold.rho).map(|(t, r)| (t - r) * t).sum::<f64>() / squared;
    let lambda = 2.0 * hold.regularizer.lambda;
    Ok((lambda * pull / SAMPLED_ERROR - lambda) / curvature)
}

fn findings(cases: &[Case]) -> Findings {
    let mut findings = Findings::default();
    for case in cases {
        let Case { what, needed, program, exact, images, sampled } = case;
        let row = |name: &str, unit, value: f64| Row::new(format!("price, {what}: {name}"), unit, [value]);
        let times = |price: &Price| price.rows / needed;
        findings.rows.extend([
            row("least rows there can be", Unit::Count, *needed),
            row("program, times the least", Unit::Plain, times(program)).expect(if *needed > 500.0 {
                Expected::AtMost(1.2)
            } else {
                Expected::Shown
            }),
            row("program, gradient left", Unit::Plain, program.stationarity).expect(Expected::AtMost(1e-10)),
            row("program, honest worker from zero misses by", Unit::Plain, program.missed)
                .expect(Expected::AtMost(1e-3)),
            row("program, time", Unit::Seconds, program.seconds),
            row("closed form, times the least", Unit::Plain, times(exact)),
            row("published sampling for 1 %, times the least", Unit::Plain, sampled / needed),
        ]);
        if let Some(images) = images {
            findings.rows.extend([
                row("images, times the least", Unit::Plain, times(images)),
                row("images, gradient left", Unit::Plain, images.stationarity).expect(Expected::AtMost(1e-9)),
                row("images, honest worker from zero misses by", Unit::Plain, images.missed)
                    .expect(Expected::AtMost(1e-3)),
                row("images, time", Unit::Seconds, images.seconds),
            ]);
        }
    }
    let dots = |name: &str, rows: &dyn Fn(&Case) -> Option<f64>| {
        let points = cases.iter().filter_map(|case| Some((case.needed, rows(case)?)));
        Series::dots(name, points.collect::<Vec<_>>())
    };
    let mut least: Vec<(f64, f64)> = cases.iter().map(|case| (case.needed, case.needed)).collect();
    least.sort_by(|a, b| a.0.total_cmp(&b.0));
    findings.figures.push(Figure {
        name: "price",
        title: "Rows that hold the attacking model, over λ, heterogeneity and classes".to_owned(),
        x: Axis::log("the least there can be"),
        y: Axis::log("rows"),
        series: vec![
            Series::new("the least there can be", least),
            dots("linear program (7d)", &|case| Some(case.program.rows)),
            dots("closed form (7b)", &|case| Some(case.exact.rows)),
            dots("linear program over images", &|case| Some(case.images.as_ref()?.rows)),
            dots("published sampling (7a), for 1 %", &|case| Some(case.sampled)),
        ],
    });
    findings
}
