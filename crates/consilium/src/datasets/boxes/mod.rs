//! Boxes of the truth: one form for COCO's, YOLO's and Pascal VOC's files and for the sets' own tables.

mod coco;
mod readers;
mod voc;
mod yolo;

pub(super) use coco::{coco, coco_json, coco_marks, marks_of_file};
pub use readers::Readers;
pub(super) use voc::{marks_of_folder, voc, voc_marks};
pub(super) use yolo::{labels_of_folder, parse as yolo_lines, yaml_names, yolo};

use base::words::datasets as words;
use base::{Error, Kind};

/// A box of the truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Place in [`super::Dataset::box_labels`].
    pub label: usize,
    /// Left, top, width and height in pixels of the image as stored, from its upper left corner.
    pub corner_size: [f64; 4],
    /// Square pixels, where the set gives them: those of the outline, not of the box.
    pub area: Option<f64>,
    /// Neither to be found nor wrong to be found: COCO's crowds, Pascal VOC's difficult objects.
    pub ignored: bool,
    /// Who drew it, where several readers marked the same image.
    pub reader: Option<String>,
}

/// What boxes are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxLabel {
    /// The number that predictions call it by.
    pub number: i64,
    /// Its name.
    pub name: String,
}

impl Mark {
    /// A box drawn by nobody in particular.
    pub fn new(label: usize, corner_size: [f64; 4]) -> Mark {
        Mark { label, corner_size, area: None, ignored: false, reader: None }
    }
}

/// Names numbered from `first`.
pub(super) fn numbered(names: &[&str], first: i64) -> Vec<BoxLabel> {
    let named = names.iter().zip(first..);
    named.map(|(name, number)| BoxLabel { number, name: (*name).to_owned() }).collect()
}

/// A box with left, top, right and bottom; `None` where that is none.
pub(super) fn from_corners([left, top, right, bottom]: [f64; 4]) -> Option<[f64; 4]> {
    let sound = [left, top, right, bottom].iter().all(|side| side.is_finite());
    (sound && right >= left && bottom >= top).then_some([left, top, right - left, bottom - top])
}

/// A line of a file that holds no box.
fn no_box(what: &str, line: usize) -> Error {
    Error::new(Kind::BrokenInput, words::no_box(what, line))
}
