//! The local work of an honest worker, beside what this machine multiplies and copies in the same run.

use std::hint::black_box;

use learning::{
    Dataset, Loss, Model, Precision, Seed, Targets,
    data::{Inputs, Source},
    model::Kind,
};
use ndarray::Array2;
use serde::Serialize;

use super::stopwatch::{median_seconds, sgemm};
use crate::{cli::BenchLearning, failure::Failure};

#[derive(Debug, Serialize)]
struct Measured {
    data: &'static str,
    rows: usize,
    /// Multiplications and additions of dense arithmetic a second, whether zeros are skipped or not.
    joint_gflops: f64,
    exact_gflops: f64,
    /// A square product of this machine on one core.
    sgemm_gflops: f64,
    /// Bytes copied a second on one core.
    copy_gbytes: f64,
    joint_ms: f64,
    exact_ms: f64,
    joint_of_sgemm: f64,
    /// Bytes of the inputs as the kernel holds them, read once, against the copy rate.
    joint_of_copy: f64,
}

pub(super) fn learning(arguments: &BenchLearning) -> Result<(), Failure> {
    let (name, data) = rows(arguments)?;
    let model = Model { kind: Kind::Softmax, inputs: data.inputs.width(), outputs: data.targets.outputs() };
    let work = 4e-9 * (data.inputs.rows() * model.dimension()) as f64;
    let joint = gradient_seconds(&model, &data, Precision::Single);
    let exact = gradient_seconds(&model, &data, Precision::Double);
    let (sgemm_gflops, copy_gbytes) = (sgemm(1), copy());
    let non_zero =
        (0..data.inputs.rows()).map(|row| data.inputs.row(row).iter().filter(|x| **x != 0.0).count());
    let bytes = 6e-9 * non_zero.sum::<usize>() as f64;
    let measured = Measured {
        data: name,
        rows: data.inputs.rows(),
        joint_gflops: work / joint,
        exact_gflops: work / exact,
        sgemm_gflops,
        copy_gbytes,
        joint_ms: 1e3 * joint,
        exact_ms: 1e3 * exact,
        joint_of_sgemm: work / joint / sgemm_gflops,
        joint_of_copy: bytes / joint / copy_gbytes,
    };
    if arguments.json {
        println!("{}", serde_json::to_string(&measured).map_err(|error| Failure::unfinished(&error))?);
        return Ok(());
    }
    println!(
        "A gradient of softmax regression over {} rows of {}, one core:\n\
         joint (f32)  {:.2} ms, {:.1} GFLOP/s, {:.0} % of sgemm, {:.0} % of copying\n\
         exact (f64)  {:.2} ms, {:.1} GFLOP/s\n\
         This machine: sgemm {:.1} GFLOP/s, copy {:.1} GB/s.",
        measured.rows,
        measured.data,
        measured.joint_ms,
        measured.joint_gflops,
        100.0 * measured.joint_of_sgemm,
        100.0 * measured.joint_of_copy,
        measured.exact_ms,
        measured.exact_gflops,
        measured.sgemm_gflops,
        measured.copy_gbytes,
    );
    Ok(())
}

/// MNIST, or pixels that are as often zero.
fn rows(arguments: &BenchLearning) -> Result<(&'static str, Dataset), Failure> {
    if let Some(folder) = arguments.data.folder().filter(|folder| folder.join("mnist").is_dir()) {
        let train = Source::Mnist.train(Some(&folder)).map_err(|error| Failure::unfinished(&error))?;
        let rows = arguments.rows.min(train.inputs.rows());
        return Ok(("MNIST", train.select(&(0..rows).collect::<Vec<_>>())));
    }
    let mut stream = Seed(1).stream("bench");
    let mut draw = |below: u32| rand::Rng::next_u32(&mut stream) % below;
    let pixels =
        Array2::from_shape_fn(
            (arguments.rows, 784),
            |_| if draw(100) < 19 { 1 + draw(255) as u8 } else { 0 },
        );
    let labels = (0..arguments.rows).map(|_| draw(10) as u8).collect();
    let data = Dataset::new(Inputs::Bytes { pixels, largest: 255 }, Targets::Classes { labels, classes: 10 });
    Ok(("MNIST's shape", data))
}

fn gradient_seconds(model: &Model, data: &Dataset, precision: Precision) -> f64 {
    let loss = Loss::new(model, data, 0.0, 1.0, precision);
    let theta: Vec<f64> = (0..model.dimension()).map(|k| (k as f64).sin() / 30.0).collect();
    let mut gradient = vec![0.0; theta.len()];
    median_seconds(|| {
        black_box(loss.evaluate(&theta, &mut gradient));
    })
}

fn copy() -> f64 {
    let source = vec![1_u8; 64 << 20];
    let mut target = vec![0_u8; source.len()];
    1e-9 * source.len() as f64 / median_seconds(|| black_box(&mut target).copy_from_slice(black_box(&source)))
}
