//! The models that lie in a folder, each beside its `inference_config.json`: in folders, or in archives as they
//! are published.
//!
//! Reference: Hendrik-code/spineps (60cc736) `get_models.py`, `utils/auto_download.py`.

use super::config::{Config, FILE, Role};
use super::region;
use crate::error::translate;
use crate::nnunet::source::Source;
use base::words::spineps as words;
use base::{Error, Kind, Result};
use engine::weights::{Checkpoint, Limits};
use std::path::{Path, PathBuf};

/// How deep below the folder models may lie.
const LEVELS: usize = 3;

/// A model: where it lies, what it is.
pub struct Found {
    /// The folder or archive that was opened.
    pub root: PathBuf,
    /// Its folder within.
    pub folder: String,
    /// What it is called: its folder or archive, in lower case.
    name: String,
    /// Its settings.
    pub config: Config,
}

impl Found {
    /// Where the settings stand.
    pub fn settings(&self) -> PathBuf {
        self.root.join(&self.folder).join(FILE)
    }

    /// The last file, by name, that begins and ends so, and its bytes as a checkpoint. With `only`, several
    /// are an error.
    ///
    /// Errors: none; several; no checkpoint.
    pub fn checkpoint(&self, parts: [&str; 2], only: bool) -> Result<(PathBuf, Checkpoint)> {
        let source = Source::open(&self.root)?;
        let mut files = source.files(&self.folder, LEVELS);
        files.retain(|file| {
            let name = file.rsplit('/').next().unwrap_or(file);
            name.ends_with(parts[1]) && name.contains(parts[0])
        });
        let file = match files.as_slice() {
            [.., last] if files.len() == 1 || !only => last,
            _ => {
                let pattern = format!("*{}*{}", parts[0], parts[1]);
                return Err(
                    Error::new(Kind::Io, words::no_weights(&pattern)).at(source.full(&self.folder))
                );
            }
        };
        let (path, limits) = (source.full(file), Limits::default());
        let bytes = source.read(file, limits.file_bytes)?;
        let read = Checkpoint::from_bytes(bytes, &limits);
        read.map(|checkpoint| (path.clone(), checkpoint))
            .map_err(|error| translate(error.at(&path)))
    }
}

/// All models at a path: a folder with folders or archives, a model's own folder, an archive of one model or of
/// several in their folders.
///
/// Errors name the file of settings that cannot be read.
pub fn search(path: &Path) -> Result<Vec<Found>> {
    let mut roots = vec![path.to_path_buf()];
    if path.is_dir() {
        let inside = Source::open(path)?.files("", 1);
        let archives = inside
            .into_iter()
            .filter(|name| name.to_lowercase().ends_with(".zip") && !region::is_its(name));
        roots.extend(archives.map(|name| path.join(name)));
    }
    let mut found = Vec::new();
    for root in roots {
        let source = Source::open(&root)?;
        let files = source.files("", LEVELS).into_iter();
        let other = |file: &str| file.split('/').any(region::is_its);
        let files: Vec<String> =
            files.filter(|file| file.rsplit('/').next() == Some(FILE) && !other(file)).collect();
        for file in &files {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let config = Config::read(&source.full(file), &source.json(file)?)?;
            found.push(Found {
                name: name(&root, folder, files.len() == 1),
                root: root.clone(),
                folder: folder.to_owned(),
                config,
            });
        }
    }
    Ok(found)
}

/// A model is called by its folder, or the one above where that is nnU-Net's; in an archive of its own by that.
fn name(root: &Path, folder: &str, alone: bool) -> String {
    let own = folder.rsplit('/').find(|name| !name.contains("nnUNetPlans") && !name.is_empty());
    let of_root = || root.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = match root.is_dir() || !alone {
        true => own.map(str::to_owned).or_else(of_root),
        false => of_root(),
    };
    name.unwrap_or_default().to_lowercase()
}

/// Picks the model of a role for a contrast: by its name, else by what its settings say. Without a contrast the
/// only one there is, else that for T2-weighted MRI.
pub fn pick<'f>(found: &'f [Found], role: Role, contrast: Option<&str>) -> Option<&'f Found> {
    let all = || found.iter().filter(|one| one.config.role == role);
    match role {
        Role::Semantic => {
            let asked = contrast.unwrap_or("t2w");
            let named = all().find(|one| one.name.starts_with(asked));
            let meant = |one: &&Found| {
                one.config.modalities.iter().any(|known| known.eq_ignore_ascii_case(asked))
            };
            let only = || all().next().filter(|_| contrast.is_none() && all().count() == 1);
            named.or_else(|| all().find(meant)).or_else(only)
        }
        // One pair serves all MRI, another CT.
        _ => {
            let of_ct = |one: &&Found| {
                one.name.starts_with("ct")
                    || one.config.modalities.iter().any(|known| known == "CT")
            };
            let ct = contrast == Some("ct");
            all().find(|one| of_ct(one) == ct)
        }
    }
}
