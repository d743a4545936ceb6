//! What is to be learned, as a scenario says it, and the users it takes.

mod error;

use std::path::Path;

use rand::{
    RngExt as _,
    seq::{SliceRandom as _, index},
};
use serde::{Deserialize, Serialize};

use crate::{
    Algorithm, DataError, Dataset, Learner, Model, Objective, Regularizer, Seed, Setting, Shared, SolverSpec,
    Targets, User,
    data::{Partition, Source, load_rows, load_vector},
    model, regularizer,
};

pub use error::TaskError;

/// The learning task that all honest workers share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Whose rows are learned from.
    #[serde(default = "digits")]
    pub data: Source,
    /// What maps inputs to outputs.
    #[serde(default = "softmax")]
    pub model: model::Kind,
    /// Whether the workers have models of their own.
    #[serde(default)]
    pub objective: Objective,
    /// How they learn if they have none; regulariser, ν, loss and solver are for those who have.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// The pull between common and local models.
    #[serde(default = "squared_l2")]
    pub regularizer: regularizer::Kind,
    /// Weight of the regulariser, λ > 0.
    #[serde(default = "default_lambda")]
    pub lambda: f64,
    /// Weight of ν‖θ‖² in every local loss, ν ≥ 0.
    #[serde(default)]
    pub nu: f64,
    /// Whether a local loss is the sum over the worker's data, as the paper has it, or their mean.
    #[serde(default)]
    pub loss: LossScale,
    /// What that is multiplied by.
    #[serde(default = "one")]
    pub loss_weight: f64,
    /// Part of the training labels that is replaced by random ones.
    #[serde(default)]
    pub label_noise: f64,
    /// Part of the training rows that nobody learns from, held out to choose by.
    #[serde(default)]
    pub validation: f64,
    /// How the training rows are shared out.
    #[serde(default = "iid")]
    pub partition: Partition,
    /// How a worker fits its own model.
    #[serde(default)]
    pub solver: SolverSpec,
    /// Where the common model starts.
    #[serde(default)]
    pub start: Start,
}

/// What a local loss is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossScale {
    /// Who has more data has more to say.
    #[default]
    Sum,
    /// Everybody has the same to say, however little data.
    Mean,
}

/// Where a common model starts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// All parameters 0.
    #[default]
    Zeros,
    /// Uniform in ± 1/√inputs, stream "common start" of the seed.
    Uniform,
}

const fn digits() -> Source {
    Source::Digits
}

const fn softmax() -> model::Kind {
    model::Kind::Softmax
}

const fn squared_l2() -> regularizer::Kind {
    regularizer::Kind::SquaredL2
}

const fn default_lambda() -> f64 {
    0.01
}

const fn one() -> f64 {
    1.0
}

const fn iid() -> Partition {
    Partition::Iid
}

impl Default for Task {
    fn default() -> Self {
        Self {
            data: digits(),
            model: softmax(),
            objective: Objective::default(),
            algorithm: Algorithm::default(),
            regularizer: squared_l2(),
            lambda: default_lambda(),
            nu: 0.0,
            loss: LossScale::default(),
            loss_weight: one(),
            label_noise: 0.0,
            validation: 0.0,
            partition: iid(),
            solver: SolverSpec::default(),
            start: Start::default(),
        }
    }
}

impl Task {
    /// Answers the first number that is out of its range.
    ///
    /// # Errors
    /// When a weight, a tolerance or a schedule makes no sense.
    pub fn check(&self) -> Result<(), TaskError> {
        let weight = |name, value: f64, fine: bool, expected| {
            if fine && value.is_finite() { Ok(()) } else { Err(TaskError::Weight { name, value, expected }) }
        };
        weight("lambda", self.lambda, self.lambda > 0.0, "a positive number")?;
        weight("nu", self.nu, self.nu >= 0.0, "zero or a positive number")?;
        if let Some((name, value, expected)) = self.algorithm.wrong() {
            return Err(TaskError::Weight { name, value, expected });
        }
        self.partition.check()?;
        let part = (0.0..1.0).contains(&self.validation);
        weight("validation", self.validation, part, "a part of the training rows, from 0 to below 1")?;
        match self.solver {
            SolverSpec::Exact { tolerance } => {
                weight("tolerance", tolerance, tolerance > 0.0, "a positive number")
            }
            SolverSpec::Joint { method, schedule } => {
                method.check()?;
                Ok(schedule.check()?)
            }
        }
    }

    /// R with its weight.
    #[must_use]
    pub const fn regularizer(&self) -> Regularizer {
        Regularizer { kind: self.regularizer, lambda: self.lambda }
    }

    /// The model, sized for the data.
    ///
    /// # Errors
    /// When the data are a file that cannot be read.
    pub fn sized_model(&self) -> Result<Model, TaskError> {
        let (inputs, outputs) = self.data.shape()?;
        Ok(Model { kind: self.model, inputs, outputs })
    }

    /// The common model before the first round.
    ///
    /// # Errors
    /// When the data are a file that cannot be read.
    pub fn initial_model(&self, seed: Seed) -> Result<Vec<f32>, TaskError> {
        let model = self.sized_model()?;
        Ok(match self.start {
            Start::Zeros => vec![0.0; model.dimension()],
            Start::Uniform => {
                model.uniform(&mut seed.stream("common start")).into_iter().map(|t| t as f32).collect()
            }
        })
    }

    /// Training rows without those held out, with their noise; `folder` holds the sets that are not embedded.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn train(&self, seed: Seed, folder: Option<&Path>) -> Result<Dataset, TaskError> {
        let mut train = self.data.train(folder)?;
        if self.validation > 0.0 {
            train = train.select(&self.split(train.inputs.rows(), seed).0);
        }
        if let (true, Targets::Classes { labels, classes }) = (self.label_noise > 0.0, &mut train.targets) {
            let mut stream = seed.stream("label noise");
            for label in labels {
                if stream.random_bool(self.label_noise) {
                    *label = stream.random_range(0..*classes) as u8;
                }
            }
        }
        Ok(train)
    }

    /// Training rows that are held out, without noise; none when the task holds none out.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn held_out(&self, seed: Seed, folder: Option<&Path>) -> Result<Option<Dataset>, TaskError> {
        if self.validation == 0.0 {
            return Ok(None);
        }
        let train = self.data.train(folder)?;
        let (_, held_out) = self.split(train.inputs.rows(), seed);
        Ok((!held_out.is_empty()).then(|| train.select(&held_out)))
    }

    /// Which of `rows` training rows are learned from and which are held out, both in order.
    fn split(&self, rows: usize, seed: Seed) -> (Vec<usize>, Vec<usize>) {
        let mut order: Vec<usize> = (0..rows).collect();
        order.shuffle(&mut seed.stream("validation"));
        let mut kept = order.split_off((self.validation * rows as f64) as usize);
        kept.sort_unstable();
        order.sort_unstable();
        (kept, order)
    }

    /// Test rows; `folder` holds the sets that are not embedded.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn test(&self, folder: Option<&Path>) -> Result<Dataset, TaskError> {
        Ok(self.data.test(folder)?)
    }

    /// What all users have in common when this one has `examples` examples.
    ///
    /// # Errors
    /// When the data are a file that cannot be read.
    pub fn setting(&self, examples: u64) -> Result<Setting, TaskError> {
        let weight = match self.loss {
            LossScale::Sum => self.loss_weight,
            LossScale::Mean => self.loss_weight / examples.max(1) as f64,
        };
        let (model, regularizer) = (self.sized_model()?, self.regularizer());
        Ok(Setting { model, nu: self.nu, weight, regularizer, solver: self.solver })
    }

    /// The training rows of honest user `shard` of `shards`.
    ///
    /// # Errors
    /// When the data cannot be read or shared out.
    pub fn rows(
        &self,
        shard: usize,
        shards: usize,
        seed: Seed,
        folder: Option<&Path>,
    ) -> Result<Dataset, TaskError> {
        self.part(shard, shards, seed, &self.train(seed, folder)?)
    }

    /// As [`Self::rows`], of training rows that are at hand.
    ///
    /// # Errors
    /// When they cannot be shared out.
    pub fn part(
        &self,
        shard: usize,
        shards: usize,
        seed: Seed,
        train: &Dataset,
    ) -> Result<Dataset, TaskError> {
        Ok(train.select(&self.partition.part_of(shard, shards, train, seed)?))
    }

    /// Rows of a liar's own: as many as each of `honest` workers has on average, drawn independently from all of `train`
    /// (stream "own data" of the seed, liar `rank`), so that no honest worker's part depends on who lies.
    #[must_use]
    pub fn own_rows(&self, rank: u32, honest: usize, seed: Seed, train: &Dataset) -> Dataset {
        let rows = train.inputs.rows();
        let want = (rows / honest.max(1)).clamp(1, rows.max(1)).min(rows);
        train.select(&index::sample(&mut seed.stream_of("own data", rank), rows, want).into_vec())
    }

    /// Honest worker `index` with these rows, under the task's objective.
    ///
    /// # Errors
    /// When the data are a file that cannot be read.
    ///
    /// # Panics
    /// When the rows do not fit the model.
    pub fn learner(&self, rows: &Dataset, seed: (Seed, u32)) -> Result<Learner, TaskError> {
        Ok(match self.objective {
            Objective::Personalised => {
                Learner::Personalised(Box::new(User::new(&self.setting(rows.examples())?, rows, None, seed)))
            }
            Objective::Shared => {
                Learner::Shared(Box::new(Shared::new(self.algorithm, &self.sized_model()?, rows, seed)))
            }
        })
    }

    /// The rows of a file, as the task's model wants them.
    ///
    /// # Errors
    /// When the file cannot be read or does not fit the task.
    pub fn rows_of_file(&self, file: &Path) -> Result<Dataset, TaskError> {
        fitted(load_rows(file)?, &self.sized_model()?, file)
    }

    /// Honest user `shard` of `shards` with its part of the training rows.
    ///
    /// # Errors
    /// When the data cannot be read or shared out.
    pub fn user(
        &self,
        shard: usize,
        shards: usize,
        seed: Seed,
        folder: Option<&Path>,
    ) -> Result<User, TaskError> {
        let rows = self.rows(shard, shards, seed, folder)?;
        Ok(User::new(&self.setting(rows.examples())?, &rows, None, (seed, shard as u32)))
    }

    /// The same honest user with the rows of a file of its own.
    ///
    /// # Errors
    /// When the file cannot be read or does not fit the task.
    pub fn user_with_file(
        &self,
        file: &Path,
        start: Option<&Path>,
        seed: (Seed, u32),
    ) -> Result<User, TaskError> {
        let model = self.sized_model()?;
        let data = fitted(load_rows(file)?, &model, file)?.merged();
        let start = start
            .map(|path| {
                let theta = load_vector(path, "theta")?;
                let (got, want, file) = (theta.len(), model.dimension(), path.display().to_string());
                if got == want { Ok(theta) } else { Err(TaskError::Start { file, got, want }) }
            })
            .transpose()?;
        Ok(User::new(&self.setting(data.examples())?, &data, start, seed))
    }
}

/// `data` as the model wants it, or what is wrong with it.
fn fitted(mut data: Dataset, model: &Model, path: &Path) -> Result<Dataset, TaskError> {
    let file = || path.display().to_string();
    if data.inputs.width() != model.inputs {
        return Err(TaskError::Width { file: file(), got: data.inputs.width(), want: model.inputs });
    }
    // A file of few rows may lack the last classes.
    if let Targets::Classes { labels, classes } = &mut data.targets {
        if let Some(row) = labels.iter().position(|&label| usize::from(label) >= model.outputs) {
            let (got, largest) =
                (i64::from(labels[row]), i64::try_from(model.outputs).unwrap_or(i64::MAX) - 1);
            return Err(DataError::Label { path: path.to_owned(), row, got, largest }.into());
        }
        *classes = model.outputs;
    }
    if data.targets.outputs() != model.outputs {
        return Err(TaskError::Outputs { file: file(), got: data.targets.outputs(), want: model.outputs });
    }
    if let (Targets::Values(values), model::Kind::Softmax | model::Kind::Mlp { .. }) =
        (&data.targets, model.kind)
    {
        for (row, label) in values.rows().into_iter().enumerate() {
            let (sum, smallest) = (label.sum(), label.iter().copied().fold(f64::INFINITY, f64::min));
            if (sum - 1.0).abs() > 1e-6 || smallest < -1e-9 {
                return Err(TaskError::SoftLabel { file: file(), row, sum, smallest });
            }
        }
    }
    Ok(data)
}

#[cfg(test)]
mod tests;
