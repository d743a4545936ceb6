//! A cluster of operating-system processes, started by re-executing this program, and gone when it is gone.
//!
//! Every child holds the read end of a pipe, its lifeline: when this process ends, however it ends, the pipe closes and
//! the child shuts down. Children are in process groups of their own, so Ctrl-C reaches only this process, which
//! passes it on by closing the lifelines.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::OnceLock,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    time,
};

use crate::{failure::Failure, metrics::Metrics, ready::Ready};

/// Longest time for the server to say that it listens.
const READY: Duration = Duration::from_secs(30);
/// Longest time for a process to end by itself after the run has.
const BY_ITSELF: Duration = Duration::from_secs(5);
/// Longest time for a process to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

/// Processes of one run.
#[derive(Debug, Default)]
pub struct Cluster {
    processes: Vec<Process>,
}

/// One of them.
#[derive(Debug)]
struct Process {
    name: String,
    /// Rank of a worker; none is the server.
    rank: Option<u32>,
    child: Child,
    lifeline: Option<ChildStdin>,
    /// What it was started with.
    arguments: Vec<String>,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

/// A process that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its name.
    pub name: String,
    /// Rank of a worker; none is the server.
    pub rank: Option<u32>,
    /// Whether it ended as it should.
    pub success: bool,
    /// Whether it was somebody else's doing: a signal.
    pub killed: bool,
    /// For people: how, and its last words.
    pub how: String,
}

impl Cluster {
    /// Starts a server and answers where it listens.
    ///
    /// # Errors
    /// When it cannot be started or does not get ready.
    pub async fn start_server(&mut self, arguments: &[String], log: PathBuf) -> Result<String, Failure> {
        let mut child = spawn(arguments, &log, Stdio::piped())?;
        let stdout = child.stdout.take();
        let lifeline = child.stdin.take();
        let (name, arguments) = ("server".to_owned(), arguments.to_vec());
        self.processes.push(Process { name, rank: None, child, lifeline, arguments, log, ended: None });
        let mut first = String::new();
        let read = async {
            match stdout {
                Some(stdout) => BufReader::new(stdout).read_line(&mut first).await,
                None => Ok(0),
            }
        };
        match time::timeout(READY, read).await {
            Ok(Ok(1..)) => Ready::parse(&first).map(Ready::url),
            Ok(_) => {
                let ended = self.next_end().await;
                Err(Failure::because(ended.map_or_else(
                    || "the server closed its output".to_owned(),
                    |ended| format!("the server did not start: {}", ended.how),
                )))
            }
            Err(_) => Err(Failure::because(format!("the server was not ready within {} s", READY.as_secs()))),
        }
    }

    /// Starts a worker, honest or not.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_worker(
        &mut self,
        name: String,
        rank: u32,
        arguments: &[String],
        log: PathBuf,
    ) -> Result<(), Failure> {
        let mut child = spawn(arguments, &log, Stdio::null())?;
        let lifeline = child.stdin.take();
        let (rank, arguments) = (Some(rank), arguments.to_vec());
        self.processes.push(Process { name, rank, child, lifeline, arguments, log, ended: None });
        Ok(())
    }

    /// Starts a process again that has ended, with other arguments if there are any; its log goes on.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&mut self, name: &str, arguments: Option<&[String]>) -> Result<(), Failure> {
        let ended = |process: &&mut Process| process.name == name && process.ended.is_some();
        let Some(process) = self.processes.iter_mut().find(ended) else { return Ok(()) };
        if let Some(arguments) = arguments {
            process.arguments = arguments.to_vec();
        }
        process.child = spawn_again(&process.arguments, &process.log)?;
        process.lifeline = process.child.stdin.take();
        process.ended = None;
        Ok(())
    }

    /// Number of processes started.
    #[must_use]
    pub fn len(&self) -> usize {
        self.processes.len()
    }

    /// Whether none was started.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.processes.is_empty()
    }

    /// Waits for the next process to end; `None` when all have. Cancelling the wait loses nothing.
    pub async fn next_end(&mut self) -> Option<Ended> {
        let waits = self.processes.iter_mut().enumerate().filter(|(_, process)| process.ended.is_none());
        let mut waits: Vec<_> = waits
            .map(|(index, process)| Box::pin(async move { (index, process.child.wait().await) }))
            .collect();
        if waits.is_empty() {
            return None;
        }
        let (index, status) = std::future::poll_fn(|context| {
            for wait in &mut waits {
                if let std::task::Poll::Ready(ended) = wait.as_mut().poll(context) {
                    return std::task::Poll::Ready(ended);
                }
            }
            std::task::Poll::Pending
        })
        .await;
        drop(waits);
        let process = &mut self.processes[index];
        process.lifeline = None;
        process.ended = Some(status.as_ref().copied().unwrap_or_default());
        Some(Ended {
            name: process.name.clone(),
            rank: process.rank,
            success: status.as_ref().is_ok_and(ExitStatus::success),
            killed: status.as_ref().is_ok_and(|status| signal(*status).is_some()),
            how: describe(status, &process.log),
        })
    }

    /// Lets every process end by itself for a while, then asks it to, then makes it; answers those that did not end well.
    pub async fn finish(&mut self) -> Vec<Ended> {
        let mut bad = Vec::new();
        for patience in [BY_ITSELF, GRACE] {
            let ending = async {
                while let Some(ended) = self.next_end().await {
                    if !ended.success {
                        bad.push(ended);
                    }
                }
            };
            if time::timeout(patience, ending).await.is_ok() {
                return bad;
            }
            self.interrupt();
        }
        for process in self.processes.iter_mut().filter(|process| process.ended.is_none()) {
            let _ = process.child.kill().await;
            let (name, rank) = (process.name.clone(), process.rank);
            bad.push(Ended {
                name,
                rank,
                success: false,
                killed: false,
                how: "did not end and was killed".to_owned(),
            });
        }
        bad
    }

    /// Asks every process to stop.
    pub fn interrupt(&mut self) {
        for process in &mut self.processes {
            process.lifeline = None;
        }
    }

    /// Identifiers of the processes, for whoever wants to look at them or harm them.
    #[must_use]
    pub fn pids(&self) -> BTreeMap<&str, u32> {
        self.processes
            .iter()
            .filter_map(|process| Some((process.name.as_str(), process.child.id()?)))
            .collect()
    }
}

fn spawn(arguments: &[String], log: &Path, stdout: Stdio) -> Result<Child, Failure> {
    spawn_with_log(arguments, log, File::create(log), stdout)
}

/// Starts a process again; its log goes on.
fn spawn_again(arguments: &[String], log: &Path) -> Result<Child, Failure> {
    spawn_with_log(arguments, log, File::options().append(true).open(log), Stdio::null())
}

fn spawn_with_log(
    arguments: &[String],
    log: &Path,
    log_file: std::io::Result<File>,
    stdout: Stdio,
) -> Result<Child, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::because(format!("cannot find this program to start it again: {error}")))?;
    let log_file = log_file
        .map_err(|error| Failure::because(format!("cannot write the log {}: {error}", log.display())))?;
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .arg("--lifeline")
        // One address cannot be everybody's.
        .env_remove(Metrics::ENV)
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(log_file)
        .kill_on_drop(true);
    // Honest workers have no business with the oracle.
    match arguments.first().map(String::as_str) {
        Some("server" | "attacker") => command.env(ORACLE_ENV, oracle_token()?),
        _ => command.env_remove(ORACLE_ENV),
    };
    #[cfg(unix)]
    command.process_group(0);
    command.spawn().map_err(|error| Failure::because(format!("cannot start {}: {error}", program.display())))
}

/// Environment variable of the token that opens a server's oracle.
pub const ORACLE_ENV: &str = "EQUIPOISE_ORACLE_TOKEN";

/// The token of the clusters that this process starts.
fn oracle_token() -> Result<&'static str, Failure> {
    static TOKEN: OnceLock<String> = OnceLock::new();
    if let Some(token) = TOKEN.get() {
        return Ok(token);
    }
    let half = || getrandom::u64().map_err(|error| Failure::because(format!("no randomness: {error}")));
    let token = format!("{:016x}{:016x}", half()?, half()?);
    Ok(TOKEN.get_or_init(|| token))
}

/// How a process ended, and the last thing it said.
fn describe(status: std::io::Result<ExitStatus>, log: &Path) -> String {
    let how = match status {
        Ok(status) => signal(status).map_or_else(
            || {
                format!(
                    "ended with {}",
                    status.code().map_or_else(|| "no code".to_owned(), |code| format!("code {code}"))
                )
            },
            |signal| format!("was killed by signal {signal}"),
        ),
        Err(error) => format!("cannot be waited for: {error}"),
    };
    let last_words = std::fs::read_to_string(log).ok().and_then(|text| {
        let words = text.lines().rev().find(|line| line.starts_with("error: "))?;
        Some(words.trim_start_matches("error: ").to_owned())
    });
    last_words.map_or(how.clone(), |words| format!("{how}: {words}"))
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal()
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}
