//! What is known about a case before any model looks at it, de-identified.

use crate::note::Note;
use crate::units::Mm;

/// DICOM Modality (0008,0060), the values the program acts on (PS3.3 C.7.3.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Modality {
    /// Computed radiography.
    Cr,
    /// Digital radiography.
    Dx,
    /// Radiographic imaging, conventional film or screen.
    Rg,
    /// Computed tomography.
    Ct,
    /// Magnetic resonance.
    Mr,
    /// Ultrasound.
    Us,
    /// Mammography.
    Mg,
    /// Secondary capture and other image wrappers: says nothing about how it was made.
    Ot,
    /// Any other value, as written.
    Other(String),
}

impl Modality {
    /// The code of Modality (0008,0060).
    pub fn code(&self) -> &str {
        match self {
            Modality::Cr => "CR",
            Modality::Dx => "DX",
            Modality::Rg => "RG",
            Modality::Ct => "CT",
            Modality::Mr => "MR",
            Modality::Us => "US",
            Modality::Mg => "MG",
            Modality::Ot => "OT",
            Modality::Other(value) => value,
        }
    }
}

/// The part of the body a header names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyPart {
    /// Chest, thorax, lung.
    Chest,
    /// Knee.
    Knee,
    /// Any other value, as written in Body Part Examined (0018,0015).
    Other(String),
}

impl BodyPart {
    /// As Body Part Examined (0018,0015) writes it.
    pub fn code(&self) -> &str {
        match self {
            BodyPart::Chest => "CHEST",
            BodyPart::Knee => "KNEE",
            BodyPart::Other(value) => value,
        }
    }
}

/// Projection of a radiograph: View Position (0018,5101) or View Code Sequence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum View {
    /// Posterior to anterior.
    Pa,
    /// Anterior to posterior.
    Ap,
    /// Lateral, left or right.
    Lateral,
    /// Any other value, as written.
    Other(String),
}

impl View {
    /// As View Position (0018,5101) writes it; `LATERAL` for both sides.
    pub fn code(&self) -> &str {
        match self {
            View::Pa => "PA",
            View::Ap => "AP",
            View::Lateral => "LATERAL",
            View::Other(value) => value,
        }
    }
}

/// Laterality (0020,0060) or Image Laterality (0020,0062).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Laterality {
    /// Right.
    Right,
    /// Left.
    Left,
    /// Both.
    Both,
}

/// Patient's Sex (0010,0040).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
    /// Other.
    Other,
}

/// What may be kept of the patient: nothing that identifies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PatientFacts {
    /// Age in whole years; ages of 90 and over are reported as 90 (HIPAA Safe Harbor).
    pub age_years: Option<u16>,
    /// Sex as written in the header.
    pub sex: Option<Sex>,
}

/// Which attribute a pixel spacing came from; they differ by the magnification of the projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpacingSource {
    /// Pixel Spacing (0028,0030): in the patient, where calibrated.
    PixelSpacing,
    /// Imager Pixel Spacing (0018,1164): at the detector's front plane.
    ImagerPixelSpacing,
    /// Nominal Scanned Pixel Spacing (0018,2010): of a digitised film or print.
    NominalScannedPixelSpacing,
    /// The picture file's own resolution (PNG pHYs, JFIF density, TIFF resolution tags).
    PictureResolution,
}

impl SpacingSource {
    /// The attribute's keyword in the standard (PS3.6); `resolution` for pictures.
    pub fn keyword(self) -> &'static str {
        match self {
            SpacingSource::PixelSpacing => "PixelSpacing",
            SpacingSource::ImagerPixelSpacing => "ImagerPixelSpacing",
            SpacingSource::NominalScannedPixelSpacing => "NominalScannedPixelSpacing",
            SpacingSource::PictureResolution => "resolution",
        }
    }
}

/// Distance between the centres of neighbouring pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelSpacing {
    /// Between rows (vertical).
    pub row: Mm,
    /// Between columns (horizontal).
    pub column: Mm,
    /// Where it was read.
    pub source: SpacingSource,
}

/// What the file itself is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// `DICOM`, `PNG`, `JPEG`, `TIFF`, `WebP`.
    pub format: &'static str,
    /// Bytes on disk.
    pub bytes: u64,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// DICOM transfer syntax UID and its name.
    pub transfer_syntax: Option<(String, String)>,
    /// Photometric interpretation as written (`MONOCHROME1`).
    pub photometric: Option<String>,
    /// Bits Allocated, Bits Stored; for pictures the bits a sample has, twice.
    pub bits: (u16, u16),
    /// Samples are signed.
    pub signed: bool,
}

/// Everything the program keeps about a case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseFacts {
    /// A name for the case in the output: the file's stem for pictures and DICOM alike.
    pub name: String,
    /// What the file is.
    pub file: FileFacts,
    /// Columns, rows, frames.
    pub size_px: (usize, usize, usize),
    /// Modality; pictures have none.
    pub modality: Option<Modality>,
    /// Body part the header names.
    pub body_part: Option<BodyPart>,
    /// Projection the header names.
    pub view: Option<View>,
    /// Side the header names.
    pub laterality: Option<Laterality>,
    /// Pixel spacing and which one.
    pub spacing: Option<PixelSpacing>,
    /// De-identified facts about the patient.
    pub patient: PatientFacts,
    /// Maker and model of the device, as written.
    pub device: Option<String>,
    /// Remarks from reading the file.
    pub notes: Vec<Note>,
}
