//! Image files into studies: DICOM, PNG, JPEG, TIFF and WebP, sample for sample as the reference
//! decoders read them, de-identified at the door; [`volumes`] in and out with their geometry.
//!
//! [`read`] decides by content, never by the file's name. Everything that is kept about the case is
//! in [`Study::facts`]; frames are decoded when they are asked for.

pub mod dicom;
mod limits;
pub mod mesh;
pub mod n4;
mod pictures;
pub mod resample;
mod resolution;
pub mod segmentation;
pub mod series;
mod study;
mod tiff;
mod vector;
pub mod volumes;

pub use limits::Limits;
pub use study::{Frame, Samples, Study};

use base::words::imaging as words;
use base::{Error, Kind, Result};
use std::path::Path;

/// Reads a file. The header is read and checked at once, frames of DICOM files are decoded by
/// [`Study::frame`].
///
/// Errors: `Io` when it cannot be read, `Limit` when it is larger than `limits` allow,
/// `Unsupported` when it is no image this build can read, `BrokenInput` when it contradicts itself.
pub fn read(path: &Path, limits: &Limits) -> Result<Study> {
    let bytes = load(path, limits)?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    read_bytes(bytes, &name, limits).map_err(|error| error.at(path))
}

/// Reads a file that is in memory already; `name` becomes the case's name.
pub fn read_bytes(bytes: Vec<u8>, name: &str, limits: &Limits) -> Result<Study> {
    if bytes.is_empty() {
        return Err(Error::new(Kind::BrokenInput, words::EMPTY_FILE).hint(words::COPY_AGAIN));
    }
    if let Some(format) = pictures::format(&bytes) {
        return pictures::read(bytes, format, name, limits);
    }
    if dicom::looks_like_dicom(&bytes) {
        return dicom::read(bytes, name, limits);
    }
    Err(Error::new(Kind::Unsupported, words::UNKNOWN_FORMAT).hint(words::KNOWN_FORMATS))
}

/// Whether a file's first bytes are those of an image this program reads; a few kilobytes suffice.
/// For telling the images of a folder from what else lies there.
pub fn looks_like_image(head: &[u8]) -> bool {
    pictures::format(head).is_some() || dicom::looks_like_dicom(head)
}

fn load(path: &Path, limits: &Limits) -> Result<Vec<u8>> {
    let io = |error: std::io::Error| {
        Error::new(Kind::Io, words::cannot_read(&error.to_string())).at(path)
    };
    let meta = std::fs::metadata(path).map_err(io)?;
    if meta.is_dir() {
        return Err(Error::new(Kind::Io, words::IS_FOLDER).at(path));
    }
    if meta.len() > limits.max_file_bytes {
        return Err(Error::new(
            Kind::Limit,
            words::file_too_large(meta.len(), limits.max_file_bytes),
        )
        .at(path));
    }
    let file = std::fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    std::io::Read::read_to_end(
        &mut std::io::Read::take(file, limits.max_file_bytes.saturating_add(1)),
        &mut bytes,
    )
    .map_err(io)?;
    if bytes.len() as u64 > limits.max_file_bytes {
        return Err(Error::new(
            Kind::Limit,
            words::file_too_large(bytes.len() as u64, limits.max_file_bytes),
        )
        .at(path));
    }
    Ok(bytes)
}
