//! The sharded server of docs/scaling.md in one process: each shard holds a range of coordinates and sees no other.
//!
//! Shards begin where blocks of the sums begin. A shard is asked whether its part of each row is finite, for the sums of its
//! blocks, for coordinates that a rule draws and for counts of signs; it is told who is left and under what weights, and
//! writes its part of the aggregate. Every rule and pre-aggregator is sharded so, with the bits of one server.

use crate::{
    Pipeline, Rows, Rule, affine,
    aggregator::tests::everything,
    coordinatewise::{self, Source},
    election::{self, Round, Voters},
    finite::is_finite,
    geometry::{Asked, Mixing, Survey, block},
    order,
};

struct Shard<'a> {
    start: usize,
    rows: Vec<&'a [f32]>,
    anchor: Option<&'a [f32]>,
}

impl Shard<'_> {
    fn end(&self) -> usize {
        self.start + self.rows[0].len()
    }

    fn without(&self, finite: &[bool]) -> Self {
        let kept = self.rows.iter().zip(finite).filter(|(_, finite)| **finite).map(|(row, _)| *row);
        Self { rows: kept.collect(), ..*self }
    }
}

/// Divides `d` coordinates among at most `count` shards, whole blocks each.
fn divide<'a>(rows: &[&'a [f32]], anchor: Option<&'a [f32]>, count: usize) -> Vec<Shard<'a>> {
    let d = rows[0].len();
    let size = d.div_ceil(block(d)).div_ceil(count) * block(d);
    let shard = |start: usize| {
        let part = |row: &'a [f32]| &row[start..d.min(start + size)];
        Shard { start, rows: rows.iter().copied().map(part).collect(), anchor: anchor.map(part) }
    };
    (0..d).step_by(size).map(shard).collect()
}

fn aggregate(round: Round<'_>, ranks: &[u32], shards: &[Shard<'_>]) -> Vec<f32> {
    let (pipeline, d) = (round.pipeline, shards.last().expect("a shard").end());
    let finite: Vec<bool> =
        (0..ranks.len()).map(|row| shards.iter().all(|shard| is_finite(shard.rows[row]))).collect();
    let broken = finite.iter().filter(|finite| !**finite).count();
    let round = Round { f: round.f - broken, ..round };
    let shards: Vec<Shard<'_>> = shards.iter().map(|shard| shard.without(&finite)).collect();
    let ranks: Vec<u32> =
        ranks.iter().zip(&finite).filter(|(_, finite)| **finite).map(|(rank, _)| *rank).collect();
    let each = |write: &dyn Fn(&Shard<'_>, &mut [f32])| {
        let part = |shard: &Shard<'_>| {
            let mut out = vec![0.0; shard.rows[0].len()];
            write(shard, &mut out);
            out
        };
        shards.iter().flat_map(part).collect()
    };
    if pipeline.is_plain() {
        return each(&|shard, out| {
            let rows = Rows(&shard.rows);
            match pipeline.rule {
                Rule::Average => affine::mean(rows, out),
                rule => coordinatewise::apply(rule, &Source::new(rows, None), round.f, out),
            };
        });
    }
    let surveys = shards.iter().map(|shard| {
        let points = election::points(pipeline, Rows(&shard.rows), shard.anchor);
        Survey::by_blocks(
            &points,
            ranks.len(),
            shard.rows[0].len(),
            block(d),
            Asked { products: pipeline.needs_products(), ..Asked::default() },
        )
    });
    let survey = Survey::join(surveys);
    let all: Vec<usize> = (0..survey.points()).collect();
    let cloud = survey.cloud(&all, ranks.len(), pipeline.needs_products());
    let pivot = match pipeline.rule {
        Rule::Monna { pivot } => ranks.iter().position(|&rank| rank == pivot),
        _ => None,
    };
    let voters = Voters::seat(round, cloud, order::keys(round.seed, round.number, &ranks), pivot);
    let columns = |drawn: &[usize]| {
        let held = |k: usize| shards.iter().find(|shard| k < shard.end()).expect("it is below d");
        let row =
            |row: usize| drawn.iter().map(|&k| held(k).rows[row][k - held(k).start]).collect::<Vec<f32>>();
        (0..ranks.len()).map(row).collect::<Vec<_>>()
    };
    let signs = |mixing: Option<&Mixing>| {
        let counts = shards
            .iter()
            .map(|shard| coordinatewise::signs(&Source::new(Rows(&shard.rows), mixing), shard.rows[0].len()));
        counts
            .reduce(|sums, part| sums.iter().zip(part).map(|(a, b)| [a[0] + b[0], a[1] + b[1]]).collect())
            .expect("a shard")
    };
    let weights = voters.decide(round, d, columns, signs).expect("the single server answers too");
    each(&|shard, out| {
        voters.write(round, weights.as_deref(), Rows(&shard.rows), shard.anchor, out);
    })
}

/// Rows of which the last two lie, one of them from far away.
fn rows(n: usize, d: usize, far: f32) -> Vec<Vec<f32>> {
    let value = |row: usize, k: usize| ((row * 7919 + k * 104_729 + row * k) % 1009) as f32 / 1009.0 - 0.4;
    let mut rows: Vec<Vec<f32>> = (0..n).map(|row| (0..d).map(|k| value(row, k)).collect()).collect();
    rows[n - 2].iter_mut().for_each(|x| *x = 3.0 - *x);
    rows[n - 1].iter_mut().for_each(|x| *x *= far);
    rows
}

#[test]
fn shards_make_the_bits_of_one_server_under_every_rule() {
    let (n, d, f, seed, number) = (15, 20_001, 3, 7, 4);
    let anchor: Vec<f32> = (0..d).map(|k| (k % 17) as f32 / 40.0).collect();
    let ranks: Vec<u32> = (0..n as u32).map(|rank| 2 * rank).collect();
    for (far, broken) in [(2.0, false), (1e4, false), (2.0, true)] {
        let mut all = rows(n, d, far);
        if broken {
            // In the last shard only: the others have to be told.
            all[2][d - 1] = f32::NAN;
        }
        let views: Vec<&[f32]> = all.iter().map(Vec::as_slice).collect();
        for text in everything() {
            let pipeline: Pipeline = text.parse().expect("a pipeline");
            let mut single = crate::Aggregator::new(pipeline.clone(), f, seed);
            single.restore(Some(anchor.clone()));
            let mut want = vec![0.0; d];
            if let Err(refusal) = single.aggregate_with_root(number, &ranks, &views, Some(&anchor), &mut want)
            {
                assert!(text.contains("bucketing"), "buckets of two may be too few, {text}: {refusal}");
                continue;
            }
            let anchor = pipeline.needs_anchor().then_some(&anchor[..]);
            for count in [2, 3] {
                let round = Round { pipeline: &pipeline, f, seed, number };
                let got = aggregate(round, &ranks, &divide(&views, anchor, count));
                let same = got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same && got.len() == d, "{text} on {count} shards, far = {far}, broken = {broken}");
            }
        }
    }
}
