//! How long a sweep will take, by trying the first rounds of a few of its runs.

use std::path::Path;

use super::How;
use crate::{failure::Failure, in_process, scenario::Scenario};

/// Runs that are tried, spread over the sweep.
const TRIED: usize = 6;
/// Rounds that each is tried for.
const ROUNDS: u32 = 5;

/// About how many seconds `scenarios` take, as they are run in this process.
///
/// # Errors
/// When one of those tried cannot be set up.
pub(super) fn seconds(scenarios: &[&Scenario], data: Option<&Path>, how: &How) -> Result<f64, Failure> {
    let tried: Vec<&Scenario> = (0..TRIED.min(scenarios.len()))
        .map(|k| scenarios[k * scenarios.len() / TRIED.min(scenarios.len())])
        .collect();
    let mut sum = 0.0;
    for scenario in &tried {
        let (setup, round) = in_process::paces(scenario, data, ROUNDS)?;
        sum += setup + round * f64::from(scenario.server.rounds);
    }
    let each = sum / tried.len().max(1) as f64;
    Ok(each * scenarios.len() as f64 / (how.jobs * how.threads()).min(how.cores) as f64)
}

/// The same for people.
pub(super) fn words(seconds: f64, how: &How) -> String {
    let time = match seconds {
        s if s < 1.5 => "about a second".to_owned(),
        s if s < 90.0 => format!("about {s:.0} s"),
        s if s < 5400.0 => format!("about {:.0} min", s / 60.0),
        s => format!("about {:.1} h", s / 3600.0),
    };
    if how.in_process { time } else { format!("{time} of arithmetic, and what processes and sockets take") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_the_unit_that_suits() {
        let how = How { jobs: 1, in_process: true, cores: 2 };
        for (seconds, said) in
            [(0.2, "about a second"), (42.4, "about 42 s"), (600.0, "about 10 min"), (9000.0, "about 2.5 h")]
        {
            assert_eq!(words(seconds, &how), said);
        }
        assert!(words(1.0, &How { in_process: false, ..how }).contains("sockets"));
    }
}
