//! Progress on stderr: a bar on a terminal, a plain line now and then elsewhere, nothing when told to be quiet.

use std::{
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::results::RoundLine;

/// Shows how far a run is.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    plain: bool,
    name: String,
    rounds: u32,
    started: Instant,
    said: Option<Instant>,
}

/// Time between two plain lines.
const PACE: Duration = Duration::from_secs(2);

impl Progress {
    /// A run called `name` of so many rounds.
    #[must_use]
    pub fn new(name: &str, rounds: u32, quiet: bool) -> Self {
        let terminal = stderr().is_terminal();
        let bar = (terminal && !quiet).then(|| {
            let bar = ProgressBar::with_draw_target(
                Some(u64::from(rounds)),
                ProgressDrawTarget::stderr_with_hz(10),
            );
            let style =
                ProgressStyle::with_template("{prefix:>10} {bar:30} {pos}/{len} rounds, {per_sec}  {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(name.to_owned());
            bar
        });
        let now = Instant::now();
        Self { bar, plain: !terminal && !quiet, name: name.to_owned(), rounds, started: now, said: None }
    }

    /// A round is over.
    pub fn round(&mut self, line: &RoundLine) {
        let percent = |accuracy: Option<f64>| {
            accuracy.map_or_else(|| "-".to_owned(), |a| format!("{:.1} %", 100.0 * a))
        };
        let judgement = &line.judgement;
        let message = format!(
            "accuracy {} true, {} target",
            percent(judgement.accuracy_true),
            percent(judgement.accuracy_target),
        );
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(line.round));
            if judgement.accuracy_true.is_some() || bar.message().is_empty() {
                bar.set_message(message);
            }
        } else if self.plain
            && (self.said.is_none_or(|said| said.elapsed() >= PACE) || line.round == self.rounds)
        {
            self.said = Some(Instant::now());
            let pace = f64::from(line.round) / self.started.elapsed().as_secs_f64();
            eprintln!("{}: round {}/{}, {pace:.0} rounds/s, {message}", self.name, line.round, self.rounds);
        }
    }

    /// Something people should know, quiet or not.
    pub fn warn(&self, message: &str) {
        let line = format!("{}: {message}", self.name);
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// The run is over.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}
