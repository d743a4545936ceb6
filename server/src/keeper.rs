//! Checkpoints in the life of a server: the one it goes on from, and the ones it leaves.

use std::path::PathBuf;

use prost::Message as _;
use proto::v1;
use round::{Ledger, Rank, Round};

use crate::{Checkpoint, CheckpointError, Config, Descent, PreviousState};

/// Leaves checkpoints, if it was told where.
#[derive(Debug)]
pub(crate) struct Keeper {
    file: Option<PathBuf>,
    every: u32,
    rounds: u32,
    run: u64,
    scenario: String,
}

/// A checkpoint of which only the outcome of the round is missing.
#[derive(Debug)]
pub(crate) struct Draft {
    file: PathBuf,
    run: u64,
    scenario: String,
    workers: Workers,
}

/// What is known of each worker between two rounds.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    pub(crate) ledgers: Vec<(Rank, Ledger)>,
    pub(crate) answered: Vec<(Rank, Round)>,
}

/// What is there to go on from.
///
/// # Errors
/// When it is not of this scenario, or cannot be read.
pub(crate) fn load(config: &Config) -> Result<Option<Checkpoint>, CheckpointError> {
    let Some(keep) = config.keep.as_ref().filter(|keep| keep.resume) else { return Ok(None) };
    let checkpoint = Checkpoint::load(&keep.file)?;
    let other = |what| CheckpointError::OtherScenario { file: keep.file.clone(), what };
    if checkpoint.scenario != config.scenario {
        return Err(other("text"));
    }
    if checkpoint.descent.model.len() != config.start.len() {
        return Err(other("number of parameters"));
    }
    Ok(Some(checkpoint))
}

/// The checkpoint does not fit what the scenario says.
pub(crate) fn other_state(config: &Config) -> CheckpointError {
    let file = config.keep.as_ref().map(|keep| keep.file.clone()).unwrap_or_default();
    CheckpointError::OtherScenario { file, what: "optimizer" }
}

impl Keeper {
    pub(crate) fn new(config: &Config, run: u64) -> Self {
        Self {
            file: config.keep.as_ref().map(|keep| keep.file.clone()),
            every: config.spec.checkpoint.every,
            rounds: config.spec.rounds,
            run,
            scenario: config.scenario.clone(),
        }
    }

    /// Leaves the state before the first round, so that there is something to go on from at any time.
    pub(crate) fn begin(&self, descent: &Descent) -> Result<(), CheckpointError> {
        match self.draft(Workers::default) {
            Some(draft) => draft.finish(0, descent, None, &v1::RoundReport::default()),
            None => Ok(()),
        }
    }

    /// The checkpoint that is due after this round.
    pub(crate) fn due(&self, round: Round, workers: impl FnOnce() -> Workers) -> Option<Draft> {
        let due = round.get().is_multiple_of(self.every) || round.get() >= self.rounds;
        due.then(|| self.draft(workers)).flatten()
    }

    fn draft(&self, workers: impl FnOnce() -> Workers) -> Option<Draft> {
        let file = self.file.clone()?;
        Some(Draft { file, run: self.run, scenario: self.scenario.clone(), workers: workers() })
    }
}

impl Draft {
    /// Puts it on the disk.
    pub(crate) fn finish(
        self,
        closed: u32,
        descent: &Descent,
        previous: Option<PreviousState>,
        report: &v1::RoundReport,
    ) -> Result<(), CheckpointError> {
        let checkpoint = Checkpoint {
            run: self.run,
            scenario: self.scenario,
            closed,
            descent: descent.state(),
            previous,
            ledgers: self.workers.ledgers,
            answered: self.workers.answered,
            report: report.encode_to_vec(),
        };
        checkpoint.save(&self.file)
    }
}
