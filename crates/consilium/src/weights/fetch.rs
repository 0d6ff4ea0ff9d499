//! One file over HTTP into the store: resumed where it broke off, held against what was published,
//! from one address after another.

use super::hash::{self, Expected};
use super::place::{Mirror, direct, host};
use super::source::Source;
use super::store::{Kept, Store, unwritable};
use crate::World;
use crate::read::write_file;
use base::words::weights as words;
use base::{Error, Kind, Result};
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use std::time::Duration;
use ureq::config::RedirectAuthHeaders;
use ureq::http::Response;
use ureq::{Agent, Body};

/// Bytes taken from the wire at a time.
const CHUNK: usize = 256 << 10;
/// A longer answer to a question about a repository is not looked at.
const MOST_LIST_BYTES: u64 = 16 << 20;
/// What must have come for a try to count as progress: a server that drips single bytes and hangs
/// up is given up on.
const PROGRESS_BYTES: u64 = 64 << 10;
/// A server may ask to wait, but not for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How to fetch.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Tried in order, before the address itself.
    pub mirrors: Vec<Mirror>,
    /// The address itself is not tried.
    pub mirrors_only: bool,
    /// For gated hubs; only ever sent to the host that the address itself names.
    pub token: Option<Token>,
    /// A connection that says nothing for so long is given up.
    pub stall: Duration,
    /// Tries without progress at one address.
    pub tries: u32,
    /// Pause before the second try; doubled each time.
    pub pause: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            mirrors: Vec::new(),
            mirrors_only: false,
            token: None,
            stall: Duration::from_secs(60),
            tries: 5,
            pause: Duration::from_secs(1),
        }
    }
}

/// A secret: prints as stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Surrounding white space does not count; `None` for what cannot stand in a header.
    pub fn new(text: &str) -> Option<Token> {
        let text = text.trim();
        let sound = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        sound.then(|| Token(text.to_owned()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Fetches files. Proxies come from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
pub struct Client {
    agent: Agent,
    settings: Settings,
}

/// Why an address did not work out.
enum Failure {
    /// Another address may.
    There(Error),
    /// No address will: the fault is on this machine.
    Here(Error),
}

/// Told how many bytes are here, and how many there will be.
pub type Progress<'a> = &'a dyn Fn(u64, Option<u64>);

impl Client {
    /// With settings.
    pub fn new(settings: Settings) -> Client {
        let stall = Some(settings.stall);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("consilium/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .timeout_resolve(stall)
            .timeout_connect(stall)
            .timeout_recv_response(stall)
            .timeout_per_read(stall)
            .build();
        Client { agent: config.into(), settings }
    }

    /// Fetches a file into the store. Errors say what happened at the last address, and how to
    /// bring the file here by hand.
    pub fn fetch(
        &self,
        world: &dyn World,
        store: &Store,
        source: &Source,
        progress: Progress<'_>,
    ) -> Result<Kept> {
        let (part, state) = store.partial(&source.id, &source.name);
        store.make(world, part.parent().unwrap_or(store.root()))?;
        let mut last = Error::new(Kind::Usage, words::no_address());
        for url in self.addresses(&source.url) {
            match self.from(world, &url, source, (&part, &state), progress) {
                Err(Failure::Here(error)) => return Err(error),
                Err(Failure::There(error)) => last = error,
                Ok(()) => {
                    let hashes = hash::of_file(&part, source.expected.md5.is_some())?;
                    if let Err(error) = source.expected.check(&hashes) {
                        // What is wrong is of no use for another try.
                        let _ = world.remove_file(&part);
                        let _ = world.remove_file(&state);
                        last = error;
                        continue;
                    }
                    let kept = Kept {
                        id: source.id.clone(),
                        name: source.name.clone(),
                        from: url,
                        bytes: hashes.bytes,
                        sha256: hashes.sha256.clone(),
                        verified: source.expected.has_hash(),
                    };
                    store.take(world, &part, &hashes, &kept)?;
                    let _ = world.remove_file(&state);
                    return Ok(kept);
                }
            }
        }
        if last.hint_text().is_some() {
            return Err(last);
        }
        let place = store.root().display().to_string();
        Err(last.hint(words::by_hand(&source.name, &source.url, &source.id, &place)))
    }

    /// Mirrors first, then the address itself.
    fn addresses(&self, url: &str) -> Vec<String> {
        let own = direct(url);
        let mirrored = self.settings.mirrors.iter().filter_map(|mirror| mirror.of(&own));
        let mut all: Vec<String> = mirrored.collect();
        if !self.settings.mirrors_only {
            all.push(own);
        }
        all
    }

    /// Brings the partial file to its whole length from one address.
    fn from(
        &self,
        world: &dyn World,
        url: &str,
        source: &Source,
        (part, state): (&Path, &Path),
        progress: Progress<'_>,
    ) -> std::result::Result<(), Failure> {
        let there = |text| Failure::There(Error::new(Kind::Io, text));
        let mut tries = 0;
        let mut pause = self.settings.pause;
        loop {
            let mut have = std::fs::metadata(part).map_or(0, |facts| facts.len());
            let validator = resumable(state, url, &source.expected);
            if have > 0 && (validator.is_none() || source.expected.bytes.is_some_and(|b| have > b))
            {
                world.remove_file(part).map_err(|error| Failure::Here(unwritable(&error, part)))?;
                have = 0;
            }
            if have > 0 && source.expected.bytes == Some(have) {
                return Ok(());
            }
            let answer = self.ask(url, source, have, validator.flatten().as_deref());
            let mut problem = match &answer {
                Err(error) => Some(words::unreachable(host(url), error)),
                Ok(_) => None,
            };
            let mut wait = pause;
            let before = have;
            if let Ok(mut response) = answer {
                match self.judge(&response, url, source, have) {
                    Next::Stop(error) => return Err(Failure::There(error)),
                    Next::Wait(text, asked) => {
                        problem = Some(text);
                        wait = asked.unwrap_or(wait).min(LONGEST_WAIT);
                    }
                    Next::Restart => {
                        world
                            .remove_file(part)
                            .map_err(|error| Failure::Here(unwritable(&error, part)))?;
                        problem = Some(words::cut_off(have, None));
                    }
                    Next::Read { from, total } => {
                        if from == 0 && have > 0 {
                            world
                                .remove_file(part)
                                .map_err(|error| Failure::Here(unwritable(&error, part)))?;
                            have = 0;
                        }
                        remember(world, state, url, &response)?;
                        let body = response.body_mut().as_reader();
                        let read = copy(world, body, part, &mut have, total, source, progress)?;
                        match read {
                            None if total.is_none_or(|total| have == total) => return Ok(()),
                            None => problem = Some(words::cut_off(have, total)),
                            Some(error) => problem = Some(words::broke_off(have, total, &error)),
                        }
                    }
                }
            }
            if have >= before + PROGRESS_BYTES {
                tries = 0;
                pause = self.settings.pause;
                wait = pause;
            }
            tries += 1;
            if tries >= self.settings.tries {
                return Err(there(problem.unwrap_or_else(words::no_address)));
            }
            std::thread::sleep(wait);
            pause = (pause * 2).min(LONGEST_WAIT);
        }
    }

    fn ask(
        &self,
        url: &str,
        source: &Source,
        from: u64,
        validator: Option<&str>,
    ) -> std::result::Result<Response<Body>, ureq::Error> {
        let mut request = self.agent.get(url);
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
            if let Some(validator) = validator {
                request = request.header("If-Range", validator);
            }
        }
        if let Some(token) = self.token_for(url, &source.url) {
            request = request.header("Authorization", format!("Bearer {}", token.0));
        }
        request.call()
    }

    /// A token goes to the host that was asked for itself and over a connection nobody can read.
    fn token_for(&self, url: &str, own: &str) -> Option<&Token> {
        let safe = url.starts_with("https://") || matches!(host(url), "127.0.0.1" | "localhost");
        self.settings.token.as_ref().filter(|_| safe && host(url) == host(&direct(own)))
    }

    /// What an answer means.
    fn judge(&self, response: &Response<Body>, url: &str, source: &Source, have: u64) -> Next {
        let stop = |text| Next::Stop(Error::new(Kind::Io, text));
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        let number = |name: &str| header(name).and_then(|value| value.trim().parse::<u64>().ok());
        let status = response.status().as_u16();
        let (from, total) = match status {
            200 => (0, number("content-length")),
            206 => match header("content-range").and_then(content_range) {
                Some((from, total)) if from == have => (have, total),
                _ => return Next::Restart,
            },
            416 if have > 0 => return Next::Restart,
            401 | 403 => {
                let hint = words::token_needed(host(url), &source.url, source.gate.is_some());
                let error = Error::new(Kind::Io, words::not_allowed(host(url), status));
                return Next::Stop(error.hint(hint));
            }
            404 | 410 => return stop(words::not_there(url)),
            408 | 425 | 429 | 500..=599 => {
                let asked = number("retry-after").map(Duration::from_secs);
                return Next::Wait(words::busy(host(url), status), asked);
            }
            _ => return stop(words::status(host(url), status)),
        };
        let page = header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        if page && !source.name.ends_with(".html") {
            return stop(words::page_instead(url));
        }
        if let (Some(total), Some(expected)) = (total, source.expected.bytes)
            && total != expected
        {
            return stop(words::wrong_size(expected, total));
        }
        Next::Read { from, total: total.or(source.expected.bytes) }
    }

    /// The files of a repository, each with the hash its hub gives.
    pub fn repository(&self, source: &Source) -> Result<Vec<Source>> {
        let Some(name) = source.repository() else { return Ok(vec![source.clone()]) };
        let url = format!("https://huggingface.co/api/models/{name}/tree/main?recursive=true");
        let mut last = Error::new(Kind::Usage, words::no_address());
        for address in self.addresses(&url) {
            match self.list(&address, source) {
                Ok(value) => return Ok(listed(&value, name, source)),
                Err(error) => last = error,
            }
        }
        match last.hint_text() {
            Some(_) => Err(last),
            None => Err(last.hint(words::repository_by_hand(&source.url, &source.id))),
        }
    }

    fn list(&self, url: &str, source: &Source) -> Result<Value> {
        let failed = |text| Error::new(Kind::Io, text);
        let unreachable = |error| failed(words::unreachable(host(url), &error));
        let mut response = self.ask(url, source, 0, None).map_err(unreachable)?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 => {
                let hint = words::token_needed(host(url), &source.url, source.gate.is_some());
                let status = response.status().as_u16();
                return Err(failed(words::not_allowed(host(url), status)).hint(hint));
            }
            404 => return Err(failed(words::not_there(url))),
            status => return Err(failed(words::status(host(url), status))),
        }
        let mut text = Vec::new();
        let read = response.body_mut().as_reader().take(MOST_LIST_BYTES).read_to_end(&mut text);
        read.map_err(|error| failed(words::broke_off(0, None, &error)))?;
        serde_json::from_slice(&text).map_err(|_| failed(words::page_instead(url)))
    }
}

/// What to do with an answer.
enum Next {
    /// This address is of no use.
    Stop(Error),
    /// Try again later.
    Wait(base::Text, Option<Duration>),
    /// What is here does not go with what is there.
    Restart,
    /// The file, from a byte on.
    Read { from: u64, total: Option<u64> },
}

/// `bytes 100-199/1000` (RFC 9110, 14.4).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (from, _) = range.split_once('-')?;
    Some((from.trim().parse().ok()?, total.trim().parse().ok()))
}

/// The outer option: whether what is here may be carried on from this address; the inner: what the
/// server is to compare, where it gave something. With a published hash any address will do: what
/// does not belong together is found out at the end.
fn resumable(state: &Path, url: &str, expected: &Expected) -> Option<Option<String>> {
    let text = std::fs::read_to_string(state).ok()?;
    let value: Value = serde_json::from_str(&text).ok()?;
    let same = value["url"] == url;
    match value["validator"].as_str() {
        Some(validator) if same => Some(Some(validator.to_owned())),
        _ if expected.has_hash() => Some(None),
        _ => None,
    }
}

/// Writes down where the partial file comes from. A weak validator does not hold for ranges (RFC
/// 9110, 13.1.5).
fn remember(
    world: &dyn World,
    state: &Path,
    url: &str,
    response: &Response<Body>,
) -> std::result::Result<(), Failure> {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let strong = header("etag").filter(|tag| !tag.starts_with("W/"));
    let text = json!({ "url": url, "validator": strong.or(header("last-modified")) });
    write_file(world, state, text.to_string().as_bytes()).map_err(Failure::Here)
}

/// Copies until the end; `Some` when the connection broke.
fn copy(
    world: &dyn World,
    mut body: impl Read,
    part: &Path,
    have: &mut u64,
    total: Option<u64>,
    source: &Source,
    progress: Progress<'_>,
) -> std::result::Result<Option<std::io::Error>, Failure> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match body.read(&mut chunk) {
            Ok(0) => return Ok(None),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Ok(Some(error)),
        };
        let full = |error| Failure::Here(unwritable(&error, part));
        world.append(part, &chunk[..read]).map_err(full)?;
        *have += read as u64;
        if let Some(most) = source.expected.bytes.filter(|most| *have > *most) {
            let _ = world.remove_file(part);
            return Err(Failure::There(Error::new(Kind::Io, words::wrong_size(most, *have))));
        }
        progress(*have, total);
    }
}

/// Endings of files that belong to a model, and of copies in frameworks nobody asked for.
const WANTED: [&str; 9] =
    [".safetensors", ".bin", ".pt", ".pth", ".h5", ".json", ".txt", ".model", ".gz"];
const TWINS: [&str; 4] = ["tf_model.h5", "flax_model", "rust_model", "model.onnx"];

/// Files of Hugging Face's answer: paths, sizes, and for large files the SHA-256.
fn listed(value: &Value, repository: &str, source: &Source) -> Vec<Source> {
    let files: Vec<(&str, &Value)> = value
        .as_array()
        .into_iter()
        .flatten()
        .filter(|file| file["type"] == "file")
        .filter_map(|file| Some((file["path"].as_str()?, file)))
        .filter(|(path, _)| !path.split('/').any(|part| part.is_empty() || part.starts_with('.')))
        .filter(|(path, _)| WANTED.iter().any(|ending| path.ends_with(ending)))
        .filter(|(path, _)| !TWINS.iter().any(|twin| path.contains(twin)))
        .collect();
    let safe = files.iter().any(|(path, _)| path.ends_with(".safetensors"));
    let one = |(path, file): (&str, &Value)| {
        let hash = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let sha256 = file["lfs"]["oid"].as_str().filter(|text| hash(text));
        Source {
            name: path.to_owned(),
            url: format!("https://huggingface.co/{repository}/resolve/main/{path}"),
            expected: Expected {
                bytes: file["size"].as_u64(),
                sha256: sha256.map(str::to_ascii_lowercase),
                ..Expected::default()
            },
            ..source.clone()
        }
    };
    files
        .into_iter()
        .filter(|(path, _)| !safe || !(path.ends_with(".bin") || path.ends_with(".h5")))
        .map(one)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_shows() {
        let token = Token::new(" hf_secret\n").unwrap();
        assert_eq!(format!("{token:?}"), "***");
        assert_eq!(Token::new("two words"), None);
        let settings = Settings { token: Some(token), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("secret"));
    }

    #[test]
    fn ranges_are_read_as_the_standard_has_them() {
        assert_eq!(content_range("bytes 100-199/1000"), Some((100, Some(1000))));
        assert_eq!(content_range("bytes 100-199/*"), Some((100, None)));
        assert_eq!(content_range("bytes */1000"), None);
        assert_eq!(content_range("items 1-2/3"), None);
    }

    #[test]
    fn of_a_repository_the_files_of_the_model_are_taken_once() {
        let source = super::super::source::find("biobert").unwrap().remove(0);
        let hash = "a".repeat(64);
        let value = serde_json::json!([
            { "type": "directory", "path": "onnx" },
            { "type": "file", "path": ".gitattributes", "size": 1 },
            { "type": "file", "path": "README.md", "size": 1 },
            { "type": "file", "path": "config.json", "size": 313 },
            { "type": "file", "path": "../outside.json", "size": 1 },
            { "type": "file", "path": "pytorch_model.bin", "size": 10, "lfs": { "oid": hash } },
            { "type": "file", "path": "flax_model.msgpack", "size": 10 },
            { "type": "file", "path": "model.safetensors", "size": 10, "lfs": { "oid": hash } },
        ]);
        let files = listed(&value, "dmis-lab/biobert-v1.1", &source);
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["config.json", "model.safetensors"]);
        assert_eq!(files[1].expected.sha256.as_deref(), Some(hash.as_str()));
        let url = "https://huggingface.co/dmis-lab/biobert-v1.1/resolve/main/config.json";
        assert_eq!(files[0].url, url);
    }
}
