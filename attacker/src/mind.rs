//! What liars do round by round: honest while they sleep, then one attack after another.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use attacks::{
    Attack, Attacked, Collude, Constant, CounterGradient, FangKrum, FangTrimmedMean, Gaussian, Group,
    InnerProduct, Line, Little, Mimic, MinMax, ModelAttack, Optimal, OwnData, Search, Sight, Trigger,
    line_search::Upwards,
};
use learning::{Dataset, Memory, data::load_vector, regularizer::Kind};

use crate::{AttackSpec, Attackers, Scenario, SearchName, error::SetupError};

/// The attacks of one liar, or of several who all send the same.
#[derive(Debug)]
pub(crate) struct Mind {
    phases: Vec<(u32, Box<dyn Attack>)>,
    /// The round that was answered last, and how.
    said: Option<(u32, Vec<f32>)>,
}

/// A mind that several liars of one process may have in common.
pub(crate) type Common = Arc<Mutex<Mind>>;

impl Mind {
    /// The row of this round: thought out by whoever asks first. `None` while it sleeps.
    pub(crate) fn answer(common: &Common, sight: &Sight<'_>) -> Option<Vec<f32>> {
        let mut mind = common.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((round, row)) = &mind.said
            && *round == sight.round
        {
            return Some(row.clone());
        }
        let (_, attack) = mind.phases.iter_mut().rev().find(|(from, _)| *from <= sight.round)?;
        let row = attack.answer(sight);
        mind.said = Some((sight.round, row.clone()));
        Some(row)
    }

    /// Puts down what its attacks remember.
    pub(crate) fn remember(common: &Common, memory: &mut Memory) {
        let mind = common.lock().unwrap_or_else(PoisonError::into_inner);
        mind.phases.iter().for_each(|(_, attack)| attack.remember(memory));
    }

    /// Goes on from that.
    pub(crate) fn recall(common: &Common, memory: &mut Memory) -> Option<()> {
        let mut mind = common.lock().unwrap_or_else(PoisonError::into_inner);
        mind.phases.iter_mut().try_for_each(|(_, attack)| attack.recall(memory))
    }
}

/// Where attacks come from.
pub(crate) struct Builder<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) rank: u32,
    pub(crate) group: Group,
    pub(crate) folder: Option<&'a Path>,
    /// The training rows, where an attack has data of its own.
    pub(crate) train: Option<&'a Dataset>,
}

impl Builder<'_> {
    pub(crate) fn mind(&self, entry: &Attackers) -> Result<Mind, SetupError> {
        let phase = |(from, attack)| Ok::<_, SetupError>((from, self.attack(attack)?));
        Ok(Mind { phases: entry.phases().map(phase).collect::<Result<_, _>>()?, said: None })
    }

    fn attack(&self, attack: &AttackSpec) -> Result<Box<dyn Attack>, SetupError> {
        let (Scenario { task, seed, .. }, group) = (self.scenario, &self.group);
        Ok(match attack {
            AttackSpec::CounterGradient {} => {
                let target = self.scenario.target.resolve(task, *seed, self.folder)?;
                Box::new(CounterGradient::new(target, task.regularizer()).among(group.liars))
            }
            AttackSpec::LocalCounterGradient {} => {
                if task.regularizer != Kind::SquaredL2 {
                    return Err(SetupError::Bounded);
                }
                let target = self.scenario.target.resolve(task, *seed, self.folder)?;
                let users = self.scenario.workers.count;
                let alone = CounterGradient::of_local_models(target, task.regularizer(), users);
                Box::new(alone.among(group.liars))
            }
            AttackSpec::Model { file } => {
                let (theta, want) = (load_vector(file, "theta")?, task.sized_model()?.dimension());
                if theta.len() != want {
                    let file = file.display().to_string();
                    return Err(SetupError::Length { file, got: theta.len(), want });
                }
                Box::new(ModelAttack::new(theta, task.regularizer()))
            }
            AttackSpec::Data { .. } => return Err(SetupError::Honest(self.rank)),
            AttackSpec::SignFlip {} => Box::new(InnerProduct::new(1.0)),
            AttackSpec::Ipm { tau } => Box::new(InnerProduct::new(*tau)),
            AttackSpec::Alie { tau: Some(tau) } => Box::new(Little::fixed(*tau)),
            AttackSpec::Alie { tau: None } => Box::new(Little::published(group)),
            AttackSpec::OptimalIpm { evaluations, search } => {
                self.optimal(Line::InnerProduct, *evaluations, *search)
            }
            AttackSpec::OptimalAlie { evaluations, search } => {
                self.optimal(Line::Little, *evaluations, *search)
            }
            AttackSpec::Mimic { target: Some(target), .. } => Box::new(Mimic::fixed(*target)),
            AttackSpec::Mimic { target: None, warmup } => Box::new(Mimic::online(*warmup, *seed)),
            AttackSpec::MinMax { direction } => Box::new(MinMax::max(*direction)),
            AttackSpec::MinSum { direction } => Box::new(MinMax::sum(*direction)),
            AttackSpec::FangTrimmedMean { b } => Box::new(FangTrimmedMean::new(*b, group)),
            AttackSpec::FangKrum {} => Box::new(FangKrum::new(group)),
            AttackSpec::Gaussian { mu, sigma } => {
                let noise = Gaussian::new(*mu, *sigma, (*seed, self.rank));
                Box::new(noise.ok_or(SetupError::Sigma(*sigma))?)
            }
            AttackSpec::Infinity {} => Box::new(Constant(f32::INFINITY)),
            AttackSpec::Nan {} => Box::new(Constant(f32::NAN)),
            AttackSpec::Zero {} => Box::new(Constant(0.0)),
            AttackSpec::LabelFlip { flip } => {
                let mut stream = seed.stream_of("label flip", self.rank);
                let rows = flip.apply(self.own_rows()?, &mut stream);
                Box::new(OwnData::new(task.learner(&rows, (*seed, self.rank))?, 1.0))
            }
            AttackSpec::Backdoor { size, target, share, boost } => {
                let mut stream = seed.stream_of("backdoor", self.rank);
                let trigger = Trigger { size: *size, target: *target, share: *share };
                let rows = trigger.apply(self.own_rows()?, &mut stream);
                Box::new(OwnData::new(task.learner(&rows, (*seed, self.rank))?, *boost))
            }
            AttackSpec::Collude { attack, spread } => {
                Box::new(Collude::new(self.attack(attack)?, *spread, *group))
            }
        })
    }

    fn optimal(&self, line: Line, evaluations: usize, search: SearchName) -> Box<dyn Attack> {
        let search = match search {
            SearchName::Bracketed => Search::Bracketed { evaluations },
            SearchName::Byzfl => Search::Upwards(Upwards { evaluations, ..Upwards::default() }),
        };
        let attacked = Attacked {
            pipeline: self.scenario.server.rule.clone(),
            byzantine: self.scenario.server.byzantine,
            seed: self.scenario.seed.0,
        };
        Box::new(Optimal::new(line, search, attacked, self.group))
    }

    /// The liar's own rows.
    pub(crate) fn own_rows(&self) -> Result<Dataset, SetupError> {
        let Scenario { task, seed, workers, .. } = self.scenario;
        let draw = |train: &Dataset| task.own_rows(self.rank, workers.count, *seed, train);
        Ok(match self.train {
            Some(train) => draw(train),
            None => draw(&task.train(*seed, self.folder)?),
        })
    }
}
