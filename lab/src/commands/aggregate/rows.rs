//! Rows out of files: numbers of either width become f32, and every mistake is told with its place.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use ndarray::{Array2, ArrayD, Ix2, OwnedRepr};
use ndarray_npy::{NpzReader, ReadNpyError, ReadNpzError, ReadableElement};

use crate::failure::Failure;

/// The n x d numbers in `file`, in the order of the rows.
pub(crate) fn read(file: &Path, array: Option<&str>) -> Result<Array2<f32>, Failure> {
    let name = file.display().to_string();
    let open = || {
        let opened = File::open(file);
        opened
            .map(BufReader::new)
            .map_err(|error| Failure::unfinished(&error).at(format!("cannot read {name}")))
    };
    let end = file.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    match end.as_ref().and_then(|end| end.to_str()) {
        Some("json") => parse(&name, open()?),
        Some("npy") => {
            let single = npy::<f32, _>(open()?);
            let read = match single {
                Err(ReadNpyError::WrongDescriptor(_)) => {
                    npy::<f64, _>(open()?).map(|wide| wide.mapv(|x| x as f32))
                }
                read => read,
            };
            matrix(&name, read.map_err(|error| unreadable(&name, &error))?)
        }
        Some("npz") => npz(&name, open()?, array),
        _ => Err(Failure::wrong(format!("{name} is no .npy, .npz or .json file"))),
    }
}

fn npy<T: ReadableElement, R: Read>(reader: R) -> Result<ArrayD<T>, ReadNpyError> {
    ndarray_npy::ReadNpyExt::read_npy(reader)
}

fn npz(name: &str, reader: BufReader<File>, array: Option<&str>) -> Result<Array2<f32>, Failure> {
    let mut file = NpzReader::new(reader).map_err(|error| unreadable(name, &error))?;
    let names = file.names().map_err(|error| unreadable(name, &error))?;
    let known = || {
        names.iter().map(|name| format!("`{}`", name.trim_end_matches(".npy"))).collect::<Vec<_>>().join(", ")
    };
    let chosen = match (array, &names[..]) {
        (Some(array), _) => array,
        (None, [only]) => only,
        (None, []) => return Err(Failure::wrong(format!("{name} holds no array"))),
        (None, _) => {
            return Err(Failure::wrong(format!("{name} holds several arrays: {}", known()))
                .hint("choose one with --array"));
        }
    };
    let chosen = chosen.trim_end_matches(".npy");
    if !names.iter().any(|name| name.trim_end_matches(".npy") == chosen) {
        return Err(Failure::wrong(format!("{name} holds no array `{chosen}`, it holds {}", known())));
    }
    let read = match file.by_name::<OwnedRepr<f32>, ndarray::IxDyn>(chosen) {
        Err(ReadNpzError::Npy(ReadNpyError::WrongDescriptor(_))) => {
            file.by_name::<OwnedRepr<f64>, ndarray::IxDyn>(chosen).map(|wide| wide.mapv(|x| x as f32))
        }
        read => read,
    };
    matrix(name, read.map_err(|error| unreadable(name, &error))?)
}

fn unreadable(name: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::unfinished(error).at(format!("cannot read {name}")).hint("arrays of f32 or f64 can be read")
}

fn matrix(name: &str, array: ArrayD<f32>) -> Result<Array2<f32>, Failure> {
    let shape = array.shape().to_vec();
    let matrix = array.into_dimensionality::<Ix2>().map_err(|_| {
        Failure::wrong(format!("{name} holds an array of shape {shape:?}, expected rows x numbers"))
    })?;
    // Fortran order is read, too.
    Ok(if matrix.is_standard_layout() { matrix } else { matrix.as_standard_layout().into_owned() })
}

/// Rows as JSON; `null` is what writers make of a number that is not finite.
pub(crate) fn parse(name: &str, reader: impl Read) -> Result<Array2<f32>, Failure> {
    let rows: Vec<Vec<Option<f64>>> = serde_json::from_reader(BufReader::new(reader)).map_err(|error| {
        Failure::wrong(format!("{name}: {error}")).hint("expected an array of arrays, [[1, 2], [3, 4]]")
    })?;
    let width = rows.first().map_or(0, Vec::len);
    if let Some((row, other)) = rows.iter().enumerate().find(|(_, row)| row.len() != width) {
        let got = other.len();
        return Err(Failure::wrong(format!(
            "{name}: row {row} has {got} numbers, expected {width} as in row 0"
        )));
    }
    let shape = (rows.len(), width);
    let numbers = rows.into_iter().flatten().map(|x| x.map_or(f32::NAN, |x| x as f32)).collect();
    Array2::from_shape_vec(shape, numbers).map_err(|error| Failure::unfinished(&error))
}
