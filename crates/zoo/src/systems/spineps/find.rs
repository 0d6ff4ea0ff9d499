//! The models that lie in a folder, each beside its `inference_config.json`: in folders, or in archives as they
//! are published.
//!
//! Reference: Hendrik-code/spineps (60cc736) `get_models.py`, `utils/auto_download.py`.

use super::config::{Config, FILE, Role};
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
    root: PathBuf,
    /// Its folder within.
    folder: String,
    /// What it is called: its folder or archive, in lower case.
    name: String,
    /// Its settings.
    pub config: Config,
}

impl Found {
    /// The model's own folder, or its archive.
    pub fn path(&self) -> PathBuf {
        match self.root.is_dir() && !self.folder.is_empty() {
            true => self.root.join(&self.folder),
            false => self.root.clone(),
        }
    }

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
                return Err(Error::new(Kind::Io, words::no_weights(&pattern)).at(self.path()));
            }
        };
        let (path, limits) = (source.full(file), Limits::default());
        let bytes = source.read(file, limits.file_bytes)?;
        let read = Checkpoint::from_bytes(bytes, &limits);
        read.map(|checkpoint| (path.clone(), checkpoint))
            .map_err(|error| translate(error.at(&path)))
    }
}

/// All models at a path: a folder with folders or archives, a model's own folder, an archive.
///
/// Errors name the file of settings that cannot be read.
pub fn search(path: &Path) -> Result<Vec<Found>> {
    let mut roots = vec![path.to_path_buf()];
    if path.is_dir() {
        let inside = Source::open(path)?.files("", 1);
        let archives = inside.into_iter().filter(|name| name.to_lowercase().ends_with(".zip"));
        roots.extend(archives.map(|name| path.join(name)));
    }
    let mut found = Vec::new();
    for root in roots {
        let source = Source::open(&root)?;
        for file in source.files("", LEVELS) {
            let folder = match file.rsplit_once('/') {
                Some((folder, FILE)) => folder,
                None if file == FILE => "",
                _ => continue,
            };
            let config = Config::read(&source.full(&file), &source.json(&file)?)?;
            found.push(Found {
                name: name(&root, folder),
                root: root.clone(),
                folder: folder.to_owned(),
                config,
            });
        }
    }
    Ok(found)
}

/// A model is called by its folder, or the one above where that is nnU-Net's; in an archive by that.
fn name(root: &Path, folder: &str) -> String {
    let own = folder.rsplit('/').find(|name| !name.contains("nnUNetPlans") && !name.is_empty());
    let of_root = || root.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = match root.is_dir() {
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
