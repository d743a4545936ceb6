//! What to do about an error that data are to blame for, wherever on its way up it was wrapped.

use std::error::Error;

use attacker::{AttackerError, SetupError};
use attacks::TargetError;
use learning::{DataError, TaskError};
use worker::WorkerError;

/// The hint for `error`, if there is one.
pub(crate) fn remedy(error: &(dyn Error + 'static)) -> Option<String> {
    match at_fault(error)? {
        Fault::Data(DataError::NotFetched { name, .. } | DataError::NoFolder(name)) => Some(format!(
            "`equipoise fetch {name}` gets it; one that is elsewhere is named by --data-dir or EQUIPOISE_DATA_DIR"
        )),
        Fault::Data(DataError::Corrupt { path, .. } | DataError::Magic { path, .. } | DataError::Length { path, .. }) => {
            Some(format!("remove {} and `equipoise fetch` the set again", path.display()))
        }
        Fault::Data(DataError::Csv { .. }) => {
            Some("a line is the inputs and then one number to regress on, without a heading or behind `#`".to_owned())
        }
        Fault::Data(DataError::Array { .. } | DataError::Label { .. } | DataError::Rows { .. })
        | Fault::Fit => Some(
            "an .npz file holds `x`, shape (rows, inputs), and `y`: whole numbers from 0 are classes, floats of shape (rows, outputs) soft labels or values"
                .to_owned(),
        ),
        Fault::Data(_) => None,
    }
}

/// What is at the bottom of an error.
enum Fault<'a> {
    /// A file.
    Data(&'a DataError),
    /// A file that is right in itself and for another task.
    Fit,
}

/// Goes down through the errors that show only what is inside them, and whose own `source` skips it.
fn at_fault<'a>(error: &'a (dyn Error + 'static)) -> Option<Fault<'a>> {
    if let Some(data) = error.downcast_ref::<DataError>() {
        return Some(Fault::Data(data));
    }
    if let Some(task) = error.downcast_ref::<TaskError>() {
        return match task {
            TaskError::Data(data) => Some(Fault::Data(data)),
            TaskError::Width { .. } | TaskError::Outputs { .. } | TaskError::SoftLabel { .. } => {
                Some(Fault::Fit)
            }
            _ => None,
        };
    }
    match error.downcast_ref::<TargetError>() {
        Some(TargetError::Data(data)) => return Some(Fault::Data(data)),
        Some(TargetError::Task(task)) => return at_fault(task),
        _ => (),
    }
    match error.downcast_ref::<WorkerError>() {
        Some(WorkerError::Task(task)) => return at_fault(task),
        Some(WorkerError::Participant(inner)) => return at_fault(inner.as_ref()),
        _ => (),
    }
    match error.downcast_ref::<SetupError>() {
        Some(SetupError::Target(target)) => return at_fault(target),
        Some(SetupError::Task(task)) => return at_fault(task),
        Some(SetupError::Data(data)) => return at_fault(data),
        _ => (),
    }
    match error.downcast_ref::<AttackerError>() {
        Some(AttackerError::Worker(worker)) => at_fault(worker),
        Some(AttackerError::Data(data)) => at_fault(data),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_is_found_however_deep_the_fault_lies() {
        let fault = || DataError::NoFolder("mnist");
        let setup = SetupError::Target(TargetError::Task(TaskError::Data(fault())));
        let errors: [Box<dyn Error>; 4] = [
            Box::new(fault()),
            Box::new(TaskError::Data(fault())),
            Box::new(WorkerError::Task(TaskError::Data(fault()))),
            Box::new(AttackerError::Worker(setup.into())),
        ];
        for error in &errors {
            let hint = remedy(error.as_ref()).unwrap_or_default();
            assert!(hint.starts_with("`equipoise fetch mnist` gets it"), "{error}: {hint}");
        }
        assert_eq!(remedy(&std::io::Error::other("unrelated")), None);
    }
}
