//! Rules as their definitions say them, in f64, slowly.

/// Rows in f64.
pub(crate) type Wide = Vec<Vec<f64>>;

/// The mean of some rows.
pub(crate) fn mean(rows: &Wide, of: &[usize]) -> Vec<f64> {
    let sum = |k: usize| of.iter().map(|&row| rows[row][k]).sum::<f64>() / of.len() as f64;
    (0..rows.first().map_or(0, Vec::len)).map(sum).collect()
}

/// Applies `rule` to each sorted column.
pub(crate) fn columns(rows: &Wide, rule: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let column = |k: usize| {
        let mut column: Vec<f64> = rows.iter().map(|row| row[k]).collect();
        column.sort_by(f64::total_cmp);
        rule(&column)
    };
    (0..rows.first().map_or(0, Vec::len)).map(column).collect()
}

pub(crate) fn median(column: &[f64]) -> f64 {
    f64::midpoint(column[(column.len() - 1) / 2], column[column.len() / 2])
}

pub(crate) fn trimmed(column: &[f64], f: usize) -> f64 {
    let kept = &column[f..column.len() - f];
    kept.iter().sum::<f64>() / kept.len() as f64
}

/// The mean of the `count` values nearest to `centre`; of a tie, half of each.
pub(crate) fn nearest(column: &[f64], centre: f64, count: usize) -> f64 {
    let mut distances: Vec<f64> = column.iter().map(|x| (x - centre).abs()).collect();
    distances.sort_by(f64::total_cmp);
    let last = distances[count - 1];
    let slack = 1e-13 * column.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let within = |x: &&f64| (**x - centre).abs() < last - slack;
    let tied = |x: &&f64| ((**x - centre).abs() - last).abs() <= slack;
    let sure: Vec<f64> = column.iter().filter(within).copied().collect();
    let open: Vec<f64> = column.iter().filter(tied).copied().collect();
    let share = (count - sure.len()) as f64 / open.len() as f64;
    (sure.iter().sum::<f64>() + share * open.iter().sum::<f64>()) / count as f64
}

pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

/// Rows from the nearest to `to` on.
pub(crate) fn by_distance(rows: &Wide, to: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&a, &b| distance(&rows[a], to).total_cmp(&distance(&rows[b], to)));
    order
}

/// Rows from the best Krum score on, with so many neighbours.
pub(crate) fn by_krum(rows: &Wide, neighbours: usize) -> Vec<usize> {
    let score = |row: usize| {
        let order = by_distance(rows, &rows[row]);
        let others = order.iter().filter(|&&other| other != row).take(neighbours);
        others.map(|&other| distance(&rows[row], &rows[other])).sum::<f64>()
    };
    let scores: Vec<f64> = (0..rows.len()).map(score).collect();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    order
}

/// The subset of `size` rows of least diameter, of all there are.
pub(crate) fn mda(rows: &Wide, size: usize) -> Vec<usize> {
    let subsets = (0..1_u32 << rows.len()).filter(|subset| subset.count_ones() as usize == size);
    let members = |subset: u32| (0..rows.len()).filter(move |row| subset >> row & 1 == 1).collect::<Vec<_>>();
    let measured = subsets.map(members).map(|subset| (diameter(rows, &subset), subset));
    measured.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a subset").1
}

/// The largest squared distance among some rows.
pub(crate) fn diameter(rows: &Wide, subset: &[usize]) -> f64 {
    let pairs = subset.iter().flat_map(|&a| subset.iter().map(move |&b| (a, b)));
    pairs.map(|(a, b)| distance(&rows[a], &rows[b])).fold(0.0, f64::max)
}

/// Means weighted by 1 / max(distance, `nu`), from the origin.
pub(crate) fn weiszfeld(rows: &Wide, nu: f64, steps: usize) -> Vec<f64> {
    let mut z = vec![0.0; rows[0].len()];
    for _ in 0..steps {
        let weights: Vec<f64> = rows.iter().map(|row| 1.0 / distance(row, &z).sqrt().max(nu)).collect();
        let total: f64 = weights.iter().sum();
        let at =
            |k: usize| rows.iter().zip(&weights).map(|(row, weight)| weight * row[k]).sum::<f64>() / total;
        z = (0..z.len()).map(at).collect();
    }
    z
}

/// `row` shortened towards `from` to the length `most`.
pub(crate) fn shortened(row: &[f64], from: &[f64], most: f64) -> Vec<f64> {
    let length = distance(row, from).sqrt();
    let factor = if length > most { most / length } else { 1.0 };
    row.iter().zip(from).map(|(x, from)| from + factor * (x - from)).collect()
}
