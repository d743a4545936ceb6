use ndarray::array;

use super::*;
use crate::data::{Inputs, save_table};

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    for (task, expected) in [
        (Task { lambda: 0.0, ..Task::default() }, "lambda is 0, expected a positive number"),
        (Task { lambda: f64::INFINITY, ..Task::default() }, "lambda is inf"),
        (Task { nu: -1.0, ..Task::default() }, "nu is -1"),
        (Task { solver: SolverSpec::Exact { tolerance: f64::NAN }, ..Task::default() }, "tolerance is NaN"),
    ] {
        let got = task.check().unwrap_err().to_string();
        assert!(got.starts_with(expected), "{got:?} does not say {expected:?}");
    }
    assert!(Task::default().check().is_ok());
}

#[test]
fn rows_held_out_are_learned_from_by_nobody_and_nothing_else_changes() {
    let task = Task { validation: 0.1, label_noise: 0.5, ..Task::default() };
    let held_out = task.held_out(Seed(3), None).unwrap().unwrap();
    let train = task.train(Seed(3), None).unwrap();
    assert_eq!((train.inputs.rows(), held_out.inputs.rows()), (1294, 143));
    let (kept, out) = task.split(1437, Seed(3));
    let mut all = [kept, out.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..1437).collect::<Vec<_>>());
    assert_eq!(held_out, Source::Digits.train(None).unwrap().select(&out), "labels without noise");
    assert_eq!(Task::default().held_out(Seed(3), None).unwrap(), None);
    assert_eq!(Task::default().train(Seed(3), None).unwrap(), Source::Digits.train(None).unwrap());
}

#[test]
fn a_file_that_does_not_fit_the_task_is_refused_in_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("poison.npz");
    let soft = |sum: f64| Targets::Values(ndarray::Array2::from_shape_fn((1, 10), |_| sum / 10.0));
    for (inputs, targets, expected) in [
        (array![[1.0, 2.0]], soft(1.0), "inputs of width 2, the task has 64"),
        (
            ndarray::Array2::zeros((1, 64)),
            Targets::Values(array![[1.0]]),
            "targets of length 1, the task has 10",
        ),
        (ndarray::Array2::zeros((1, 64)), soft(1.1), "soft label of row 0 is no distribution (sum 1.1"),
        (
            ndarray::Array2::zeros((3, 64)),
            Targets::Classes { labels: vec![0, 0, 10], classes: 11 },
            "label 10 in row 2, expected at most 9",
        ),
    ] {
        save_table(&path, &Dataset::new(Inputs::Reals(inputs), targets)).unwrap();
        let got = Task::default().user_with_file(&path, None, (Seed(1), 0)).unwrap_err().to_string();
        assert!(got.contains(expected), "{got:?} does not say {expected:?}");
    }
}

#[test]
fn a_file_that_lacks_the_last_class_still_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("few.npz");
    let targets = Targets::Classes { labels: vec![3], classes: 4 };
    save_table(&path, &Dataset::new(Inputs::Reals(ndarray::Array2::ones((1, 64))), targets)).unwrap();
    assert!(Task::default().user_with_file(&path, None, (Seed(1), 0)).is_ok());
}
