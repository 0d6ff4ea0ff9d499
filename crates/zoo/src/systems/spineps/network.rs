//! The network of phase 2, which is told parts of vertebrae and tells three vertebrae apart.
//!
//! Reference: Hendrik-code/spineps (60cc736) `seg_model.py` (`Segmentation_Model_Unet3D`),
//! `architectures/pl_unet.py`, `architectures_new/pl_unet.py`.

use super::find::Found;
use super::labels::Labels;
use super::turn::pir;
use crate::Compute;
use crate::arch::spine_unet::{MULTIPLE, SpineUnet};
use crate::channels;
use crate::error::translate;
use crate::nnunet::{Images, Model, Options};
use base::words::spineps as words;
use base::{Error, Kind, Result};
use engine::Tensor;
use engine::cpu::Network;
use engine::graph::Builder;
use std::collections::BTreeMap;
use std::time::Duration;

/// Classes: background and three vertebrae.
pub(super) const CLASSES: usize = 4;
/// What names of the checkpoint begin with.
pub(super) const PREFIX: &str = "network.";
/// Most voxels of a cut-out.
const MOST: usize = 1 << 27;

/// A network for cut-outs.
pub struct Cutouts {
    kind: Which,
    labels: BTreeMap<u16, u16>,
    /// Extents of a cut-out.
    pub shape: [usize; 3],
}

enum Which {
    Own { network: Box<Network>, channels: usize },
    NnUnet(Box<Model>),
}

impl Cutouts {
    /// Opens a model of phase 2.
    ///
    /// Errors name the file and what does not fit.
    pub fn open(found: &Found, compute: &Compute, nnunet: &Options) -> Result<Cutouts> {
        let config = &found.config;
        let wrong = |what| Error::new(Kind::BrokenInput, what).at(found.settings());
        if config.axes != pir() {
            return Err(wrong(words::PIR_ONLY));
        }
        let shape = config.cutout.map(|extent| 2 * (extent / 2));
        let voxels = shape.iter().try_fold(1usize, |all, extent| all.checked_mul(*extent));
        let sound = shape.iter().all(|extent| *extent > 0 && extent.is_multiple_of(MULTIPLE));
        if !sound || voxels.is_none_or(|voxels| voxels > MOST) {
            return Err(wrong(words::CUTOUT));
        }
        let kind = if config.nnunet {
            Which::NnUnet(Box::new(Model::open(&found.root, &compute.pool, nnunet)?))
        } else {
            let (network, channels) = own(found, shape, compute)?;
            Which::Own { network: Box::new(network), channels }
        };
        Ok(Cutouts { kind, labels: config.labels.clone(), shape })
    }

    /// Vertebrae 1 to 3 of a cut-out `[posterior][inferior][right]` of labels as the network knows them.
    pub fn predict(&mut self, cutout: &Labels, spacing_mm: [f64; 3]) -> Result<Labels> {
        let mut values = match &mut self.kind {
            Which::Own { network, channels } => {
                let logits = run(network, *channels, cutout)?;
                channels::largest(&logits, cutout.values.len())
            }
            Which::NnUnet(model) => {
                let images = Images {
                    shape: cutout.shape,
                    spacing: spacing_mm,
                    channels: vec![cutout.values.iter().map(|label| f32::from(*label)).collect()],
                };
                let turned = reversed(images);
                let labels = model.predict(turned, &mut |_| {})?.labels;
                straight(&labels, cutout.shape)
            }
        };
        for label in &mut values {
            *label = self.labels.get(label).copied().unwrap_or(*label);
        }
        Ok(Labels { values, shape: cutout.shape })
    }

    /// Bytes that it takes while it runs.
    pub fn need_bytes(&self) -> Result<u64> {
        let voxels = self.shape.iter().product::<usize>() as u64;
        Ok(match &self.kind {
            // The channels of a cut-out beside its answer.
            Which::Own { network, channels } => {
                network.planned_bytes() + 4 * voxels * (*channels as u64 + CLASSES as u64)
            }
            Which::NnUnet(model) => model.need(self.shape, [1.0; 3])?.bytes,
        })
    }

    /// Time in the network so far.
    pub fn ran(&self) -> Duration {
        match &self.kind {
            Which::Own { network, .. } => network.ran(),
            Which::NnUnet(model) => model.network_time(),
        }
    }

    /// Gives the buffers back.
    pub fn rest(&mut self) {
        match &mut self.kind {
            Which::Own { network, .. } => network.release_buffers(),
            Which::NnUnet(model) => model.release_buffers(),
        }
    }
}

/// The project's own network: how large it is stands in its weights.
fn own(found: &Found, shape: [usize; 3], compute: &Compute) -> Result<(Network, usize)> {
    let (file, mut checkpoint) = found.checkpoint(["weights", ".ckpt"], true)?;
    checkpoint.strip_prefix(PREFIX);
    let stem = checkpoint.entry("init_conv.weight").map(|entry| entry.shape().to_vec());
    let (stem, channels) = match stem.as_deref() {
        Some(&[stem, channels, 7, 7, 7]) if stem > 0 && stem % 8 == 0 && stem <= 256 => {
            (stem, channels)
        }
        _ => return Err(Error::new(Kind::BrokenInput, words::NO_UNET).at(file)),
    };
    if !(2..=64).contains(&channels) {
        return Err(Error::new(Kind::BrokenInput, words::NO_UNET).at(file));
    }
    let (scope, mut b) = (checkpoint.scope(), Builder::new());
    let [depth, height, width] = shape;
    let image = b.input("parts", &[1, channels, depth, height, width]);
    let network = SpineUnet { stem, classes: CLASSES }
        .logits(&mut b, &scope, image)
        .and_then(|logits| {
            scope.finish(&[])?;
            Network::compile(b.finish(&[("logits", logits)]), &compute.options())
        })
        .map_err(|error| translate(error.at(&file)))?;
    Ok((network, channels))
}

/// Each label in a channel of its own; those that the network does not know are background.
fn run(network: &mut Network, channels: usize, cutout: &Labels) -> Result<Vec<f32>> {
    let voxels = cutout.values.len();
    let mut input = vec![0.0f32; channels * voxels];
    for (at, &label) in cutout.values.iter().enumerate() {
        let channel = Some(usize::from(label)).filter(|channel| *channel < channels).unwrap_or(0);
        input[channel * voxels + at] = 1.0;
    }
    let [depth, height, width] = cutout.shape;
    let input = Tensor::new(&[1, channels, depth, height, width], input).map_err(translate)?;
    let mut answers = network.run(&[&input]).map_err(translate)?;
    Ok(answers.pop().map_or(Vec::new(), Tensor::into_data))
}

/// nnU-Net reads volumes with their axes the other way round.
fn reversed(images: Images) -> Images {
    let [a, b, c] = images.shape;
    let turn = |values: &Vec<f32>| {
        let at = |n: usize| values[(n % a * b + n / a % b) * c + n / (a * b)];
        (0..values.len()).map(at).collect()
    };
    let [x, y, z] = images.spacing;
    let channels = images.channels.iter().map(turn).collect();
    Images { shape: [c, b, a], spacing: [z, y, x], channels }
}

/// Labels `[c][b][a]` as `[a][b][c]`.
fn straight(labels: &[u16], [a, b, c]: [usize; 3]) -> Vec<u16> {
    let at = |n: usize| labels[(n % c * b + n / c % b) * a + n / (b * c)];
    (0..labels.len()).map(at).collect()
}
