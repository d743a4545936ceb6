//! How a command ends when it does not end well: one line, a hint, an exit code.

use std::{error::Error, fmt, process::ExitCode};

use crate::remedy::remedy;

/// What the shell is told. 0 is done; 3 is a panic, our own bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// It could not be finished: network, files, quorum, interruption.
    Unfinished = 1,
    /// The arguments or the scenario are wrong.
    Usage = 2,
    /// An invariant of ours broke.
    Bug = 3,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command failed, for people.
#[derive(Debug)]
pub struct Failure {
    /// What the shell is told.
    pub code: Code,
    /// What is wrong, what was got, what would be right.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// The arguments or the scenario are wrong.
    #[must_use]
    pub fn usage(error: &(dyn Error + 'static)) -> Self {
        Self { code: Code::Usage, message: chain(error), hint: remedy(error) }
    }

    /// It could not be finished.
    #[must_use]
    pub fn unfinished(error: &(dyn Error + 'static)) -> Self {
        Self { code: Code::Unfinished, message: chain(error), hint: remedy(error) }
    }

    /// It could not be finished, in words.
    #[must_use]
    pub fn because(message: impl Into<String>) -> Self {
        Self { code: Code::Unfinished, message: message.into(), hint: None }
    }

    /// The arguments or the scenario are wrong, in words.
    #[must_use]
    pub fn wrong(message: impl Into<String>) -> Self {
        Self { code: Code::Usage, message: message.into(), hint: None }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same, known to have happened in `place`.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self { message: format!("{place}: {}", self.message), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// An error with its causes on one line, none said twice.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !message.contains(&next) {
            message = format!("{message}: {next}");
        }
        cause = error.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read it")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_are_on_one_line() {
        let error = Outer(std::io::Error::other("no such thing"));
        assert_eq!(Failure::unfinished(&error).to_string(), "error: cannot read it: no such thing");
        assert_eq!(Failure::wrong("x").hint("try y").to_string(), "error: x\nhint: try y");
    }
}
