//! How many files and sockets this process may have open.

use std::sync::OnceLock;

/// Files and sockets that are not workers' connections: logs, listeners, connections of strangers.
const OTHERS: u64 = 128;

/// What to do about too few.
pub const HINT: &str = "`ulimit -Hn` says how many there can be; the system's administrator can allow more";

static LIMIT: OnceLock<u64> = OnceLock::new();

/// Allows as many as the system lets this process have.
pub fn raise() {
    // Where the limit cannot be read or raised, running out of it is what tells.
    if let Ok(limit) = rlimit::increase_nofile_limit(u64::MAX) {
        let _ = LIMIT.set(limit);
    }
}

/// What is wrong if so many workers cannot all be connected.
#[must_use]
pub fn too_few(workers: usize) -> Option<String> {
    let (have, need) = (*LIMIT.get()?, workers as u64 + OTHERS);
    (have < need)
        .then(|| format!("{workers} workers take some {need} open files, and this process may have {have}"))
}
