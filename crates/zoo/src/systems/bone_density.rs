//! Opportunistic bone density: how dense the lumbar vertebrae are on a CT that was made for something
//! else.
//!
//! TotalSegmentator's model of the vertebrae finds L1 to L5; in each the trabecular region and the whole
//! are measured (`roi.rs`). Where the folder also holds its model of the tissues, the patient's own
//! visceral fat and the air in front of the abdomen calibrate the values, and areal density, T-score and, where
//! the file says the patient's age, Z-score are estimated (`scale.rs`).
//!
//! Where masks of the vertebrae are given they are measured in, and nothing is looked for.
//!
//! References: StanfordMIMI/Comp2Comp for the regions and equations; Pickhardt et al., Annals of Internal
//! Medicine 158(8):588-595 (2013) for the thresholds at L1. The original measures fat with a model of its
//! own; here it is TotalSegmentator's `torso_fat`, so that calibrated values may differ from it.

mod roi;
mod scale;

pub use roi::trabecular;
pub use scale::{ABNORMAL_HU, Calibration, areal_density, t_score, z_score};

use super::totalsegmentator::{Chain, Mode, find, labels_of_part, make_up};
use crate::ahead::Preparer;
use crate::volume_system::{
    Choice, Published, Structure, Told, VolumeAnswer, VolumeCard, VolumeCase, VolumeOptions,
    VolumeReader, VolumeSystem, fits_modality, labels_of, map_on, single_image,
};
use base::words::bone_density as words;
use base::{Error, Kind, Measurement, Modality, Note, Orientation, Result, Text, Volume};
use engine::cpu::Pool;
use imaging::resample::labels_to_grid;
use std::path::Path;

/// The system.
pub static SYSTEM: BoneDensity = BoneDensity;

/// See the module.
pub struct BoneDensity;

/// TotalSegmentator's part with the vertebrae, and its task with the tissues.
const VERTEBRAE: (u16, &str) = (292, "292");
const TISSUES: (u16, &str) = (481, "tissue_types");
/// The vertebrae that are measured: names of TotalSegmentator, identifiers of the trabecular value and of
/// the whole vertebra's.
const LEVELS: [(&str, &str, &str); 5] = [
    ("vertebrae_L1", "l1-trabecular-attenuation", "l1-attenuation"),
    ("vertebrae_L2", "l2-trabecular-attenuation", "l2-attenuation"),
    ("vertebrae_L3", "l3-trabecular-attenuation", "l3-attenuation"),
    ("vertebrae_L4", "l4-trabecular-attenuation", "l4-attenuation"),
    ("vertebrae_L5", "l5-trabecular-attenuation", "l5-attenuation"),
];
/// Other ways to number L1 to L5 in masks that are given: VerSe's (and SPINEPS's), TotalSpineSeg's.
const NUMBERINGS: [(&str, [u16; 5]); 2] =
    [("verse", [20, 21, 22, 23, 24]), ("totalspineseg", [41, 42, 43, 44, 45])];
/// Of the vertebrae above, those whose mean is calibrated.
const CALIBRATED: usize = 4;
/// Trabecular attenuation of L1 in HU for osteoporosis: at or below the first more than 90 % specific, the
/// second balanced, the third more than 90 % sensitive (Pickhardt 2013, 120 kV).
pub const L1_HU: [f64; 3] = [110.0, 135.0, 160.0];
/// UCUM's Hounsfield unit.
const HU: &str = "[hnsf'U]";

static CARD: VolumeCard = VolumeCard {
    id: "bone-density",
    aliases: &["boneminer", "opportunistic-bone-density"],
    name: words::NAME,
    survey_row: "boneminer",
    modalities: &[Modality::Ct],
    choices: &[
        Choice { name: NUMBERINGS[0].0, about: words::VERSE },
        Choice { name: NUMBERINGS[1].0, about: words::TOTAL_SPINE_SEG },
    ],
    weights: &[Published {
        name: "Dataset292_TotalSegmentator_part2_vertebrae_1532subj",
        url: "https://github.com/wasserth/TotalSegmentator/releases/download/v2.0.0-weights/Dataset292_TotalSegmentator_part2_vertebrae_1532subj.zip",
        sha256: None,
    }],
    code_licence: "Apache-2.0",
    weights_licence: words::WEIGHTS_LICENCE,
    intended_use: words::USE,
    limits: words::LIMITS,
    paper: "Pickhardt et al., Annals of Internal Medicine 158(8):588-595 (2013)",
};

impl VolumeSystem for BoneDensity {
    fn card(&self) -> VolumeCard {
        CARD.clone()
    }

    /// `path` is the folder with TotalSegmentator's models.
    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        let lost = || Error::new(Kind::Bug, words::NO_TASK);
        let whole = find("total", Mode::Usual).ok_or_else(lost)?;
        let spine = Chain::new(path, whole.with_dataset(VERTEBRAE.0), options.clone())?;
        let tissues = find(TISSUES.1, Mode::Usual).ok_or_else(lost)?;
        let tissues = match Chain::holds(path, TISSUES.0) {
            true => Some(Chain::new(path, tissues.clone(), options.clone())?),
            false => None,
        };
        let (numbers, pool) = (numbering(&options.chosen)?, options.compute.pool.clone());
        let (labelled, given) = (options.labelled, None);
        Ok(Box::new(Reader { spine: Some(spine), tissues, numbers, pool, labelled, given }))
    }

    /// Without weights where masks are given.
    fn open_own(&self, options: &VolumeOptions) -> Option<Result<Box<dyn VolumeReader>>> {
        let pool = options.compute.pool.clone();
        let open = || -> Result<Box<dyn VolumeReader>> {
            let numbers = numbering(&options.chosen)?;
            let (spine, tissues, labelled, given) = (None, None, true, None);
            Ok(Box::new(Reader { spine, tissues, numbers, pool, labelled, given }))
        };
        options.labelled.then(open)
    }

    fn made_up(&self, folder: &Path, _chosen: &[String]) -> Result<bool> {
        for (dataset, task) in [(VERTEBRAE.0, "total"), TISSUES] {
            let lost = || Error::new(Kind::Bug, words::NO_TASK);
            make_up(find(task, Mode::Usual).ok_or_else(lost)?, dataset, folder)?;
        }
        Ok(true)
    }
}

struct Reader {
    spine: Option<Chain>,
    tissues: Option<Chain>,
    /// L1 to L5 in masks that are given.
    numbers: [u16; 5],
    pool: Pool,
    /// Masks come with every case.
    labelled: bool,
    /// Masks of the next case.
    given: Option<Volume>,
}

/// L1 to L5 as a task or part of TotalSegmentator numbers them; 0 for one that it does not have.
fn numbers_of(task: &str) -> [u16; 5] {
    LEVELS.map(|(name, _, _)| {
        let known = labels_of_part(task).iter().find(|(_, known)| *known == name);
        known.map_or(0, |(label, _)| *label)
    })
}

/// L1 to L5 in masks, by what was chosen. Errors: several ways.
fn numbering(chosen: &[String]) -> Result<[u16; 5]> {
    let mut asked = NUMBERINGS.iter().filter(|(name, _)| chosen.iter().any(|one| one == name));
    match (asked.next(), asked.next()) {
        (_, Some(_)) => Err(Error::new(Kind::Usage, words::ONE_NUMBERING)),
        (Some((_, numbers)), None) => Ok(*numbers),
        (None, None) => Ok(numbers_of("total")),
    }
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        vec!["CT".into()]
    }

    fn sha256(&self) -> Option<String> {
        self.spine.as_ref().and_then(Chain::sha256)
    }

    fn container(&self) -> String {
        "nnU-Net".into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let voxels = volume.frame_len() as u64;
        let spine = self.spine.as_ref().filter(|_| self.given.is_none());
        let network = spine.map_or(Ok(0), |spine| spine.need_bytes(volume))?;
        Ok(network + 12 * voxels)
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        self.spine.as_ref().filter(|_| !self.labelled)?.preparer()
    }

    fn give_labels(&mut self, labels: Option<Volume>) -> Result<()> {
        self.given = labels;
        Ok(())
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits_modality(&CARD, case.facts)?;
        let (volume, _) = single_image(&CARD, case)?;
        let mut notes = Vec::new();
        let (spine, numbers) = match (&self.given, &mut self.spine) {
            (Some(masks), _) => {
                notes.push(Note::info("given-masks", words::GIVEN_MASKS));
                let whole = |label: f32| label.round().clamp(0.0, 65535.0) as u16;
                let labels: Vec<u16> = masks.frame_f32(0).into_iter().map(whole).collect();
                let labels =
                    labels_to_grid(&self.pool, &labels, masks.grid(), volume.grid(), 0u16)?;
                (map_on(volume, labels)?, self.numbers)
            }
            (None, Some(chain)) => {
                let prepared = case.take_prepared();
                (chain.run(volume, prepared, told, &mut notes)?, numbers_of(VERTEBRAE.1))
            }
            (None, None) => return Err(Error::new(Kind::Refused, words::NO_MASKS)),
        };
        let tissues = match &mut self.tissues {
            Some(chain) => Some(chain.run(volume, None, told, &mut notes)?),
            None => None,
        };
        let canonical = volume.reoriented(Orientation::RAS);
        let image = canonical.frame_f32(0);
        let labels = labels_of(&spine.reoriented(Orientation::RAS));
        let (size, spacing) = (canonical.size(), canonical.spacing_mm());
        let measured = measure(&image, &labels, numbers, size, spacing);
        let mut values = measured.values();
        notes.extend(measured.notes());
        match &tissues {
            None => notes.push(Note::info("uncalibrated", words::UNCALIBRATED)),
            Some(map) => {
                let tissues = labels_of(&map.reoriented(Orientation::RAS));
                match measured.calibrated(&image, &tissues, size, spacing) {
                    Some(hu) => {
                        let estimates = estimates(hu, case.facts.patient.age_years);
                        if !estimates.iter().any(|value| value.id == Z_SCORE) {
                            notes.push(Note::info("no-z-score", words::NO_Z_SCORE));
                        }
                        values.extend(estimates);
                        notes.push(threshold(hu));
                    }
                    None => notes.push(Note::warning("not-calibrated", words::NOT_CALIBRATED)),
                }
            }
        }
        let map = map_on(&canonical, measured.regions)?.reoriented(volume.orientation());
        let structures = LEVELS.iter().zip(1..).map(|((id, _, _), label)| {
            let mut structure = Structure::new(id, vec![label]);
            structure.name = words::region(&structure.name);
            structure
        });
        let structures = structures.collect();
        Ok(VolumeAnswer {
            map,
            structures,
            boxes: Vec::new(),
            values,
            tables: Vec::new(),
            pictures: Vec::new(),
            notes,
        })
    }
}

/// What was measured in a volume that points to RAS.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Mean HU of the trabecular region and of the whole mask of L1 to L5; `None` where the image shows
    /// too little of a vertebra.
    pub levels: [Option<(f64, f64)>; 5],
    /// The middle slice of each vertebra.
    middle: [Option<usize>; 5],
    /// Trabecular regions, labels 1 to 5 for L1 to L5, `[k][j][i]`.
    pub regions: Vec<u16>,
}

/// Measures L1 to L5 in an image in HU; `numbers` are their labels.
pub fn measure(
    image: &[f32],
    labels: &[u16],
    numbers: [u16; 5],
    size: [usize; 3],
    spacing_mm: [f64; 3],
) -> Measured {
    let mut measured =
        Measured { levels: [None; 5], middle: [None; 5], regions: vec![0; image.len()] };
    for (number, label) in numbers.into_iter().enumerate().filter(|(_, label)| *label > 0) {
        let mask: Vec<bool> = labels.iter().map(|found| *found == label).collect();
        let Some(region) = trabecular(&mask, size, spacing_mm) else { continue };
        let whole = mean(image.iter().zip(&mask).filter(|(_, inside)| **inside).map(|(hu, _)| *hu));
        let inside = mean(region.iter().map(|&place| image[place]));
        if let (Some(inside), Some(whole)) = (inside, whole) {
            measured.levels[number] = Some((inside, whole));
        }
        let plane = size[0] * size[1];
        let slices: Vec<usize> = region.iter().map(|place| place / plane).collect();
        measured.middle[number] = slices.get(slices.len() / 2).copied();
        region.iter().for_each(|&place| measured.regions[place] = number as u16 + 1);
    }
    measured
}

impl Measured {
    fn values(&self) -> Vec<Measurement> {
        let mut values = Vec::new();
        for ((id, trabecular, whole), found) in LEVELS.iter().zip(self.levels) {
            let Some((inside, all)) = found else { continue };
            let level = Structure::new(id, vec![1]).name;
            let value =
                |id, name: Text, value| Measurement { id, name, value, unit: HU, interval: None };
            values.push(value(trabecular, words::trabecular(&level), inside));
            values.push(value(whole, words::whole(&level), all));
        }
        values
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = vec![Note::info("technique", words::TECHNIQUE)];
        match self.levels[0] {
            Some((inside, _)) => {
                let at = L1_HU.iter().position(|&threshold| inside <= threshold);
                let text = words::l1(inside, at.map(|at| (at, L1_HU[at])));
                notes.push(match at {
                    Some(0) => Note::warning("l1-low", text),
                    _ => Note::info("l1", text),
                });
            }
            None => notes.push(Note::warning("no-l1", words::NO_L1)),
        }
        notes
    }

    /// Calibrated mean of L1 to L4 in HU; `None` without all four vertebrae, fat and air where they belong.
    fn calibrated(
        &self,
        image: &[f32],
        tissues: &[u16],
        size: [usize; 3],
        spacing_mm: [f64; 3],
    ) -> Option<f64> {
        let slices: Vec<usize> =
            self.middle[..CALIBRATED].iter().copied().collect::<Option<_>>()?;
        let (fat, air) = fat_and_air(image, tissues, size, spacing_mm, &slices)?;
        let calibration = Calibration::new(fat, air)?;
        let whole = self.levels[..CALIBRATED].iter().map(|level| level.map(|(_, whole)| whole));
        let whole: Vec<f64> = whole.collect::<Option<_>>()?;
        Some(calibration.apply(whole.iter().sum::<f64>() / whole.len() as f64))
    }
}

/// Calibrated mean of L1 to L4, estimated areal density, T-score, and Z-score where the age is known. The age itself
/// goes nowhere.
fn estimates(calibrated_hu: f64, age_years: Option<u16>) -> Vec<Measurement> {
    let density = areal_density(calibrated_hu);
    let value = |id, name, value, unit| Measurement { id, name, value, unit, interval: None };
    let mut values = vec![
        value("l1-l4-calibrated-attenuation", words::CALIBRATED, calibrated_hu, HU),
        value("estimated-areal-density", words::DENSITY, density, "g/cm2"),
        value("estimated-t-score", words::T_SCORE, t_score(density), "1"),
    ];
    let z_score = age_years.and_then(|age| z_score(density, age));
    values.extend(z_score.map(|score| value(Z_SCORE, words::Z_SCORE, score, "1")));
    values
}

/// The measurement that needs an age.
const Z_SCORE: &str = "estimated-z-score";

/// What the original says of a calibrated mean.
fn threshold(hu: f64) -> Note {
    let abnormal = hu < ABNORMAL_HU;
    let text = words::calibrated(hu, ABNORMAL_HU, abnormal);
    match abnormal {
        true => Note::warning("calibrated-low", text),
        false => Note::info("calibrated", text),
    }
}

/// Mean HU of visceral fat in some slices, and of the air in front of the abdomen: 100 mm wide about the
/// middle of the image, from 20 to 40 mm in front of the foremost subcutaneous fat. Labels are those of
/// the task `tissue_types`.
pub fn fat_and_air(
    image: &[f32],
    tissues: &[u16],
    [ni, nj, _]: [usize; 3],
    spacing_mm: [f64; 3],
    slices: &[usize],
) -> Option<(f64, f64)> {
    let label = |name: &str| {
        labels_of_part(TISSUES.1).iter().find(|(_, known)| *known == name).map(|(label, _)| *label)
    };
    let (under_skin, inner) = (label("subcutaneous_fat")?, label("torso_fat")?);
    let (mut fat, mut air) = (Vec::new(), Vec::new());
    for &k in slices {
        let plane = k * nj * ni..(k + 1) * nj * ni;
        let (values, found) = (image.get(plane.clone())?, tissues.get(plane)?);
        fat.extend(values.iter().zip(found).filter(|(_, t)| **t == inner).map(|(hu, _)| *hu));
        let front = found.iter().rposition(|&tissue| tissue == under_skin)? / ni;
        let rows = [20.0, 40.0].map(|mm: f64| front + (mm / spacing_mm[1]) as usize);
        let half = (50.0 / spacing_mm[0]) as usize;
        let columns = (ni / 2).saturating_sub(half)..(ni / 2 + half).min(ni);
        for j in rows[0]..rows[1].min(nj) {
            air.extend(&values[j * ni + columns.start..j * ni + columns.end]);
        }
    }
    Some((mean(fat.into_iter())?, mean(air.into_iter())?))
}

/// `None` of nothing.
fn mean(values: impl Iterator<Item = f32>) -> Option<f64> {
    let (count, sum) = values.fold((0u64, 0.0), |(n, sum), value| (n + 1, sum + f64::from(value)));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_z_score_needs_an_age_that_the_tables_know() {
        let found = |age: Option<u16>| -> Vec<(&str, f64)> {
            estimates(300.0, age).into_iter().map(|value| (value.id, value.value)).collect()
        };
        let without = found(None);
        assert_eq!(without.len(), 3);
        assert_eq!(found(Some(19)), without);
        // 0.9899448255 g/cm² by hand: (0.9899448255 − 1.01135556) / 0.15325633.
        let with = found(Some(57));
        assert_eq!(with[..3], without);
        assert!(with.len() == 4 && with[3].0 == "estimated-z-score");
        assert!((with[3].1 + 0.139_705_3).abs() < 1e-6, "{}", with[3].1);
        // 60 and more is one group.
        assert_eq!(found(Some(63)), found(Some(90)));
    }
}
