//! DICOM segmentations (PS3.3 A.51, C.8.20): label maps out, as binary frames or as a label map, and
//! segmentations in, as volumes.
//!
//! What is written refers to the images it was made from, frame by frame, and lies in their frame of
//! reference; nothing of the patient goes into it unless asked for.

mod colour;
mod elements;
mod frames;
mod origin;
mod read;
mod segments;
mod uid;
mod write;

pub use origin::{Origin, OriginImage, Patient};
pub use segments::Segment;
pub use write::{Algorithm, Form, Labels, Target, segmentation};

pub(crate) use read::{is_class, is_segmentation, scan};

/// SOP class of binary and fractional segmentations (PS3.6 table A-1).
pub(crate) const SEGMENTATION: &str = "1.2.840.10008.5.1.4.1.1.66.4";
/// SOP class of label maps.
pub(crate) const LABEL_MAP: &str = "1.2.840.10008.5.1.4.1.1.66.7";
