//! Which of the keys of a folder a worker comes with when it is not told its rank: one that nobody else on the machine holds.
//!
//! Replicas of a container do not know which they are. The first to lock a key's file has it, for as long as it lives.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use crate::failure::Failure;

/// A name that is ours.
#[derive(Debug)]
pub(crate) struct Own {
    /// The name, `worker-3`.
    pub(crate) name: String,
    /// Held, not read.
    _lock: File,
}

impl Own {
    /// The free name with the lowest number, or the `highest`.
    pub(crate) fn claim(folder: &Path, highest: bool) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| {
            Failure::wrong(format!("cannot read {}: {error}", folder.display()))
                .hint("in a file of keys, --rank says which are ours")
        };
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("worker-")?.strip_suffix(".key"));
            numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        if highest {
            numbers.reverse();
        }
        for number in &numbers {
            let name = format!("worker-{number}");
            let path = folder.join(format!("{name}.key"));
            let file = File::open(&path).map_err(unreadable)?;
            match file.try_lock() {
                Ok(()) => return Ok(Self { name, _lock: file }),
                Err(TryLockError::WouldBlock) => (),
                Err(TryLockError::Error(error)) => {
                    return Err(Failure::because(format!("cannot lock {}: {error}", path.display()))
                        .hint("--rank says whose keys to take"));
                }
            }
        }
        let (there, folder) = (numbers.len(), folder.display());
        Err(Failure::wrong(format!("{folder} has the keys of {there} workers, and all of them are taken"))
            .hint("`equipoise keys init --workers N` makes more"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_holds_what_another_holds_and_a_key_is_free_when_its_holder_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["worker-2.key", "worker-10.key", "worker-2.pem", "server.key"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let claim = |highest| Own::claim(folder.path(), highest);
        let lowest = claim(false).unwrap();
        assert_eq!(lowest.name, "worker-2");
        assert_eq!(claim(true).unwrap().name, "worker-10");
        let other = claim(false).unwrap();
        assert_eq!(other.name, "worker-10");
        assert!(claim(false).unwrap_err().message.contains("all of them are taken"));
        drop(lowest);
        assert_eq!(claim(true).unwrap().name, "worker-2");
    }
}
