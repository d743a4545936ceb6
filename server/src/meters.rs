//! What the server counts, for whoever scrapes it; docs/metrics.md explains each.
//!
//! A recorder is the business of the process around the library; without one these cost next to nothing.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use round::{Rank, Rejection, SKIPPED, SUPERSEDED};

use crate::Moved;

/// A round opened for `workers` members.
pub(crate) fn opened(round: u32, workers: usize) {
    gauge!("equipoise_round").set(round);
    gauge!("equipoise_workers").set(workers as f64);
}

/// A round closed with an aggregate.
pub(crate) fn aggregated(moved: &Moved, collecting: Duration, aggregating: Duration) {
    counter!("equipoise_rounds_total", "outcome" => "aggregated").increment(1);
    histogram!("equipoise_round_phase_seconds", "phase" => "collect").record(collecting);
    histogram!("equipoise_round_phase_seconds", "phase" => "aggregate").record(aggregating);
    gauge!("equipoise_aggregate_norm").set(moved.aggregate_norm);
    counter!("equipoise_updates_accepted_total").increment(moved.verdicts.len() as u64);
    for verdict in &moved.verdicts {
        entered(Rank(verdict.rank), "accepted");
    }
    for verdict in moved.verdicts.iter().filter(|verdict| verdict.weight == 0.0) {
        counter!("equipoise_excluded_total", "worker" => verdict.rank.to_string()).increment(1);
    }
}

/// A round closed without one, and these updates came to nothing.
pub(crate) fn skipped(rows: &[Rank]) {
    counter!("equipoise_rounds_total", "outcome" => "skipped").increment(1);
    for rank in rows {
        discarded(*rank, SKIPPED);
    }
}

/// Members whose update was missing when a round closed.
pub(crate) fn absent(ranks: &[Rank]) {
    for rank in ranks {
        counter!("equipoise_absent_total", "worker" => rank.0.to_string()).increment(1);
    }
}

/// How many rounds old the updates of a buffer were.
pub(crate) fn aged(staleness: &[u32]) {
    for rounds in staleness {
        histogram!("equipoise_update_staleness").record(f64::from(*rounds));
    }
}

/// An update that was in gave way to a later one of the same worker.
pub(crate) fn superseded(rank: Rank) {
    discarded(rank, SUPERSEDED);
}

/// An update was not taken.
pub(crate) fn refused(rank: Rank, why: &Rejection) {
    if why.is_discard() {
        discarded(rank, why.label());
    } else {
        counter!("equipoise_updates_rejected_total", "reason" => why.label()).increment(1);
        entered(rank, "rejected");
    }
}

/// Nothing was wrong with an update, and yet it came to nothing.
fn discarded(rank: Rank, why: &'static str) {
    counter!("equipoise_updates_discarded_total", "reason" => why).increment(1);
    entered(rank, "discarded");
}

/// The worker's record has one entry more.
fn entered(rank: Rank, fate: &'static str) {
    counter!("equipoise_ledger_total", "worker" => rank.0.to_string(), "fate" => fate).increment(1);
}

/// Bytes of tensors that came.
pub(crate) fn received(bytes: usize) {
    counter!("equipoise_tensor_received_bytes_total").increment(bytes as u64);
}

/// Bytes of tensors that were sent.
pub(crate) fn sent(bytes: usize) {
    counter!("equipoise_tensor_sent_bytes_total").increment(bytes as u64);
}
