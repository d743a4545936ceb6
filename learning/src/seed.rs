//! One seed an experiment, and named streams of it: who draws what, and in which order, changes nothing elsewhere.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The seed of an experiment. All randomness that reaches a result is a stream of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream called `name`, the same in every process that holds this seed.
    #[must_use]
    pub fn stream(self, name: &str) -> ChaCha8Rng {
        self.stream_of(name, 0)
    }

    /// The stream called `name` of the worker (or round) numbered `index`.
    #[must_use]
    pub fn stream_of(self, name: &str, index: u32) -> ChaCha8Rng {
        let mut stream = ChaCha8Rng::seed_from_u64(self.0);
        stream.set_stream(fnv1a(name.bytes().chain(index.to_le_bytes())));
        stream
    }
}

/// FNV-1a, 64 bits: spreads names over ChaCha's 2⁶⁴ streams, and stays what it is between releases.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng as _;

    #[test]
    fn a_name_or_an_index_makes_another_stream_and_the_same_name_the_same() {
        let first = |name, index| Seed(7).stream_of(name, index).next_u64();
        assert_eq!(first("partition", 1), first("partition", 1));
        assert_ne!(first("partition", 1), first("partition", 2));
        assert_ne!(first("partition", 1), first("sampling", 1));
        assert_ne!(Seed(7).stream("a").next_u64(), Seed(8).stream("a").next_u64());
    }

    #[test]
    fn streams_stay_what_they_are_between_releases() {
        assert_eq!(fnv1a("a".bytes()), 0xaf63_dc4c_8601_ec8c);
    }
}
