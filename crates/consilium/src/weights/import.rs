//! Files brought on a stick: which system each belongs to, and into the store.

use super::hash::{self, Hashes};
use super::source::{self, Source};
use super::store::{Kept, Store, unwritable};
use super::trained;
use crate::World;
use base::words::weights as words;
use base::{Error, Kind, Result};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Files of a folder that are looked at.
const MOST_FILES: usize = 4096;
/// Folders within folders.
const DEEPEST: usize = 6;
/// Bytes copied at a time.
const CHUNK: usize = 1 << 20;

/// What became of the files.
#[derive(Debug, Default)]
pub struct Imported {
    /// Now in the store.
    pub kept: Vec<Kept>,
    /// Of a folder: files that belong to nothing that is known.
    pub passed_over: usize,
}

/// Takes a file or a folder's files in; `named` is the system they are said to belong to.
///
/// Trained models of nnU-Net, as folders or archives, go in with the files that reading needs.
/// A file that was named must be recognised; of a folder what is not recognised is passed over.
/// Errors: nothing recognised, several networks fit, or not the file that was published.
pub fn import(
    world: &dyn World,
    store: &Store,
    path: &Path,
    named: Option<&str>,
) -> Result<Imported> {
    let failed = |error: std::io::Error| Error::new(Kind::Io, words::cannot_read(&error)).at(path);
    let mut imported = Imported::default();
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        if !has_published_name(path) {
            // An archive of models is unpacked; a published one is kept as it is, with its hash.
            imported.kept = trained::import(world, store, path, named)?.0;
        }
        if imported.kept.is_empty() {
            imported.kept.push(one(world, store, path, named)?);
        }
        return Ok(imported);
    }
    let (kept, models) = trained::import(world, store, path, named)?;
    imported.kept = kept;
    let mut archives = Vec::new();
    // Beside a model's own files there are only those that reading does not need.
    let whole = models.iter().any(|model| model == path);
    let others = if whole { Vec::new() } else { files(path, DEEPEST, &models) };
    for file in others {
        let is_zip = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"));
        if is_zip && !has_published_name(&file) {
            archives.push(file);
            continue;
        }
        match recognise(&file, named) {
            Ok(found) => imported.kept.push(keep(world, store, &file, found)?),
            Err(_) => imported.passed_over += 1,
        }
    }
    for file in archives {
        match trained::import(world, store, &file, named)?.0 {
            none if none.is_empty() => imported.passed_over += 1,
            kept => imported.kept.extend(kept),
        }
    }
    if imported.kept.is_empty() {
        return Err(Error::new(Kind::BrokenInput, words::none_recognised()).at(path));
    }
    Ok(imported)
}

fn one(world: &dyn World, store: &Store, path: &Path, named: Option<&str>) -> Result<Kept> {
    let found = recognise(path, named)?;
    keep(world, store, path, found)
}

/// What a file is: a source of the catalogue and its hashes.
fn recognise(path: &Path, named: Option<&str>) -> Result<(Source, Hashes)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let candidates = match named {
        Some(id) => source::find(id)?,
        None => source::all(),
    };
    let is_called = |source: &&Source| {
        let last = source.name.rsplit('/').next().unwrap_or(&source.name);
        last == name || source.other_names.contains(&name)
    };
    let by_name: Vec<&Source> = candidates.iter().filter(is_called).collect();
    let with_md5 = by_name.iter().any(|source| source.expected.md5.is_some());
    let hashes = hash::of_file(path, with_md5)?;
    // A published hash says more than any name.
    let by_hash = candidates.iter().find(|s| s.expected.sha256.as_ref() == Some(&hashes.sha256));
    if let Some(source) = by_hash {
        return Ok((source.clone(), hashes));
    }
    match by_name[..] {
        [only] => {
            only.expected.check(&hashes).map_err(|error| error.at(path))?;
            return Ok((only.clone(), hashes));
        }
        [] => {}
        _ => {
            // Several systems publish under this name; a hash may decide.
            let fits: Vec<&&Source> = by_name
                .iter()
                .filter(|s| s.expected.has_hash() && s.expected.check(&hashes).is_ok())
                .collect();
            if let [only] = fits[..] {
                return Ok(((**only).clone(), hashes));
            }
            let ids: Vec<&str> = by_name.iter().map(|source| source.id.as_str()).collect();
            let text = words::fits_several(&ids.join(", "));
            return Err(Error::new(Kind::Usage, text).at(path).hint(words::NAME_IT.clone()));
        }
    }
    let networks: Vec<&str> = zoo::identify(path).iter().map(|system| system.card().id).collect();
    let by_tensors: Vec<&Source> =
        candidates.iter().filter(|source| networks.contains(&source.id.as_str())).collect();
    match by_tensors[..] {
        [only] => {
            only.expected.check(&hashes).map_err(|error| error.at(path))?;
            Ok((only.clone(), hashes))
        }
        [] if named.is_some() => {
            // The user says what it is; it is kept under its own name.
            let Some(first) = candidates.first() else {
                return Err(Error::new(Kind::Usage, words::nothing_to_pull(&name)).at(path));
            };
            let expected = hash::Expected::default();
            Ok((Source { name, expected, other_names: Vec::new(), ..first.clone() }, hashes))
        }
        [] => Err(Error::new(Kind::BrokenInput, words::not_recognised())
            .at(path)
            .hint(words::NAME_IT.clone())),
        _ => {
            let ids: Vec<&str> = by_tensors.iter().map(|source| source.id.as_str()).collect();
            let text = words::fits_several(&ids.join(", "));
            Err(Error::new(Kind::Usage, text).at(path).hint(words::NAME_IT.clone()))
        }
    }
}

/// Copies into the store: aside, then moved.
fn keep(
    world: &dyn World,
    store: &Store,
    path: &Path,
    (source, hashes): (Source, Hashes),
) -> Result<Kept> {
    let failed = |error: std::io::Error| Error::new(Kind::Io, words::cannot_read(&error)).at(path);
    let (part, _) = store.partial(&source.id, &format!("import/{}", source.name));
    store.make(world, part.parent().unwrap_or(store.root()))?;
    let _ = world.remove_file(&part);
    let copied = (|| {
        let mut file = File::open(path).map_err(failed)?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = file.read(&mut chunk).map_err(failed)?;
            if read == 0 {
                break;
            }
            world.append(&part, &chunk[..read]).map_err(|error| unwritable(&error, &part))?;
        }
        // What was copied is what was recognised: a stick may fail while it is read.
        let copy = hash::of_file(&part, false)?;
        if copy.sha256 != hashes.sha256 {
            let text = words::wrong_hash(&hashes.sha256, &copy.sha256);
            return Err(Error::new(Kind::Io, text).at(path));
        }
        let kept = Kept {
            id: source.id.clone(),
            name: source.name.clone(),
            from: words::IMPORTED.into(),
            bytes: hashes.bytes,
            sha256: hashes.sha256.clone(),
            verified: source.expected.has_hash(),
        };
        store.take(world, &part, &hashes, &kept)?;
        Ok(kept)
    })();
    if copied.is_err() {
        let _ = world.remove_file(&part);
    }
    copied
}

/// Whether a file bears the name under which a system's weights are published.
fn has_published_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    source::all()
        .iter()
        .any(|source| source.name == name || source.other_names.iter().any(|other| *other == name))
}

/// Files below a folder, sorted; hidden ones and those below some folders are left out.
fn files(folder: &Path, depth: usize, without: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden || found.len() >= MOST_FILES {
            continue;
        }
        if path.is_dir() && depth > 0 {
            if !without.contains(&path) {
                found.extend(files(&path, depth - 1, without));
            }
        } else if path.is_file() {
            found.push(path);
        }
    }
    found.truncate(MOST_FILES);
    found
}
