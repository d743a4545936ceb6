//! An attack on the wire.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use attacks::{Group, Knowledge, Known, Previous, Sight};
use learning::{
    DataError, Dataset, Learner,
    data::{load_vector, save_vector},
};
use worker::{Joined, Participant, View};

use crate::{
    Attackers, Scenario,
    error::SetupError,
    mind::{Builder, Common, Mind},
};

/// A participant that lies.
#[derive(Debug)]
pub struct Liar {
    mind: Common,
    knowledge: Knowledge,
    wants_honest: bool,
    /// What the liar would learn if it were honest, or its accomplices and it, in order of rank.
    learners: Vec<Learner>,
    /// Its own place among them.
    place: usize,
    settled: Option<Settled>,
}

/// What an attack saw and sent last: where it settled, if it converged.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The common model ρ.
    pub rho: Vec<f64>,
    /// The row that was sent.
    pub gradient: Vec<f64>,
    /// What one unit of the sum of all rows was going to move ρ by.
    pub step: f64,
}

impl Settled {
    /// Writes it as the arrays `rho`, `gradient` and `step` of an `.npz` file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), DataError> {
        save_vector(path, &[("rho", &self.rho), ("gradient", &self.gradient), ("step", &[self.step])])
    }

    /// Reads what [`Self::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, DataError> {
        let step = load_vector(path, "step")?.first().copied().unwrap_or(0.0);
        Ok(Self { rho: load_vector(path, "rho")?, gradient: load_vector(path, "gradient")?, step })
    }
}

/// What accomplices of one process may think with together.
#[derive(Debug, Clone)]
pub struct Head(Common);

impl Liar {
    /// The liar that the scenario has at this rank.
    ///
    /// # Errors
    /// When it has none there, or its attack cannot be set up.
    pub fn new(joined: &Joined, folder: Option<&Path>) -> Result<Self, SetupError> {
        let scenario: Scenario = toml::from_str(&joined.scenario)?;
        Self::among(&scenario, joined.rank, folder, None)
    }

    /// As [`Self::new`], of a scenario and training rows that are at hand.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn among(
        scenario: &Scenario,
        rank: u32,
        folder: Option<&Path>,
        train: Option<&Dataset>,
    ) -> Result<Self, SetupError> {
        let (entry, group) = scenario.entry(rank).ok_or_else(|| SetupError::NoAttack {
            rank,
            honest: scenario.workers.count,
            attackers: scenario.attackers.iter().map(|entry| entry.count).sum(),
        })?;
        if let Some(problem) = entry.problems().into_iter().next() {
            return Err(problem.into());
        }
        let builder = Builder { scenario, rank, group, folder, train };
        let mind = Arc::new(Mutex::new(builder.mind(entry)?));
        let learners = learners(entry, group, &builder)?;
        let place = if learners.len() > 1 { group.place } else { 0 };
        let (knowledge, wants_honest) = (entry.knowledge, entry.wants_honest());
        Ok(Self { mind, knowledge, wants_honest, learners, place, settled: None })
    }

    /// The head that the liar thinks with.
    #[must_use]
    pub fn head(&self) -> Head {
        Head(Arc::clone(&self.mind))
    }

    /// Thinks with the head of an accomplice who sends the same rows: once, then, for all.
    pub fn think_with(&mut self, head: &Head) {
        self.mind = Arc::clone(&head.0);
    }

    /// What the attack saw and sent last.
    #[must_use]
    pub const fn settled(&self) -> Option<&Settled> {
        self.settled.as_ref()
    }
}

/// Whom the liar has to imitate: itself while it sleeps or knows nobody else, its accomplices too where it may know them.
fn learners(entry: &Attackers, group: Group, builder: &Builder<'_>) -> Result<Vec<Learner>, SetupError> {
    let reads = entry.phases().any(|(_, attack)| attack.reads_rows());
    let first = builder.rank - group.place as u32;
    let ranks = match entry.knowledge {
        Knowledge::Colluders if reads => first..first + group.liars as u32,
        Knowledge::Own if reads => builder.rank..builder.rank + 1,
        _ if entry.sleep > 0 => builder.rank..builder.rank + 1,
        _ => 0..0,
    };
    let Scenario { task, seed, .. } = builder.scenario;
    let learner = |rank| {
        let rows = Builder { rank, ..*builder }.own_rows()?;
        Ok(task.learner(&rows, (*seed, rank))?)
    };
    ranks.map(learner).collect()
}

impl Participant for Liar {
    fn respond(&mut self, view: &View<'_>) -> Vec<f32> {
        let imitated: Vec<Vec<f32>> =
            self.learners.iter_mut().map(|learner| learner.respond(view.round, view.model)).collect();
        let honest: Vec<&[f32]> = imitated.iter().map(Vec::as_slice).collect();
        let own = honest.get(self.place).copied();
        let known = match self.knowledge {
            Knowledge::Own => own.map_or(Known::Nothing, Known::Own),
            Knowledge::Colluders => Known::Colluders(&honest),
            Knowledge::Omniscient => Known::Omniscient(view.honest),
        };
        let previous = view.previous.map(|previous| Previous {
            step: previous.step,
            counted: previous.counted,
            sum: previous.sum,
        });
        let sight = Sight { round: view.round, model: view.model, step: view.step, previous, known };
        let row = Mind::answer(&self.mind, &sight)
            .or_else(|| own.map(<[f32]>::to_vec))
            .unwrap_or_else(|| vec![0.0; view.model.len()]);
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect();
        self.settled = Some(Settled { rho: wide(view.model), gradient: wide(&row), step: view.step });
        row
    }

    fn wants_honest(&self) -> bool {
        self.wants_honest
    }
}
