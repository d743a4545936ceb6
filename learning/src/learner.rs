//! An honest worker's side of either objective: rows in hand, the common model comes in, an update goes out.

use serde::{Deserialize, Serialize};

use crate::{Memory, Shared, User};

/// What the workers want of the common model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// That it pulls everybody's own model together: min over ρ and θ of Σ Lₙ(θₙ) + Σ R(ρ, θₙ).
    #[default]
    Personalised,
    /// That it fits everybody's data: min over ρ of Σ ℓₙ(ρ).
    Shared,
}

/// A worker that learns.
#[derive(Debug)]
pub enum Learner {
    /// With a model of its own.
    Personalised(Box<User>),
    /// Without.
    Shared(Box<Shared>),
}

impl Learner {
    /// What it sends in `round` when the common model is `rho`.
    ///
    /// # Panics
    /// When `rho` does not have the model's length.
    pub fn respond(&mut self, round: u32, rho: &[f32]) -> Vec<f32> {
        match self {
            Self::Personalised(user) => user.respond(round, rho),
            Self::Shared(shared) => shared.respond(round, rho),
        }
    }

    /// Puts down what it remembers of the rounds behind it.
    pub fn remember(&self, memory: &mut Memory) {
        match self {
            Self::Personalised(user) => user.remember(memory),
            Self::Shared(shared) => shared.remember(memory),
        }
    }

    /// Goes on from what another one put down; `None` when that was of another learner.
    #[must_use]
    pub fn recall(&mut self, memory: &mut Memory) -> Option<()> {
        match self {
            Self::Personalised(user) => user.recall(memory),
            Self::Shared(shared) => shared.recall(memory),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Seed, Task, data::Source};

    fn learner(text: &str) -> Learner {
        let task: Task = toml::from_str(text).unwrap();
        let rows = Source::Digits.train(None).unwrap().select(&(0..60).collect::<Vec<_>>());
        task.learner(&rows, (Seed(3), 1)).unwrap()
    }

    fn rho(round: u32) -> Vec<f32> {
        (0..650).map(|k| (k as f32 * 0.3 + round as f32).sin() / 9.0).collect()
    }

    const TASKS: [&str; 6] = [
        "model = \"softmax\"",
        "model = \"linear\"",
        "model = \"softmax\"\nsolver = { name = \"joint\" }",
        "model = \"softmax\"\nsolver = { name = \"joint\", method = { name = \"momentum\" } }",
        "objective = \"shared\"\nmodel = \"softmax\"\nalgorithm = { name = \"dsgd\", batch = 8, momentum = 0.9 }",
        "objective = \"shared\"\nmodel = \"softmax\"\nalgorithm = { name = \"fedavg\", batch = 8 }",
    ];

    /// One that went on in another's place says what that one would have, bit by bit.
    #[test]
    fn what_is_recalled_is_all_that_the_next_rows_depend_on() {
        for text in TASKS {
            let mut whole = learner(text);
            (1..4).for_each(|round| drop(whole.respond(round, &rho(round))));
            let mut memory = Memory::default();
            whole.remember(&mut memory);
            let mut next = learner(text);
            assert_eq!(next.recall(&mut memory), Some(()), "{text}");
            assert!(memory.is_empty(), "{text}");
            for round in 4..7 {
                assert_eq!(next.respond(round, &rho(round)), whole.respond(round, &rho(round)), "{text}");
            }
        }
    }

    #[test]
    fn without_it_the_rows_differ_where_there_is_something_to_remember() {
        let remembers = |text: &&&str| {
            let mut whole = learner(text);
            (1..4).for_each(|round| drop(whole.respond(round, &rho(round))));
            learner(text).respond(4, &rho(4)) != whole.respond(4, &rho(4))
        };
        // The ridge has a closed form, and fedavg starts from the common model.
        let forgetful: Vec<_> = TASKS.iter().filter(|text| !remembers(text)).collect();
        assert_eq!(forgetful, [&TASKS[1], &TASKS[5]]);
    }

    #[test]
    fn the_memory_of_another_learner_is_refused() {
        for (i, of) in TASKS.iter().enumerate() {
            for (j, to) in TASKS.iter().enumerate() {
                let mut memory = Memory::default();
                learner(of).remember(&mut memory);
                let fits = learner(to).recall(&mut memory).is_some() && memory.is_empty();
                let alike = i == j || [i, j].iter().all(|k| [1, 5].contains(k));
                assert_eq!(fits, alike, "{of} {to}");
            }
        }
    }
}
