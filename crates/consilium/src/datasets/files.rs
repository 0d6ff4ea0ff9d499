//! Files of a data set where they lie: in folders, and inside zip and tar archives as if those were
//! folders. Nothing is unpacked to the disk.

use super::packed::{Gunzip, Packed};
use base::words::{cli, datasets as words, score};
use base::{Error, Kind, Note, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Names of archives end like this.
const ARCHIVES: [&str; 4] = [".zip", ".tar", ".tar.gz", ".tgz"];
/// Most entries of an archive.
const MOST_ENTRIES: usize = 5_000_000;
/// Most bytes of one file that is read whole.
const MOST_BYTES: u64 = 4 << 30;
/// A packed tar has no directory. Up to this many bytes it is unpacked in memory; a larger one is read from
/// the nearest kept state of the decompressor.
const MOST_IN_MEMORY: u64 = 1 << 30;

/// Looks into folders and archives. A path may lead into an archive: `images.zip/a.png`.
#[derive(Default)]
pub struct Files {
    archives: Mutex<BTreeMap<PathBuf, Result<Arc<Archive>>>>,
}

/// What lies in a folder.
pub(crate) struct Entry {
    /// Its name alone.
    pub name: String,
    /// A folder, or an archive that can be looked into as one.
    pub folder: bool,
}

/// An archive with the place of each file.
struct Archive {
    places: BTreeMap<String, Place>,
    source: Source,
}

#[derive(Clone, Copy)]
enum Place {
    /// Where a zip has it, and how it is packed.
    Zip(rawzip::ZipArchiveEntryWayfinder, rawzip::CompressionMethod),
    /// From which byte of the tar, and how many.
    Tar(u64, u64),
}

enum Source {
    Zip(rawzip::ZipArchive<rawzip::FileReader>),
    Tar(Mutex<File>),
    Packed(Box<Mutex<Packed<File>>>),
    Memory(Vec<u8>),
}

impl Files {
    /// Numbers and names of the labels in masks, from the `dataset.json` of a set; empty where there is
    /// none.
    pub fn mask_labels(&self, root: &Path) -> Vec<(u32, String)> {
        let Ok(bytes) = self.bytes(&root.join("dataset.json")) else { return Vec::new() };
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let Some(labels) = json["labels"].as_object() else { return Vec::new() };
        let one = |(key, value): (&String, &serde_json::Value)| match value.as_str() {
            Some(name) => Some((key.parse().ok()?, name.to_owned())),
            None => Some((u32::try_from(value.as_u64()?).ok()?, key.clone())),
        };
        // A region of several labels has no number of its own; then numbers stand for themselves.
        let found: Option<Vec<(u32, String)>> = labels.iter().map(one).collect();
        let mut found = found.unwrap_or_default();
        found.retain(|(number, _)| *number != 0);
        found.sort();
        found
    }

    /// Whether there is such a file.
    pub fn is_file(&self, path: &Path) -> bool {
        path.is_file()
            || self.inside(path).is_some_and(|(archive, name)| archive.places.contains_key(&name))
    }

    /// Whether there is such a folder, or an archive of that name.
    pub fn is_folder(&self, path: &Path) -> bool {
        path.is_dir() || self.inside(path).is_some_and(|(archive, name)| archive.has_folder(&name))
    }

    /// What lies in a folder, by name; nothing where there is none. The leavings of some systems
    /// (`._name`, `__MACOSX`) are passed over.
    pub(crate) fn list(&self, folder: &Path) -> Vec<Entry> {
        let mut entries: Vec<Entry> = match std::fs::read_dir(folder) {
            Ok(entries) => entries
                .flatten()
                .map(|entry| Entry {
                    name: entry.file_name().to_string_lossy().into_owned(),
                    folder: entry.path().is_dir() || is_archive(&entry.path()),
                })
                .collect(),
            Err(_) => match self.inside(folder) {
                Some((archive, name)) => archive.list(&name),
                None => Vec::new(),
            },
        };
        entries.retain(|entry| !entry.name.starts_with("._") && entry.name != "__MACOSX");
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    /// A whole file.
    pub fn bytes(&self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read(path, MOST_BYTES + 1, &mut bytes)?;
        if bytes.len() as u64 > MOST_BYTES {
            let text = score::table_too_large("bytes", MOST_BYTES);
            return Err(Error::new(Kind::Limit, text).at(path));
        }
        Ok(bytes)
    }

    /// The first bytes of a file, at most `most`.
    pub(super) fn head(&self, path: &Path, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read(path, most, &mut bytes)?;
        Ok(bytes)
    }

    /// What could not be looked into.
    pub(super) fn notes(&self) -> Vec<Note> {
        let archives = self.archives.lock().unwrap_or_else(PoisonError::into_inner);
        let broken = archives.iter().filter_map(|(path, found)| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let why = found.as_ref().err()?.what().clone();
            Some(Note::warning("archive", words::archive_unreadable(&name, &why)))
        });
        broken.collect()
    }

    /// The error of an archive that cannot be looked into; nothing where `path` is none.
    pub(crate) fn openable(&self, path: &Path) -> Result<()> {
        if is_archive(path) { self.archive(path).map(|_| ()) } else { Ok(()) }
    }

    fn read(&self, path: &Path, most: u64, into: &mut Vec<u8>) -> Result<()> {
        let failed =
            |error: std::io::Error| Error::new(Kind::Io, cli::cannot_read(&error)).at(path);
        let broken = |error: std::io::Error| {
            Error::new(Kind::BrokenInput, cli::cannot_read(&error)).at(path)
        };
        match File::open(path) {
            Ok(file) => file.take(most).read_to_end(into).map(|_| ()).map_err(failed),
            Err(error) => {
                let Some((archive, name)) = self.inside(path) else { return Err(failed(error)) };
                let Some(place) = archive.places.get(&name) else { return Err(failed(error)) };
                archive.read(*place, most, into).map_err(broken)
            }
        }
    }

    /// The archive a path leads into, and the name inside; `None` where it leads into none.
    fn inside(&self, path: &Path) -> Option<(Arc<Archive>, String)> {
        let archive = path.ancestors().find(|path| is_archive(path))?;
        let rest = path.strip_prefix(archive).ok()?;
        let name = rest.components().map(|part| part.as_os_str().to_string_lossy());
        let name = name.collect::<Vec<_>>().join("/");
        Some((self.archive(archive).ok()?, name))
    }

    fn archive(&self, path: &Path) -> Result<Arc<Archive>> {
        let mut archives = self.archives.lock().unwrap_or_else(PoisonError::into_inner);
        let found = archives.entry(path.to_path_buf());
        found.or_insert_with(|| Archive::open(path).map(Arc::new)).clone()
    }
}

/// A file that is called like an archive.
fn is_archive(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase());
    name.is_some_and(|name| ARCHIVES.iter().any(|ending| name.ends_with(ending))) && path.is_file()
}

impl Archive {
    fn open(path: &Path) -> Result<Archive> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::new(Kind::BrokenInput, cli::cannot_read(error)).at(path)
        };
        let file = File::open(path)
            .map_err(|error| Error::new(Kind::Io, cli::cannot_read(&error)).at(path))?;
        let name = path.to_string_lossy().to_ascii_lowercase();
        if name.ends_with(".zip") {
            return Archive::of_zip(file, path);
        }
        if name.ends_with(".tar") {
            let places = tar_places(&mut tar::Archive::new(&file), path)?;
            return Ok(Archive { places, source: Source::Tar(Mutex::new(file)) });
        }
        let mut bytes = Vec::new();
        let decoder = Gunzip::new(BufReader::with_capacity(1 << 18, &file));
        decoder.take(MOST_IN_MEMORY + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        if bytes.len() as u64 <= MOST_IN_MEMORY {
            let places = tar_places(&mut tar::Archive::new(bytes.as_slice()), path)?;
            return Ok(Archive { places, source: Source::Memory(bytes) });
        }
        drop(bytes);
        let places = |input: &mut dyn Read| tar_places(&mut tar::Archive::new(input), path);
        let (packed, places) = Packed::open(file, places).map_err(|error| failed(&error))?;
        Ok(Archive { places: places?, source: Source::Packed(Box::new(Mutex::new(packed))) })
    }

    fn of_zip(file: File, path: &Path) -> Result<Archive> {
        let failed =
            |error: rawzip::Error| Error::new(Kind::BrokenInput, cli::cannot_read(&error)).at(path);
        let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
        let zip = rawzip::ZipArchive::from_file(file, &mut buffer).map_err(failed)?;
        let mut places = BTreeMap::new();
        let mut entries = zip.entries(&mut buffer);
        while let Some(entry) = entries.next_entry().map_err(failed)? {
            if places.len() == MOST_ENTRIES {
                let text = words::too_many_entries(MOST_ENTRIES + 1, MOST_ENTRIES);
                return Err(Error::new(Kind::Limit, text).at(path));
            }
            let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
            if let Some(name) = tidy(&name).filter(|_| !entry.is_dir()) {
                places.insert(name, Place::Zip(entry.wayfinder(), entry.compression_method()));
            }
        }
        Ok(Archive { places, source: Source::Zip(zip) })
    }

    fn has_folder(&self, name: &str) -> bool {
        name.is_empty() || self.below(name).next().is_some()
    }

    /// The files below a folder, without its name.
    fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a str> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let from = self.places.range(prefix.clone()..);
        from.map_while(move |(name, _)| name.strip_prefix(prefix.as_str()))
    }

    fn list(&self, folder: &str) -> Vec<Entry> {
        let mut entries: BTreeMap<&str, bool> = BTreeMap::new();
        for name in self.below(folder) {
            match name.split_once('/') {
                Some((folder, _)) => entries.insert(folder, true),
                None => entries.insert(name, false),
            };
        }
        entries.into_iter().map(|(name, folder)| Entry { name: name.into(), folder }).collect()
    }

    /// Reads at most `most` bytes of a file; of a whole one the check sum is verified.
    fn read(&self, place: Place, most: u64, into: &mut Vec<u8>) -> std::io::Result<()> {
        match (&self.source, place) {
            (Source::Zip(zip), Place::Zip(wayfinder, method)) => {
                let other = std::io::Error::other::<rawzip::Error>;
                let entry = zip.get_entry(wayfinder).map_err(other)?;
                match method {
                    rawzip::CompressionMethod::STORE => {
                        let plain = entry.verifying_reader(entry.reader());
                        plain.take(most).read_to_end(into)?;
                    }
                    rawzip::CompressionMethod::DEFLATE => {
                        let plain = flate2::read::DeflateDecoder::new(entry.reader());
                        entry.verifying_reader(plain).take(most).read_to_end(into)?;
                    }
                    other => {
                        let text = format!("zip method {other}; 0 and 8 can be read");
                        return Err(std::io::Error::other(text));
                    }
                }
            }
            (Source::Tar(file), Place::Tar(from, size)) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(from))?;
                (&mut *file).take(size.min(most)).read_to_end(into)?;
            }
            (Source::Packed(packed), Place::Tar(from, size)) => {
                let mut packed = packed.lock().unwrap_or_else(PoisonError::into_inner);
                packed.read(from, size.min(most), into)?;
            }
            (Source::Memory(bytes), Place::Tar(from, size)) => {
                let end = from.saturating_add(size);
                let own = bytes.get(from as usize..end as usize);
                let own = own.ok_or(std::io::ErrorKind::UnexpectedEof)?;
                into.extend_from_slice(&own[..own.len().min(most as usize)]);
            }
            _ => return Err(std::io::ErrorKind::NotFound.into()),
        }
        Ok(())
    }
}

/// Where the files of a tar lie.
fn tar_places<R: Read>(tar: &mut tar::Archive<R>, path: &Path) -> Result<BTreeMap<String, Place>> {
    let failed =
        |error: std::io::Error| Error::new(Kind::BrokenInput, cli::cannot_read(&error)).at(path);
    let mut places = BTreeMap::new();
    for entry in tar.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if places.len() == MOST_ENTRIES {
            let text = words::too_many_entries(MOST_ENTRIES + 1, MOST_ENTRIES);
            return Err(Error::new(Kind::Limit, text).at(path));
        }
        let place = Place::Tar(entry.raw_file_position(), entry.size());
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if let Some(name) = tidy(&name) {
            places.insert(name, place);
        }
    }
    Ok(places)
}

/// A name inside an archive with plain slashes; `None` of one that leads out of it.
fn tidy(name: &str) -> Option<String> {
    let name = name.replace('\\', "/");
    let mut parts = Vec::new();
    for part in Path::new(&name).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?.to_owned()),
            Component::CurDir => {}
            _ => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Files below a folder by name, `depth` folders deep, of those folders (and archives) whose name
/// begins with `starts`.
pub(super) fn by_name(
    files: &Files,
    root: &Path,
    starts: &str,
    depth: usize,
) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let own = |entry: &Entry| entry.folder && entry.name.starts_with(starts);
    let mut folders: Vec<(PathBuf, usize)> =
        files.list(root).into_iter().filter(own).map(|entry| (root.join(entry.name), 0)).collect();
    while let Some((folder, level)) = folders.pop() {
        for entry in files.list(&folder) {
            let path = folder.join(&entry.name);
            match entry.folder {
                true if level < depth => folders.push((path, level + 1)),
                true => {}
                false => {
                    found.insert(entry.name, path);
                }
            }
        }
    }
    found
}
