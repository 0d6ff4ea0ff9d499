//! `inference_config.json`: what a model was made for and how it is run.
//!
//! Reference: Hendrik-code/spineps (60cc736) `utils/seg_modelconfig.py`, `seg_model.py`.

use super::names::{self, BODY_BORDER, DENS, SACRUM};
use crate::nnunet::fields::Field;
use base::words::spineps as words;
use base::{Orientation, Result};
use engine::weights::Plain;
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the file.
pub(super) const FILE: &str = "inference_config.json";
/// `DEFAULT_CUTOUT_SIZE`, in voxels.
const CUTOUT: [usize; 3] = [248, 304, 64];
/// `DEFAULT_CORPUS_SIZE_CLEANING` and `DEFAULT_VERT_SIZE_THRESHOLD`, in voxels of the model's finest grid.
const LEAST: [f64; 2] = [100.0, 250.0];

/// What a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Phase 1: parts of vertebrae from an image.
    Semantic,
    /// Phase 2: single vertebrae from parts.
    Instance,
    /// Phase 3: names of vertebrae from an image.
    Labelling,
}

/// A model's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What it is.
    pub role: Role,
    /// Its network is nnU-Net's.
    pub nnunet: bool,
    /// `T2w`, `CT`, ….
    pub modalities: Vec<String>,
    /// Where its axes point to.
    pub axes: Orientation,
    /// Finest and coarsest spacing along them; one spacing where both are the same.
    pub spacing_mm: [[f64; 3]; 2],
    /// Folds by name.
    pub folds: Vec<String>,
    /// Share of a tile from one tile to the next.
    pub step: f64,
    /// Reads mirrored copies, too.
    pub mirror: bool,
    /// Its classes as labels of the original.
    pub labels: BTreeMap<u16, u16>,
    /// The original crops before it is run, always.
    pub needs_crop: bool,
    /// It marks C1.
    pub has_c1: bool,
    /// Labels that are sacrum.
    pub sacrum: Vec<u16>,
    /// Extents of a cut-out around a body.
    pub cutout: [usize; 3],
    /// Cubic millimetres of a body and of a vertebra at least.
    pub least_mm3: [f64; 2],
    /// Labels of phase 1 as the network of phase 2 is told them.
    pub mapping: BTreeMap<u16, u16>,
}

impl Config {
    /// Reads a file's content. Errors name the entry that is missing or wrong.
    pub fn read(file: &Path, json: &Plain) -> Result<Config> {
        let root = Field::root(file, json);
        let kind = root.need("modeltype")?;
        let modalities = texts(&root.need("modality")?)?;
        let (role, nnunet) = match kind.text()? {
            "classifier" => (Role::Labelling, false),
            name @ ("nnunet" | "unet") => match modalities.iter().any(|one| one == "SEG") {
                true => (Role::Instance, name == "nnunet"),
                false => (Role::Semantic, name == "nnunet"),
            },
            other => return Err(kind.not_built(other)),
        };
        let axes = root.need("model_expected_orientation")?;
        let code = texts(&axes)?.concat();
        let axes = Orientation::parse(&code).ok_or_else(|| axes.wrong(&words::AXES))?;
        let spacing_mm = spacing(&root.need("resolution_range")?)?;
        if let Some(inputs) = root.get("expected_inputs")
            && inputs.list()?.len() != 1
        {
            return Err(inputs.wrong(&words::ONE_INPUT));
        }
        // The original scales counts of voxels by the volume of one of the finest grid.
        let voxel = spacing_mm[0].iter().product::<f64>();
        let least = |key: &str, usual: f64| -> Result<f64> {
            Ok(root.get(key).map_or(Ok(usual), |field| field.number())? * voxel)
        };
        let least_mm3 =
            [least("corpus_size_cleaning", LEAST[0])?, least("vert_size_threshold", LEAST[1])?];
        let flag = |key: &str| root.get(key).map_or(Ok(false), |field| field.flag());
        let sacrum = match root.get("sacrum_ids") {
            None => vec![SACRUM],
            Some(field) => field.list()?.iter().map(number).collect::<Result<_>>()?,
        };
        let cutout = match root.get("cutout_size") {
            None => CUTOUT,
            Some(field) => {
                let extents = field.counts(3)?;
                [extents[0], extents[1], extents[2]]
            }
        };
        Ok(Config {
            role,
            nnunet,
            modalities,
            axes,
            spacing_mm,
            folds: folds(&root.need("available_folds")?)?,
            step: root.need("default_step_size")?.positive()?.min(1.0),
            mirror: root.need("inference_augmentation")?.flag()?,
            labels: labels(&root.need("labels")?)?,
            needs_crop: flag("needs_corp")?,
            has_c1: flag("has_c1")?,
            sacrum,
            cutout,
            least_mm3,
            mapping: match root.get("mapping") {
                Some(field) => table(&field, &number)?,
                None => mapping(),
            },
        })
    }

    /// The spacing at which a case of this spacing is read, both along the model's axes.
    pub fn spacing_for(&self, spacing_mm: [f64; 3]) -> [f64; 3] {
        let [finest, coarsest] = self.spacing_mm;
        std::array::from_fn(|axis| spacing_mm[axis].min(coarsest[axis]).max(finest[axis]))
    }
}

/// `DEFAULT_LABEL_MAPPING`: parts 1 to 8, bodies and the dens 9.
fn mapping() -> BTreeMap<u16, u16> {
    (41..=BODY_BORDER)
        .map(|label| (label, label - 40))
        .chain([(50, 9), (DENS, 9), (26, 0)])
        .collect()
}

/// One spacing, or the finest and the coarsest.
fn spacing(field: &Field<'_>) -> Result<[[f64; 3]; 2]> {
    let three = |field: &Field<'_>| -> Result<[f64; 3]> {
        let items = field.list_of(3)?;
        Ok([items[0].positive()?, items[1].positive()?, items[2].positive()?])
    };
    match field.list()?.as_slice() {
        [finest, coarsest] => Ok([three(finest)?, three(coarsest)?]),
        _ => three(field).map(|one| [one, one]),
    }
}

/// A number means folds 0, 1, …, a text that fold alone.
fn folds(field: &Field<'_>) -> Result<Vec<String>> {
    match field.value() {
        Plain::Int(_) => Ok((0..field.count()?).map(|fold| fold.to_string()).collect()),
        _ => texts(field),
    }
}

/// A text, or a list of texts or numbers.
fn texts(field: &Field<'_>) -> Result<Vec<String>> {
    let one = |field: &Field<'_>| match field.value() {
        Plain::Int(number) => Ok(number.to_string()),
        _ => field.text().map(str::to_owned),
    };
    match field.value() {
        Plain::List(_) => field.list()?.iter().map(one).collect(),
        _ => Ok(vec![one(field)?]),
    }
}

fn number(field: &Field<'_>) -> Result<u16> {
    let size = field.value().size().and_then(|size| u16::try_from(size).ok());
    size.ok_or_else(|| field.wrong(&words::A_LABEL))
}

/// What a network's classes mean.
fn labels(field: &Field<'_>) -> Result<BTreeMap<u16, u16>> {
    table(field, &|field| match field.value().text() {
        Some(name) => names::label(name).ok_or_else(|| field.wrong(&words::A_LABEL)),
        None => number(field),
    })
}

fn table(
    field: &Field<'_>,
    value: &dyn Fn(&Field<'_>) -> Result<u16>,
) -> Result<BTreeMap<u16, u16>> {
    let row = |(key, entry): (&str, Field<'_>)| {
        let key = key.parse().map_err(|_| entry.wrong(&words::A_LABEL))?;
        Ok((key, value(&entry)?))
    };
    field.rows()?.into_iter().map(row).collect()
}
