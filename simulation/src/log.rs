//! The logs of all processes, as part of the trace.

use std::{fmt, io};

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer as _,
    filter::Targets,
    fmt::{MakeWriter, format::Writer, time::FormatTime},
    layer::SubscriberExt as _,
};

use crate::trace::{Fact, Trace};

/// What takes down whatever our own crates say.
pub(crate) fn subscriber(trace: Trace) -> impl Subscriber + Send + Sync {
    let ours = Targets::new()
        .with_target("equipoise_server", LevelFilter::DEBUG)
        .with_target("equipoise_worker", LevelFilter::DEBUG)
        .with_target("equipoise_network", LevelFilter::DEBUG)
        .with_target("turmoil", LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_level(false)
        .with_target(false)
        .with_timer(Untimed)
        .with_writer(Lines(trace))
        .with_filter(ours);
    tracing_subscriber::registry().with(lines)
}

/// The trace has its own time.
struct Untimed;

impl FormatTime for Untimed {
    fn format_time(&self, _: &mut Writer<'_>) -> fmt::Result {
        Ok(())
    }
}

struct Lines(Trace);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

/// One event: the formatter writes it whole.
struct Line<'a>(&'a Trace);

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes).trim().to_owned();
        self.0.note(Fact::Said(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
