//! Who answers when, where no clock says so: an asynchronous run in one process.
//!
//! Every answer takes the time 1 / (1 − u), u uniform in [0, 15/16) from stream "arrivals" of the seed: half of them take less than
//! 1.9 times what the fastest takes, one in fifteen more than eight times, none more than sixteen.

use std::collections::BTreeMap;

use learning::Seed;
use rand::Rng as _;
use round::{Event, Rank};

/// Answers that are under way.
#[derive(Debug)]
pub(super) struct Arrivals {
    seed: Seed,
    now: f64,
    begun: u32,
    /// By the time of arrival: the bits of positive numbers are in their order.
    under_way: BTreeMap<(u64, Rank), Event>,
}

impl Arrivals {
    pub(super) const fn new(seed: Seed) -> Self {
        Self { seed, now: 0.0, begun: 0, under_way: BTreeMap::new() }
    }

    /// An answer is begun.
    pub(super) fn begin(&mut self, rank: Rank, answer: Event) {
        self.begun += 1;
        let fraction =
            f64::from(self.seed.stream_of("arrivals", self.begun).next_u32()) / (1_u64 << 32) as f64;
        let arrival = self.now + 1.0 / (1.0 - fraction * 15.0 / 16.0);
        self.under_way.insert((arrival.to_bits(), rank), answer);
    }

    /// The next answer that arrives.
    pub(super) fn next(&mut self) -> Option<Event> {
        let ((arrival, _), answer) = self.under_way.pop_first()?;
        self.now = f64::from_bits(arrival);
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_arrive_in_an_order_that_the_seed_decides() {
        let order = |seed| {
            let mut arrivals = Arrivals::new(Seed(seed));
            (0..8).map(Rank).for_each(|rank| arrivals.begin(rank, Event::Left(rank)));
            let order: Vec<Event> = std::iter::from_fn(|| arrivals.next()).collect();
            assert_eq!(order.len(), 8);
            assert!((1.0..=16.0).contains(&arrivals.now), "{}", arrivals.now);
            order
        };
        assert_eq!(order(4), order(4));
        assert_ne!(order(4), order(5));
        assert_ne!(order(4), (0..8).map(|rank| Event::Left(Rank(rank))).collect::<Vec<_>>());
    }
}
