//! An attack on the wire.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use attacks::{Group, Knowledge, Known, Previous, Sight};
use learning::{
    DataError, Dataset, Learner, Memory,
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
    fn respond(&mut self, view: &View<'_>) -> Arc<Vec<f32>> {
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
        Arc::new(row)
    }

    fn wants_honest(&self) -> bool {
        self.wants_honest
    }

    fn remember(&self, memory: &mut Memory) {
        Mind::remember(&self.mind, memory);
        self.learners.iter().for_each(|learner| learner.remember(memory));
        if let Some(Settled { rho, gradient, step }) = &self.settled {
            [rho, gradient, &vec![*step]].iter().for_each(|values| memory.put_doubles(values));
        }
    }

    fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        Mind::recall(&self.mind, memory)?;
        self.learners.iter_mut().try_for_each(|learner| learner.recall(memory))?;
        if let Some(d) = memory.doubles.front().map(Vec::len) {
            let (rho, gradient) = (memory.doubles(d)?, memory.doubles(d)?);
            self.settled = Some(Settled { rho, gradient, step: memory.doubles(1)?[0] });
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use learning::data::Source;

    use super::*;

    /// Every attack that needs no file, under the knowledge that shows it most.
    const ATTACKS: [&str; 24] = [
        "attack = { name = \"counter-gradient\" }",
        "attack = { name = \"local-counter-gradient\" }",
        "knowledge = \"omniscient\"\nattack = { name = \"mimic\", warmup = 6 }",
        "sleep = 2\nattack = { name = \"sign-flip\" }",
        "attack = { name = \"label-flip\" }",
        "attack = { name = \"backdoor\" }",
        "knowledge = \"colluders\"\nattack = { name = \"alie\" }",
        "knowledge = \"omniscient\"\nattack = { name = \"collude\", attack = { name = \"mimic\" } }",
        "attack = { name = \"zero\" }\nthen = [{ from = 3, attack = { name = \"counter-gradient\" } }]",
        "knowledge = \"omniscient\"\nattack = { name = \"alie\", tau = 1.5 }",
        "knowledge = \"omniscient\"\nattack = { name = \"mimic\", target = 1 }",
        "knowledge = \"omniscient\"\nattack = { name = \"sign-flip\" }",
        "knowledge = \"omniscient\"\nattack = { name = \"ipm\" }",
        "knowledge = \"omniscient\"\nattack = { name = \"optimal-ipm\" }",
        "knowledge = \"omniscient\"\nattack = { name = \"optimal-alie\" }",
        "knowledge = \"omniscient\"\nattack = { name = \"min-max\" }",
        "knowledge = \"omniscient\"\nattack = { name = \"min-sum\" }",
        "knowledge = \"omniscient\"\nattack = { name = \"fang-trimmed-mean\" }",
        "knowledge = \"omniscient\"\nattack = { name = \"fang-krum\" }",
        "attack = { name = \"gaussian\" }",
        "attack = { name = \"infinity\" }",
        "attack = { name = \"nan\" }",
        "attack = { name = \"zero\" }",
        "knowledge = \"omniscient\"\nattack = { name = \"collude\", attack = { name = \"gaussian\" } }",
    ];

    /// Those at the head of the list have a history: the joint solver's where they learn, or their own.
    const WITH_HISTORY: usize = 9;

    fn liar(attack: &str) -> Liar {
        let scenario = format!(
            "seed = 4\n[task]\nmodel = \"softmax\"\nsolver = {{ name = \"joint\" }}\n[workers]\ncount = 5\n\
             [[attackers]]\ncount = 2\n{attack}\n"
        );
        let train = Source::Digits.train(None).unwrap().select(&(0..140).collect::<Vec<_>>());
        Liar::among(&toml::from_str(&scenario).unwrap(), 5, None, Some(&train)).unwrap()
    }

    fn vector(round: u32, salt: u32) -> Vec<f32> {
        (0..650_u32).map(|k| ((k * (salt + 2) + 7 * round) as f32).sin() / 9.0).collect()
    }

    /// What it says in this round, bit by bit.
    fn says(liar: &mut Liar, round: u32) -> Vec<u32> {
        let (model, mut rows) = (vector(round, 0), [1, 2, 3, 4, 5].map(|salt| vector(round, salt)));
        // Who stands out changes, so that it matters what was seen before.
        let loud = if round < 5 { 0 } else { 3 };
        rows[loud].iter_mut().for_each(|x| *x *= 5.0);
        let previous = (round > 1).then_some(worker::Previous {
            step: 0.1,
            counted: !round.is_multiple_of(3),
            sum: None,
        });
        let honest: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let row = liar.respond(&View { round, model: &model, step: 0.1, previous, honest: &honest });
        row.iter().copied().map(f32::to_bits).collect()
    }

    #[test]
    fn one_that_goes_on_in_anothers_place_lies_as_that_one_would_have() {
        for (place, attack) in ATTACKS.into_iter().enumerate() {
            let (mut whole, mut next, mut forgetful) = (liar(attack), liar(attack), liar(attack));
            (1..5).for_each(|round| drop(says(&mut whole, round)));
            let mut memory = Memory::default();
            whole.remember(&mut memory);
            assert_eq!(next.recall(&mut memory), Some(()), "{attack}");
            // In words, where a NaN is like another.
            let settled = |liar: &Liar| format!("{:?}", liar.settled());
            assert!(memory.is_empty() && settled(&next) == settled(&whole), "{attack}");
            let mut history = false;
            for round in 5..8 {
                let said = says(&mut whole, round);
                assert!(says(&mut next, round) == said, "{attack}");
                history |= says(&mut forgetful, round) != said;
            }
            assert_eq!(history, place < WITH_HISTORY, "{attack}");
        }
    }
}
