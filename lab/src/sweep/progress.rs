//! Progress of a sweep on stderr: a bar on a terminal, a plain line now and then elsewhere.

use std::{
    cell::Cell,
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how many runs are done.
#[derive(Debug)]
pub(super) struct SweepProgress {
    bar: Option<ProgressBar>,
    plain: bool,
    name: String,
    runs: usize,
    done: Cell<usize>,
    said: Cell<Instant>,
}

/// Time between two plain lines.
const PACE: Duration = Duration::from_secs(2);

impl SweepProgress {
    /// A sweep called `name` with so many runs to do.
    pub(super) fn new(name: &str, runs: usize, quiet: bool) -> Self {
        let terminal = stderr().is_terminal();
        let bar = (terminal && !quiet).then(|| {
            let bar = ProgressBar::with_draw_target(Some(runs as u64), ProgressDrawTarget::stderr_with_hz(5));
            let style = ProgressStyle::with_template("{prefix:>10} {bar:30} {pos}/{len} runs, {eta} to go");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(name.to_owned());
            bar
        });
        let plain = !terminal && !quiet;
        Self { bar, plain, name: name.to_owned(), runs, done: Cell::new(0), said: Cell::new(Instant::now()) }
    }

    /// One more run is done.
    pub(super) fn done(&self) {
        self.done.set(self.done.get() + 1);
        if let Some(bar) = &self.bar {
            bar.inc(1);
        } else if self.plain && (self.said.get().elapsed() >= PACE || self.done.get() == self.runs) {
            self.said.set(Instant::now());
            eprintln!("{}: {}/{} runs", self.name, self.done.get(), self.runs);
        }
    }

    /// Something people should know, quiet or not.
    pub(super) fn warn(&self, message: &str) {
        let line = format!("{}: {message}", self.name);
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// The sweep is over.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}
