//! The parsers of boxes, runs and lists on bytes alone, for tests that feed them anything.

use super::boxes::{self, Mark};
use super::{padchest, pneumonia};
use base::Result;
use std::collections::BTreeSet;

/// Lines of YOLO, of ten classes, in an image of 640 × 480 pixels.
pub fn yolo(bytes: &[u8]) -> Result<Vec<Mark>> {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    boxes::yolo_lines(&String::from_utf8_lossy(bytes), [640.0, 480.0], &boxes::numbered(&names, 0))
}

/// The names in YOLO's `data.yaml`.
pub fn yaml(bytes: &[u8]) -> Option<usize> {
    boxes::yaml_names(bytes).map(|names| names.len())
}

/// What a gzip file holds; an error where it is broken.
pub fn gunzip(bytes: &[u8]) -> std::io::Result<u64> {
    std::io::copy(&mut super::packed::Gunzip::new(bytes), &mut std::io::sink())
}

/// One XML file of Pascal VOC.
pub fn voc(bytes: &[u8]) -> Result<Vec<Mark>> {
    boxes::voc_marks(&String::from_utf8_lossy(bytes))
}

/// One JSON file of COCO.
pub fn coco(bytes: &[u8]) -> Result<Vec<Mark>> {
    boxes::coco_marks(bytes)
}

/// Relative runs of a mask as first pixels and lengths.
pub fn runs(text: &str) -> Option<Vec<[u64; 2]>> {
    pneumonia::relative_runs(text)
}

/// PadChest's lists of names.
pub fn names(text: &str) -> Option<BTreeSet<String>> {
    padchest::list(text)
}
