//! The files of a model: in a folder, or in a zip as nnU-Net exports it.

use crate::error::translate;
use base::words::nnunet as words;
use base::{Error, Kind, Result};
use engine::weights::{Archive, Limits, Plain};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a settings file; plans of nnU-Net 1 list every case's size.
const MOST_SETTINGS: u64 = 64 << 20;
/// Most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// Where files come from; names inside are relative, with `/`.
pub(crate) struct Source {
    path: PathBuf,
    archive: Option<RefCell<Archive>>,
}

impl Source {
    /// A folder, or a zip file.
    pub fn open(path: &Path) -> Result<Source> {
        if path.is_dir() {
            return Ok(Source { path: path.to_path_buf(), archive: None });
        }
        let is_zip = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"));
        if !is_zip {
            let kind = if path.exists() { Kind::BrokenInput } else { Kind::Io };
            return Err(Error::new(kind, words::NO_MODEL).at(path));
        }
        let archive = Archive::open(path, &Limits::default()).map_err(translate)?;
        Ok(Source { path: path.to_path_buf(), archive: Some(RefCell::new(archive)) })
    }

    /// The path as errors name it.
    pub fn full(&self, name: &str) -> PathBuf {
        match name.is_empty() {
            true => self.path.clone(),
            false => self.path.join(name),
        }
    }

    /// Whether there is such a file.
    pub fn has(&self, name: &str) -> bool {
        match &self.archive {
            None => self.full(name).is_file(),
            Some(archive) => archive.borrow().has(name),
        }
    }

    /// Whether there is such a folder.
    pub fn has_folder(&self, name: &str) -> bool {
        let (above, own) = name.rsplit_once('/').unwrap_or(("", name));
        self.folders(above).iter().any(|folder| folder == own)
    }

    /// Names of the folders directly inside `folder`, sorted.
    pub fn folders(&self, folder: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        match &self.archive {
            None => {
                let entries = std::fs::read_dir(self.full(folder)).into_iter().flatten();
                for entry in entries.take(MOST_ENTRIES).flatten() {
                    if entry.path().is_dir() {
                        found.extend(entry.file_name().into_string());
                    }
                }
            }
            Some(archive) => {
                let inside = if folder.is_empty() { String::new() } else { format!("{folder}/") };
                for name in archive.borrow().names() {
                    let rest = name.strip_prefix(inside.as_str());
                    let inner = rest.and_then(|rest| rest.split_once('/'));
                    found.extend(inner.map(|(inner, _)| inner.to_owned()));
                }
            }
        }
        found.remove("__MACOSX");
        found.into_iter().collect()
    }

    /// Names of the files below `folder`, at most so many folders deep, sorted.
    pub fn files(&self, folder: &str, levels: usize) -> Vec<String> {
        let mut found = match &self.archive {
            Some(archive) => {
                let begin = if folder.is_empty() { String::new() } else { format!("{folder}/") };
                let archive = archive.borrow();
                let inside = |name: &&str| {
                    let rest =
                        name.strip_prefix(begin.as_str()).filter(|rest| !rest.ends_with('/'));
                    rest.is_some_and(|rest| rest.matches('/').count() <= levels)
                };
                archive.names().filter(inside).map(str::to_owned).collect()
            }
            None => self.files_on_disk(folder, levels),
        };
        found.retain(|name| !name.contains("__MACOSX"));
        found.sort();
        found
    }

    fn files_on_disk(&self, folder: &str, levels: usize) -> Vec<String> {
        let mut found = Vec::new();
        let entries = std::fs::read_dir(self.full(folder)).into_iter().flatten();
        for entry in entries.take(MOST_ENTRIES).flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            match entry.path().is_dir() {
                true if levels > 0 => found.extend(self.files_on_disk(&name, levels - 1)),
                true => {}
                false => found.push(name),
            }
        }
        found
    }

    /// A settings file.
    pub fn settings(&self, name: &str) -> Result<Vec<u8>> {
        let bytes = self.read(name, MOST_SETTINGS)?;
        if bytes.len() as u64 > MOST_SETTINGS {
            let what = words::too_large(MOST_SETTINGS);
            return Err(Error::new(Kind::Limit, what).at(self.full(name)));
        }
        Ok(bytes)
    }

    /// A JSON file.
    pub fn json(&self, name: &str) -> Result<Plain> {
        Plain::from_json(&self.settings(name)?).map_err(|error| {
            Error::new(Kind::BrokenInput, words::json(error.message())).at(self.full(name))
        })
    }

    /// A pickle, read as data.
    pub fn pickle(&self, name: &str) -> Result<Plain> {
        Plain::from_pickle(&self.settings(name)?, &Limits::default()).map_err(|error| {
            Error::new(Kind::BrokenInput, words::json(error.message())).at(self.full(name))
        })
    }

    /// All bytes of a file, at most one more than `most`.
    pub fn read(&self, name: &str, most: u64) -> Result<Vec<u8>> {
        let path = self.full(name);
        match &self.archive {
            Some(archive) => {
                archive.borrow_mut().content(name).map_err(|error| translate(error).at(&path))
            }
            None => {
                let mut bytes = Vec::new();
                let file = std::fs::File::open(&path);
                let read = file.and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
                let failed = |error: std::io::Error| {
                    Error::new(Kind::Io, words::unreadable(&error.to_string())).at(&path)
                };
                read.map_err(failed).map(|_| bytes)
            }
        }
    }
}
