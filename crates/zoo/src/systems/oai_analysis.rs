//! OAI_analysis_2: femoral and tibial cartilage on DESS MRI of the knee, and how thick it is.
//!
//! Reference: uncbiag/OAI_analysis_2 (728fc41a) `segmenter.py`, `mesh_processing.py`, and uncbiag/OAI_analysis
//! (34b23b92) `pre_process.py`: the image from its 0.1th to its 99.9th percentile, every knee turned as a left one,
//! a U-Net over tiles, a surface at a share of one half, its two sides, the nearest distances between them.
//!
//! Thickness is measured on the patient's own knee, as the first version did. The second's demonstration bends the
//! shares onto an atlas before, whose millimetres are the atlas's; neither the registration nor the atlas is here.

pub mod split;
pub mod thickness;
pub mod tiles;
pub mod unrolled;

use crate::arch::cartilage_unet;
use crate::fitted::{Fitted, Opening};
use crate::percentile::percentile;
use crate::volume_system::{
    Choice, Published, Structure, Table, Told, VolumeAnswer, VolumeCard, VolumeCase, VolumeOptions,
    VolumeReader, VolumeSystem, fits_modality, map_on, single_image, without_nan, write_made_up,
};
use base::words::oai_analysis as words;
use base::words::volume_systems as common;
use base::{
    Error, Kind, Laterality, Measurement, Modality, Note, Orientation, Result, ValuePicture, Volume,
};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thickness::{Sides, Summary, Unmeasured, measure};
use tiles::Tiles;

/// The system.
pub static SYSTEM: OaiAnalysis =
    OaiAnalysis { tiles: Tiles { tile: [32, 128, 128], overlap: [8, 16, 16] } };

/// See the module.
pub struct OaiAnalysis {
    /// How a volume is cut (`patch_size` of the training, `overlap_size` of `analysis_object.py`).
    pub tiles: Tiles,
}

/// A cartilage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cartilage {
    /// Class 0 of the network, label 1.
    Femoral,
    /// Class 1 of the network, label 2.
    Tibial,
}

/// Shares of the voxels that lie below and above the window.
const WINDOW: [f64; 2] = [0.001, 0.999];
/// OAI's DESS in millimetres, sorted.
const SPACING_MM: [f64; 3] = [0.365, 0.365, 0.7];
/// How much another spacing may be larger or smaller until it is remarked on.
const SPACING_FACTOR: f64 = 1.3;
/// Millimetres of the picture's last colour (`vmax` of `FullDemo.ipynb`).
const PICTURE_MM: f32 = 4.0;
/// Floats for each voxel of a tile that the network holds at most at once, and room.
const FLOATS: u64 = 450;
/// Bytes of the network's weights as its kernels read them, at most.
const WEIGHT_BYTES: u64 = 400 << 20;

static CARD: VolumeCard = VolumeCard {
    id: "oai-analysis",
    aliases: &["oai-analysis-2", "oai-cartilage"],
    name: words::NAME,
    survey_row: "oai-analysis",
    modalities: &[Modality::Mr],
    choices: &[
        Choice { name: "left", about: words::LEFT },
        Choice { name: "right", about: words::RIGHT },
    ],
    weights: &[Published {
        name: "segmentation_model.pth.tar",
        url: "https://github.com/uncbiag/OAI_analysis_2/releases/download/v2.0.0/oai-analysis-models.tar.gz",
        sha256: None,
    }],
    code_licence: "Apache-2.0",
    weights_licence: words::WEIGHTS_LICENCE,
    intended_use: words::USE,
    limits: words::LIMITS,
    paper: "Huang et al., Medical Image Analysis 77:102343 (2022)",
};

impl VolumeSystem for OaiAnalysis {
    fn card(&self) -> VolumeCard {
        CARD.clone()
    }

    /// `path`: the file of the weights, or the folder that the published archive unpacks to.
    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        if options.has("left") && options.has("right") {
            return Err(Error::new(Kind::Usage, words::BOTH_SIDES));
        }
        let file = place(path)?;
        let opening =
            Opening { card: &CARD, file: &file, channels: 1, least: [cartilage_unet::MULTIPLE; 3] };
        let build = Box::new(cartilage_unet::logits);
        let network = Fitted::open(&opening, &options.compute, |_| Vec::new(), build)?;
        let side = match (options.has("left"), options.has("right")) {
            (true, _) => Some(Laterality::Left),
            (_, true) => Some(Laterality::Right),
            _ => None,
        };
        Ok(Box::new(Reader { network, side, tiles: self.tiles }))
    }

    fn made_up(&self, folder: &Path, _chosen: &[String]) -> Result<bool> {
        write_made_up(&folder.join(CARD.weights[0].name), |b, scope| {
            let [z, y, x] = [cartilage_unet::MULTIPLE; 3];
            let image = b.input("image", &[1, 1, z, y, x]);
            cartilage_unet::logits(b, scope, image)
        })?;
        Ok(true)
    }
}

/// The file with the weights: itself, or in a folder or its folder `models`.
fn place(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let file = &CARD.weights[0];
    let places = [path.join(file.name), path.join("models").join(file.name)];
    let found = places.into_iter().find(|place| place.is_file());
    found.ok_or_else(|| Error::new(Kind::Io, common::weights_absent(file.name, file.url)).at(path))
}

/// Loaded weights.
struct Reader {
    network: Fitted,
    /// What was asked for.
    side: Option<Laterality>,
    tiles: Tiles,
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        vec!["MR".into()]
    }

    fn sha256(&self) -> Option<String> {
        Some(self.network.sha256.clone())
    }

    fn container(&self) -> String {
        self.network.container.into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let tile: u64 = self.tiles.tile.iter().map(|&extent| extent as u64).product();
        // The image, its turned and scaled copy, two maps, labels; surfaces are smaller.
        Ok(WEIGHT_BYTES + 4 * FLOATS * tile + 24 * volume.frame_len() as u64)
    }

    fn network_time(&self) -> Option<Duration> {
        Some(self.network.ran())
    }

    fn rest(&mut self) {
        self.network.rest();
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits_modality(&CARD, case.facts)?;
        let (volume, _) = single_image(&CARD, case)?;
        let mut spacing = volume.spacing_mm();
        if !spacing.iter().all(|mm| mm.is_finite() && *mm > 0.0) {
            return Err(Error::new(Kind::BrokenInput, base::words::nnunet::BAD_SPACING));
        }
        let side = side(self.side, case.facts.laterality, &case.facts.name)?;
        let mut notes = vec![Note::info("side", words::side(side))];
        spacing.sort_by(f64::total_cmp);
        let other = |(mm, own): (&f64, &f64)| {
            let factor = mm / own;
            !(1.0 / SPACING_FACTOR..=SPACING_FACTOR).contains(&factor)
        };
        if spacing.iter().zip(&SPACING_MM).any(other) {
            notes.push(Note::warning("other-spacing", words::other_spacing(spacing)));
        }
        let turned = volume.reoriented(orientation(side)?);
        let mut image = turned.frame_f32(0);
        notes.extend(without_nan(&mut image));
        window(&mut image)?;
        let [nx, ny, nz] = turned.size();
        let shape = [nz, ny, nx];
        let (mut done, total) = (0, self.tiles.count(shape));
        told(0, total);
        let (network, tile) = (&mut self.network, self.tiles.tile);
        let shares = self.tiles.shares(&image, shape, &mut |values| {
            let logits = network.run(tile, values);
            done += 1;
            told(done, total);
            logits
        })?;
        drop(image);
        // What follows needs memory of its own.
        network.rest();
        let labels = labels(&shares);
        let map = map_on(&turned, labels)?.reoriented(volume.orientation());
        let [femoral, tibial] = &shares;
        let spacing = turned.spacing_mm();
        let femoral = measure(femoral, shape, spacing, Cartilage::Femoral);
        let tibial = measure(tibial, shape, spacing, Cartilage::Tibial);
        let ragged =
            [&femoral, &tibial].iter().any(|m| m.as_ref().err() == Some(&Unmeasured::Ragged));
        let measured = Measured { femoral: femoral.ok(), tibial: tibial.ok(), ragged };
        notes.extend(measured.notes());
        Ok(VolumeAnswer {
            map,
            structures: vec![
                Structure::new("femoral-cartilage", vec![1]),
                Structure::new("tibial-cartilage", vec![2]),
            ],
            boxes: Vec::new(),
            values: measured.values(),
            tables: measured.table().into_iter().collect(),
            pictures: measured.picture().into_iter().collect(),
            notes,
        })
    }
}

/// The side of a knee: as asked for, as the header says, or as the name of its file says, as OAI's do.
///
/// Errors: kind `Refused` where none of them says it, for a network that knows left knees only.
fn side(asked: Option<Laterality>, header: Option<Laterality>, name: &str) -> Result<Laterality> {
    let one_side = |side: &Laterality| *side != Laterality::Both;
    let words: Vec<String> =
        name.split(|c: char| !c.is_ascii_alphabetic()).map(str::to_ascii_lowercase).collect();
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let named = match (has("left"), has("right")) {
        (true, false) => Some(Laterality::Left),
        (false, true) => Some(Laterality::Right),
        _ => None,
    };
    let found = asked.or(header.filter(one_side)).or(named);
    found.ok_or_else(|| Error::new(Kind::Refused, words::WHICH_SIDE).hint(words::SAY_SIDE))
}

/// OAI's orientation: x to the back, y down, z to the middle of the body.
fn orientation(side: Laterality) -> Result<Orientation> {
    let code = if side == Laterality::Right { "PIL" } else { "PIR" };
    Orientation::parse(code).ok_or_else(|| Error::new(Kind::Bug, common::OTHER_GRID))
}

/// From 0 to 1 between the percentiles.
///
/// Errors: kind `Refused` for an image of one value.
pub fn window(image: &mut [f32]) -> Result<()> {
    let mut ordered = image.to_vec();
    let [low, high] = WINDOW.map(|share| percentile(&mut ordered, share));
    if high <= low {
        return Err(Error::new(Kind::Refused, common::FLAT));
    }
    for value in image.iter_mut() {
        *value = ((f64::from(*value).clamp(low, high) - low) / (high - low)) as f32;
    }
    Ok(())
}

/// 1 and 2 where a share is above one half, of both the larger.
fn labels([femoral, tibial]: &[Vec<f32>; 2]) -> Vec<u16> {
    let of = |(femoral, tibial): (&f32, &f32)| match femoral.max(*tibial) > 0.5 {
        false => 0,
        true => 1 + u16::from(tibial > femoral),
    };
    femoral.iter().zip(tibial).map(of).collect()
}

/// Both cartilages.
struct Measured {
    femoral: Option<Sides>,
    tibial: Option<Sides>,
    /// One of them has a surface like noise's.
    ragged: bool,
}

/// Identifiers of the measurements of a region: mean, smallest, largest.
const REGIONS: [[&str; 4]; 4] = [
    [
        "femoral-cartilage",
        "femoral-cartilage-thickness-mean",
        "femoral-cartilage-thickness-min",
        "femoral-cartilage-thickness-max",
    ],
    [
        "tibial-cartilage",
        "tibial-cartilage-thickness-mean",
        "tibial-cartilage-thickness-min",
        "tibial-cartilage-thickness-max",
    ],
    [
        "tibial-cartilage-lateral",
        "tibial-cartilage-lateral-thickness-mean",
        "tibial-cartilage-lateral-thickness-min",
        "tibial-cartilage-lateral-thickness-max",
    ],
    [
        "tibial-cartilage-medial",
        "tibial-cartilage-medial-thickness-mean",
        "tibial-cartilage-medial-thickness-min",
        "tibial-cartilage-medial-thickness-max",
    ],
];

impl Measured {
    /// What was measured, by the order of [`REGIONS`].
    fn summaries(&self) -> Vec<(&'static [&'static str; 4], Summary)> {
        let plateaus = self.tibial.as_ref().and_then(Sides::plateaus);
        let [lateral, medial] = plateaus.map_or([None; 2], |both| both.map(Some));
        let whole = |sides: &Option<Sides>| sides.as_ref().and_then(Sides::whole);
        let all = [whole(&self.femoral), whole(&self.tibial), lateral, medial];
        REGIONS.iter().zip(all).filter_map(|(ids, found)| Some((ids, found?))).collect()
    }

    fn values(&self) -> Vec<Measurement> {
        let mut values = Vec::new();
        for (ids, summary) in self.summaries() {
            let [region, mean, min, max] = *ids;
            let name = Structure::new(region, Vec::new()).name;
            for (id, text, value) in [
                (mean, words::mean(&name), summary.mean),
                (min, words::smallest(&name), summary.min),
                (max, words::largest(&name), summary.max),
            ] {
                values.push(Measurement { id, name: text, value, unit: "mm", interval: None });
            }
        }
        values
    }

    fn table(&self) -> Option<Table> {
        let rows = self.summaries();
        let mut text =
            String::from("region,points,mean_mm,sd_mm,min_mm,p5_mm,median_mm,p95_mm,max_mm\r\n");
        for ([region, ..], s) in &rows {
            let [p5, median, p95] = s.percentiles;
            let numbers = [s.mean, s.sd, s.min, p5, median, p95, s.max];
            let cells: Vec<String> = numbers.iter().map(|mm| format!("{mm:.4}")).collect();
            let _ = write!(text, "{region},{},{}\r\n", s.points, cells.join(","));
        }
        let name = "cartilage-thickness.csv".to_owned();
        (!rows.is_empty()).then_some(Table { name, text })
    }

    fn picture(&self) -> Option<ValuePicture> {
        Some(ValuePicture {
            name: "thickness",
            map: unrolled::picture(self.femoral.as_ref(), self.tibial.as_ref())?,
            range: [0.0, PICTURE_MM],
            alt: words::PICTURE_ALT,
            caption: words::PICTURE,
        })
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        if self.ragged {
            notes.push(Note::warning("ragged", words::RAGGED));
        }
        match (&self.femoral, &self.tibial) {
            (None, None) => notes.push(Note::warning("nothing-measured", words::NOTHING)),
            (None, _) => notes.push(Note::warning("no-femoral", words::NO_FEMORAL)),
            (_, None) => notes.push(Note::warning("no-tibial", words::NO_TIBIAL)),
            _ => {}
        }
        if self.tibial.as_ref().is_some_and(|tibial| tibial.plateaus().is_none()) {
            notes.push(Note::warning("no-plateaus", words::NO_PLATEAUS));
        }
        if self.femoral.is_some() || self.tibial.is_some() {
            notes.push(Note::info("thickness", words::THICKNESS));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_share_above_a_half_gives_the_label() {
        let shares = [vec![0.5, 0.6, 0.4, 0.7, 0.9, f32::NAN], vec![0.5, 0.2, 0.6, 0.8, 0.9, 0.1]];
        assert_eq!(labels(&shares), [0, 1, 2, 2, 1, 0]);
    }

    #[test]
    fn the_side_is_what_was_asked_for_then_what_the_header_says_then_the_name() {
        use Laterality::{Both, Left, Right};
        for (asked, header, name, expected) in [
            (Some(Right), Some(Left), "9000099_LEFT", Some(Right)),
            (None, Some(Right), "9000099_LEFT", Some(Right)),
            (None, Some(Both), "9000099_SAG_3D_DESS_LEFT", Some(Left)),
            (None, None, "knee-right.2", Some(Right)),
            (None, None, "left_right", None),
            (None, Some(Both), "leftover", None),
            (None, None, "", None),
        ] {
            match side(asked, header, name) {
                Ok(found) => assert_eq!(Some(found), expected, "{name}"),
                Err(error) => {
                    assert_eq!((error.kind(), expected), (Kind::Refused, None), "{name}");
                }
            }
        }
    }

    #[test]
    fn an_image_of_one_value_is_refused() {
        let error = window(&mut [3.0; 50]).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert_eq!(window(&mut []).unwrap_err().kind(), Kind::Refused);
    }
}
