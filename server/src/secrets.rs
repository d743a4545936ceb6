//! Where a server's secrets come from: the operating system, or a seed when the whole network is simulated.

/// A source of secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Secrets {
    /// The operating system's.
    #[default]
    System,
    /// Anybody can guess them: for simulated networks, in which everything has to be the same twice.
    Guessable(u64),
}

impl Secrets {
    /// Sixteen bytes that were not given before.
    ///
    /// # Errors
    /// When the operating system has none.
    pub(crate) fn draw(&mut self) -> Result<[u8; 16], getrandom::Error> {
        match self {
            Self::System => {
                let mut secret = [0; 16];
                getrandom::fill(&mut secret)?;
                Ok(secret)
            }
            Self::Guessable(state) => {
                let mut next = || {
                    // SplitMix64: every seed has its own sequence.
                    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                    u128::from(mixed ^ (mixed >> 31))
                };
                Ok((next() << 64 | next()).to_be_bytes())
            }
        }
    }
}
