//! TotalSpineSeg: every vertebra and disc by name, the cord and the canal, on MRI of any contrast and on CT.
//!
//! Reference: neuropoly/totalspineseg (ddab04b1) `inference.py`: two nnU-Nets at 1 mm. The first finds discs
//! and knows four of them by themselves; every second disc is given to the second beside the image, which tells
//! odd vertebrae from even ones. After each the discs, and then the vertebrae, are counted from the landmarks, or from
//! what a localizer shows. Of its other results the soft maps of cord and canal are made, single points of levels not.

pub mod grid;
pub mod label;
pub mod localizer;
pub mod masks;
pub mod pieces;
pub mod soft;

use crate::ahead::Preparer;
use crate::nnunet::{Labels, MadeUp, Model, Options, Progress};
use crate::systems::totalsegmentator::{below, uncrop};
use crate::volume_system::{
    Choice, Published, Shares, Structure, Told, VolumeAnswer, VolumeCard, VolumeCase,
    VolumeOptions, VolumeReader, VolumeSystem, fits_modality, labels_of, map_on,
};
use base::words::totalspineseg as words;
use base::words::volume_systems as common;
use base::{Error, Kind, Modality, Note, Result, Text, Volume};
use engine::cpu::Pool;
use imaging::resample::labels_to_grid;
use label::{FIRST, SECOND, Step, label};
use masks::{alternate_discs, fill_canal, largest_piece};
use soft::Gathered;
use std::path::{Path, PathBuf};
use std::result::Result as Either;
use std::time::Duration;

/// The system.
pub static SYSTEM: TotalSpineSeg = TotalSpineSeg;

/// See the module.
pub struct TotalSpineSeg;

/// Release of the weights.
const RELEASE: &str = "r20251124";
/// Data sets of the two steps.
const DATASETS: [u16; 2] = [101, 102];

/// Its name to the program.
const ID: &str = "totalspineseg";

static CARD: VolumeCard = VolumeCard {
    id: ID,
    aliases: &["total-spine-seg"],
    name: words::NAME,
    survey_row: "totalspineseg",
    modalities: &[Modality::Mr, Modality::Ct],
    choices: &[Choice { name: "step1", about: words::STEP_ONE }],
    weights: &[
        Published {
            name: "Dataset101_TotalSpineSeg_step1_r20251124.zip",
            url: "https://github.com/neuropoly/totalspineseg/releases/download/r20251124/Dataset101_TotalSpineSeg_step1_r20251124.zip",
            sha256: None,
        },
        Published {
            name: "Dataset102_TotalSpineSeg_step2_r20251124.zip",
            url: "https://github.com/neuropoly/totalspineseg/releases/download/r20251124/Dataset102_TotalSpineSeg_step2_r20251124.zip",
            sha256: None,
        },
    ],
    code_licence: "LGPL-3.0",
    weights_licence: words::WEIGHTS_LICENCE,
    intended_use: words::USE,
    limits: words::LIMITS,
    paper: "Warszawer et al., https://github.com/neuropoly/totalspineseg",
};

impl VolumeSystem for TotalSpineSeg {
    fn card(&self) -> VolumeCard {
        CARD.clone()
    }

    /// `path` is the folder with both archives, the folder that they unpack to, or the original's own
    /// folder of data (`nnUNet/results` in it, by release or not).
    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        let first_only = options.has("step1");
        let count = if first_only { 1 } else { DATASETS.len() };
        let own = Options {
            folds: Some(vec!["0".into()]),
            step: 0.5,
            mirror: options.mirror,
            exact: options.compute.exact,
            best: true,
            ..Options::default()
        };
        let pool = options.compute.pool.clone();
        let mut models = Vec::new();
        for number in 0..count {
            models.push(Model::open(&place(path, number)?, &pool, &own)?);
        }
        Ok(Box::new(Reader { models, pool, localizer: None }))
    }

    fn made_up(&self, folder: &Path, chosen: &[String]) -> Result<bool> {
        let count = if chosen.iter().any(|name| name == "step1") { 1 } else { DATASETS.len() };
        for (number, labels) in LABELS.iter().enumerate().take(count) {
            let model = MadeUp {
                configuration: "3d_fullres",
                fold: "0",
                channels: &["MRI", "noNorm"][..number + 1],
                spacing_mm: 1.0,
                labels: Labels::Text(labels),
            };
            let name = CARD.weights[number].name.trim_end_matches(".zip");
            model.write(&folder.join(name))?;
        }
        Ok(true)
    }
}

/// What the networks tell apart (`resources/datasets/dataset_step1.json`, `dataset_step2.json`).
const LABELS: [&str; 2] = [
    r#""labels": {"background": 0, "disc": [1, 2, 3, 4, 5], "disc_C2_C3": 2, "disc_C7_T1": 3, "disc_T12_L1": 4, "disc_L5_S": 5, "vertebrae": [6, 7], "vertebrae_C1": 7, "canal": [8, 9], "cord": 9}, "regions_class_order": [1, 2, 3, 4, 5, 6, 7, 8, 9]"#,
    r#""labels": {"background": 0, "disc": [1, 2, 3, 4, 5], "disc_C2_C3": 2, "disc_C7_T1": 3, "disc_T12_L1": 4, "disc_L5_S": 5, "vertebrae": [6, 7, 8, 9], "vertebrae_O": 7, "vertebrae_E": 8, "sacrum": 9, "canal": [10, 11], "cord": 11}, "regions_class_order": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]"#,
];

/// The model of a step.
fn place(path: &Path, number: usize) -> Result<PathBuf> {
    let results = path.join("nnUNet/results");
    let roots = [path.to_path_buf(), path.join(RELEASE), results.join(RELEASE), results];
    let found = roots.iter().find_map(|root| below(root, DATASETS[number]).into_iter().next());
    let file = &CARD.weights[number];
    found.ok_or_else(|| Error::new(Kind::Io, common::weights_absent(file.name, file.url)).at(path))
}

/// How a scan is to be labelled.
#[derive(Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The discs are the result, and all vertebrae together.
    pub first_only: bool,
    /// What another image of the same patient shows, in labels of the result.
    pub localizer: Option<&'a Volume>,
}

/// What is found.
pub struct Labelled {
    /// Labels of the result on the grid of the scan.
    pub map: Volume,
    /// Why they are empty where nothing could be counted.
    pub why: Option<Text>,
    /// Labels of step 1 on the grid of 1 mm, where they could be counted.
    pub first: Option<Volume>,
}

/// What the system makes of a scan. `network` gives what the network of a step, 0 or 1, says of the images, which
/// lie on one grid of 1 mm.
///
/// Errors: kind `Refused` for a scan thinner than a voxel; whatever `network` gives.
pub fn label_spine(
    pool: &Pool,
    scan: &Volume,
    asked: Asked<'_>,
    network: &mut dyn FnMut(usize, &[&Volume]) -> Result<Volume>,
) -> Result<Labelled> {
    let image = grid::at_one_mm(pool, scan)?;
    label_image(pool, scan, &image, asked, network)
}

/// The same of a scan whose image of 1 mm is made.
fn label_image(
    pool: &Pool,
    scan: &Volume,
    image: &Volume,
    asked: Asked<'_>,
    network: &mut dyn FnMut(usize, &[&Volume]) -> Result<Volume>,
) -> Result<Labelled> {
    let placed = grid::one_frame(scan)?;
    let mut found = Labelled { map: placed.clone(), why: None, first: None };
    let mut map = match counted(pool, &network(0, &[image])?, &FIRST, asked.localizer)? {
        Ok(map) => map,
        Err(why) => return Ok(Labelled { why: Some(why), ..found }),
    };
    found.first = Some(map.clone());
    if !asked.first_only {
        let bounds = grid::around(&map);
        let cut = grid::cut(image, bounds)?;
        let discs = map_on(&map, alternate_discs(&labels_of(&map)))?;
        let discs = grid::cut_labels(&discs, bounds)?;
        map = match counted(pool, &network(1, &[&cut, &discs])?, &SECOND, asked.localizer)? {
            Ok(map) => uncrop(&map, image, bounds)?,
            Err(why) => return Ok(Labelled { why: Some(why), ..found }),
        };
    }
    let labels = labels_to_grid(pool, &labels_of(&map), map.grid(), scan.grid(), 0u16)?;
    Ok(Labelled { map: map_on(&placed, labels)?, ..found })
}

/// A network's answer with its discs and vertebrae counted, and the canal filled; or why not.
fn counted(
    pool: &Pool,
    answer: &Volume,
    step: &Step,
    localizer: Option<&Volume>,
) -> Result<Either<Volume, Text>> {
    let (mut labels, shape) = grid::turned(answer);
    largest_piece(&mut labels, shape);
    let seen = localizer.map(|localizer| localizer::beside(pool, localizer, answer)).transpose()?;
    match label(&labels, shape, step, seen.as_deref()) {
        Ok(mut labels) => {
            fill_canal(&mut labels, shape);
            grid::back(labels, answer).map(Ok)
        }
        Err(why) => Ok(Err(why)),
    }
}

/// Loaded weights.
struct Reader {
    models: Vec<Model>,
    pool: Pool,
    /// What the next case is counted from.
    localizer: Option<Volume>,
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        // MRI of any contrast, and CT.
        vec!["image".into()]
    }

    fn averages_frames(&self) -> bool {
        true
    }

    fn sha256(&self) -> Option<String> {
        self.models.last().and_then(|model| model.sha256().first().cloned())
    }

    fn container(&self) -> String {
        "nnU-Net".into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let mut shape = grid::foreseen(volume);
        shape.reverse();
        let voxels = shape.iter().map(|&extent| extent as u64).product::<u64>();
        let mut most = 0;
        for model in &self.models {
            most = most.max(model.need(shape, [1.0; 3])?.bytes);
        }
        // Both models stand in memory; beside them the image, label maps and masks of the counting, soft maps.
        let weights = self.models.iter().map(Model::weight_bytes).sum::<u64>();
        Ok(most + weights + 40 * voxels + 20 * volume.frame_len() as u64)
    }

    fn network_time(&self) -> Option<Duration> {
        Some(self.models.iter().map(Model::network_time).sum())
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        Some(Box::new(grid::AtOneMm))
    }

    fn rest(&mut self) {
        self.models.iter_mut().for_each(Model::release_buffers);
    }

    fn give_labels(&mut self, labels: Option<Volume>) -> Result<()> {
        self.localizer = labels;
        Ok(())
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        self.answer(case, told, None)
    }

    /// The shares are those of cord and canal in step 1.
    fn read_shares(
        &mut self,
        case: &VolumeCase<'_>,
        told: Told<'_>,
        into: &mut dyn Shares,
    ) -> Result<VolumeAnswer> {
        self.answer(case, told, Some(into))
    }
}

impl Reader {
    fn answer(
        &mut self,
        case: &VolumeCase<'_>,
        told: Told<'_>,
        into: Option<&mut dyn Shares>,
    ) -> Result<VolumeAnswer> {
        fits_modality(&CARD, case.facts)?;
        let [scan] = case.volumes else {
            let text = common::one_image(ID, case.volumes.len());
            return Err(Error::new(Kind::Refused, text));
        };
        let mut notes = Vec::new();
        if scan.frames() > 1 {
            notes.push(Note::warning("mean-of-frames", words::mean_of_frames(scan.frames())));
        }
        let image = match case.take_prepared() {
            Some(image) => image,
            None => grid::at_one_mm(&self.pool, scan)?,
        };
        let first_only = self.models.len() == 1;
        let mut gathered = into.is_some().then(Gathered::default);
        let (models, mut before) = (&mut self.models, 0);
        let mut network = |step: usize, images: &[&Volume]| -> Result<Volume> {
            let mut total = 0;
            let progress = &mut |at: Progress| {
                total = at.total;
                told(before + at.done, before + at.total);
            };
            let shares = gathered.as_mut().filter(|_| step == 0).map(|own| own as &mut dyn Shares);
            let found = models[step].predict_volumes_shares(images, progress, shares);
            models[step].release_buffers();
            before += total;
            let (found, map) = found?;
            notes.extend(found.notes);
            Ok(map)
        };
        let asked = Asked { first_only, localizer: self.localizer.as_ref() };
        let found = label_image(&self.pool, scan, &image, asked, &mut network)?;
        notes.extend(found.why.map(|why| Note::warning("not-counted", why)));
        if let (Some(into), Some(gathered), Some(first)) = (into, gathered, &found.first) {
            let maps = gathered.on(&self.pool, first, scan.grid())?;
            soft::hand_on(&maps, scan.grid(), into)?;
            notes.push(Note::info("soft-maps", words::SOFT_MAPS));
        }
        Ok(VolumeAnswer {
            map: found.map,
            structures: structures(first_only),
            boxes: Vec::new(),
            values: Vec::new(),
            tables: Vec::new(),
            pictures: Vec::new(),
            notes,
        })
    }
}

/// What the labels mean, from above; of step 1 all vertebrae but C1 are one.
fn structures(first_only: bool) -> Vec<Structure> {
    let mut all =
        vec![(masks::CORD, "spinal cord".to_owned()), (masks::CANAL, "spinal canal".into())];
    let numbered = |letter: char, from: u16, count: u16| {
        (0..count).map(move |at| (from + at, format!("{letter}{}", at + 1)))
    };
    let levels: Vec<(u16, String)> =
        numbered('C', 11, 7).chain(numbered('T', 21, 12)).chain(numbered('L', 41, 6)).collect();
    match first_only {
        true => all.extend([(11, "C1".to_owned()), (50, "vertebra".into())]),
        false => {
            all.extend(levels.iter().cloned());
            all.push((50, "sacrum".into()));
        }
    }
    let disc = |label: u16, above: &str, below: &str| (label, format!("disc {above} {below}"));
    let pairs = levels.windows(2).skip(1).zip((63..68).chain(71..83).chain(91..97));
    all.extend(pairs.map(|(pair, label)| disc(label, &pair[0].1, &pair[1].1)));
    all.push(disc(100, "L5", "S1"));
    all.into_iter().map(|(label, name)| Structure::new(&name, vec![label])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_a_structure_with_a_name() {
        let all = structures(false);
        assert_eq!(all.len(), 2 + 25 + 1 + 24);
        for structure in &all {
            assert!(base::structure(&structure.id).is_some(), "{}", structure.id);
        }
        let of = |label: u16| all.iter().find(|one| one.labels == [label]).unwrap();
        assert_eq!(of(71).id, "disc C7 T1");
        assert_eq!((of(91).id.as_str(), of(96).id.as_str()), ("disc T12 L1", "disc L5 L6"));
        assert_eq!(structures(true).len(), 2 + 2 + 24);
    }
}
