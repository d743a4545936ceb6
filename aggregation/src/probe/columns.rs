//! The error of a rule that looks at coordinates: of each row before it only the liars' part changes with τ.
//!
//! row of a voter = Σ wᵢ · xᵢ over the honest  +  (Σ wⱼ over the liars) · lie
//!
//! The first sum is kept under its weights. Nearest-neighbour mixing has few of them along a whole search: who is near to
//! an honest row depends on τ only in how many of the lies are.

use std::collections::{BTreeMap, BTreeSet};

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::{
    Rows, Rule, affine,
    coordinatewise::{self, Source},
};

/// Coordinates that one thread takes at a time.
const TILE: usize = 2048;

/// Bytes of sums that are kept although the last evaluation had no use for them.
const ROOM: usize = 1 << 28;

const LANES: usize = 8;

/// Sums of honest rows, by the bits of their weights.
#[derive(Debug, Default)]
pub(super) struct Sums(BTreeMap<Vec<u64>, Vec<f32>>);

/// A row before the rule: `kept`, and this share of the lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voter<'a> {
    kept: &'a [f32],
    share: f64,
}

impl<'a> Voter<'a> {
    /// A row as it is.
    pub(super) const fn of(row: &'a [f32]) -> Self {
        Self { kept: row, share: 0.0 }
    }

    fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.kept, other.kept) && self.share.to_bits() == other.share.to_bits()
    }
}

impl Sums {
    /// The voters that `mixing` makes of the honest rows and, after them, the lies.
    pub(super) fn voters(
        &mut self,
        honest: Rows<'_>,
        liars: usize,
        mixing: &[&[f64]],
        d: usize,
    ) -> Vec<Voter<'_>> {
        let h = honest.0.len();
        let key = |weights: &[f64]| weights[..h].iter().map(|weight| weight.to_bits()).collect::<Vec<u64>>();
        let keys: Vec<Vec<u64>> = mixing.iter().map(|weights| key(weights)).collect();
        let wanted: BTreeSet<&Vec<u64>> = keys.iter().collect();
        if self.0.len() * d * size_of::<f32>() > ROOM {
            self.0.retain(|key, _| wanted.contains(key));
        }
        let missing: Vec<&Vec<u64>> = wanted.into_iter().filter(|&key| !self.0.contains_key(key)).collect();
        let sum = |key: &&Vec<u64>| {
            let weights: Vec<f64> = key.iter().map(|&bits| f64::from_bits(bits)).collect();
            let mut sum = vec![0.0; d];
            affine::combine(honest, &weights, &mut sum);
            ((*key).clone(), sum)
        };
        let fresh: Vec<_> = missing.par_iter().map(sum).collect();
        self.0.extend(fresh);
        let share = |weights: &[f64]| weights[h..h + liars].iter().sum();
        mixing
            .iter()
            .zip(&keys)
            .map(|(weights, key)| Voter { kept: &self.0[key], share: share(weights) })
            .collect()
    }
}

/// ‖rule(voters) − mean‖; `memory` is what the last evaluation left.
pub(super) fn error(
    voters: &[Voter<'_>],
    lie: &[f32],
    mean: &[f32],
    kernel: Kernel,
    memory: &mut Vec<f32>,
) -> f64 {
    let mut distinct: Vec<Voter<'_>> = Vec::new();
    let mut places = Vec::with_capacity(voters.len());
    for voter in voters {
        let known = distinct.iter().position(|other| other.is(voter));
        places.push(known.unwrap_or(distinct.len()));
        if known.is_none() {
            distinct.push(*voter);
        }
    }
    // The rows with a share of the lie, and the aggregate.
    let rows = distinct.iter().filter(|voter| voter.share != 0.0).count() + 1;
    memory.resize(rows * mean.len().next_multiple_of(TILE), 0.0);
    let tile = |(at, memory): (usize, &mut [f32])| {
        let part = at * TILE..mean.len().min((at + 1) * TILE);
        let mut rows = memory.chunks_exact_mut(TILE).map(|row| &mut row[..part.len()]).peekable();
        let out = rows.next().unwrap_or_default();
        let mut of_each: Vec<&[f32]> = Vec::with_capacity(distinct.len());
        for voter in &distinct {
            let kept = &voter.kept[part.clone()];
            match rows.next_if(|_| voter.share != 0.0) {
                Some(mixed) => {
                    add(kept, voter.share, &lie[part.clone()], mixed);
                    of_each.push(mixed);
                }
                None => of_each.push(kept),
            }
        }
        let all: Vec<&[f32]> = places.iter().map(|&place| of_each[place]).collect();
        coordinatewise::apply(kernel.rule, &Source::new(Rows(&all), None), kernel.f, out);
        squared_distance(out, &mean[part])
    };
    let parts: Vec<f64> = memory.par_chunks_mut(rows * TILE).enumerate().map(tile).collect();
    parts.iter().sum::<f64>().sqrt()
}

/// What is done with each coordinate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    pub(super) rule: Rule,
    pub(super) f: usize,
}

fn add(kept: &[f32], share: f64, lie: &[f32], out: &mut [f32]) {
    Arch::new().dispatch(Add { kept, share, lie, out });
}

/// Kept sums and this share of a lie. Not a closure: that might be compiled for the baseline processor.
struct Add<'a> {
    kept: &'a [f32],
    share: f64,
    lie: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((out, &kept), &lie) in self.out.iter_mut().zip(self.kept).zip(self.lie) {
            *out = ((f64::from(kept) + self.share * f64::from(lie)) as f32).clamp(f32::MIN, f32::MAX);
        }
    }
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    Arch::new().dispatch(SquaredDistance(a, b))
}

struct SquaredDistance<'a>(&'a [f32], &'a [f32]);

impl WithSimd for SquaredDistance<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let (a, b) = (self.0.as_chunks::<LANES>(), self.1.as_chunks::<LANES>());
        let mut sums = [0.0; LANES];
        for (a, b) in a.0.iter().zip(b.0) {
            for lane in 0..LANES {
                let apart = f64::from(a[lane]) - f64::from(b[lane]);
                sums[lane] += apart * apart;
            }
        }
        let rest = a.1.iter().zip(b.1).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
        sums.iter().sum::<f64>() + rest.sum::<f64>()
    }
}
