//! So many runs at a time, each tried twice, none left behind.

use std::{collections::BTreeMap, future::Future, panic::AssertUnwindSafe};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{RunId, progress::SweepProgress};
use crate::{
    failure::Failure,
    in_process::{self, Share},
    run::{self, Options},
    scenario::Scenario,
};

/// How runs are carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    /// Runs at a time.
    pub(crate) jobs: usize,
    /// In this process, or each a cluster of processes.
    pub(crate) in_process: bool,
    /// Processors there are.
    pub(crate) cores: usize,
}

impl How {
    /// `jobs` at a time, or as many as keep all processors busy: a cluster of processes does so by itself.
    pub(crate) fn new(jobs: Option<usize>, in_process: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { jobs: jobs.unwrap_or(if in_process { cores } else { 1 }), in_process, cores }
    }

    /// Threads of one run in this process, so that all runs together have no more than there are processors.
    pub(crate) fn threads(&self) -> usize {
        (self.cores / self.jobs.max(1)).max(1)
    }
}

/// One run to be done.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) run: RunId,
    pub(crate) scenario: Scenario,
    pub(crate) options: Options,
}

/// How a queue of runs ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Runs that failed twice, and why.
    pub(crate) failed: BTreeMap<RunId, String>,
    /// Whether it was stopped before all were done.
    pub(crate) interrupted: bool,
}

/// Does all jobs, in order, unless `shutdown` completes first.
pub(super) async fn run_all(
    queue: Vec<Job>,
    how: &How,
    progress: &SweepProgress,
    shutdown: impl Future<Output = ()>,
) -> Ended {
    let stop = CancellationToken::new();
    let mut ended = Ended::default();
    let mut queue = queue.into_iter();
    let mut running = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        while running.len() < how.jobs.max(1) && !stop.is_cancelled() {
            let Some(job) = queue.next() else { break };
            running.spawn(attempt(job, false, *how, stop.clone()));
        }
        tokio::select! {
            () = &mut shutdown, if !stop.is_cancelled() => {
                stop.cancel();
                ended.interrupted = true;
            }
            joined = running.join_next() => match joined {
                None => return ended,
                Some(Ok((.., Ok(())))) => progress.done(),
                Some(Ok(_)) if stop.is_cancelled() => (),
                Some(Ok((job, false, Err(failure)))) => {
                    progress.warn(&format!("run {} failed and is tried once more: {}", job.run, failure.message));
                    running.spawn(attempt(job, true, *how, stop.clone()));
                }
                Some(Ok((job, true, Err(failure)))) => {
                    progress.warn(&format!("run {} failed twice: {}", job.run, failure.message));
                    ended.failed.insert(job.run, failure.message);
                }
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            },
        }
    }
}

/// One run, the first time or `again`.
async fn attempt(
    job: Job,
    again: bool,
    how: How,
    stop: CancellationToken,
) -> (Job, bool, Result<(), Failure>) {
    let result = once(&job, how, &stop).await;
    (job, again, result)
}

async fn once(job: &Job, how: How, stop: &CancellationToken) -> Result<(), Failure> {
    if !how.in_process {
        return run::run(&job.scenario, &job.options, stop.clone().cancelled_owned()).await.map(drop);
    }
    let (scenario, options) = (job.scenario.clone(), job.options.clone());
    let share = Share { threads: how.threads(), stop: stop.clone() };
    let work = move || {
        std::panic::catch_unwind(AssertUnwindSafe(|| in_process::run_in(&scenario, &options, &share)))
            .unwrap_or_else(|_| Err(Failure::because("this is a bug of equipoise: it panicked")))
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_times_threads_is_never_more_than_the_processors() {
        for (cores, jobs, threads) in [(2, 1, 2), (2, 2, 1), (8, 3, 2), (2, 5, 1)] {
            assert_eq!(How { jobs, in_process: true, cores }.threads(), threads);
        }
    }
}
