//! Data that are fetched, and data that are not what they should be.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Output,
};

use learning::{
    Dataset, Targets,
    data::{Inputs, save_table},
};
use ndarray::Array2;

use crate::program::equipoise;

/// A web server that gives the same answer to whoever asks, and tells the first line of every request.
fn mirror(body: &'static [u8]) -> (SocketAddr, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.by_ref().find(String::is_empty);
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // Whoever asked may have gone.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            if tell.send(first).is_err() {
                break;
            }
        }
    });
    (address, told)
}

fn fetch(folder: &Path, arguments: &[&str], proxy: Option<SocketAddr>) -> Output {
    let mut command = equipoise(folder, [&["fetch"], arguments].concat());
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    command.env("XDG_CACHE_HOME", folder.join("cache"));
    if let Some(proxy) = proxy {
        command.env("HTTP_PROXY", format!("http://{proxy}"));
    }
    command.output().expect("the program starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn other_contents_than_the_pinned_are_refused_and_not_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (address, asked) = mirror(b"not MNIST");
    let output = fetch(folder.path(), &["mnist", "--mirror", &format!("http://{address}/sets/")], None);
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for expected in [
        &format!("error: http://{address}/sets/train-images-idx3-ubyte.gz holds something else: SHA-256"),
        "expected ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "hint: nothing of it was kept",
    ] {
        assert!(stderr.contains(expected), "{stderr:?} does not say {expected:?}");
    }
    assert_eq!(asked.recv().as_deref(), Ok("GET /sets/train-images-idx3-ubyte.gz HTTP/1.1"));
    let cache = folder.path().join("cache/equipoise/mnist");
    assert_eq!(std::fs::read_dir(&cache).expect("the cache folder").count(), 0);
}

#[test]
fn the_proxy_of_the_environment_is_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (proxy, asked) = mirror(b"");
    let arguments = ["fashion-mnist", "--mirror", "http://mirror.invalid", "--to", "there"];
    let output = fetch(folder.path(), &arguments, Some(proxy));
    assert_eq!(output.status.code(), Some(1));
    let first = asked.recv().expect("a request");
    assert!(first.contains("mirror.invalid"), "{first}");
}

#[test]
fn the_data_folder_is_where_fetch_puts_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("scenario.toml"), "[task]\ndata = \"mnist\"")
        .expect("a writable folder");
    let output = equipoise(folder.path(), ["run", "scenario.toml", "--in-process"])
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
        .output()
        .expect("the program starts");
    let expected = format!("is not in {}", folder.path().join("cache/equipoise/mnist").display());
    assert!(stderr(&output).contains(&expected), "{} does not say {expected}", stderr(&output));
}

/// What is said of a file of this name with these bytes or rows, as the data of a poisoned worker.
fn said_of(name: &str, write: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scenario = format!("[[attackers]]\nattack = {{ name = \"data\", file = \"{name}\" }}");
    std::fs::write(folder.path().join("scenario.toml"), scenario).expect("a writable folder");
    write(&folder.path().join(name));
    let output = equipoise(folder.path(), ["run", "scenario.toml", "--in-process", "--quiet"])
        .output()
        .expect("the program starts");
    let stderr = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{stderr}");
    stderr
}

#[test]
fn rows_that_are_not_what_they_should_be_are_told_by_row() {
    let table = |width: usize, last: f64, label: u8| {
        move |path: &Path| {
            let mut inputs = Array2::from_elem((3, width), 0.5);
            inputs[(2, width - 1)] = last;
            let targets = Targets::Classes { labels: vec![1, 2, label], classes: 10.max(label.into()) };
            save_table(path, &Dataset::new(Inputs::Reals(inputs), targets)).expect("a writable folder");
        }
    };
    let counted = |path: &Path| {
        let inputs = Inputs::Reals(Array2::from_elem((2, 64), 0.5));
        let targets = Targets::Classes { labels: vec![1, 2], classes: 10 };
        let rows = Dataset { counts: Some(vec![3, 0]), ..Dataset::new(inputs, targets) };
        save_table(path, &rows).expect("a writable folder");
    };
    for (said, expected) in [
        (said_of("f.npz", counted), "f.npz: array `count` says 0 in row 1, expected a number from 1"),
        (said_of("a.npz", table(64, f64::NAN, 0)), "a.npz: NaN in row 2, column 63 of `x`"),
        (said_of("b.npz", table(63, 0.0, 0)), "b.npz: inputs of width 63, the task has 64"),
        (said_of("c.npz", table(64, 0.0, 12)), "c.npz: label 12 in row 2, expected at most 9"),
        (said_of("d.npz", |path| std::fs::write(path, "PK").expect("a writable folder")), "not an npz file"),
        (said_of("e.csv", |path| std::fs::write(path, "1,2\n3,inf\n").expect("a writable folder")), "line 2"),
    ] {
        assert!(said.contains(expected), "{said:?} does not say {expected:?}");
    }
}

#[test]
fn a_corrupt_set_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path().join("mnist");
    std::fs::create_dir(&place).expect("a writable folder");
    for part in ["train", "t10k"] {
        // The start of a gzip file.
        std::fs::write(place.join(format!("{part}-images-idx3-ubyte.gz")), [0x1f, 0x8b, 8, 0, 0, 0, 0, 0])
            .expect("a writable folder");
        std::fs::write(place.join(format!("{part}-labels-idx1-ubyte")), []).expect("a writable folder");
    }
    std::fs::write(folder.path().join("scenario.toml"), "[task]\ndata = \"mnist\"")
        .expect("a writable folder");
    let output = equipoise(folder.path(), ["run", "scenario.toml", "--in-process", "--data-dir", "."])
        .output()
        .expect("the program starts");
    let stderr = stderr(&output);
    for expected in
        ["mnist/train-images-idx3-ubyte.gz is not a whole gzip file", "hint: remove ./mnist/train-images"]
    {
        assert!(stderr.contains(expected), "{stderr:?} does not say {expected:?}");
    }
}
