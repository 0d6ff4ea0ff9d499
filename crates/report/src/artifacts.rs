//! The names of the files that were written beside `result.json`.

use std::collections::BTreeMap;

/// File names relative to the folder of `result.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifacts {
    /// The page.
    pub report: Option<String>,
    /// The image as a person looks at it.
    pub image: Option<String>,
    /// Anatomy over the image, by the reading's position.
    pub anatomy: BTreeMap<usize, String>,
    /// One mask per segment, by the reading's and the segment's position.
    pub masks: BTreeMap<(usize, usize), String>,
    /// One overlay per explanation map, by the reading's and the map's position.
    pub explanations: BTreeMap<(usize, usize), String>,
}
