//! What goes wrong with the network and the processes, and when.

use std::{fmt, time::Duration};

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trouble {
    /// Nothing passes between the server and this place.
    Partition(u32),
    /// The server hears nothing of this place.
    Mute(u32),
    /// This place hears nothing of the server.
    Deaf(u32),
    /// What is between the two stays on its way until this is over, and then arrives at once.
    Hold(u32),
    /// Messages between the two take up to so long.
    Slow(u32, Duration),
    /// Messages are lost with this probability; the first that is lost breaks the line for a while.
    Drop(u32, f64),
    /// Every connection of this place breaks.
    Break(u32),
    /// The process at this place is killed.
    Kill(u32),
    /// The server is killed.
    KillServer,
}

/// Something that goes wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worry {
    /// From then on.
    pub from: Duration,
    /// Until then.
    pub to: Duration,
    /// What.
    pub trouble: Trouble,
}

impl Worry {
    fn overlaps(&self, other: &Self) -> bool {
        let same = self.trouble.place() == other.trouble.place();
        same && self.from <= other.to && other.from <= self.to
    }
}

impl Trouble {
    /// Whose it is; none for the server's own.
    #[must_use]
    pub const fn place(self) -> Option<u32> {
        match self {
            Self::Partition(rank)
            | Self::Mute(rank)
            | Self::Deaf(rank)
            | Self::Hold(rank)
            | Self::Slow(rank, _)
            | Self::Drop(rank, _)
            | Self::Break(rank)
            | Self::Kill(rank) => Some(rank),
            Self::KillServer => None,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partition(rank) => write!(f, "worker {rank} is cut off"),
            Self::Mute(rank) => write!(f, "worker {rank} is not heard"),
            Self::Deaf(rank) => write!(f, "worker {rank} hears nothing"),
            Self::Hold(rank) => write!(f, "what is between the server and worker {rank} is held"),
            Self::Slow(rank, most) => write!(f, "worker {rank} is up to {} ms away", most.as_millis()),
            Self::Drop(rank, probability) => write!(f, "worker {rank} loses messages, {probability:.3}"),
            Self::Break(rank) => write!(f, "the connections of worker {rank} break"),
            Self::Kill(rank) => write!(f, "worker {rank} is killed"),
            Self::KillServer => f.write_str("the server is killed"),
        }
    }
}

/// Draws what goes wrong before `calm_at` among so many places.
pub(super) fn draw(places: usize, calm_at: Duration, stream: &mut ChaCha8Rng) -> Vec<Worry> {
    let mut worries: Vec<Worry> = Vec::new();
    for _ in 0..stream.random_range(2..14) {
        let from = Duration::from_millis(stream.random_range(100..calm_at.as_millis() as u64));
        let most = stream.random_range(50..2_500);
        let to = (from + Duration::from_millis(most)).min(calm_at);
        let rank = stream.random_range(0..places as u32);
        let trouble = match stream.random_range(0..10) {
            0 => Trouble::Partition(rank),
            1 => Trouble::Mute(rank),
            2 => Trouble::Deaf(rank),
            3 => Trouble::Hold(rank),
            4 => Trouble::Slow(rank, Duration::from_millis(stream.random_range(100..600))),
            5 => Trouble::Drop(rank, stream.random_range(0.002..0.05)),
            6 => Trouble::Break(rank),
            7 => Trouble::Kill(rank),
            _ => Trouble::KillServer,
        };
        let worry = Worry { from, to, trouble };
        if worries.iter().all(|other| !other.overlaps(&worry)) {
            worries.push(worry);
        }
    }
    worries.sort_by_key(|worry| worry.from);
    worries
}
