//! The words every other crate shares: units, images and volumes, what was read, what was found, notes, errors
//! and every text a user sees, in English and Chinese.
//!
//! Nothing here touches a file or a serialisation format; wire formats live in `report`.

mod case;
mod concept;
mod consultation;
mod error;
mod image;
pub mod intern;
mod near;
mod note;
mod reading;
mod segmentation;
mod structures;
mod text;
mod units;
mod volume;
pub mod words;

pub use case::{
    BodyPart, CaseFacts, FileFacts, Laterality, Modality, PatientFacts, PixelSpacing, Sex,
    SpacingSource, View,
};
pub use concept::{Concept, SegmentCode, SegmentFacts};
pub use consultation::{Agreement, Consultation, Manifest, ModelRun, Opinion};
pub use error::{Error, Kind, Result};
pub use image::{Image, Mask, Picture, Rect};
pub use near::nearest;
pub use note::{Note, Noted, Severity};
pub use reading::{
    Code, Coding, ExplanationMap, ExplanationMethod, Finding, FindingBox, Measurement, ModelRef,
    OutOfDomain, Reading, Refusal, Segment, Side, Trust,
};
pub use segmentation::{
    Appraisal, MeasuredStructure, StructureDetails, ValuePicture, ValueSummary, VolumeBox,
    VolumeConsultation, VolumeReading, hiding_labels,
};
pub use structures::{Structure, kebab, structure};
pub use text::{Lang, Text};
pub use units::{Hu, Mm, Months};
pub use volume::{
    Affine, FrameAxis, GeometrySource, Grid, Orientation, Scale, Toward, ValueRange, Volume,
    VolumeFacts, VoxelType, Voxels,
};
