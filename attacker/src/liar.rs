//! An attack on the wire.

use std::path::Path;

use attacks::{Attack, CounterGradient, ModelAttack, Previous, Sight};
use learning::{
    DataError,
    data::{load_vector, save_vector},
};
use worker::{Joined, Participant, View};

use crate::{AttackSpec, Scenario, error::SetupError};

/// A participant that lies.
#[derive(Debug)]
pub struct Liar {
    attack: Box<dyn Attack>,
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

impl Liar {
    /// The liar that the scenario has at this rank.
    ///
    /// # Errors
    /// When it has none there, or its attack cannot be set up.
    pub fn new(joined: &Joined, folder: Option<&Path>) -> Result<Self, SetupError> {
        let scenario: Scenario = toml::from_str(&joined.scenario)?;
        let attack = scenario.attack(joined.rank).ok_or_else(|| SetupError::NoAttack {
            rank: joined.rank,
            honest: scenario.workers.count,
            attackers: scenario.attackers.iter().map(|entry| entry.count).sum(),
        })?;
        let regularizer = scenario.task.regularizer();
        let attack: Box<dyn Attack> = match attack {
            AttackSpec::CounterGradient {} => {
                let target = scenario.target.resolve(&scenario.task, scenario.seed, folder)?;
                Box::new(CounterGradient::new(target, regularizer))
            }
            AttackSpec::Model { file } => {
                let (theta, want) = (load_vector(file, "theta")?, scenario.task.sized_model()?.dimension());
                if theta.len() != want {
                    let file = file.display().to_string();
                    return Err(SetupError::Length { file, got: theta.len(), want });
                }
                Box::new(ModelAttack::new(theta, regularizer))
            }
            AttackSpec::Data { .. } => return Err(SetupError::Honest(joined.rank)),
        };
        Ok(Self { attack, settled: None })
    }

    /// What the attack saw and sent last.
    #[must_use]
    pub const fn settled(&self) -> Option<&Settled> {
        self.settled.as_ref()
    }
}

impl Participant for Liar {
    fn respond(&mut self, view: &View<'_>) -> Vec<f32> {
        let previous = view.previous.map(|previous| Previous {
            step: previous.step,
            counted: previous.counted,
            sum: previous.sum,
        });
        let row =
            self.attack.answer(&Sight { round: view.round, model: view.model, step: view.step, previous });
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect();
        self.settled = Some(Settled { rho: wide(view.model), gradient: wide(&row), step: view.step });
        row
    }
}
