//! What happened in a round, for whoever knows who is honest: `study.jsonl`.
//!
//! The server reports where the rows, the aggregate and the origin are relative to each other and does not know who is
//! honest; here that is known, and all else follows. With weights a and b that each sum to one,
//!
//! ```text
//! Σᵢaᵢxᵢ · Σⱼbⱼxⱼ    =  ½ (Σᵢ aᵢ‖xᵢ‖² + Σⱼ bⱼ‖xⱼ‖² − Σᵢⱼ aᵢbⱼ‖xᵢ−xⱼ‖²)
//! ‖Σᵢaᵢxᵢ − Σⱼbⱼxⱼ‖²  =  Σᵢⱼ aᵢbⱼ‖xᵢ−xⱼ‖² − ½ Σᵢⱼ aᵢaⱼ‖xᵢ−xⱼ‖² − ½ Σᵢⱼ bᵢbⱼ‖xᵢ−xⱼ‖²
//! ```

use serde::{Deserialize, Serialize};

use crate::results::{RoundLine, Timing};

/// One line of `study.jsonl`. Everything but `timing` is the same for the same scenario and seed. What is not defined, as
/// a cosine with nothing, is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyLine {
    /// The round, from 1.
    pub round: u32,
    /// The honest rows.
    pub honest: Group,
    /// The attackers' rows.
    pub attack: Group,
    /// ‖aggregate‖
    pub aggregate_norm: Option<f64>,
    /// Between the mean of the honest rows and that of the attackers'.
    pub cosine_honest_attack: Option<f64>,
    /// Between the mean of the honest rows and the aggregate.
    pub cosine_honest_aggregate: Option<f64>,
    /// Between the mean of the attackers' rows and the aggregate.
    pub cosine_attack_aggregate: Option<f64>,
    /// ‖aggregate − mean of the honest rows‖
    pub error: Option<f64>,
    /// Its square over the honest variance: what a rule is (f, κ)-robust with.
    pub kappa: Option<f64>,
    /// The attackers' part of all weight.
    pub attack_weight: Option<f64>,
    /// Bytes of the models that went out.
    pub bytes_down: u64,
    /// Bytes of the rows that were aggregated.
    pub bytes_up: u64,
    /// How long each phase took.
    pub timing: Timing,
}

/// Rows of one side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// How many were in.
    pub rows: usize,
    /// Norm of their mean.
    pub norm: Option<f64>,
    /// Mean squared distance from their mean.
    pub variance: Option<f64>,
    /// Ranks whose row has no weight in the aggregate.
    pub excluded: Vec<u32>,
}

/// The points of a round.
struct Points<'a> {
    count: usize,
    /// Squared distances, upper triangle without the diagonal, row after row.
    squares: &'a [f64],
}

impl Points<'_> {
    fn square(&self, a: usize, b: usize) -> f64 {
        let (low, high) = (a.min(b), a.max(b));
        if low == high {
            return 0.0;
        }
        let before = low * (2 * self.count - low - 1) / 2;
        self.squares[before + high - low - 1]
    }

    /// Mean of the squared distances from points of `a` to points of `b`.
    fn between(&self, a: &[usize], b: &[usize]) -> f64 {
        let sum: f64 = a.iter().flat_map(|&a| b.iter().map(move |&b| self.square(a, b))).sum();
        sum / (a.len() * b.len()) as f64
    }

    /// Squared distance between the means of `a` and `b`.
    fn apart(&self, a: &[usize], b: &[usize]) -> f64 {
        // Not below 0 by rounding; of no points it stays undefined.
        (self.between(a, b) - self.variance(a) - self.variance(b)).clamp(0.0, f64::INFINITY)
    }

    /// Mean squared distance of points from their mean.
    fn variance(&self, a: &[usize]) -> f64 {
        self.between(a, a) / 2.0
    }
}

/// What `line` says of a round, and `squares`, in the eyes of who knows that ranks below `honest` are honest.
///
/// `None` when the round has no constellation: it was skipped, or the scenario asks for none.
#[must_use]
pub fn study(line: &RoundLine, squares: &[f64], honest: usize, dimension: usize) -> Option<StudyLine> {
    let ranks: Vec<u32> = line.verdicts.iter().map(|(rank, _)| *rank).collect();
    let count = ranks.len() + 2;
    if ranks.is_empty() || squares.len() != count * (count - 1) / 2 {
        return None;
    }
    let points = Points { count, squares };
    let is_honest = |index: &usize| (ranks[*index] as usize) < honest;
    let (good, bad): (Vec<usize>, Vec<usize>) = (0..ranks.len()).partition(is_honest);
    let (aggregate, origin) = ([count - 2], [count - 1]);
    let norm = |a: &[usize]| points.apart(a, &origin).sqrt();
    let cosine = |a: &[usize], b: &[usize]| {
        let squares = (norm(a).powi(2), norm(b).powi(2));
        let product = (squares.0 + squares.1 - points.apart(a, b)) / 2.0;
        known(product / (squares.0 * squares.1).sqrt()).map(|cosine| cosine.clamp(-1.0, 1.0))
    };
    let group = |rows: &[usize]| Group {
        rows: rows.len(),
        norm: known(norm(rows)),
        variance: known(points.variance(rows)),
        excluded: rows.iter().filter(|row| line.verdicts[**row].1 == 0.0).map(|&row| ranks[row]).collect(),
    };
    let error = points.apart(&aggregate, &good);
    let weight = |rows: &[usize]| rows.iter().map(|&row| line.verdicts[row].1).sum::<f64>();
    let number = size_of::<f32>() as u64 * dimension as u64;
    Some(StudyLine {
        round: line.round,
        honest: group(&good),
        attack: group(&bad),
        aggregate_norm: known(norm(&aggregate)),
        cosine_honest_attack: cosine(&good, &bad),
        cosine_honest_aggregate: cosine(&good, &aggregate),
        cosine_attack_aggregate: cosine(&bad, &aggregate),
        error: known(error.sqrt()),
        kappa: known(error / points.variance(&good)),
        attack_weight: known(weight(&bad) / (weight(&good) + weight(&bad))),
        bytes_down: number * (ranks.len() + line.absent.len()) as u64,
        bytes_up: number * ranks.len() as u64,
        timing: line.timing,
    })
}

/// JSON has no other numbers.
fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(verdicts: Vec<(u32, f64)>) -> RoundLine {
        RoundLine { round: 1, step: 1.0, aggregate_norm: 1.0, verdicts, ..RoundLine::default() }
    }

    /// Squared distances of these points and the origin.
    fn squares(points: &[[f64; 2]]) -> Vec<f64> {
        let all = [points, &[[0.0, 0.0]]].concat();
        let pair = |a: usize, b: usize| (all[a][0] - all[b][0]).powi(2) + (all[a][1] - all[b][1]).powi(2);
        (0..all.len())
            .flat_map(|a| (a + 1..all.len()).map(move |b| (a, b)))
            .map(|(a, b)| pair(a, b))
            .collect()
    }

    #[test]
    fn it_says_what_the_rows_themselves_would() {
        // Honest (1, 0), (3, 0); a liar at (0, -5); the aggregate at (2, 3).
        let squares = squares(&[[1.0, 0.0], [3.0, 0.0], [0.0, -5.0], [2.0, 3.0]]);
        let study = study(&line(vec![(0, 0.5), (1, 0.5), (7, 0.0)]), &squares, 5, 650).unwrap();
        assert_eq!((study.honest.rows, study.honest.norm, study.honest.variance), (2, Some(2.0), Some(1.0)));
        assert_eq!((study.attack.rows, study.attack.norm, study.attack.variance), (1, Some(5.0), Some(0.0)));
        assert_eq!((study.attack.excluded, study.honest.excluded), (vec![7], vec![]));
        assert_eq!((study.error, study.kappa, study.attack_weight), (Some(3.0), Some(9.0), Some(0.0)));
        assert_eq!((study.bytes_down, study.bytes_up), (7800, 7800));
        let close =
            |got: Option<f64>, want: f64| assert!((got.unwrap() - want).abs() < 1e-12, "{got:?} {want}");
        close(study.cosine_honest_attack, 0.0);
        close(study.cosine_honest_aggregate, 2.0 / 13.0_f64.sqrt());
        close(study.cosine_attack_aggregate, -3.0 / 13.0_f64.sqrt());
        close(study.aggregate_norm, 13.0_f64.sqrt());
    }

    #[test]
    fn its_kappa_is_that_of_the_aggregation() {
        let rows = [[1.0_f32, 0.5], [3.0, -2.0], [0.25, 4.0]];
        let (aggregate, wide) = ([2.5_f32, 1.0], |row: &[f32; 2]| row.map(f64::from));
        let mut points: Vec<[f64; 2]> = rows.iter().map(wide).collect();
        points.push(wide(&aggregate));
        let study = study(&line(vec![(0, 1.0), (1, 1.0), (2, 1.0)]), &squares(&points), 3, 2).unwrap();
        let honest: Vec<&[f32]> = rows.iter().map(<[f32; 2]>::as_slice).collect();
        let want = aggregation::kappa(&aggregate, &honest);
        // That one rounds the honest mean to f32.
        assert!((study.kappa.unwrap() - want).abs() < 1e-6 * want);
        assert_eq!((study.attack.norm, study.cosine_honest_attack), (None, None));
    }

    #[test]
    fn a_round_without_rows_has_no_study() {
        assert_eq!(study(&line(vec![]), &[], 3, 2), None);
        assert_eq!(study(&line(vec![(0, 1.0)]), &[], 3, 2), None);
    }
}
