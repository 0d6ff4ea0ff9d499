//! Pictures for the output folder and for the page: the image, heat over it, outlines, masks.

mod codec;
mod heat;
mod scale;
mod values;

pub use codec::{base64, jpeg, png};
pub use heat::{Heat, heat};
pub use scale::{fit, sample_mask};
pub use values::values_in_colour;

use crate::artifacts::Artifacts;
use base::{Consultation, Mask, Picture};

/// Longest side of the image as a person looks at it.
pub const SHOWN_PX: usize = 1024;
/// Longest side of pictures with something drawn over the image. A map has 7 to 16 cells a side,
/// and the page draws outlines sharply whatever its size; three colours a pixel at full size took
/// longer to write than the network takes to run.
pub const OVERLAY_PX: usize = 512;

/// Colours of outlines, in the order of use, chosen to differ in lightness too and to show on a
/// film: after Okabe and Ito, "Color Universal Design" (2008), lightened for a dark ground.
pub const OUTLINES: [[u8; 3]; 7] = [
    [86, 180, 233],
    [230, 159, 0],
    [0, 200, 140],
    [240, 228, 66],
    [225, 130, 180],
    [255, 120, 60],
    [235, 235, 235],
];

/// The colour of a label: hues a golden angle apart, so that neighbours in number differ.
pub fn label_colour(label: u16) -> [u8; 3] {
    // 137.508 degrees of 360; brightness alternates a little.
    let hue = (f32::from(label) * 0.381_966).fract() * 6.0;
    let value = if label.is_multiple_of(2) { 235.0 } else { 205.0 };
    let part = |offset: f32| {
        let k = (hue + offset) % 6.0;
        let level = (k.min(4.0 - k)).clamp(0.0, 1.0);
        (value * (1.0 - 0.75 * level)) as u8
    };
    [part(5.0), part(3.0), part(1.0)]
}

/// A file to write beside `result.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Every picture that belongs into the output folder, and the names that go into `result.json`:
/// `image.png` (at most [`SHOWN_PX`] a side), `anatomy-MODEL.png`, `map-MODEL-FINDING.png` (at most
/// [`OVERLAY_PX`]) and `mask-MODEL-STRUCTURE.png` (on the grid of the original image, 255 inside
/// and 0 outside).
pub fn render(consultation: &Consultation) -> (Vec<File>, Artifacts) {
    let shown = fit(&consultation.picture, SHOWN_PX);
    let mut names = Names::default();
    let mut artifacts = Artifacts::default();
    let mut files = Vec::new();
    let mut push = |wanted: String, bytes: Vec<u8>| {
        let name = names.unique(&wanted);
        files.push(File { name: name.clone(), bytes });
        name
    };
    artifacts.image = Some(push("image".into(), png(&shown)));
    let under = fit(&shown, OVERLAY_PX);
    for (at, reading) in consultation.readings.iter().enumerate() {
        let model = slug(&reading.model.id);
        if !reading.segments.is_empty() {
            let masks: Vec<&Mask> = reading.segments.iter().map(|segment| &segment.mask).collect();
            let name = push(format!("anatomy-{model}"), png(&outlined(&under, &masks)));
            artifacts.anatomy.insert(at, name);
        }
        for (number, segment) in reading.segments.iter().enumerate() {
            let mask = &segment.mask;
            let name = format!("mask-{model}-{}", segment.code.id);
            let bits = mask.bits().iter().map(|&bit| bit * 255).collect();
            if let Some(picture) = Picture::new(mask.width(), mask.height(), 1, bits) {
                artifacts.masks.insert((at, number), push(name, png(&picture)));
            }
        }
        for (number, map) in reading.maps.iter().enumerate() {
            let heat = heat(map);
            let size = (consultation.picture.width(), consultation.picture.height());
            let bytes = png(&heat.over(&under, size));
            let name = push(format!("map-{model}-{}", map.code.id), bytes);
            artifacts.explanations.insert((at, number), name);
        }
    }
    (files, artifacts)
}

/// The picture in colour with the border pixels of each mask drawn in.
pub fn outlined(shown: &Picture, masks: &[&Mask]) -> Picture {
    let (width, height) = (shown.width(), shown.height());
    let mut rgb = scale::in_colour(shown);
    for (number, mask) in masks.iter().enumerate() {
        let bits = sample_mask(mask, width, height);
        let colour = OUTLINES[number % OUTLINES.len()];
        for y in 0..height {
            for x in 0..width {
                let at = y * width + x;
                if bits[at] == 0 {
                    continue;
                }
                let out = |dx: isize, dy: isize| match (
                    x.checked_add_signed(dx),
                    y.checked_add_signed(dy),
                ) {
                    (Some(x), Some(y)) if x < width && y < height => bits[y * width + x] == 0,
                    _ => true,
                };
                if out(-1, 0) || out(1, 0) || out(0, -1) || out(0, 1) || out(1, 1) || out(-1, -1) {
                    rgb[at * 3..at * 3 + 3].copy_from_slice(&colour);
                }
            }
        }
    }
    Picture::new(width, height, 3, rgb).unwrap_or_else(|| shown.clone())
}

/// Letters, digits, `-`, `_` and `.` only, so that no identifier can name another folder.
pub fn slug(id: &str) -> String {
    let safe: String = (id.chars().take(80))
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .collect();
    safe.trim_start_matches('.').to_owned()
}

/// Hands out each name once.
#[derive(Default)]
struct Names(std::collections::BTreeSet<String>);

impl Names {
    fn unique(&mut self, wanted: &str) -> String {
        let mut name = format!("{wanted}.png");
        let mut number = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{wanted}-{number}.png");
            number += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_identifier_leaves_the_folder() {
        assert_eq!(slug("../../etc/passwd"), "-..-etc-passwd");
        assert_eq!(slug("densenet121-res224-all"), "densenet121-res224-all");
    }

    #[test]
    fn a_name_is_given_once() {
        let mut names = Names::default();
        assert_eq!(names.unique("a"), "a.png");
        assert_eq!(names.unique("a"), "a-2.png");
    }
}
