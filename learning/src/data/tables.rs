//! Tables and vectors on disk: `.npz` as NumPy writes it, and `.csv` with the target in the last column.

use std::{fs::File, path::Path};

use ndarray::{Array1, Array2, Axis, Ix1, Ix2, OwnedRepr};
use ndarray_npy::{NpzReader, NpzWriter};

use super::{DataError, Dataset, Inputs, Targets, csv};

/// Rows from a file, identical ones merged and counted.
///
/// # Errors
/// When the file cannot be read, or what it holds is no table of finite numbers.
pub fn load_table(path: &Path) -> Result<Dataset, DataError> {
    Ok(load_rows(path)?.merged())
}

/// Rows from a file, in its order: `x` of shape (rows, width), and `y`: whole numbers are classes, a row of reals is a
/// soft label or the values to regress on. `count`, if there is one, says how many identical rows each stands for.
///
/// # Errors
/// When the file cannot be read, or what it holds is no table of finite numbers.
pub fn load_rows(path: &Path) -> Result<Dataset, DataError> {
    if path.extension().is_some_and(|extension| extension == "csv") {
        csv::load(path)
    } else {
        load_npz(path)
    }
}

/// Writes rows as [`load_table`] reads them; where some stand for several, with their `count`.
///
/// # Errors
/// When the file cannot be written.
pub fn save_table(path: &Path, data: &Dataset) -> Result<(), DataError> {
    let inputs: Vec<Vec<f64>> = (0..data.inputs.rows()).map(|row| data.inputs.row(row)).collect();
    let x = Array2::from_shape_fn((inputs.len(), data.inputs.width()), |(row, column)| inputs[row][column]);
    write_npz(path, |npz| {
        npz.add_array("x", &x)?;
        match &data.targets {
            Targets::Classes { labels, .. } => {
                npz.add_array("y", &labels.iter().copied().map(i64::from).collect::<Array1<i64>>())
            }
            Targets::Values(values) => npz.add_array("y", values),
        }?;
        match &data.counts {
            Some(counts) if counts.iter().any(|&count| count != 1) => {
                npz.add_array("count", &counts.iter().copied().map(i64::from).collect::<Array1<i64>>())
            }
            _ => Ok(()),
        }
    })
}

/// A vector from the array `name` of an `.npz` file, of 32- or 64-bit floats.
///
/// # Errors
/// When the file cannot be read or the array is missing, of another type, or not finite.
pub fn load_vector(path: &Path, name: &'static str) -> Result<Vec<f64>, DataError> {
    let mut npz = open_npz(path)?;
    let wrong = |problem| DataError::Array { path: path.to_owned(), array: name, problem };
    if !has(&mut npz, path, name)? {
        return Err(wrong("is missing".to_owned()));
    }
    let values = match npz.by_name::<OwnedRepr<f64>, Ix1>(name) {
        Ok(values) => values,
        Err(_) => match npz.by_name::<OwnedRepr<f32>, Ix1>(name) {
            Ok(values) => values.mapv(f64::from),
            Err(error) => return Err(wrong(format!("is not a vector of floats: {error}"))),
        },
    };
    finite(path, name, &values.clone().insert_axis(Axis(0)))?;
    Ok(values.to_vec())
}

/// Writes named vectors into one `.npz` file.
///
/// # Errors
/// When the file cannot be written.
pub fn save_vector(path: &Path, vectors: &[(&str, &[f64])]) -> Result<(), DataError> {
    write_npz(path, |npz| {
        vectors.iter().try_for_each(|(name, vector)| npz.add_array(*name, &Array1::from(vector.to_vec())))
    })
}

type Npz = NpzReader<File>;

fn open_npz(path: &Path) -> Result<Npz, DataError> {
    let file = File::open(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    NpzReader::new(file).map_err(|error| not_an_npz(path, &error))
}

fn not_an_npz(path: &Path, error: &ndarray_npy::ReadNpzError) -> DataError {
    DataError::Io {
        path: path.to_owned(),
        source: std::io::Error::other(format!("not an npz file: {error}")),
    }
}

fn has(npz: &mut Npz, path: &Path, name: &str) -> Result<bool, DataError> {
    let names = npz.names().map_err(|error| not_an_npz(path, &error))?;
    Ok(names.iter().any(|have| have.trim_end_matches(".npy") == name))
}

fn write_npz(
    path: &Path,
    fill: impl FnOnce(&mut NpzWriter<File>) -> Result<(), ndarray_npy::WriteNpzError>,
) -> Result<(), DataError> {
    let refused = |source| DataError::Write { path: path.to_owned(), source };
    let mut npz = NpzWriter::new_compressed(File::create(path).map_err(refused)?);
    fill(&mut npz)
        .and_then(|()| npz.finish().map(drop))
        .map_err(|error| refused(std::io::Error::other(error.to_string())))
}

fn load_npz(path: &Path) -> Result<Dataset, DataError> {
    let mut npz = open_npz(path)?;
    for array in ["x", "y"] {
        if !has(&mut npz, path, array)? {
            return Err(DataError::Array { path: path.to_owned(), array, problem: "is missing".to_owned() });
        }
    }
    let x = reals(&mut npz, "x").ok_or_else(|| DataError::Array {
        path: path.to_owned(),
        array: "x",
        problem: "is not a table of floats or bytes, shape (rows, width)".to_owned(),
    })?;
    finite(path, "x", &x)?;
    let targets = targets(&mut npz, path)?;
    if targets.rows() != x.nrows() {
        return Err(DataError::Rows { path: path.to_owned(), got: targets.rows(), want: x.nrows() });
    }
    let counts = counts(&mut npz, path, x.nrows())?;
    Ok(Dataset { counts, ..Dataset::new(Inputs::Reals(x), targets) })
}

/// How many identical rows each of `rows` stands for, if the file says so.
fn counts(npz: &mut Npz, path: &Path, rows: usize) -> Result<Option<Vec<u32>>, DataError> {
    const ARRAY: &str = "count";
    if !has(npz, path, ARRAY)? {
        return Ok(None);
    }
    let wrong = |problem| DataError::Array { path: path.to_owned(), array: ARRAY, problem };
    let counts = whole_numbers(npz, ARRAY)
        .ok_or_else(|| wrong("is not a vector of whole numbers, shape (rows,)".to_owned()))?;
    if counts.len() != rows {
        return Err(wrong(format!("has {} numbers, expected one for each of {rows} rows", counts.len())));
    }
    let count = |(row, &count): (usize, &i64)| {
        u32::try_from(count).ok().filter(|&count| count > 0).ok_or_else(|| {
            wrong(format!("says {count} in row {row}, expected a number from 1 to {}", u32::MAX))
        })
    };
    let counts: Vec<u32> = counts.iter().enumerate().map(count).collect::<Result<_, _>>()?;
    let all: u64 = counts.iter().copied().map(u64::from).sum();
    if all > u32::MAX.into() {
        return Err(wrong(format!("says {all} rows in all, expected at most {}", u32::MAX)));
    }
    Ok(Some(counts))
}

/// The vector `name`, whatever whole numbers it holds.
fn whole_numbers(npz: &mut Npz, name: &str) -> Option<Array1<i64>> {
    npz.by_name::<OwnedRepr<i64>, Ix1>(name)
        .or_else(|_| npz.by_name::<OwnedRepr<i32>, Ix1>(name).map(|numbers| numbers.mapv(i64::from)))
        .or_else(|_| npz.by_name::<OwnedRepr<u32>, Ix1>(name).map(|numbers| numbers.mapv(i64::from)))
        .or_else(|_| npz.by_name::<OwnedRepr<u8>, Ix1>(name).map(|numbers| numbers.mapv(i64::from)))
        .ok()
}

/// The table `name` as f64, whatever numbers it holds.
fn reals(npz: &mut Npz, name: &str) -> Option<Array2<f64>> {
    if let Ok(values) = npz.by_name::<OwnedRepr<f64>, Ix2>(name) {
        return Some(values);
    }
    if let Ok(values) = npz.by_name::<OwnedRepr<f32>, Ix2>(name) {
        return Some(values.mapv(f64::from));
    }
    npz.by_name::<OwnedRepr<u8>, Ix2>(name).ok().map(|values| values.mapv(f64::from))
}

fn targets(npz: &mut Npz, path: &Path) -> Result<Targets, DataError> {
    if let Some(values) = reals(npz, "y") {
        finite(path, "y", &values)?;
        return Ok(Targets::Values(values));
    }
    if let Ok(values) = npz.by_name::<OwnedRepr<f64>, Ix1>("y") {
        let values = values.insert_axis(Axis(1));
        finite(path, "y", &values)?;
        return Ok(Targets::Values(values));
    }
    let labels = whole_numbers(npz, "y").ok_or_else(|| DataError::Array {
        path: path.to_owned(),
        array: "y",
        problem: "is neither whole numbers, shape (rows,), nor floats, shape (rows,) or (rows, outputs)"
            .to_owned(),
    })?;
    let largest = labels.iter().copied().max().unwrap_or(0).min(255);
    if let Some(row) = labels.iter().position(|&label| !(0..=largest).contains(&label)) {
        return Err(DataError::Label { path: path.to_owned(), row, got: labels[row], largest: 255 });
    }
    let classes = usize::try_from(largest).unwrap_or(0) + 1;
    Ok(Targets::Classes { labels: labels.iter().map(|&label| label as u8).collect(), classes })
}

fn finite(path: &Path, array: &'static str, values: &Array2<f64>) -> Result<(), DataError> {
    match values.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), &value)) => {
            Err(DataError::NonFinite { path: path.to_owned(), array, row, column, value })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ndarray::array;

    use super::*;

    fn scratch(name: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        (folder, path)
    }

    #[test]
    fn a_table_survives_the_disk_with_its_counts_bit_for_bit() {
        let (_folder, path) = scratch("t.npz");
        let data = Dataset {
            inputs: Inputs::Reals(array![[0.1, 1e-300], [-3.0, 7.0]]),
            targets: Targets::Values(array![[0.25, 0.75], [1.0, 0.0]]),
            counts: Some(vec![3, 1]),
        };
        save_table(&path, &data).unwrap();
        assert_eq!(load_table(&path).unwrap(), data);
    }

    #[test]
    fn counts_that_are_none_are_refused_with_their_place() {
        let (_folder, path) = scratch("t.npz");
        let write = |counts: &dyn Fn(&mut NpzWriter<File>) -> Result<(), ndarray_npy::WriteNpzError>| {
            write_npz(&path, |npz| {
                npz.add_array("x", &array![[1.0], [2.0]])?;
                npz.add_array("y", &array![0_i64, 1])?;
                counts(npz)
            })
        };
        for (counts, expected) in [
            (array![1_i64, 0], "`count` says 0 in row 1, expected a number from 1 to 4294967295"),
            (array![-2_i64, 1], "`count` says -2 in row 0"),
            (array![1_i64, 1 << 32], "`count` says 4294967296 in row 1"),
            (array![3_000_000_000_i64, 3_000_000_000], "`count` says 6000000000 rows in all"),
            (array![1_i64], "`count` has 1 numbers, expected one for each of 2 rows"),
        ] {
            write(&|npz| npz.add_array("count", &counts)).unwrap();
            let error = load_table(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} does not say {expected:?}");
        }
        write(&|npz| npz.add_array("count", &array![1.5, 2.0])).unwrap();
        let error = load_table(&path).unwrap_err().to_string();
        assert!(error.contains("`count` is not a vector of whole numbers"), "{error}");
        write(&|npz| npz.add_array("count", &array![3_i64, 4])).unwrap();
        assert_eq!(load_table(&path).unwrap().examples(), 7);
    }

    #[test]
    fn identical_rows_of_a_file_are_merged_and_their_counts_added() {
        let (_folder, path) = scratch("t.npz");
        let data = Dataset {
            inputs: Inputs::Reals(array![[1.0], [2.0], [1.0]]),
            targets: Targets::Values(array![[0.5], [0.5], [0.5]]),
            counts: Some(vec![3, 1, 4]),
        };
        save_table(&path, &data).unwrap();
        assert_eq!(load_rows(&path).unwrap(), data);
        assert_eq!(load_table(&path).unwrap().counts, Some(vec![7, 1]));
    }

    #[test]
    fn classes_stay_classes() {
        let (_folder, path) = scratch("t.npz");
        let data = Dataset::new(
            Inputs::Reals(array![[1.0], [2.0]]),
            Targets::Classes { labels: vec![2, 0], classes: 3 },
        );
        save_table(&path, &data).unwrap();
        assert_eq!(load_table(&path).unwrap().targets, data.targets);
    }

    #[test]
    fn a_vector_survives_the_disk_and_a_missing_one_is_named() {
        let (_folder, path) = scratch("v.npz");
        save_vector(&path, &[("theta", &[1.5, -0.1]), ("rho", &[0.0])]).unwrap();
        assert_eq!(load_vector(&path, "theta").unwrap(), [1.5, -0.1]);
        let error = load_vector(&path, "target").unwrap_err().to_string();
        assert!(error.ends_with("array `target` is missing"), "{error}");
    }

    #[test]
    fn numbers_that_are_none_are_found_with_their_place() {
        let (_folder, path) = scratch("t.npz");
        let data = Dataset::new(
            Inputs::Reals(array![[1.0, 2.0], [3.0, f64::NAN]]),
            Targets::Values(array![[1.0], [0.0]]),
        );
        save_table(&path, &data).unwrap();
        let error = load_table(&path).unwrap_err().to_string();
        assert!(error.contains("NaN in row 1, column 1 of `x`"), "{error}");
    }

    #[test]
    fn what_is_no_npz_is_refused() {
        let (_folder, path) = scratch("t.npz");
        std::fs::write(&path, "hello").unwrap();
        assert!(load_table(&path).unwrap_err().to_string().starts_with("cannot read"));
        assert!(load_table(&path.with_file_name("missing.npz")).is_err());
    }
}
