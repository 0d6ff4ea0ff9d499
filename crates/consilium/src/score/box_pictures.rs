//! Images of a data set with the boxes of truth and prediction, for the worst cases.

use super::slices::address;
use crate::datasets::Files;
use imaging::Limits;
use report::pictures::fit;
use std::fmt::Write;
use std::path::PathBuf;

/// Longest side of a picture.
const LONGEST_PX: usize = 420;
/// Predicted boxes that are drawn, the surest first.
const MOST_BOXES: usize = 10;

/// Where the images are.
pub(super) struct Images {
    /// Reads them, inside archives too.
    pub files: Files,
    /// One an image; `None` of one without file.
    pub paths: Vec<Option<PathBuf>>,
}

impl Images {
    /// An image with boxes, corner and size in pixels; those predicted with the surest first. `None` where
    /// the image cannot be read.
    pub fn picture(&self, image: usize, truth: &[[f64; 4]], found: &[[f64; 4]]) -> Option<String> {
        let path = self.paths.get(image)?.as_ref()?;
        let name = path.file_name()?.to_string_lossy();
        let bytes = self.files.bytes(path).ok()?;
        let study = imaging::read_bytes(bytes, &name, &Limits::default()).ok()?;
        let whole = study.picture(0).ok()?;
        let (width, height) = (whole.width(), whole.height());
        let small = fit(&whole, LONGEST_PX);
        let mut out = format!(
            "<svg class=\"slice\" viewBox=\"0 0 {width} {height}\"><image width=\"{width}\" \
             height=\"{height}\" preserveAspectRatio=\"none\" href=\"{}\"/>",
            address(&small)
        );
        let shown = found.iter().take(MOST_BOXES);
        for (class, [x, y, w, h]) in
            truth.iter().map(|one| ("t", one)).chain(shown.map(|one| ("p", one)))
        {
            let _ = write!(
                out,
                "<path class=\"{class}\" d=\"M{x:.1} {y:.1}h{w:.1}v{h:.1}h{:.1}Z\"/>",
                -w
            );
        }
        Some(out + "</svg>")
    }
}
