//! Models that a framework has trained, brought as a folder or a zip: which system each belongs to,
//! and its files into the store. What a results folder holds beside them (logs, predictions of the
//! validation) stays where it is.

use super::hash;
use super::store::{Kept, Store, unwritable};
use crate::World;
use base::words::weights as words;
use base::{Error, Kind, Result};
use std::path::{Path, PathBuf};
use zoo::trained::{self, Lying};

/// Most bytes of a file: weights of the largest networks take a few GB.
const MOST_BYTES: u64 = 16 << 30;

/// Takes all models below `path` in; what is in the store now, and the folders they were in.
///
/// `named` is the system they are said to belong to. Errors: a file that cannot be read, a store
/// that cannot be written.
pub(super) fn import(
    world: &dyn World,
    store: &Store,
    path: &Path,
    named: Option<&str>,
) -> Result<(Vec<Kept>, Vec<PathBuf>)> {
    let (mut kept, mut folders) = (Vec::new(), Vec::new());
    // What is no archive of models is a file like any other.
    for model in trained::lying(path).unwrap_or_default() {
        let (id, folder) = place(path, &model, named)?;
        for file in &model.files {
            let inside = joined(&model.folder, file);
            kept.push(take(world, store, path, &inside, &id, &joined(&folder, file))?);
        }
        folders.push(path.join(&model.folder));
    }
    Ok((kept, folders))
}

/// The system a model belongs to, and its folder below the system's in the store.
fn place(path: &Path, model: &Lying, named: Option<&str>) -> Result<(String, String)> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let whole = whole.join(&model.folder);
    let packed = model.folder.is_empty() && path.is_file();
    let own = if packed { whole.file_stem() } else { whole.file_name() };
    let own = own.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    // What was given and what lies below it; folders above may be called anything.
    let depth = model.folder.split('/').filter(|part| !part.is_empty()).count() + 1;
    let parts = whole.components().filter_map(|part| part.as_os_str().to_str());
    let mut names = parts.rev().take(depth).chain(model.name.as_deref());
    let published = names.find_map(|name| Some((trained::system(name)?, name.to_owned())));
    let id = match (named, &published) {
        (Some(id), _) => of_named(id),
        (None, Some((id, _))) => (*id).to_owned(),
        (None, None) => own_id(model.name.as_deref().unwrap_or(&own)),
    };
    if id.is_empty() {
        return Err(Error::new(Kind::Usage, words::not_recognised())
            .at(path)
            .hint(words::NAME_IT.clone()));
    }
    // TotalSegmentator has many models, each in its data set's folder.
    let folder = match &model.name {
        Some(data_set) if id == "totalsegmentator" => joined(data_set, &own),
        _ => own,
    };
    Ok((id, folder))
}

/// The row of a system that is named, else a name of one's own.
fn of_named(id: &str) -> String {
    match zoo::find_volume_system(id) {
        Some(system) => system.card().survey_row.to_owned(),
        None => slug(id),
    }
}

/// A name for a model of one's own that no system has.
fn own_id(name: &str) -> String {
    let id = slug(name);
    let taken = zoo::find(&id).is_some()
        || zoo::find_volume_system(&id).is_some()
        || zoo::catalogue::catalogue().entries.iter().any(|entry| entry.is_called(&id));
    if taken { format!("{id}-own") } else { id }
}

/// Lower case, words joined by hyphens, in any script.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// One file: written aside, then moved.
fn take(
    world: &dyn World,
    store: &Store,
    path: &Path,
    inside: &str,
    id: &str,
    name: &str,
) -> Result<Kept> {
    let bytes = trained::content(path, inside, MOST_BYTES)?;
    let (part, _) = store.partial(id, &format!("import/{name}"));
    store.make(world, part.parent().unwrap_or(store.root()))?;
    let _ = world.remove_file(&part);
    let written = (|| {
        world.append(&part, &bytes).map_err(|error| unwritable(&error, &part))?;
        let hashes = hash::of_file(&part, false)?;
        let kept = Kept {
            id: id.to_owned(),
            name: name.to_owned(),
            from: words::IMPORTED.into(),
            bytes: hashes.bytes,
            sha256: hashes.sha256.clone(),
            verified: false,
        };
        store.take(world, &part, &hashes, &kept)?;
        Ok(kept)
    })();
    if written.is_err() {
        let _ = world.remove_file(&part);
    }
    written
}
