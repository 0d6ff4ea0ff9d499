//! Which file belongs to which system.

use crate::all::SYSTEMS;
use crate::card::Card;
use crate::error::translate_for;
use crate::system::System;
use base::words::zoo as words;
use base::{Error, Kind, Result};
use engine::weights::{Checkpoint, Limits};
use std::path::{Path, PathBuf};

/// Files of a folder that are looked into when no published name is among them.
const MOST_FILES: usize = 64;
const ENDINGS: [&str; 5] = ["pt", "pth", "bin", "ckpt", "safetensors"];

/// The systems a weights file can belong to: by its published name, else by names and shapes of
/// its tensors. Networks of one architecture cannot be told apart by tensors: then all of them.
pub fn identify(path: &Path) -> Vec<&'static dyn System> {
    let named: Vec<_> =
        SYSTEMS.iter().copied().filter(|system| has_published_name(&system.card(), path)).collect();
    if !named.is_empty() {
        return named;
    }
    let Ok(checkpoint) = Checkpoint::open(path, &Limits::default()) else { return Vec::new() };
    SYSTEMS.iter().copied().filter(|system| has_signature(&system.card(), &checkpoint)).collect()
}

/// The weights of one system at `path`: the file itself, or the one in the folder.
///
/// In a folder a file with a published name wins; without one, a file whose tensors fit is taken
/// if it is the only one and does not carry another system's published name. Errors say which
/// file was expected and where it is published.
pub fn find_weights(system: &dyn System, path: &Path) -> Result<PathBuf> {
    let card = system.card();
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    if let Some(file) =
        card.weights.file_names.iter().map(|name| path.join(name)).find(|file| file.is_file())
    {
        return Ok(file);
    }
    let mut fitting = Vec::new();
    for file in weights_files(path)? {
        let other = SYSTEMS.iter().any(|system| has_published_name(&system.card(), &file));
        if other {
            continue;
        }
        if let Ok(checkpoint) = Checkpoint::open(&file, &Limits::default())
            && has_signature(&card, &checkpoint)
        {
            fitting.push(file);
        }
    }
    let hint = words::weights_hint(
        card.weights.file_names.first().copied().unwrap_or_default(),
        card.weights.url,
    );
    match fitting.len() {
        0 => Err(Error::new(Kind::Io, words::weights_not_found(card.id)).at(path).hint(hint)),
        1 => Ok(fitting.remove(0)),
        _ => {
            let names: Vec<_> = fitting
                .iter()
                .filter_map(|file| file.file_name().map(|name| name.to_string_lossy().into_owned()))
                .collect();
            let text = words::weights_ambiguous(card.id, &names.join(", "));
            Err(Error::new(Kind::Usage, text).at(path).hint(words::name_the_file(card.id)))
        }
    }
}

/// Opens a system's weights.
pub(crate) fn open(card: &Card<'_>, file: &Path) -> Result<Checkpoint> {
    Checkpoint::open(file, &Limits::default()).map_err(|error| translate_for(card, error).at(file))
}

fn has_published_name(card: &Card<'_>, path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| card.weights.file_names.contains(&name))
}

fn has_signature(card: &Card<'_>, checkpoint: &Checkpoint) -> bool {
    card.weights
        .signature
        .iter()
        .all(|(name, shape)| checkpoint.entry(name).is_some_and(|entry| entry.shape() == *shape))
}

fn weights_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| {
        Error::new(Kind::Io, words::engine_io(&error.to_string())).at(folder)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let known = path.extension().and_then(|ending| ending.to_str());
        if known.is_some_and(|ending| ENDINGS.contains(&ending)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    files.truncate(MOST_FILES);
    Ok(files)
}
