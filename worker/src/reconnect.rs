//! Getting back to a server that is not there: again and again, less and less often, for as long as patience lasts.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use network::Line;
use tonic::Code;

use crate::{Config, Place, WorkerError, session::Session};

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(2);

/// Joins, or joins again. Without patience there is one attempt.
pub(crate) async fn join(config: &Config, place: Place, line: Option<&Line>) -> Result<Session, WorkerError> {
    if let Some(line) = line {
        line.whole().await;
    }
    let Some(patience) = config.patience else { return Session::join(config, place, line).await };
    let seed = match place {
        Place::Rank(rank) => u64::from(rank),
        Place::Lowest | Place::Highest => 0,
    };
    // With jitter, so that a thousand workers do not come back in the same instant; seeded, so that they do twice.
    let pauses = ExponentialBuilder::new()
        .with_min_delay(FIRST)
        .with_max_delay(LONGEST)
        .with_factor(1.6)
        .with_jitter()
        .with_jitter_seed(seed)
        .without_max_times()
        .with_total_delay(Some(patience));
    (|| Session::join(config, place, line))
        .retry(pauses)
        .sleep(tokio::time::sleep)
        .when(may_pass)
        .notify(|error, pause| tracing::info!("{error}; again in {} ms", pause.as_millis()))
        .await
}

/// Whether the same attempt may succeed later.
fn may_pass(error: &WorkerError) -> bool {
    match error {
        WorkerError::Connect { .. } => true,
        WorkerError::Refused { status, .. } => !matches!(
            status.code(),
            Code::InvalidArgument
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unauthenticated
                | Code::PermissionDenied
                | Code::Unimplemented
        ),
        _ => false,
    }
}
