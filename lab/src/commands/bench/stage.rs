//! A server in a process of its own, and workers in others.

use std::path::Path;

use super::{process, reports::Reports};
use crate::{cluster::Cluster, failure::Failure, results::Folder, scenario::Scenario};

/// The processes of one measurement, gone when it is dropped.
pub(super) struct Stage {
    cluster: Cluster,
    folder: Folder,
    pub(super) url: String,
    /// The server's process.
    pub(super) server: u32,
    started: u32,
}

impl Stage {
    /// Starts the server; with `dimension`, of a model that is none.
    pub(super) async fn open(
        path: &Path,
        scenario: &Scenario,
        dimension: Option<usize>,
    ) -> Result<Self, Failure> {
        scenario.check()?;
        let folder = Folder::create(path, scenario)?;
        let file = path.join("scenario.toml").display().to_string();
        let mut arguments =
            ["server", "--listen", "127.0.0.1:0", "--scenario", &file].map(str::to_owned).to_vec();
        if let Some(dimension) = dimension {
            arguments.extend(["--dimension".to_owned(), dimension.to_string()]);
        }
        let mut cluster = Cluster::default();
        let url = cluster.start_server(&arguments, folder.log("server")).await?;
        let server = cluster.pids().get("server").copied();
        let server = server.ok_or_else(|| Failure::because("the server ended at once"))?;
        Ok(Self { cluster, folder, url, server, started: 0 })
    }

    pub(super) async fn reports(&self) -> Result<Reports, Failure> {
        Reports::follow(&self.url).await
    }

    /// Starts a process of workers.
    pub(super) fn worker(&mut self, more: &[&str]) -> Result<(), Failure> {
        let name = format!("worker-{}", self.started);
        let arguments: Vec<String> =
            ["worker", &self.url, "--patience", "60s"].iter().chain(more).map(ToString::to_string).collect();
        let log = self.folder.log(&name);
        self.cluster.start_worker(name, self.started, &arguments, log)?;
        self.started += 1;
        Ok(())
    }

    pub(super) fn processor_seconds(&self) -> f64 {
        process::processor_seconds(self.server).unwrap_or(f64::NAN)
    }

    pub(super) fn memory_peak(&self) -> u64 {
        process::memory_peak(self.server).unwrap_or(0)
    }

    /// Ends the processes.
    pub(super) async fn close(mut self) {
        self.cluster.interrupt();
        self.cluster.finish().await;
    }
}
