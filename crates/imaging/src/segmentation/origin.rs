//! What a result must say of the series it was made from.

use crate::dicom::{Attributes, DicomImage};
use std::fmt;

/// A series as its results refer to it. Slice `k` of the volume is `images[k]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// Study Instance UID.
    pub study: String,
    /// Series Instance UID.
    pub series: String,
    /// Frame of Reference UID; empty where the images have none.
    pub frame_of_reference: String,
    /// Series Number.
    pub series_number: Option<u64>,
    /// Columns and rows of an image.
    pub size: [usize; 2],
    /// Image Orientation (Patient): along a row, then along a column, LPS.
    pub orientation: [f64; 6],
    /// Millimetres between columns, between rows.
    pub spacing_mm: [f64; 2],
    /// Millimetres from slice to slice along the normal.
    pub step_mm: f64,
    /// Slice Thickness.
    pub thickness_mm: Option<f64>,
    /// In the order of the volume's slices.
    pub images: Vec<OriginImage>,
    /// Who was examined, and when: for results that shall be filed beside the images.
    pub patient: Patient,
}

/// One slice.
#[derive(Clone, Debug, PartialEq)]
pub struct OriginImage {
    /// SOP Class UID.
    pub class: String,
    /// SOP Instance UID.
    pub instance: String,
    /// Frame, from 1, of a multi-frame object.
    pub frame: Option<u32>,
    /// Image Position (Patient), LPS mm.
    pub position: [f64; 3],
}

/// Identifying attributes of patient and study, each with its tag and text. They never show in
/// messages: `Debug` gives their number only.
#[derive(Clone, Default, PartialEq)]
pub struct Patient(pub(crate) Vec<(u32, String)>);

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patient({} attributes)", self.0.len())
    }
}

/// Attributes that a result shares with its images: of the patient, the study, the frame of reference
/// (PS3.3 C.7.1.1, C.7.2.1, C.7.4.1).
pub(super) const SHARED: [(u32, &str); 13] = [
    (0x0008_0020, "DA"),
    (0x0008_0030, "TM"),
    (0x0008_0050, "SH"),
    (0x0008_0090, "PN"),
    (0x0008_1030, "LO"),
    (0x0010_0010, "PN"),
    (0x0010_0020, "LO"),
    (0x0010_0021, "LO"),
    (0x0010_0030, "DA"),
    (0x0010_0040, "CS"),
    (0x0010_1010, "AS"),
    (0x0020_0010, "SH"),
    (0x0020_1040, "LO"),
];

impl Patient {
    /// Of an image. What its character set does not decode is left out rather than changed.
    pub(crate) fn of(image: &DicomImage) -> Patient {
        let header: Attributes<'_> = image.attributes();
        let charset = header.text(0x0008_0005);
        let read = |(tag, _): &(u32, &str)| {
            let text = header.local_text(*tag, charset.as_deref())?;
            (!text.contains('\u{fffd}')).then_some((*tag, text))
        };
        Patient(SHARED.iter().filter_map(read).collect())
    }
}
