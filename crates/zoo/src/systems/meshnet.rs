//! MeshNet: tissues, structures and parcels of the brain on T1-weighted MRI, and the brain on any image of the
//! head, by chains of dilated convolutions of a few hundred kilobytes.
//!
//! Reference: neuroneural/brainchop (4c87885) `main.js`, `brainchop-webworker.js`, `inference-logic.js`,
//! `tensor-utils.js`, which superseded Entodi/MeshNet: one run over the conformed head instead of votes of a
//! thousand random pieces. Its ways with much and with little memory differ in nothing but memory; here is one.
//! The original gives labels of the conformed head; here they are brought to the image's own voxels.

pub mod conform;
pub mod kinds;
pub mod layers;
pub mod made_up;

use crate::ahead::{Preparer, one_image};
use crate::channels::largest;
use crate::fitted::{Fitted, Opening};
use crate::morphology::{Components, Neighbours};
use crate::volume_system::{
    Choice, Published, Structure, Told, VolumeAnswer, VolumeCard, VolumeCase, VolumeOptions,
    VolumeReader, VolumeSystem, finite_frame, fits_modality, single_volume,
};
use base::words::meshnet as words;
use base::words::volume_systems as common;
use base::{Error, Modality, Note, Result, Volume, VolumeFacts};
use conform::{Conformed, SIDE, conform, restore};
use engine::cpu::Pool;
use engine::weights::{Checkpoint, Limits};
use kinds::{Classes, KINDS, Kind, LIGHT};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The system.
pub static SYSTEM: MeshNet = MeshNet;

/// See the module.
pub struct MeshNet;

/// The file of a model that names the others.
const MODEL: &str = "model.json";
/// Quantiles that become 0 and 1, where they are asked for.
const QUANTILES: [f64; 2] = [0.05, 0.95];

const fn published(name: &'static str, url: &'static str) -> Published {
    Published { name, url, sha256: None }
}

macro_rules! models {
    ($($folder:literal),*) => {
        &[$(published(
            $folder,
            concat!("https://github.com/neuroneural/brainchop/tree/master/public/models/", $folder),
        )),*]
    };
}

static CARD: VolumeCard = VolumeCard {
    id: "meshnet",
    aliases: &["brainchop"],
    name: words::NAME,
    survey_row: "meshnet",
    modalities: &[Modality::Mr, Modality::Ct],
    choices: &[
        Choice { name: "fast", about: words::FAST },
        Choice { name: "tissue", about: words::TISSUE },
        Choice { name: "tissue-light", about: words::TISSUE_LIGHT },
        Choice { name: "aparc-50", about: words::APARC_50 },
        Choice { name: "aparc-104", about: words::APARC_104 },
        Choice { name: "brain", about: words::BRAIN },
        Choice { name: "mindgrab", about: words::MINDGRAB },
    ],
    weights: models!(
        "model30chan18cls",
        "model18cls",
        "model20chan3cls",
        "model5_gw_ae",
        "model30chan50cls",
        "model21_104class",
        "model11_gw_ae",
        "mindgrab"
    ),
    code_licence: "MIT",
    weights_licence: words::WEIGHTS_LICENCE,
    intended_use: words::USE,
    limits: words::LIMITS,
    paper: "Fedorov et al., IJCNN 2017, arXiv:1612.00940; Masoud et al., JOSS 8(83):5098 (2023)",
};

impl VolumeSystem for MeshNet {
    fn card(&self) -> VolumeCard {
        CARD.clone()
    }

    /// `path` is a model's folder or its `model.json`, or the folder with the models' folders.
    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        let kind = asked(&options.chosen)?;
        let before = match kind.after_tissue {
            true => Some(Net::open(&place(path, &LIGHT, false)?, &LIGHT, options)?),
            false => None,
        };
        let main = Net::open(&place(path, kind, !kind.after_tissue)?, kind, options)?;
        Ok(Box::new(Reader { kind, before, main, pool: options.compute.pool.clone() }))
    }

    fn made_up(&self, folder: &Path, chosen: &[String]) -> Result<bool> {
        let kind = asked(chosen)?;
        let kinds = [Some(kind), kind.after_tissue.then_some(&LIGHT)];
        for kind in kinds.into_iter().flatten() {
            made_up::write(&folder.join(kind.folder), kind.folder, &made_up::layers(kind))?;
        }
        Ok(true)
    }
}

/// The model that was asked for. Errors of kind `Usage`: several, or one that is not there.
fn asked(chosen: &[String]) -> Result<&'static Kind> {
    let name = match chosen {
        [] => "",
        [only] => only.as_str(),
        _ => return Err(Error::new(base::Kind::Usage, words::ONE_MODEL)),
    };
    let known = || CARD.choices.iter().map(|choice| choice.name).collect::<Vec<_>>().join(", ");
    KINDS.iter().find(|kind| kind.choice == name).ok_or_else(|| {
        Error::new(base::Kind::Usage, common::unknown_choice(CARD.id, name, &known()))
    })
}

/// A model's `model.json`; `alone`: `path` may be the model's own folder or the file itself.
fn place(path: &Path, kind: &Kind, alone: bool) -> Result<PathBuf> {
    let places = [path.join(kind.folder).join(MODEL), path.join(MODEL), path.to_path_buf()];
    let possible = if alone { &places[..] } else { &places[..1] };
    let found = possible.iter().find(|place| place.is_file()).cloned();
    found.ok_or_else(|| {
        let file = CARD.weights.iter().find(|file| file.name == kind.folder);
        let url = file.map_or("", |file| file.url);
        let name = format!("{}/{MODEL}", kind.folder);
        Error::new(base::Kind::Io, common::weights_absent(&name, url)).at(path)
    })
}

/// A network with its weights.
struct Net {
    fitted: Fitted,
    /// Most channels of a layer.
    widest: u64,
}

impl Net {
    fn open(file: &Path, kind: &Kind, options: &VolumeOptions) -> Result<Net> {
        let translate = |error| crate::error::translate_volume(&CARD, error);
        let checkpoint = Checkpoint::open(file, &Limits::default()).map_err(translate)?;
        let topology = checkpoint.beside("modelTopology");
        let layers = layers::layers(topology.unwrap_or(&engine::weights::Plain::None))
            .map_err(|error| error.at(file))?;
        let (classes, wanted) =
            (layers.last().map_or(0, |last| last.features), kind.classes.count());
        if classes != wanted {
            let text = words::other_classes(kind.folder, wanted, classes);
            return Err(Error::new(base::Kind::BrokenInput, text).at(file));
        }
        let widest = layers.iter().map(|layer| layer.features as u64).max().unwrap_or(1);
        let opening = Opening { card: &CARD, file, channels: 1, least: [8; 3] };
        let fitted = Fitted::open(
            &opening,
            &options.compute,
            |checkpoint| {
                checkpoint.channels_first();
                Vec::new()
            },
            Box::new(move |b, scope, image| layers::logits(b, scope, image, &layers)),
        )?;
        Ok(Net { fitted, widest })
    }

    /// The most likely class at each voxel of a part of the conformed head, `[k][j][i]`.
    fn classes(&mut self, part: &Part) -> Result<Vec<u8>> {
        let [nk, nj, ni] = part.size;
        // The network's first axis is i.
        let image = turned(&part.values, part.size);
        let logits = self.fitted.run([ni, nj, nk], image)?;
        self.fitted.rest();
        Ok(turned(&largest(&logits, ni * nj * nk), [ni, nj, nk]))
    }
}

/// `[a][b][c]` to `[c][b][a]`.
fn turned<T: Copy + Default>(values: &[T], [na, nb, nc]: [usize; 3]) -> Vec<T> {
    let mut out = vec![T::default(); values.len()];
    for (row, line) in values.chunks_exact(nc.max(1)).enumerate() {
        let (a, b) = (row / nb, row % nb);
        for (c, &value) in line.iter().enumerate() {
            out[(c * nb + b) * na + a] = value;
        }
    }
    out
}

/// A part of the conformed head.
struct Part {
    /// `[k][j][i]` of `size`.
    values: Vec<f32>,
    start: [usize; 3],
    size: [usize; 3],
}

/// Loaded weights.
struct Reader {
    kind: &'static Kind,
    /// The light model of tissues, where the head is cut to what it finds.
    before: Option<Net>,
    main: Net,
    pool: Pool,
}

/// The conformed head of an image, and remarks on it.
fn ready(volume: &Volume, facts: &VolumeFacts, pool: &Pool) -> Result<(Conformed, Vec<Note>)> {
    let (image, notes) = finite_frame(volume);
    Ok((conform(pool, volume, &image, facts.stored)?, notes))
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        // MindGrab reads any contrast.
        vec![if self.kind.norm { "image" } else { "T1" }.into()]
    }

    fn sha256(&self) -> Option<String> {
        Some(self.main.fitted.sha256.clone())
    }

    fn container(&self) -> String {
        self.main.fitted.container.into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let whole = (SIDE * SIDE * SIDE) as u64;
        let (size, spacing) = (volume.size(), volume.spacing_mm());
        // What an oblique image takes of the conformed head is less than a box around its diagonal.
        let reach = |axis: usize| size[axis] as f64 * spacing[axis] + 2.0 * self.kind.pad as f64;
        let bounds = (0..3).map(|axis| reach(axis).clamp(1.0, SIDE as f64) as u64 + 2);
        let inside = match self.kind.threshold > 0.0 || self.kind.after_tissue {
            true => bounds.product::<u64>().min(whole),
            // Air of a value above the least of the head is kept.
            false => whole,
        };
        // Two neighbouring layers, and the image turned; the answer.
        let of = |net: &Net, voxels: u64| 4 * voxels * (2 * net.widest + 2) + (64 << 20);
        let before = self.before.as_ref().map_or(0, |net| of(net, whole));
        let own = 4 * volume.frame_len() as u64 + 12 * whole;
        Ok(own + of(&self.main, inside).max(before))
    }

    fn network_time(&self) -> Option<Duration> {
        let nets = self.before.iter().chain([&self.main]);
        Some(nets.map(|net| net.fitted.ran()).sum())
    }

    fn rest(&mut self) {
        let nets = self.before.iter_mut().chain([&mut self.main]);
        nets.for_each(|net| net.fitted.rest());
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        // The image and its copies; the head, as numbers and as bytes.
        let whole = (SIDE * SIDE * SIDE) as u64;
        one_image(&CARD, move |volume| 12 * volume.frame_len() as u64 + 12 * whole, ready)
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits_modality(&VolumeCard { modalities: self.modalities(), ..CARD.clone() }, case.facts)?;
        let volume = single_volume(&CARD, case.volumes)?;
        let runs = 1 + usize::from(self.before.is_some());
        told(0, runs);
        let (head, mut notes) = match case.take_prepared() {
            Some(prepared) => prepared,
            None => ready(volume, case.facts, &self.pool)?,
        };
        let mask = match &mut self.before {
            Some(net) => {
                let found = net.classes(&whole(scaled(&head.values, LIGHT.quantiles)?))?;
                told(1, runs);
                Some(found)
            }
            None => None,
        };
        let part = self.part(&head, mask.as_deref())?;
        let found = self.main.classes(&part)?;
        told(runs, runs);
        let labels = self.labels(&part, &found);
        if labels.iter().all(|&label| label == 0) {
            notes.push(Note::warning("nothing-found", words::NOTHING));
        }
        if head.resampled {
            notes.push(Note::info("resampled", words::RESAMPLED));
        }
        let map = restore(&self.pool, volume, &head, labels)?;
        let names = self.kind.classes.names();
        let structures = names.iter().zip(1u16..).map(|(name, at)| Structure::new(name, vec![at]));
        let structures = structures.collect();
        Ok(VolumeAnswer {
            map,
            structures,
            boxes: Vec::new(),
            values: Vec::new(),
            tables: Vec::new(),
            pictures: Vec::new(),
            notes,
        })
    }
}

impl Reader {
    /// Modalities of the kind that was asked for: MindGrab reads any, PET as well.
    fn modalities(&self) -> &'static [Modality] {
        if self.kind.norm { &[] } else { &[Modality::Mr] }
    }

    /// What the network sees: the scaled head, cut to the mask or to what lies above the threshold.
    ///
    /// Errors: kind `Refused` where that is nothing.
    fn part(&self, head: &Conformed, mask: Option<&[u8]>) -> Result<Part> {
        let values = scaled(&head.values, self.kind.quantiles)?;
        let most = values.iter().copied().fold(0.0, f32::max);
        let above = self.kind.threshold * most;
        let inside = |at: usize| match mask {
            Some(mask) => mask[at] > 0,
            None => values[at] > above,
        };
        let (mut low, mut high) = ([SIDE; 3], [0; 3]);
        for at in (0..values.len()).filter(|at| inside(*at)) {
            let place = [at / (SIDE * SIDE), at / SIDE % SIDE, at % SIDE];
            for axis in 0..3 {
                low[axis] = low[axis].min(place[axis]);
                high[axis] = high[axis].max(place[axis]);
            }
        }
        if low[0] == SIDE {
            return Err(Error::new(base::Kind::Refused, words::NO_HEAD));
        }
        let start = low.map(|low| low.saturating_sub(self.kind.pad));
        let end = high.map(|high| (high + self.kind.pad).min(SIDE - 1) + 1);
        let size: [usize; 3] = std::array::from_fn(|axis| end[axis] - start[axis]);
        let mut cut = Vec::with_capacity(size.iter().product());
        for k in start[0]..end[0] {
            for j in start[1]..end[1] {
                let row = (k * SIDE + j) * SIDE;
                cut.extend_from_slice(&values[row + start[2]..row + end[2]]);
            }
        }
        Ok(Part { values: cut, start, size })
    }

    /// Labels of the conformed head, `[k][j][i]`: the largest piece of what is not background.
    fn labels(&self, part: &Part, found: &[u8]) -> Vec<u16> {
        let mask: Vec<bool> = found.iter().map(|&class| class > 0).collect();
        let pieces = Components::of_mask(&mask, part.size, Neighbours::All);
        let kept = pieces.largest();
        let kept = pieces.mask(mask.len(), |piece| Some(piece) == kept);
        let brain = matches!(self.kind.classes, Classes::Brain(_));
        let mut labels = vec![0u16; SIDE * SIDE * SIDE];
        let [_, nj, ni] = part.size;
        for (row, line) in found.chunks_exact(ni.max(1)).enumerate() {
            let (k, j) = (row / nj + part.start[0], row % nj + part.start[1]);
            let to = &mut labels[(k * SIDE + j) * SIDE + part.start[2]..][..ni];
            for ((to, class), kept) in to.iter_mut().zip(line).zip(&kept[row * ni..]) {
                let label = if brain { u16::from(*class > 0) } else { u16::from(*class) };
                *to = if *kept { label } else { 0 };
            }
        }
        labels
    }
}

/// The whole conformed head.
fn whole(values: Vec<f32>) -> Part {
    Part { values, start: [0; 3], size: [SIDE; 3] }
}

/// Bytes to 0 … 1: the least and the largest, or two quantiles, beyond which values go on.
///
/// Errors: kind `Refused` for a head of one value.
fn scaled(bytes: &[u8], quantiles: bool) -> Result<Vec<f32>> {
    let mut counts = [0usize; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    // The value at a place of the sorted bytes.
    let at = |place: usize| {
        let mut below = 0;
        let reached = |count: &usize| {
            below += count;
            below > place
        };
        counts.iter().position(reached).unwrap_or(255) as f32
    };
    let count = bytes.len();
    let [low, high] = match quantiles {
        true => {
            let [low, high] = QUANTILES.map(|share| share * count as f64);
            [at(low.floor() as usize), at((high.ceil() as usize).saturating_sub(1))]
        }
        false => [at(0), at(count.saturating_sub(1))],
    };
    if low >= high {
        return Err(Error::new(base::Kind::Refused, common::FLAT));
    }
    Ok(bytes.iter().map(|byte| (f32::from(*byte) - low) / (high - low)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_at_places_of_the_sorted_bytes() {
        let bytes: Vec<u8> = (0..100).rev().collect();
        let all = scaled(&bytes, false).unwrap();
        assert_eq!((all[99], all[0]), (0.0, 1.0));
        // Places 5 and 94.
        let most = scaled(&bytes, true).unwrap();
        assert_eq!((most[94], most[5]), (0.0, 1.0));
        assert!(most[0] > 1.0 && most[99] < 0.0);
        assert!(scaled(&[7; 20], false).is_err() && scaled(&[], false).is_err());
    }

    #[test]
    fn every_choice_is_a_model_with_its_place_on_the_card() {
        let names: Vec<&str> = KINDS.iter().skip(1).map(|kind| kind.choice).collect();
        let choices: Vec<&str> = CARD.choices.iter().map(|choice| choice.name).collect();
        assert_eq!(names, choices);
        let folders: Vec<&str> = KINDS.iter().map(|kind| kind.folder).collect();
        let published: Vec<&str> = CARD.weights.iter().map(|file| file.name).collect();
        assert_eq!(folders, published);
        assert!(asked(&["tissue".into(), "fast".into()]).is_err() && asked(&["x".into()]).is_err());
    }
}
