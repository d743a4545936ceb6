//! When to stop: Ctrl-C, SIGTERM, or the end of whoever started this process.

use std::io::Read as _;

use tokio::signal;
use tokio_util::sync::CancellationToken;

/// Completes when this process should stop. With `tied`, also when standard input ends, which is what happens when the
/// process that holds its other end is gone, however it went.
pub(crate) async fn shutdown(tied: bool) {
    let cut = CancellationToken::new();
    if tied {
        let cut = cut.clone();
        // Not a task: a runtime waits for its blocking reads before it ends, and this one may never return.
        std::thread::spawn(move || {
            let mut rest = [0; 64];
            while matches!(std::io::stdin().read(&mut rest), Ok(1..)) {}
            cut.cancel();
        });
    }
    tokio::select! {
        () = cut.cancelled(), if tied => (),
        () = interrupt() => (),
        () = terminate() => (),
    }
}

async fn interrupt() {
    if signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(unix)]
async fn terminate() {
    match signal::unix::signal(signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminate() {
    std::future::pending().await
}
