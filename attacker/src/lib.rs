//! A malicious worker process: the protocol of an honest one around an [`attacks::Attack`].
//!
//! A data-poisoning attacker is not here: it is the honest worker process with another data file.

pub mod abuse;
mod attack_spec;
mod error;
mod liar;
mod mind;
mod spec;

use std::{future::Future, path::PathBuf};

pub use attack_spec::{AttackSpec, InvalidAttack, SearchName};
pub use error::{AttackerError, SetupError};
pub use liar::{Head, Liar, Settled};
pub use spec::{Attackers, Change, Scenario, Server};
use worker::{Config, End};

/// What an attacker is told apart from the scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Where the sets are that are not embedded.
    pub folder: Option<PathBuf>,
    /// Where to leave what the attack settled on, for a reduction.
    pub save: Option<PathBuf>,
}

/// Attacks until the run is over or `shutdown` completes.
///
/// # Errors
/// When the worker's side of the protocol fails, the attack cannot be set up, or the outcome cannot be saved.
pub async fn run(
    config: Config,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<End, AttackerError> {
    let Options { folder, save } = options;
    let (end, liar) = worker::run(config, |joined| Liar::new(joined, folder.as_deref()), shutdown).await?;
    if let (Some(path), Some(settled)) = (save, liar.settled()) {
        settled.save(&path)?;
    }
    Ok(end)
}
