//! Data sets that are too large to embed: from a mirror into the data folder, checked before anybody reads them.
//!
//! What is pinned is the SHA-256 of a file's contents, not of its compressed form: mirrors compress the same bytes in
//! different ways. A download that was cut is taken up where it ended; one with other contents leaves nothing behind.

mod catalogue;
mod download;
mod folder;

pub use catalogue::{PinnedFile, Set, set};
pub use download::{FetchError, Fetched, Fetcher};
pub use folder::default_folder;
