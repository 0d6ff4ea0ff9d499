//! SynthSeg: the structures of the brain at any contrast and resolution, their soft volumes, the parcels of
//! the cortex, scores of quality.
//!
//! Reference: BBillot/SynthSeg (2024) `SynthSeg/predict_synthseg.py`. The usual way reads the image and its
//! mirror image and keeps one piece of each structure; `fast` does neither; `robust` goes through tissues,
//! for clinical scans of thick slices.
//!
//! The networks see the whole head at 1 mm. Where the image has other voxels, the original gives labels at
//! 1 mm; here they are brought to the image's own voxels, the nearest each, and volumes stay those of 1 mm.

pub mod labels;
pub mod networks;
pub mod posteriors;
pub mod prepare;
pub mod quality;
mod tables;

use crate::ahead::{Preparer, one_image};
use crate::channels;
use crate::fitted::Fitted;
use crate::volume_system::{
    Choice, Published, Structure, Told, VolumeAnswer, VolumeCard, VolumeCase, VolumeOptions,
    VolumeReader, VolumeSystem, count_voxels, fits_modality, labels_of, map_on, single_volume,
};
use base::words::synthseg as words;
use base::words::volume_systems as common;
use base::{Error, Kind, Measurement, Modality, Note, Result, Volume, VolumeFacts, Voxels};
use engine::cpu::Pool;
use imaging::resample::labels_to_grid;
use labels::{Label, is_cortex, labels as labels_of_version, parcels};
use networks::{PARCELS, ROBUST, TISSUES, whole};
use prepare::{Prepared, padded, prepare};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The system.
pub static SYSTEM: SynthSeg = SynthSeg { least: 128 };

/// See the module.
pub struct SynthSeg {
    /// Extents of what the networks see, at least: the original's `min_pad` is 128.
    pub least: usize,
}

/// Floats for each voxel that a U-Net holds at most at once: 72 joined channels, 24 convolved, and room.
const FLOATS: u64 = 110;
/// Bytes of a network's weights as its kernels read them, at most.
const WEIGHT_BYTES: u64 = 400 << 20;
/// Floats for each voxel of the cube of quality scores: five values of 24 channels.
const QUALITY_FLOATS: u64 = 130;

const URL: &str = "https://github.com/BBillot/SynthSeg#installation";

static CARD: VolumeCard = VolumeCard {
    id: "synthseg",
    aliases: &["synthseg-2.0"],
    name: words::NAME,
    survey_row: "synthseg",
    modalities: &[Modality::Mr, Modality::Ct],
    choices: &[
        Choice { name: "fast", about: words::FAST },
        Choice { name: "robust", about: words::ROBUST },
        Choice { name: "v1", about: words::VERSION_ONE },
        Choice { name: "parc", about: words::PARC },
        Choice { name: "qc", about: words::QC },
        Choice { name: "ct", about: words::CT },
        Choice { name: "original-tables", about: words::ORIGINAL_TABLES },
    ],
    weights: &[
        Published { name: "synthseg_2.0.h5", url: URL, sha256: None },
        Published { name: "synthseg_robust_2.0.h5", url: URL, sha256: None },
        Published { name: "synthseg_parc_2.0.h5", url: URL, sha256: None },
        Published { name: "synthseg_qc_2.0.h5", url: URL, sha256: None },
        Published {
            name: "synthseg_1.0.h5",
            url: "https://github.com/BBillot/SynthSeg/raw/master/models/synthseg_1.0.h5",
            sha256: None,
        },
    ],
    code_licence: "Apache-2.0",
    weights_licence: words::WEIGHTS_LICENCE,
    intended_use: words::USE,
    limits: words::LIMITS,
    paper: "Billot et al., Medical Image Analysis 86:102789 (2023); PNAS 120(9):e2216399120 (2023)",
};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    version_one: bool,
    fast: bool,
    robust: bool,
    ct: bool,
    parc: bool,
    qc: bool,
    /// Tables with the original's slip.
    original: bool,
}

/// Places of files on the card.
const PARC_FILE: usize = 2;
/// See [`PARC_FILE`].
const QUALITY_FILE: usize = 3;

impl Asked {
    /// Errors of kind `Usage`: version 1 has no robust chain.
    fn of(chosen: &[String]) -> Result<Asked> {
        let has = |name: &str| chosen.iter().any(|one| one == name);
        if has("v1") && has("robust") {
            return Err(Error::new(Kind::Usage, words::ROBUST_IS_TWO));
        }
        Ok(Asked {
            version_one: has("v1"),
            fast: has("fast") || has("robust"),
            robust: has("robust"),
            ct: has("ct"),
            parc: has("parc"),
            qc: has("qc"),
            original: has("original-tables"),
        })
    }

    /// The file of the labels, by its place on the card, and its networks in the order in which they run.
    fn main(&self) -> (usize, Vec<networks::Kind>) {
        let classes = labels_of_version(self.version_one).len();
        match (self.robust, self.version_one) {
            (true, _) => (1, ROBUST.to_vec()),
            (false, true) => (4, vec![whole(classes)]),
            (false, false) => (0, vec![whole(classes)]),
        }
    }
}

impl VolumeSystem for SynthSeg {
    fn card(&self) -> VolumeCard {
        CARD.clone()
    }

    /// `path`: the file, where one suffices, or the folder with all that are needed.
    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        let asked = Asked::of(&options.chosen)?;
        let alone = !asked.parc && !asked.qc;
        let net = |place: usize, kind: networks::Kind| -> Result<Fitted> {
            let file = find(path, &CARD.weights[place], alone)?;
            networks::open(&CARD, &file, kind, &options.compute)
        };
        let labels = labels_of_version(asked.version_one);
        let (place, kinds) = asked.main();
        let main =
            kinds.into_iter().map(|kind| net(place, kind)).collect::<Result<Vec<Fitted>>>()?;
        let parcellation = if asked.parc { Some(net(PARC_FILE, PARCELS)?) } else { None };
        let quality =
            if asked.qc { Some(net(QUALITY_FILE, networks::Kind::Quality)?) } else { None };
        let pool = options.compute.pool.clone();
        let least = self.least;
        Ok(Box::new(Reader { asked, labels, main, parcellation, quality, least, pool }))
    }

    fn made_up(&self, folder: &Path, chosen: &[String]) -> Result<bool> {
        let asked = Asked::of(chosen)?;
        let mut files = vec![asked.main()];
        files.extend(asked.parc.then(|| (PARC_FILE, vec![PARCELS])));
        files.extend(asked.qc.then(|| (QUALITY_FILE, vec![networks::Kind::Quality])));
        for (place, kinds) in files {
            networks::write(&folder.join(CARD.weights[place].name), &kinds)?;
        }
        Ok(true)
    }
}

/// One of the files at `path`; the file itself where no other is needed.
fn find(path: &Path, file: &Published, alone: bool) -> Result<PathBuf> {
    let place = if path.is_dir() { path.join(file.name) } else { path.to_path_buf() };
    let found = place.is_file() && (alone || path.is_dir());
    let absent = || Error::new(Kind::Io, common::weights_absent(file.name, file.url)).at(path);
    found.then_some(place).ok_or_else(absent)
}

/// Loaded weights.
struct Reader {
    asked: Asked,
    labels: Vec<Label>,
    /// One network, or the three of the robust chain.
    main: Vec<Fitted>,
    parcellation: Option<Fitted>,
    quality: Option<Fitted>,
    least: usize,
    pool: Pool,
}

impl Reader {
    fn nets(&self) -> impl Iterator<Item = &Fitted> {
        self.main.iter().chain(&self.parcellation).chain(&self.quality)
    }

    /// Runs of networks for a case.
    fn runs(&self) -> usize {
        let main = if self.asked.robust { 3 } else { 1 + usize::from(!self.asked.fast) };
        main + self.parcellation.iter().len() + self.quality.iter().len()
    }

    /// Posteriors of the labels, `[label][x][y][z]` with the padding.
    fn posteriors(&mut self, prepared: &Prepared, done: &mut dyn FnMut()) -> Result<Vec<f32>> {
        let shape = prepared.shape;
        let (classes, pool) = (self.labels.len(), &self.pool);
        if self.asked.robust {
            return robust(&mut self.main, pool, prepared, done);
        }
        let net = &mut self.main[0];
        let mut read = |image: Vec<f32>| -> Result<Vec<f32>> {
            let mut values = net.run(shape, image)?;
            channels::softmax(pool, &mut values, classes);
            posteriors::smooth(pool, &mut values, shape);
            done();
            Ok(values)
        };
        let mut values = read(prepared.values.clone())?;
        if !self.asked.fast {
            let other = read(posteriors::mirrored(&prepared.values, shape))?;
            posteriors::with_mirrored(&mut values, &other, shape, &self.labels);
        }
        net.rest();
        Ok(values)
    }
}

/// Whether values are cut to those of CT.
fn is_ct(asked: bool, facts: &VolumeFacts) -> bool {
    asked || facts.modality == Some(Modality::Ct)
}

/// Tissues, tissues without errors, labels.
fn robust(
    nets: &mut [Fitted],
    pool: &Pool,
    prepared: &Prepared,
    done: &mut dyn FnMut(),
) -> Result<Vec<f32>> {
    let voxels = prepared.values.len();
    let mut input = prepared.values.clone();
    let mut answer = Vec::new();
    let last = nets.len().saturating_sub(1);
    for (number, net) in nets.iter_mut().enumerate() {
        answer = net.run(prepared.shape, std::mem::take(&mut input))?;
        net.rest();
        done();
        if number < last {
            let tissues = one_hot(&channels::largest(&answer, voxels), TISSUES);
            // The last network sees the image as well.
            let image = if number + 1 == last { prepared.values.as_slice() } else { &[] };
            input = [image, &tissues].concat();
        }
    }
    let classes = answer.len() / voxels.max(1);
    channels::softmax(pool, &mut answer, classes);
    Ok(answer)
}

/// `[class][voxels]`, 1 where the voxel is of the class.
fn one_hot(map: &[u8], classes: usize) -> Vec<f32> {
    let mut out = vec![0.0; classes * map.len()];
    for (at, &class) in map.iter().enumerate() {
        out[usize::from(class) * map.len() + at] = 1.0;
    }
    out
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        // MRI of any contrast, and CT.
        vec!["image".into()]
    }

    fn sha256(&self) -> Option<String> {
        self.main.first().map(|net| net.sha256.clone())
    }

    fn container(&self) -> String {
        self.main.first().map_or("", |net| net.container).into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let shape = padded(volume.size(), volume.spacing_mm(), self.least);
        let voxels = count_voxels(shape);
        let labels = self.labels.len() as u64;
        let networks = WEIGHT_BYTES * self.nets().count() as u64;
        // The image, the network's buffers, what it answers and the mirrored answer.
        let unet = 4 * voxels * (1 + FLOATS + 2 * labels);
        let parcels = match &self.parcellation {
            Some(_) => 4 * voxels * (FLOATS + 2 * 69 + labels),
            None => 0,
        };
        let cube = (quality::SIDE as u64).pow(3);
        let quality = if self.quality.is_some() { 4 * cube * QUALITY_FLOATS } else { 0 };
        let own = 8 * volume.frame_len() as u64;
        Ok(networks + own + unet.max(parcels).max(quality + 4 * voxels * labels))
    }

    fn network_time(&self) -> Option<Duration> {
        Some(self.nets().map(Fitted::ran).sum())
    }

    fn rest(&mut self) {
        let others = self.parcellation.iter_mut().chain(&mut self.quality);
        self.main.iter_mut().chain(others).for_each(Fitted::rest);
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        let (least, asked) = (self.least, self.asked.ct);
        // The image and its turned copy, at 1 mm; the padded one.
        let need = move |volume: &Volume| {
            let shape = padded(volume.size(), volume.spacing_mm(), least);
            let voxels: u64 = shape.iter().map(|&extent| extent as u64).product();
            8 * volume.frame_len() as u64 + 12 * voxels
        };
        one_image(&CARD, need, move |volume, facts, pool| {
            prepare(pool, volume, is_ct(asked, facts), least)
        })
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits_modality(&CARD, case.facts)?;
        let volume = single_volume(&CARD, case.volumes)?;
        let mut notes = Vec::new();
        let ct = is_ct(self.asked.ct, case.facts);
        if ct {
            notes.push(Note::info("ct-window", words::CT_WINDOW));
        }
        let prepared = match case.take_prepared() {
            Some(prepared) => prepared,
            None => prepare(&self.pool, volume, ct, self.least)?,
        };
        let (mut done, total) = (0, self.runs());
        told(0, total);
        let mut ran = || {
            done += 1;
            told(done, total);
        };
        let posteriors = self.posteriors(&prepared, &mut ran)?;
        let needed = self.parcellation.is_some() || self.quality.is_some();
        let before = match needed {
            true => channels::largest(&posteriors, prepared.values.len()),
            false => Vec::new(),
        };
        let segmented = posteriors::segment(posteriors, &prepared, &self.labels, !self.asked.fast);
        let number = |channel: &u8| self.labels.get(usize::from(*channel)).map_or(0, |l| l.label);
        let mut labels: Vec<u16> = segmented.channels.iter().map(number).collect();
        let mut volumes = tables::named(&self.labels, &segmented.soft, prepared.voxel_mm3);
        let mut found = structures(&self.labels);
        if let Some(net) = &mut self.parcellation {
            let (map, mut values) =
                parcel_volumes(net, &self.pool, &prepared, &before, &self.labels, &labels)?;
            ran();
            let parcels = parcels();
            for (label, parcel) in
                labels.iter_mut().zip(&map).filter(|(label, _)| is_cortex(**label))
            {
                let place = usize::from(*parcel).checked_sub(1);
                *label = place.and_then(|place| parcels.get(place)).map_or(0, |(label, _)| *label);
            }
            let slip = self.asked.original && !self.asked.version_one;
            let total = scaled_to(&volumes, slip);
            let sum: f64 = values.iter().sum();
            values.iter_mut().for_each(|value| *value *= if sum > 0.0 { total / sum } else { 0.0 });
            volumes.extend(parcels.iter().zip(values).map(|((_, name), mm3)| (name.clone(), mm3)));
            found.retain(|structure| !structure.labels.iter().any(|label| is_cortex(*label)));
            let own = parcels.iter().map(|(label, name)| Structure::new(name, vec![*label]));
            found.extend(own);
        }
        let brain: f64 = segmented.soft[1..].iter().sum::<f64>() * prepared.voxel_mm3;
        let total = (!self.asked.version_one).then_some(brain);
        let subject = subject(case.facts);
        let mut all = vec![tables::volumes(&subject, total, &volumes)];
        let mut values: Vec<Measurement> = total.into_iter().map(intracranial).collect();
        if let Some(net) = &mut self.quality {
            let cube = quality::one_hot(&before, prepared.shape, &self.labels, quality::SIDE);
            let scores = net.run([quality::SIDE; 3], cube)?;
            net.rest();
            ran();
            let scores: Vec<f32> =
                scores.iter().skip(1).map(|score| score.clamp(0.0, 1.0)).collect();
            all.push(tables::quality(&subject, &scores));
            values.extend(scored(&scores));
        }
        if labels.iter().all(|&label| label == 0) {
            notes.push(Note::warning("nothing-found", words::NOTHING));
        }
        if prepared.resampled {
            notes.push(Note::info("resampled", words::RESAMPLED));
        }
        let map = on_image(&self.pool, volume, &prepared, labels)?;
        Ok(VolumeAnswer {
            map,
            structures: found,
            boxes: Vec::new(),
            values,
            tables: all,
            pictures: Vec::new(),
            notes,
        })
    }
}

/// Parcels of voxels and their soft volumes in voxels. `before`: channels with the padding, as they were
/// before pieces were kept; `labels`: those after, without it.
fn parcel_volumes(
    net: &mut Fitted,
    pool: &Pool,
    prepared: &Prepared,
    before: &[u8],
    rows: &[Label],
    labels: &[u16],
) -> Result<(Vec<u8>, Vec<f64>)> {
    let cortex = |channel: &u8| rows.get(usize::from(*channel)).is_some_and(|l| is_cortex(l.label));
    let map: Vec<u8> = before.iter().map(|channel| u8::from(cortex(channel))).collect();
    let input = [prepared.values.as_slice(), &one_hot(&map, 2)].concat();
    let mut values = net.run(prepared.shape, input)?;
    net.rest();
    let classes = values.len() / prepared.values.len().max(1);
    channels::softmax(pool, &mut values, classes);
    posteriors::smooth(pool, &mut values, prepared.shape);
    Ok(posteriors::parcellate(&values, prepared, labels))
}

/// What the parcels' volumes are made to sum to: the cortex on both sides. The original's version 2 counts
/// one row too few, and takes the white matter.
fn scaled_to(volumes: &[(String, f64)], slip: bool) -> f64 {
    let wanted = if slip { " cerebral white matter" } else { " cerebral cortex" };
    volumes.iter().filter(|(name, _)| name.ends_with(wanted)).map(|(_, mm3)| mm3).sum()
}

fn structures(labels: &[Label]) -> Vec<Structure> {
    labels.iter().skip(1).map(|row| Structure::new(row.name, vec![row.label])).collect()
}

/// What the original calls a case: its file without the ending.
fn subject(facts: &VolumeFacts) -> String {
    facts.name.clone()
}

fn intracranial(mm3: f64) -> Measurement {
    Measurement {
        id: "total-intracranial-volume",
        name: words::INTRACRANIAL,
        value: mm3 / 1000.0,
        unit: "mL",
        interval: None,
    }
}

fn scored(scores: &[f32]) -> Vec<Measurement> {
    let named = words::QUALITY.iter().zip(scores);
    let measurement = |((id, name), score): (&(&'static str, base::Text), &f32)| Measurement {
        id,
        name: name.clone(),
        value: f64::from(*score),
        unit: "1",
        interval: None,
    };
    named.map(measurement).collect()
}

/// Labels `[x][y][z]` of the prepared head on the image's grid.
fn on_image(pool: &Pool, volume: &Volume, prepared: &Prepared, labels: Vec<u16>) -> Result<Volume> {
    if prepared.resampled {
        let labels = labels_to_grid(pool, &labels, &prepared.grid, volume.grid(), 0)?;
        return map_on(volume, labels);
    }
    let lost = || Error::new(Kind::Bug, common::OTHER_GRID);
    let turned = Volume::new(prepared.grid, Voxels::U16(labels)).ok_or_else(lost)?;
    map_on(volume, labels_of(&turned.reoriented(volume.orientation())))
}
