//! The life of one round: opened, its updates answered, aggregated or skipped, and told to whoever follows.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use aggregation::Refusal;
use proto::{
    share,
    status::receipt,
    v1::{self, from_server, observation},
};
use round::{Event, Ledger, Rank, Rejection, Round};
use tokio::{sync::oneshot, time::Instant};

use super::{Closed, Hub};
use crate::{CheckpointError, Descent, Moved, PreviousState, keeper::Workers, meters, places::Seat};

/// A round's arithmetic, done on a thread of its own.
pub(super) struct Aggregated {
    descent: Box<Descent>,
    round: Round,
    rows: Vec<(Rank, Vec<f32>)>,
    absent: Vec<Rank>,
    /// What workers and observers are told.
    told: Result<(PreviousState, v1::RoundReport), Refusal>,
    kept: Result<(), CheckpointError>,
}

/// What a round's rule gets.
pub(super) struct Collected {
    pub(super) rows: Vec<(Rank, Vec<f32>)>,
    pub(super) staleness: Vec<u32>,
    pub(super) byzantine: usize,
}

/// n·d below which a round's arithmetic is done in place: handing it over would take longer.
const SMALL: usize = 1 << 17;

impl Hub {
    /// Tells the members that a round is open; answers who does not read.
    pub(super) fn open(&mut self, round: Round, to: &[Rank]) -> Vec<Seat> {
        let Some(descent) = &self.descent else { return Vec::new() };
        self.round = round.get();
        self.rejections.clear();
        if let Some(reveals) = &mut self.reveals {
            reveals.open(round.get(), to);
        }
        self.opened = Instant::now();
        self.deadline = Some((Some(round), self.opened + self.config.spec.round_deadline.next(&self.pace)));
        meters::opened(round.get(), to.len());
        self.step = descent.step(round, self.config.spec.mode.rows(to.len()));
        self.inherited = None;
        self.tell(round, to)
    }

    /// Sends the open round to some of its members; answers who does not read.
    pub(super) fn tell(&mut self, round: Round, to: &[Rank]) -> Vec<Seat> {
        let step = self.step;
        let model = Arc::clone(&self.model.borrow());
        let inline = if let [only] = model.as_slice() { Some(only) } else { None };
        meters::sent(inline.map_or(0, |frame| frame.data.len() * to.len()));
        let mut unread = Vec::new();
        for &rank in to {
            let previous = self.previous.as_ref().map(|closed| v1::PreviousRound {
                step: closed.step,
                counted: closed.counted.binary_search(&rank).is_ok(),
            });
            let sum = self.previous.as_ref().and_then(|closed| closed.sum.clone());
            let opened = v1::RoundOpened { round: round.get(), step, previous, model: inline.cloned(), sum };
            unread.extend(self.places.send(rank, from_server::Message::Opened(opened)).err());
        }
        unread
    }

    pub(super) fn answer(
        &mut self,
        rank: Rank,
        taken: Result<Round, Rejection>,
        to: Option<oneshot::Sender<Result<(), Rejection>>>,
    ) {
        if let Err(why) = &taken {
            meters::refused(rank, why);
            let times = self.rejections.entry(rank).or_default();
            *times += 1;
            // Whoever floods the server does not flood its log.
            if times.is_power_of_two() {
                let reason = why.label();
                tracing::warn!(worker = rank.0, round = self.round, reason, times, "update rejected: {why}");
            }
        }
        match (to, taken) {
            (Some(to), taken) => drop(to.send(taken.map(drop))),
            // A worker whose row was taken learns it from the next round's opening.
            (None, Ok(_)) => (),
            (None, Err(why)) => {
                let _ = self.places.send(rank, from_server::Message::Receipt(receipt(self.round, Err(why))));
            }
        }
    }

    pub(super) fn aggregate(&mut self, round: Round, collected: Collected, absent: Vec<Rank>) {
        let Collected { mut rows, staleness, byzantine } = collected;
        self.deadline = None;
        let Some(mut descent) = self.descent.take() else { return };
        let collecting = self.opened.elapsed();
        self.pace.note(collecting);
        let size = rows.len() * descent.model().len();
        let draft = self.keeper.due(round, || Workers {
            ledgers: self.engine.ledgers().iter().map(|(rank, ledger)| (*rank, ledger.clone())).collect(),
            answered: self.engine.answered().iter().map(|(rank, of)| (*rank, *of)).collect(),
        });
        let in_place = !self.config.threads || (size <= SMALL && draft.is_none());
        let asynchronous = self.config.spec.mode.is_asynchronous();
        let work = move || {
            let start = std::time::Instant::now();
            descent.discount(&mut rows, &staleness);
            let told = descent.apply(round, byzantine, &rows).map(|mut moved| {
                let previous = PreviousState {
                    step: moved.step,
                    counted: rows.iter().map(|(rank, _)| *rank).collect(),
                    sum: moved.sum.take(),
                };
                meters::aggregated(&moved, collecting, start.elapsed());
                if asynchronous {
                    meters::aged(&staleness);
                }
                let mut report = report(round, &moved, &absent, (collecting, start.elapsed()));
                report.byzantine = byzantine as u32;
                for (verdict, rounds) in report.verdicts.iter_mut().zip(&staleness) {
                    verdict.staleness = *rounds;
                }
                (previous, report)
            });
            let kept = match (draft, &told) {
                (Some(draft), Ok((previous, report))) => {
                    draft.finish(round.get(), &descent, Some(previous.clone()), report)
                }
                _ => Ok(()),
            };
            Aggregated { descent, round, rows, absent, told, kept }
        };
        self.aggregating = Some(if in_place {
            let done = work();
            tokio::spawn(async { done })
        } else {
            tokio::task::spawn_blocking(work)
        });
    }

    pub(super) async fn aggregated(&mut self, done: Aggregated) {
        let Aggregated { descent, round, rows, absent, told, kept } = done;
        let ranks: Vec<Rank> = rows.iter().map(|(rank, _)| *rank).collect();
        self.shared.spare.give(rows.into_iter().map(|(_, row)| row));
        if let Err(error) = kept {
            self.unkept = Some(error);
            return self.stop.cancel();
        }
        let tensor = Arc::new(share(self.run, round.get() + 1, descent.shared_model()));
        self.descent = Some(descent);
        self.model.send_replace(Arc::clone(&tensor));
        match told {
            Ok((previous, report)) => {
                meters::absent(&absent);
                let (rows, norm) = (report.verdicts.len(), report.aggregate_norm);
                tracing::debug!(round = round.get(), rows, norm, "aggregated");
                let nothing = report.verdicts.iter().filter(|verdict| verdict.weight == 0.0);
                let left_out: Vec<u32> = nothing.map(|verdict| verdict.rank).collect();
                if !left_out.is_empty() {
                    tracing::info!(round = round.get(), ranks = ?left_out, "the rule left out rows");
                }
                self.previous = Some(Closed::new(self.run, round.get(), previous));
                self.observe(report, &tensor).await;
                self.handle(Event::Aggregated(round)).await;
            }
            Err(refusal) => {
                // The engine takes it down before anybody is told.
                let commands = self.engine.handle(Event::Refused(round));
                self.skip(round, &ranks, &absent, refusal.to_string()).await;
                self.carry_out(commands).await;
            }
        }
    }

    pub(super) async fn skip(&mut self, round: Round, rows: &[Rank], absent: &[Rank], why: String) {
        tracing::warn!(round = round.get(), "round skipped: {why}");
        meters::skipped(rows);
        meters::absent(absent);
        self.previous = Some(Closed { step: 0.0, counted: Vec::new(), sum: None });
        let Some(descent) = &self.descent else { return };
        let tensor = Arc::new(share(self.run, round.get() + 1, descent.shared_model()));
        self.model.send_replace(Arc::clone(&tensor));
        let report = v1::RoundReport {
            round: round.get(),
            absent: absent.iter().map(|rank| rank.0).collect(),
            skipped: why,
            ..v1::RoundReport::default()
        };
        self.observe(report, &tensor).await;
    }

    pub(super) async fn observe(&mut self, mut report: v1::RoundReport, model: &[v1::Frame]) {
        let ledgers = self.engine.report();
        report.rejected = entries(&ledgers, |ledger| &ledger.rejected);
        report.discarded = entries(&ledgers, |ledger| &ledger.discarded);
        report.strangers = self.shared.strangers.swap(0, Ordering::Relaxed);
        let mut messages = vec![observation::Message::Report(report)];
        messages.extend(model.iter().cloned().map(observation::Message::Model));
        self.observers.send(&messages).await;
    }
}

/// One pile of what the engine took down of updates that came to nothing.
fn entries(
    ledgers: &BTreeMap<Rank, Ledger>,
    pile: impl Fn(&Ledger) -> &BTreeMap<&'static str, u32>,
) -> Vec<v1::Untaken> {
    let one = |rank: Rank, (reason, count): (&&str, &u32)| v1::Untaken {
        rank: rank.0,
        reason: (*reason).to_owned(),
        count: *count,
    };
    ledgers.iter().flat_map(|(rank, ledger)| pile(ledger).iter().map(|entry| one(*rank, entry))).collect()
}

/// Whether nothing more is to come of the worker in this round: its row was taken, or its vote is lost.
pub(super) fn settles(taken: &Result<Round, Rejection>) -> bool {
    taken.as_ref().map_or_else(Rejection::is_misbehaviour, |_| true)
}

/// What observers are told of a round that moved the model.
fn report(
    round: Round,
    moved: &Moved,
    absent: &[Rank],
    (collecting, aggregating): (Duration, Duration),
) -> v1::RoundReport {
    v1::RoundReport {
        round: round.get(),
        verdicts: moved
            .verdicts
            .iter()
            .map(|v| v1::Verdict { rank: v.rank, weight: v.weight, staleness: 0 })
            .collect(),
        absent: absent.iter().map(|rank| rank.0).collect(),
        skipped: String::new(),
        step: moved.step,
        aggregate_norm: moved.aggregate_norm,
        collect_seconds: collecting.as_secs_f64(),
        aggregate_seconds: aggregating.as_secs_f64(),
        squares: moved.squares.clone(),
        ..v1::RoundReport::default()
    }
}
