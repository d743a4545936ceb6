//! Files that a process leaves for the one that goes on in its place: the server's checkpoint, a worker's state.
//!
//! ```text
//! 8 bytes   what it is
//! u32 LE    version of the format
//! u32 LE    CRC-32C of the body
//! u64 LE    length of the body
//! body      as whoever wrote it likes
//! ```
//!
//! A file replaces the one before by a rename, after its bytes are on the disk: whenever the machine stops there is a whole
//! one.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

const HEADER: usize = 24;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The first bytes of every such file.
    pub magic: [u8; 8],
    /// Version of what is in it.
    pub version: u32,
    /// A noun for people.
    pub noun: &'static str,
}

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// It cannot be read.
    #[error("cannot read the {noun} {}", .file.display())]
    Read {
        /// What it should be
        noun: &'static str,
        /// The file
        file: PathBuf,
        /// Why
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the {noun} {}", .file.display())]
    Write {
        /// What it should be
        noun: &'static str,
        /// The file
        file: PathBuf,
        /// Why
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("{} is no {noun} of equipoise", .file.display())]
    Foreign {
        /// What it should be
        noun: &'static str,
        /// The file
        file: PathBuf,
    },
    /// It is of a later program.
    #[error("{} is a {noun} of format {got}, this program reads format {want}", .file.display())]
    Newer {
        /// What it is
        noun: &'static str,
        /// The file
        file: PathBuf,
        /// Its format
        got: u32,
        /// Ours
        want: u32,
    },
    /// It is not what was written.
    #[error("the {noun} {} is damaged: {what}", .file.display())]
    Damaged {
        /// What it should be
        noun: &'static str,
        /// The file
        file: PathBuf,
        /// What does not fit
        what: &'static str,
    },
}

impl Kind {
    /// Puts `body` into `file` so that there is a whole one at any time.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn save(&self, file: &Path, body: &[u8]) -> Result<(), EnvelopeError> {
        let mut beside = file.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let write = || {
            let mut new = File::create(&beside)?;
            new.write_all(&self.header(body))?;
            new.write_all(body)?;
            new.sync_all()?;
            fs::rename(&beside, file)?;
            // The name is on the disk only when its folder is.
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|source| EnvelopeError::Write { noun: self.noun, file: file.to_owned(), source })
    }

    /// The body of what [`Self::save`] wrote.
    ///
    /// # Errors
    /// When it cannot be read, or is foreign, newer or damaged.
    pub fn load(&self, file: &Path) -> Result<Vec<u8>, EnvelopeError> {
        let (noun, path) = (self.noun, || file.to_owned());
        let mut bytes =
            fs::read(file).map_err(|source| EnvelopeError::Read { noun, file: path(), source })?;
        let Some(rest) = bytes.strip_prefix(&self.magic) else {
            return Err(EnvelopeError::Foreign { noun, file: path() });
        };
        let Some((header, body)) = rest.split_at_checked(HEADER - self.magic.len()) else {
            return Err(self.damaged(file, "it ends early"));
        };
        let number =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (got, checksum) = (number(0), number(4));
        if got != self.version {
            return Err(EnvelopeError::Newer { noun, file: path(), got, want: self.version });
        }
        let length = u64::from(number(8)) | u64::from(number(12)) << 32;
        if length != body.len() as u64 {
            return Err(self.damaged(file, "its length is not the announced one"));
        }
        if crc32c::crc32c(body) != checksum {
            return Err(self.damaged(file, "its checksum does not fit"));
        }
        bytes.drain(..HEADER);
        Ok(bytes)
    }

    /// `file` is not what was written, for a reason that only whoever reads its body can see.
    #[must_use]
    pub fn damaged(&self, file: &Path, what: &'static str) -> EnvelopeError {
        EnvelopeError::Damaged { noun: self.noun, file: file.to_owned(), what }
    }

    fn header(&self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(&self.magic);
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(body).to_le_bytes());
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const KIND: Kind = Kind { magic: *b"EQUIPTST", version: 1, noun: "letter" };

    #[test]
    fn what_was_saved_is_loaded_and_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("letter");
        for body in [&b"first"[..], b"", b"a longer one"] {
            KIND.save(&file, body).unwrap();
            assert_eq!(KIND.load(&file).unwrap(), body);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    /// One good file, one change a row, and what has to be said of it.
    #[test]
    fn what_is_none_is_refused_in_words() {
        type Change = fn(&mut Vec<u8>);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("letter");
        let changes: [(&str, Change); 8] = [
            ("no letter of equipoise", |bytes| bytes[0] = b'P'),
            ("no letter of equipoise", Vec::clear),
            ("format 2, this program reads format 1", |bytes| bytes[8] = 2),
            ("damaged: it ends early", |bytes| bytes.truncate(20)),
            ("damaged: its length is not the announced one", |bytes| bytes.truncate(bytes.len() - 1)),
            ("damaged: its length is not the announced one", |bytes| bytes.push(0)),
            ("damaged: its checksum does not fit", |bytes| bytes[30] ^= 1),
            ("damaged: its checksum does not fit", |bytes| bytes[12] ^= 1),
        ];
        for (expected, change) in changes {
            KIND.save(&file, b"what is in it").unwrap();
            let mut bytes = fs::read(&file).unwrap();
            change(&mut bytes);
            fs::write(&file, bytes).unwrap();
            let message = KIND.load(&file).unwrap_err().to_string();
            assert!(message.contains(expected), "{message:?} does not say {expected:?}");
        }
        let message = KIND.load(&folder.path().join("gone")).unwrap_err().to_string();
        assert!(message.contains("cannot read the letter"), "{message}");
    }
}
