//! The embedded set: 1,797 images of handwritten digits, 8 x 8, grey levels 0 to 16, ten classes.
//!
//! E. Alpaydin, C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning Repository, 1998,
//! doi:10.24432/C50P49, CC BY 4.0; the test part of it, as scikit-learn ships it.

use std::{io::Read as _, sync::LazyLock};

use flate2::read::GzDecoder;
use ndarray::Array2;
use rand::seq::SliceRandom as _;

use super::{Dataset, Inputs, Targets};
use crate::Seed;

static CSV_GZ: &[u8] = include_bytes!("../../data/digits.csv.gz");

const PIXELS: usize = 64;
const TRAIN_ROWS: usize = 1437;

/// A run in one process has some twenty workers that each ask for the rows.
static ROWS: LazyLock<(Dataset, Dataset)> = LazyLock::new(read);

/// 1,437 training and 360 test images; the split is the same for every experiment.
///
/// # Panics
/// Never: what is embedded was checked when this was built and tested.
pub(super) fn load() -> &'static (Dataset, Dataset) {
    &ROWS
}

fn read() -> (Dataset, Dataset) {
    let mut text = String::new();
    GzDecoder::new(CSV_GZ).read_to_string(&mut text).expect("the embedded file is whole");
    let mut pixels = Vec::with_capacity(1797 * PIXELS);
    let mut labels = Vec::with_capacity(1797);
    for line in text.lines() {
        let mut row: Vec<u8> = line.split(',').map(|field| field.parse().expect("small numbers")).collect();
        labels.push(row.pop().expect("the label comes last"));
        pixels.append(&mut row);
    }
    let pixels = Array2::from_shape_vec((labels.len(), PIXELS), pixels).expect("64 pixels a row");
    let all = Dataset::new(Inputs::Bytes { pixels, largest: 16 }, Targets::Classes { labels, classes: 10 });
    let mut order: Vec<usize> = (0..all.inputs.rows()).collect();
    order.shuffle(&mut Seed(0).stream("digits split"));
    let (train, test) = order.split_at(TRAIN_ROWS);
    (all.select(train), all.select(test))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_digits_are_whole() {
        let (train, test) = load();
        assert_eq!((train.inputs.rows(), test.inputs.rows()), (1437, 360));
        assert_eq!((train.inputs.width(), train.targets.outputs()), (64, 10));
        let mut histogram = [0; 10];
        for set in [train, test] {
            let (Targets::Classes { labels, .. }, Inputs::Bytes { pixels, .. }) = (&set.targets, &set.inputs)
            else {
                unreachable!("digits are bytes with classes")
            };
            assert!(pixels.iter().all(|&pixel| pixel <= 16));
            labels.iter().for_each(|&label| histogram[usize::from(label)] += 1);
        }
        assert_eq!(histogram, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }
}
