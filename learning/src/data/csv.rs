//! Tables as lines of numbers, the target in the last column.

use std::{fs::File, path::Path};

use ndarray::{Array2, Axis};

use super::{DataError, Dataset, Inputs, Targets};

/// Rows of a file without a header; `#` begins a comment.
pub(super) fn load(path: &Path) -> Result<Dataset, DataError> {
    let wrong = |line, problem| DataError::Csv { path: path.to_owned(), line, problem };
    let file = File::open(path).map_err(|source| DataError::Io { path: path.to_owned(), source })?;
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).comment(Some(b'#')).from_reader(file);
    let (mut values, mut width, mut rows) = (Vec::new(), 0, 0);
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, ::csv::Position::line);
            wrong(line, error.to_string())
        })?;
        let line = record.position().map_or(0, ::csv::Position::line);
        width = record.len();
        for field in &record {
            let value = field.trim().parse::<f64>().ok().filter(|value| value.is_finite());
            values.push(value.ok_or_else(|| wrong(line, format!("`{field}` is not a finite number")))?);
        }
        rows += 1;
    }
    if width < 2 {
        return Err(wrong(1, format!("{width} columns, expected inputs and the target last")));
    }
    let all =
        Array2::from_shape_vec((rows, width), values).expect("the reader refuses rows of different length");
    let (x, y) = all.view().split_at(Axis(1), width - 1);
    Ok(Dataset::new(Inputs::Reals(x.to_owned()), Targets::Values(y.to_owned())))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_csv_row_is_inputs_and_then_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, "# q1, q2, answer\n1, 2.5, -3\n4,5,6\n").unwrap();
        let data = load(&path).unwrap();
        assert_eq!(data.inputs, Inputs::Reals(array![[1.0, 2.5], [4.0, 5.0]]));
        assert_eq!(data.targets, Targets::Values(array![[-3.0], [6.0]]));
        for (text, expected) in [
            ("1,2\n1,x\n", "line 2: `x` is not a finite number"),
            ("1,2\n1\n", "line 2"),
            ("1\n", "1 columns"),
            ("", "0 columns"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = load(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error:?} does not say {expected:?}");
        }
    }
}
