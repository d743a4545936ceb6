//! What attacks cost: the rounds, followed like any observer could.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use proto::v1::{ObserveRequest, observation::Message};
use serde::Serialize;
use tokio::{task::JoinHandle, time::Instant};

use super::{AbuseError, Target};

/// Follows the rounds of a server while it lives.
#[derive(Debug)]
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    round: u32,
    rounds: u32,
    skipped: u32,
    last: Instant,
    longest: Duration,
}

/// A moment to compare with.
#[derive(Debug)]
pub struct Mark(Seen);

/// What became of the rounds while an attack went on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// Rounds that closed.
    pub rounds: u32,
    /// Rounds among them that were skipped.
    pub skipped: u32,
    /// The longest time without a round's end, in seconds.
    pub longest_seconds: f64,
}

impl Watch {
    /// Starts to follow.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn start(target: &Target) -> Result<Self, AbuseError> {
        let no_place = |status| AbuseError::NoPlace(Box::new(status));
        let request = target.signed(ObserveRequest { every_model: false, reports_only: true });
        let mut stream = target.client().await?.observe(request).await.map_err(no_place)?.into_inner();
        let now = Seen { round: 0, rounds: 0, skipped: 0, last: Instant::now(), longest: Duration::ZERO };
        let seen = Arc::new(Mutex::new(now));
        let noted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok(Some(observation)) = stream.message().await {
                let Some(Message::Report(report)) = observation.message else { continue };
                let mut seen = noted.lock().unwrap_or_else(PoisonError::into_inner);
                // Of a run that was there before us, only what we see counts.
                seen.rounds += if seen.round == 0 { 1 } else { report.round - seen.round };
                seen.round = report.round;
                seen.skipped += u32::from(!report.skipped.is_empty());
                seen.longest = seen.longest.max(seen.last.elapsed());
                seen.last = Instant::now();
            }
        });
        Ok(Self { seen, task })
    }

    /// Remembers how things stand.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.longest, seen.last) = (Duration::ZERO, Instant::now());
        Mark(*seen)
    }

    /// What became of the rounds since.
    #[must_use]
    pub fn since(&self, mark: &Mark) -> Cost {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Cost {
            rounds: seen.rounds - mark.0.rounds,
            skipped: seen.skipped - mark.0.skipped,
            longest_seconds: seen.longest.max(seen.last.elapsed()).as_secs_f64(),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
