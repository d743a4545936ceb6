//! Where the rows of a round, their aggregate and the origin are relative to each other.
//!
//! Norms, cosines, variances and distances of any means of rows follow from it. So whoever knows who is honest can study
//! a round without its rows, and the server, which has them, need not know who is.

/// Squared distances between all points of a round: its rows in order of rank, the aggregate, the origin. The upper
/// triangle without the diagonal, row after row.
#[must_use]
pub(crate) fn constellation(rows: &[&[f32]], aggregate: &[f32]) -> Vec<f64> {
    let origin = vec![0.0; aggregate.len()];
    let points: Vec<&[f32]> = rows.iter().copied().chain([aggregate, &origin]).collect();
    let mut squares = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    for (index, a) in points.iter().enumerate() {
        squares.extend(points[index + 1..].iter().map(|b| distance(a, b)));
    }
    squares
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    // Lanes of their own, so that the additions need not wait for each other.
    let mut lanes = [0.0; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a_chunks.remainder().iter().zip(b_chunks.remainder());
    let rest: f64 = rest.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            let apart = f64::from(a[lane]) - f64::from(b[lane]);
            lanes[lane] += apart * apart;
        }
    }
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_come_row_after_row_and_the_origin_last() {
        let rows: [&[f32]; 2] = [&[3.0, 0.0], &[0.0, 4.0]];
        assert_eq!(constellation(&rows, &[1.0, 0.0]), [25.0, 4.0, 9.0, 17.0, 16.0, 1.0]);
        let (long, short) = (vec![2.0; 19], vec![1.0; 19]);
        assert_eq!(constellation(&[&long], &short), [19.0, 76.0, 19.0]);
    }
}
