//! What is known of a volume's file, de-identified.

use super::VoxelType;
use crate::case::{Laterality, Modality, PatientFacts};
use crate::concept::SegmentFacts;
use crate::note::Note;

/// Which part of the header a volume's place in the patient was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GeometrySource {
    /// NIfTI's sform: a full affine.
    Sform,
    /// NIfTI's qform: rotation, spacing, offset.
    Qform,
    /// Only spacing is known; the centre of the volume was put at the origin (nibabel's rule, with x
    /// mirrored as Analyze means it).
    SpacingOnly,
    /// NRRD's `space`, `space directions` and `space origin`.
    NrrdSpace,
    /// MetaImage's `TransformMatrix`, `Offset` and `ElementSpacing`.
    MetaImage,
    /// FreeSurfer's direction cosines and centre.
    Mgh,
    /// DICOM's Image Position and Image Orientation (Patient).
    Dicom,
}

impl GeometrySource {
    /// What the field's people call it.
    pub fn name(self) -> &'static str {
        match self {
            GeometrySource::Sform => "sform",
            GeometrySource::Qform => "qform",
            GeometrySource::SpacingOnly => "spacing only",
            GeometrySource::NrrdSpace => "space directions",
            GeometrySource::MetaImage => "TransformMatrix",
            GeometrySource::Mgh => "vox2ras",
            GeometrySource::Dicom => "ImagePositionPatient",
        }
    }
}

/// Everything the program keeps about a volume's file.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeFacts {
    /// A name for the case in the output: the file's name without its endings.
    pub name: String,
    /// `NIfTI-1`, `NIfTI-2`, `Analyze 7.5`, `NRRD`, `MetaImage`, `MGH`, `DICOM`, `DICOM SEG`.
    pub format: &'static str,
    /// Bytes on disk, all files together.
    pub bytes: u64,
    /// SHA-256 of the file, lower-case hex; of several files, that of their hashes one after another.
    pub sha256: String,
    /// Voxels were compressed.
    pub compressed: bool,
    /// Voxels were stored most significant byte first.
    pub big_endian: bool,
    /// Type of the voxels in the file.
    pub stored: VoxelType,
    /// Where the geometry came from.
    pub geometry: GeometrySource,
    /// NIfTI's `qform_code` and `sform_code`.
    pub codes: Option<(i16, i16)>,
    /// Modality, where the format has one.
    pub modality: Option<Modality>,
    /// Side of the body, where the format says it.
    pub laterality: Option<Laterality>,
    /// Maker and model of the device, where the format has one.
    pub device: Option<String>,
    /// What may be kept of the patient, where the format says it: for models that ask for it, in no output.
    pub patient: PatientFacts,
    /// DICOM images the volume was put together from.
    pub images: Option<usize>,
    /// Segments, where the file is a DICOM segmentation.
    pub segments: Vec<SegmentFacts>,
    /// Remarks from reading the file.
    pub notes: Vec<Note>,
}
