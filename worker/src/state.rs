//! What a worker leaves on the disk after every round that it answered, so that it can go on after it was killed.
//!
//! It is written before the update is sent: a worker that dies in between finds the answer that it was about to give, and
//! one that dies before it the state that the answer came of.

use std::path::{Path, PathBuf};

use envelope::{EnvelopeError, Kind};
use learning::Memory;
use prost::Message;
use serde::Deserialize;

use crate::{Joined, memory::Answer};

const KIND: Kind = Kind { magic: *b"EQUIPWRK", version: 1, noun: "state" };

/// A state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file is none, or not to be had.
    #[error(transparent)]
    File(#[from] EnvelopeError),
    /// Somebody else started the run anew, or the file is left from another.
    #[error("the state {} is of another run; remove it to begin without", .0.display())]
    OtherRun(PathBuf),
    /// The file is another worker's.
    #[error("the state {} is of rank {got}, and this is rank {want}; give each worker a file of its own", .file.display())]
    OtherRank {
        /// The file
        file: PathBuf,
        /// Whose it is
        got: u32,
        /// Who we are
        want: u32,
    },
    /// The file is of a worker that does something else.
    #[error(
        "the state {} is not of a worker that does what this one does; give this one another file, or none", .0.display()
    )]
    OtherWorker(PathBuf),
}

/// A worker between two rounds.
#[derive(Debug, PartialEq)]
pub(crate) struct State {
    run: u64,
    rank: u32,
    /// Answers that a server which goes back may ask for again, oldest first.
    pub(crate) answers: Vec<Answer>,
    /// What the participant remembers.
    pub(crate) memory: Memory,
}

/// Where a worker leaves its state.
#[derive(Debug)]
pub(crate) struct Keeper {
    file: PathBuf,
    run: u64,
    rank: u32,
    /// Rounds that a server goes back at most.
    rounds: usize,
}

/// What tells how far a server goes back.
#[derive(Default, Deserialize)]
struct Scenario {
    #[serde(default)]
    server: Server,
}

#[derive(Default, Deserialize)]
struct Server {
    checkpoint: Option<Checkpoint>,
}

#[derive(Deserialize)]
struct Checkpoint {
    every: usize,
}

impl Keeper {
    pub(crate) fn new(file: PathBuf, run: u64, joined: &Joined) -> Result<Self, toml::de::Error> {
        let Scenario { server } = toml::from_str(&joined.scenario)?;
        let rounds = server.checkpoint.map_or(1, |checkpoint| checkpoint.every).max(1);
        Ok(Self { file, run, rank: joined.rank, rounds })
    }

    /// Makes sure that `state` is this worker's.
    pub(crate) fn check(&self, state: &State) -> Result<(), StateError> {
        if state.run != self.run {
            return Err(StateError::OtherRun(self.file.clone()));
        }
        if state.rank != self.rank {
            let (got, want) = (state.rank, self.rank);
            return Err(StateError::OtherRank { file: self.file.clone(), got, want });
        }
        Ok(())
    }

    /// The state is this worker's by what it says of itself, and yet is not.
    pub(crate) fn other_worker(&self) -> StateError {
        StateError::OtherWorker(self.file.clone())
    }

    /// Leaves the state, with the latest of the answers.
    pub(crate) fn save<'a>(
        &self,
        answers: impl DoubleEndedIterator<Item = &'a Answer>,
        memory: Memory,
    ) -> Result<(), StateError> {
        let mut answers: Vec<AnswerBody> = answers.rev().take(self.rounds).map(AnswerBody::from).collect();
        answers.reverse();
        let Memory { counts, singles, doubles } = memory;
        let body = Body {
            run: self.run,
            rank: self.rank,
            answers,
            counts: counts.into(),
            singles: singles.into_iter().map(|values| Singles { values }).collect(),
            doubles: doubles.into_iter().map(|values| Doubles { values }).collect(),
        };
        Ok(KIND.save(&self.file, &body.encode_to_vec())?)
    }
}

impl State {
    /// What is in `file`, if there is such a file.
    pub(crate) fn load(file: &Path) -> Result<Option<Self>, StateError> {
        if matches!(file.try_exists(), Ok(false)) {
            return Ok(None);
        }
        let body =
            Body::decode(&*KIND.load(file)?).map_err(|_| KIND.damaged(file, "its body makes no sense"))?;
        let memory = Memory {
            counts: body.counts.into(),
            singles: body.singles.into_iter().map(|singles| singles.values).collect(),
            doubles: body.doubles.into_iter().map(|doubles| doubles.values).collect(),
        };
        let answers = body.answers.into_iter().map(Answer::from).collect();
        Ok(Some(Self { run: body.run, rank: body.rank, answers, memory }))
    }

    pub(crate) const fn rank(&self) -> u32 {
        self.rank
    }
}

#[derive(Clone, PartialEq, Message)]
struct Body {
    #[prost(fixed64, tag = "1")]
    run: u64,
    #[prost(uint32, tag = "2")]
    rank: u32,
    #[prost(message, repeated, tag = "3")]
    answers: Vec<AnswerBody>,
    #[prost(uint64, repeated, tag = "4")]
    counts: Vec<u64>,
    #[prost(message, repeated, tag = "5")]
    singles: Vec<Singles>,
    #[prost(message, repeated, tag = "6")]
    doubles: Vec<Doubles>,
}

#[derive(Clone, PartialEq, Message)]
struct AnswerBody {
    #[prost(uint32, tag = "1")]
    round: u32,
    #[prost(fixed32, tag = "2")]
    model: u32,
    #[prost(float, repeated, tag = "3")]
    row: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct Singles {
    #[prost(float, repeated, tag = "1")]
    values: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct Doubles {
    #[prost(double, repeated, tag = "1")]
    values: Vec<f64>,
}

impl From<&Answer> for AnswerBody {
    fn from(answer: &Answer) -> Self {
        Self { round: answer.round, model: answer.model, row: answer.row.to_vec() }
    }
}

impl From<AnswerBody> for Answer {
    fn from(AnswerBody { round, model, row }: AnswerBody) -> Self {
        Self { round, model, row: row.into() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn joined(rank: u32, every: &str) -> Joined {
        let scenario = format!("[server]\nrounds = 9\n{every}");
        Joined { rank, workers: 4, dimension: 2, rounds: 9, scenario }
    }

    fn answers() -> Vec<Answer> {
        let answer = |round| Answer { round, model: 7 * round, row: vec![round as f32, -0.0].into() };
        (1..=5).map(answer).collect()
    }

    #[test]
    fn what_is_left_is_found_with_as_many_answers_as_a_server_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        assert_eq!(State::load(&file).unwrap(), None);
        for (every, kept) in [("", 1), ("checkpoint = { every = 3 }", 3), ("checkpoint = { every = 90 }", 5)]
        {
            let keeper = Keeper::new(file.clone(), 0xE0, &joined(2, every)).unwrap();
            let mut memory = Memory::default();
            memory.put_count(u64::MAX);
            memory.put_singles(&[f32::MIN_POSITIVE / 2.0, -0.0]);
            memory.put_doubles(&[]);
            keeper.save(answers().iter(), memory.clone()).unwrap();
            let answers = answers().split_off(5 - kept);
            let state = State { run: 0xE0, rank: 2, answers, memory };
            assert_eq!(State::load(&file).unwrap().as_ref(), Some(&state));
            keeper.check(&state).unwrap();
        }
    }

    #[test]
    fn a_state_that_is_not_ours_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        let keeper = |run, rank| Keeper::new(file.clone(), run, &joined(rank, "")).unwrap();
        keeper(1, 2).save(answers().iter(), Memory::default()).unwrap();
        let state = State::load(&file).unwrap().unwrap();
        for (run, rank, expected) in [(2, 2, "is of another run"), (1, 3, "is of rank 2, and this is rank 3")]
        {
            let message = keeper(run, rank).check(&state).unwrap_err().to_string();
            assert!(message.contains(expected), "{message:?} does not say {expected:?}");
        }
        std::fs::write(&file, "something else").unwrap();
        let message = State::load(&file).unwrap_err().to_string();
        assert!(message.contains("is no state of equipoise"), "{message}");
        KIND.save(&file, &[0xFF; 3]).unwrap();
        let message = State::load(&file).unwrap_err().to_string();
        assert!(message.contains("damaged: its body makes no sense"), "{message}");
    }
}
