//! Finding a trained model: its settings, its folds, the stage before it in a cascade.

use super::dataset::Dataset;
use super::model::Options;
use super::plans::{Configuration, Plans};
use super::postprocess::Postprocessing;
use super::source::Source;
use super::v1;
use crate::error::translate;
use base::words::nnunet as words;
use base::{Error, Kind, Note, Result};
use engine::weights::{Checkpoint, Limits, Plain};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How deep below a given folder a model may lie: `<data set>/<trainer>__<plans>__<configuration>`.
const MOST_LEVELS: usize = 3;
/// Checkpoints of a fold, the one that nnU-Net reads first.
const CHECKPOINTS: [&str; 2] = ["checkpoint_final.pth", "checkpoint_best.pth"];
/// The same where the best of the training is asked for.
const BEST: [&str; 2] = [CHECKPOINTS[1], CHECKPOINTS[0]];

/// A trained model as it lies in its folder, its weights not yet read.
pub struct Trained {
    source: Rc<Source>,
    folder: String,
    /// Settings common to all configurations.
    pub plans: Plans,
    /// What the model was trained on.
    pub dataset: Dataset,
    /// The configuration that was trained.
    pub configuration: Configuration,
    /// Axes of the network along which it was trained with mirrored images.
    pub mirror: Vec<usize>,
    /// The class that trained it.
    pub trainer: Option<String>,
    /// Folds that are read.
    pub folds: Vec<Fold>,
    /// What its authors found to help afterwards.
    pub postprocessing: Postprocessing,
    /// What a reader should know.
    pub notes: Vec<Note>,
}

/// One fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// `0`, …, `all`.
    pub name: String,
    /// Its checkpoint, relative to what was opened.
    pub(super) file: String,
}

impl Trained {
    /// Opens the model at `path`: its folder, a folder above it, or an exported zip. `configuration`
    /// picks one where there are several. `folds` are all with a checkpoint when `None`.
    ///
    /// Errors name the file and the entry that is wrong.
    pub fn open(
        path: &Path,
        configuration: Option<&str>,
        folds: Option<&[String]>,
    ) -> Result<Trained> {
        let options = Options {
            configuration: configuration.map(str::to_owned),
            folds: folds.map(<[String]>::to_vec),
            ..Options::default()
        };
        Trained::opened(path, &options)
    }

    /// The same with all that may be said of where a model lies and what of it is read.
    pub(super) fn opened(path: &Path, options: &Options) -> Result<Trained> {
        let source = Rc::new(Source::open(path)?);
        let folder = choose(&source, &options.inside, options.configuration.as_deref())?;
        Trained::at(source, folder, options.folds.as_deref(), options.best)
    }

    fn at(
        source: Rc<Source>,
        folder: String,
        wanted: Option<&[String]>,
        best: bool,
    ) -> Result<Trained> {
        if !source.has(&inside(&folder, "plans.json")) {
            return v1::open(source, folder, wanted);
        }
        let file = inside(&folder, "dataset.json");
        let dataset = Dataset::read(&source.full(&file), &source.json(&file)?)?;
        let file = inside(&folder, "plans.json");
        let (path, json) = (source.full(&file), source.json(&file)?);
        let channels = dataset.channels.len();
        let plans = Plans::read(&path, &json, channels)?;
        let files = if best { &BEST } else { &CHECKPOINTS };
        let folds = folds(&source, &folder, files, wanted)?;
        let facts = Facts::of(&read(&source, &folds[0])?, &folder);
        let name = facts.configuration.ok_or_else(|| {
            Error::new(Kind::BrokenInput, words::missing("init_args.configuration"))
                .at(source.full(&folds[0].file))
        })?;
        let heads = dataset.heads();
        let configuration = Configuration::read(&path, &json, &name, channels, heads)?;
        let mirror = facts.mirror.into_iter().filter(|axis| *axis < configuration.rank()).collect();
        let postprocessing = postprocessing(&source, &folder)?;
        Ok(Trained {
            source,
            folder,
            plans,
            dataset,
            configuration,
            mirror,
            trainer: facts.trainer,
            folds,
            postprocessing,
            notes: Vec::new(),
        })
    }

    /// Puts together what the reader of version 1 found.
    pub(super) fn of(
        source: Rc<Source>,
        folder: String,
        plans: Plans,
        dataset: Dataset,
        configuration: Configuration,
        folds: Vec<Fold>,
        postprocessing: Postprocessing,
    ) -> Trained {
        let mirror = (0..configuration.rank()).collect();
        let notes = vec![Note::info("nnunet-version-one", words::VERSION_ONE)];
        let trainer = None;
        Trained {
            source,
            folder,
            plans,
            dataset,
            configuration,
            mirror,
            trainer,
            folds,
            postprocessing,
            notes,
        }
    }

    /// Names the trainer, and whether it trained with mirrored images.
    pub(super) fn trained_by(mut self, trainer: Option<String>, mirrors: bool) -> Trained {
        self.trainer = trainer;
        if !mirrors {
            self.mirror.clear();
        }
        self
    }

    /// A fold's checkpoint.
    pub fn checkpoint(&self, fold: &Fold) -> Result<Checkpoint> {
        read(&self.source, fold)
    }

    /// The file of a fold, as errors name it.
    pub fn file(&self, fold: &Fold) -> PathBuf {
        self.source.full(&fold.file)
    }

    /// The folder the model was found in.
    pub fn path(&self) -> PathBuf {
        self.source.full(&self.folder)
    }

    /// A file of settings beside the model's own, and where it is; `None` where there is none.
    pub(crate) fn beside(&self, name: &str) -> Result<Option<(PathBuf, Plain)>> {
        let file = inside(&self.folder, name);
        match self.source.has(&file) {
            true => Ok(Some((self.source.full(&file), self.source.json(&file)?))),
            false => Ok(None),
        }
    }

    /// The stage before in a cascade, which nnU-Net puts beside it: the folder of the same trainer
    /// and plans.
    pub fn previous(&self) -> Result<Option<Trained>> {
        let Some(stage) = &self.configuration.previous else { return Ok(None) };
        let absent = || {
            Error::new(Kind::BrokenInput, words::no_previous(stage))
                .at(self.path())
                .hint(words::PUT_BESIDE)
        };
        if self.folder.is_empty() {
            // The model's own folder was given: look beside it on disk.
            let path = std::path::absolute(self.source.full("")).ok();
            let beside =
                path.as_deref().and_then(|path| sibling(path.file_name()?.to_str()?, stage));
            let parent = path.as_deref().and_then(Path::parent);
            let (Some(beside), Some(parent)) = (beside, parent) else { return Err(absent()) };
            let path = parent.join(beside);
            if !path.is_dir() {
                return Err(absent());
            }
            return Trained::at(Rc::new(Source::open(&path)?), String::new(), None, false)
                .map(Some);
        }
        let (above, own) = self.folder.rsplit_once('/').unwrap_or(("", self.folder.as_str()));
        let beside = sibling(own, stage).ok_or_else(absent)?;
        let folder = inside(above, &beside);
        if !is_model(&self.source, &folder) {
            return Err(absent());
        }
        Trained::at(Rc::clone(&self.source), folder, None, false).map(Some)
    }
}

/// `trainer__plans__3d_cascade_fullres` and `3d_lowres` give `trainer__plans__3d_lowres`.
fn sibling(own: &str, stage: &str) -> Option<String> {
    let (front, _) = own.rsplit_once("__")?;
    Some(format!("{front}__{stage}"))
}

/// `folder/name`.
pub(crate) fn inside(folder: &str, name: &str) -> String {
    match folder.is_empty() {
        true => name.to_owned(),
        false => format!("{folder}/{name}"),
    }
}

fn is_model(source: &Source, folder: &str) -> bool {
    source.has(&inside(folder, "plans.json")) && source.has(&inside(folder, "dataset.json"))
        || source.has(&inside(folder, "plans.pkl"))
}

/// Whether a trained model lies at `path`: a folder, a folder above it, or an exported zip.
pub fn holds_model(path: &Path) -> bool {
    Source::open(path).is_ok_and(|source| !candidates(&source, "").is_empty())
}

/// Folders with a model's settings: `folder` itself, or those below it.
pub(super) fn candidates(source: &Source, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut level = vec![folder.to_owned()];
    for _ in 0..=MOST_LEVELS {
        let mut deeper = Vec::new();
        for folder in level {
            if is_model(source, &folder) {
                found.push(folder);
            } else {
                deeper.extend(source.folders(&folder).iter().map(|name| inside(&folder, name)));
            }
        }
        level = deeper;
    }
    found
}

/// The folder of the model: here, or the only one below, or the one that is wanted.
fn choose(source: &Source, inside: &str, configuration: Option<&str>) -> Result<String> {
    let mut found = candidates(source, inside);
    let of = |folder: &String| folder.rsplit("__").next().unwrap_or_default().to_owned();
    if let Some(wanted) = configuration.filter(|_| found.len() > 1) {
        found.retain(|folder| of(folder) == wanted || folder.rsplit('/').nth(1) == Some(wanted));
    }
    // A cascade alone: the first stage is opened by the second.
    if found.len() == 2 {
        let names: Vec<String> = found.iter().map(of).collect();
        if names.iter().any(|name| name == "3d_lowres") {
            found.retain(|folder| {
                of(folder) != "3d_lowres" || names.iter().all(|n| n == "3d_lowres")
            });
            if found.iter().any(|folder| of(folder) != "3d_cascade_fullres") {
                found.extend(names.iter().filter(|n| *n == "3d_lowres").cloned());
            }
        }
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::new(Kind::BrokenInput, words::NO_MODEL).at(source.full(inside))),
        _ => Err(Error::new(Kind::Usage, words::which_model(&found.join(", ")))
            .at(source.full(inside))
            .hint(words::NAME_ONE)),
    }
}

/// Folds with one of some files: those that are named, else the numbered ones, else `fold_all`.
pub(super) fn folds(
    source: &Source,
    folder: &str,
    files: &[&str],
    wanted: Option<&[String]>,
) -> Result<Vec<Fold>> {
    let fold = |name: &str| {
        let place = match source.has(&inside(folder, &inside(&format!("fold_{name}"), files[0]))) {
            true => format!("fold_{name}"),
            // Version 1 has `all` without `fold_`.
            false if name == "all" && !source.has_folder(&inside(folder, "fold_all")) => {
                "all".into()
            }
            false => format!("fold_{name}"),
        };
        let place = inside(folder, &place);
        let file = files.iter().map(|file| inside(&place, file)).find(|file| source.has(file))?;
        Some(Fold { name: name.to_owned(), file })
    };
    if let Some(wanted) = wanted {
        let absent =
            |name: &str| Error::new(Kind::Usage, words::fold_absent(name)).at(source.full(folder));
        return wanted.iter().map(|name| fold(name).ok_or_else(|| absent(name))).collect();
    }
    let mut names: Vec<String> = source
        .folders(folder)
        .iter()
        .filter_map(|name| name.strip_prefix("fold_").map(str::to_owned))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    names.sort_by_key(|name| name.parse::<usize>().unwrap_or(usize::MAX));
    let mut found: Vec<Fold> = names.iter().filter_map(|name| fold(name)).collect();
    if found.is_empty() {
        found.extend(fold("all"));
    }
    match found.is_empty() {
        true => Err(Error::new(Kind::BrokenInput, words::NO_FOLD).at(source.full(folder))),
        false => Ok(found),
    }
}

fn read(source: &Source, fold: &Fold) -> Result<Checkpoint> {
    let (path, limits) = (source.full(&fold.file), Limits::default());
    let bytes = source.read(&fold.file, limits.file_bytes)?;
    Checkpoint::from_bytes(bytes, &limits).map_err(|error| translate(error.at(&path)))
}

/// What a checkpoint says beside its weights.
struct Facts {
    configuration: Option<String>,
    mirror: Vec<usize>,
    trainer: Option<String>,
}

impl Facts {
    fn of(checkpoint: &Checkpoint, folder: &str) -> Facts {
        let text = |value: Option<&Plain>| value.and_then(Plain::text).map(str::to_owned);
        let settings = checkpoint.beside("init_args");
        let named = folder.rsplit_once("__").map(|(_, name)| name.to_owned());
        let axes = checkpoint.beside("inference_allowed_mirroring_axes").and_then(Plain::items);
        Facts {
            configuration: text(settings.and_then(|s| s.get("configuration"))).or(named),
            mirror: axes.unwrap_or(&[]).iter().filter_map(Plain::size).collect(),
            trainer: text(checkpoint.beside("trainer_name")),
        }
    }
}

/// `postprocessing.json` or `postprocessing.pkl` of the folder, or of its cross-validation.
fn postprocessing(source: &Source, folder: &str) -> Result<Postprocessing> {
    let crossval = source.folders(folder).into_iter().find(|n| n.starts_with("crossval_results"));
    let places = [Some(folder.to_owned()), crossval.map(|name| inside(folder, &name))];
    for place in places.into_iter().flatten() {
        let file = inside(&place, "postprocessing.json");
        if source.has(&file) {
            return Postprocessing::from_json(&source.full(&file), &source.json(&file)?);
        }
        let file = inside(&place, "postprocessing.pkl");
        if source.has(&file) {
            return Postprocessing::from_pickle(&source.full(&file), &source.pickle(&file)?);
        }
    }
    Ok(Postprocessing::default())
}
