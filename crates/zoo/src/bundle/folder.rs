//! Finding a bundle in a folder or zip, and reading what it needs.

use super::after;
use super::before;
use super::config::Config;
use super::detection;
use super::metadata::Metadata;
use super::network::{Network, target};
use super::prompts::Prompts;
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
/// What runs a network, as configurations name it.
const EVALUATORS: [&str; 3] =
    ["SupervisedEvaluator", "EnsembleEvaluator", "scripts.evaluator.Vista3dEvaluator"];
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

/// A bundle, its weights not yet read, and what it does to a case.
pub struct Bundle<P> {
    source: Source,
    weights: String,
    pub(super) metadata: Metadata,
    pub(super) plan: P,
}

/// What is done to a case that is segmented.
pub struct Plan {
    pub(super) network: Network,
    pub(super) before: Vec<before::Step>,
    pub(super) inferer: Inferer,
    pub(super) after: Vec<after::Step>,
    /// What a network that answers to prompts is asked for.
    pub(super) prompts: Option<Prompts>,
}

impl Plan {
    /// Problems name the first part that is needed and not known.
    fn of(config: &Config, metadata: &Metadata) -> std::result::Result<Plan, Problem> {
        let parts = Parts::of(config);
        let network = Network::read(&parts.network, metadata.monai)?;
        let before = before::read(&parts.before, metadata.allows_smaller())?;
        let inferer = Inferer::read(&parts.inferer)?;
        let prompts = match network.prompted() {
            Some(_) => Some(Prompts::read(config, parts.evaluator.as_ref())?),
            None => None,
        };
        let classes = prompts.is_none().then_some(network.classes);
        let after = after::read(&parts.after, classes)?;
        Ok(Plan { network, before, inferer, after, prompts })
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
    let config = Config::new(root);
    let plan = match detection::is_asked(&config) {
        true => detection::Plan::of(config, &metadata).map(|_| ()),
        false => Plan::of(&config, &metadata).map(|_| ()),
    };
    plan.map_err(|problem| Error::new(Kind::Unsupported, problem.0))
}

/// Whether the bundle at `path` finds boxes. Errors: none lies there, or it cannot be read.
pub(super) fn detects(path: &Path) -> Result<bool> {
    let bundle = Bundle::planned(path, |config, _| {
        let asked = detection::is_asked(&config);
        Ok((config, asked))
    })?;
    Ok(bundle.plan)
}

impl Bundle<detection::Plan> {
    /// Opens the bundle of a detector at `path`. Errors as [`Bundle::open`].
    pub(super) fn detector(path: &Path) -> Result<Bundle<detection::Plan>> {
        Bundle::planned(path, detection::Plan::of)
    }
}

impl Bundle<Plan> {
    /// Opens the bundle at `path`: its folder, a folder above it, or a zip.
    ///
    /// Errors name the file and what in it is needed and not known.
    pub fn open(path: &Path) -> Result<Bundle<Plan>> {
        Bundle::planned(path, |config, metadata| {
            let plan = Plan::of(&config, metadata)?;
            Ok((config, plan))
        })
    }

    /// Asks for these classes only, where the network answers to prompts. Errors of kind `Usage`.
    pub(super) fn ask(&mut self, chosen: &[String]) -> Result<()> {
        match &mut self.plan.prompts {
            Some(prompts) => prompts.ask(chosen, &self.metadata.outputs),
            None if chosen.is_empty() => Ok(()),
            None => Err(Error::new(Kind::Usage, words::no_prompts(&chosen.join("+")))),
        }
    }
}

impl<P> Bundle<P> {
    fn planned(
        path: &Path,
        plan: impl FnOnce(Config, &Metadata) -> std::result::Result<(Config, P), Problem>,
    ) -> Result<Bundle<P>> {
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
        let plan = plan(config, &metadata).map_err(|problem| problem.at(source.full(&file)));
        let (config, plan) = plan?;
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

    /// The file with its weights, its folder made where there is none.
    pub(super) fn made_up_file(&self, path: &Path) -> Result<PathBuf> {
        let file = self.weights_file();
        let failed = |error: std::io::Error| {
            let text = base::words::nnunet::unreadable(&error.to_string());
            Error::new(Kind::Io, text).at(&file)
        };
        std::fs::create_dir_all(file.parent().unwrap_or(path)).map_err(failed)?;
        Ok(file)
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
    evaluator: Option<Plain>,
}

impl Parts {
    fn of(config: &Config) -> Parts {
        let evaluator = EVALUATORS.iter().find_map(|name| config.find(name));
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
            evaluator: evaluator.clone(),
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
