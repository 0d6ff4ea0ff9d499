//! The store of weights against a server that behaves badly in every way servers do, and against a
//! disk that fills up.
#![allow(clippy::unwrap_used)]

use crate::common::{ALL, code, command, printed, said, weights};
use base::Kind;
use consilium::weights::{Client, Expected, Mirror, Settings, Source, Store, Token};
use consilium::{Disk, World};
use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

// ---- A server ----------------------------------------------------------------------------

/// What the server does with one request.
#[derive(Clone, Debug)]
enum Act {
    /// Gives the file, or the part that is asked for.
    Give(Vec<u8>),
    /// Ignores what part is asked for.
    GiveWhole(Vec<u8>),
    /// Promises the whole file, gives so many bytes of it, hangs up.
    CutOff(Vec<u8>, usize),
    /// The same, but keeps the line open and says nothing more.
    Stall(Vec<u8>, usize),
    /// Gives the file and says that it is of another length.
    Lie(Vec<u8>, usize),
    /// Leads elsewhere.
    Redirect(String),
    /// Another status, with a header.
    Status(u16, &'static str),
    /// A page for people.
    Page,
    /// The file to those who show this token.
    Guarded(Vec<u8>, &'static str),
}

struct Server {
    address: String,
    /// The head of every request, in order.
    seen: Arc<Mutex<Vec<String>>>,
}

/// A server that does one act after the other; the last one is repeated.
fn serve(acts: Vec<Act>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heads = Arc::clone(&seen);
    let mut acts: VecDeque<Act> = acts.into();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let head = head_of(&stream);
            if head.is_empty() {
                continue;
            }
            heads.lock().unwrap().push(head.clone());
            let act = if acts.len() > 1 { acts.pop_front().unwrap() } else { acts[0].clone() };
            // A client that hangs up early is no failure of the test; one that is kept waiting does
            // not keep the next from being answered.
            std::thread::spawn(move || answer(&mut stream, &head, &act));
        }
    });
    Server { address, seen }
}

fn head_of(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
    head
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .map(|(key, value)| (key, value.trim()))
        .find(|(k, _)| k.eq_ignore_ascii_case(name))
        .map(|f| f.1)
}

fn answer(stream: &mut TcpStream, head: &str, act: &Act) -> io::Result<()> {
    let whole = |stream: &mut TcpStream, promised: usize, bytes: &[u8]| {
        let tag = "etag: \"v1\"\r\ncontent-type: application/octet-stream\r\nconnection: close";
        write!(stream, "HTTP/1.1 200 OK\r\n{tag}\r\ncontent-length: {promised}\r\n\r\n")?;
        stream.write_all(bytes)?;
        stream.flush()
    };
    match act {
        Act::Give(bytes) => give(stream, head, bytes),
        Act::GiveWhole(bytes) => whole(stream, bytes.len(), bytes),
        Act::CutOff(bytes, length) => whole(stream, bytes.len(), &bytes[..*length]),
        Act::Stall(bytes, length) => {
            whole(stream, bytes.len(), &bytes[..*length])?;
            std::thread::sleep(Duration::from_secs(5));
            Ok(())
        }
        Act::Lie(bytes, promised) => whole(stream, *promised, bytes),
        Act::Redirect(to) => write!(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ),
        Act::Status(status, line) => write!(
            stream,
            "HTTP/1.1 {status} No\r\n{line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ),
        Act::Page => {
            let page = "<html>Please log in</html>";
            let kind = "content-type: text/html; charset=utf-8\r\nconnection: close";
            write!(
                stream,
                "HTTP/1.1 200 OK\r\n{kind}\r\ncontent-length: {}\r\n\r\n{page}",
                page.len()
            )
        }
        Act::Guarded(bytes, token) => match header(head, "authorization") {
            Some(given) if given == format!("Bearer {token}") => give(stream, head, bytes),
            _ => answer(stream, head, &Act::Status(401, "x: y")),
        },
    }
}

fn give(stream: &mut TcpStream, head: &str, bytes: &[u8]) -> io::Result<()> {
    let range = header(head, "range").and_then(|range| range.strip_prefix("bytes="));
    let from = range.and_then(|range| range.trim_end_matches('-').parse::<usize>().ok());
    let same = header(head, "if-range").is_none_or(|tag| tag == "\"v1\"");
    match from.filter(|_| same) {
        Some(from) if from >= bytes.len() => {
            let total = format!("content-range: bytes */{}", bytes.len());
            write!(
                stream,
                "HTTP/1.1 416 No\r\n{total}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        }
        Some(from) => {
            let part = &bytes[from..];
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            write!(
                stream,
                "HTTP/1.1 206 Partial\r\netag: \"v1\"\r\ncontent-range: {range}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                part.len()
            )?;
            stream.write_all(part)
        }
        None => answer(stream, "", &Act::GiveWhole(bytes.to_vec())),
    }
}

// ---- What is fetched ---------------------------------------------------------------------

fn bytes() -> Vec<u8> {
    (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Of [`bytes`], by coreutils' sha256sum.
fn sha256() -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A source with what is published of [`bytes`].
fn source(url: &str) -> Source {
    let template = consilium::weights::find("deepbrain").unwrap().remove(0);
    let expected = Expected { bytes: Some(300_000), sha256: Some(sha256()), ..Expected::default() };
    Source { url: url.to_owned(), expected, ..template }
}

fn unknown(url: &str) -> Source {
    Source { expected: Expected::default(), ..source(url) }
}

fn settings() -> Settings {
    Settings {
        stall: Duration::from_millis(400),
        pause: Duration::from_millis(5),
        tries: 3,
        ..Settings::default()
    }
}

fn store(folder: &Path) -> Store {
    Store::open(folder.join("store").to_str(), &Disk).unwrap()
}

fn fetch(
    folder: &Path,
    settings: Settings,
    source: &Source,
) -> base::Result<consilium::weights::Kept> {
    Client::new(settings).fetch(&Disk, &store(folder), source, &|_, _| {})
}

/// The file is in the store under both names, and nothing else is left.
fn is_whole(folder: &Path, source: &Source) {
    let store = store(folder);
    let kept = store.find(&source.id, &source.name).unwrap();
    assert_eq!(kept.sha256, sha256());
    let named = store.folder(&source.id).join(&source.name);
    assert_eq!(fs::read(named).unwrap(), bytes());
    let object = store.root().join("objects").join(&kept.sha256[..2]).join(&kept.sha256);
    assert_eq!(fs::read(object).unwrap(), bytes());
    assert_eq!(fs::read_dir(store.root().join("partial")).unwrap().count(), 0);
    store.verify(&kept).unwrap();
}

#[test]
fn a_file_is_fetched_and_held_against_its_hash() {
    let dir = testkit::temp_dir("weights-plain");
    let server = serve(vec![Act::Give(bytes())]);
    let source = source(&format!("{}/graph_v2.pb", server.address));
    let kept = fetch(dir.path(), settings(), &source).unwrap();
    assert!(kept.verified);
    is_whole(dir.path(), &source);
    assert!(server.seen.lock().unwrap()[0].contains("consilium/"));
}

#[test]
fn a_connection_that_ends_or_stalls_is_resumed_where_it_broke() {
    for act in [Act::CutOff(bytes(), 100_000), Act::Stall(bytes(), 100_000)] {
        let dir = testkit::temp_dir("weights-resume");
        let server = serve(vec![act, Act::Give(bytes())]);
        let source = source(&format!("{}/f", server.address));
        fetch(dir.path(), settings(), &source).unwrap();
        is_whole(dir.path(), &source);
        let seen = server.seen.lock().unwrap();
        assert_eq!(header(&seen[1], "range"), Some("bytes=100000-"), "{}", seen[1]);
        assert_eq!(header(&seen[1], "if-range"), Some("\"v1\""));
    }
}

#[test]
fn what_is_here_stays_for_the_next_pull() {
    let dir = testkit::temp_dir("weights-next");
    let server = serve(vec![
        Act::CutOff(bytes(), 200_000),
        Act::Status(503, "retry-after: 0"),
        Act::Status(503, "retry-after: 0"),
        Act::Status(503, "retry-after: 0"),
        Act::Give(bytes()),
    ]);
    let source = source(&format!("{}/f", server.address));
    let error = fetch(dir.path(), settings(), &source).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    let hint = error.hint_text().unwrap().en().to_owned();
    assert!(hint.contains("graph_v2.pb") && hint.contains("weights import"), "{hint}");
    assert!(hint.contains(dir.path().to_str().unwrap()), "{hint}");
    assert!(store(dir.path()).all().is_empty());
    fetch(dir.path(), settings(), &source).unwrap();
    is_whole(dir.path(), &source);
    let seen = server.seen.lock().unwrap();
    assert_eq!(header(seen.last().unwrap(), "range"), Some("bytes=200000-"));
}

#[test]
fn a_server_without_ranges_starts_again_and_another_file_is_never_joined_on() {
    let dir = testkit::temp_dir("weights-whole");
    let server = serve(vec![Act::CutOff(bytes(), 100_000), Act::GiveWhole(bytes())]);
    let plain = source(&format!("{}/f", server.address));
    fetch(dir.path(), settings(), &plain).unwrap();
    is_whole(dir.path(), &plain);
    // Without a published hash a part is carried on only from where it came from.
    let dir = testkit::temp_dir("weights-other-place");
    let first = serve(vec![Act::CutOff(vec![7; 300_000], 100_000)]);
    let second = serve(vec![Act::Give(bytes())]);
    let one = unknown(&format!("{}/f", first.address));
    fetch(dir.path(), Settings { tries: 1, ..settings() }, &one).unwrap_err();
    let two = unknown(&format!("{}/f", second.address));
    let kept = fetch(dir.path(), settings(), &two).unwrap();
    assert!(!kept.verified && kept.sha256 == sha256());
    assert_eq!(header(&second.seen.lock().unwrap()[0], "range"), None);
}

#[test]
fn lies_about_the_length_are_found_out() {
    for promised in [299_999, 300_001] {
        let dir = testkit::temp_dir("weights-lie");
        let server = serve(vec![Act::Lie(bytes(), promised)]);
        let source = source(&format!("{}/f", server.address));
        let error = fetch(dir.path(), settings(), &source).unwrap_err();
        assert!(error.what().en().contains("300000"), "{error}");
        assert!(store(dir.path()).all().is_empty());
    }
    // Nothing is known of the file, more is promised than comes.
    let dir = testkit::temp_dir("weights-lie-long");
    let server = serve(vec![Act::Lie(bytes(), 400_000), Act::CutOff(bytes(), 0)]);
    let error = fetch(dir.path(), settings(), &unknown(&format!("{}/f", server.address)));
    assert_eq!(error.unwrap_err().kind(), Kind::Io);
    assert!(store(dir.path()).all().is_empty());
}

#[test]
fn wrong_bytes_are_thrown_away_and_the_next_mirror_is_asked() {
    let dir = testkit::temp_dir("weights-wrong");
    let mut other = bytes();
    other[150_000] ^= 1;
    let wrong = serve(vec![Act::Give(other)]);
    let gone = serve(vec![Act::Status(404, "x: y")]);
    let page = serve(vec![Act::Page]);
    let good = serve(vec![Act::Give(bytes())]);
    let mirrors =
        [&wrong, &gone, &page, &good].map(|server| Mirror::parse(&server.address).unwrap());
    let settings = Settings { mirrors: mirrors.to_vec(), mirrors_only: true, ..settings() };
    let source = source("https://example.org/releases/graph_v2.pb");
    let kept = fetch(dir.path(), settings.clone(), &source).unwrap();
    is_whole(dir.path(), &source);
    assert!(kept.from.starts_with(&good.address), "{}", kept.from);
    let path = "GET /https://example.org/releases/graph_v2.pb HTTP/1.1";
    assert!(good.seen.lock().unwrap()[0].starts_with(path));
    // Alone, each is an error that says what it is.
    for (server, word) in [(&wrong, "hash"), (&gone, "no such file"), (&page, "page")] {
        let dir = testkit::temp_dir("weights-wrong-alone");
        let mirrors = vec![Mirror::parse(&server.address).unwrap()];
        let settings = Settings { mirrors, ..settings.clone() };
        let error = fetch(dir.path(), settings, &source).unwrap_err();
        assert!(error.what().en().contains(word), "{error}");
        let left = fs::read_dir(store(dir.path()).root().join("partial")).unwrap().count();
        assert_eq!(left, 0, "{word}");
    }
}

#[test]
fn a_token_is_shown_where_it_belongs_and_nowhere_else() {
    let secret = "hf_0123456789";
    let token = Token::new(secret);
    let dir = testkit::temp_dir("weights-token");
    let server = serve(vec![Act::Guarded(bytes(), "hf_0123456789")]);
    let source = source(&format!("{}/f", server.address));
    let error = fetch(dir.path(), settings(), &source).unwrap_err();
    assert!(error.hint_text().unwrap().en().contains("--token-file"), "{error}");
    let with = Settings { token: token.clone(), ..settings() };
    fetch(dir.path(), with.clone(), &source).unwrap();
    is_whole(dir.path(), &source);
    // A mirror never sees it, nor where a redirect leads.
    let dir = testkit::temp_dir("weights-token-elsewhere");
    let elsewhere = serve(vec![Act::Give(bytes())]);
    let to = elsewhere.address.replace("127.0.0.1", "localhost") + "/cdn";
    let hub = serve(vec![Act::Redirect(to)]);
    let redirected = Source { url: format!("{}/f", hub.address), ..source.clone() };
    fetch(dir.path(), with.clone(), &redirected).unwrap();
    assert!(header(&hub.seen.lock().unwrap()[0], "authorization").unwrap().contains(secret));
    let mirror = Mirror::parse(&elsewhere.address.replace("127.0.0.1", "localhost")).unwrap();
    let dir = testkit::temp_dir("weights-token-mirror");
    let mirrored = Settings { mirrors: vec![mirror], ..with };
    fetch(dir.path(), mirrored, &redirected).unwrap();
    let seen = elsewhere.seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|head| !head.contains(secret)), "{seen:?}");
}

#[test]
fn redirects_are_followed_and_a_circle_ends() {
    let dir = testkit::temp_dir("weights-redirect");
    let end = serve(vec![Act::Give(bytes())]);
    let middle = serve(vec![Act::Redirect(format!("{}/end", end.address))]);
    let start = serve(vec![Act::Redirect(format!("{}/middle", middle.address))]);
    let good = source(&format!("{}/f", start.address));
    fetch(dir.path(), settings(), &good).unwrap();
    is_whole(dir.path(), &good);
    let circle = serve(vec![Act::Redirect("/f".into())]);
    let dir = testkit::temp_dir("weights-circle");
    fetch(dir.path(), settings(), &source(&format!("{}/f", circle.address))).unwrap_err();
}

#[test]
fn a_repository_is_listed_and_fetched_file_by_file_through_a_mirror() {
    let dir = testkit::temp_dir("weights-repository");
    let list = serde_json::json!([
        { "type": "file", "path": "model.safetensors", "size": 300_000, "lfs": { "oid": sha256() } },
        { "type": "file", "path": "README.md", "size": 3 },
    ]);
    let list = list.to_string().into_bytes();
    let hub = serve(vec![Act::GiveWhole(list), Act::Give(bytes())]);
    let mirror = Mirror::parse(&format!("huggingface.co={}", hub.address)).unwrap();
    let settings = Settings { mirrors: vec![mirror], mirrors_only: true, ..settings() };
    let source = consilium::weights::find("biobert").unwrap().remove(0);
    let client = Client::new(settings);
    let files = client.repository(&source).unwrap();
    assert_eq!(files.len(), 1);
    let kept = client.fetch(&Disk, &store(dir.path()), &files[0], &|_, _| {}).unwrap();
    assert!(kept.verified && kept.name == "model.safetensors");
    is_whole(dir.path(), &files[0]);
    let seen = hub.seen.lock().unwrap();
    assert!(seen[0].starts_with("GET /api/models/dmis-lab/biobert-v1.1/tree/main"), "{}", seen[0]);
    let path = "GET /dmis-lab/biobert-v1.1/resolve/main/model.safetensors";
    assert!(seen[1].starts_with(path), "{}", seen[1]);
}

// ---- A disk that fills up ----------------------------------------------------------------

/// The real disk until `left` bytes are appended, then full; or one that cannot be written at all.
struct Full {
    left: AtomicUsize,
    read_only: bool,
}

impl World for Full {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        if self.read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        Disk.make_folder(path)
    }
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        Disk.write(path, bytes)
    }
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.load(Ordering::SeqCst);
        if bytes.len() > left {
            // What a full disk leaves: a part.
            Disk.append(path, &bytes[..left])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.left.fetch_sub(bytes.len(), Ordering::SeqCst);
        Disk.append(path, bytes)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }
    fn remove_file(&self, path: &Path) -> io::Result<()> {
        Disk.remove_file(path)
    }
    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        Disk.remove_folder(path)
    }
    fn remove_empty_folder(&self, path: &Path) -> io::Result<()> {
        Disk.remove_empty_folder(path)
    }
}

#[test]
fn a_full_or_read_only_disk_loses_nothing() {
    let dir = testkit::temp_dir("weights-full");
    let server = serve(vec![Act::Give(bytes())]);
    let first = source(&format!("{}/f", server.address));
    fetch(dir.path(), settings(), &first).unwrap();
    let second = Source { name: "other.pb".into(), ..first.clone() };
    let client = Client::new(settings());
    let full = Full { left: AtomicUsize::new(120_000), read_only: false };
    let error = client.fetch(&full, &store(dir.path()), &second, &|_, _| {}).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    assert!(error.hint_text().unwrap().en().contains("--store"), "{error}");
    let kept = store(dir.path()).find(&first.id, &first.name).unwrap();
    store(dir.path()).verify(&kept).unwrap();
    assert_eq!(store(dir.path()).all().len(), 1);
    // With room again it goes on where it stopped.
    fetch(dir.path(), settings(), &second).unwrap();
    let last = server.seen.lock().unwrap().last().unwrap().clone();
    assert_eq!(header(&last, "range"), Some("bytes=120000-"));
    let read_only = Full { left: AtomicUsize::new(usize::MAX), read_only: true };
    let third = Source { name: "third.pb".into(), ..first };
    let error = client.fetch(&read_only, &store(dir.path()), &third, &|_, _| {}).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
    assert_eq!(store(dir.path()).all().len(), 2);
    // The same on import.
    let file = dir.join("graph_v2.pb");
    fs::write(&file, bytes()).unwrap();
    let full = Full { left: AtomicUsize::new(1000), read_only: false };
    let other = Store::open(dir.join("other").to_str(), &Disk).unwrap();
    let error = consilium::weights::import(&full, &other, &file, Some("vista3d")).unwrap_err();
    assert_eq!(error.kind(), Kind::Io, "{error}");
    assert!(other.all().is_empty());
    assert_eq!(fs::read_dir(other.root().join("partial")).unwrap().count(), 0);
}

// ---- The command -------------------------------------------------------------------------

#[test]
fn what_a_stick_brings_is_recognised_used_verified_and_removed() {
    let dir = testkit::temp_dir("weights-import");
    let stick = dir.join("stick");
    fs::create_dir_all(stick.join("deep")).unwrap();
    fs::copy(weights(), stick.join("deep").join(Path::new(weights()).file_name().unwrap()))
        .unwrap();
    fs::write(stick.join("holiday.jpg"), b"x").unwrap();
    let run = |line: &[&str]| {
        let mut command = command(dir.path(), line);
        command.env("CONSILIUM_STORE", dir.join("store")).output().unwrap()
    };
    let output = run(&["weights", "import", "stick"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(printed(&output).contains(ALL) && printed(&output).contains("passed over: 1"));
    let output = run(&["weights", "where", ALL]);
    let folder = printed(&output).trim().to_owned();
    assert!(Path::new(&folder).join(Path::new(weights()).file_name().unwrap()).is_file());
    // `read` finds them by itself.
    crate::common::film(&dir.join("chest.dcm"), |_| {});
    let output = run(&["read", "chest.dcm", "--model", ALL]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert_eq!(code(&run(&["weights", "verify"])), 0);
    // A file that rots is found, with what to do.
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mut rotten = fs::read(&file).unwrap();
    let middle = rotten.len() / 2;
    rotten[middle] ^= 1;
    fs::write(&file, rotten).unwrap();
    let output = run(&["weights", "verify", ALL]);
    assert_eq!(code(&output), 1);
    assert!(printed(&output).contains("weights pull"), "{}", printed(&output));
    let output = run(&["weights", "remove", ALL]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(printed(&output).starts_with("files removed: 1"), "{}", printed(&output));
    assert!(!Path::new(&folder).exists());
    let output = run(&["weights", "where", ALL]);
    assert_eq!(code(&output), 2);
    let unknown = run(&["weights", "import", "stick/holiday.jpg"]);
    assert_eq!(code(&unknown), 1);
    assert!(said(&unknown).contains("--as"), "{}", said(&unknown));
}

#[test]
fn a_licence_that_asks_is_agreed_to_once_and_recorded() {
    let dir = testkit::temp_dir("weights-licence");
    let server = serve(vec![Act::Give(bytes())]);
    let run = |more: &[&str]| {
        let line = [
            "weights",
            "pull",
            "spinenet",
            "--file",
            "grading/ckpt1.pt",
            "--mirror",
            &server.address,
            "--mirror-only",
            "--store",
            "store",
        ];
        let line: Vec<&str> = line.iter().chain(more).copied().collect();
        crate::common::consilium(dir.path(), &line)
    };
    let output = run(&[]);
    assert_eq!(code(&output), 2);
    assert!(said(&output).contains("non-commercial") && said(&output).contains("--accept"));
    assert!(server.seen.lock().unwrap().is_empty(), "nothing is fetched before");
    let output = run(&["--accept"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let accepted = fs::read_to_string(dir.join("store/accepted/spinenet.json")).unwrap();
    assert!(accepted.contains("Oxford-NC"), "{accepted}");
    assert!(dir.join("store/systems/spinenet/grading/ckpt1.pt").is_file());
    // What is there is not fetched again, nor is the question asked again.
    let before = server.seen.lock().unwrap().len();
    assert_eq!(code(&run(&[])), 0);
    assert_eq!(server.seen.lock().unwrap().len(), before);
}

#[test]
fn without_a_network_the_way_by_hand_is_named() {
    let dir = testkit::temp_dir("weights-offline");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mirror = format!("http://{closed}");
    let line = ["weights", "pull", ALL, "--mirror", &mirror, "--mirror-only", "--store", "here"];
    let output = crate::common::consilium(dir.path(), &line);
    assert_eq!(code(&output), 1);
    let said = said(&output);
    let file = zoo::find(ALL).unwrap().card().weights.file_names[0];
    for part in [file, "https://github.com/mlmed", "weights import", "here"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn unknown_ids_suggest_the_nearest() {
    let dir = testkit::temp_dir("weights-unknown");
    let output =
        crate::common::consilium(dir.path(), &["weights", "pull", "hd-bett", "--store", "s"]);
    assert_eq!(code(&output), 2);
    assert!(said(&output).contains("hd-bet"), "{}", said(&output));
}

#[test]
fn a_choice_of_a_system_lists_the_archives_that_it_needs() {
    let dir = testkit::temp_dir("weights-choice");
    let list = |id: &str| {
        let output = crate::common::consilium(
            dir.path(),
            &["weights", "list", id, "--json", "--store", "store"],
        );
        assert_eq!(code(&output), 0, "{}", said(&output));
        let all: serde_json::Value = serde_json::from_str(&printed(&output)).unwrap();
        let files = all["files"].as_array().unwrap().clone();
        files.iter().map(|file| file["file"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // The task's own, and the coarse model that finds the liver.
    let vessels = list("totalsegmentator:liver_vessels");
    assert_eq!(
        vessels,
        ["Dataset008_HepaticVessel.zip", "Dataset298_TotalSegmentator_total_6mm_1559subj.zip"]
    );
    assert_eq!(list("totalsegmentator:total").len(), 5);
    let fetch = |id: &str| {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mirror = format!("http://{closed}");
        let line =
            ["weights", "pull", id, "--mirror", &mirror, "--mirror-only", "--store", "store"];
        crate::common::consilium(dir.path(), &line)
    };
    let output = fetch("totalsegmentator:heartchambers_highres");
    assert!(code(&output) != 0 && said(&output).contains("licence"), "{}", said(&output));
    let output = fetch("totalsegmentator:nonsense");
    assert_eq!(code(&output), 2);
    assert!(said(&output).contains("nonsense"), "{}", said(&output));
    let output = fetch("spinenet:fast");
    assert!(code(&output) == 2 && said(&output).contains("spinenet"), "{}", said(&output));
}
