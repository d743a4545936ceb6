//! One experiment as a cluster of processes, watched from the first round to the last.

use std::{
    future::Future,
    path::PathBuf,
    time::{Duration, Instant},
};

use attacker::AttackSpec;
use proto::Token;
use tokio::time;
use tonic::transport::Endpoint;

use crate::{
    cluster::{Cluster, Ended},
    failure::Failure,
    following::Following,
    judge::Judge,
    keys::{self, Days, Keys, Split},
    labels::Labels,
    ledgers::Ledgers,
    observer::{self, Observer, Sighting},
    progress::Progress,
    results::{Folder, RoundLine, Summary, write_json},
    scenario::Scenario,
};

/// How to run, apart from what.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the results go.
    pub out: PathBuf,
    /// No progress.
    pub quiet: bool,
    /// Where the data sets are that are not embedded.
    pub data: Option<PathBuf>,
    /// Start processes again that are killed.
    pub restart: bool,
}

/// How long workers of a run whose processes are started again try to get to the server.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time in which a server that closed its connections is found to have died.
const POST_MORTEM: Duration = Duration::from_secs(2);

/// Runs `scenario` as a server and one process a worker, and answers how it ended.
///
/// # Errors
/// When it does not come to its end; no process is left either way.
pub async fn run(
    scenario: &Scenario,
    options: &Options,
    shutdown: impl Future<Output = ()>,
) -> Result<Summary, Failure> {
    let folder = Folder::create(&options.out, scenario)?;
    let judge = Judge::new(scenario, options.data.as_deref())?;
    let labels = Labels::of(scenario, options.data.as_deref())?;
    let progress = Progress::new(&scenario.name, scenario.server.rounds, options.quiet);
    let mut watch = Watch::new(scenario, folder, judge, labels, progress);
    let mut cluster = Cluster::default();
    let result = watch.start_and_follow(&mut cluster, options, shutdown).await;
    watch.progress.finish();
    for ended in cluster.finish().await {
        if result.is_ok() {
            watch.lose(&ended);
        }
    }
    result?;
    watch.summarise(1 + scenario.processes())
}

/// What is known of a run while it goes on.
struct Watch<'a> {
    scenario: &'a Scenario,
    folder: Folder,
    judge: Judge,
    progress: Progress,
    model: Vec<f32>,
    last: Option<RoundLine>,
    skipped: u32,
    lost: Vec<u32>,
    ledgers: Ledgers,
    labels: Labels,
    started: Instant,
    ended: Instant,
    /// How processes that are killed are started again, if they are.
    revival: Option<Revival>,
}

impl<'a> Watch<'a> {
    fn new(scenario: &'a Scenario, folder: Folder, judge: Judge, labels: Labels, progress: Progress) -> Self {
        let now = Instant::now();
        Self {
            scenario,
            folder,
            judge,
            progress,
            model: Vec::new(),
            last: None,
            skipped: 0,
            lost: Vec::new(),
            ledgers: Ledgers::default(),
            labels,
            started: now,
            ended: now,
            revival: None,
        }
    }

    fn round(&self) -> u32 {
        self.last.as_ref().map_or(0, |line| line.round)
    }

    async fn start_and_follow(
        &mut self,
        cluster: &mut Cluster,
        options: &Options,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        tokio::pin!(shutdown);
        let observer = tokio::select! {
            observer = self.start(cluster, options) => observer,
            () = &mut shutdown => Err(Failure::because("interrupted before the first round")),
        }
        .inspect_err(|_| cluster.interrupt())?;
        let again = self.revival.as_ref().map(|revival| (revival.server.clone(), revival.token, PATIENCE));
        let mut following = Following::new(observer, again);
        loop {
            tokio::select! {
                // What was already observed comes before what happened to the processes since.
                biased;
                () = &mut shutdown => {
                    cluster.interrupt();
                    return Err(Failure::because(format!("interrupted after round {}", self.round())));
                }
                sighting = following.next() => match sighting {
                    Ok(Sighting::Start(model)) => self.model = model,
                    // A server that goes on from a checkpoint goes through rounds again that were seen.
                    Ok(Sighting::Round(report, _)) if report.round <= self.round() => (),
                    Ok(Sighting::Round(report, model)) => {
                        self.note(observer::line(report, &model, &self.judge))?;
                        self.model = model;
                    }
                    Ok(Sighting::Stop(Ok(()))) => return Ok(()),
                    Ok(Sighting::Stop(Err(why))) => {
                        return Err(Failure::because(format!("the run ended after round {}: {why}", self.round())));
                    }
                    Err(failure) => return Err(self.post_mortem(cluster, failure).await),
                },
                Some(ended) = cluster.next_end() => match ended.rank {
                    _ if ended.killed && self.revival.is_some() => self.revive(cluster, &ended)?,
                    None => return Err(self.server_died(&ended)),
                    Some(_) if ended.success => (),
                    Some(_) if self.last.is_none() => {
                        cluster.interrupt();
                        return Err(Failure::because(format!("{} {}", ended.name, ended.how)));
                    }
                    Some(_) => self.lose(&ended),
                },
            }
        }
    }

    /// Starts every process, the observer before the workers, so that no round is missed.
    async fn start(&mut self, cluster: &mut Cluster, options: &Options) -> Result<Observer, Failure> {
        let scenario_file = self.folder.path().join("scenario.toml").display().to_string();
        let keys = self.keys()?;
        let mut more: Vec<String> = keys
            .folder
            .iter()
            .flat_map(|folder| ["--keys".to_owned(), folder.display().to_string()])
            .collect();
        let mut server =
            ["server", "--listen", "127.0.0.1:0", "--scenario", &scenario_file].map(str::to_owned).to_vec();
        server.extend_from_slice(&more);
        if options.restart {
            let checkpoint = self.folder.path().join("checkpoint").display().to_string();
            server.extend(["--checkpoint".to_owned(), checkpoint, "--observers".to_owned(), "1".to_owned()]);
        }
        if options.restart || self.scenario.network.breaks() {
            more.extend(["--patience".to_owned(), format!("{}s", PATIENCE.as_secs())]);
        }
        let url = cluster.start_server(&server, self.folder.log("server")).await?;
        let url = if keys.folder.is_some() { url.replace("http://", "https://") } else { url };
        let endpoint = Endpoint::from_shared(url.clone()).map_err(|error| Failure::unfinished(&error))?;
        let endpoint = keys.endpoint(endpoint, "observer")?;
        let token = keys.token(&endpoint, "observer")?;
        self.revival = options.restart.then(|| Revival::new(server, &url, endpoint.clone(), token));
        let observer = Observer::follow_as(endpoint, token).await?;
        self.started = Instant::now();
        more.extend(
            (options.data.iter()).flat_map(|folder| ["--data-dir".to_owned(), folder.display().to_string()]),
        );
        for rank in 0..self.scenario.workers.count as u32 {
            let mut arguments = [&worker("worker", &url, rank)[..], &more].concat();
            arguments.extend(self.state(rank, options));
            let name = format!("worker-{rank}");
            let log = self.folder.log(&name);
            cluster.start_worker(name, rank, &arguments, log)?;
        }
        for (rank, attack) in self.scenario.attacks() {
            let (name, mut arguments) = if let AttackSpec::Data { file, start } = attack {
                let mut arguments = worker("worker", &url, rank);
                arguments.extend(["--data".to_owned(), file.display().to_string()]);
                arguments.extend(
                    start.iter().flat_map(|start| ["--start".to_owned(), start.display().to_string()]),
                );
                (format!("poisoned-{rank}"), arguments)
            } else {
                let mut arguments = worker("attacker", &url, rank);
                let settled = self.folder.path().join(format!("settled-{rank}.npz"));
                arguments.extend(["--save".to_owned(), settled.display().to_string()]);
                (format!("attacker-{rank}"), arguments)
            };
            arguments.extend_from_slice(&more);
            arguments.extend(self.state(rank, options));
            let log = self.folder.log(&name);
            cluster.start_worker(name, rank, &arguments, log)?;
        }
        write_json(&self.folder.path().join("processes.json"), &cluster.pids())?;
        Ok(observer)
    }

    /// Where a worker that is started again finds itself as it was.
    fn state(&self, rank: u32, options: &Options) -> Vec<String> {
        if !options.restart {
            return Vec::new();
        }
        let file = self.folder.path().join(format!("state-{rank}"));
        let _ = std::fs::remove_file(&file); // That of an earlier run.
        vec!["--state".to_owned(), file.display().to_string()]
    }

    /// Keys for this run alone, if the server wants to know who calls.
    fn keys(&self) -> Result<Keys, Failure> {
        if self.scenario.server.identity == server::Mode::Open {
            return Ok(Keys::default());
        }
        let folder = self.folder.path().join("keys");
        let _ = std::fs::remove_dir_all(&folder); // Those of an earlier run.
        keys::init(&folder, (self.scenario.processes(), 0), &[], Days { from: -1, to: 30 }, Split::None)?;
        Ok(Keys { folder: Some(folder) })
    }

    fn note(&mut self, line: RoundLine) -> Result<(), Failure> {
        self.ended = Instant::now();
        if let Some(why) = &line.skipped {
            self.skipped += 1;
            self.progress.warn(&format!("round {} was skipped: {why}", line.round));
        }
        self.ledgers.add(&line);
        self.folder.add(&line)?;
        self.progress.round(&line);
        self.last = Some(line);
        Ok(())
    }

    /// Starts a process again, and says under which identifier it is found now.
    fn revive(&mut self, cluster: &mut Cluster, ended: &Ended) -> Result<(), Failure> {
        let server = self.revival.as_ref().filter(|_| ended.rank.is_none());
        cluster.restart(&ended.name, server.map(|revival| &revival.resume[..]))?;
        let processes = self.folder.path().join("processes.json");
        write_json(&processes.with_extension("new"), &cluster.pids())?;
        std::fs::rename(processes.with_extension("new"), &processes)
            .map_err(|error| Failure::because(format!("cannot write {}: {error}", processes.display())))?;
        let round = self.round();
        self.progress
            .warn(&format!("{} {} after round {round} and was started again", ended.name, ended.how));
        Ok(())
    }

    fn lose(&mut self, ended: &Ended) {
        let round = self.round();
        self.progress.warn(&format!("{} {} after round {round}; the others go on", ended.name, ended.how));
        self.lost.extend(ended.rank);
    }

    fn server_died(&self, ended: &Ended) -> Failure {
        Failure::because(format!("the server {} after round {}", ended.how, self.round()))
    }

    /// The stream broke: most likely because the server died, which says more than the stream.
    async fn post_mortem(&self, cluster: &mut Cluster, failure: Failure) -> Failure {
        let death = async {
            while let Some(ended) = cluster.next_end().await {
                if ended.rank.is_none() {
                    return self.server_died(&ended);
                }
            }
            Failure::because(failure.message.clone())
        };
        time::timeout(POST_MORTEM, death).await.unwrap_or(failure)
    }

    fn summarise(mut self, processes: usize) -> Result<Summary, Failure> {
        let Some(last) = self.last.take() else { return Err(Failure::because("the run had no rounds")) };
        self.lost.sort_unstable();
        let summary = Summary {
            name: self.scenario.name.clone(),
            seed: self.scenario.seed.0,
            judgement: last.judgement,
            target_norm: self.judge.target_norm(),
            rounds: last.round,
            skipped: self.skipped,
            processes,
            lost: self.lost,
            ledgers: self.ledgers,
            labels: self.labels,
            seconds: (self.ended - self.started).as_secs_f64(),
        };
        self.folder.finish(&summary, &self.model)?;
        Ok(summary)
    }
}

/// How processes that are killed are started again.
struct Revival {
    server: Endpoint,
    token: Option<Token>,
    /// What the server is started with then.
    resume: Vec<String>,
}

impl Revival {
    /// The server listens where it did before, and goes on from its checkpoint.
    fn new(mut arguments: Vec<String>, url: &str, server: Endpoint, token: Option<Token>) -> Self {
        for argument in &mut arguments {
            if argument == "127.0.0.1:0" {
                url.rsplit('/').next().unwrap_or_default().clone_into(argument);
            }
        }
        arguments.push("--resume".to_owned());
        Self { server, token, resume: arguments }
    }
}

fn worker(command: &str, url: &str, rank: u32) -> Vec<String> {
    [command, url, "--rank", &rank.to_string()].map(str::to_owned).to_vec()
}
