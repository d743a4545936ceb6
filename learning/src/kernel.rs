//! The inner loop of everything: value and gradient of a linear model's loss, each row read once.
//!
//! The outputs of a row (10 for digits) live in `L` lanes of registers: logits are accumulated over the row, turned
//! into a residual, and the residual is scattered back over the same row while it is in cache. Rows with many zeros
//! are stored sparse. Sums have a fixed order and no fused operations, so their bits do not depend on the processor.

mod batch;
mod design;
mod gram;
mod real;

use pulp::{Arch, Simd, WithSimd};

pub(crate) use batch::batch;
pub(crate) use design::Design;
use design::{Answers, Rows};
pub(crate) use gram::{grams, triangle};
pub(crate) use real::Real;

/// What the outputs mean, hence the residual ∂loss/∂outputs of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Cross-entropy of softmax against a class or a distribution: p − q.
    Softmax,
    /// Half the squared distance to the target: z − a.
    Identity,
}

/// Rows whose gradients are summed in the kernel's own precision before they join the f64 sum.
const BLOCK: usize = 2048;

/// Adds the gradient of Σ counts · loss at `theta`, shape (width + 1, outputs) with the bias last, to `gradient`, and
/// answers that sum.
pub(crate) fn accumulate<R: Real>(
    design: &Design<R>,
    link: Link,
    theta: &[f64],
    gradient: &mut [f64],
) -> f64 {
    match design.outputs {
        0..=4 => accumulate_lanes::<R, 4>(design, link, theta, gradient),
        5..=16 => accumulate_lanes::<R, 16>(design, link, theta, gradient),
        17..=64 => accumulate_lanes::<R, 64>(design, link, theta, gradient),
        _ => accumulate_lanes::<R, 256>(design, link, theta, gradient),
    }
}

/// Index of the largest output of each row; the first of equals.
pub(crate) fn predictions<R: Real>(design: &Design<R>, theta: &[f64]) -> Vec<u8> {
    match design.outputs {
        0..=4 => predict_lanes::<R, 4>(design, theta),
        5..=16 => predict_lanes::<R, 16>(design, theta),
        17..=64 => predict_lanes::<R, 64>(design, theta),
        _ => predict_lanes::<R, 256>(design, theta),
    }
}

fn accumulate_lanes<R: Real, const L: usize>(
    design: &Design<R>,
    link: Link,
    theta: &[f64],
    gradient: &mut [f64],
) -> f64 {
    blocks::<R, L>(design, theta, gradient, &Judge { design, link })
}

/// Adds ∇²(Σ counts · loss) · `v` to `product`, at the point whose probabilities are `at`.
pub(crate) fn curve<R: Real>(design: &Design<R>, at: &Curvature, v: &[f64], product: &mut [f64]) {
    match design.outputs {
        0..=4 => curve_lanes::<R, 4>(design, at, v, product),
        5..=16 => curve_lanes::<R, 16>(design, at, v, product),
        17..=64 => curve_lanes::<R, 64>(design, at, v, product),
        _ => curve_lanes::<R, 256>(design, at, v, product),
    }
}

fn curve_lanes<R: Real, const L: usize>(design: &Design<R>, at: &Curvature, v: &[f64], product: &mut [f64]) {
    blocks::<R, L>(design, v, product, &Bend { design, at });
}

/// Passes over all rows block by block and adds what each gives to `gradient`.
fn blocks<R: Real, const L: usize>(
    design: &Design<R>,
    theta: &[f64],
    gradient: &mut [f64],
    answer: &impl Answer<R, L>,
) -> f64 {
    let weights = padded::<R, L>(theta, design.outputs);
    let mut partial = vec![[R::ZERO; L]; weights.len()];
    let mut value = 0.0;
    for start in (0..design.len()).step_by(BLOCK) {
        let rows = start..design.len().min(start + BLOCK);
        value +=
            Arch::new().dispatch(Pass { design, weights: &weights, rows, gradient: &mut partial, answer });
        for (sums, partial) in gradient.chunks_exact_mut(design.outputs).zip(&mut partial) {
            for (sum, part) in sums.iter_mut().zip(*partial) {
                *sum += part.wide();
            }
            *partial = [R::ZERO; L];
        }
    }
    value
}

/// The parameters with their outputs padded with zeros to `L` lanes.
fn padded<R: Real, const L: usize>(theta: &[f64], outputs: usize) -> Vec<[R; L]> {
    let lanes = |row: &[f64]| std::array::from_fn(|l| row.get(l).map_or(R::ZERO, |&value| R::of(value)));
    theta.chunks_exact(outputs).map(lanes).collect()
}

/// What a row's logits give: a value, and a residual that is scattered back over the row. An implementation must be
/// `inline(always)`, or else it is compiled for the baseline processor only: a closure cannot promise that.
trait Answer<R, const L: usize> {
    fn answer(&self, row: usize, logits: [R; L]) -> (f64, [R; L]);
}

/// One walk over `rows`, forward and back.
struct Pass<'a, R, I, A, const L: usize> {
    design: &'a Design<R>,
    weights: &'a [[R; L]],
    rows: I,
    gradient: &'a mut [[R; L]],
    answer: &'a A,
}

impl<R: Real, I: Iterator<Item = usize>, A: Answer<R, L>, const L: usize> WithSimd for Pass<'_, R, I, A, L> {
    /// The sum of the values.
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { design, weights, rows, gradient, answer } = self;
        let width = design.width;
        let (Some(&bias), Some((bias_gradient, gradient))) = (weights.last(), gradient.split_last_mut())
        else {
            return 0.0;
        };
        let weights = &weights[..width];
        let mut sum = 0.0;
        for row in rows {
            let (value, residual) = answer.answer(row, forward(design, row, weights, bias));
            sum += value;
            for (sum, part) in bias_gradient.iter_mut().zip(residual) {
                *sum += part;
            }
            match &design.rows {
                Rows::Dense(values) => {
                    for (&x, sums) in values[row * width..][..width].iter().zip(&mut *gradient) {
                        add_scaled(sums, x, residual);
                    }
                }
                Rows::Sparse { starts, columns, values } => {
                    let (from, to) = (starts[row] as usize, starts[row + 1] as usize);
                    for (&column, &x) in columns[from..to].iter().zip(&values[from..to]) {
                        add_scaled(&mut gradient[usize::from(column)], x, residual);
                    }
                }
            }
        }
        sum
    }
}

#[inline(always)]
fn forward<R: Real, const L: usize>(
    design: &Design<R>,
    row: usize,
    weights: &[[R; L]],
    bias: [R; L],
) -> [R; L] {
    match &design.rows {
        Rows::Dense(values) => forward_dense(&values[row * design.width..][..design.width], weights, bias),
        Rows::Sparse { starts, columns, values } => {
            let (from, to) = (starts[row] as usize, starts[row + 1] as usize);
            forward_sparse(&columns[from..to], &values[from..to], weights, bias)
        }
    }
}

#[inline(always)]
fn add_scaled<R: Real, const L: usize>(sums: &mut [R; L], x: R, residual: [R; L]) {
    for (sum, part) in sums.iter_mut().zip(residual) {
        *sum += x * part;
    }
}

/// Four running sums, so that an addition need not wait for the one before it.
#[inline(always)]
fn forward_dense<R: Real, const L: usize>(row: &[R], weights: &[[R; L]], bias: [R; L]) -> [R; L] {
    let mut sums = [bias, [R::ZERO; L], [R::ZERO; L], [R::ZERO; L]];
    let (fours, rest) = row.as_chunks::<4>();
    let (weight_fours, weight_rest) = weights.as_chunks::<4>();
    for (xs, ws) in fours.iter().zip(weight_fours) {
        for i in 0..4 {
            add_scaled(&mut sums[i], xs[i], ws[i]);
        }
    }
    for (&x, &w) in rest.iter().zip(weight_rest) {
        add_scaled(&mut sums[0], x, w);
    }
    folded(sums)
}

#[inline(always)]
fn forward_sparse<R: Real, const L: usize>(
    columns: &[u16],
    values: &[R],
    weights: &[[R; L]],
    bias: [R; L],
) -> [R; L] {
    let mut sums = [bias, [R::ZERO; L], [R::ZERO; L], [R::ZERO; L]];
    let (fours, rest) = columns.as_chunks::<4>();
    let (value_fours, value_rest) = values.as_chunks::<4>();
    for (columns, xs) in fours.iter().zip(value_fours) {
        for i in 0..4 {
            add_scaled(&mut sums[i], xs[i], weights[usize::from(columns[i])]);
        }
    }
    for (&column, &x) in rest.iter().zip(value_rest) {
        add_scaled(&mut sums[0], x, weights[usize::from(column)]);
    }
    folded(sums)
}

#[inline(always)]
fn folded<R: Real, const L: usize>(sums: [[R; L]; 4]) -> [R; L] {
    std::array::from_fn(|l| (sums[0][l] + sums[1][l]) + (sums[2][l] + sums[3][l]))
}

/// Loss and residual of a row, times the number of examples it stands for.
struct Judge<'a, R> {
    design: &'a Design<R>,
    link: Link,
}

impl<R: Real, const L: usize> Answer<R, L> for Judge<'_, R> {
    #[inline(always)]
    fn answer(&self, row: usize, logits: [R; L]) -> (f64, [R; L]) {
        let design = self.design;
        let outputs = design.outputs;
        let count = design.counts.as_ref().map_or(R::ONE, |counts| counts[row]);
        let mut answer = [R::ZERO; L];
        match &design.answers {
            Answers::Classes(labels) => answer[usize::from(labels[row])] = R::ONE,
            Answers::Values(values) => answer[..outputs].copy_from_slice(&values[row * outputs..][..outputs]),
        }
        match self.link {
            Link::Identity => {
                let residual: [R; L] = std::array::from_fn(|l| logits[l] - answer[l]);
                let squared = residual[..outputs].iter().fold(R::ZERO, |sum, &r| sum + r * r);
                (0.5 * (count * squared).wide(), residual.map(|r| count * r))
            }
            Link::Softmax => {
                let (powers, total, shifted) = powers(logits, outputs);
                let log_total = total.wide().ln();
                let mut loss = 0.0;
                for l in 0..outputs {
                    loss += answer[l].wide() * (log_total - shifted[l].wide());
                }
                (count.wide() * loss, std::array::from_fn(|l| count * (powers[l] / total - answer[l])))
            }
        }
    }
}

/// Exponentials of the logits less the largest, their sum, and the logits less the largest.
#[inline(always)]
fn powers<R: Real, const L: usize>(logits: [R; L], outputs: usize) -> ([R; L], R, [R; L]) {
    let top = logits[..outputs].iter().fold(R::LOWEST, |top, &z| if z > top { z } else { top });
    let shifted: [R; L] = std::array::from_fn(|l| logits[l] - top);
    let mut powers = R::exp(shifted);
    powers[outputs..].fill(R::ZERO);
    let total = powers[..outputs].iter().fold(R::ZERO, |sum, &p| sum + p);
    (powers, total, shifted)
}

/// What the second derivative of the loss needs to know of a point: each row's probabilities.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curvature {
    /// Shape (rows, outputs); empty for a loss whose second derivative is constant.
    probabilities: Vec<f64>,
}

impl Curvature {
    /// Of `design`'s loss at `theta`.
    pub(crate) fn at<R: Real>(design: &Design<R>, link: Link, theta: &[f64]) -> Self {
        let probabilities = match (link, design.outputs) {
            (Link::Identity, _) => Vec::new(),
            (Link::Softmax, 0..=4) => probabilities::<R, 4>(design, theta),
            (Link::Softmax, 5..=16) => probabilities::<R, 16>(design, theta),
            (Link::Softmax, 17..=64) => probabilities::<R, 64>(design, theta),
            (Link::Softmax, _) => probabilities::<R, 256>(design, theta),
        };
        Self { probabilities }
    }
}

fn probabilities<R: Real, const L: usize>(design: &Design<R>, theta: &[f64]) -> Vec<f64> {
    read::<R, _, L>(design, theta, &Probabilities { outputs: design.outputs })
}

/// What is to be known of a row's logits: some numbers. An implementation must be `inline(always)`, as that of an [`Answer`].
trait Reading<R, const L: usize> {
    type Number;
    fn read(&self, logits: [R; L], to: &mut Vec<Self::Number>);
}

/// Softmax.
struct Probabilities {
    outputs: usize,
}

impl<R: Real, const L: usize> Reading<R, L> for Probabilities {
    type Number = f64;

    #[inline(always)]
    fn read(&self, logits: [R; L], to: &mut Vec<f64>) {
        let (powers, total, _) = powers(logits, self.outputs);
        for &power in &powers[..self.outputs] {
            to.push((power / total).wide());
        }
    }
}

/// What is to be known of all rows, one after another.
fn read<R: Real, A: Reading<R, L>, const L: usize>(
    design: &Design<R>,
    theta: &[f64],
    reading: &A,
) -> Vec<A::Number> {
    let weights = padded::<R, L>(theta, design.outputs);
    let mut all = Vec::with_capacity(design.len());
    Arch::new().dispatch(Forward { design, weights: &weights, reading, all: &mut all });
    all
}

/// One walk over all rows, forward only.
struct Forward<'a, R, A: Reading<R, L>, const L: usize> {
    design: &'a Design<R>,
    weights: &'a [[R; L]],
    reading: &'a A,
    all: &'a mut Vec<A::Number>,
}

impl<R: Real, A: Reading<R, L>, const L: usize> WithSimd for Forward<'_, R, A, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Some((&bias, weights)) = self.weights.split_last() else { return };
        for row in 0..self.design.len() {
            self.reading.read(forward(self.design, row, weights, bias), self.all);
        }
    }
}

/// counts · (diag(p) − ppᵀ) z, or counts · z.
struct Bend<'a, R> {
    design: &'a Design<R>,
    at: &'a Curvature,
}

impl<R: Real, const L: usize> Answer<R, L> for Bend<'_, R> {
    #[inline(always)]
    fn answer(&self, row: usize, z: [R; L]) -> (f64, [R; L]) {
        let outputs = self.design.outputs;
        let count = self.design.counts.as_ref().map_or(R::ONE, |counts| counts[row]);
        let Some(p) = self.at.probabilities.get(row * outputs..(row + 1) * outputs) else {
            return (0.0, z.map(|z| count * z));
        };
        let p: [R; L] = std::array::from_fn(|l| p.get(l).map_or(R::ZERO, |&p| R::of(p)));
        let mean = (0..L).fold(R::ZERO, |sum, l| sum + p[l] * z[l]);
        (0.0, std::array::from_fn(|l| count * p[l] * (z[l] - mean)))
    }
}

fn predict_lanes<R: Real, const L: usize>(design: &Design<R>, theta: &[f64]) -> Vec<u8> {
    read::<R, _, L>(design, theta, &Largest { outputs: design.outputs })
}

/// Index of the largest of the logits; the first of equals.
struct Largest {
    outputs: usize,
}

impl<R: Real, const L: usize> Reading<R, L> for Largest {
    type Number = u8;

    #[inline(always)]
    fn read(&self, logits: [R; L], to: &mut Vec<u8>) {
        to.push((1..self.outputs).fold(0, |best, l| if logits[l] > logits[best] { l } else { best }) as u8);
    }
}

#[cfg(test)]
mod tests;
