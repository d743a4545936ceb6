//! One TOML file describes an experiment: task, target, server, workers, attackers, seed.

use std::path::{Path, PathBuf};

use aggregation::Rule;
use attacker::{AttackSpec, Attackers};
use attacks::Target;
use learning::{Model, Seed, Task};
use network::{Crew, Network};
use serde::{Deserialize, Serialize};
use worker::Workers;

use crate::{failure::Failure, judge};

/// An experiment, every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Names the folder of its results.
    #[serde(default)]
    pub name: String,
    /// All randomness that reaches a result is a stream of it.
    #[serde(default = "first_seed")]
    pub seed: Seed,
    /// What is to be learned.
    #[serde(default)]
    pub task: Task,
    /// Where the attackers want the common model to be, and what the observer measures the distance to.
    #[serde(default)]
    pub target: Target,
    /// How the server goes through the rounds.
    #[serde(default)]
    pub server: server::Spec,
    /// The honest workers.
    #[serde(default)]
    pub workers: Workers,
    /// The others; their ranks come after those of the honest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attackers: Vec<Attackers>,
    /// What is wrong with the workers' connections.
    #[serde(default, skip_serializing_if = "Network::is_plain")]
    pub network: Network,
    /// When models are judged.
    #[serde(default)]
    pub judge: judge::Spec,
}

const fn first_seed() -> Seed {
    Seed(1)
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "unnamed".to_owned(),
            seed: first_seed(),
            task: Task::default(),
            target: Target::default(),
            server: server::Spec::default(),
            workers: Workers::default(),
            attackers: Vec::new(),
            network: Network::default(),
            judge: judge::Spec::default(),
        }
    }
}

impl Scenario {
    /// Reads a scenario; its name defaults to that of the file.
    ///
    /// # Errors
    /// When the file cannot be read, or what it says cannot be run: all that is wrong with the numbers at once.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::wrong(format!("cannot read the scenario {}: {error}", path.display()))
        })?;
        let mut scenario = Self::parse(&text).map_err(|failure| failure.at(path.display()))?;
        if scenario.name.is_empty() {
            scenario.name =
                path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        }
        scenario.check().map_err(|failure| failure.at(path.display()))?;
        Ok(scenario)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        toml::from_str(text).map_err(|error| {
            let line =
                error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let message = error.message().lines().collect::<Vec<_>>().join(" ");
            let failure = Failure::wrong(format!("line {line}: {message}"));
            match nearest_key(&message) {
                Some(key) => failure.hint(format!("did you mean `{key}`?")),
                None => failure,
            }
        })
    }

    /// The scenario that a TOML table is.
    pub(crate) fn from_table(table: toml::Table) -> Result<Self, Failure> {
        table.try_into().map_err(|error: toml::de::Error| {
            let message = error.to_string().lines().collect::<Vec<_>>().join(" ");
            let hint = nearest_key(error.message());
            let failure = Failure::wrong(message.trim_end().replace(" in `", ", in `"));
            match hint {
                Some(key) => failure.hint(format!("did you mean `{key}`?")),
                None => failure,
            }
        })
    }

    /// Answers everything that cannot be run, before anything is.
    ///
    /// # Errors
    /// When something cannot.
    pub fn check(&self) -> Result<(), Failure> {
        let mut problems = self.problems();
        match problems.len() {
            0 => Ok(()),
            1 => Err(Failure::wrong(problems.remove(0))),
            several => Err(Failure::wrong(format!("{several} problems\n  - {}", problems.join("\n  - ")))),
        }
    }

    /// Everything that cannot be run.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.name.is_empty() || self.name.contains(['/', '\\']) || self.name.starts_with('.') {
            problems.push(format!("the name {:?} cannot name a folder", self.name));
        }
        if let Err(error) = self.task.check() {
            problems.push(crate::failure::chain(&error));
        }
        match self.server.plan(self.processes(), self.seed.0) {
            Ok(plan) => problems.extend(self.problems_of_network(&plan)),
            Err(error) => problems.push(error.to_string()),
        }
        for (index, entry) in self.attackers.iter().enumerate() {
            let problems_of = entry.problems().into_iter();
            problems.extend(problems_of.map(|problem| format!("attackers {}: {problem}", index + 1)));
        }
        problems.extend(self.server.refusal(self.processes()));
        if self.server.mode.is_asynchronous() && self.wants_oracle() {
            let unknown = "an omniscient attacker waits for the honest updates of its round, which an asynchronous round does not";
            problems.push(format!("{unknown}; expected knowledge = \"colluders\" or less"));
        }
        problems.extend(self.mistrust());
        if self.workers.count == 0 {
            problems.push("there are no honest workers, expected at least 1".to_owned());
        }
        for file in self.files().into_iter().filter(|file| !file.is_file()) {
            problems.push(format!("there is no file {}", file.display()));
        }
        problems
    }

    fn problems_of_network(&self, plan: &round::Plan) -> impl Iterator<Item = String> {
        let crew = Crew {
            honest: self.workers.count,
            attackers: self.processes() - self.workers.count,
            rounds: plan.rounds,
            quorum: plan.quorum,
            skips_max: plan.skips_max,
        };
        let problems = self.network.problems(crew).into_iter();
        problems.map(|(number, problem)| format!("network.faults {number}: {problem}"))
    }

    /// What is wrong with whom the rule trusts.
    fn mistrust(&self) -> Option<String> {
        let (rule, n) = (&self.server.rule.rule, self.processes());
        match rule.trusted() {
            Some(rank) if rank as usize >= n => Some(format!(
                "{rule} trusts rank {rank}, but the ranks of {n} workers are 0 to {}",
                n.max(1) - 1
            )),
            None if matches!(rule, Rule::FlTrust { .. }) => Some(format!(
                "{rule} needs the rank of the worker whose row is the server's own gradient, as in fltrust(root=0)"
            )),
            _ => None,
        }
    }

    /// Files the scenario names.
    pub(crate) fn files(&self) -> Vec<&PathBuf> {
        let attack_files =
            self.attackers.iter().flat_map(Attackers::phases).flat_map(|(_, attack)| attack.files());
        self.target.file.iter().chain(attack_files).collect()
    }

    /// Number of workers, liars included: n.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.workers.count + self.attackers.iter().map(|entry| entry.count).sum::<usize>()
    }

    /// The attack of each rank from `workers.count` on.
    pub fn attacks(&self) -> impl Iterator<Item = (u32, &AttackSpec)> {
        let attacks = self.attackers.iter().flat_map(|entry| std::iter::repeat_n(&entry.attack, entry.count));
        attacks.enumerate().map(|(index, attack)| ((self.workers.count + index) as u32, attack))
    }

    /// Whether there is a target to measure the distance to: always under the personalised objective; under the shared one
    /// where a file or an attacker says so, for finding one means fitting a model to all the data.
    #[must_use]
    pub fn has_target(&self) -> bool {
        let steers = |(_, attack): (u32, &AttackSpec)| matches!(attack, AttackSpec::CounterGradient {});
        self.task.objective == learning::Objective::Personalised
            || self.target.file.is_some()
            || self.attackers.iter().flat_map(Attackers::phases).any(steers)
    }

    /// Whether some attacker has to be shown the honest updates before it answers.
    #[must_use]
    pub fn wants_oracle(&self) -> bool {
        self.attackers.iter().any(Attackers::wants_honest)
    }

    /// The model of the task.
    ///
    /// # Errors
    /// When its data are a file that cannot be read.
    pub fn model(&self) -> Result<Model, Failure> {
        self.task.sized_model().map_err(|error| Failure::usage(&error))
    }

    /// The server's configuration.
    ///
    /// # Errors
    /// When the data of the task are a file that cannot be read.
    pub fn server_config(&self) -> Result<server::Config, Failure> {
        let start = self.task.initial_model(self.seed).map_err(|error| Failure::usage(&error))?;
        Ok(server::Config {
            spec: self.server.clone(),
            workers: self.processes(),
            start,
            seed: self.seed.0,
            scenario: self.to_toml(),
            observers: 0,
            oracle: None,
            keep: None,
            secrets: server::Secrets::System,
            threads: true,
            identity: server::Identity::Open,
        })
    }

    /// The whole scenario with every default.
    ///
    /// # Panics
    /// Never: a scenario is made of what TOML has.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a scenario is made of what TOML has")
    }
}

/// The known key that an unknown one most likely stands for, out of serde's message.
fn nearest_key(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    if !message.starts_with("unknown ") {
        return None;
    }
    let near = |key: &&str| strsim::jaro_winkler(unknown, key);
    quoted.filter(|key| near(key) > 0.7).max_by(|a, b| near(a).total_cmp(&near(b))).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_the_default_experiment_and_survives_the_round_trip() {
        let scenario = Scenario { name: "x".to_owned(), ..Scenario::parse("").unwrap() };
        assert_eq!((scenario.processes(), scenario.server.rounds), (10, 150));
        scenario.check().unwrap();
        assert_eq!(Scenario::parse(&scenario.to_toml()).unwrap(), scenario);
    }

    #[test]
    fn a_full_file_survives_the_round_trip() {
        let text = r#"
            name = "full"
            seed = 7
            [task]
            data = "mnist"
            regularizer = "l2"
            lambda = 1.0
            solver = { name = "joint", method = { name = "adam" } }
            partition = { name = "independent", rows = 6000 }
            [target]
            shift = 2
            [server]
            scale = "mean"
            optimizer = { name = "momentum", beta = 0.5 }
            schedule = { rate = 0.02, factor = 0.99, floor = 0.005 }
            round_deadline = "1m 30s"
            [[attackers]]
            attack = { name = "counter-gradient" }
            [[attackers]]
            count = 2
            attack = { name = "data", file = "a.npz" }
        "#;
        let scenario = Scenario::parse(text).unwrap();
        assert_eq!(scenario.processes(), 13);
        assert_eq!(scenario.attacks().map(|(rank, _)| rank).collect::<Vec<_>>(), [10, 11, 12]);
        assert_eq!(Scenario::parse(&scenario.to_toml()).unwrap(), scenario);
    }

    #[test]
    fn unknown_keys_and_values_name_the_nearest_known() {
        for (text, expected, hint) in [
            ("[server]\nrouns = 3", "line 2: unknown field `rouns`", "did you mean `rounds`?"),
            ("sead = 3", "line 1: unknown field `sead`", "did you mean `seed`?"),
            ("[task]\nmodel = \"sofmax\"", "line 2: unknown model `sofmax`", "did you mean `softmax`?"),
            (
                "[[attackers]]\nattack = { name = \"modell\" }",
                "unknown variant `modell`",
                "did you mean `model`?",
            ),
        ] {
            let failure = Scenario::parse(text).unwrap_err();
            assert!(failure.message.contains(expected), "{}", failure.message);
            assert_eq!(failure.hint.as_deref(), Some(hint), "{text}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text =
            "name = \"a/b\"\n[task]\nlambda = -1\n[server]\nquorum = 99\n[target]\nfile = \"nowhere.npz\"";
        let message = Scenario::parse(text).unwrap().check().unwrap_err().message;
        for expected in ["4 problems", "\"a/b\"", "lambda is -1", "quorum is 99", "no file nowhere.npz"] {
            assert!(message.contains(expected), "{message:?} does not say {expected:?}");
        }
    }
}
