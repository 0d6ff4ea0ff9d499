//! Pixel spacing of picture files, from the resolution they claim.

use crate::tiff;
use base::{Mm, PixelSpacing, SpacingSource};
use image::ImageFormat;

pub(crate) const MM_PER_INCH: f64 = 25.4;

/// PNG's pHYs, JFIF's density, TIFF's XResolution and YResolution. WebP has none.
pub(crate) fn spacing(bytes: &[u8], format: ImageFormat) -> Option<PixelSpacing> {
    let (x, y) = match format {
        ImageFormat::Png => png(bytes),
        ImageFormat::Jpeg => jfif(bytes),
        ImageFormat::Tiff => tiff::Directory::first(bytes)?.per_mm(),
        _ => None,
    }?;
    // Coarser than a millimetre or finer than 10 µm is no radiograph; 72 and 96 dpi are what
    // programs write that know of no size, and so say nothing about the patient.
    let sane = |per_mm: f64| (1.0..=100.0).contains(&per_mm);
    let screen =
        |per_mm: f64| [72.0, 96.0].iter().any(|dpi| (per_mm * MM_PER_INCH - dpi).abs() < 0.5);
    (sane(x) && sane(y) && !screen(x) && !screen(y)).then_some(PixelSpacing {
        row: Mm(1.0 / y),
        column: Mm(1.0 / x),
        source: SpacingSource::PictureResolution,
    })
}

/// pHYs in pixels per metre (PNG specification 11.3.4.3), as pixels per mm, across and down.
fn png(bytes: &[u8]) -> Option<(f64, f64)> {
    let mut at: usize = 8;
    loop {
        let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
        let kind = bytes.get(at + 4..at + 8)?;
        if kind == b"pHYs" {
            let body = bytes.get(at + 8..at + 17)?;
            let x = u32::from_be_bytes(body[0..4].try_into().ok()?);
            let y = u32::from_be_bytes(body[4..8].try_into().ok()?);
            return (body[8] == 1).then_some((f64::from(x) / 1000.0, f64::from(y) / 1000.0));
        }
        if kind == b"IDAT" {
            return None;
        }
        at = at.checked_add(length)?.checked_add(12)?;
    }
}

/// The density of JFIF's APP0, which comes first (ITU-T T.871 10.1): units 1 per inch, 2 per cm.
fn jfif(bytes: &[u8]) -> Option<(f64, f64)> {
    let body = bytes.get(2..18).filter(|b| b.starts_with(&[0xff, 0xe0]))?;
    if &body[4..9] != b"JFIF\0" {
        return None;
    }
    let per_mm = match body[11] {
        1 => 1.0 / MM_PER_INCH,
        2 => 0.1,
        _ => return None,
    };
    let density = |at: usize| f64::from(u16::from_be_bytes([body[at], body[at + 1]])) * per_mm;
    Some((density(12), density(14)))
}
