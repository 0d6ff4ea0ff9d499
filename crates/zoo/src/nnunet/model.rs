//! A model with its weights, ready to read cases.

use super::ahead::FirstStage;
use super::export::{Exporter, Meaning, Watch, taps};
use super::folder::{Fold, Trained};
use super::grid::{Images, permuted};
use super::head::{Head, made};
use super::prepare::{Prepared, foresee, prepare, preparing_bytes};
use super::shares::Embedded;
use super::sliding::{Hooks, Window, slide};
use crate::arch::unet::UNet;
use crate::error::translate;
use base::words::nnunet as words;
use base::{Error, Kind, Note, Result};
use engine::ErrorKind;
use engine::cpu::{Network, Options as Compile, Pool};
use engine::graph::Builder;
use std::path::Path;
use std::time::{Duration, Instant};

/// How a model reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Which of several configurations below a folder.
    pub configuration: Option<String>,
    /// The folder within what is opened where the model lies, or below which it lies; all of it when empty.
    pub inside: String,
    /// Folds by name; all that are there when `None`.
    pub folds: Option<Vec<String>>,
    /// Share of a tile from one tile to the next at most; nnU-Net's default is one half.
    pub step: f64,
    /// Reads mirrored copies too, along the axes that the model was trained with: up to eight times
    /// the work. nnU-Net's own default is to do so.
    pub mirror: bool,
    /// Carries out the model's postprocessing where it brings one.
    pub postprocess: bool,
    /// Refuses, before anything is allocated, a case that needs more bytes.
    pub memory_limit: Option<u64>,
    /// Convolutions as plain sums of products.
    pub exact: bool,
    /// Takes the checkpoint that was best in training, where a fold has it, before the last.
    pub best: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            configuration: None,
            inside: String::new(),
            folds: None,
            step: 0.5,
            mirror: false,
            postprocess: true,
            memory_limit: None,
            exact: false,
            best: false,
        }
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Stage of the cascade, from 0.
    pub stage: usize,
    /// Runs of networks that are done.
    pub done: usize,
    /// Runs of this stage.
    pub total: usize,
}

/// What a case needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Bytes at most at once, the model's weights included.
    pub bytes: u64,
    /// Runs of networks.
    pub runs: usize,
}

/// The images of one case.
pub type Case = Images;

/// One structure of a segmentation.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// Its name in `dataset.json`.
    pub name: String,
    /// Its labels in the map; several for a region.
    pub labels: Vec<u16>,
    /// Voxels of the image's grid.
    pub voxels: u64,
    /// Their volume.
    pub volume_ml: f64,
}

/// A label map on the image's own grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Segmentation {
    /// Extents z, y, x.
    pub shape: [usize; 3],
    /// Labels `[z][y][x]`; 0 is background.
    pub labels: Vec<u16>,
    /// What the labels mean, in the order of `dataset.json`.
    pub structures: Vec<Structure>,
    /// What a reader should know.
    pub notes: Vec<Note>,
}

/// Takes a plane of shares, `[class][y][x]`.
type TakePlane<'t> = &'t mut dyn FnMut(&[f32]) -> Result<()>;

/// A case, prepared for the first stage or not.
pub(super) struct Given {
    /// Extents of the images z, y, x.
    pub shape: [usize; 3],
    /// Millimetres along the same axes.
    pub spacing: [f64; 3],
    /// For every stage that has yet to prepare them.
    pub images: Option<Images>,
    /// For the first stage.
    pub prepared: Option<Prepared>,
}

/// Whom a run tells of itself.
struct Run<'r> {
    place: usize,
    progress: &'r mut dyn FnMut(Progress),
    notes: &'r mut Vec<Note>,
}

/// One configuration with its networks.
pub struct Stage {
    trained: Trained,
    networks: Vec<Network>,
    /// The last layer, where it is not in the network.
    head: Option<Head>,
    sha256: Vec<String>,
    window: Window,
    /// Wall time of the sliding window so far.
    slid: Duration,
}

/// A trained model, its cascade included.
pub struct Model {
    stages: Vec<Stage>,
    pool: Pool,
    options: Options,
}

impl Model {
    /// Opens a model's folder, a folder above it, or an exported zip, and reads its weights.
    ///
    /// Errors name the file and the entry that is wrong, or every tensor that does not fit.
    pub fn open(path: &Path, pool: &Pool, options: &Options) -> Result<Model> {
        let mut trained = vec![Trained::opened(path, options)?];
        while let Some(previous) = trained[trained.len() - 1].previous()? {
            let again = trained.iter().any(|stage| stage.path() == previous.path());
            if again {
                let what = words::circular(&previous.configuration.name);
                return Err(Error::new(Kind::BrokenInput, what).at(previous.path()));
            }
            trained.push(previous);
        }
        let stages = trained.into_iter().rev().enumerate().map(|(place, trained)| {
            // A second stage also takes the labels of the first.
            Stage::load(trained, place > 0, pool, options)
        });
        let stages = stages.collect::<Result<Vec<Stage>>>()?;
        Ok(Model { stages, pool: pool.clone(), options: options.clone() })
    }

    /// The stage that answers.
    pub fn trained(&self) -> &Trained {
        &self.stages[self.stages.len() - 1].trained
    }

    /// Number of stages: 2 for a cascade.
    pub fn stages(&self) -> usize {
        self.stages.len()
    }

    /// SHA-256 of the checkpoints of the stage that answers, by fold.
    pub fn sha256(&self) -> &[String] {
        &self.stages[self.stages.len() - 1].sha256
    }

    /// Wall time of the networks so far, with the sliding window around them, as nnU-Net's
    /// `predict_logits_from_preprocessed_data` takes it; turning logits into labels is not in it.
    pub fn network_time(&self) -> Duration {
        self.stages.iter().map(|stage| stage.slid).sum()
    }

    /// Bytes of the weights of all networks.
    pub fn weight_bytes(&self) -> u64 {
        self.stages.iter().map(Stage::weight_bytes).sum()
    }

    /// Gives the networks' buffers back to the system; the next case takes them anew.
    pub fn release_buffers(&mut self) {
        self.stages.iter_mut().for_each(Stage::release_buffers);
    }

    /// What a case of these extents and spacing (z, y, x) needs at most, foreseen without its voxels.
    ///
    /// Errors: a spacing that is not positive, more voxels than are handled.
    pub fn need(&self, shape: [usize; 3], spacing: [f64; 3]) -> Result<Need> {
        let voxels = shape.iter().map(|&extent| extent as u64).product::<u64>();
        let weights = self.weight_bytes();
        let mut need = Need { bytes: 0, runs: 0 };
        for (place, stage) in self.stages.iter().enumerate() {
            let Trained { plans, configuration, dataset, .. } = &stage.trained;
            let whole = permuted(shape, plans.forward);
            let foreseen = foresee(plans, configuration, whole, spacing)?;
            let prepared = foreseen.shape.iter().map(|&extent| extent as u64).product::<u64>();
            let images = dataset.channels.len() as u64;
            let extra = if place > 0 { dataset.foreground().len() as u64 } else { 0 };
            let channels = dataset.channels.len();
            let preparing = preparing_bytes(channels, extra as usize, shape, foreseen.shape);
            let plane = (foreseen.shape[1] * foreseen.shape[2]) as u64;
            // What leaves the slab, and logits: made of it, of the plane before.
            let planes = plane * (stage.window.channels + 2 * dataset.heads()) as u64;
            let slab = stage.window.slab_values(foreseen.shape) as u64;
            // Reading: what was prepared, the slab, planes, the labels.
            let reading = 4 * (prepared * (images + extra) + slab + planes) + 2 * voxels;
            let reading = reading + stage.head.as_ref().map_or(0, Head::bytes);
            // Stages keep the images for the next, and the labels of the one before.
            let kept = if self.stages.len() > 1 { voxels * (4 * images + 2) } else { 0 };
            // Buffers are held while the networks run, and given back between stages.
            let reading = reading + stage.buffer_bytes();
            need.bytes = need.bytes.max(weights + kept + preparing.max(reading));
            need.runs += stage.window.runs(foreseen.shape) * stage.networks.len();
        }
        Ok(need)
    }

    /// Reads one case. `progress` hears of every run of a network.
    ///
    /// Errors: images that do not fit the model, more memory than allowed.
    pub fn predict(
        &mut self,
        images: Images,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Segmentation> {
        let (shape, spacing) = (images.shape, images.spacing);
        let given = Given { shape, spacing, images: Some(images), prepared: None };
        self.predict_given(given, progress, None)
    }

    /// What prepares cases for the first stage.
    pub(super) fn first_stage(&self) -> FirstStage {
        FirstStage::of(&self.stages[0].trained)
    }

    /// Reads one case, which may be prepared; `shares` is given planes `[class][y][x]` along the axes of the plans, one
    /// behind the other.
    pub(super) fn predict_given(
        &mut self,
        mut given: Given,
        progress: &mut dyn FnMut(Progress),
        mut shares: Option<TakePlane<'_>>,
    ) -> Result<Segmentation> {
        let (shape, spacing) = (given.shape, given.spacing);
        let need = self.need(shape, spacing)?;
        if let Some(limit) = self.options.memory_limit.filter(|limit| need.bytes > *limit) {
            let what = words::memory(need.bytes >> 20, limit >> 20);
            return Err(Error::new(Kind::Limit, what));
        }
        let mut notes = Vec::new();
        let mut labels: Option<Vec<u16>> = None;
        let count = self.stages.len();
        for place in 0..count {
            let last = place + 1 == count;
            let stage = &mut self.stages[place];
            let pool = &self.pool;
            let prepared = match given.prepared.take() {
                Some(prepared) => prepared,
                None => {
                    let images = &mut given.images;
                    let images = if last { images.take() } else { images.clone() };
                    let lost = || Error::new(Kind::Bug, words::GRIDS_DIFFER);
                    let images = images.ok_or_else(lost)?;
                    let Trained { plans, configuration, dataset, .. } = &stage.trained;
                    prepare(pool, plans, configuration, dataset, images, labels.as_deref())?
                }
            };
            // Only the last stage answers.
            let shares = shares.as_mut().filter(|_| last);
            let run = Run { place, progress, notes: &mut notes };
            labels = Some(stage.predict(pool, shape, prepared, run, shares)?);
            if count > 1 {
                stage.release_buffers();
            }
        }
        let mut labels = labels.unwrap_or_default();
        let trained = &self.stages[count - 1].trained;
        notes.extend(trained.notes.iter().cloned());
        if self.options.postprocess {
            notes.extend(trained.postprocessing.apply(&mut labels, shape, &trained.dataset));
        }
        let structures = structures(trained, &labels, spacing);
        Ok(Segmentation { shape, labels, structures, notes })
    }
}

impl Stage {
    fn load(trained: Trained, cascaded: bool, pool: &Pool, options: &Options) -> Result<Stage> {
        let configuration = &trained.configuration;
        let rank = configuration.rank();
        let mut tile = [1; 3];
        tile[3 - rank..].copy_from_slice(&configuration.patch);
        let mirror = if options.mirror { trained.mirror.clone() } else { Vec::new() };
        let regions = trained.dataset.regions.is_some();
        // Sums of several folds would need as many slabs of features.
        let apart = trained.configuration.architecture.wide_head();
        let apart = apart.filter(|_| trained.folds.len() == 1).cloned();
        let channels = apart.as_ref().and_then(|unet| unet.features.first().copied());
        let window = Window {
            tile,
            rank,
            step: options.step.clamp(1.0 / 64.0, 1.0),
            mirror,
            channels: channels.unwrap_or(trained.dataset.heads()),
            probabilities: trained.plans.version_one.then_some(regions),
            version_one: trained.plans.version_one,
            fixed: None,
        };
        let extra = if cascaded { trained.dataset.foreground().len() } else { 0 };
        let channels = trained.dataset.channels.len() + extra;
        let mut networks = Vec::with_capacity(trained.folds.len());
        let mut sha256 = Vec::with_capacity(trained.folds.len());
        let mut head = None;
        for fold in &trained.folds {
            let loaded = load(&trained, fold, channels, apart.as_ref(), pool, options.exact)?;
            networks.push(loaded.network);
            head = loaded.head;
            sha256.push(loaded.sha256);
        }
        Ok(Stage { trained, networks, head, sha256, window, slid: Duration::ZERO })
    }

    /// Bytes of the weights of all networks.
    fn weight_bytes(&self) -> u64 {
        self.networks.iter().map(|network| network.memory().weights).sum()
    }

    /// Bytes of the buffers, which the networks share.
    fn buffer_bytes(&self) -> u64 {
        let memory = self.networks.first().map(Network::memory);
        memory.map_or(0, |memory| memory.activations + memory.workspace)
    }

    fn release_buffers(&mut self) {
        self.networks.iter_mut().for_each(Network::release_buffers);
    }

    /// Labels `[z][y][x]` of a prepared case whose images have the extents `whole`.
    fn predict(
        &mut self,
        pool: &Pool,
        whole: [usize; 3],
        prepared: Prepared,
        run: Run<'_>,
        shares: Option<&mut TakePlane<'_>>,
    ) -> Result<Vec<u16>> {
        let Run { place, progress, notes } = run;
        let Trained { plans, configuration, dataset, .. } = &self.trained;
        if place == 0 {
            notes.extend(prepared.notes.iter().cloned());
        }
        let spacing = match plans.version_one {
            false => (prepared.spacing, prepared.original),
            // Version 1 asks the image's own spacing first.
            true => (prepared.original, prepared.spacing),
        };
        let cropped = prepared.bounds.shape();
        let tables = taps(&configuration.probabilities, prepared.shape, cropped, spacing)?;
        let meaning = match &dataset.regions {
            None => Meaning::Largest,
            Some(labels) => {
                Meaning::Regions { labels: labels.clone(), probabilities: plans.version_one }
            }
        };
        let mut exporter = Exporter::new(
            meaning,
            dataset.heads(),
            prepared.shape,
            tables,
            prepared.bounds,
            plans.forward,
            whole,
        );
        let total = self.window.runs(prepared.shape) * self.networks.len();
        let mut done = 0;
        let whole = permuted(whole, plans.forward);
        let mut embedded = shares.map(|shares| {
            let background = dataset.regions.is_none();
            Embedded::new(shares, dataset.heads(), background, prepared.bounds, whole)
        });
        let mut exported = Duration::ZERO;
        let head = &mut self.head;
        let mut hooks = Hooks {
            plane: &mut |number, answer| {
                let logits = made(head, answer)?;
                let started = Instant::now();
                let taken = match &mut embedded {
                    None => exporter.plane(pool, number, logits, None),
                    Some(embedded) => {
                        let take =
                            &mut |number: usize, shares: &[f32]| embedded.plane(number, shares);
                        let mut watch = Watch { probabilities: plans.version_one, take };
                        exporter.plane(pool, number, logits, Some(&mut watch))
                    }
                };
                exported += started.elapsed();
                taken
            },
            ran: &mut || {
                done += 1;
                progress(Progress { stage: place, done, total });
            },
        };
        let (image, shape) = (&prepared.channels, prepared.shape);
        let started = Instant::now();
        slide(pool, &self.window, &mut self.networks, image, shape, &mut hooks)?;
        self.slid += started.elapsed().saturating_sub(exported);
        if let Some(embedded) = &mut embedded {
            embedded.finish()?;
        }
        Ok(exporter.finish())
    }

    /// The logits of a case at the model's spacing, `[heads][z][y][x]`, for comparisons.
    fn logits(&mut self, pool: &Pool, image: &[Vec<f32>], shape: [usize; 3]) -> Result<Vec<f32>> {
        let plane = shape[1] * shape[2];
        let heads = self.trained.dataset.heads();
        let mut all = vec![0.0; heads * shape[0] * plane];
        let head = &mut self.head;
        let mut hooks = Hooks {
            plane: &mut |number, answer| {
                let logits = made(head, answer)?;
                for (head, one) in logits.chunks_exact(plane.max(1)).enumerate() {
                    let at = (head * shape[0] + number) * plane;
                    all[at..at + plane].copy_from_slice(one);
                }
                Ok(())
            },
            ran: &mut || {},
        };
        slide(pool, &self.window, &mut self.networks, image, shape, &mut hooks)?;
        Ok(all)
    }
}

impl Model {
    /// Logits of a prepared case, `[heads][z][y][x]` at the spacing of the stage that answers: the
    /// whole volume at once, for comparisons only.
    pub fn logits(&mut self, channels: &[Vec<f32>], shape: [usize; 3]) -> Result<Vec<f32>> {
        let last = self.stages.len() - 1;
        self.stages[last].logits(&self.pool, channels, shape)
    }
}

/// What a fold's checkpoint gives.
struct Loaded {
    network: Network,
    head: Option<Head>,
    sha256: String,
}

/// A fold's network for `channels` images; where `apart` is given, without its last layer.
fn load(
    trained: &Trained,
    fold: &Fold,
    channels: usize,
    apart: Option<&UNet>,
    pool: &Pool,
    exact: bool,
) -> Result<Loaded> {
    let checkpoint = trained.checkpoint(fold)?;
    let sha256 = checkpoint.sha256().to_owned();
    let scope = checkpoint.scope();
    let file = trained.file(fold);
    let architecture = &trained.configuration.architecture;
    let values: u64 = checkpoint
        .names()
        .filter_map(|name| checkpoint.entry(name))
        .map(|entry| entry.count() as u64)
        .sum();
    let planned = architecture.least_values();
    if planned > values {
        let what = words::too_few_values(planned, values);
        return Err(Error::new(Kind::BrokenInput, what).at(file));
    }
    drop(checkpoint);
    let build = || -> engine::Result<(Network, Option<Head>)> {
        let mut b = Builder::new();
        let mut shape = vec![1, channels];
        shape.extend(&trained.configuration.patch);
        let image = b.input("image", &shape);
        let answer = match apart {
            Some(unet) => unet.trunk(&mut b, &scope, image)?,
            None => architecture.logits(&mut b, &scope, image)?,
        };
        let options = Compile { exact, ..Compile::new(pool.clone()) };
        let head = apart.map(|unet| {
            let rank = trained.configuration.rank();
            Head::new(&options, rank, unet.features[0], |b, x| unet.head(b, &scope, x))
        });
        let head = head.transpose()?;
        scope.finish(architecture.left_over())?;
        // A case is many tiles.
        let options = Compile { lasting: true, ..options };
        Ok((Network::compile(b.finish(&[("answer", answer)]), &options)?, head))
    };
    let (network, head) = build().map_err(|error| {
        let translated = match error.kind() {
            ErrorKind::Shape => {
                let what = words::unsound_network(error.message());
                Error::new(Kind::BrokenInput, what)
            }
            _ => translate(error),
        };
        translated.at(file)
    })?;
    Ok(Loaded { network, head, sha256 })
}

/// Counts the voxels of each structure.
fn structures(trained: &Trained, labels: &[u16], spacing: [f64; 3]) -> Vec<Structure> {
    let mut counts = vec![0u64; usize::from(u16::MAX) + 1];
    labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    // A cubic millimetre is a thousandth of a millilitre.
    let voxel_ml = spacing.iter().product::<f64>() / 1000.0;
    let structure = |label: &super::dataset::Label| {
        let voxels = label.values.iter().map(|&value| counts[usize::from(value)]).sum();
        Structure {
            name: label.name.clone(),
            labels: label.values.clone(),
            voxels,
            volume_ml: voxels as f64 * voxel_ml,
        }
    };
    trained.dataset.labels.iter().map(structure).collect()
}
