//! How many rows of each label every worker learns from: what a partition made of the data, worker by worker.

use std::{collections::BTreeMap, path::Path};

use learning::{Dataset, Targets};
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, scenario::Scenario};

/// Rows of each label, by rank: of the honest workers, and of liars whose attack takes data of their own, before they
/// spoil them. Of nobody where the data have no classes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<u32, Vec<u32>>);

impl Labels {
    /// The labels of everybody in `scenario`; `folder` holds the sets that are not embedded.
    ///
    /// # Errors
    /// When the data cannot be read or shared out.
    pub fn of(scenario: &Scenario, folder: Option<&Path>) -> Result<Self, Failure> {
        let Scenario { task, seed, workers, .. } = scenario;
        let train = task.train(*seed, folder).map_err(|error| Failure::unfinished(&error))?;
        let parts = task.partition.parts(workers.count, &train, *seed);
        let parts = parts.map_err(|error| Failure::unfinished(&error))?;
        let mut all: BTreeMap<u32, Vec<u32>> =
            (0..).zip(parts).filter_map(|(rank, rows)| Some((rank, count(&train, rows)?))).collect();
        let mut rank = workers.count as u32;
        for entry in &scenario.attackers {
            let ranks = rank..rank + entry.count as u32;
            rank = ranks.end;
            if entry.has_own_data() {
                let own = |rank| {
                    let own = task.own_rows(rank, workers.count, *seed, &train);
                    let rows = (0..own.inputs.rows()).collect();
                    Some((rank, count(&own, rows)?))
                };
                all.extend(ranks.filter_map(own));
            }
        }
        Ok(Self(all))
    }

    /// Rank and rows of each label.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u32])> {
        self.0.iter().map(|(&rank, rows)| (rank, rows.as_slice()))
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Rows of each label among `rows`.
fn count(data: &Dataset, rows: Vec<usize>) -> Option<Vec<u32>> {
    let Targets::Classes { labels, classes } = &data.targets else { return None };
    let mut counts = vec![0; *classes];
    rows.into_iter().for_each(|row| counts[usize::from(labels[row])] += 1);
    Some(counts)
}
