//! `/metrics` and `/health` of a process, for Prometheus and for container engines.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::{Router, routing::get};
use clap::Args;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, time};

use crate::failure::Failure;

/// Where a process shows what it counts.
#[derive(Debug, Clone, Copy, Args)]
pub struct Metrics {
    /// Serve Prometheus metrics at /metrics and a health check at /health on this address
    #[arg(long = "metrics", value_name = "ADDRESS", env = Self::ENV)]
    pub address: Option<SocketAddr>,
}

/// Upper bounds of the histograms of seconds: from a loopback round to a slow deadline.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0, 60.0];

/// Time between foldings of the histograms' samples, so that a process nobody scrapes does not grow.
const UPKEEP: Duration = Duration::from_secs(5);

impl Metrics {
    /// The variable that says where, too.
    pub const ENV: &str = "EQUIPOISE_METRICS";

    /// Starts to count and to serve, if there is an address.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(self) -> Result<(), Failure> {
        let Some(address) = self.address else { return Ok(()) };
        let cannot = |why: String| Failure::because(format!("cannot serve metrics on {address}: {why}"));
        let listener = TcpListener::bind(address).await.map_err(|error| cannot(error.to_string()))?;
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|error| cannot(error.to_string()))?;
        describe();
        tokio::spawn(fold(handle.clone()));
        tokio::spawn(axum::serve(listener, routes(handle)).into_future());
        Ok(())
    }

    /// Asks the process that serves on this address, of this machine, whether it is there.
    ///
    /// # Errors
    /// When it is not.
    pub async fn ask(self, patience: Duration) -> Result<(), Failure> {
        let Some(mut address) = self.address else {
            return Err(Failure::wrong("there is no address to ask"));
        };
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                Ipv6Addr::LOCALHOST.into()
            });
        }
        let get = move || {
            let agent: ureq::Agent =
                ureq::Agent::config_builder().timeout_global(Some(patience)).build().into();
            agent.get(format!("http://{address}/health")).call().map(drop)
        };
        let asked = tokio::task::spawn_blocking(get).await;
        match asked {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::because(format!("{address} is not healthy: {error}"))),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

fn routes(handle: PrometheusHandle) -> Router {
    let process = metrics_process::Collector::default();
    process.describe();
    let metrics = move || async move {
        process.collect();
        handle.render()
    };
    Router::new().route("/metrics", get(metrics)).route("/health", get(|| async { "serving\n" }))
}

async fn fold(handle: PrometheusHandle) {
    let mut pulse = time::interval(UPKEEP);
    loop {
        pulse.tick().await;
        handle.run_upkeep();
    }
}

/// The sentences that a scraper shows.
fn describe() {
    for (name, sentence) in [
        ("equipoise_rounds_total", "Rounds that closed, by outcome"),
        ("equipoise_updates_accepted_total", "Updates that entered a round's aggregate"),
        ("equipoise_updates_rejected_total", "Updates with which something was wrong, by reason"),
        ("equipoise_updates_discarded_total", "Updates that came too late or came to nothing, by reason"),
        ("equipoise_ledger_total", "Updates of a worker: accepted, rejected or discarded"),
        ("equipoise_excluded_total", "Rounds in which the rule gave a worker's row the weight 0"),
        ("equipoise_absent_total", "Rounds that closed without a worker's update"),
        ("equipoise_worker_updates_total", "Rounds that this worker answered"),
        ("equipoise_worker_rejected_total", "Updates of this worker that the server did not take, by reason"),
    ] {
        describe_counter!(name, sentence);
    }
    for (name, sentence) in [
        ("equipoise_tensor_received_bytes_total", "Bytes of updates that came"),
        ("equipoise_tensor_sent_bytes_total", "Bytes of models that were sent"),
    ] {
        describe_counter!(name, Unit::Bytes, sentence);
    }
    for (name, sentence) in [
        ("equipoise_round", "The round that is open"),
        ("equipoise_workers", "Members of the round that is open"),
        ("equipoise_aggregate_norm", "Norm of the latest aggregate"),
        ("equipoise_worker_round", "The round that this worker answered last"),
    ] {
        describe_gauge!(name, sentence);
    }
    describe_histogram!(
        "equipoise_update_staleness",
        "Rounds that the updates of an asynchronous run were older than the open one"
    );
    for (name, sentence) in [
        ("equipoise_round_phase_seconds", "Time of a round, by phase: collect the updates, aggregate them"),
        ("equipoise_worker_local_seconds", "Time of this worker's local work for a round"),
    ] {
        describe_histogram!(name, Unit::Seconds, sentence);
    }
}
