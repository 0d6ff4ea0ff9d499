//! HD-BET 1: the brain on MRI of any contrast, by up to five networks that see the whole head at 1.5 mm.
//!
//! Reference: NeuroAI-HD/HD-BET (2021) `run.py`, `data_loading.py`, `predict_case.py`, `utils.py`. Mirrored
//! copies on request, as its authors do; the largest piece is kept, as its command line does. Version 2 is
//! another system.

use crate::ahead::{Preparer, one_image};
use crate::arch::hd_bet_v1;
use crate::fitted::{Fitted, Opening};
use crate::morphology::{Components, Neighbours};
use crate::stripped::stripped;
use crate::volume_system::{
    Choice, Published, Structure, Told, VolumeAnswer, VolumeCard, VolumeCase, VolumeOptions,
    VolumeReader, VolumeSystem, count_voxels, find_published, finite_frame, fits_modality, map_on,
    single_volume, write_made_up,
};
use base::words::hd_bet as words;
use base::words::volume_systems as common;
use base::{Error, Kind, Measurement, Modality, Note, Result, Volume};
use engine::cpu::Pool;
use imaging::resample::{Method, Resize, Rule, resample_volume, resize_labels};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The system.
pub static SYSTEM: HdBetOne = HdBetOne { least: 128 };

/// See the module.
pub struct HdBetOne {
    /// Extents of what the networks see, at least: the original's `val_min_size` is 128.
    pub least: usize,
}

/// Spacing of what the networks see (`load_and_preprocess`).
const SPACING_MM: f64 = 1.5;
/// Extents are multiples of it (`net_input_must_be_divisible_by`).
const MULTIPLE: usize = 16;
/// Floats for each voxel that a network holds at most at once: 42 joined, 42 convolved twice, and room.
const FLOATS: u64 = 150;
/// Bytes of a network's weights as its kernels read them, at most.
const WEIGHT_BYTES: u64 = 160 << 20;

const fn weights(name: &'static str, url: &'static str) -> Published {
    Published { name, url, sha256: None }
}

static CARD: VolumeCard = VolumeCard {
    id: "hd-bet-1",
    aliases: &["hdbet-1", "hd-bet-v1"],
    name: words::NAME_ONE,
    survey_row: "hd-bet",
    modalities: &[Modality::Mr],
    choices: &[Choice { name: "fast", about: words::FAST }],
    weights: &[
        weights("0.model", "https://zenodo.org/records/2540695/files/0.model"),
        weights("1.model", "https://zenodo.org/records/2540695/files/1.model"),
        weights("2.model", "https://zenodo.org/records/2540695/files/2.model"),
        weights("3.model", "https://zenodo.org/records/2540695/files/3.model"),
        weights("4.model", "https://zenodo.org/records/2540695/files/4.model"),
    ],
    code_licence: "Apache-2.0",
    weights_licence: words::WEIGHTS_LICENCE,
    intended_use: words::USE,
    limits: words::LIMITS_ONE,
    paper: "Isensee et al., Human Brain Mapping 40(17):4952-4964 (2019)",
};

impl VolumeSystem for HdBetOne {
    fn card(&self) -> VolumeCard {
        CARD.clone()
    }

    /// `path`: the folder with all five files, or with `fast` also the file `0.model` itself.
    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        let fast = options.has("fast");
        let files: Vec<PathBuf> = match fast && path.is_file() {
            true => vec![path.to_path_buf()],
            false => CARD.weights[..count(fast)]
                .iter()
                .map(|file| find_published(&CARD, path, file))
                .collect::<Result<_>>()?,
        };
        self.open_files(&files, options)
    }

    fn made_up(&self, folder: &Path, chosen: &[String]) -> Result<bool> {
        let fast = chosen.iter().any(|name| name == "fast");
        for published in &CARD.weights[..count(fast)] {
            write_made_up(&folder.join(published.name), |b, scope| {
                let image = b.input("image", &[1, 1, MULTIPLE, MULTIPLE, MULTIPLE]);
                hd_bet_v1::logits(b, scope, image)
            })?;
        }
        Ok(true)
    }
}

/// Networks that read a case.
fn count(fast: bool) -> usize {
    if fast { 1 } else { CARD.weights.len() }
}

impl HdBetOne {
    /// Opens these files, one network each; their answers are averaged.
    pub fn open_files(
        &self,
        files: &[PathBuf],
        options: &VolumeOptions,
    ) -> Result<Box<dyn VolumeReader>> {
        let open = |file: &PathBuf| {
            let opening = Opening { card: &CARD, file, channels: 1, least: [MULTIPLE; 3] };
            let left_over = hd_bet_v1::LEFT_OVER.iter().map(|name| (*name).to_owned()).collect();
            Fitted::open(&opening, &options.compute, |_| left_over, Box::new(hd_bet_v1::logits))
        };
        let networks = files.iter().map(open).collect::<Result<Vec<Fitted>>>()?;
        let (least, mirror, pool) = (self.least, options.mirror, options.compute.pool.clone());
        Ok(Box::new(Reader { networks, least, mirror, pool }))
    }
}

/// Loaded weights.
struct Reader {
    networks: Vec<Fitted>,
    least: usize,
    mirror: bool,
    pool: Pool,
}

impl Reader {
    /// The mean share of brain of all networks and mirrored copies, on the padded head.
    fn brain(
        &mut self,
        values: &[f32],
        shape: [usize; 3],
        done: &mut dyn FnMut(),
    ) -> Result<Vec<f32>> {
        let copies = if self.mirror { 8 } else { 1 };
        let voxels = values.len();
        let mut mean = vec![0.0f32; voxels];
        let weight = 1.0 / (copies * self.networks.len()) as f32;
        for network in &mut self.networks {
            for copy in 0..copies {
                let axes = [copy & 4 != 0, copy & 2 != 0, copy & 1 != 0];
                let mut given = values.to_vec();
                flip(&mut given, shape, axes);
                let logits = network.run(shape, given)?;
                let mut brain: Vec<f32> = logits[..voxels]
                    .iter()
                    .zip(&logits[voxels..])
                    // The softmax of two.
                    .map(|(none, brain)| 1.0 / (1.0 + (none - brain).exp()))
                    .collect();
                flip(&mut brain, shape, axes);
                mean.iter_mut().zip(&brain).for_each(|(mean, brain)| *mean += weight * brain);
                done();
            }
            network.rest();
        }
        Ok(mean)
    }
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        vec!["MR".into()]
    }

    fn sha256(&self) -> Option<String> {
        self.networks.first().map(|network| network.sha256.clone())
    }

    fn container(&self) -> String {
        self.networks.first().map_or("", |network| network.container).into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let [ni, nj, nk] = volume.size();
        let [si, sj, sk] = volume.spacing_mm();
        let (_, shape) = extents([nk, nj, ni], [sk, sj, si], self.least);
        let voxels = count_voxels(shape);
        let networks = WEIGHT_BYTES * self.networks.len() as u64;
        Ok(networks + 4 * voxels * (FLOATS + 6) + 12 * volume.frame_len() as u64)
    }

    fn network_time(&self) -> Option<Duration> {
        Some(self.networks.iter().map(Fitted::ran).sum())
    }

    fn strip(&self, volume: &Volume, labels: &[u16]) -> Option<Volume> {
        Some(stripped(volume, labels))
    }

    fn rest(&mut self) {
        self.networks.iter_mut().for_each(Fitted::rest);
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        let least = self.least;
        // The image, its resampled copy, the padded one.
        let need = move |volume: &Volume| {
            let [ni, nj, nk] = volume.size();
            let [si, sj, sk] = volume.spacing_mm();
            let (_, shape) = extents([nk, nj, ni], [sk, sj, si], least);
            8 * volume.frame_len() as u64 + 8 * shape.iter().map(|&e| e as u64).product::<u64>()
        };
        one_image(&CARD, need, move |volume, _, pool| ready(volume, pool, least))
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits_modality(&CARD, case.facts)?;
        let volume = single_volume(&CARD, case.volumes)?;
        let [ni, nj, nk] = volume.size();
        let prepared = match case.take_prepared() {
            Some(prepared) => prepared,
            None => ready(volume, &self.pool, self.least)?,
        };
        let Ready { values, size, shape, mut notes } = prepared;
        let copies = if self.mirror { 8 } else { 1 };
        let (mut done, total) = (0, self.networks.len() * copies);
        told(0, total);
        let brain = self.brain(&values, shape, &mut || {
            done += 1;
            told(done, total);
        })?;
        drop(values);
        let labels = finish(&self.pool, &brain, shape, size, [nk, nj, ni])?;
        let voxels = labels.iter().filter(|&&label| label == 1).count();
        if voxels == 0 {
            notes.push(Note::warning("nothing-found", base::words::deepbrain::NOTHING));
        }
        let brain = Measurement {
            id: "brain-volume",
            name: base::words::deepbrain::BRAIN_VOLUME,
            value: voxels as f64 * volume.affine().determinant().abs() / 1000.0,
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

/// A head as the networks take it: extents without padding and with it.
struct Ready {
    values: Vec<f32>,
    size: [usize; 3],
    shape: [usize; 3],
    notes: Vec<Note>,
}

fn ready(volume: &Volume, pool: &Pool, least: usize) -> Result<Ready> {
    let (image, notes) = finite_frame(volume);
    let ([ni, nj, nk], [si, sj, sk]) = (volume.size(), volume.spacing_mm());
    let (values, size, shape) = prepare(pool, image, [nk, nj, ni], [sk, sj, si], least)?;
    Ok(Ready { values, size, shape, notes })
}

/// Extents at 1.5 mm, and those padded.
fn extents(whole: [usize; 3], spacing: [f64; 3], least: usize) -> ([usize; 3], [usize; 3]) {
    let size: [usize; 3] = std::array::from_fn(|axis| {
        let extent = (spacing[axis] / SPACING_MM * whole[axis] as f64).round_ties_even();
        // A header may claim any spacing; what is beyond memory is refused before it is read.
        extent.clamp(1.0, 1e6) as usize
    });
    (size, size.map(|extent| extent.next_multiple_of(MULTIPLE).max(least)))
}

/// What the networks see of an image `[z][y][x]`: at 1.5 mm, mean 0 and standard deviation 1, zeros behind.
/// The values, the extents without the padding and with it.
///
/// Errors: kind `Refused` for an image of one value everywhere.
pub fn prepare(
    pool: &Pool,
    image: Vec<f32>,
    whole: [usize; 3],
    spacing: [f64; 3],
    least: usize,
) -> Result<(Vec<f32>, [usize; 3], [usize; 3])> {
    if !spacing.iter().all(|mm| mm.is_finite() && *mm > 0.0) {
        return Err(Error::new(Kind::BrokenInput, base::words::nnunet::BAD_SPACING));
    }
    let (size, shape) = extents(whole, spacing, least);
    let values = match spacing.iter().any(|mm| *mm != SPACING_MM) {
        true => resample_volume(pool, &image, whole, size, &Method::Skimage(Resize::edge(3)))?,
        false => image,
    };
    let count = values.len() as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let squares = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>();
    let deviation = (squares / count).sqrt();
    if deviation <= 0.0 || !deviation.is_finite() {
        return Err(Error::new(Kind::Refused, common::FLAT));
    }
    let mut padded = vec![0.0f32; shape.iter().product()];
    for (row, line) in values.chunks_exact(size[2]).enumerate() {
        let at = ((row / size[1]) * shape[1] + row % size[1]) * shape[2];
        for (out, &value) in padded[at..].iter_mut().zip(line) {
            *out = ((f64::from(value) - mean) / deviation) as f32;
        }
    }
    Ok((padded, size, shape))
}

/// Labels on the image's grid `[z][y][x]` from shares of brain on the padded one: more than a half, the
/// largest piece, resized.
pub fn finish(
    pool: &Pool,
    brain: &[f32],
    shape: [usize; 3],
    size: [usize; 3],
    whole: [usize; 3],
) -> Result<Vec<u16>> {
    let mut mask = Vec::with_capacity(size.iter().product());
    for z in 0..size[0] {
        for y in 0..size[1] {
            let at = (z * shape[1] + y) * shape[2];
            mask.extend(brain[at..at + size[2]].iter().map(|share| *share > 0.5));
        }
    }
    let pieces = Components::of_mask(&mask, size, Neighbours::All);
    if let Some(largest) = pieces.largest() {
        mask = pieces.mask(mask.len(), |piece| piece == largest);
    }
    let labels: Vec<u16> = mask.into_iter().map(u16::from).collect();
    resize_labels(pool, &labels, size, whole, 1, Rule::HalfOrMore)
}

/// Reverses a volume along some axes.
fn flip(data: &mut [f32], [depth, height, width]: [usize; 3], axes: [bool; 3]) {
    let plane = height * width;
    if axes[0] {
        for z in 0..depth / 2 {
            let (low, high) = data.split_at_mut((depth - 1 - z) * plane);
            low[z * plane..][..plane].swap_with_slice(&mut high[..plane]);
        }
    }
    if axes[1] {
        for plane in data.chunks_exact_mut(plane.max(1)) {
            for y in 0..height / 2 {
                let (low, high) = plane.split_at_mut((height - 1 - y) * width);
                low[y * width..][..width].swap_with_slice(&mut high[..width]);
            }
        }
    }
    if axes[2] {
        data.chunks_exact_mut(width.max(1)).for_each(<[f32]>::reverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flipping_twice_changes_nothing_and_once_everything() {
        let data: Vec<f32> = (0..60).map(|n| n as f32).collect();
        for copy in 0..8 {
            let axes = [copy & 4 != 0, copy & 2 != 0, copy & 1 != 0];
            let mut turned = data.clone();
            flip(&mut turned, [3, 4, 5], axes);
            let first = [2, 3, 4];
            let at = (0..3).fold(0, |at, n| at * [3, 4, 5][n] + if axes[n] { first[n] } else { 0 });
            assert_eq!(turned[0], at as f32);
            flip(&mut turned, [3, 4, 5], axes);
            assert_eq!(turned, data);
        }
    }
}
