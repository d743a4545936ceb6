//! A network with one hidden layer of rectified units, and the gradient of its cross-entropy: matrix products in f32.
//!
//! h = max(0, W₁ᵀx + b₁),  z = W₂ᵀh + b₂,  loss = cross-entropy of softmax(z)
//!
//! Parameters: W₁ and b₁, shape (inputs + 1, hidden), then W₂ and b₂, shape (hidden + 1, outputs), rows in order.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, Slice, linalg::general_mat_mul};

use crate::{Dataset, Model};

/// Rows that are pushed through the network together.
const BLOCK: usize = 500;
/// Parts whose gradients are summed apart and then in order: the result does not depend on who computes them.
const PARTS: usize = 8;

/// Data laid out for the network.
#[derive(Debug)]
pub(crate) struct Mlp {
    inputs: Array2<f32>,
    /// Distributions over classes, times the number of examples each row stands for.
    answers: Array2<f32>,
    hidden: usize,
}

/// The parameters as matrices.
struct Layers<'a> {
    first: ArrayView2<'a, f32>,
    second: ArrayView2<'a, f32>,
}

impl Mlp {
    pub(crate) fn new(model: &Model, hidden: usize, data: &Dataset) -> Self {
        let rows = data.inputs.rows();
        let mut inputs = Array2::zeros((rows, model.inputs));
        let mut answers = Array2::zeros((rows, model.outputs));
        for row in 0..rows {
            let count = data.counts.as_ref().map_or(1.0, |counts| f64::from(counts[row]));
            inputs.row_mut(row).iter_mut().zip(data.inputs.row(row)).for_each(|(x, value)| *x = value as f32);
            answers
                .row_mut(row)
                .iter_mut()
                .zip(data.targets.row(row))
                .for_each(|(q, v)| *q = (count * v) as f32);
        }
        Self { inputs, answers, hidden }
    }

    /// Adds the gradient of Σ counts · loss at `theta` to `gradient` and answers that sum.
    pub(crate) fn accumulate(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let narrow: Vec<f32> = theta.iter().map(|&t| t as f32).collect();
        let layers = self.layers(&narrow);
        let rows = self.inputs.nrows();
        let each = rows.div_ceil(PARTS).max(BLOCK);
        let part = |start: usize| self.part(&layers, start, rows.min(start + each));
        let starts = (0..rows).step_by(each);
        let parts: Vec<(f64, Vec<f32>)> = if rows <= each {
            starts.map(part).collect()
        } else {
            std::thread::scope(|scope| {
                let threads: Vec<_> = starts.map(|start| scope.spawn(move || part(start))).collect();
                let ended = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
                ended.map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
            })
        };
        for (_, part) in &parts {
            gradient.iter_mut().zip(part).for_each(|(sum, &g)| *sum += f64::from(g));
        }
        parts.iter().map(|(value, _)| value).sum()
    }

    /// Writes the gradient of the mean of count · loss over `rows` at `theta` into `gradient`, and answers that mean.
    pub(crate) fn batch(&self, rows: &[usize], theta: &[f32], gradient: &mut [f32]) -> f64 {
        let few = Self {
            inputs: self.inputs.select(Axis(0), rows),
            answers: self.answers.select(Axis(0), rows),
            hidden: self.hidden,
        };
        let (value, sum) = few.part(&few.layers(theta), 0, rows.len());
        let share = 1.0 / rows.len().max(1) as f32;
        gradient.iter_mut().zip(sum).for_each(|(out, sum)| *out = share * sum);
        value * f64::from(share)
    }

    /// The class of the largest output of each row; the first of equals.
    pub(crate) fn predictions(&self, theta: &[f32]) -> Vec<u8> {
        let layers = self.layers(theta);
        let mut classes = Vec::with_capacity(self.inputs.nrows());
        for inputs in self.inputs.axis_chunks_iter(Axis(0), BLOCK) {
            let (_, outputs) = layers.forward(inputs);
            classes.extend(outputs.rows().into_iter().map(|row| {
                (1..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best }) as u8
            }));
        }
        classes
    }

    fn layers<'a>(&self, theta: &'a [f32]) -> Layers<'a> {
        let (inputs, outputs) = (self.inputs.ncols(), self.answers.ncols());
        let (first, second) = theta.split_at((inputs + 1) * self.hidden);
        let view = |shape, values| ArrayView2::from_shape(shape, values).expect("the length was checked");
        Layers {
            first: view((inputs + 1, self.hidden), first),
            second: view((self.hidden + 1, outputs), second),
        }
    }

    /// Value and gradient of the rows from `start` to `end`.
    fn part(&self, layers: &Layers<'_>, start: usize, end: usize) -> (f64, Vec<f32>) {
        let split = layers.first.len();
        let mut gradient = vec![0.0; split + layers.second.len()];
        let (first, second) = gradient.split_at_mut(split);
        let view = |shape, values| ArrayViewMut2::from_shape(shape, values).expect("shapes of the layers");
        let (mut first, mut second) = (view(layers.first.dim(), first), view(layers.second.dim(), second));
        let mut value = 0.0;
        for from in (start..end).step_by(BLOCK) {
            let rows = Slice::from(from..end.min(from + BLOCK));
            let inputs = self.inputs.slice_axis(Axis(0), rows);
            let (hidden, mut outputs) = layers.forward(inputs);
            value += cross_entropy(&mut outputs, self.answers.slice_axis(Axis(0), rows));
            let residual = outputs;
            let mut back = residual.dot(&weights(&layers.second).t());
            back.zip_mut_with(&hidden, |g, &h| *g = if h > 0.0 { *g } else { 0.0 });
            add_layer(&mut second, hidden.view(), &residual);
            add_layer(&mut first, inputs, &back);
        }
        (value, gradient)
    }
}

impl Layers<'_> {
    /// Hidden units and outputs of each row.
    fn forward(&self, inputs: ArrayView2<'_, f32>) -> (Array2<f32>, Array2<f32>) {
        let through = |x: ArrayView2<'_, f32>, layer: &ArrayView2<'_, f32>| {
            let bias = layer.row(layer.nrows() - 1);
            let mut out = Array2::zeros((x.nrows(), layer.ncols()));
            out.rows_mut().into_iter().for_each(|mut row| row.assign(&bias));
            general_mat_mul(1.0, &x, &weights(layer), 1.0, &mut out);
            out
        };
        let mut hidden = through(inputs, &self.first);
        hidden.mapv_inplace(|h| h.max(0.0));
        let outputs = through(hidden.view(), &self.second);
        (hidden, outputs)
    }
}

/// A layer without its bias row.
fn weights<'a>(layer: &'a ArrayView2<'_, f32>) -> ArrayView2<'a, f32> {
    layer.slice_axis(Axis(0), Slice::from(..-1))
}

/// Adds xᵀ residual, and the sum of the residuals as the bias row.
fn add_layer(gradient: &mut ArrayViewMut2<'_, f32>, x: ArrayView2<'_, f32>, residual: &Array2<f32>) {
    let bias: Array1<f32> = residual.sum_axis(Axis(0));
    let last = gradient.nrows() - 1;
    general_mat_mul(1.0, &x.t(), residual, 1.0, &mut gradient.slice_axis_mut(Axis(0), Slice::from(..last)));
    gradient.row_mut(last).zip_mut_with(&bias, |sum, part| *sum += part);
}

/// Replaces logits by residuals (weighted as the answers are) and answers the summed cross-entropy.
fn cross_entropy(outputs: &mut Array2<f32>, answers: ArrayView2<'_, f32>) -> f64 {
    let mut value = 0.0;
    for (mut row, answer) in outputs.rows_mut().into_iter().zip(answers.rows()) {
        let top = row.fold(f32::NEG_INFINITY, |top, &z| top.max(z));
        let total: f64 = row.iter().map(|&z| f64::from(z - top).exp()).sum();
        let weight: f32 = answer.sum();
        for (z, &q) in row.iter_mut().zip(answer) {
            let log_p = f64::from(*z - top) - total.ln();
            value -= f64::from(q) * log_p;
            *z = weight * log_p.exp() as f32 - q;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Loss, Precision, data::Source, model::Kind};

    fn case(rows: usize) -> (Model, Dataset, Vec<f64>) {
        let mut digits = Source::Digits.train(None).unwrap().select(&(0..rows).collect::<Vec<_>>());
        digits.counts = Some((0..rows).map(|row| 1 + row as u32 % 3).collect());
        let model = Model { kind: Kind::Mlp { hidden: 12 }, inputs: 64, outputs: 10 };
        let theta = (0..model.dimension()).map(|k| ((k * k) as f64 * 0.37).sin() * 0.3).collect();
        (model, digits, theta)
    }

    #[test]
    fn gradients_agree_with_central_differences() {
        let (model, digits, mut theta) = case(30);
        let loss = Loss::new(&model, &digits, 0.0, 1.0, Precision::Single);
        let mut gradient = vec![0.0; theta.len()];
        let mut scratch = gradient.clone();
        loss.evaluate(&theta, &mut gradient);
        for k in (0..theta.len()).step_by(41) {
            let (middle, step) = (theta[k], 2e-3);
            theta[k] = middle + step;
            let above = loss.evaluate(&theta, &mut scratch);
            theta[k] = middle - step;
            let below = loss.evaluate(&theta, &mut scratch);
            theta[k] = middle;
            let difference = (above - below) / (2.0 * step);
            assert!(
                (difference - gradient[k]).abs() < 0.02 * (1.0 + difference.abs()),
                "{k}: {difference} {}",
                gradient[k]
            );
        }
    }

    #[test]
    fn a_batch_of_all_rows_is_the_mean() {
        let (model, digits, theta) = case(90);
        let loss = Loss::new(&model, &digits, 0.0, 1.0, Precision::Single);
        let mut sum = vec![0.0; theta.len()];
        let value = loss.evaluate(&theta, &mut sum);
        let narrow: Vec<f32> = theta.iter().map(|&t| t as f32).collect();
        let mut mean = vec![0.0; theta.len()];
        let got = loss.evaluate_rows(&(0..90).collect::<Vec<_>>(), &narrow, &mut mean);
        assert!((got - value / 90.0).abs() < 1e-9 * value);
        assert!(
            mean.iter().zip(&sum).all(|(&m, s)| (f64::from(m) - s / 90.0).abs() < 1e-7 * (1.0 + s.abs()))
        );
    }

    #[test]
    fn many_rows_in_parts_are_the_sum_of_their_parts() {
        let (model, digits, theta) = case(1400);
        let evaluate = |data: &Dataset| {
            let mut gradient = vec![0.0; theta.len()];
            let value = Loss::new(&model, data, 0.0, 1.0, Precision::Single).evaluate(&theta, &mut gradient);
            (value, gradient)
        };
        let (whole, gradient) = evaluate(&digits);
        let halves = [0..700, 700..1400].map(|rows| evaluate(&digits.select(&rows.collect::<Vec<_>>())));
        assert!((whole - halves[0].0 - halves[1].0).abs() < 1e-6 * whole);
        for (k, g) in gradient.iter().enumerate() {
            assert!((g - halves[0].1[k] - halves[1].1[k]).abs() < 1e-3 * (1.0 + g.abs()), "{k}");
        }
        assert_eq!(evaluate(&digits), (whole, gradient), "the same bits again");
    }
}
