//! TotalSegmentator: chained nnU-Net models for more than a hundred structures of CT and MR.
//!
//! Reference: wasserth/TotalSegmentator 2.18.0, `python_api.py`, `nnunet.py`, `cropping.py`,
//! `resampling.py`, `postprocessing.py`. A task names its models, the spacing they work at, and for small
//! structures what to crop to, which a coarse model finds first. The parts of the whole body are models of
//! their own; where two claim a voxel, the later one has it.
//!
//! The original cuts very large images in three to save memory; here logits are never held whole, so
//! that images stay in one piece.

mod input;
mod steps;
mod tasks;

pub use steps::{body_parts, bounds_of, crop, resample, resample_labels, uncrop};
pub use tasks::{Mode, Task, find, is_published, labels_of_part, tasks};

use crate::ahead::Preparer;
use crate::nnunet::{Labels, MadeUp, Model, Options, Progress};
use crate::volume_system::{
    Choice, Needed, Published, Structure, Told, VolumeAnswer, VolumeCard, VolumeCase,
    VolumeOptions, VolumeReader, VolumeSystem, labels_of, map_on,
};
use base::words::totalsegmentator as words;
use base::words::volume_systems as common;
use base::{Error, Kind, Note, Result, Volume, VolumeFacts, Voxels};
use engine::cpu::Pool;
pub(super) use input::Input;
use input::{ToSpacing, extents_at};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The system.
pub static SYSTEM: TotalSegmentator = TotalSegmentator;

/// See the module.
pub struct TotalSegmentator;

/// Share of a tile from one tile to the next, for the tasks of the whole body and all others.
const STEPS: (f64, f64) = (0.8, 0.5);
/// Left around what a coarse model found, in mm: tasks' own margins count only where a task of its own
/// finds the region.
const MARGIN_MM: [f64; 3] = [20.0; 3];

impl VolumeSystem for TotalSegmentator {
    fn card(&self) -> VolumeCard {
        VolumeCard {
            id: "totalsegmentator",
            aliases: &["total-segmentator"],
            name: words::NAME,
            survey_row: "totalsegmentator",
            modalities: &[],
            choices: choices(),
            weights: &[Published {
                name: "Dataset291_TotalSegmentator_part1_organs_1559subj",
                url: "https://github.com/wasserth/TotalSegmentator/releases",
                sha256: None,
            }],
            code_licence: "Apache-2.0",
            weights_licence: words::WEIGHTS_LICENCE,
            intended_use: words::USE,
            limits: words::LIMITS,
            paper: "Wasserthal et al., Radiology: Artificial Intelligence 5(5):e230024 (2023)",
        }
    }

    /// `path` is the folder in which the original keeps its models (`nnunet/results`): one folder
    /// `DatasetNNN_…` for each.
    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        let task = asked(&options.chosen)?;
        Ok(Box::new(Reader { chain: Chain::new(path, task.clone(), options.clone())? }))
    }

    fn made_up(&self, folder: &Path, chosen: &[String]) -> Result<bool> {
        let mut task = Some(asked(chosen)?);
        while let Some(one) = task {
            for &dataset in &one.datasets {
                make_up(one, dataset, folder)?;
            }
            task = one.region()?;
        }
        Ok(true)
    }

    /// The archives of the task and of those that find its region.
    fn needed(&self, chosen: &[String]) -> Result<Option<Vec<Needed>>> {
        let mut needed: Vec<Needed> = Vec::new();
        let mut task = Some(asked(chosen)?);
        while let Some(one) = task {
            for archive in one.datasets.iter().map(|dataset| archive(*dataset)) {
                if !needed.contains(&archive) {
                    needed.push(archive);
                }
            }
            task = one.region()?;
        }
        Ok(Some(needed))
    }
}

/// The archive of a data set's model.
fn archive(dataset: u16) -> Needed {
    let place = tasks::published(dataset);
    let file = format!("{}.zip", place.folder);
    Needed { file, url: place.url, licensed: place.licensed }
}

/// Writes a made-up model of one of a task's data sets where its own would lie.
pub(super) fn make_up(task: &Task, dataset: u16, folder: &Path) -> Result<()> {
    let structures = match task.datasets.len() {
        1 => labels_of_part(task.name).len(),
        _ => labels_of_part(&dataset.to_string()).len(),
    };
    let model = MadeUp {
        configuration: task.configuration,
        fold: task.folds.as_ref().and_then(|folds| folds.first()).map_or("0", |f| f),
        channels: &[task.modality.code()],
        spacing_mm: task.spacing_mm.map_or(1.5, |spacing| spacing[0]),
        labels: Labels::Count(structures),
    };
    model.write(&folder.join(tasks::published(dataset).folder))
}

/// The task that was asked for, the whole body else.
fn asked(chosen: &[String]) -> Result<&'static Task> {
    let has = |name: &str| chosen.iter().any(|one| one == name);
    let mode = match (has("fast"), has("fastest")) {
        (_, true) => Mode::Fastest,
        (true, _) => Mode::Fast,
        _ => Mode::Usual,
    };
    let wanted: Vec<&String> =
        chosen.iter().filter(|name| !MODES.contains(&name.as_str())).collect();
    let name = match wanted[..] {
        [] => "total",
        [only] => only.as_str(),
        _ => return Err(Error::new(Kind::Usage, words::ONE_TASK)),
    };
    tasks::find(name, mode).ok_or_else(|| {
        Error::new(Kind::Usage, common::unknown_choice("totalsegmentator", name, ""))
    })
}

const MODES: [&str; 2] = ["fast", "fastest"];

fn choices() -> &'static [Choice] {
    static ALL: std::sync::OnceLock<Vec<Choice>> = std::sync::OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = vec![
            Choice { name: "fast", about: words::FAST },
            Choice { name: "fastest", about: words::FASTEST },
        ];
        let mut named: Vec<&'static str> = Vec::new();
        for task in tasks() {
            if !named.contains(&task.name) {
                named.push(task.name);
                let structures = tasks::labels_of_part(task.name).len();
                all.push(Choice { name: task.name, about: words::task(structures, task.licensed) });
            }
        }
        all
    })
}

/// A task with the folders of its models. One model is in memory at a time.
pub(super) struct Chain {
    task: Task,
    root: PathBuf,
    options: VolumeOptions,
    /// The task that finds the region, with its models.
    region: Option<Box<Chain>>,
    /// The model used last.
    model: Option<(u16, Model)>,
    sha256: Option<String>,
    /// Time in networks of models that were let go.
    ran: Duration,
}

impl Chain {
    /// Errors name the first model that is not there.
    pub(super) fn new(root: &Path, task: Task, options: VolumeOptions) -> Result<Chain> {
        let region = match task.region()? {
            Some(region) => Some(Box::new(Chain::new(root, region.clone(), options.clone())?)),
            None => None,
        };
        let datasets = task.datasets.clone();
        let root = root.to_path_buf();
        let (model, sha256, ran) = (None, None, Duration::ZERO);
        let mut chain = Chain { task, root, options, region, model, sha256, ran };
        for &dataset in &datasets {
            chain.folder(dataset)?;
        }
        if let Some(&first) = datasets.first() {
            chain.sha256 = chain.model(first)?.sha256().first().cloned();
        }
        Ok(chain)
    }

    /// Whether the folder holds a model of a data set.
    pub(super) fn holds(root: &Path, dataset: u16) -> bool {
        !below(root, dataset).is_empty()
    }

    /// SHA-256 of the first model.
    pub(super) fn sha256(&self) -> Option<String> {
        self.sha256.clone()
    }

    /// Where the models of a data set lie.
    fn folder(&self, dataset: u16) -> Result<PathBuf> {
        let found = below(&self.root, dataset);
        let absent = || {
            let place = tasks::published(dataset);
            Error::new(Kind::Io, common::weights_absent(&place.folder, &place.url)).at(&self.root)
        };
        found.into_iter().next().ok_or_else(absent)
    }

    fn model(&mut self, dataset: u16) -> Result<&mut Model> {
        if self.model.as_ref().is_none_or(|(held, _)| *held != dataset) {
            // The one before goes first, so that two are never held.
            self.forget();
            let whole_body = self.task.name.starts_with("total");
            let options = Options {
                configuration: Some(self.task.configuration.into()),
                folds: self.task.folds.clone(),
                step: if whole_body { STEPS.0 } else { STEPS.1 },
                mirror: self.options.mirror,
                exact: self.options.compute.exact,
                ..Options::default()
            };
            let folder = self.folder(dataset)?;
            let model = Model::open(&folder, &self.options.compute.pool, &options)?;
            self.model = Some((dataset, model));
        }
        match &mut self.model {
            Some((_, model)) => Ok(model),
            None => Err(Error::new(Kind::Bug, common::OTHER_GRID)),
        }
    }

    /// Bytes at most, as far as foreseen.
    pub(super) fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let target = self.task.spacing_mm.unwrap_or(volume.spacing_mm());
        let resized = extents_at(volume, target);
        let own = match &self.model {
            Some((_, model)) => {
                model
                    .need([resized[2], resized[1], resized[0]], [target[2], target[1], target[0]])?
                    .bytes
            }
            None => 0,
        };
        // The image and label maps of both grids stand beside it.
        let voxels = resized.iter().map(|&n| n as u64).product::<u64>() + volume.frame_len() as u64;
        let region = match &self.region {
            Some(region) => region.need_bytes(volume)?,
            None => 0,
        };
        Ok(region.max(own + 6 * voxels))
    }

    /// What brings cases to the spacing of the first model; `None` where that takes them as they are.
    pub(super) fn preparer(&self) -> Option<Box<dyn Preparer>> {
        match &self.region {
            Some(region) => region.preparer(),
            None => Some(Box::new(ToSpacing(self.task.spacing_mm?))),
        }
    }

    /// Labels of the task on the grid of the volume, which may be prepared for the first model; `told` hears of every run
    /// of a network.
    pub(super) fn run(
        &mut self,
        volume: &Volume,
        prepared: Option<Input>,
        told: Told<'_>,
        notes: &mut Vec<Note>,
    ) -> Result<Volume> {
        let last = Progress { stage: 0, done: 0, total: 0 };
        self.labels(volume, prepared, &mut Counter { told, before: 0, last }, notes)
    }

    /// Lets go of the model that is held.
    fn forget(&mut self) {
        if let Some((_, model)) = self.model.take() {
            self.ran += model.network_time();
        }
    }

    /// Wall time of all runs of networks so far, those of regions included.
    pub(super) fn network_time(&self) -> Duration {
        let held = self.model.as_ref().map_or(Duration::ZERO, |(_, model)| model.network_time());
        let region = self.region.as_ref().map_or(Duration::ZERO, |region| region.network_time());
        self.ran + held + region
    }

    /// Gives the buffers of the model that is held back to the system.
    pub(super) fn rest(&mut self) {
        if let Some((_, model)) = &mut self.model {
            model.release_buffers();
        }
        if let Some(region) = &mut self.region {
            region.rest();
        }
    }

    fn pool(&self) -> Pool {
        self.options.compute.pool.clone()
    }

    /// Labels of the task on the grid of the volume.
    fn labels(
        &mut self,
        volume: &Volume,
        mut prepared: Option<Input>,
        told: &mut Counter<'_>,
        notes: &mut Vec<Note>,
    ) -> Result<Volume> {
        let whole = volume;
        let pool = self.pool();
        let mut near = None;
        let (task, mut cropped) = (self.task.clone(), None);
        if let Some(region) = &mut self.region {
            let coarse = region.labels(whole, prepared.take(), told, notes)?;
            region.forget();
            let labels = labels_of(&coarse);
            let wanted = tasks::numbers(region.task.name, &task.crop);
            let mask: Vec<bool> = labels.iter().map(|label| wanted.contains(label)).collect();
            let margin = if task.region_task.is_some() { task.margin_mm } else { MARGIN_MM };
            let spacing = whole.spacing_mm();
            let margin = [0, 1, 2].map(|axis| (margin[axis] / spacing[axis]) as usize);
            let Some(bounds) = bounds_of(&mask, whole.size(), margin) else {
                notes.push(Note::warning("region-not-found", words::region_not_found(&task.crop)));
                return map_on(whole, vec![0; whole.frame_len()]);
            };
            if !task.near.is_empty() {
                let wanted = tasks::numbers(region.task.name, &task.near);
                near = Some(labels.iter().map(|label| wanted.contains(label)).collect::<Vec<_>>());
            }
            cropped = Some((steps::crop(whole, bounds, true)?, bounds));
        }
        let given = cropped.as_ref().map_or(whole, |(volume, _)| volume);
        let prepared = match prepared {
            Some(prepared) => prepared,
            None => Input::of(&pool, given, task.spacing_mm)?,
        };
        let input = prepared.seen();
        let mut labels = self.parts(input, told)?;
        for label in tasks::auxiliary(task.name) {
            labels.iter_mut().filter(|found| **found == label).for_each(|found| *found = 0);
        }
        let [ni, nj, nk] = input.size();
        if task.name == "body" {
            let voxel_mm3 = input.spacing_mm().iter().product();
            body_parts(&mut labels, [nk, nj, ni], voxel_mm3);
        }
        let mut map = map_on(input, labels)?;
        if prepared.resampled.is_some() {
            map = resample_labels(&pool, &map, &prepared.canonical)?;
        }
        let mut map = map.reoriented(given.orientation());
        if let Some((_, bounds)) = &cropped {
            map = uncrop(&map, whole, *bounds)?;
        }
        if let Some(near) = near {
            let spacing = whole.spacing_mm();
            let times = (task.near_mm / (spacing.iter().sum::<f64>() / 3.0)) as usize;
            let [ni, nj, nk] = whole.size();
            let near = crate::morphology::dilate(&near, [nk, nj, ni], times);
            let kept = labels_of(&map).into_iter().zip(near);
            map = map_on(whole, kept.map(|(label, near)| if near { label } else { 0 }).collect())?;
        }
        Ok(map)
    }

    /// The models of the task on a volume at their spacing, joined; labels `[k][j][i]`.
    fn parts(&mut self, input: &Volume, told: &mut Counter<'_>) -> Result<Vec<u16>> {
        let datasets = self.task.datasets.clone();
        let mut joined: Vec<u16> = vec![0; input.frame_len()];
        for &dataset in &datasets {
            let table = match datasets.len() {
                1 => None,
                _ => Some(tasks::table(dataset, self.task.name)),
            };
            let model = self.model(dataset)?;
            let (found, _) = model.predict_volumes(&[input], &mut |at| told.at(at))?;
            told.next();
            for (label, found) in joined.iter_mut().zip(found.labels) {
                let found = match &table {
                    None => found,
                    Some(table) => table.get(usize::from(found)).copied().unwrap_or(0),
                };
                if found != 0 {
                    *label = found;
                }
            }
        }
        Ok(joined)
    }
}

/// Folders of a data set, sorted.
pub(super) fn below(root: &Path, dataset: u16) -> Vec<PathBuf> {
    let begin = format!("Dataset{dataset:03}_");
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&begin))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Runs of all models of a task as one count.
struct Counter<'a> {
    told: Told<'a>,
    before: usize,
    last: Progress,
}

impl Counter<'_> {
    fn at(&mut self, at: Progress) {
        self.last = at;
        (self.told)(self.before + at.done, self.before + at.total);
    }

    fn next(&mut self) {
        self.before += self.last.total;
    }
}

struct Reader {
    chain: Chain,
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        vec![self.chain.task.modality.code().into()]
    }

    fn sha256(&self) -> Option<String> {
        self.chain.sha256()
    }

    fn container(&self) -> String {
        "nnU-Net".into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        self.chain.need_bytes(volume)
    }

    fn network_time(&self) -> Option<Duration> {
        Some(self.chain.network_time())
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        self.chain.preparer()
    }

    fn rest(&mut self) {
        self.chain.rest();
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits(&self.chain.task, case.facts)?;
        let [volume] = case.volumes else {
            let found = case.volumes.len();
            return Err(Error::new(Kind::Refused, common::one_image("totalsegmentator", found)));
        };
        let mut notes = Vec::new();
        let first;
        let volume = match volume.frames() {
            1 => *volume,
            // As the original: the first of several frames.
            _ => {
                notes.push(Note::warning("first-frame", words::FIRST_FRAME));
                first = steps::first_frame(volume)?;
                &first
            }
        };
        let map = self.chain.run(volume, case.take_prepared(), told, &mut notes)?;
        let labels = labels_of(&map);
        let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
        labels.iter().for_each(|label| *counts.entry(*label).or_default() += 1);
        if counts.keys().all(|&label| label == 0) {
            notes.push(Note::warning("nothing-found", words::NOTHING));
        }
        let named = tasks::labels_of_part(self.chain.task.name);
        let structures = named.iter().map(|(label, id)| Structure::new(id, vec![*label])).collect();
        let (values, tables) = (Vec::new(), Vec::new());
        Ok(VolumeAnswer {
            map,
            structures,
            boxes: Vec::new(),
            values,
            tables,
            pictures: Vec::new(),
            notes,
        })
    }
}

/// Errors of kind `Refused` when the file says that it is of another modality than the task's.
fn fits(task: &Task, facts: &VolumeFacts) -> Result<()> {
    match &facts.modality {
        Some(found) if *found != task.modality => {
            let text = common::other_modality(task.name, task.modality.code(), found.code());
            Err(Error::new(Kind::Refused, text))
        }
        _ => Ok(()),
    }
}

/// A volume of whole numbers, as the original stores what it has resampled: cut off towards zero.
fn whole_numbers(values: impl Iterator<Item = f32>) -> Voxels {
    Voxels::I32(values.map(|value| value as i32).collect())
}
