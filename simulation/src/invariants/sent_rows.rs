//! An aggregate only from validated rows of that round: the model after a round is, bit for bit, what the rule makes of rows
//! that their workers sent for that round and that model.
//!
//! The rows are those that the participants were seen to give, not those that the server says it had; the model is
//! computed again from them. Who attacks the protocol sends rows of a few kinds.

use std::collections::BTreeMap;

use proto::{frame::checksum, v1::RoundReport};
use round::{Rank, Round};
use server::{Descent, DescentState};

use super::Violation;
use crate::{
    plan::Plan,
    trace::{Entry, Fact},
};

/// Its name.
pub const NAME: &str = "an aggregate only from rows that were sent for its round";

pub(super) fn check(plan: &Plan, entries: &[Entry]) -> Option<Violation> {
    let mut shadow = Shadow::new(plan);
    entries.iter().find_map(|Entry { at, fact }| {
        let how = match fact {
            Fact::Answered { rank, round, model, row } => {
                shadow.sent.entry((rank.0, *round, *model)).or_default().push(row);
                None
            }
            Fact::Closed(report, model) => shadow.closed(report, model),
            _ => None,
        };
        how.map(|how| Violation { invariant: NAME, at: *at, how })
    })
}

/// The model as it has to be.
struct Shadow<'a> {
    plan: &'a Plan,
    /// What each worker sent, by rank, round and checksum of the model.
    sent: BTreeMap<(u32, u32, u32), Vec<&'a [f32]>>,
    /// The state after each round.
    states: BTreeMap<u32, DescentState>,
    /// What an attacker of the protocol sends that is a vote.
    lies: Vec<Vec<f32>>,
}

impl<'a> Shadow<'a> {
    fn new(plan: &'a Plan) -> Self {
        let start = plan.script.task.initial_model(plan.script.seed).expect("a task that there is");
        let zeros = vec![0.0; start.len()];
        let mut denormal = zeros.clone();
        denormal.iter_mut().rev().take(1).for_each(|last| *last = f32::from_bits(1));
        let lies = vec![zeros.clone(), vec![-0.0; start.len()], denormal];
        let mut shadow = Self { plan, sent: BTreeMap::new(), states: BTreeMap::new(), lies };
        let descent = shadow.descent(start);
        shadow.states.insert(0, descent.state());
        shadow
    }

    fn descent(&self, model: Vec<f32>) -> Descent {
        Descent::new(&self.plan.script.server, model, self.plan.seed)
    }

    /// What is wrong with a round that closed.
    fn closed(&mut self, report: &RoundReport, model: &[f32]) -> Option<String> {
        let round = Round::new(report.round)?;
        let Some(before) = self.states.get(&(report.round - 1)).cloned() else {
            return Some(format!("nobody saw the round before round {round}"));
        };
        let state = if report.skipped.is_empty() {
            match self.moved(report, round, &before, model) {
                Ok(state) => state,
                Err(how) => return Some(how),
            }
        } else {
            before
        };
        if !same(&state.model, model) {
            return Some(format!("round {round} was skipped, and the model moved"));
        }
        self.states.insert(report.round, state);
        None
    }

    /// The state after a round, if some rows that were sent lead to `model`.
    fn moved(
        &self,
        report: &RoundReport,
        round: Round,
        before: &DescentState,
        model: &[f32],
    ) -> Result<DescentState, String> {
        let mut all: Vec<Vec<(Rank, Vec<f32>)>> = vec![Vec::new()];
        for verdict in &report.verdicts {
            let rows = self.rows(verdict.rank, report.round, verdict.staleness);
            if rows.is_empty() {
                let of = report.round - verdict.staleness;
                return Err(format!(
                    "round {round} counts worker {}, which sent no row of round {of}",
                    verdict.rank
                ));
            }
            all = all
                .iter()
                .flat_map(|chosen| {
                    rows.iter().map(|row| {
                        let mut chosen = chosen.clone();
                        chosen.push((Rank(verdict.rank), row.to_vec()));
                        chosen
                    })
                })
                .collect();
        }
        let staleness: Vec<u32> = report.verdicts.iter().map(|verdict| verdict.staleness).collect();
        for mut rows in all {
            let mut descent = self.descent(before.model.clone());
            if !descent.restore(before.clone()) {
                return Err("the state of the round before does not fit".to_owned());
            }
            descent.discount(&mut rows, &staleness);
            let moved = descent.apply(round, report.byzantine as usize, &rows);
            if moved.is_ok() && same(descent.model(), model) {
                return Ok(descent.state());
            }
        }
        Err(format!("round {round} led to a model that the rows which were sent do not lead to"))
    }

    /// The different rows that a worker sent for a round, so many rounds before this one.
    fn rows(&self, rank: u32, round: u32, staleness: u32) -> Vec<&[f32]> {
        if self.plan.abuser() == Some(rank) {
            return self.lies.iter().map(Vec::as_slice).collect();
        }
        let of = round.saturating_sub(staleness);
        let Some(state) = of.checked_sub(1).and_then(|before| self.states.get(&before)) else {
            return Vec::new();
        };
        let sent = self.sent.get(&(rank, of, checksum(&state.model)));
        let mut rows: Vec<&[f32]> = Vec::new();
        for row in sent.into_iter().flatten() {
            if !rows.iter().any(|known| same(known, row)) {
                rows.push(row);
            }
        }
        rows
    }
}

fn same(one: &[f32], other: &[f32]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.to_bits() == b.to_bits())
}
