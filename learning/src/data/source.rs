//! A data set by its name in a scenario.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{DataError, Dataset, digits, idx, load_table};

/// Where the rows of a task come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The embedded handwritten digits.
    Digits,
    /// Handwritten digits, 28 x 28, 60,000 + 10,000.
    Mnist,
    /// Articles of clothing, 28 x 28, 60,000 + 10,000.
    FashionMnist,
    /// A file: `.npz` with `x` and `y`, or `.csv` with the target last. It is both training and test data.
    File(PathBuf),
}

impl Source {
    /// Rows to learn from; `folder` holds the sets that are not embedded, one folder each.
    ///
    /// # Errors
    /// When a file is missing or is not what it should be.
    pub fn train(&self, folder: Option<&Path>) -> Result<Dataset, DataError> {
        match self {
            Self::Digits => Ok(digits::load().0.clone()),
            Self::Mnist => load_idx("mnist", "train", folder),
            Self::FashionMnist => load_idx("fashion-mnist", "train", folder),
            Self::File(path) => load_table(path),
        }
    }

    /// Rows to be judged by.
    ///
    /// # Errors
    /// When a file is missing or is not what it should be.
    pub fn test(&self, folder: Option<&Path>) -> Result<Dataset, DataError> {
        match self {
            Self::Digits => Ok(digits::load().1.clone()),
            Self::Mnist => load_idx("mnist", "t10k", folder),
            Self::FashionMnist => load_idx("fashion-mnist", "t10k", folder),
            Self::File(path) => load_table(path),
        }
    }

    /// Width of an input and number of outputs, without reading more than it takes.
    ///
    /// # Errors
    /// When it takes a file and that cannot be read.
    pub fn shape(&self) -> Result<(usize, usize), DataError> {
        match self {
            Self::Digits => Ok((64, 10)),
            Self::Mnist | Self::FashionMnist => Ok((784, 10)),
            Self::File(path) => load_table(path).map(|data| (data.inputs.width(), data.targets.outputs())),
        }
    }
}

fn load_idx(name: &'static str, part: &str, folder: Option<&Path>) -> Result<Dataset, DataError> {
    let folder = folder.ok_or(DataError::NoFolder(name))?.join(name);
    let find = |suffix: &str| {
        idx::find(&folder, &format!("{part}-{suffix}"))
            .ok_or_else(|| DataError::NotFetched { name, folder: folder.clone() })
    };
    idx::load(&find("images-idx3-ubyte")?, &find("labels-idx1-ubyte")?)
}

impl FromStr for Source {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        match text {
            "digits" => Ok(Self::Digits),
            "mnist" => Ok(Self::Mnist),
            "fashion-mnist" => Ok(Self::FashionMnist),
            _ if Path::new(text).extension().is_some() => Ok(Self::File(text.into())),
            _ => Err(DataError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits => f.write_str("digits"),
            Self::Mnist => f.write_str("mnist"),
            Self::FashionMnist => f.write_str("fashion-mnist"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_are_told_the_known() {
        for name in ["digits", "mnist", "fashion-mnist", "some/file.npz"] {
            assert_eq!(name.parse::<Source>().unwrap().to_string(), name);
        }
        let error = "minst".parse::<Source>().unwrap_err().to_string();
        assert!(error.contains("`minst`") && error.contains("`mnist`"), "{error}");
    }

    #[test]
    fn a_set_that_was_not_fetched_says_where_it_was_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let error = Source::Mnist.train(Some(folder.path())).unwrap_err();
        assert!(matches!(error, DataError::NotFetched { name: "mnist", .. }), "{error}");
    }
}
