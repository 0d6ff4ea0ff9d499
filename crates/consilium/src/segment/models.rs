//! The models of a request: systems for volumes by name, trained nnU-Net models by folder.

use crate::read::Request;
use base::words::segmentation as own;
use base::words::volume_systems as words;
use base::{Error, Kind, Result, Text};
use kernels::Pool;
use report::pictures::slug;
use std::path::{Path, PathBuf};
use std::time::Instant;
use zoo::volume_system::VolumeOptions;
use zoo::{Compute, VolumeReader, VolumeSystem, find_volume_system};

/// A model with its weights, and what is said of it.
pub(super) struct Loaded {
    pub id: String,
    pub name: Text,
    pub reader: Box<dyn VolumeReader>,
    pub seconds: f64,
}

/// Whether the models asked for read volumes. Errors when they are of both kinds.
pub fn wanted(models: &[String]) -> Result<bool> {
    let own = models.iter().filter(|name| system(name).is_some() || is_folder(name)).count();
    match own {
        0 => Ok(false),
        n if n == models.len() => Ok(true),
        _ => Err(Error::new(Kind::Usage, own::ONE_KIND.clone())),
    }
}

/// A system and what was asked of it: `ID` or `ID:CHOICE+CHOICE`.
pub(crate) fn system(name: &str) -> Option<(&'static dyn VolumeSystem, Vec<String>)> {
    let (id, chosen) = name.split_once(':').unwrap_or((name, ""));
    let chosen = chosen.split('+').filter(|one| !one.is_empty()).map(str::to_owned).collect();
    find_volume_system(id).map(|system| (system, chosen))
}

fn is_folder(name: &str) -> bool {
    zoo::find(name).is_none() && zoo::trained::holds(Path::new(chosen_of(name).0))
}

/// A folder and the classes that are asked of it: `PATH` or `PATH:CLASS+CLASS`.
fn chosen_of(name: &str) -> (&str, Vec<String>) {
    let is_path = |(path, _): &(&str, &str)| !Path::new(name).exists() && Path::new(path).exists();
    match name.rsplit_once(':').filter(is_path) {
        None => (name, Vec::new()),
        Some((path, asked)) => {
            let asked = asked.split('+').filter(|one| !one.is_empty());
            (path, asked.map(str::to_owned).collect())
        }
    }
}

/// Loads all models of a request. Errors name the file that was expected and where it is published, or
/// what is wrong with a folder.
pub(super) fn load(request: &Request, pool: &Pool) -> Result<Vec<Loaded>> {
    let mut loaded: Vec<Loaded> = Vec::new();
    for name in &request.models {
        let started = Instant::now();
        let (id, shown, reader) = match system(name) {
            Some((system, chosen)) => open(system, chosen, request)?,
            None => folder(name, request, pool)?,
        };
        if loaded.iter().any(|other| other.id == id) {
            return Err(Error::new(Kind::Usage, base::words::own::model_twice(&id)));
        }
        loaded.push(Loaded { id, name: shown, reader, seconds: started.elapsed().as_secs_f64() });
    }
    Ok(loaded)
}

/// What `--fast` chooses.
const FAST: &str = "fast";

type Opened = (String, Text, Box<dyn VolumeReader>);

fn open(
    system: &'static dyn VolumeSystem,
    mut chosen: Vec<String>,
    request: &Request,
) -> Result<Opened> {
    let card = system.card();
    let known: Vec<&str> = card.choices.iter().map(|choice| choice.name).collect();
    if request.volume.fast && !chosen.iter().any(|one| one == FAST) {
        chosen.push(FAST.to_owned());
    }
    if let Some(unknown) = chosen.iter().find(|asked| !known.contains(&asked.as_str())) {
        let text = words::unknown_choice(card.id, unknown, &known.join(", "));
        return Err(Error::new(Kind::Usage, text));
    }
    let mut id = card.id.to_owned();
    for choice in &chosen {
        id.push('-');
        id.push_str(&choice.replace('_', "-"));
    }
    let labelled = request.volume.labels.is_some();
    let compute = request.common.compute();
    let options = VolumeOptions { compute, chosen, mirror: request.mirror, labelled };
    let weights = weights_of(system, request);
    // Weights that were given come before those in the program.
    let reader = match (weights, system.open_own(&options)) {
        (Err(_), Some(own)) => own?,
        (weights, _) => system.open(&weights?, &options)?,
    };
    Ok((id, card.name.clone(), reader))
}

/// Weights given for the system by `ID=PATH`, else the last path that is given for no other.
fn weights_of(system: &dyn VolumeSystem, request: &Request) -> Result<PathBuf> {
    let card = system.card();
    let mut free = None;
    for text in request.weights.iter().rev() {
        let named = text.split_once('=').and_then(|(id, path)| {
            let other = zoo::find(id).is_some();
            find_volume_system(id)
                .map(|found| (Some(found.card().id), path))
                .or(other.then_some((None, path)))
        });
        match named {
            Some((Some(id), path)) if id == card.id => return Ok(path.into()),
            Some(_) => {}
            None => free = free.or(Some(PathBuf::from(text))),
        }
    }
    let missing = || {
        let file = card.weights.first();
        let (name, url) = file.map_or(("", ""), |file| (file.name, file.url));
        Error::new(Kind::Usage, words::weights_missing(card.id, name, url))
    };
    free.ok_or_else(missing)
}

fn folder(name: &str, request: &Request, pool: &Pool) -> Result<Opened> {
    let (path, chosen) = chosen_of(name);
    if request.volume.fast {
        return Err(Error::new(Kind::Usage, words::unknown_choice(path, FAST, "")));
    }
    let path = Path::new(path);
    let compute = Compute { exact: request.common.exact, ..Compute::new(pool.clone()) };
    let asked: String = chosen.iter().map(|class| format!("-{class}")).collect();
    let options = VolumeOptions { compute, chosen, mirror: request.mirror, labelled: false };
    let reader = zoo::trained::open(path, &options)?;
    let name = std::fs::canonicalize(path).ok();
    let name =
        name.as_deref().unwrap_or(path).file_stem().map(|n| n.to_string_lossy().into_owned());
    let id = match slug(&(name.unwrap_or_default() + &asked)) {
        empty if empty.is_empty() => "model".to_owned(),
        id => id,
    };
    Ok((id.clone(), Text::same(id), reader))
}
