//! IDX, the format of MNIST and its relatives: a magic number, big-endian sizes, bytes. Compressed or not.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use ndarray::Array2;

use super::{DataError, Dataset, Inputs, Targets};

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Images and their labels, ten classes.
pub(super) fn load(images: &Path, labels: &Path) -> Result<Dataset, DataError> {
    let ([rows, height, width], pixels) = read::<3>(images, IMAGES)?;
    let ([label_rows], label_bytes) = read::<1>(labels, LABELS)?;
    if label_rows != rows {
        return Err(DataError::Rows { path: labels.to_owned(), got: label_rows, want: rows });
    }
    if let Some(row) = label_bytes.iter().position(|&label| label > 9) {
        let got = i64::from(label_bytes[row]);
        return Err(DataError::Label { path: labels.to_owned(), row, got, largest: 9 });
    }
    let pixels = Array2::from_shape_vec((rows, height * width), pixels).expect("the length was checked");
    Ok(Dataset::new(
        Inputs::Bytes { pixels, largest: 255 },
        Targets::Classes { labels: label_bytes, classes: 10 },
    ))
}

/// The file `name` or `name.gz` of `folder`, the first that exists.
pub(super) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file())
}

/// The sizes and the bytes of an IDX file with `N` dimensions.
fn read<const N: usize>(path: &Path, want: u32) -> Result<([usize; N], Vec<u8>), DataError> {
    let io = |source| DataError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(io)?;
    if bytes.starts_with(&GZIP) {
        let mut plain = Vec::new();
        MultiGzDecoder::new(bytes.as_slice())
            .read_to_end(&mut plain)
            .map_err(|source| DataError::Corrupt { path: path.to_owned(), source })?;
        bytes = plain;
    }
    let word = |index: usize| {
        let four = bytes.get(4 * index..4 * index + 4).and_then(|four| four.try_into().ok());
        four.map(u32::from_be_bytes).ok_or(DataError::Length {
            path: path.to_owned(),
            got: bytes.len(),
            want: 4 * (N + 1),
        })
    };
    let got = word(0)?;
    if got != want {
        return Err(DataError::Magic { path: path.to_owned(), got, want });
    }
    let mut sizes = [0; N];
    for (index, size) in sizes.iter_mut().enumerate() {
        *size = word(index + 1)? as usize;
    }
    let want = sizes.iter().fold(1_usize, |product, &size| product.saturating_mul(size));
    let data = bytes.split_off(4 * (N + 1));
    if data.len() == want {
        Ok((sizes, data))
    } else {
        Err(DataError::Length { path: path.to_owned(), got: data.len(), want })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn idx(magic: u32, sizes: &[u32], data: &[u8]) -> Vec<u8> {
        let head = std::iter::once(&magic).chain(sizes).flat_map(|word| word.to_be_bytes());
        head.chain(data.iter().copied()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn load_bytes(images: &[u8], labels: &[u8]) -> Result<Dataset, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("images"), folder.path().join("labels"));
        std::fs::write(&a, images).unwrap();
        std::fs::write(&b, labels).unwrap();
        load(&a, &b)
    }

    #[test]
    fn plain_and_compressed_files_give_the_same_rows() {
        let images = idx(IMAGES, &[2, 1, 3], &[0, 128, 255, 1, 2, 3]);
        let labels = idx(LABELS, &[2], &[9, 0]);
        let plain = load_bytes(&images, &labels).unwrap();
        assert_eq!(plain.inputs.row(0)[2], 1.0);
        assert_eq!(plain, load_bytes(&gzip(&images), &gzip(&labels)).unwrap());
    }

    #[test]
    fn every_defect_has_its_own_error() {
        let images = idx(IMAGES, &[2, 1, 3], &[0, 128, 255, 1, 2, 3]);
        let labels = idx(LABELS, &[2], &[9, 0]);
        let mut cut = gzip(&images);
        cut.truncate(cut.len() - 9);
        let mut flipped = gzip(&images);
        let checksum = flipped.len() - 8;
        flipped[checksum] ^= 1;
        for (a, b, expected) in [
            (&images[..20], &labels[..], "holds 4 bytes of data, its header announces 6"),
            (&images[..3], &labels, "holds 3 bytes of data"),
            (&labels, &labels, "magic number 0x00000801, expected 0x00000803"),
            (&images, &idx(LABELS, &[1], &[9]), "has 1 rows, 2 were expected"),
            (&images, &idx(LABELS, &[2], &[9, 10]), "label 10 in row 1, expected at most 9"),
            (&cut, &labels, "is not a whole gzip file"),
            (&flipped, &labels, "is not a whole gzip file"),
            (&idx(IMAGES, &[u32::MAX, u32::MAX, u32::MAX], &[]), &labels, "its header announces"),
        ] {
            let got = load_bytes(a, b).unwrap_err().to_string();
            assert!(got.contains(expected), "{got:?} does not say {expected:?}");
        }
    }
}
