//! Against a server in this process, which can be told to cut a connection.

use std::{
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use flate2::{Compression, write::GzEncoder};

use super::*;

/// A mirror of one file that notes where every request began.
struct Mirror {
    url: String,
    starts: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Mirror {
    /// Serves `body`; answer number i ends after `cuts[i]` bytes of it, and later ones are whole.
    fn new(body: Vec<u8>, cuts: Vec<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let starts = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&starts);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut starts = noted.lock().unwrap();
                let cut = cuts.get(starts.len()).copied();
                starts.push(answer(stream.unwrap(), &body, cut));
            }
        });
        Self { url, starts }
    }

    fn starts(&self) -> Vec<Option<usize>> {
        self.starts.lock().unwrap().clone()
    }
}

/// Answers one request and closes; answers where its range began.
fn answer(mut stream: TcpStream, body: &[u8], cut: Option<usize>) -> Option<usize> {
    let mut start = None;
    for line in BufReader::new(&stream).lines() {
        let line = line.unwrap().to_ascii_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    let rest = &body[start.unwrap_or(0).min(body.len())..];
    let status = match start {
        None => "200 OK",
        Some(_) if rest.is_empty() => "416 Range Not Satisfiable",
        Some(_) => "206 Partial Content",
    };
    let length = rest.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&rest[..cut.unwrap_or(length).min(length)]).unwrap();
    start
}

fn contents() -> Vec<u8> {
    (0..200_000_u32).map(|k| (k.wrapping_mul(k) >> 7) as u8).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn pinned() -> PinnedFile {
    PinnedFile {
        name: "some.gz",
        bytes: contents().len() as u64,
        sha256: digest(contents().as_slice()).unwrap(),
    }
}

fn set(mirrors: &[&Mirror]) -> Set {
    let mirrors = mirrors.iter().map(|mirror| mirror.url.clone()).collect();
    Set { name: "some", mirrors, files: vec![pinned()] }
}

/// Without whatever proxy this machine may have.
fn fetcher() -> Fetcher {
    let config = Agent::config_builder().proxy(None).http_status_as_error(false).build();
    Fetcher(config.into())
}

#[test]
fn a_file_is_fetched_once() {
    let folder = tempfile::tempdir().unwrap();
    let body = gzip(&contents());
    let mirror = Mirror::new(body.clone(), Vec::new());
    let fetch = || fetcher().fetch(&set(&[&mirror]), &pinned(), folder.path()).unwrap();
    assert_eq!(fetch(), Fetched::Downloaded(body.len() as u64));
    assert_eq!(fetch(), Fetched::Cached);
    assert_eq!(mirror.starts(), [None]);
    assert_eq!(fs::read(folder.path().join("some.gz")).unwrap(), body);
}

#[test]
fn a_file_that_was_put_there_uncompressed_is_not_fetched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("some"), contents()).unwrap();
    let mirror = Mirror::new(Vec::new(), Vec::new());
    let fetched = fetcher().fetch(&set(&[&mirror]), &pinned(), folder.path()).unwrap();
    assert_eq!((fetched, mirror.starts()), (Fetched::Cached, vec![]));
}

#[test]
fn a_cut_download_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let body = gzip(&contents());
    let mirror = Mirror::new(body.clone(), vec![1000, 500]);
    let fetched = fetcher().fetch(&set(&[&mirror]), &pinned(), folder.path()).unwrap();
    assert_eq!(fetched, Fetched::Downloaded(body.len() as u64));
    assert_eq!(mirror.starts(), [None, Some(1000), Some(1500)]);
    assert_eq!(fs::read(folder.path().join("some.gz")).unwrap(), body);
}

#[test]
fn what_an_earlier_run_left_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let body = gzip(&contents());
    for have in [700, body.len()] {
        fs::write(folder.path().join("some.gz.part"), &body[..have]).unwrap();
        let mirror = Mirror::new(body.clone(), Vec::new());
        let fetched = fetcher().fetch(&set(&[&mirror]), &pinned(), folder.path()).unwrap();
        assert_eq!(fetched, Fetched::Downloaded((body.len() - have) as u64));
        assert_eq!(mirror.starts(), [Some(have)]);
        fs::remove_file(folder.path().join("some.gz")).unwrap();
    }
}

#[test]
fn a_part_of_something_else_is_thrown_away_and_the_file_fetched_whole() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("some.gz.part"), [7; 300]).unwrap();
    let mirror = Mirror::new(gzip(&contents()), Vec::new());
    fetcher().fetch(&set(&[&mirror]), &pinned(), folder.path()).unwrap();
    assert_eq!(mirror.starts(), [Some(300), None]);
}

#[test]
fn other_contents_are_refused_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = contents();
    other[77] ^= 1;
    let corrupt = gzip(&contents())[..5000].to_vec();
    let bomb = gzip(&vec![0; 10_000_000]);
    for (body, got) in [(gzip(&other), "SHA-256"), (corrupt, "none, "), (bomb, "SHA-256")] {
        let mirror = Mirror::new(body, Vec::new());
        let error = fetcher().fetch(&set(&[&mirror]), &pinned(), folder.path()).unwrap_err().to_string();
        assert!(error.contains(got) && error.contains(&pinned().sha256), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_mirror_that_fails_is_followed_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (broken, whole) = (Mirror::new(Vec::new(), vec![]), Mirror::new(gzip(&contents()), vec![]));
    let fetched = fetcher().fetch(&set(&[&broken, &whole]), &pinned(), folder.path());
    assert!(matches!(fetched, Ok(Fetched::Downloaded(_))), "{fetched:?}");
    assert_eq!(broken.starts(), [None]);
}

#[test]
fn a_mirror_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
    let nobody = Set { mirrors: vec![format!("http://{free}/data/")], ..set(&[]) };
    let error = fetcher().fetch(&nobody, &pinned(), folder.path()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot fetch http://{free}/data/some.gz: ")), "{error}");
}
