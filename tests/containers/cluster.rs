//! A compose project of its own: brought up, looked at, and taken down whatever happens.

use std::{
    fs::Permissions,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

/// A project that is up, or was.
pub(crate) struct Cluster {
    project: String,
    folder: TempDir,
    overlays: Vec<PathBuf>,
}

/// The workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_owned()
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// `docker` with these arguments.
pub(crate) fn docker<const N: usize>(arguments: [&str; N]) -> String {
    output(Command::new("docker").args(arguments))
}

/// Waits until a container ends, and answers its exit code.
pub(crate) fn code(container: &str) -> i32 {
    docker(["wait", container]).trim().parse().expect("an exit code")
}

impl Cluster {
    /// A project whose scenario is this; nothing is started.
    pub(crate) fn new(scenario: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::tempdir().expect("a temporary folder");
        for part in ["scenarios", "results", "data"] {
            std::fs::create_dir(folder.path().join(part)).expect("a writable folder");
        }
        // The containers run as somebody else.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("our own folder");
        std::fs::write(folder.path().join("scenarios/it.toml"), scenario).expect("a writable folder");
        let project = format!("equipoise-{}-{number}", std::process::id());
        Self { project, folder, overlays: Vec::new() }
    }

    /// The same with another compose file, of the workspace or with this text.
    pub(crate) fn overlaid(mut self, file: &str) -> Self {
        let path = if file.contains('\n') {
            let path = self.folder.path().join("overlay.yml");
            std::fs::write(&path, file).expect("a writable folder");
            path
        } else {
            root().join(file)
        };
        self.overlays.push(path);
        self
    }

    /// Compose with these arguments, for this project.
    pub(crate) fn compose(&self, arguments: &[&str]) -> Command {
        let plugin = Command::new("docker").args(["compose", "version"]).output();
        let mut command = match plugin {
            Ok(found) if found.status.success() => {
                let mut command = Command::new("docker");
                command.arg("compose");
                command
            }
            _ => Command::new("docker-compose"),
        };
        let part = |name: &str| self.folder.path().join(name);
        command
            .args(["-p", &self.project, "-f", "docker-compose.yml"])
            .args(self.overlays.iter().flat_map(|file| [Path::new("-f"), file]))
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .env("EQUIPOISE_STAGE", "prebuilt")
            .env("EQUIPOISE_SCENARIO", "/scenarios/it.toml")
            .env("EQUIPOISE_SCENARIOS", part("scenarios"))
            .env("EQUIPOISE_RESULTS", part("results"))
            .env("EQUIPOISE_DATA", part("data"));
        command
    }

    /// Brings the project up, detached, so many workers and attackers.
    pub(crate) fn up(&self, workers: usize, attackers: usize) {
        let scale = [format!("worker={workers}"), format!("attacker={attackers}")];
        output(&mut self.compose(&["up", "-d", "--scale", &scale[0], "--scale", &scale[1]]));
    }

    /// The container of a service, the first of them.
    pub(crate) fn container(&self, service: &str) -> String {
        let all = self.containers(service);
        all.first().unwrap_or_else(|| panic!("no container of {service}")).clone()
    }

    /// All containers of a service, dead ones too.
    pub(crate) fn containers(&self, service: &str) -> Vec<String> {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service = format!("label=com.docker.compose.service={service}");
        let found = docker(["ps", "-aq", "--filter", &project, "--filter", &service]);
        found.lines().map(str::to_owned).collect()
    }

    /// One of the project's own networks.
    pub(crate) fn network(&self, name: &str) -> String {
        format!("{}_{name}", self.project)
    }

    /// Waits until a service says something that contains `words`.
    pub(crate) fn wait_until_said(&self, service: &str, words: &str) {
        self.wait_until_said_times(1, service, words);
    }

    /// Waits until it has said so many such things.
    pub(crate) fn wait_until_said_times(&self, times: usize, service: &str, words: &str) {
        let mut logs = Command::new("docker")
            .args(["logs", "--follow", &self.container(service)])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker starts");
        let said = BufReader::new(logs.stderr.take().expect("piped"));
        let lines = said.lines().map_while(Result::ok).filter(|line| line.contains(words));
        let found = lines.take(times).count();
        let _ = logs.kill();
        let _ = logs.wait();
        assert_eq!(found, times, "{service} did not say {words:?} so often: {}", self.log(service));
    }

    /// Everything that a service said.
    pub(crate) fn log(&self, service: &str) -> String {
        let output = Command::new("docker").args(["logs", &self.container(service)]).output();
        let output = output.expect("docker starts");
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    /// The folder with the results.
    pub(crate) fn results(&self) -> PathBuf {
        self.folder.path().join("results")
    }

    /// The observer's summary, once it has ended well.
    pub(crate) fn summary(&self) -> serde_json::Value {
        assert_eq!(code(&self.container("observer")), 0, "{}", self.log("observer"));
        let text = std::fs::read_to_string(self.results().join("summary.json")).expect("a summary");
        serde_json::from_str(&text).expect("JSON")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.compose(&["down", "--volumes", "--timeout", "1"]).output();
    }
}
