//! What one image, or one frame of a multi-frame object, says about its place.

use crate::dicom::{Attributes, DicomImage};
use crate::vector::dot;
use base::Scale;

/// Where a frame comes from and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slice {
    /// Number of its file in the list of files.
    pub file: usize,
    pub frame: usize,
    pub columns: usize,
    pub rows: usize,
    /// Image Position (Patient): centre of the first pixel, LPS, mm.
    pub position: [f64; 3],
    /// Direction of growing columns, then of growing rows, LPS, each of length 1.
    pub along_row: [f64; 3],
    pub along_column: [f64; 3],
    /// Pixel Spacing in mm: between columns, between rows.
    pub spacing: [f64; 2],
    /// What ITK takes for the step where there is one slice.
    pub thickness: Option<f64>,
    /// Slice Thickness.
    pub slab: Option<f64>,
    pub scale: Option<Scale>,
    pub key: Key,
    /// What may tell images at one place apart, in the order of [`SPLITS`].
    pub marks: [String; SPLITS],
    /// SOP Instance UID: the same image twice.
    pub instance: String,
    /// SOP Class UID.
    pub class: String,
    /// One of several frames of its file.
    pub multi_frame: bool,
}

/// Number of attributes a series may be split by.
pub(super) const SPLITS: usize = 6;

/// Images that differ in any of these never make one volume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub series: String,
    pub frame_of_reference: String,
    pub image_type: String,
    pub columns: usize,
    pub rows: usize,
    /// Stack ID of an enhanced object.
    pub stack: String,
    pub samples: (u16, bool),
}

/// Why an image cannot be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unplaced {
    Position,
    Orientation,
    Spacing,
    Colour,
    NoImage,
}

/// SOP classes of objects that hold something else than an image series (PS3.6 A): segmentations,
/// dose, slides, surface scans.
const NO_IMAGES: &[&str] = &[
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.66.5",
    "1.2.840.10008.5.1.4.1.1.66.7",
    "1.2.840.10008.5.1.4.1.1.481.2",
    "1.2.840.10008.5.1.4.1.1.77.1.6",
];

impl Slice {
    /// Frame `frame` of an image.
    pub fn read(image: &DicomImage, file: usize, frame: usize) -> Result<Slice, Unplaced> {
        let header = image.attributes();
        let class = header.text(0x0008_0016).unwrap_or_default();
        if NO_IMAGES.contains(&class.as_str()) {
            return Err(Unplaced::NoImage);
        }
        if image.channels != 1 || image.photometric == "PALETTE COLOR" {
            return Err(Unplaced::Colour);
        }
        let orientation = find(header, 0x0020_9116, 0x0020_0037, frame);
        let position = find(header, 0x0020_9113, 0x0020_0032, frame);
        let position = position.and_then(|v| three(&v)).ok_or(Unplaced::Position)?;
        let orientation = orientation.ok_or(Unplaced::Position)?;
        let (Some(along_row), Some(along_column)) =
            (three(&orientation), orientation.get(3..).and_then(three))
        else {
            return Err(Unplaced::Position);
        };
        let (Some(along_row), Some(along_column)) = (unit(along_row), unit(along_column)) else {
            return Err(Unplaced::Orientation);
        };
        if dot(along_row, along_column).abs() > 1e-2 {
            return Err(Unplaced::Orientation);
        }
        let measures = find(header, 0x0028_9110, 0x0028_0030, frame);
        let spacing = match measures.as_deref() {
            Some([between_rows, between_columns, ..])
                if usable(*between_rows) && usable(*between_columns) =>
            {
                [*between_columns, *between_rows]
            }
            _ => return Err(Unplaced::Spacing),
        };
        let measure =
            |tag| find(header, 0x0028_9110, tag, frame)?.first().copied().filter(|&v| usable(v));
        let slab = measure(0x0018_0050);
        let thickness = measure(0x0018_0088).or(slab);
        Ok(Slice {
            file,
            frame,
            columns: image.columns,
            rows: image.rows,
            position,
            along_row,
            along_column,
            spacing,
            thickness,
            slab,
            scale: scale(header, frame),
            key: key(image, header, frame),
            marks: marks(header, frame),
            instance: header.text(0x0008_0018).unwrap_or_default(),
            class,
            multi_frame: image.frames > 1,
        })
    }

    /// Direction in which slices of this orientation follow one another: row × column.
    pub fn normal(&self) -> [f64; 3] {
        let ([a, b, c], [d, e, f]) = (self.along_row, self.along_column);
        let cross = [b * f - c * e, c * d - a * f, a * e - b * d];
        unit(cross).unwrap_or(cross)
    }

    /// Millimetres along a direction.
    pub fn along(&self, direction: [f64; 3]) -> f64 {
        dot(self.position, direction)
    }

    /// The same plane orientation, pixel spacing and size, to within rounding of the header.
    pub fn is_parallel_to(&self, other: &Slice) -> bool {
        let near =
            |a: &[f64], b: &[f64], by: f64| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= by);
        near(&self.along_row, &other.along_row, 1e-3)
            && near(&self.along_column, &other.along_column, 1e-3)
            && near(&self.spacing, &other.spacing, 1e-3 * self.spacing[0].max(self.spacing[1]))
    }
}

/// Numbers of a functional group, or of the header itself where there are no groups.
fn find(header: Attributes<'_>, group: u32, tag: u32, frame: usize) -> Option<Vec<f64>> {
    let grouped = header.group(group, frame).and_then(|group| group.numbers(tag));
    grouped.or_else(|| header.numbers(tag)).filter(|v| v.iter().all(|v| v.is_finite()))
}

/// Pixel Value Transformation, else Rescale Slope and Intercept.
fn scale(header: Attributes<'_>, frame: usize) -> Option<Scale> {
    let read = |from: Attributes<'_>| {
        let (slope, intercept) = (from.number(0x0028_1053)?, from.number(0x0028_1052)?);
        (slope != 0.0 && slope.is_finite() && intercept.is_finite())
            .then_some(Scale { slope, intercept })
    };
    let grouped = header.group(0x0028_9145, frame).and_then(read);
    grouped.or_else(|| read(header)).filter(|s| *s != Scale { slope: 1.0, intercept: 0.0 })
}

fn key(image: &DicomImage, header: Attributes<'_>, frame: usize) -> Key {
    let text = |tag| header.text(tag).unwrap_or_default();
    // CT, MR and PET frame types.
    let frame_type = [0x0018_9329, 0x0018_9226, 0x0018_9751]
        .into_iter()
        .find_map(|group| header.group(group, frame)?.text(0x0008_9007));
    let stack = header.group(0x0020_9111, frame).and_then(|content| content.text(0x0020_9056));
    Key {
        series: text(0x0020_000e),
        frame_of_reference: text(0x0020_0052),
        image_type: frame_type.unwrap_or_else(|| text(0x0008_0008)),
        columns: image.columns,
        rows: image.rows,
        stack: stack.unwrap_or_default(),
        samples: (image.bits_allocated, image.signed),
    }
}

/// Acquisition, echo, b-value, point in time, reconstruction kernel, and everything else that counts
/// frames of one place.
fn marks(header: Attributes<'_>, frame: usize) -> [String; SPLITS] {
    let number = |group: u32, tag: u32| {
        let grouped = header.group(group, frame).and_then(|group| group.text_or_number(tag));
        grouped.or_else(|| header.text_or_number(tag)).unwrap_or_default()
    };
    let either = |first: String, second: String| if first.is_empty() { second } else { first };
    [
        either(number(0x0020_9111, 0x0020_9156), number(0x0020_9111, 0x0020_0012)),
        either(
            number(0x0018_9114, 0x0018_9082),
            format!("{} {}", number(0, 0x0018_0086), number(0, 0x0018_0081)),
        ),
        number(0x0018_9117, 0x0018_9087),
        either(number(0x0020_9111, 0x0020_9128), number(0, 0x0020_0100)),
        either(number(0x0018_9118, 0x0020_9153), number(0, 0x0018_1060)),
        number(0x0018_9314, 0x0018_1210),
    ]
}

fn three(v: &[f64]) -> Option<[f64; 3]> {
    v.first_chunk::<3>().copied().filter(|v| v.iter().all(|v| v.is_finite()))
}

fn usable(mm: f64) -> bool {
    (1e-4..1e4).contains(&mm)
}

/// Brought to length 1; `None` for what is no direction.
fn unit(v: [f64; 3]) -> Option<[f64; 3]> {
    let length = dot(v, v).sqrt();
    (0.5..2.0).contains(&length).then(|| v.map(|x| x / length))
}
