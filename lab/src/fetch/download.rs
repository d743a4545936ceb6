//! One file from a mirror, resumed where an earlier attempt was cut, and checked.

use std::{
    fs::{self, File},
    io::{self, Read, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use ureq::{Agent, http::StatusCode};

use super::{PinnedFile, Set};

/// Longest time to connect, and to wait for an answer to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest time for one answer; what arrived until then is kept and the rest asked for.
const BODY: Duration = Duration::from_secs(600);
/// Attempts in a row that bring nothing before a mirror is given up.
const FRUITLESS_MAX: u32 = 2;

/// What there is to say of a file in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// It was there, with the right contents.
    Cached,
    /// It came from a mirror: so many bytes of it now, the rest earlier.
    Downloaded(u64),
}

/// A file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A mirror did not give it, or not all of it.
    #[error("cannot fetch {url}: {why}")]
    Transfer {
        /// What was asked for
        url: String,
        /// What the network or the mirror said
        why: String,
    },
    /// A mirror gave something else.
    #[error("{url} holds something else: SHA-256 of the contents {got}, expected {want}")]
    Contents {
        /// What was asked for
        url: String,
        /// What arrived; or why it has no checksum
        got: String,
        /// What is pinned
        want: String,
    },
    /// The folder cannot be written to.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file
        path: PathBuf,
        /// Why
        source: io::Error,
    },
}

/// Downloads, by way of the proxy that `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` names, unless `NO_PROXY` does.
#[derive(Debug, Clone)]
pub struct Fetcher(Agent);

impl Default for Fetcher {
    fn default() -> Self {
        let config = Agent::config_builder()
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_recv_body(Some(BODY))
            .http_status_as_error(false)
            .build();
        Self(config.into())
    }
}

impl Fetcher {
    /// Sees to it that `file` of `set` is in `folder`, from the first mirror that has it.
    ///
    /// # Errors
    /// When no mirror gives it, with what the last one said; what arrived of it is kept, unless it is wrong.
    ///
    /// # Panics
    /// When the set has no mirror.
    pub fn fetch(&self, set: &Set, file: &PinnedFile, folder: &Path) -> Result<Fetched, FetchError> {
        let path = folder.join(file.name);
        if has_contents(&path, file) || has_contents(&path.with_extension(""), file) {
            return Ok(Fetched::Cached);
        }
        let refused = |source| FetchError::Write { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(refused)?;
        let part = folder.join(format!("{}.part", file.name));
        let mut failure = None;
        for mirror in &set.mirrors {
            let url = format!("{}/{}", mirror.trim_end_matches('/'), file.name);
            match self.from(&url, &part, file) {
                Ok(bytes) => {
                    fs::rename(&part, &path).map_err(refused)?;
                    return Ok(Fetched::Downloaded(bytes));
                }
                Err(refusal @ FetchError::Write { .. }) => return Err(refusal),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.expect("a set has mirrors"))
    }

    /// All of `file` into `part`; answers the bytes that arrived now.
    fn from(&self, url: &str, part: &Path, file: &PinnedFile) -> Result<u64, FetchError> {
        let mut arrived = 0;
        let mut fruitless = 0;
        loop {
            let resumed = length(part) > 0;
            let error = match self.attempt(url, part, file, &mut arrived) {
                Ok(()) => match checked(part, file) {
                    Ok(()) => return Ok(arrived),
                    Err(got) => {
                        fs::remove_file(part)
                            .map_err(|source| FetchError::Write { path: part.to_owned(), source })?;
                        // Pieces of two mirrors or of two versions need not fit: once more, from the start.
                        if resumed {
                            continue;
                        }
                        return Err(FetchError::Contents {
                            url: url.to_owned(),
                            got,
                            want: file.sha256.clone(),
                        });
                    }
                },
                Err(Stopped::Unwritable(source)) => {
                    return Err(FetchError::Write { path: part.to_owned(), source });
                }
                Err(Stopped::Refused(why)) => {
                    return Err(FetchError::Transfer { url: url.to_owned(), why });
                }
                Err(Stopped::Cut { why, gained }) => {
                    fruitless = if gained > 0 { 0 } else { fruitless + 1 };
                    FetchError::Transfer { url: url.to_owned(), why }
                }
            };
            if fruitless >= FRUITLESS_MAX {
                return Err(error);
            }
        }
    }

    /// Asks for what is missing in `part`.
    fn attempt(&self, url: &str, part: &Path, file: &PinnedFile, arrived: &mut u64) -> Result<(), Stopped> {
        let have = length(part);
        let cut = |why: String| Stopped::Cut { why, gained: 0 };
        let mut request = self.0.get(url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let mut response = request.call().map_err(|error| cut(error.to_string()))?;
        let append = match response.status() {
            StatusCode::OK => false,
            StatusCode::PARTIAL_CONTENT => have > 0,
            // All of it is here, or more than all.
            StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => return Ok(()),
            status if status.is_server_error() => return Err(cut(status.to_string())),
            status => return Err(Stopped::Refused(status.to_string())),
        };
        let opened = File::options().create(true).write(true).append(append).truncate(!append).open(part);
        let mut out = opened.map_err(Stopped::Unwritable)?;
        // Compressed twice over, nothing that is right is longer than its contents and a little.
        let longest = file.bytes + file.bytes / 64 + 4096;
        let mut body = response.body_mut().with_config().limit(longest).reader();
        let (mut buffer, mut gained) = (vec![0; 1 << 16], 0);
        loop {
            match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => {
                    out.write_all(&buffer[..length]).map_err(Stopped::Unwritable)?;
                    gained += length as u64;
                    *arrived += length as u64;
                }
                Err(error) => return Err(Stopped::Cut { why: error.to_string(), gained }),
            }
        }
    }
}

/// Why an attempt ended early.
enum Stopped {
    /// The connection: another attempt may bring more.
    Cut { why: String, gained: u64 },
    /// The mirror does not have it.
    Refused(String),
    /// The disk.
    Unwritable(io::Error),
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn has_contents(path: &Path, file: &PinnedFile) -> bool {
    path.is_file() && checked(path, file).is_ok()
}

/// Whether the contents are those pinned, or what they are instead.
fn checked(path: &Path, file: &PinnedFile) -> Result<(), String> {
    let unreadable = |error: io::Error| format!("none, {error}");
    let mut start = [0; 2];
    let mut opened = File::open(path).map_err(unreadable)?;
    let compressed = opened.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
    let opened = File::open(path).map_err(unreadable)?;
    // A byte more than there should be is enough to tell, however much it would expand to.
    let got = if compressed {
        digest(MultiGzDecoder::new(opened).take(file.bytes + 1))
    } else {
        digest(opened.take(file.bytes + 1))
    };
    match got {
        Ok(got) if got == file.sha256 => Ok(()),
        Ok(got) => Err(got),
        Err(error) => Err(unreadable(error)),
    }
}

fn digest(mut contents: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match contents.read(&mut buffer)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    let nibble = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    Ok(hash.finalize().iter().flat_map(|byte| [nibble(byte >> 4), nibble(byte & 15)]).collect())
}

#[cfg(test)]
mod tests;
