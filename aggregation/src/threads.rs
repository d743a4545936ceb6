//! How many threads a rule may use. The results do not depend on it.

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// The threads that aggregate; by default the process's shared pool, one thread a processor.
#[derive(Debug, Clone, Default)]
pub struct Threads(Option<Arc<ThreadPool>>);

/// The system gave no threads.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {count} threads for aggregation")]
pub struct NoThreads {
    count: usize,
    source: rayon::ThreadPoolBuildError,
}

impl Threads {
    /// A pool of `count` threads of its own.
    ///
    /// # Errors
    /// When the system refuses them.
    pub fn new(count: usize) -> Result<Self, NoThreads> {
        let built = ThreadPoolBuilder::new().num_threads(count.max(1)).build();
        built.map(|pool| Self(Some(Arc::new(pool)))).map_err(|source| NoThreads { count, source })
    }

    /// Runs `work` where rayon's parallel iterators use these threads.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.0 {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_as_many_threads_as_asked_for() {
        assert_eq!(Threads::new(3).unwrap().run(rayon::current_num_threads), 3);
        assert_eq!(Threads::new(0).unwrap().run(rayon::current_num_threads), 1);
    }
}
