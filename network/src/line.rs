//! A worker's line to the server with the faults that a scenario gives it, round by round.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{self, DuplexStream},
    sync::watch,
    time::{self, Instant},
};

use crate::{Dialer, Entry, Fault, Network, Socket, wire};

/// The faults of one worker's connections. What is drawn is a function of its name and the round, so that nothing depends
/// on how the bytes happen to be cut.
#[derive(Clone)]
pub struct Line(Arc<Inner>);

/// The number in [0, 1) that has a name, for a round.
type Draw = Box<dyn Fn(&str, u32) -> f64 + Send + Sync>;

struct Inner {
    rank: u32,
    /// With their numbers in the scenario, which name what is drawn for them.
    faults: Vec<(usize, Entry)>,
    draw: Draw,
    round: watch::Sender<u32>,
    /// The latest round in which the connection was broken.
    broken: AtomicU32,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the server.
    Up,
    /// To the worker.
    Down,
}

impl Line {
    /// The line of the worker with this rank where so many are honest; `None` if nothing is ever wrong with it.
    /// `draw` answers the number in [0, 1) that has this name, for a round.
    #[must_use]
    pub fn new(
        network: &Network,
        rank: u32,
        honest: usize,
        draw: impl Fn(&str, u32) -> f64 + Send + Sync + 'static,
    ) -> Option<Self> {
        let mine =
            network.faults.iter().cloned().enumerate().filter(|(_, entry)| entry.strikes(rank, honest));
        let faults: Vec<(usize, Entry)> = mine.collect();
        (!faults.is_empty()).then(|| {
            Self(Arc::new(Inner {
                rank,
                faults,
                draw: Box::new(draw),
                round: watch::Sender::new(0),
                broken: AtomicU32::new(0),
            }))
        })
    }

    /// The latest round that is known to have opened.
    pub fn opened(&self, round: u32) {
        self.0.round.send_replace(round);
    }

    /// Whether nothing comes through now, and after which round something will again.
    #[must_use]
    pub fn cut(&self) -> Option<u32> {
        self.cut_in(*self.0.round.borrow())
    }

    /// Waits until bytes come through.
    pub async fn whole(&self) {
        // The sender lives as long as the line.
        let _ = self.0.round.subscribe().wait_for(|round| self.cut_in(*round).is_none()).await;
    }

    /// Makes connections that have the faults.
    #[must_use]
    pub fn dialer(&self, plain: &Dialer) -> Dialer {
        let (line, plain) = (self.clone(), plain.clone());
        Dialer::new(move |uri| {
            let (line, plain) = (line.clone(), plain.clone());
            async move {
                line.whole().await;
                let socket = plain.dial(uri).await?;
                Ok::<_, io::Error>(line.spoil(socket))
            }
        })
    }

    /// A connection that has the faults, around one that has none.
    pub fn spoil<S: Socket>(&self, socket: S) -> DuplexStream {
        wire::around(socket, self.clone())
    }

    fn active(&self, round: u32) -> impl Iterator<Item = (usize, Fault)> {
        let active =
            self.0.faults.iter().filter(move |(_, entry)| entry.rounds.range().contains(&round.max(1)));
        active.map(|(number, entry)| (*number, entry.fault))
    }

    fn cut_in(&self, round: u32) -> Option<u32> {
        let cut = |(_, entry): &&(usize, Entry)| {
            // Nobody is cut off before the first round: it has to have joined.
            entry.fault == Fault::Partition {} && entry.rounds.range().contains(&round)
        };
        self.0.faults.iter().filter(cut).map(|(_, entry)| *entry.rounds.range().end()).max()
    }

    fn draw(&self, number: usize, what: &str, round: u32) -> f64 {
        (self.0.draw)(&format!("network {number} {what} of {}", self.0.rank), round)
    }

    /// How long bytes take that set out now.
    pub(crate) fn delay(&self, way: Way) -> Duration {
        let round = *self.0.round.borrow();
        let name = match way {
            Way::Up => "up",
            Way::Down => "down",
        };
        let one = |(number, fault)| match fault {
            Fault::Delay { time, jitter } => Some(time + jitter.mul_f64(self.draw(number, name, round))),
            _ => None,
        };
        self.active(round).filter_map(one).sum()
    }

    /// How long so many bytes keep the others waiting.
    pub(crate) fn occupied(&self, bytes: usize) -> Duration {
        let one = |(_, fault)| match fault {
            Fault::Bandwidth { bytes_per_second } => {
                Some(Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64))
            }
            _ => None,
        };
        self.active(*self.0.round.borrow()).filter_map(one).max().unwrap_or_default()
    }

    /// Whether the connection has to break here; once a round at most.
    pub(crate) fn breaks(&self) -> bool {
        let round = *self.0.round.borrow();
        let strikes = |(number, fault)| match fault {
            Fault::Reset { probability } => self.draw(number, "reset", round) < probability,
            _ => false,
        };
        round > 0 && self.active(round).any(strikes) && self.0.broken.swap(round, Ordering::Relaxed) != round
    }

    /// Waits until bytes are due and come through.
    pub(crate) async fn pass(&self, due: Instant) {
        time::sleep_until(due).await;
        self.whole().await;
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("rank", &self.0.rank)
            .field("faults", &self.0.faults)
            .finish_non_exhaustive()
    }
}
