//! The published equivalence on MNIST: gradient attack, model attack, and 2,000 sampled rows, and what becomes of the last
//! two when the runs go on.

use attacks::craft::Sampling;
use learning::{Seed, data::Source, regularizer::Kind};

use super::{
    Axis, Expected, Experiment, Figure, Findings, Row, Series, Stage, Unit,
    counter_gradient::compared_within,
    published::{self, Reference},
    stage::Ran,
    three::{Protocol, Three, three},
};
use crate::failure::Failure;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "equivalence",
    about: "Gradient attack, model attack and 2,000 sampled rows on MNIST, as published, and what becomes of them",
    needs: &[Source::Mnist],
    run,
};

fn run(stage: &Stage) -> Result<Findings, Failure> {
    let rounds = stage.pick(250, 25);
    let mut all = Vec::new();
    for seed in stage.seeds() {
        all.push(runs(stage, seed, rounds, rounds)?);
    }
    let mut findings = Findings::default();
    let references =
        [published::equivalence_gradient(), published::equivalence_model(), published::equivalence_data()];
    let names = ["gradient", "model", "data"];
    let mut lines = Vec::new();
    // A model that was settled on after 25 epochs instead of 250 is another one: only the first run can be compared then.
    for (index, ((name, reference), part)) in
        names.iter().zip(&references).zip([0.02, 0.02, 0.15]).enumerate()
    {
        let runs: Vec<Ran> = all.iter().map(|three| three.runs[index].clone()).collect();
        if index == 0 || !stage.short {
            let what = format!("equivalence, {name}");
            findings.rows.extend(compared_within(
                &what,
                &runs,
                reference,
                published_accuracies(reference, rounds),
                part,
            ));
        }
        lines.extend(runs.first().map(|ran| Series::new(format!("{name}, ours"), ran.distances())));
        lines.push(Series::new(format!("{name}, reference code"), reference.distances()));
    }
    let norms: Vec<f64> = all.iter().map(|three| three.norm).collect();
    let norm = Row::new("equivalence: norm of the model to hold", Unit::Plain, norms);
    findings.rows.push(if stage.short {
        norm
    } else {
        norm.reference(208.7).expect(Expected::WithinPart(0.02))
    });
    let seconds: Vec<f64> = all.iter().map(|three| three.seconds).collect();
    findings.rows.push(if stage.short {
        Row::new("equivalence: three runs, evaluation each epoch", Unit::Seconds, seconds)
    } else {
        Row::new("equivalence: three runs of 250, evaluation each epoch", Unit::Seconds, seconds)
            .reference(112.0)
    });
    if !stage.short {
        drift(stage, &mut findings, &mut lines)?;
    }
    findings.figures.push(Figure {
        name: "equivalence-published",
        title: "The published equivalence on MNIST, and its continuation".to_owned(),
        x: Axis::log("epoch"),
        y: Axis::log("‖ρ − θ†‖"),
        series: lines,
    });
    Ok(findings)
}

/// The notebooks print what their curves end with.
fn published_accuracies(reference: &Reference, rounds: u32) -> Option<(f64, f64)> {
    let last = rounds as usize - 1;
    (rounds == 250).then(|| (reference.accuracy_true[last], reference.accuracy_target[last]))
}

/// The published runs of one seed; model attack and data go on for `longer`.
fn runs(stage: &Stage, seed: Seed, rounds: u32, longer: u32) -> Result<Three, Failure> {
    let prefix = if longer == rounds { "" } else { "continued-" };
    let base = published::scenario(stage, "base", seed, Kind::SquaredL2, rounds, None)?;
    let protocol = Protocol { base, rounds: [rounds, longer, longer], sampling: Sampling::published() };
    three(stage, prefix, &protocol)
}

/// The model and the data attack for 3,000 epochs: neither stays where it was at 250.
fn drift(stage: &Stage, findings: &mut Findings, lines: &mut Vec<Series>) -> Result<(), Failure> {
    let Three { runs: [_, model, data], .. } = runs(stage, Seed(1), 250, 3000)?;
    for (name, ran, closest, when, end) in
        [("model", &model, 2.42, 415.0, Some(17.8)), ("data", &data, 3.20, 417.0, None)]
    {
        let distances = ran.distances();
        let (round, distance) =
            distances.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((f64::NAN, f64::NAN));
        let what = format!("equivalence continued, {name}");
        findings.rows.push(
            Row::new(format!("{what}: closest distance"), Unit::Plain, [distance])
                .reference(closest)
                .expect(Expected::WithinPart(0.15)),
        );
        findings.rows.push(Row::new(format!("{what}: in epoch"), Unit::Count, [round]).reference(when));
        let last = Row::new(format!("{what}: distance at 3,000"), Unit::Plain, [ran.distance(3000)])
            .expect(Expected::AtLeast(2.0 * closest));
        findings.rows.push(match end {
            Some(end) => last.reference(end).expect(Expected::WithinPart(0.15)),
            None => last,
        });
        lines.push(Series::new(format!("{name}, ours, continued"), distances));
    }
    let back = data.summary.judgement.accuracy_true.unwrap_or(f64::NAN);
    findings.rows.push(
        Row::new("equivalence continued, data: accuracy, true labels", Unit::Accuracy, [back])
            .reference(0.26)
            .expect(Expected::AtLeast(0.1)),
    );
    Ok(())
}
