//! DeepBrain's extractor: which voxels of a T1-weighted head are brain.
//!
//! Reference: iitzco/deepbrain (2018) `extractor.py`, `train/extractor/train.py`, and the frozen graphs
//! that stand in its repository. The graphs have kernels of 3³ and 16 features at full size (`graph_v2`)
//! or 8 (`graph_v1`), not what `train.py` says; the widths are read from the file.
//!
//! The image is resampled to 128³ voxels as it lies, whatever its orientation and spacing, divided by
//! its maximum, and the answer resampled back. Neither components nor holes are looked at.

use crate::ahead::{Preparer, one_image};
use crate::error::translate;
use crate::volume_system::{
    Published, Structure, Told, VolumeAnswer, VolumeCard, VolumeCase, VolumeOptions, VolumeReader,
    VolumeSystem, find_file, finite_frame, fits_modality, map_on, open_checkpoint, single_volume,
    write_made_up,
};
use base::words::deepbrain as words;
use base::words::volume_systems as common;
use base::{Error, Kind, Measurement, Modality, Note, Result, Volume};
use engine::cpu::{Network, Pool};
use engine::graph::{Builder, Conv, ConvTranspose, Value, Window};
use engine::weights::{Checkpoint, Scope};
use engine::{ErrorKind, Tensor};
use imaging::resample::{Edge, Method, Resize, resample_volume};
use std::path::Path;
use std::time::Duration;

/// The system.
pub static SYSTEM: DeepBrain = DeepBrain;

/// See the module.
pub struct DeepBrain;

/// Voxels along each axis of what the network sees (`Extractor.SIZE`).
const SIDE: usize = 128;
/// Features at full size of `graph_v2`.
const WIDTH: usize = 16;
/// Above it a voxel is brain (`bin/deepbrain-extractor`).
const THRESHOLD: f32 = 0.5;
/// `skimage.transform.resize(…, mode='constant', anti_aliasing=True)`: order 1, kept in range.
const RESIZE: Resize =
    Resize { order: 1, mode: Edge::Constant(0.0), anti_aliasing: true, clip: true };

static CARD: VolumeCard = VolumeCard {
    id: "deepbrain",
    aliases: &["deepbrain-extractor"],
    name: words::NAME,
    survey_row: "deepbrain",
    modalities: &[Modality::Mr],
    choices: &[],
    weights: &[
        Published {
            name: "graph_v2.pb",
            url: "https://github.com/iitzco/deepbrain/raw/master/deepbrain/models/graph_v2.pb",
            sha256: Some("f2cd9e692faf585559bb047c3c94c9463c7984f53f33d425d164ebdd4e5cb5c0"),
        },
        Published {
            name: "graph_v1.pb",
            url: "https://github.com/iitzco/deepbrain/raw/master/deepbrain/models/graph_v1.pb",
            sha256: Some("6be50752ff151808dc7f8059fef39852759de8502d831949b40e991502225a2a"),
        },
    ],
    code_licence: "MIT",
    weights_licence: words::WEIGHTS_LICENCE,
    intended_use: words::USE,
    limits: words::LIMITS,
    paper: "https://github.com/iitzco/deepbrain",
};

impl VolumeSystem for DeepBrain {
    fn card(&self) -> VolumeCard {
        CARD.clone()
    }

    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        let file = find_file(&CARD, path)?;
        let mut checkpoint = open_checkpoint(&CARD, &file)?;
        checkpoint.channels_first();
        let network = network(&checkpoint, SIDE, options)
            .map_err(|error| crate::error::translate_volume(&CARD, error.at(&file)))?;
        let (sha256, container) = (checkpoint.sha256().to_owned(), checkpoint.container());
        let pool = options.compute.pool.clone();
        Ok(Box::new(Extractor { network, pool, sha256, container }))
    }

    fn made_up(&self, folder: &Path, _chosen: &[String]) -> Result<bool> {
        write_made_up(&folder.join(CARD.weights[0].name), |b, s| {
            let image = b.input("img", &[1, 1, SIDE, SIDE, SIDE]);
            unet(b, s, image, WIDTH)
        })?;
        Ok(true)
    }
}

/// The network for cubes of `side` voxels, with a checkpoint's weights.
///
/// Errors name every tensor that does not fit.
pub fn network(
    checkpoint: &Checkpoint,
    side: usize,
    options: &VolumeOptions,
) -> engine::Result<Network> {
    let width = checkpoint.entry("conv3d.weight").and_then(|entry| entry.shape().first().copied());
    let known = width.filter(|width| (1..=256).contains(width));
    let wrong = || {
        let what =
            "the weights do not fit the network: no kernel of `conv3d` with 1 to 256 features";
        engine::Error::new(ErrorKind::WeightsMismatch, what)
    };
    let width = known.ok_or_else(wrong)?;
    let scope = checkpoint.scope();
    let mut b = Builder::new();
    let image = b.input("img", &[1, 1, side, side, side]);
    let prob = unet(&mut b, &scope, image, width)?;
    scope.finish(LEFT_OVER)?;
    Network::compile(b.finish(&[("prob", prob)]), &options.compute.options())
}

/// Constants of the graph that are no weights: the shapes and axes it computes with.
const LEFT_OVER: &[&str] = &[
    "training.input",
    "dropout*",
    "conv3d_transpose*.strided_slice*",
    "conv3d_transpose*.mul*",
    "conv3d_transpose*.stack*",
    "concat*.axis",
    "ones_like*",
    "Mul.y",
];

/// The probability of brain, `[1, 1, D, H, W]`; extents are multiples of 8.
fn unet(b: &mut Builder, s: &Scope, image: Value, width: usize) -> engine::Result<Value> {
    let mut convs = (0..).map(|n| match n {
        0 => s.at("conv3d"),
        n => s.at(&format!("conv3d_{n}")),
    });
    let mut conv = |b: &mut Builder, x: Value, features: usize| -> engine::Result<Value> {
        let scope = convs.next().unwrap_or_else(|| s.clone());
        let x = b.conv(x, &scope, Conv::new(features, [3; 3]).pad(1))?;
        Ok(b.relu(x))
    };
    let mut x = image;
    let mut skips = Vec::new();
    for level in 0..3 {
        x = conv(b, x, width << level)?;
        x = conv(b, x, width << level)?;
        skips.push(x);
        x = b.max_pool(x, Window::new([2; 3]))?;
    }
    for (number, level) in (0..3).rev().enumerate() {
        let scope = match number {
            0 => s.at("conv3d_transpose"),
            n => s.at(&format!("conv3d_transpose_{n}")),
        };
        // TensorFlow's `SAME`: the output is twice the input, the odd element cut off the end.
        let up = ConvTranspose::new(width << level, [3; 3]).stride(2).cut_end(1).no_bias();
        let up = b.conv_transpose(x, &scope, up)?;
        x = b.concat(&[up, skips[level]], 1)?;
        x = conv(b, x, width << level)?;
    }
    let logits = b.conv(x, &s.at("conv3d_9"), Conv::new(1, [1; 3]))?;
    Ok(b.sigmoid(logits))
}

/// Loaded weights.
struct Extractor {
    network: Network,
    pool: Pool,
    sha256: String,
    container: &'static str,
}

/// What the network sees of an image, and remarks on it.
fn ready(volume: &Volume, pool: &Pool) -> Result<(Vec<f32>, Vec<Note>)> {
    let (image, notes) = finite_frame(volume);
    Ok((prepare(pool, &image, volume.size())?, notes))
}

impl VolumeReader for Extractor {
    fn images(&self) -> Vec<String> {
        vec!["T1".into()]
    }

    fn sha256(&self) -> Option<String> {
        Some(self.sha256.clone())
    }

    fn container(&self) -> String {
        self.container.into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let voxels = volume.frame_len() as u64;
        let cube = (SIDE * SIDE * SIDE) as u64;
        // The image, what resampling filters of it, the probabilities; the labels.
        Ok(self.network.planned_bytes() + 4 * (3 * voxels + 4 * cube) + 3 * voxels)
    }

    fn network_time(&self) -> Option<Duration> {
        Some(self.network.ran())
    }

    fn rest(&mut self) {
        self.network.release_buffers();
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        let cube = (SIDE * SIDE * SIDE) as u64;
        let need = move |volume: &Volume| 12 * volume.frame_len() as u64 + 16 * cube;
        one_image(&CARD, need, |volume, _, pool| ready(volume, pool))
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits_modality(&CARD, case.facts)?;
        let volume = single_volume(&CARD, case.volumes)?;
        told(0, 1);
        let (cube, mut notes) = match case.take_prepared() {
            Some(prepared) => prepared,
            None => ready(volume, &self.pool)?,
        };
        let input = Tensor::new(&[1, 1, SIDE, SIDE, SIDE], cube).map_err(translate)?;
        let outputs = self.network.run(&[&input]).map_err(translate)?;
        let probabilities = outputs.into_iter().next().map_or(Vec::new(), Tensor::into_data);
        let probabilities = restore(&self.pool, &probabilities, volume.size())?;
        told(1, 1);
        let labels: Vec<u16> =
            probabilities.iter().map(|&value| u16::from(value > THRESHOLD)).collect();
        let voxels = labels.iter().filter(|&&label| label == 1).count();
        let volume_ml = voxels as f64 * volume.affine().determinant().abs() / 1000.0;
        if voxels == 0 {
            notes.push(Note::warning("nothing-found", words::NOTHING));
        }
        let brain = Measurement {
            id: "brain-volume",
            name: words::BRAIN_VOLUME,
            value: volume_ml,
            unit: "mL",
            interval: None,
        };
        Ok(VolumeAnswer {
            map: map_on(volume, labels)?,
            boxes: Vec::new(),
            structures: vec![Structure::new("brain", vec![1])],
            values: vec![brain],
            tables: Vec::new(),
            pictures: Vec::new(),
            notes,
        })
    }
}

/// What the network sees of an image `[k][j][i]` of extents i, j, k: `[i][j][k]` of 128³, its largest
/// value 1.
///
/// Errors: kind `Refused` for an image without a value above zero.
pub fn prepare(pool: &Pool, image: &[f32], [ni, nj, nk]: [usize; 3]) -> Result<Vec<f32>> {
    let to = [SIDE; 3];
    let cube = resample_volume(pool, image, [nk, nj, ni], to, &Method::Skimage(RESIZE))?;
    let most = cube.iter().copied().fold(0.0f32, f32::max);
    if most <= 0.0 {
        return Err(Error::new(Kind::Refused, common::FLAT));
    }
    let mut turned = turned(&cube);
    turned.iter_mut().for_each(|value| *value /= most);
    Ok(turned)
}

/// The network's answer on the image's grid, `[k][j][i]`.
pub fn restore(pool: &Pool, cube: &[f32], [ni, nj, nk]: [usize; 3]) -> Result<Vec<f32>> {
    let method = Method::Skimage(RESIZE);
    resample_volume(pool, &turned(cube), [SIDE; 3], [nk, nj, ni], &method)
}

/// `[a][b][c]` to `[c][b][a]`.
fn turned(cube: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; cube.len()];
    for (row, values) in cube.chunks_exact(SIDE).enumerate() {
        let (a, b) = (row / SIDE, row % SIDE);
        for (c, &value) in values.iter().enumerate() {
            out[(c * SIDE + b) * SIDE + a] = value;
        }
    }
    out
}
