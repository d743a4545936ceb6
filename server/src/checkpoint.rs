//! What a server leaves on disk so that another one can go on: all that the next round depends on.
//!
//! The body of its file is a protobuf message, whose tensors are little-endian f32.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use envelope::{EnvelopeError, Kind};
use prost::Message;
use round::{Ledger, Rank, Round};

const KIND: Kind = Kind { magic: *b"EQUIPCKP", version: 1, noun: "checkpoint" };

/// A server's state between two rounds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkpoint {
    /// Which run it is of.
    pub run: u64,
    /// The resolved scenario of the run.
    pub scenario: String,
    /// The last round that is behind it.
    pub closed: u32,
    /// The model, its rule and its optimiser.
    pub descent: DescentState,
    /// What workers are told of the last round.
    pub previous: Option<PreviousState>,
    /// What each worker did.
    pub ledgers: Vec<(Rank, Ledger)>,
    /// The latest round whose model an update of each worker answers that was taken.
    pub answered: Vec<(Rank, Round)>,
    /// What observers are told of the last round, as the protocol has it.
    pub report: Vec<u8>,
}

/// The moving parts of a [`crate::Descent`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DescentState {
    /// The model.
    pub model: Vec<f32>,
    /// What the optimiser remembers.
    pub optimizer: optimizer::State,
    /// What the rule remembers: the centre of centered clipping.
    pub aggregator: Option<Vec<f32>>,
}

/// What workers are told of the last round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PreviousState {
    /// What one unit of the sum of all rows moved the model by.
    pub step: f64,
    /// Whose rows were counted.
    pub counted: Vec<Rank>,
    /// Their sum, if it is revealed.
    pub sum: Option<Vec<f32>>,
}

/// A checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file is none, or not to be had.
    #[error(transparent)]
    File(#[from] EnvelopeError),
    /// The file belongs to another experiment.
    #[error("the checkpoint {} is of another scenario: its {what} differs", .file.display())]
    OtherScenario {
        /// The file
        file: PathBuf,
        /// What differs
        what: &'static str,
    },
}

impl Checkpoint {
    /// Writes it to `file` so that there is a whole checkpoint there at any time.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn save(&self, file: &Path) -> Result<(), CheckpointError> {
        Ok(KIND.save(file, &Body::from(self).encode_to_vec())?)
    }

    /// Reads what [`Self::save`] wrote.
    ///
    /// # Errors
    /// When it cannot be read, or is foreign, newer or damaged.
    pub fn load(file: &Path) -> Result<Self, CheckpointError> {
        let body = KIND.load(file)?;
        let read = Body::decode(&*body).ok().and_then(Body::checked);
        Ok(read.ok_or_else(|| KIND.damaged(file, "its body makes no sense"))?)
    }
}

#[derive(Clone, PartialEq, Message)]
struct Body {
    #[prost(fixed64, tag = "1")]
    run: u64,
    #[prost(string, tag = "2")]
    scenario: String,
    #[prost(uint32, tag = "3")]
    closed: u32,
    #[prost(bytes, tag = "4")]
    model: Vec<u8>,
    #[prost(uint32, tag = "5")]
    steps: u32,
    #[prost(bytes, tag = "6")]
    first: Vec<u8>,
    #[prost(bytes, tag = "7")]
    second: Vec<u8>,
    #[prost(message, optional, tag = "8")]
    previous: Option<PreviousBody>,
    #[prost(message, repeated, tag = "9")]
    ledgers: Vec<LedgerBody>,
    #[prost(bytes, tag = "10")]
    report: Vec<u8>,
    #[prost(bytes, optional, tag = "11")]
    aggregator: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "12")]
    answered: Vec<AnsweredBody>,
}

#[derive(Clone, PartialEq, Message)]
struct AnsweredBody {
    #[prost(uint32, tag = "1")]
    rank: u32,
    #[prost(uint32, tag = "2")]
    round: u32,
}

#[derive(Clone, PartialEq, Message)]
struct PreviousBody {
    #[prost(double, tag = "1")]
    step: f64,
    #[prost(uint32, repeated, tag = "2")]
    counted: Vec<u32>,
    #[prost(bytes, optional, tag = "3")]
    sum: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct LedgerBody {
    #[prost(uint32, tag = "1")]
    rank: u32,
    #[prost(uint32, tag = "2")]
    accepted: u32,
    #[prost(uint32, tag = "3")]
    absent: u32,
    #[prost(btree_map = "string, uint32", tag = "4")]
    rejected: BTreeMap<String, u32>,
    #[prost(uint32, tag = "5")]
    misbehaved: u32,
    #[prost(uint32, tag = "7")]
    staleness: u32,
    #[prost(btree_map = "string, uint32", tag = "6")]
    discarded: BTreeMap<String, u32>,
}

impl From<&Checkpoint> for Body {
    fn from(checkpoint: &Checkpoint) -> Self {
        let optimizer::State { steps, first, second } = &checkpoint.descent.optimizer;
        Self {
            run: checkpoint.run,
            scenario: checkpoint.scenario.clone(),
            closed: checkpoint.closed,
            model: bytes(&checkpoint.descent.model),
            steps: *steps,
            first: bytes(first),
            second: bytes(second),
            previous: checkpoint.previous.as_ref().map(|previous| PreviousBody {
                step: previous.step,
                counted: previous.counted.iter().map(|rank| rank.0).collect(),
                sum: previous.sum.as_deref().map(bytes),
            }),
            ledgers: checkpoint.ledgers.iter().map(LedgerBody::from).collect(),
            report: checkpoint.report.clone(),
            aggregator: checkpoint.descent.aggregator.as_deref().map(bytes),
            answered: (checkpoint.answered.iter())
                .map(|(rank, round)| AnsweredBody { rank: rank.0, round: round.get() })
                .collect(),
        }
    }
}

impl Body {
    /// The state, if every tensor is one.
    fn checked(self) -> Option<Checkpoint> {
        let optimizer = optimizer::State {
            steps: self.steps,
            first: numbers(&self.first)?,
            second: numbers(&self.second)?,
        };
        let aggregator = match self.aggregator {
            None => None,
            Some(state) => Some(numbers(&state)?),
        };
        let previous = match self.previous {
            None => None,
            Some(previous) => Some(PreviousState {
                step: previous.step,
                counted: previous.counted.into_iter().map(Rank).collect(),
                sum: match previous.sum {
                    None => None,
                    Some(sum) => Some(numbers(&sum)?),
                },
            }),
        };
        let answered = |body: AnsweredBody| Some((Rank(body.rank), Round::new(body.round)?));
        Some(Checkpoint {
            run: self.run,
            scenario: self.scenario,
            closed: self.closed,
            descent: DescentState { model: numbers(&self.model)?, optimizer, aggregator },
            previous,
            ledgers: self.ledgers.into_iter().map(LedgerBody::checked).collect(),
            answered: self.answered.into_iter().map(answered).collect::<Option<_>>()?,
            report: self.report,
        })
    }
}

impl From<&(Rank, Ledger)> for LedgerBody {
    fn from((rank, ledger): &(Rank, Ledger)) -> Self {
        Self {
            rank: rank.0,
            accepted: ledger.accepted,
            absent: ledger.absent,
            misbehaved: ledger.misbehaved,
            staleness: ledger.staleness,
            rejected: owned(&ledger.rejected),
            discarded: owned(&ledger.discarded),
        }
    }
}

impl LedgerBody {
    fn checked(self) -> (Rank, Ledger) {
        // Reasons are names in the program's text everywhere else; the few that a checkpoint brings may as well stay.
        let named = |pile: BTreeMap<String, u32>| {
            pile.into_iter().map(|(reason, times)| (&*reason.leak(), times)).collect()
        };
        let Self { rank, accepted, absent, misbehaved, staleness, rejected, discarded } = self;
        let (rejected, discarded) = (named(rejected), named(discarded));
        (Rank(rank), Ledger { accepted, absent, misbehaved, staleness, rejected, discarded })
    }
}

fn owned(pile: &BTreeMap<&'static str, u32>) -> BTreeMap<String, u32> {
    pile.iter().map(|(&reason, &times)| (reason.to_owned(), times)).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn numbers(bytes: &[u8]) -> Option<Vec<f32>> {
    let (fours, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| fours.iter().map(|&four| f32::from_le_bytes(four)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let mut ledger = Ledger { accepted: 7, absent: 2, misbehaved: 3, staleness: 4, ..Ledger::default() };
        ledger.rejected.insert("non-finite", 3);
        ledger.discarded.insert("skipped", 1);
        Checkpoint {
            run: 0xE0,
            scenario: "seed = 1".to_owned(),
            closed: 9,
            descent: DescentState {
                model: vec![1.5, -0.0, f32::MIN_POSITIVE / 2.0],
                optimizer: optimizer::State { steps: 9, first: vec![0.25; 3], second: Vec::new() },
                aggregator: Some(vec![0.5; 3]),
            },
            previous: Some(PreviousState {
                step: 0.1,
                counted: vec![Rank(0), Rank(2)],
                sum: Some(vec![4.0]),
            }),
            ledgers: vec![(Rank(2), ledger)],
            answered: vec![(Rank(2), Round::FIRST)],
            report: vec![1, 2, 3],
        }
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checkpoint");
        for closed in [9, 10] {
            let saved = Checkpoint { closed, ..checkpoint() };
            saved.save(&file).unwrap();
            assert_eq!(Checkpoint::load(&file).unwrap(), saved);
        }
    }

    #[test]
    fn a_body_that_makes_no_sense_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checkpoint");
        let good = Body::from(&checkpoint());
        for body in [
            Body { model: vec![0; 7], ..good.clone() },
            Body { answered: vec![AnsweredBody { rank: 0, round: 0 }], ..good },
        ] {
            KIND.save(&file, &body.encode_to_vec()).unwrap();
            let message = Checkpoint::load(&file).unwrap_err().to_string();
            assert!(message.contains("damaged: its body makes no sense"), "{message}");
        }
    }
}
