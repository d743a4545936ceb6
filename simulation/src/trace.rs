//! What happened in a run, in order: what the checkers read, and what has to be the same twice.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use proto::v1::RoundReport;
use round::{Ledger, Rank, Reason};
use sha2::{Digest as _, Sha256};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A server began its life, the first or a later one.
    ServerUp {
        /// Whether it went on from a checkpoint.
        resumed: bool,
    },
    /// A server came to its end by itself.
    Over {
        /// Why, or what went wrong.
        reason: Result<Reason, String>,
        /// What it took down of each worker.
        ledgers: Vec<(Rank, Ledger)>,
    },
    /// A worker began a life.
    WorkerUp(Rank),
    /// A worker came to its end by itself.
    WorkerEnd(Rank, Result<String, String>),
    /// A worker was asked and has thought of a row; it is about to send it.
    Answered {
        /// Who.
        rank: Rank,
        /// In which round.
        round: u32,
        /// The checksum of the model that it saw.
        model: u32,
        /// What it sends.
        row: Vec<f32>,
    },
    /// The witness was shown the model that a server has, without a report: no round closed yet.
    Shown(Vec<f32>),
    /// The witness was told that a round closed, and has the model after it.
    Closed(Box<RoundReport>, Vec<f32>),
    /// An attack on the protocol got an answer.
    Abused(&'static str, String),
    /// Something was done to the network or to a process.
    Trouble(String),
    /// From here on nothing is.
    Calm,
    /// A process wrote this into its log.
    Said(String),
}

/// A fact and its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Time since the start of the run, in the run.
    pub at: Duration,
    /// What happened then.
    pub fact: Fact,
}

/// The facts of a run, written by all its processes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    entries: Arc<Mutex<Vec<Entry>>>,
    /// Milliseconds at the last step, for what happens outside of all processes.
    now: Arc<AtomicU64>,
}

impl Trace {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down what happened in a process, now.
    pub(crate) fn note(&self, fact: Fact) {
        let outside = || Duration::from_millis(self.now.load(Ordering::Relaxed));
        let at = turmoil::sim_elapsed().unwrap_or_else(outside);
        self.entries().push(Entry { at, fact });
    }

    /// Time goes on.
    pub(crate) fn set_now(&self, now: Duration) {
        self.now.store(now.as_millis() as u64, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.entries().iter().rev().any(|entry| matches!(entry.fact, Fact::Over { .. }))
    }

    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries())
    }
}

/// What has to be the same twice: all up to the last model that the witness saw. After it processes end in whatever order
/// the runtime drops their tasks.
#[must_use]
pub fn comparable(entries: &[Entry]) -> &[Entry] {
    let last = entries.iter().rposition(|entry| matches!(entry.fact, Fact::Closed(..)));
    last.map_or(&[], |last| &entries[..=last])
}

/// The digest of a trace: sixteen hexadecimal digits.
#[must_use]
pub fn digest(entries: &[Entry]) -> String {
    let mut hash = Sha256::new();
    for entry in entries {
        hash.update(format!("{entry}\n"));
    }
    let bytes = hash.finalize();
    let (eight, _) = bytes.split_at(8);
    format!("{:016x}", eight.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9.3} s  {}", self.at.as_secs_f64(), self.fact)
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |values: &[f32]| proto::frame::checksum(values);
        match self {
            Self::ServerUp { resumed: false } => f.write_str("server: up"),
            Self::ServerUp { resumed: true } => f.write_str("server: up again"),
            Self::Over { reason: Ok(reason), .. } => write!(f, "server: over, {reason}"),
            Self::Over { reason: Err(error), .. } => write!(f, "server: over, {error}"),
            Self::WorkerUp(rank) => write!(f, "worker {rank}: up"),
            Self::WorkerEnd(rank, Ok(end)) => write!(f, "worker {rank}: {end}"),
            Self::WorkerEnd(rank, Err(error)) => write!(f, "worker {rank}: {error}"),
            Self::Answered { rank, round, model, row } => {
                write!(f, "worker {rank}: answers round {round}, model {model:08x}, row {:08x}", sum(row))
            }
            Self::Shown(model) => write!(f, "witness: model {:08x}", sum(model)),
            Self::Closed(report, model) => {
                let rows: Vec<u32> = report.verdicts.iter().map(|verdict| verdict.rank).collect();
                write!(f, "witness: round {} closed with {rows:?}, model {:08x}", report.round, sum(model))?;
                if report.skipped.is_empty() { Ok(()) } else { write!(f, ", skipped: {}", report.skipped) }
            }
            Self::Abused(attack, answer) => write!(f, "abuser: {attack}: {answer}"),
            Self::Trouble(what) => write!(f, "trouble: {what}"),
            Self::Calm => f.write_str("calm from here on"),
            Self::Said(line) => f.write_str(line),
        }
    }
}
