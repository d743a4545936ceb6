//! What the system says of a process and of the machine, where it does.

use std::{fmt, fs};

use serde::Serialize;

/// Ticks of a process's clock in a second, as Linux has them for every program.
const TICKS: f64 = 100.0;

/// The most memory that a process ever had resident, in bytes.
pub(crate) fn memory_peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

/// Processor time that a process has used, in seconds.
pub(super) fn processor_seconds(pid: u32) -> Option<f64> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may have spaces in it.
    let mut fields = line.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

/// Where a measurement was taken.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    processor: String,
    cores: usize,
    system: String,
    version: &'static str,
    release: bool,
}

impl Machine {
    pub(super) fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo").lines().find_map(|line| {
            line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned())
        });
        let kernel = read("/proc/sys/kernel/osrelease");
        Self {
            processor: processor.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: format!("{} {}", std::env::consts::OS, kernel.trim()),
            version: env!("CARGO_PKG_VERSION"),
            release: !cfg!(debug_assertions),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, system, version, release } = self;
        let build = if *release { "release" } else { "development" };
        write!(f, "equipoise {version}, {build} build, on {cores} cores of {processor}, {system}")
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_this_machine_has_time_and_memory() {
        let pid = std::process::id();
        assert!(memory_peak(pid).is_some_and(|bytes| bytes > 1 << 20));
        assert!(processor_seconds(pid).is_some());
        assert_eq!((memory_peak(u32::MAX), processor_seconds(u32::MAX)), (None, None));
    }
}
