//! What models find in a volume: structures with their sizes, on the grid of the case.

use crate::concept::SegmentCode;
use crate::consultation::Manifest;
use crate::image::Image;
use crate::note::Note;
use crate::reading::{Measurement, ModelRef};
use crate::text::Text;
use crate::volume::{Grid, VolumeFacts};

/// The image's values inside a structure, in the image's own unit (HU for a CT).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueSummary {
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation of the population.
    pub sd: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

/// What `--statistics` adds to a structure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StructureDetails {
    /// The image's values at 5, 25, 50, 75 and 95 %; `None` where no value is finite.
    pub percentiles: [Option<f64>; 5],
    /// Lengths of the principal axes in mm, the largest first: four times the standard deviation along
    /// each.
    pub axes_mm: [f64; 3],
    /// Extent along i, j, k in mm.
    pub extent_mm: [f64; 3],
    /// Area of the surface in mm², of voxels with their edges cut; `None` where it was not measured.
    pub surface_mm2: Option<f64>,
    /// Parts that do not touch.
    pub parts: u64,
    /// Share of voxels in the largest part.
    pub largest_part: f64,
}

/// One structure of a label map.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredStructure {
    /// Stable identifier, kebab-case; the model's own name in that form where it is not known here.
    pub id: String,
    /// Its name; what the model calls it where it is not known here.
    pub name: Text,
    /// Its codes in a public terminology, where it is known.
    pub code: Option<SegmentCode>,
    /// Its labels in the map, ascending; several for a region made of parts.
    pub labels: Vec<u16>,
    /// Voxels of the case's grid.
    pub voxels: u64,
    /// Their volume.
    pub volume_ml: f64,
    /// Values of the first image inside; `None` for no voxel.
    pub values: Option<ValueSummary>,
    /// Centre of mass, RAS+ millimetres; `None` for no voxel.
    pub centre_mm: Option<[f64; 3]>,
    /// Where they were asked for.
    pub details: Option<StructureDetails>,
    /// How far the volume is to be trusted, where the model says so.
    pub appraisal: Option<Appraisal>,
}

/// Labels that a picture of surfaces leaves out: the cerebrospinal fluid around the brain, as systems call it, would hide it. None where
/// nothing else was found.
pub fn hiding_labels(structures: &[MeasuredStructure]) -> Vec<u16> {
    let found = structures.iter().filter(|structure| structure.voxels > 0);
    let (fluid, rest): (Vec<_>, Vec<_>) =
        found.partition(|structure| matches!(structure.id.as_str(), "cerebrospinal-fluid" | "csf"));
    let fluid = fluid.into_iter().filter(|_| !rest.is_empty());
    fluid.flat_map(|structure| structure.labels.iter().copied()).collect()
}

impl MeasuredStructure {
    /// The volume, unless it is withheld.
    pub fn shown_volume_ml(&self) -> Option<f64> {
        let withheld = self.appraisal.is_some_and(|appraisal| appraisal.withheld);
        (!withheld).then_some(self.volume_ml)
    }
}

/// What a model says of a structure beyond its voxels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Appraisal {
    /// The overlap (Dice, 0..=1) with the truth that the model expects of its own label.
    pub quality: f32,
    /// The quality is too low: the volume is not shown.
    pub withheld: bool,
    /// Share of the intracranial volume.
    pub share: Option<f64>,
    /// Difference of left and right by their mean; positive where the left is larger.
    pub asymmetry: Option<f64>,
}

/// A map of values to look at: measured on a structure, not lying on the case's grid.
#[derive(Clone, Debug, PartialEq)]
pub struct ValuePicture {
    /// What its file is called after the model's label map: `thickness`.
    pub name: &'static str,
    /// The values, one channel; what is no number lies outside.
    pub map: Image,
    /// Values of the first and the last colour.
    pub range: [f32; 2],
    /// Instead of the picture.
    pub alt: Text,
    /// What it shows, with the range and its unit.
    pub caption: Text,
}

/// A box around something that was found in a volume.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeBox {
    /// What, a stable identifier, kebab-case: `lung-nodule`.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// The box's label in the map.
    pub label: u16,
    /// In 0..=1; not a probability.
    pub score: f32,
    /// Its centre, RAS+ millimetres.
    pub centre_mm: [f64; 3],
    /// Its lengths along R, A and S, in millimetres.
    pub extent_mm: [f64; 3],
}

/// One model's answer about a volume.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeReading {
    /// Who.
    pub model: ModelRef,
    /// In the model's own order.
    pub structures: Vec<MeasuredStructure>,
    /// File name of the label map.
    pub mask: String,
    /// Other files of this reading, by name: DICOM segmentations.
    pub files: Vec<String>,
    /// Boxes around what was found, the best first.
    pub boxes: Vec<VolumeBox>,
    /// Numbers beside the structures' own.
    pub values: Vec<Measurement>,
    /// Remarks.
    pub notes: Vec<Note>,
    /// Seconds for this case.
    pub seconds: f64,
}

/// The whole of one case that is a volume.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeConsultation {
    /// What was read, de-identified.
    pub case: VolumeFacts,
    /// The grid of the case and of all label maps.
    pub grid: Grid,
    /// What each model says.
    pub readings: Vec<VolumeReading>,
    /// Remarks about the case as a whole.
    pub notes: Vec<Note>,
    /// How it came about.
    pub manifest: Manifest,
}
