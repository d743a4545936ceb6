//! What a scenario says of the server.

use std::{num::NonZeroU32, time::Duration};

use aggregation::Pipeline;
use optimizer::{InvalidMethod, InvalidSchedule, Method, Schedule};
use round::{Conduct, Plan, Sample};
use serde::{Deserialize, Serialize};

use crate::{Deadline, Tempo};

/// The `[server]` section of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// Rounds to go through.
    pub rounds: u32,
    /// The aggregation rule.
    pub rule: Pipeline,
    /// Liars that the rule has to tolerate, f, as declared to it.
    pub byzantine: usize,
    /// Whether the model moves by the sum of all rows or by their mean.
    pub scale: Scale,
    /// How the model moves.
    pub optimizer: Method,
    /// Its learning rate.
    pub schedule: Schedule,
    /// Tell every worker the sum of the last round's rows: knowledge that a real server does not give away, and that the
    /// published attack reads from memory. Only for models of one frame.
    pub reveal_sum: bool,
    /// How the server knows who calls: `"open"`, `"token"` or `"mtls"`.
    pub identity: Mode,
    /// Tell observers how far the rows of a round, their aggregate and the origin are apart: whoever knows who is honest
    /// can study the attack and the rule by it.
    pub study: bool,
    /// What misbehaviour costs beyond the vote of the round: `"drop"` for nothing more; `"count"` to run the rule with an f
    /// that is less by those who misbehaved; `{ ban = 3 }` for all votes after the third time.
    pub misbehaviour: Misbehaviour,
    /// Whether rounds wait for everybody: `"synchronous"`, or `{ asynchronous = { buffer = 8 } }` for rounds of eight updates.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: Tempo,
    /// The share of the workers that each round asks, drawn anew; without, all are asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<f64>,
    /// Probability that is put up with of a run in which some draw has more liars than the rule is told to tolerate.
    #[serde(skip_serializing_if = "is_usual_risk")]
    pub sample_risk: f64,
    /// Updates without which a round is skipped; default: more than half of the workers that it asks, or the whole buffer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<usize>,
    /// Whether a round goes on without a member that is gone, or waits for it.
    #[serde(skip_serializing_if = "is_default")]
    pub absent: Absent,
    /// How often the state is put on disk, if the server is told a file.
    #[serde(skip_serializing_if = "is_default")]
    pub checkpoint: Checkpoints,
    /// Longest time from opening a round to closing it: `"60s"`, or `{ quantile = 0.9, factor = 3, least = "1s" }`.
    pub round_deadline: Deadline,
    /// Longest time to wait for all workers before the first round; then it starts with a quorum.
    #[serde(with = "humantime_serde")]
    pub join_deadline: Duration,
    /// Time between signs of life; a worker that gave none for three times this is gone.
    #[serde(with = "humantime_serde")]
    pub heartbeat: Duration,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            rounds: 150,
            rule: Pipeline::default(),
            byzantine: 0,
            scale: Scale::Sum,
            optimizer: Method::Sgd,
            schedule: Schedule::constant(2.0),
            reveal_sum: false,
            identity: Mode::Open,
            study: false,
            misbehaviour: Misbehaviour::Drop,
            mode: Tempo::Synchronous,
            sample: None,
            sample_risk: SAMPLE_RISK,
            quorum: None,
            absent: Absent::GoOn,
            checkpoint: Checkpoints::default(),
            round_deadline: Deadline::Fixed(Duration::from_secs(60)),
            join_deadline: Duration::from_secs(60),
            heartbeat: Duration::from_secs(5),
        }
    }
}

const SAMPLE_RISK: f64 = 0.001;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_usual_risk(risk: &f64) -> bool {
    risk.to_bits() == SAMPLE_RISK.to_bits()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a round does about a member that is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// It goes on without.
    #[default]
    GoOn,
    /// It waits until the member is back or the deadline has passed.
    Wait,
}

/// How often the state is put on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoints {
    /// Rounds from one checkpoint to the next.
    pub every: u32,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { every: 1 }
    }
}

/// What the learning rate multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// n times the aggregate, an estimate of the sum of all rows: what the paper descends on.
    Sum,
    /// The aggregate, an estimate of the mean.
    Mean,
}

/// How the server knows who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It does not: whoever comes takes a place that is free. For one machine.
    Open,
    /// By a token each, over TLS.
    Token,
    /// By a certificate each.
    Mtls,
}

/// What becomes of a worker that sends what no honest one could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misbehaviour {
    /// It loses its vote of the round.
    Drop,
    /// The same, and the rule need not tolerate it among the rows that are left.
    Count,
    /// As `drop`, and after so many times it has no vote any more.
    Ban(NonZeroU32),
}

impl From<Misbehaviour> for Conduct {
    fn from(misbehaviour: Misbehaviour) -> Self {
        match misbehaviour {
            Misbehaviour::Drop => Self::Drop,
            Misbehaviour::Count => Self::Count,
            Misbehaviour::Ban(most) => Self::Ban(most),
        }
    }
}

/// The server section makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidSpec {
    /// Nothing would be done.
    #[error("rounds is 0, expected at least 1")]
    NoRounds,
    /// No worker at all.
    #[error("there are no workers, expected at least 1")]
    NoWorkers,
    /// The quorum can never be met, or is none.
    #[error("quorum is {quorum}, expected 1 to {rows}, the number of updates that a round is made of")]
    Quorum {
        /// What was given
        quorum: usize,
        /// Updates of a round
        rows: usize,
    },
    /// The share of the workers is none.
    #[error("sample is {0}, expected a share of the workers above 0 and at most 1")]
    Sample(f64),
    /// The risk is no probability.
    #[error("sample_risk is {0}, expected a probability from 0 to below 1")]
    Risk(f64),
    /// The buffer can never be full, or is none.
    #[error("mode.asynchronous.buffer is {buffer}, expected 1 to {workers}, the number of workers")]
    Buffer {
        /// What was given
        buffer: usize,
        /// Number of workers
        workers: usize,
    },
    /// The weight of old updates makes no sense.
    #[error("mode.asynchronous.exponent is {0}, expected zero or a positive number")]
    Exponent(f64),
    /// Two ways to ask fewer than all.
    #[error("sample is for synchronous rounds; an asynchronous run asks everybody and takes who comes first")]
    SampledAsynchronous,
    /// The sum does not fit a round's opening.
    #[error("reveal_sum needs a model of at most {most} parameters, this one has {got}")]
    RevealSum {
        /// Parameters
        got: usize,
        /// The limit
        most: usize,
    },
    /// There would never be a checkpoint.
    #[error("checkpoint.every is 0, expected at least 1")]
    NoCheckpoint,
    /// A round would have no time, or the bounds contradict each other.
    #[error(
        "round_deadline makes no sense, expected a positive time, or a quantile of 0 to 1, a factor of at least 1 and \
         0 < least <= most"
    )]
    RoundDeadline,
    /// A round's distances do not fit a message.
    #[error("study is for at most {most} workers, there are {workers}")]
    Study {
        /// Number of workers
        workers: usize,
        /// The limit
        most: usize,
    },
    /// A time is 0.
    #[error("{0} is 0, expected a positive time")]
    NoTime(&'static str),
    /// The optimiser makes no sense.
    #[error("the server's optimizer is wrong: {0}")]
    Method(#[from] InvalidMethod),
    /// The schedule makes no sense.
    #[error("the server's schedule is wrong: {0}")]
    Schedule(#[from] InvalidSchedule),
}

/// Rounds skipped one after another before the run is given up.
const SKIPS_MAX: u32 = 10;

/// Workers whose distances are reported: n²/2 numbers of eight bytes a round.
const STUDIED_MAX: usize = 400;

impl Spec {
    /// The engine's plan for `workers` workers; `seed` decides who is drawn.
    ///
    /// # Errors
    /// When a number is out of its range.
    pub fn plan(&self, workers: usize, seed: u64) -> Result<Plan, InvalidSpec> {
        self.optimizer.check()?;
        self.schedule.check()?;
        if self.rounds == 0 {
            return Err(InvalidSpec::NoRounds);
        }
        if workers == 0 {
            return Err(InvalidSpec::NoWorkers);
        }
        if self.checkpoint.every == 0 {
            return Err(InvalidSpec::NoCheckpoint);
        }
        for (name, time) in [("join_deadline", self.join_deadline), ("heartbeat", self.heartbeat)] {
            if time.is_zero() {
                return Err(InvalidSpec::NoTime(name));
            }
        }
        if !self.round_deadline.is_valid() {
            return Err(InvalidSpec::RoundDeadline);
        }
        if self.study && workers > STUDIED_MAX {
            return Err(InvalidSpec::Study { workers, most: STUDIED_MAX });
        }
        self.check_who_is_asked(workers)?;
        let (rows, byzantine) = self.expected(workers);
        let usual = if self.mode.is_asynchronous() { rows } else { rows / 2 + 1 };
        let quorum = self.quorum.unwrap_or(usual);
        if quorum == 0 || quorum > rows {
            return Err(InvalidSpec::Quorum { quorum, rows });
        }
        let absent = match self.absent {
            Absent::GoOn => round::Absent::GoOn,
            Absent::Wait => round::Absent::Wait,
        };
        Ok(Plan {
            workers,
            rounds: self.rounds,
            quorum,
            skips_max: SKIPS_MAX,
            byzantine,
            conduct: self.misbehaviour.into(),
            absent,
            pace: self.mode.pace(),
            sample: self.sample.map(|_| Sample { size: rows, seed }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Asynchronous, Stragglers};

    #[test]
    fn the_default_quorum_is_a_majority() {
        for (workers, quorum) in [(1, 1), (2, 2), (10, 6), (11, 6)] {
            assert_eq!(Spec::default().plan(workers, 1).unwrap().quorum, quorum);
        }
    }

    #[test]
    fn what_cannot_run_is_refused() {
        let refused = |spec: Spec| spec.plan(11, 1).unwrap_err().to_string();
        assert!(refused(Spec { rounds: 0, ..Spec::default() }).contains("rounds is 0"));
        assert!(refused(Spec { quorum: Some(12), ..Spec::default() }).contains("expected 1 to 11"));
        assert!(refused(Spec { quorum: Some(0), ..Spec::default() }).contains("quorum is 0"));
        assert!(refused(Spec { heartbeat: Duration::ZERO, ..Spec::default() }).contains("heartbeat is 0"));
        assert!(
            refused(Spec { schedule: Schedule::constant(-1.0), ..Spec::default() }).contains("rate is -1")
        );
        assert!(refused(Spec { sample: Some(1.5), ..Spec::default() }).contains("sample is 1.5"));
        assert!(refused(Spec { sample: Some(0.0), ..Spec::default() }).contains("sample is 0"));
        assert!(refused(Spec { sample_risk: 1.0, ..Spec::default() }).contains("sample_risk is 1"));
        let asynchronous = |buffer, exponent| {
            let stragglers = Stragglers::Discard;
            Tempo::Asynchronous(Asynchronous { buffer, staleness_max: 3, exponent, stragglers })
        };
        let mode = asynchronous(12, 0.5);
        assert!(refused(Spec { mode, ..Spec::default() }).contains("buffer is 12, expected 1 to 11"));
        let mode = asynchronous(0, 0.5);
        assert!(refused(Spec { mode, ..Spec::default() }).contains("buffer is 0"));
        let mode = asynchronous(5, -1.0);
        assert!(refused(Spec { mode, ..Spec::default() }).contains("exponent is -1"));
        let mode = asynchronous(5, 0.5);
        assert!(
            refused(Spec { mode, sample: Some(0.5), ..Spec::default() })
                .contains("sample is for synchronous")
        );
        assert_eq!(Spec::default().plan(0, 1), Err(InvalidSpec::NoWorkers));
    }
}
