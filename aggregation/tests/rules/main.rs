//! What every rule promises, by golden vectors of other libraries, slow references, properties and hostile bits.

mod conformance;
mod filters;
mod fuzz;
mod golden;
mod oracle;
mod reference;
mod threads;

use equipoise_aggregation::{Aggregate, Aggregator, Pipeline, Refusal};

/// Rows of a test, which are easier to make than slices.
type Rows = Vec<Vec<f32>>;

fn pipeline(text: &str) -> Pipeline {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// One round of a new aggregator; the server's own gradient is the first row.
fn aggregate(rule: &str, f: usize, rows: &Rows) -> Result<(Vec<f32>, Aggregate), Refusal> {
    aggregate_with_root(rule, f, rows, rows.first().map_or(&[], Vec::as_slice))
}

fn aggregate_with_root(
    rule: &str,
    f: usize,
    rows: &Rows,
    root: &[f32],
) -> Result<(Vec<f32>, Aggregate), Refusal> {
    let ranks: Vec<u32> = (0..rows.len() as u32).collect();
    let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let mut out = vec![0.0; rows.first().map_or(0, Vec::len)];
    let mut aggregator = Aggregator::new(pipeline(rule), f, 7);
    let aggregate = aggregator.aggregate_with_root(3, &ranks, &slices, Some(root), &mut out)?;
    Ok((out, aggregate))
}

/// The aggregate alone, where it must exist.
fn value(rule: &str, f: usize, rows: &Rows) -> Vec<f32> {
    match aggregate(rule, f, rows) {
        Ok((out, _)) => out,
        Err(refusal) => panic!("{rule}, f = {f}, {} rows: {refusal}", rows.len()),
    }
}

/// The largest number in absolute value.
fn scale(rows: &Rows) -> f64 {
    rows.iter().flatten().fold(0.0, |largest: f64, x| largest.max(f64::from(x.abs())))
}

/// The largest difference of two vectors.
fn gap(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |gap: f64, (a, b)| gap.max((f64::from(*a) - b).abs()))
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

/// Numbers that look random and are always the same.
struct Lots(u64);

impl Lots {
    /// Uniform in [-1, 1).
    fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    /// SplitMix64.
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn rows(&mut self, n: usize, d: usize) -> Rows {
        (0..n).map(|_| (0..d).map(|_| self.uniform()).collect()).collect()
    }
}
