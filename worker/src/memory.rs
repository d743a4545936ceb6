//! Answers that were given. A server that goes on from a checkpoint asks for rounds again; the same round with the same
//! model gets the same row, whatever the participant has learned since.

use std::{collections::VecDeque, sync::Arc};

use learning::Memory;

use crate::{
    Participant, StateError, View,
    state::{Keeper, State},
};

/// Bytes of rows to remember: the latest row is remembered whatever its length.
const BYTES_MAX: usize = 64 << 20;

/// A participant with its memory.
#[derive(Debug)]
pub(crate) struct Recalling<P> {
    pub(crate) participant: P,
    answers: VecDeque<Answer>,
    remembers: bool,
    /// Its last answer took so short a time that handing it to another thread would have taken longer.
    pub(crate) quick: bool,
    /// Where all that is left for who goes on in its place.
    keeper: Option<Keeper>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) round: u32,
    /// Checksum of the model that was answered.
    pub(crate) model: u32,
    pub(crate) row: Arc<Vec<f32>>,
}

impl<P: Participant> Recalling<P> {
    /// Remembers nothing yet, or never does.
    pub(crate) const fn new(participant: P, remembers: bool) -> Self {
        Self { participant, answers: VecDeque::new(), remembers, quick: false, keeper: None }
    }

    /// Leaves its state with `keeper` from now on, and goes on from what was left there, if anything was.
    pub(crate) fn kept(mut participant: P, keeper: Keeper, left: Option<State>) -> Result<Self, StateError> {
        let mut answers = VecDeque::new();
        if let Some(mut state) = left {
            keeper.check(&state)?;
            let fits = participant.recall(&mut state.memory).is_some() && state.memory.is_empty();
            if !fits {
                return Err(keeper.other_worker());
            }
            answers.extend(state.answers);
        }
        Ok(Self { participant, answers, remembers: true, quick: false, keeper: Some(keeper) })
    }

    /// What was answered to this view, or else what the participant says, once that is kept. `model` is the checksum of the view's
    /// model.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(crate) fn respond(&mut self, view: &View<'_>, model: u32) -> Result<Arc<Vec<f32>>, StateError> {
        if !self.remembers {
            return Ok(self.participant.respond(view));
        }
        if let Some(known) =
            self.answers.iter().find(|known| known.round == view.round && known.model == model)
        {
            return Ok(Arc::clone(&known.row));
        }
        let row = self.participant.respond(view);
        // What came after this round was of a run that is no more.
        self.answers.retain(|known| known.round < view.round);
        let room = BYTES_MAX / (4 * row.len().max(1));
        while self.answers.len() >= room.max(1) {
            self.answers.pop_front();
        }
        self.answers.push_back(Answer { round: view.round, model, row: Arc::clone(&row) });
        if let Some(keeper) = &self.keeper {
            let mut memory = Memory::default();
            self.participant.remember(&mut memory);
            keeper.save(self.answers.iter(), memory)?;
        }
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often it was asked.
    struct Counter(f32);

    impl Participant for Counter {
        fn respond(&mut self, _: &View<'_>) -> Arc<Vec<f32>> {
            self.0 += 1.0;
            Arc::new(vec![self.0])
        }
    }

    fn answers(remembers: bool, asked: &[(u32, f32)]) -> Vec<f32> {
        let mut counter = Recalling::new(Counter(0.0), remembers);
        let mut ask = |&(round, model)| {
            let view = View { round, model: &[model], step: 1.0, previous: None, honest: &[] };
            counter.respond(&view, proto::frame::checksum(&[model])).unwrap()[0]
        };
        asked.iter().map(&mut ask).collect()
    }

    #[test]
    fn the_same_round_and_model_get_the_same_row() {
        assert_eq!(
            answers(true, &[(1, 0.5), (2, 0.6), (1, 0.5), (2, 0.6), (3, 0.7)]),
            [1.0, 2.0, 1.0, 2.0, 3.0]
        );
        assert_eq!(answers(false, &[(1, 0.5), (1, 0.5)]), [1.0, 2.0]);
    }

    #[test]
    fn another_model_in_the_same_round_is_answered_anew_and_what_followed_is_forgotten() {
        assert_eq!(
            answers(true, &[(1, 0.5), (2, 0.6), (1, 9.0), (2, 0.6), (1, 9.0)]),
            [1.0, 2.0, 3.0, 4.0, 3.0]
        );
    }
}
