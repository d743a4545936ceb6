//! Who gets which rows: a pure function of the seed, so that no process has to be told.

use rand::seq::{SliceRandom as _, index};
use serde::{Deserialize, Serialize};

use crate::Seed;

/// How training rows are shared out among the honest workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// The rows cannot be shared out so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
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
}

impl Partition {
    /// The rows of worker `shard` of `shards`, out of `rows`.
    ///
    /// # Errors
    /// When some worker would get no rows, or more than there are.
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
