//! PNG, JPEG, TIFF and WebP.

use crate::Limits;
use crate::study::{Frame, Samples, Source, Study};
use crate::{resolution, tiff};
use base::words::imaging as words;
use base::{CaseFacts, Error, FileFacts, Kind, Note, PatientFacts, Result};
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
    // The decoders fill what a cut file lacks with grey; a film half grey must not pass.
    let cut = match format {
        ImageFormat::Jpeg => !jpeg_is_whole(&bytes),
        ImageFormat::Tiff => !tiff::Directory::first(&bytes)
            .is_some_and(|directory| directory.holds(decoder.total_bytes())),
        _ => false,
    };
    if cut {
        return Err(Error::new(Kind::BrokenInput, words::decoder(label, "the file is cut short"))
            .hint(words::COPY_AGAIN));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    // Floating samples have no full scale of their own: 1.0 or 4095.0 could be white.
    if matches!(image, DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_)) {
        let text = words::decoder(label, "floating-point samples");
        return Err(Error::new(Kind::Unsupported, text).hint(words::KNOWN_DEPTHS));
    }
    let mut notes = Vec::new();
    if format == ImageFormat::Tiff && more_pages(&bytes) {
        notes.push(Note::warning("first-page", words::FIRST_PAGE));
    }
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
        spacing: resolution::spacing(&bytes, format),
        patient: PatientFacts::default(),
        device: None,
        notes,
    };
    Ok(Study { facts, source: Source::Picture(Frame { columns, rows, channels, samples }) })
}

/// An end marker follows the last scan. Neither marker can occur inside a scan's data, where 0xff
/// is followed by 0 or a restart marker (ITU-T T.81 B.1.1.5).
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    matches!((last(0xda), last(0xd9)), (Some(scan), Some(end)) if scan < end)
}

/// A TIFF with another image behind the first.
fn more_pages(bytes: &[u8]) -> bool {
    let directory = tiff::Directory::first(bytes);
    directory.and_then(|directory| directory.next()).is_some_and(|at| at != 0)
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
