//! Finding a bundle in a folder or zip, and reading what it needs.

use super::after;
use super::before;
use super::config::Config;
use super::metadata::Metadata;
use super::network::{Network, target};
use super::window::Inferer;
use crate::error::translate;
use crate::nnunet::source::Source;
use crate::trained::Lying;
use base::words::bundle as words;
use base::{Error, Kind, Result, Text};
use engine::weights::{Checkpoint, Limits, Plain};
use std::path::{Path, PathBuf};

/// How deep below a given folder a bundle may lie.
const MOST_LEVELS: usize = 3;
/// Its settings.
const METADATA: &str = "configs/metadata.json";
/// Its configurations for inference, the first one that is there.
const INFERENCE: [&str; 3] =
    ["configs/inference.json", "configs/inference.yaml", "configs/inference.yml"];
/// Its weights where the configuration does not say.
const WEIGHTS: &str = "models/model.pt";
/// Its terms, taken along.
const TERMS: [&str; 3] = ["LICENSE", "LICENSE.txt", "docs/data_license.txt"];

/// Why a part of a bundle cannot be used.
#[derive(Clone, Debug)]
pub(super) struct Problem(pub Text);

impl Problem {
    /// An entry that is not there.
    pub fn missing(entry: &str) -> Problem {
        Problem(base::words::nnunet::missing(entry))
    }

    /// As an error of a file.
    pub fn at(self, file: PathBuf) -> Error {
        Error::new(Kind::Unsupported, self.0).at(file)
    }
}

/// A bundle, its weights not yet read.
pub struct Bundle {
    source: Source,
    weights: String,
    pub(super) metadata: Metadata,
    pub(super) plan: Plan,
}

/// What is done to a case.
pub(super) struct Plan {
    pub network: Network,
    pub before: Vec<before::Step>,
    pub inferer: Inferer,
    pub after: Vec<after::Step>,
}

impl Plan {
    /// Problems name the first part that is needed and not known.
    fn of(config: &Config, metadata: &Metadata) -> std::result::Result<Plan, Problem> {
        let parts = Parts::of(config);
        let network = Network::read(&parts.network, metadata.monai)?;
        let before = before::read(&parts.before, metadata.allows_smaller())?;
        let inferer = Inferer::read(&parts.inferer)?;
        let after = after::read(&parts.after, network.classes)?;
        Ok(Plan { network, before, inferer, after })
    }
}

/// Whether a bundle with these settings and this configuration, JSON or YAML, is understood; without
/// weights.
///
/// Errors name what is wrong, or needed and not known.
pub fn understand(metadata: &[u8], inference: &[u8]) -> Result<()> {
    let metadata = Metadata::of(&Plain::from_json(metadata).unwrap_or(Plain::None));
    let unsound = |problem: Problem| Error::new(Kind::BrokenInput, problem.0);
    let root = match Plain::from_json(inference) {
        Ok(root) => root,
        Err(_) => super::yaml::read(inference).map_err(unsound)?,
    };
    let plan = Plan::of(&Config::new(root), &metadata);
    plan.map(|_| ()).map_err(|problem| Error::new(Kind::Unsupported, problem.0))
}

impl Bundle {
    /// Opens the bundle at `path`: its folder, a folder above it, or a zip.
    ///
    /// Errors name the file and what in it is needed and not known.
    pub fn open(path: &Path) -> Result<Bundle> {
        let source = Source::open(path)?;
        let mut found = candidates(&source);
        let folder = match found.len() {
            1 => found.remove(0),
            0 => return Err(Error::new(Kind::BrokenInput, words::NO_BUNDLE).at(path)),
            _ => {
                let text = words::which_bundle(&found.join(", "));
                return Err(Error::new(Kind::Usage, text).at(path));
            }
        };
        let metadata = Metadata::of(&source.json(&inside(&folder, METADATA))?);
        let file = inference(&source, &folder);
        let file = file.ok_or_else(|| {
            Error::new(Kind::BrokenInput, words::NO_INFERENCE).at(source.full(&folder))
        })?;
        let config = Config::new(settings(&source, &file)?);
        let plan =
            Plan::of(&config, &metadata).map_err(|problem| problem.at(source.full(&file)))?;
        let weights = weights(&config, &folder);
        Ok(Bundle { source, weights, metadata, plan })
    }

    /// Its weights. Errors name the file that was expected.
    pub(super) fn checkpoint(&self) -> Result<Checkpoint> {
        let file = self.weights_file();
        if !self.source.has(&self.weights) {
            return Err(Error::new(Kind::Io, words::no_weights(&self.weights)).at(file));
        }
        let limits = Limits::default();
        let bytes = self.source.read(&self.weights, limits.file_bytes)?;
        Checkpoint::from_bytes(bytes, &limits).map_err(|error| translate(error.at(&file)))
    }

    /// The file with its weights, as errors name it.
    pub(super) fn weights_file(&self) -> PathBuf {
        self.source.full(&self.weights)
    }
}

/// The parts of a configuration, by the names that the bundle format gives them, else as the evaluator
/// refers to them.
struct Parts {
    network: Plain,
    before: Plain,
    inferer: Plain,
    after: Plain,
}

impl Parts {
    fn of(config: &Config) -> Parts {
        let evaluator = ["SupervisedEvaluator", "EnsembleEvaluator"];
        let evaluator = evaluator.iter().find_map(|name| config.find(name));
        let part = |names: &[&str], path: &[&str]| {
            let of_evaluator = || {
                let start = evaluator.as_ref()?;
                path.iter().try_fold(start, |value, key| value.get(key)).cloned()
            };
            // What the evaluator runs counts; the names are a habit.
            let named = || names.iter().find_map(|name| config.get(name));
            of_evaluator().filter(is_whole).or_else(named).unwrap_or(Plain::None)
        };
        let data = ["val_data_loader", "dataset", "transform"];
        Parts {
            network: part(&["network_def", "network"], &["network"]),
            before: part(&["preprocessing", "pre_transforms"], &data),
            inferer: part(&["inferer"], &["inferer"]),
            after: part(&["postprocessing", "post_transforms"], &["postprocessing"]),
        }
    }
}

fn is_whole(value: &Plain) -> bool {
    matches!(value, Plain::List(_)) || !target(value).is_empty()
}

/// `$@bundle_root + '/models/model.pt'`, relative to the bundle.
fn weights(config: &Config, folder: &str) -> String {
    let loader = config.find("CheckpointLoader");
    let path = loader.as_ref().and_then(|loader| loader.get("load_path")).and_then(Plain::text);
    let root = config.get("bundle_root");
    let root = root.as_ref().and_then(Plain::text).unwrap_or(".");
    let path = path.map(|path| path.strip_prefix(root).unwrap_or(path).trim_start_matches("./"));
    let path = path.map(|path| path.trim_start_matches('/')).filter(|path| !path.is_empty());
    // Nothing outside the bundle is read.
    let sound = |path: &&str| path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    inside(folder, path.filter(sound).unwrap_or(WEIGHTS))
}

fn settings(source: &Source, file: &str) -> Result<Plain> {
    match file.ends_with(".json") {
        true => source.json(file),
        false => super::yaml::read(&source.settings(file)?)
            .map_err(|problem| Error::new(Kind::BrokenInput, problem.0).at(source.full(file))),
    }
}

fn inference(source: &Source, folder: &str) -> Option<String> {
    INFERENCE.iter().map(|name| inside(folder, name)).find(|file| source.has(file))
}

fn inside(folder: &str, name: &str) -> String {
    crate::nnunet::inside(folder, name)
}

/// Folders with a bundle's settings.
fn candidates(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut level = vec![String::new()];
    for _ in 0..=MOST_LEVELS {
        let mut deeper = Vec::new();
        for folder in level {
            if source.has(&inside(&folder, METADATA)) {
                found.push(folder);
            } else {
                deeper.extend(source.folders(&folder).iter().map(|name| inside(&folder, name)));
            }
        }
        level = deeper;
    }
    found
}

/// Whether a bundle lies at `path`: a folder, a folder above it, or a zip.
pub fn holds_bundle(path: &Path) -> bool {
    Source::open(path).is_ok_and(|source| !candidates(&source).is_empty())
}

/// The bundles below `path` that have weights, with the files that reading needs.
///
/// Errors: an archive that cannot be read.
pub fn lying(path: &Path) -> Result<Vec<Lying>> {
    let source = Source::open(path)?;
    let mut found = Vec::new();
    for folder in candidates(&source) {
        let Some(inference) = inference(&source, &folder) else { continue };
        let Ok(settings) = settings(&source, &inference) else { continue };
        let weights = weights(&Config::new(settings), &folder);
        if !source.has(&weights) {
            continue;
        }
        let terms = TERMS.iter().map(|name| inside(&folder, name)).filter(|file| source.has(file));
        let mut files = vec![inside(&folder, METADATA), inference, weights];
        files.extend(terms);
        let own = |file: String| match folder.is_empty() {
            true => file,
            false => file[folder.len() + 1..].to_owned(),
        };
        let mut files: Vec<String> = files.into_iter().map(own).collect();
        files.sort();
        let name = folder.rsplit('/').next().filter(|name| !name.is_empty());
        let path = std::path::absolute(path).ok();
        let above = path.as_deref().and_then(Path::file_stem);
        let above = above.map(|name| name.to_string_lossy().into_owned());
        found.push(Lying { name: name.map(str::to_owned).or(above), folder, files });
    }
    Ok(found)
}
