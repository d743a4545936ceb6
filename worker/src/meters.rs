//! What a worker counts, for whoever scrapes it; docs/metrics.md explains each.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

/// A round was answered after so much local work.
pub(crate) fn responded(round: u32, working: Duration) {
    gauge!("equipoise_worker_round").set(round);
    counter!("equipoise_worker_updates_total").increment(1);
    histogram!("equipoise_worker_local_seconds").record(working);
}

/// The server did not take an update.
pub(crate) fn rejected(reason: &str) {
    counter!("equipoise_worker_rejected_total", "reason" => reason.to_owned()).increment(1);
}
