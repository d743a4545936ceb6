//! What can be wrong with data on disk.

use std::path::PathBuf;

/// A data set could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The name is neither a known data set nor a file.
    #[error(
        "unknown data set `{0}`, expected `digits`, `mnist`, `fashion-mnist` or the path of an .npz or .csv file"
    )]
    Unknown(String),
    /// The data set has to be fetched first.
    #[error("data set `{name}` is not in {}", .folder.display())]
    NotFetched {
        /// `mnist` or `fashion-mnist`
        name: &'static str,
        /// Where it was looked for
        folder: PathBuf,
    },
    /// No folder was named to look for the data set.
    #[error("data set `{0}` needs a data folder, and none was given")]
    NoFolder(&'static str),
    /// The operating system refused.
    #[error("cannot read {}", .path.display())]
    Io {
        /// The file
        path: PathBuf,
        /// Why
        source: std::io::Error,
    },
    /// The operating system refused.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file
        path: PathBuf,
        /// Why
        source: std::io::Error,
    },
    /// A compressed file ends early or was changed.
    #[error("{} is not a whole gzip file", .path.display())]
    Corrupt {
        /// The file
        path: PathBuf,
        /// What the decompressor met
        source: std::io::Error,
    },
    /// The first bytes are not those of an IDX file of bytes with so many dimensions.
    #[error("{} does not start like an IDX file: magic number {got:#010x}, expected {want:#010x}", .path.display())]
    Magic {
        /// The file
        path: PathBuf,
        /// Its first four bytes
        got: u32,
        /// What they should be
        want: u32,
    },
    /// An IDX file is shorter or longer than its header says.
    #[error("{} holds {got} bytes of data, its header announces {want}", .path.display())]
    Length {
        /// The file
        path: PathBuf,
        /// Bytes after the header
        got: usize,
        /// Bytes the header announces
        want: usize,
    },
    /// A label is not a class.
    #[error("{}: label {got} in row {row}, expected at most {largest}", .path.display())]
    Label {
        /// The file
        path: PathBuf,
        /// Row, counted from 0
        row: usize,
        /// The label
        got: i64,
        /// The largest allowed
        largest: i64,
    },
    /// Two parts of a data set have different numbers of rows.
    #[error("{} has {got} rows, {want} were expected", .path.display())]
    Rows {
        /// The file
        path: PathBuf,
        /// Rows found
        got: usize,
        /// Rows expected
        want: usize,
    },
    /// An array is missing from an npz file, or has a shape or type that cannot be used.
    #[error("{}: array `{array}` {problem}", .path.display())]
    Array {
        /// The file
        path: PathBuf,
        /// Name of the array
        array: &'static str,
        /// What is wrong with it
        problem: String,
    },
    /// A number is NaN or infinite.
    #[error("{}: {value} in row {row}, column {column} of `{array}`, expected a finite number", .path.display())]
    NonFinite {
        /// The file
        path: PathBuf,
        /// Name of the array
        array: &'static str,
        /// Row, counted from 0
        row: usize,
        /// Column, counted from 0
        column: usize,
        /// The number
        value: f64,
    },
    /// A CSV file has a field that is no number, or rows of different length.
    #[error("{}, line {line}: {problem}", .path.display())]
    Csv {
        /// The file
        path: PathBuf,
        /// Line, counted from 1
        line: u64,
        /// What is wrong
        problem: String,
    },
}
