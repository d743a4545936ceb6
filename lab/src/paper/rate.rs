//! How fast the counter-gradient attack gets there, predicted and measured, up to where it does not.
//!
//! Ridge regression under squared-l2: an honest user's envelope has the curvature 2λ(I − 2λ(Aₙ + 2λI)⁻¹), Aₙ = X̃ᵀX̃ + 2νI. With
//! κ the largest eigenvalue of their sum and a = ηκ the error shrinks by r(a) = (a + √(a² + 4a))/2 a round, and
//! r < 1 iff η < 1/2κ.

use attacker::{AttackSpec, Attackers};
use learning::{Dataset, Task, model};
use nalgebra::DMatrix;
use optimizer::Schedule;

use super::{Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit, stage::Ran};
use crate::{failure::Failure, scenario::Scenario};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "rate",
    about: "The counter-gradient attack on ridge regression: predicted and measured rate, and divergence past 1/(2κ)",
    needs: &[],
    run,
};

/// a = ηκ, with the rounds that show the rate before single precision ends it.
const STEPS: [(f64, u32); 6] = [(0.02, 12), (0.1, 40), (0.2, 60), (0.35, 200), (0.45, 400), (0.55, 200)];

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let task = Task { model: model::Kind::Linear, ..Task::default() };
    let base = Scenario { task, ..Scenario::default() };
    let kappa = curvature(&base)?;
    let mut findings = Findings::default();
    let bound = 2.0 * base.task.lambda * base.workers.count as f64;
    findings.rows.push(
        Row::new("rate: κ against its bound 2λh", Unit::Plain, [kappa / bound]).expect(Expected::AtMost(1.0)),
    );
    let (mut lines, mut measured) = (Vec::new(), Vec::new());
    for (a, rounds) in STEPS {
        let scenario = Scenario {
            name: format!("a-{a}"),
            server: server::Spec {
                rounds,
                schedule: Schedule::constant(a / kappa),
                ..server::Spec::default()
            },
            attackers: vec![Attackers::one(AttackSpec::CounterGradient {})],
            ..base.clone()
        };
        let ran = stage.cluster(&scenario)?;
        let rate = pace(&ran);
        measured.push((a, rate));
        let row =
            Row::new(format!("rate: error shrinks by, a = {a}"), Unit::Plain, [rate]).published(predicted(a));
        // Below 0.1 single precision ends it before the slowest direction is alone.
        findings.rows.push(row.expect(Expected::WithinPart(if a < 0.1 { 0.2 } else { 0.05 })));
        lines.push(Series::new(format!("a = {a}"), ran.distances()));
    }
    let past = measured.last().map_or(f64::NAN, |last| last.1);
    findings.rows.push(
        Row::new("rate: past 1/(2κ) the error grows by", Unit::Plain, [past]).expect(Expected::AtLeast(1.0)),
    );
    findings.remarks.push(format!("κ = {kappa:.4}; what is called published is r(a) = (a + √(a² + 4a))/2"));
    findings.figures.push(Figure {
        name: "rate",
        title: "Counter-gradients against ridge regression: error a round for a = ηκ".to_owned(),
        x: Axis::linear("round"),
        y: Axis::log("‖ρ − θ†‖"),
        series: lines,
    });
    let curve: Vec<(f64, f64)> =
        (1..=60).map(|step| f64::from(step) / 100.0).map(|a| (a, predicted(a))).collect();
    findings.figures.push(Figure {
        name: "rate-predicted",
        title: "Rate of the counter-gradient attack".to_owned(),
        x: Axis::linear("a = ηκ"),
        y: Axis::linear("error after a round, of the error before"),
        series: vec![Series::new("predicted, r(a)", curve), Series::new("measured", measured)],
    });
    Ok(findings)
}

/// r(a)
fn predicted(a: f64) -> f64 {
    f64::midpoint(a, (a * a + 4.0 * a).sqrt())
}

/// κ, from the data that the honest users hold.
fn curvature(scenario: &Scenario) -> Result<f64, Failure> {
    let (task, shards) = (&scenario.task, scenario.workers.count);
    let mut sum: Option<DMatrix<f64>> = None;
    for shard in 0..shards {
        let rows =
            task.rows(shard, shards, scenario.seed, None).map_err(|error| Failure::unfinished(&error))?;
        let envelope = envelope(&rows, task.lambda, task.nu);
        sum = Some(match sum {
            Some(sum) => sum + envelope,
            None => envelope,
        });
    }
    Ok(sum.map_or(f64::NAN, |sum| sum.symmetric_eigenvalues().max()))
}

/// 2λ(I − 2λ(A + 2λI)⁻¹)
fn envelope(rows: &Dataset, lambda: f64, nu: f64) -> DMatrix<f64> {
    let normal = normal(rows);
    let width = normal.nrows();
    let identity = DMatrix::<f64>::identity(width, width);
    let local = normal + (2.0 * nu + 2.0 * lambda) * &identity;
    let inverse = local.try_inverse().unwrap_or_else(|| DMatrix::zeros(width, width));
    2.0 * lambda * (identity - 2.0 * lambda * inverse)
}

/// X̃ᵀX̃, every row as often as it counts.
pub(super) fn normal(rows: &Dataset) -> DMatrix<f64> {
    let width = rows.inputs.width() + 1;
    let counts = rows.counts.as_deref();
    let design = DMatrix::from_row_iterator(
        rows.inputs.rows(),
        width,
        (0..rows.inputs.rows()).flat_map(|index| {
            let weight = counts.map_or(1.0, |counts| f64::from(counts[index]).sqrt());
            let mut row = rows.inputs.row(index);
            row.push(1.0);
            row.into_iter().map(move |x| x * weight)
        }),
    );
    design.transpose() * design
}

/// Factor by which the distance changes a round: over the last half of the rounds before it is lost in single precision.
fn pace(ran: &Ran) -> f64 {
    let distances: Vec<f64> = ran.distances().into_iter().map(|point| point.1).collect();
    let floor = 3e-5;
    let seen = distances.iter().take_while(|distance| **distance > floor && **distance < 1e6).count();
    let first = seen / 2;
    let (Some(from), Some(to)) = (distances.get(first), distances.get(seen.saturating_sub(1))) else {
        return f64::NAN;
    };
    (to / from).powf(1.0 / (seen - 1 - first) as f64)
}

#[cfg(test)]
mod tests {
    use learning::Seed;

    use super::*;

    #[test]
    fn the_rate_is_one_at_half_and_grows_with_the_step() {
        assert!((predicted(0.5) - 1.0).abs() < 1e-12);
        assert!(predicted(0.02) < predicted(0.2) && predicted(0.51) > 1.0);
    }

    #[test]
    fn a_user_without_data_has_a_flat_envelope_and_one_with_many_a_steep_one() {
        let rows = |scale: f64| Dataset {
            inputs: learning::data::Inputs::Reals(ndarray::Array2::from_elem((1, 1), scale)),
            targets: learning::Targets::Values(ndarray::Array2::zeros((1, 1))),
            counts: None,
        };
        let curvature = |scale| envelope(&rows(scale), 0.5, 0.0).symmetric_eigenvalues().max();
        assert!(curvature(0.0) < 1.0 && curvature(1e6) > 0.999);
    }

    #[test]
    fn seeds_do_not_matter_to_the_bound() {
        let task = Task { model: model::Kind::Linear, ..Task::default() };
        let scenario = Scenario { task, seed: Seed(3), ..Scenario::default() };
        let kappa = curvature(&scenario).unwrap();
        assert!(kappa > 0.0 && kappa <= 2.0 * 0.01 * 10.0);
    }
}
