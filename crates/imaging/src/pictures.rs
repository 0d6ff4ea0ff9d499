//! PNG, JPEG, TIFF and WebP.

use crate::Limits;
use crate::study::{Frame, Samples, Source, Study};
use base::words::imaging as words;
use base::{
    CaseFacts, Error, FileFacts, Kind, Mm, Note, PatientFacts, PixelSpacing, Result, SpacingSource,
};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use std::io::Cursor;

/// The picture format the content says, if any.
pub(crate) fn format(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(ImageFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..]
            if bytes.get(128..132) != Some(b"DICM") =>
        {
            Some(ImageFormat::Tiff)
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        _ => None,
    }
}

/// Decodes the whole picture; pictures have one frame.
pub(crate) fn read(
    bytes: Vec<u8>,
    format: ImageFormat,
    name: &str,
    limits: &Limits,
) -> Result<Study> {
    let label = match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Tiff => "TIFF",
        _ => "WebP",
    };
    let broken = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => {
            Error::new(Kind::Limit, words::decoder(label, &error.to_string()))
        }
        image::ImageError::Unsupported(_) => {
            Error::new(Kind::Unsupported, words::decoder(label, &error.to_string()))
        }
        _ => Error::new(Kind::BrokenInput, words::decoder(label, &error.to_string()))
            .hint(words::COPY_AGAIN),
    };
    let mut reader = ImageReader::with_format(Cursor::new(&bytes[..]), format);
    let mut guard = image::Limits::default();
    guard.max_alloc = Some(limits.max_total_bytes);
    reader.limits(guard);
    let decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(Error::new(Kind::BrokenInput, words::ZERO_SIZE));
    }
    if pixels > limits.max_pixels {
        let text = words::too_many_pixels(width.into(), height.into(), limits.max_pixels);
        return Err(Error::new(Kind::Limit, text));
    }
    if decoder.total_bytes() > limits.max_total_bytes {
        let text = words::too_many_bytes(decoder.total_bytes(), limits.max_total_bytes);
        return Err(Error::new(Kind::Limit, text));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    let mut notes = Vec::new();
    if image.color().has_alpha() {
        notes.push(Note::info("alpha-flattened", words::ALPHA_FLATTENED));
    }
    let (columns, rows) = (width as usize, height as usize);
    let (channels, bits, samples) = flatten(image);
    let facts = CaseFacts {
        name: name.to_owned(),
        file: FileFacts {
            format: label,
            bytes: bytes.len() as u64,
            sha256: crate::dicom::sha256(&bytes),
            transfer_syntax: None,
            photometric: None,
            bits: (bits, bits),
            signed: false,
        },
        size_px: (columns, rows, 1),
        modality: None,
        body_part: None,
        view: None,
        laterality: None,
        spacing: if format == ImageFormat::Png { png_spacing(&bytes) } else { None },
        patient: PatientFacts::default(),
        device: None,
        notes,
    };
    Ok(Study { facts, source: Source::Picture(Frame { columns, rows, channels, samples }) })
}

/// 8 or 16 bit, grey or RGB, alpha multiplied in (over black).
fn flatten(image: DynamicImage) -> (usize, u16, Samples) {
    match image {
        DynamicImage::ImageLuma8(i) => (1, 8, Samples::U8(i.into_raw())),
        DynamicImage::ImageRgb8(i) => (3, 8, Samples::U8(i.into_raw())),
        DynamicImage::ImageLuma16(i) => (1, 16, Samples::U16(i.into_raw())),
        DynamicImage::ImageRgb16(i) => (3, 16, Samples::U16(i.into_raw())),
        DynamicImage::ImageLumaA8(i) => (1, 8, Samples::U8(over_black(i.into_raw(), 2, 255))),
        DynamicImage::ImageRgba8(i) => (3, 8, Samples::U8(over_black(i.into_raw(), 4, 255))),
        DynamicImage::ImageLumaA16(i) => (1, 16, Samples::U16(over_black(i.into_raw(), 2, 65535))),
        DynamicImage::ImageRgba16(i) => (3, 16, Samples::U16(over_black(i.into_raw(), 4, 65535))),
        other => (3, 16, Samples::U16(other.to_rgb16().into_raw())),
    }
}

fn over_black<T: Copy + Into<u64> + TryFrom<u64> + Default>(
    samples: Vec<T>,
    channels: usize,
    max: u64,
) -> Vec<T> {
    let mut out = Vec::with_capacity(samples.len() / channels * (channels - 1));
    for pixel in samples.chunks_exact(channels) {
        let alpha: u64 = pixel[channels - 1].into();
        out.extend(pixel[..channels - 1].iter().map(|&v| {
            let value: u64 = v.into();
            T::try_from((value * alpha + max / 2) / max).unwrap_or_default()
        }));
    }
    out
}

/// pHYs in pixels per metre (PNG specification 11.3.4.3); screen resolutions (72, 96 dpi and
/// coarser than 1 mm) say nothing about the patient and are left out.
fn png_spacing(bytes: &[u8]) -> Option<PixelSpacing> {
    let mut at = 8;
    loop {
        let length = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize;
        let kind = bytes.get(at + 4..at + 8)?;
        if kind == b"pHYs" {
            let body = bytes.get(at + 8..at + 17)?;
            let x = u32::from_be_bytes(body[0..4].try_into().ok()?);
            let y = u32::from_be_bytes(body[4..8].try_into().ok()?);
            let screen = |v: u32| matches!(v, 2834..=2835 | 3779..=3780);
            let sane = |v: u32| (1_000..=100_000).contains(&v) && !screen(v);
            return (body[8] == 1 && sane(x) && sane(y)).then_some(PixelSpacing {
                row: Mm(1000.0 / f64::from(y)),
                column: Mm(1000.0 / f64::from(x)),
                source: SpacingSource::PictureResolution,
            });
        }
        if kind == b"IDAT" {
            return None;
        }
        at = at.checked_add(length)?.checked_add(12)?;
    }
}
