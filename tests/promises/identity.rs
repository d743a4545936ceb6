//! One credential, one place, one vote; whoever has none stays outside, and no secret is written where it is not kept.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use lab::keys::{self, Days, Split};

use crate::program::{equipoise, json, output, succeed, with_scenario};

const SCENARIO: &str = "[task]\nmodel = \"linear\"\n[server]\nrounds = 8\nidentity = \"MODE\"\n[workers]\ncount = 2\n\
                        [[attackers]]\nattack = { name = \"counter-gradient\" }\n";
const GOOD: Days = Days { from: -1, to: 30 };
const PAST: Days = Days { from: -30, to: -1 };

/// Ends with the test, however that ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server with the keys of the folder `keys`; answers its port.
fn server(folder: &Path) -> (Server, u16) {
    let arguments = ["server", "--scenario", "scenario.toml", "--listen", "0.0.0.0:0", "--keys", "keys"];
    let mut command = equipoise(folder, arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let port = line.trim_end_matches(['"', '}', '\n']).rsplit(':').next().and_then(|port| port.parse().ok());
    (Server(child), port.unwrap_or_else(|| panic!("no port in {line:?}")))
}

/// What a worker says that comes with these keys.
fn refusal(folder: &Path, url: &str, rank: u32, keys: &str) -> String {
    let rank = rank.to_string();
    let (code, _, stderr) = output(folder, ["worker", url, "--rank", &rank, "--keys", keys]);
    assert_eq!(code, Some(1), "{stderr}");
    stderr
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn the_model_is_the_same_bits_whoever_has_to_say_who_he_is_and_no_secret_is_in_any_log() {
    let model = |mode: &str| {
        let (folder, _) = with_scenario(&SCENARIO.replace("MODE", mode));
        // Everything that any part of any process would ever write down.
        let mut command = equipoise(folder.path(), ["run", "scenario.toml", "--quiet", "--out", "out"]);
        let status = command.env("EQUIPOISE_LOG", "trace").stderr(Stdio::null()).status().expect("it starts");
        assert!(status.success(), "{status}");
        let out = folder.path().join("out");
        let model = learning::data::load_vector(&out.join("model.npz"), "theta").expect("a model");
        assert_eq!(json(&out.join("summary.json"))["rounds"], 8);
        if mode != "open" {
            no_secret_is_written(&out);
        }
        model.into_iter().map(f64::to_bits).collect::<Vec<_>>()
    };
    let open = model("open");
    assert!(open == model("token"), "token differs");
    assert!(open == model("mtls"), "mtls differs");
}

/// Secrets are in the files that keep them, readable by their owner, and in no other.
fn no_secret_is_written(out: &Path) {
    let (mut all, mut secrets) = (Vec::new(), Vec::new());
    files(out, &mut all);
    for path in all.iter().filter(|path| path.starts_with(out.join("keys"))) {
        let text = fs::read_to_string(path).expect("text");
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("token") => secrets.push(text),
            Some("key") => secrets.push(text.lines().nth(1).expect("a key").to_owned()),
            _ => (),
        }
        #[cfg(unix)]
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).expect("a file").permissions());
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
    }
    assert_eq!(secrets.len(), 9, "four tokens and five keys");
    for path in all.iter().filter(|path| !path.starts_with(out.join("keys"))) {
        let bytes = fs::read(path).expect("a file");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!secrets.iter().any(|secret| text.contains(secret.as_str())), "{}", path.display());
    }
}

#[test]
fn a_handshake_with_the_wrong_authority_or_name_or_after_its_time_is_refused() {
    let (folder, _) = with_scenario(&SCENARIO.replace("MODE", "mtls"));
    let path = folder.path();
    keys::init(&path.join("keys"), (3, 0), &[], GOOD, Split::None).expect("keys");
    keys::init(&path.join("other"), (3, 0), &[], GOOD, Split::None).expect("keys");
    let (_server, port) = server(path);
    let here = format!("https://127.0.0.1:{port}");
    let stderr = refusal(path, &here, 0, "other");
    assert!(stderr.contains("invalid peer certificate"), "{stderr}");
    let stderr = refusal(path, &format!("https://127.0.0.2:{port}"), 0, "keys");
    assert!(stderr.contains("not valid for name"), "{stderr}");
    // The authority is right, the certificate that we show is another's.
    fs::copy(path.join("keys/ca.pem"), path.join("other/ca.pem")).expect("a file");
    let stderr = refusal(path, &here, 0, "other");
    assert!(stderr.contains("does not let us join") || stderr.contains("cannot connect"), "{stderr}");
    // No certificate at all.
    fs::remove_file(path.join("other/worker-0.key")).expect("a file");
    let stderr = refusal(path, &here, 0, "other");
    assert!(stderr.contains("does not let us join") || stderr.contains("cannot connect"), "{stderr}");

    let (folder, _) = with_scenario(&SCENARIO.replace("MODE", "mtls"));
    keys::init(&folder.path().join("keys"), (3, 0), &[], PAST, Split::None).expect("keys");
    let (_server, port) = server(folder.path());
    let stderr = refusal(folder.path(), &format!("https://127.0.0.1:{port}"), 0, "keys");
    assert!(stderr.contains("xpired"), "{stderr}");
}

#[test]
fn a_credential_has_its_own_place_and_no_other() {
    for mode in ["token", "mtls"] {
        let (folder, _) = with_scenario(&SCENARIO.replace("MODE", mode));
        let path = folder.path();
        keys::init(&path.join("keys"), (3, 0), &[], GOOD, Split::None).expect("keys");
        let (_server, port) = server(path);
        let url = format!("https://127.0.0.1:{port}");
        // Worker 1 says that it is worker 0; then it says that it is an observer, who has no place.
        for (name, says) in [("worker-1", "place 1, not 0"), ("observer", "an observer has no place")] {
            let stolen = path.join(name);
            fs::create_dir(&stolen).expect("a folder");
            fs::copy(path.join("keys/ca.pem"), stolen.join("ca.pem")).expect("a file");
            for kind in ["pem", "key", "token"] {
                let from = path.join(format!("keys/{name}.{kind}"));
                fs::copy(from, stolen.join(format!("worker-0.{kind}"))).expect("a file");
            }
            let stderr = refusal(path, &url, 0, name);
            assert!(stderr.contains(says), "{mode}: {stderr}");
        }
        // A token that nobody was given.
        if mode == "token" {
            fs::write(path.join("worker-1/worker-0.token"), "0".repeat(64)).expect("a file");
            let stderr = refusal(path, &url, 0, "worker-1");
            assert!(stderr.contains("the token is not known"), "{stderr}");
        }
    }
}

#[test]
fn an_open_server_listens_to_this_machine_only_unless_told_otherwise() {
    let (folder, _) = with_scenario("");
    let arguments = ["server", "--scenario", "scenario.toml", "--listen", "0.0.0.0:0"];
    let (code, _, stderr) = output(folder.path(), arguments);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("anybody who reaches 0.0.0.0:0 could take any place"), "{stderr}");
    assert!(stderr.contains("--insecure"), "{stderr}");
}

#[test]
fn of_more_keys_than_there_are_workers_each_takes_one_and_a_file_of_keys_is_as_good_as_a_folder() {
    let (folder, _) = with_scenario(&SCENARIO.replace("MODE", "mtls").replace("rounds = 8", "rounds = 3"));
    let path = folder.path();
    let init = ["keys", "init", "--workers", "7", "--attackers", "2", "--out"];
    succeed(path, [&init[..], &["keys", "--split", "folders"]].concat());
    succeed(path, [&init[..], &["keys", "--split", "folders", "--keep"]].concat());
    succeed(path, [&init[..], &["files", "--split", "files"]].concat());
    let run = |server_keys: &str, clients: [&[&str]; 3]| {
        let arguments = ["server", "--scenario", "scenario.toml", "--listen", "127.0.0.1:0", "--keys"];
        let mut command = equipoise(path, arguments);
        let server = command.arg(server_keys).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = Server(server.expect("it starts"));
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let port: u16 =
            line.trim_end().trim_end_matches(['"', '}']).rsplit(':').next().unwrap().parse().unwrap();
        let url = format!("https://127.0.0.1:{port}");
        let clients = clients.map(|arguments| {
            let mut command = equipoise(path, [arguments[0], &url, "--keys"]);
            Server(command.args(&arguments[1..]).stderr(Stdio::null()).spawn().expect("it starts"))
        });
        for mut client in clients {
            assert_eq!(client.0.wait().expect("it ran").code(), Some(0));
        }
        assert_eq!(server.0.wait().expect("it ran").code(), Some(0));
    };
    run(
        "keys/server",
        [&["worker", "keys/workers"], &["worker", "keys/workers"], &["attacker", "keys/attackers"]],
    );
    // As many as there are keys for: a rank is that of the key.
    succeed(
        path,
        ["keys", "init", "--workers", "2", "--attackers", "1", "--out", "exact", "--split", "files"],
    );
    run(
        "exact/server.keys",
        [
            &["worker", "exact/workers.keys", "--rank", "2-1"],
            &["worker", "exact/workers.keys", "--rank", "1-1"],
            &["attacker", "exact/attackers.keys", "--rank", "2+0"],
        ],
    );
    let held = fs::read_to_string(path.join("exact/attackers.keys")).expect("a file");
    assert!(held.contains("worker-2.key") && !held.contains("worker-1"), "an attacker has no other's key");
}
