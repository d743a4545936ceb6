//! Parts that differ in their labels: by label, by a share of like rows, by Dirichlet proportions, by shards.
//!
//! Same as ByzFL's distributions, except that a Dirichlet split leaves nobody without rows: whoever has none is given
//! one by whoever has most.

use rand::{RngExt as _, seq::SliceRandom as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, Gamma};

/// Cuts `order` into `parts` consecutive parts, the first ones a row longer when it does not divide.
pub(super) fn cut(order: &[usize], parts: usize) -> Vec<Vec<usize>> {
    let (each, longer) = (order.len() / parts, order.len() % parts);
    let start = |part: usize| part * each + part.min(longer);
    (0..parts).map(|part| order[start(part)..start(part + 1)].to_vec()).collect()
}

/// Rows in order of label, then of index, cut into parts.
pub(super) fn by_label(rows: &[usize], labels: &[u8], parts: usize) -> Vec<Vec<usize>> {
    let mut order = rows.to_vec();
    order.sort_by_key(|&row| (labels[row], row));
    cut(&order, parts)
}

/// The first γ of `order` shared out as it is, the rest by label.
pub(super) fn similar(order: &[usize], labels: &[u8], gamma: f64, parts: usize) -> Vec<Vec<usize>> {
    let alike = (order.len() as f64 * gamma) as usize;
    let mut all = cut(&order[..alike], parts);
    for (part, rest) in all.iter_mut().zip(by_label(&order[alike..], labels, parts)) {
        part.extend(rest);
    }
    all
}

/// Each class cut at the cumulated proportions, one row of `proportions` a class.
pub(super) fn by_proportions(classes: &[Vec<usize>], proportions: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new(); proportions.first().map_or(0, Vec::len)];
    for (rows, proportions) in classes.iter().zip(proportions) {
        let (mut from, mut sum) = (0, 0.0);
        for (part, proportion) in proportions.iter().enumerate() {
            sum += proportion;
            let last = part + 1 == proportions.len();
            let to = if last { rows.len() } else { ((sum * rows.len() as f64) as usize).min(rows.len()) };
            all[part].extend(&rows[from..to.max(from)]);
            from = to.max(from);
        }
    }
    all
}

/// Proportions over `parts` parts, Dirichlet with every parameter `alpha`.
pub(super) fn dirichlet(alpha: f64, parts: usize, stream: &mut ChaCha8Rng) -> Vec<f64> {
    let gamma = Gamma::new(alpha, 1.0).expect("a positive parameter was checked");
    let draws: Vec<f64> = (0..parts).map(|_| gamma.sample(stream)).collect();
    let sum: f64 = draws.iter().sum();
    if sum > 0.0 && sum.is_finite() {
        return draws.into_iter().map(|draw| draw / sum).collect();
    }
    // With a tiny α all draws underflow; in the limit one part has everything.
    let all = stream.random_range(0..parts);
    (0..parts).map(|part| f64::from(u8::from(part == all))).collect()
}

/// Gives everyone without rows one of whoever has most, the first of equals.
pub(super) fn leave_nobody_empty(parts: &mut [Vec<usize>]) {
    while let Some(empty) = parts.iter().position(Vec::is_empty) {
        let longest = parts.iter().map(Vec::len).max().unwrap_or(0);
        let Some(richest) = parts.iter().position(|part| part.len() == longest && longest > 1) else {
            return;
        };
        let row = parts[richest].pop();
        parts[empty].extend(row);
    }
}

/// Rows in order of label cut into `each` shards a part, dealt at random.
pub(super) fn shards(
    order: &[usize],
    labels: &[u8],
    each: usize,
    parts: usize,
    stream: &mut ChaCha8Rng,
) -> Vec<Vec<usize>> {
    let mut all = by_label(order, labels, each * parts);
    all.shuffle(stream);
    all.chunks(each).map(<[Vec<usize>]>::concat).collect()
}

/// The rows of `order` by class.
pub(super) fn by_class(order: &[usize], labels: &[u8], classes: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new(); classes];
    for &row in order {
        all[usize::from(labels[row])].push(row);
    }
    all
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::Seed;

    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        id: u32,
        params: Parameters,
        input: Vec<u8>,
        #[serde(default)]
        output: Vec<Vec<usize>>,
        #[serde(default)]
        output_sizes: Vec<usize>,
        #[serde(default)]
        niid_part: Vec<Vec<usize>>,
        #[serde(default)]
        dirichlet_sample: Vec<Vec<f64>>,
    }

    #[derive(Deserialize)]
    struct Parameters {
        name: String,
        nb_honest: usize,
        #[serde(default)]
        distribution_parameter: Option<f64>,
    }

    /// Every distribution of ByzFL as it is, given the randomness that it drew: where it shuffled, the sizes.
    #[test]
    fn parts_are_those_of_the_golden_file() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../../golden/DataDistribution.json")).unwrap();
        assert_eq!(golden.cases.len(), 36);
        for case in golden.cases {
            let labels = case.input;
            let order: Vec<usize> = (0..labels.len()).collect();
            let parts = case.params.nb_honest;
            let sizes = |parts: &[Vec<usize>]| parts.iter().map(Vec::len).collect::<Vec<_>>();
            let name = format!("case {}, {}", case.id, case.params.name);
            match case.params.name.as_str() {
                "iid" => assert_eq!(sizes(&cut(&order, parts)), case.output_sizes, "{name}"),
                "extreme_niid" => assert_eq!(by_label(&order, &labels, parts), case.output, "{name}"),
                "gamma_similarity_niid" => {
                    let gamma = case.params.distribution_parameter.unwrap();
                    let got = similar(&order, &labels, gamma, parts);
                    assert_eq!(sizes(&got), case.output_sizes, "{name}");
                    assert!(got.iter().zip(&case.niid_part).all(|(got, niid)| got.ends_with(niid)), "{name}");
                }
                "dirichlet_niid" => {
                    let classes = labels.iter().max().map_or(0, |&most| usize::from(most) + 1);
                    let rows = by_class(&order, &labels, classes);
                    assert_eq!(by_proportions(&rows, &case.dirichlet_sample), case.output, "{name}");
                }
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn proportions_sum_to_one_whatever_the_parameter() {
        for alpha in [1e-6, 0.1, 1.0, 1e3] {
            let mut stream = Seed(5).stream("dirichlet test");
            let proportions = dirichlet(alpha, 7, &mut stream);
            assert!((proportions.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{alpha}");
            let largest = proportions.iter().copied().fold(0.0, f64::max);
            assert!(if alpha < 0.01 { largest > 0.99 } else { largest < 1.0 }, "{alpha}: {largest}");
        }
    }
}
