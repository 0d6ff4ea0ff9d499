//! From a study to the network's grey input, as `torchxrayvision.utils.load_image`,
//! `read_xray_dcm`, `datasets.XRayCenterCrop` and `datasets.XRayResizer` do it:
//!
//! 1. stored values, without rescale slope, window or VOI LUT (`voi_lut=False` there);
//! 2. MONOCHROME1 turned over: `max - x` with `max = 2^BitsStored - 1` (255 for a picture);
//! 3. `(2 x / max - 1) · 1024`; of a colour picture channel 0;
//! 4. the central square, start `dim / 2 - side / 2`;
//! 5. the network's size by [`Resampling`].
//!
//! The original refuses values above `max`; here they are clipped and noted. The original reads
//! colour pictures' first channel and refuses colour DICOM; here both give the first channel, noted.

use crate::card::{InputSpec, Resampling};
use crate::error::translate;
use crate::system::Prepared;
use base::words::zoo as words;
use base::{Image, Note, Rect, Result};
use engine::Tensor;
use imaging::{Study, resample};

/// A square plane in -1024..=1024 and where it lay in the original image.
#[derive(Clone, Debug, PartialEq)]
pub struct Square {
    /// `[side][side]`.
    pub plane: Vec<f32>,
    /// Rows and columns.
    pub side: usize,
    /// In the original image.
    pub covers: Rect,
    /// What happened on the way.
    pub notes: Vec<Note>,
}

/// Steps 1 to 5: a tensor `[1, 1, side, side]`.
pub fn grey(study: &Study, input: &InputSpec) -> Result<Prepared> {
    let square = square(study)?;
    let side = input.side();
    let mut notes = square.notes;
    if square.side < side {
        notes.push(Note::warning("image-enlarged", words::enlarged(square.side, side)));
    }
    let plane = resize(&square.plane, square.side, side, input.resampling);
    let tensor = Tensor::new(&[1, 1, side, side], plane).map_err(translate)?;
    Ok(Prepared { tensors: vec![tensor], covers: square.covers, notes })
}

/// Steps 1 to 4.
pub fn square(study: &Study) -> Result<Square> {
    let mut notes = Vec::new();
    let (columns, rows, frames) = study.facts.size_px;
    let _ = (columns, rows);
    if frames > 1 {
        notes.push(Note::warning("first-frame", words::first_frame(frames)));
    }
    let image = study.frame(0)?.to_image();
    let max = study.stored_max() as f32;
    if image.channels() > 1 {
        notes.push(Note::info("first-channel", words::FIRST_CHANNEL));
    }
    if study.facts.file.format != "DICOM" && study.facts.file.bits.1 > 8 {
        notes.push(Note::info("deep-picture", words::deep_picture(study.facts.file.bits.1)));
    }
    let inverted = study.is_monochrome1();
    if inverted {
        notes.push(Note::info("monochrome1-inverted", words::INVERTED));
    }
    let (mut plane, side, covers) = center_crop(&image);
    if (image.width(), image.height()) != (side, side) {
        let text = words::cropped(side, image.width(), image.height());
        notes.push(Note::info("center-crop", text));
    }
    notes.extend(range_note(image.plane(0), max));
    normalize(&mut plane, max, inverted);
    Ok(Square { plane, side, covers, notes })
}

/// Step 5, of a square plane.
pub fn resize(plane: &[f32], from: usize, to: usize, resampling: Resampling) -> Vec<f32> {
    match resampling {
        Resampling::Skimage => resample::skimage(plane, (from, from), (to, to)),
        Resampling::TorchAntialiased => resample::torch_antialiased(plane, (from, from), (to, to)),
    }
}

/// The central square of channel 0, its side, and where it lay.
pub fn center_crop(image: &Image) -> (Vec<f32>, usize, Rect) {
    let (width, height) = (image.width(), image.height());
    let side = width.min(height);
    let (left, top) = (width / 2 - side / 2, height / 2 - side / 2);
    let plane = image.plane(0);
    let mut square = Vec::with_capacity(side * side);
    for row in top..top + side {
        square.extend_from_slice(&plane[row * width + left..][..side]);
    }
    let covers = Rect { x: left as f32, y: top as f32, width: side as f32, height: side as f32 };
    (square, side, covers)
}

/// Stored values to -1024..=1024; values beyond 0..=max are clipped.
fn normalize(plane: &mut [f32], max: f32, inverted: bool) {
    for value in plane {
        let x = if inverted { max - *value } else { *value };
        *value = ((2.0 * (x / max) - 1.0) * 1024.0).clamp(-1024.0, 1024.0);
    }
}

/// A remark on values outside 0..=max or on a range too small to be a radiograph's. The original
/// doubts an input that does not reach ±255 of 1024 on both sides (`warn_normalization`).
fn range_note(plane: &[f32], max: f32) -> Option<Note> {
    let (low, high) = plane
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let position = |value: f32| (2.0 * (value / max) - 1.0) * 1024.0;
    if low < 0.0 || high > max {
        Some(Note::warning("values-out-of-range", words::out_of_range(low, high, max)))
    } else if low == high {
        Some(Note::serious("flat-image", words::FLAT_IMAGE))
    } else if position(low) > -255.0 || position(high) < 255.0 {
        Some(Note::warning("narrow-range", words::NARROW_RANGE))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(width: usize, height: usize) -> Image {
        Image::gray(width, height, (0..width * height).map(|i| i as f32).collect()).unwrap()
    }

    #[test]
    fn the_central_square_starts_where_the_original_starts_it() {
        // x // 2 - side // 2 with 5 columns, 2 rows: 2 - 1 = 1.
        let (plane, side, covers) = center_crop(&counted(5, 2));
        assert_eq!((plane, side), (vec![1.0, 2.0, 6.0, 7.0], 2));
        assert_eq!(covers, Rect { x: 1.0, y: 0.0, width: 2.0, height: 2.0 });
        // 3 columns, 6 rows: 3 - 1 = 2.
        let (plane, _, covers) = center_crop(&counted(3, 6));
        assert_eq!(plane[0], 6.0);
        assert_eq!((covers.y, covers.height), (2.0, 3.0));
    }

    #[test]
    fn values_run_from_minus_to_plus_1024_and_inverted_ones_back() {
        let mut plane = [0.0, 127.5, 255.0, 300.0];
        normalize(&mut plane, 255.0, false);
        assert_eq!(plane, [-1024.0, 0.0, 1024.0, 1024.0]);
        let mut plane = [0.0, 255.0];
        normalize(&mut plane, 255.0, true);
        assert_eq!(plane, [1024.0, -1024.0]);
    }

    #[test]
    fn an_odd_range_is_remarked_on() {
        let code = |values: &[f32]| range_note(values, 255.0).map(|note| note.code);
        assert_eq!(code(&[0.0, 255.0]), None);
        assert_eq!(code(&[-3.0, 255.0]), Some("values-out-of-range"));
        assert_eq!(code(&[0.0, 256.0]), Some("values-out-of-range"));
        assert_eq!(code(&[7.0, 7.0]), Some("flat-image"));
        assert_eq!(code(&[0.0, 100.0]), Some("narrow-range"));
    }
}
