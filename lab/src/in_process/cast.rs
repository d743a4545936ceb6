//! Everybody who takes part in a run, in one process: honest workers, poisoned ones, liars.

use std::path::Path;

use attacker::{AttackSpec, Attackers, Head, Liar};
use attacks::Knowledge;
use server::Config;
use worker::{Honest, Joined, Participant, Rows};

use crate::{failure::Failure, scenario::Scenario};

/// The participants in order of rank. Training rows are read once for all.
pub(super) fn participants(
    scenario: &Scenario,
    config: &Config,
    data: Option<&Path>,
) -> Result<Vec<Box<dyn Participant>>, Failure> {
    let train = scenario.task.train(scenario.seed, data).map_err(|error| Failure::unfinished(&error))?;
    let honest =
        worker::Scenario { seed: scenario.seed, task: scenario.task.clone(), workers: scenario.workers };
    let mut all: Vec<Box<dyn Participant>> = Vec::with_capacity(config.workers);
    for rank in 0..scenario.workers.count as u32 {
        let honest = Honest::among(&honest, rank, &train).map_err(|error| Failure::unfinished(&error))?;
        all.push(Box::new(honest));
    }
    let spoken: attacker::Scenario =
        toml::from_str(&config.scenario).map_err(|error| Failure::unfinished(&error))?;
    for entry in &scenario.attackers {
        let mut head: Option<Head> = None;
        for _ in 0..entry.count {
            let rank = all.len() as u32;
            if let AttackSpec::Data { file, start } = &entry.attack {
                let joined = Joined {
                    rank,
                    workers: config.workers as u32,
                    dimension: config.start.len(),
                    rounds: config.spec.rounds,
                    scenario: config.scenario.clone(),
                };
                let rows = Rows { file: Some(file.clone()), start: start.clone(), folder: None };
                let honest = Honest::new(&joined, &rows).map_err(|error| Failure::unfinished(&error))?;
                all.push(Box::new(honest));
                continue;
            }
            let mut liar = Liar::among(&spoken, rank, data, Some(&train))
                .map_err(|error| Failure::unfinished(&error))?;
            if send_the_same(entry) {
                let head = head.get_or_insert_with(|| liar.head());
                liar.think_with(head);
            }
            all.push(Box::new(liar));
        }
    }
    Ok(all)
}

/// Whether the accomplices of an entry all send the same rows.
fn send_the_same(entry: &Attackers) -> bool {
    entry
        .phases()
        .all(|(_, attack)| attack.is_uniform() && (entry.knowledge > Knowledge::Own || !attack.reads_rows()))
}
