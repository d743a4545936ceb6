//! How many signs of life a session may still give: two for each that it owes, and some to spare.

use std::time::Duration;

use proto::limits::{HEARTBEATS_SPARE, PAUSE_MAX};
use tokio::time::Instant;

/// What is left to a session.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// Signs a second that it may give.
    rate: f64,
    left: f64,
    since: Instant,
}

impl Pulse {
    /// A session that begins now and owes a sign every `heartbeat`.
    pub(crate) fn new(heartbeat: Duration) -> Self {
        Self { rate: 2.0 / heartbeat.as_secs_f64(), left: f64::from(HEARTBEATS_SPARE), since: Instant::now() }
    }

    /// Takes a sign and answers whether it was one too many.
    pub(crate) fn is_flood(&mut self) -> bool {
        let now = Instant::now();
        let earned = self.rate * (now - std::mem::replace(&mut self.since, now)).as_secs_f64();
        let most = f64::from(HEARTBEATS_SPARE) + self.rate * PAUSE_MAX.as_secs_f64();
        self.left = (self.left + earned).min(most) - 1.0;
        self.left < 0.0
    }
}

#[cfg(test)]
mod tests {
    use tokio::time;

    use super::*;

    /// How many signs at once are taken.
    fn taken(pulse: &mut Pulse) -> u32 {
        (0..u32::MAX).find(|_| pulse.is_flood()).unwrap_or(u32::MAX)
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_makes_many_come_at_once_and_a_flood_is_told_from_it() {
        let heartbeat = Duration::from_millis(100);
        let mut pulse = Pulse::new(heartbeat);
        for _ in 0..10_000 {
            time::advance(heartbeat).await;
            assert!(!pulse.is_flood());
        }
        time::advance(PAUSE_MAX).await;
        assert!((0..600).all(|_| !pulse.is_flood()), "those of the pause");
        let most = HEARTBEATS_SPARE + 2 * 600;
        assert_eq!(taken(&mut pulse), most - 600, "however long it was quiet");
        time::advance(heartbeat).await;
        assert!(taken(&mut pulse) <= 2);
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_start_there_are_some_to_spare() {
        assert_eq!(taken(&mut Pulse::new(Duration::from_secs(5))), HEARTBEATS_SPARE);
    }
}
