//! Who gets which rows: a pure function of the seed, so that no process has to be told.

mod heterogeneity;

use rand::seq::{SliceRandom as _, index};
use serde::{Deserialize, Serialize};

use crate::{Dataset, Seed, Targets};

/// How training rows are shared out among the honest workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Partition {
    /// Shuffled and cut into equal parts (the first ones a row longer when it does not divide).
    Iid,
    /// So many rows each, drawn without replacement and independently of the other workers, who may hold them too.
    Independent {
        /// Rows a worker draws.
        rows: usize,
    },
    /// As `independent`, each worker its own number.
    Sizes {
        /// Rows that each worker draws.
        rows: Vec<usize>,
    },
    /// Each class shared out in proportions of its own, drawn from a Dirichlet distribution; nobody is left without.
    Dirichlet {
        /// Its parameter: small is unequal.
        alpha: f64,
    },
    /// A share of the rows shuffled and cut into equal parts, the others sorted by label and cut.
    Similarity {
        /// That share, from 0 to 1.
        gamma: f64,
    },
    /// Sorted by label and cut: everybody sees as few labels as can be.
    Extreme,
    /// Sorted by label, cut into so many shards a worker, and dealt at random.
    Shards {
        /// Shards a worker.
        #[serde(default = "two")]
        each: usize,
    },
}

const fn two() -> usize {
    2
}

/// The rows cannot be shared out so.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PartitionError {
    /// Somebody would get nothing.
    #[error("{rows} training rows cannot be shared out among {workers} workers")]
    TooFewRows {
        /// Rows there are
        rows: usize,
        /// Workers that want some
        workers: usize,
    },
    /// A worker draws more rows than there are.
    #[error("each worker draws {want} rows, and there are {rows}")]
    TooManyDrawn {
        /// Rows there are
        rows: usize,
        /// Rows a worker draws
        want: usize,
    },
    /// The list of sizes is not as long as there are workers.
    #[error("{sizes} sizes are given for {workers} workers")]
    Sizes {
        /// Sizes given
        sizes: usize,
        /// Workers there are
        workers: usize,
    },
    /// A parameter is out of its range.
    #[error("{name} of the partition is {value}, expected {expected}")]
    Parameter {
        /// `alpha`, `gamma` or `each`
        name: &'static str,
        /// What was given
        value: f64,
        /// The range
        expected: &'static str,
    },
    /// Sharing out by label needs labels.
    #[error("the training rows have no classes to share them out by")]
    NoClasses,
}

impl Partition {
    /// Answers a parameter that is out of its range.
    ///
    /// # Errors
    /// When there is one.
    pub fn check(&self) -> Result<(), PartitionError> {
        let wrong = |name, value, expected| Err(PartitionError::Parameter { name, value, expected });
        match *self {
            Self::Dirichlet { alpha } if !(alpha > 0.0 && alpha.is_finite()) => {
                wrong("alpha", alpha, "a positive number")
            }
            Self::Similarity { gamma } if !(0.0..=1.0).contains(&gamma) => {
                wrong("gamma", gamma, "a number from 0 to 1")
            }
            Self::Shards { each: 0 } => wrong("each", 0.0, "at least 1"),
            _ => Ok(()),
        }
    }

    /// The rows of worker `shard` of `shards`, out of the rows of `train`.
    ///
    /// # Errors
    /// As [`Self::rows_of`], or when it takes classes and there are none.
    pub fn part_of(
        &self,
        shard: usize,
        shards: usize,
        train: &Dataset,
        seed: Seed,
    ) -> Result<Vec<usize>, PartitionError> {
        let rows = train.inputs.rows();
        let by_label = match self {
            Self::Iid | Self::Independent { .. } | Self::Sizes { .. } => {
                return self.rows_of(shard, shards, rows, seed);
            }
            Self::Dirichlet { .. } | Self::Similarity { .. } | Self::Extreme | Self::Shards { .. } => self,
        };
        by_label.check()?;
        let Targets::Classes { labels, classes } = &train.targets else {
            return Err(PartitionError::NoClasses);
        };
        let mut parts = by_label.split(labels, *classes, shards, seed);
        match parts.get_mut(shard).map(std::mem::take) {
            Some(part) if !part.is_empty() && rows >= shards => Ok(part),
            _ => Err(PartitionError::TooFewRows { rows, workers: shards }),
        }
    }

    /// The rows of every worker, as [`Self::part_of`] answers them one by one.
    ///
    /// # Errors
    /// As [`Self::part_of`].
    pub fn parts(
        &self,
        shards: usize,
        train: &Dataset,
        seed: Seed,
    ) -> Result<Vec<Vec<usize>>, PartitionError> {
        let (rows, first) = (train.inputs.rows(), self.part_of(0, shards, train, seed)?);
        match (self, &train.targets) {
            (Self::Iid | Self::Independent { .. } | Self::Sizes { .. }, _) | (_, Targets::Values(_)) => {
                let rest = (1..shards).map(|shard| self.rows_of(shard, shards, rows, seed));
                std::iter::once(Ok(first)).chain(rest).collect()
            }
            (_, Targets::Classes { labels, classes }) => {
                let parts = self.split(labels, *classes, shards, seed);
                let empty = parts.iter().any(Vec::is_empty);
                if empty { Err(PartitionError::TooFewRows { rows, workers: shards }) } else { Ok(parts) }
            }
        }
    }

    /// All parts, for the partitions that go by label.
    fn split(&self, labels: &[u8], classes: usize, parts: usize, seed: Seed) -> Vec<Vec<usize>> {
        let mut stream = seed.stream("partition");
        let mut order: Vec<usize> = (0..labels.len()).collect();
        match *self {
            Self::Dirichlet { alpha } => {
                order.shuffle(&mut stream);
                let by_class = heterogeneity::by_class(&order, labels, classes);
                let proportions: Vec<Vec<f64>> =
                    (0..classes).map(|_| heterogeneity::dirichlet(alpha, parts, &mut stream)).collect();
                let mut all = heterogeneity::by_proportions(&by_class, &proportions);
                heterogeneity::leave_nobody_empty(&mut all);
                all
            }
            Self::Similarity { gamma } => {
                order.shuffle(&mut stream);
                heterogeneity::similar(&order, labels, gamma, parts)
            }
            Self::Shards { each } => heterogeneity::shards(&order, labels, each, parts, &mut stream),
            _ => heterogeneity::by_label(&order, labels, parts),
        }
    }

    /// The rows of worker `shard` of `shards`, out of `rows`, where labels do not matter.
    ///
    /// # Errors
    /// When some worker would get no rows, or more than there are, or labels do matter.
    pub fn rows_of(
        &self,
        shard: usize,
        shards: usize,
        rows: usize,
        seed: Seed,
    ) -> Result<Vec<usize>, PartitionError> {
        match self {
            Self::Iid => {
                if shards == 0 || shard >= shards || rows < shards {
                    return Err(PartitionError::TooFewRows { rows, workers: shards });
                }
                let mut order: Vec<usize> = (0..rows).collect();
                order.shuffle(&mut seed.stream("partition"));
                let (each, longer) = (rows / shards, rows % shards);
                let start = shard * each + shard.min(longer);
                Ok(order[start..start + each + usize::from(shard < longer)].to_vec())
            }
            Self::Independent { rows: want } => draw(*want, rows, shard, seed),
            Self::Sizes { rows: sizes } => match sizes.get(shard) {
                Some(&want) if sizes.len() == shards => draw(want, rows, shard, seed),
                _ => Err(PartitionError::Sizes { sizes: sizes.len(), workers: shards }),
            },
            Self::Dirichlet { .. } | Self::Similarity { .. } | Self::Extreme | Self::Shards { .. } => {
                Err(PartitionError::NoClasses)
            }
        }
    }
}

fn draw(want: usize, rows: usize, shard: usize, seed: Seed) -> Result<Vec<usize>, PartitionError> {
    if want > rows || want == 0 {
        return Err(PartitionError::TooManyDrawn { rows, want });
    }
    let mut stream = seed.stream_of("partition", shard as u32);
    Ok(index::sample(&mut stream, rows, want).into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iid_parts_are_disjoint_equal_and_complete() {
        let parts: Vec<Vec<usize>> =
            (0..10).map(|shard| Partition::Iid.rows_of(shard, 10, 1437, Seed(1)).unwrap()).collect();
        assert!(parts.iter().all(|part| part.len() == 143 || part.len() == 144));
        let mut all = parts.concat();
        all.sort_unstable();
        assert_eq!(all, (0..1437).collect::<Vec<_>>());
    }

    fn parts(partition: &Partition, workers: usize) -> (Vec<Vec<usize>>, Vec<u8>) {
        let train = crate::data::Source::Digits.train(None).unwrap();
        let part = |shard| partition.part_of(shard, workers, &train, Seed(3)).unwrap();
        let Targets::Classes { labels, .. } = &train.targets else { unreachable!("digits have classes") };
        ((0..workers).map(part).collect(), labels.clone())
    }

    #[test]
    fn every_row_goes_to_one_worker_and_nobody_goes_without() {
        for partition in [
            Partition::Dirichlet { alpha: 0.01 },
            Partition::Dirichlet { alpha: 1.0 },
            Partition::Similarity { gamma: 0.5 },
            Partition::Extreme,
            Partition::Shards { each: 2 },
        ] {
            let (parts, labels) = parts(&partition, 50);
            assert!(parts.iter().all(|part| !part.is_empty()), "{partition:?}");
            let mut all = parts.concat();
            all.sort_unstable();
            assert_eq!(all, (0..labels.len()).collect::<Vec<_>>(), "{partition:?}");
        }
    }

    /// Mean number of labels that a worker sees.
    fn labels_seen(partition: &Partition) -> f64 {
        let (parts, labels) = parts(partition, 10);
        let seen = |part: &Vec<usize>| {
            let mut seen: Vec<u8> = part.iter().map(|&row| labels[row]).collect();
            seen.sort_unstable();
            seen.dedup();
            seen.len() as f64
        };
        parts.iter().map(seen).sum::<f64>() / 10.0
    }

    #[test]
    fn heterogeneity_is_ordered_as_its_parameter_says() {
        let dirichlet = |alpha| labels_seen(&Partition::Dirichlet { alpha });
        assert!(dirichlet(0.05) < dirichlet(0.5) && dirichlet(0.5) < dirichlet(50.0));
        let similarity = |gamma| labels_seen(&Partition::Similarity { gamma });
        assert!(similarity(0.0) < 3.0 && similarity(1.0) == 10.0);
        assert_eq!(labels_seen(&Partition::Extreme), similarity(0.0));
        let shards = labels_seen(&Partition::Shards { each: 2 });
        assert!((2.0..5.0).contains(&shards), "{shards}");
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        for (partition, expected) in [
            (Partition::Dirichlet { alpha: 0.0 }, "alpha of the partition is 0, expected a positive number"),
            (Partition::Similarity { gamma: 1.5 }, "gamma of the partition is 1.5"),
            (Partition::Shards { each: 0 }, "each of the partition is 0"),
        ] {
            let got = partition.check().unwrap_err().to_string();
            assert!(got.starts_with(expected), "{got:?} does not say {expected:?}");
        }
    }

    #[test]
    fn independent_draws_repeat_no_row_and_differ_between_workers() {
        let draw = |shard| {
            let mut rows = Partition::Independent { rows: 600 }.rows_of(shard, 2, 1000, Seed(1)).unwrap();
            rows.sort_unstable();
            rows.dedup();
            rows
        };
        assert_eq!((draw(0).len(), draw(1).len()), (600, 600));
        assert_ne!(draw(0), draw(1));
        assert_eq!(draw(1), draw(1));
    }

    #[test]
    fn nobody_is_left_without_rows() {
        assert!(Partition::Iid.rows_of(0, 11, 10, Seed(1)).is_err());
        assert!(Partition::Independent { rows: 11 }.rows_of(0, 1, 10, Seed(1)).is_err());
        assert!(Partition::Independent { rows: 0 }.rows_of(0, 1, 10, Seed(1)).is_err());
        let sizes = Partition::Sizes { rows: vec![2, 10] };
        assert_eq!(sizes.rows_of(0, 2, 10, Seed(1)).unwrap().len(), 2);
        assert_eq!(sizes.rows_of(1, 2, 10, Seed(1)).unwrap().len(), 10);
        assert_eq!(sizes.rows_of(0, 3, 10, Seed(1)), Err(PartitionError::Sizes { sizes: 2, workers: 3 }));
    }
}
