//! The project's own brain reader: structures and their volumes from one MRI of any contrast.
//!
//! Trained on heads drawn from label maps, as SynthSeg is (Billot et al. 2023); recipe, data and results
//! in `training/brain/`. The weights are part of the program. A head is looked at twice: whole, to find
//! the brain and how it lies, then the brain alone, together with its mirror image, now with an atlas laid
//! onto it. Volumes are expected volumes (sums of
//! probabilities); how sure the network is of a structure decides whether its volume is given.

mod atlas;
mod classes;
mod decide;
mod prepare;
mod prior;

pub use atlas::{Atlas, CATEGORIES};
pub use classes::{CLASSES, Class};
pub use decide::{Decided, OUTPUTS, Sum};
pub use prepare::{Head, Part};
pub use prior::{CHANNELS, lie, prior};

use crate::ahead::{Preparer, one_image};
use crate::arch::brain_unet;
use crate::error::translate;
use crate::volume_system::{
    Published, Structure, Table, Told, VolumeAnswer, VolumeCard, VolumeCase, VolumeOptions,
    VolumeReader, VolumeSystem, finite_frame, fits_modality, map_on, open_checkpoint,
    single_volume,
};
use base::words::consilium_brain as words;
use base::{Affine, Appraisal, Error, Grid, Kind, Measurement, Modality, Note, Result, Volume};
use classes::FLUID;
use decide::{PLANES, Seen};
use engine::Tensor;
use engine::cpu::{Network, Pool};
use engine::graph::Builder;
use engine::weights::{Checkpoint, Limits};
use imaging::resample::labels_to_grid;
use prepare::shifted;
use std::fmt::Write as _;
use std::path::Path;

/// The system.
pub static SYSTEM: Brain = Brain;

/// See the module.
pub struct Brain;

/// The weights: half-precision numbers, kernels as `[out][in][z][y][x]`.
static WEIGHTS: &[u8] = include_bytes!("../../weights/consilium-brain.safetensors");

/// Millimetres around the brain that are looked at the second time.
const MARGIN_MM: usize = 12;
/// Less brain than this (mL) is none.
const LEAST_BRAIN_ML: usize = 100;
/// Intracranial volumes of adults beyond these (mL) are remarked on: wider than the range of 1100 to
/// 1900 mL that Buckner et al. 2004 (NeuroImage 23:724) found in 147 adults.
const PLAUSIBLE_ML: [f64; 2] = [900.0, 2200.0];
/// Below this mean quality of all structures what was found is no brain: heads held out of training had
/// 0.6 and more in every contrast and resolution, an abdomen 0.35.
const LEAST_QUALITY: f32 = 0.5;
/// A structure whose expected overlap with the truth is lower is not measured; see the model card for
/// how often that is right.
pub const WITHHELD_BELOW: f32 = 0.6;

static CARD: VolumeCard = VolumeCard {
    id: "consilium-brain",
    aliases: &["brain"],
    name: words::NAME,
    survey_row: "consilium-brain",
    modalities: &[Modality::Mr],
    choices: &[],
    weights: &[Published { name: "consilium-brain.safetensors", url: "", sha256: None }],
    code_licence: "Apache-2.0",
    weights_licence: words::WEIGHTS_LICENCE,
    intended_use: words::USE,
    limits: words::LIMITS,
    paper: "Billot et al., SynthSeg, Medical Image Analysis 86:102789 (2023)",
};

impl VolumeSystem for Brain {
    fn card(&self) -> VolumeCard {
        CARD.clone()
    }

    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        let file = match path.is_dir() {
            true => path.join(CARD.weights[0].name),
            false => path.to_path_buf(),
        };
        Ok(Box::new(Reader::new(open_checkpoint(&CARD, &file)?, options)?))
    }

    fn made_up(&self, folder: &Path, _chosen: &[String]) -> Result<bool> {
        // Its own: there is no need to make any up.
        let path = folder.join(CARD.weights[0].name);
        let failed = |error| Error::new(Kind::Io, base::words::cli::cannot_write(&error)).at(&path);
        std::fs::write(&path, WEIGHTS).map_err(failed)?;
        Ok(true)
    }

    fn has_own_weights(&self) -> bool {
        true
    }

    fn open_own(&self, options: &VolumeOptions) -> Option<Result<Box<dyn VolumeReader>>> {
        let checkpoint = Checkpoint::from_bytes(WEIGHTS.to_vec(), &Limits::default());
        let opened = checkpoint.map_err(translate).and_then(|c| Reader::new(c, options));
        Some(opened.map(|reader| Box::new(reader) as _))
    }
}

/// Loaded weights; networks are built for each head's size.
struct Reader {
    checkpoint: Checkpoint,
    atlas: Atlas,
    options: VolumeOptions,
}

/// The features and the label map of one part.
struct Networks {
    trunk: Network,
    head: Network,
    size: [usize; 3],
}

impl Reader {
    fn new(checkpoint: Checkpoint, options: &VolumeOptions) -> Result<Reader> {
        Ok(Reader { checkpoint, atlas: Atlas::open()?, options: options.clone() })
    }

    /// The networks for parts of these extents along z, y, x.
    fn networks(&self, shape: [usize; 3]) -> Result<Networks> {
        let build = || -> engine::Result<Networks> {
            let scope = self.checkpoint.scope();
            let mut b = Builder::new();
            let features = brain_unet::trunk(&mut b, &scope, shape, prior::CHANNELS)?;
            let trunk = b.finish(&[("features", features)]);
            let mut b = Builder::new();
            let size = shape.map(|extent| extent / 2);
            let slab = [PLANES, size[1], size[2]];
            let logits = brain_unet::head(&mut b, &scope, slab, OUTPUTS)?;
            scope.finish(&[])?;
            let head = b.finish(&[("logits", logits)]);
            let options = self.options.compute.options();
            let (trunk, head) =
                (Network::compile(trunk, &options)?, Network::compile(head, &options)?);
            Ok(Networks { trunk, head, size })
        };
        build().map_err(|error| crate::error::translate_volume(&CARD, error))
    }

    /// The box of the brain, grown by a margin, and how it lies: the map from the box' voxels to the
    /// atlas. Errors: kind `Refused` where there is no brain.
    fn find(&self, pool: &Pool, head: &Head) -> Result<(Part, Option<Affine>)> {
        let part = head.outline().grown(brain_unet::MULTIPLE);
        let shape = part.shape();
        let mut networks = self.networks(shape)?;
        let unknown = prior::prior(pool, &self.atlas, None, shape);
        let features = networks.features(head.scaled(&part), unknown)?;
        let (labels, piece) = networks.seen(&features, None).labels(pool)?;
        let none = || Error::new(Kind::Refused, words::NO_BRAIN);
        let piece = piece.filter(|piece| piece.voxels > LEAST_BRAIN_ML * 1000).ok_or_else(none)?;
        let brain = Part {
            from: std::array::from_fn(|axis| part.from[axis] + piece.ends[axis][0] as isize),
            size: piece.ends.map(|[first, end]| end - first),
        };
        let brain = brain.with_margin(MARGIN_MM).grown(brain_unet::MULTIPLE);
        let shift: [f64; 3] =
            std::array::from_fn(|axis| (brain.from[axis] - part.from[axis]) as f64);
        let lie = prior::lie(&self.atlas, &labels, shape);
        Ok((brain, lie.map(|map| map.after(&shifted(shift)))))
    }

    /// Labels and sums of a part of a head, with its mirror image.
    fn decide(
        &self,
        pool: &Pool,
        head: &Head,
        part: &Part,
        lie: Option<&Affine>,
    ) -> Result<Decided> {
        let (shape, nx) = (part.shape(), part.size[0]);
        let mut networks = self.networks(shape)?;
        let values = head.scaled(part);
        let known = prior::prior(pool, &self.atlas, lie, shape);
        let other = prior::mirrored(&known, nx / 2);
        let mirrored = networks.features(mirrored(&values, nx), other)?;
        let straight = networks.features(values, known)?;
        networks.seen(&straight, Some(&mirrored)).decide(pool)
    }
}

impl Networks {
    /// Features of a part: values `[z][y][x]` at 1 mm, prior `[19][z][y][x]` at 2 mm.
    fn features(&mut self, values: Vec<f32>, prior: Vec<f32>) -> Result<Vec<f32>> {
        let [z, y, x] = self.size;
        let input = Tensor::new(&[1, 1, 2 * z, 2 * y, 2 * x], values).map_err(translate)?;
        let prior = Tensor::new(&[1, prior::CHANNELS, z, y, x], prior).map_err(translate)?;
        let outputs = self.trunk.run(&[&input, &prior]).map_err(translate)?;
        Ok(outputs.into_iter().next().map_or(Vec::new(), Tensor::into_data))
    }

    fn seen<'a>(&'a mut self, straight: &'a [f32], mirrored: Option<&'a [f32]>) -> Seen<'a> {
        Seen { head: &mut self.head, straight, mirrored, size: self.size }
    }
}

fn mirrored(values: &[f32], width: usize) -> Vec<f32> {
    values.chunks_exact(width).flat_map(|row| row.iter().rev().copied()).collect()
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        vec!["MRI".into()]
    }

    fn sha256(&self) -> Option<String> {
        Some(self.checkpoint.sha256().to_owned())
    }

    fn container(&self) -> String {
        self.checkpoint.container().into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let (size, spacing) = (volume.size(), volume.spacing_mm());
        let extents: [usize; 3] = std::array::from_fn(|axis| {
            let mm = (size[axis] as f64 * spacing[axis]).round() as usize;
            mm.clamp(1, prepare::LONGEST).next_multiple_of(brain_unet::MULTIPLE)
        });
        let networks = self.networks(extents)?;
        let part = extents.iter().product::<usize>() as u64;
        let features = part / 8 * (brain_unet::FEATURES + prior::CHANNELS) as u64 * 4;
        // The image, turned, at 1 mm; scaled and mirrored; features and priors of both; labels.
        let images = 4 * 3 * volume.frame_len() as u64 + 4 * 3 * part;
        let planned = networks.trunk.planned_bytes() + networks.head.planned_bytes();
        Ok(planned + images + 3 * features + 4 * part)
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        // The image and its turned copy, and both at 1 mm.
        let need = |volume: &Volume| {
            let [ni, nj, nk] = volume.size();
            let [si, sj, sk] = volume.spacing_mm();
            let finer = (ni as f64 * si) * (nj as f64 * sj) * (nk as f64 * sk);
            // A header may claim any spacing.
            (12 * volume.frame_len() as u64).saturating_add((8.0 * finer) as u64)
        };
        one_image(&CARD, need, |volume, _, pool| ready(volume, pool))
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits_modality(&CARD, case.facts)?;
        let volume = single_volume(&CARD, case.volumes)?;
        let pool = self.options.compute.pool.clone();
        let (head, mut notes) = match case.take_prepared() {
            Some(prepared) => prepared,
            None => ready(volume, &pool)?,
        };
        told(0, 3);
        let (part, lie) = self.find(&pool, &head)?;
        told(1, 3);
        let decided = self.decide(&pool, &head, &part, lie.as_ref())?;
        told(3, 3);
        let from: Grid = part.grid(&head.grid);
        let voxel_ml = from.affine.determinant().abs() / 1000.0;
        let labels = labels_to_grid(&pool, &decided.labels, &from, volume.grid(), 0)?;
        let measured = Measured::of(&decided, voxel_ml);
        if measured.mean_quality() < LEAST_QUALITY {
            return Err(Error::new(Kind::Refused, words::NO_BRAIN));
        }
        notes.push(Note::info("quality-meaning", words::QUALITY_MEANING));
        let withheld = measured.structures.iter().filter(|s| withheld(s)).count();
        if withheld > 0 {
            notes.push(Note::warning("volumes-withheld", words::withheld(withheld)));
        }
        if !(PLAUSIBLE_ML[0]..=PLAUSIBLE_ML[1]).contains(&measured.intracranial_ml) {
            let text = words::implausible(measured.intracranial_ml, PLAUSIBLE_ML);
            notes.push(Note::serious("implausible-volume", text));
        }
        Ok(VolumeAnswer {
            map: map_on(volume, labels)?,
            boxes: Vec::new(),
            values: measured.values(),
            tables: vec![Table { name: "brain-volumes.csv".into(), text: measured.csv() }],
            pictures: Vec::new(),
            structures: measured.structures,
            notes,
        })
    }
}

/// The head of an image, and remarks on it.
fn ready(volume: &Volume, pool: &Pool) -> Result<(Head, Vec<Note>)> {
    let (image, notes) = finite_frame(volume);
    Ok((Head::of(pool, volume, &image)?, notes))
}

fn withheld(structure: &Structure) -> bool {
    structure.appraisal.is_some_and(|appraisal| appraisal.withheld)
}

/// What was measured of a brain.
struct Measured {
    structures: Vec<Structure>,
    intracranial_ml: f64,
    brain_ml: f64,
}

impl Measured {
    fn of(decided: &Decided, voxel_ml: f64) -> Measured {
        let expected = |sums: &[Sum; 2]| (sums[0].expected + sums[1].expected) * voxel_ml;
        let intracranial_ml: f64 = decided.sums.iter().skip(1).map(expected).sum();
        let tissue = decided.sums.iter().enumerate().skip(1).filter(|(n, _)| !FLUID.contains(n));
        let brain_ml = tissue.map(|(_, sums)| expected(sums)).sum();
        let mut structures = Vec::new();
        for (class, sums) in CLASSES.iter().zip(&decided.sums).skip(1) {
            let sure = sums.map(|sum| sum.quality() >= WITHHELD_BELOW);
            let ml = sums.map(|sum| sum.expected * voxel_ml);
            // A difference of two sides needs both.
            let both = class.right != 0 && sure[0] && sure[1];
            let asymmetry = both.then(|| 2.0 * (ml[0] - ml[1]) / (ml[0] + ml[1]));
            for (side, (id, label)) in class.structures().into_iter().enumerate() {
                let mut structure = Structure::new(&id, vec![label]);
                structure.volume_ml = Some(ml[side]);
                structure.appraisal = Some(Appraisal {
                    quality: sums[side].quality(),
                    withheld: !sure[side],
                    share: sure[side].then_some(ml[side] / intracranial_ml),
                    asymmetry,
                });
                structures.push(structure);
            }
        }
        Measured { structures, intracranial_ml, brain_ml }
    }

    /// Over all structures.
    fn mean_quality(&self) -> f32 {
        let found = self.structures.iter().filter_map(|structure| structure.appraisal);
        found.map(|appraisal| appraisal.quality).sum::<f32>() / self.structures.len() as f32
    }

    fn values(&self) -> Vec<Measurement> {
        let one = |id, name, value, unit| Measurement { id, name, value, unit, interval: None };
        let share = 100.0 * self.brain_ml / self.intracranial_ml;
        vec![
            one("intracranial-volume", words::INTRACRANIAL, self.intracranial_ml, "mL"),
            one("brain-volume", words::BRAIN, self.brain_ml, "mL"),
            one("brain-share", words::SHARE, share, "%"),
        ]
    }

    /// `structure,volume_ml,percent_of_intracranial,asymmetry_percent,quality,withheld`; what is withheld
    /// is empty.
    fn csv(&self) -> String {
        let mut text = String::from(
            "structure,volume_ml,percent_of_intracranial,asymmetry_percent,quality,withheld\r\n",
        );
        let _ = writeln!(text, "total-intracranial,{:.3},100.000,,,no\r", self.intracranial_ml);
        for structure in &self.structures {
            let Some(found) = structure.appraisal else { continue };
            let kept = |value: Option<f64>, digits: usize| {
                value.map_or(String::new(), |value| format!("{value:.digits$}"))
            };
            let volume = structure.volume_ml.filter(|_| !found.withheld);
            let percent = |value: Option<f64>| value.map(|value| 100.0 * value);
            let _ = writeln!(
                text,
                "{},{},{},{},{:.3},{}\r",
                structure.id,
                kept(volume, 3),
                kept(percent(found.share), 3),
                kept(percent(found.asymmetry), 2),
                found.quality,
                if found.withheld { "yes" } else { "no" },
            );
        }
        text
    }
}
