//! DICOM files (PS3.10) into studies.

mod attributes;
mod dataset;
pub(crate) mod display;
mod facts;
mod frames;
mod image;
mod jpeg;
mod jpeg2000;
mod jpegls;
mod rle;
mod write;

pub(crate) use attributes::Attributes;
pub(crate) use image::DicomImage;
pub use write::{Projection, Radiograph, radiograph, write_radiograph};

use crate::Limits;
use crate::study::{Source, Study};
use base::words::imaging as words;
use base::{Error, Kind, Note, Result};
use dataset::{Coding, Walker};
use sha2::{Digest, Sha256};
use std::io::Read as _;

/// UID of Implicit VR Little Endian and friends (PS3.6 table A-1).
pub(crate) mod uid {
    pub const IMPLICIT: &str = "1.2.840.10008.1.2";
    pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
    pub const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
    pub const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
    pub const RLE: &str = "1.2.840.10008.1.2.5";
    pub const JPEG: &[&str] = &[
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
    ];
    pub const JPEG_LS: &[&str] = &["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"];
    pub const JPEG_2000: &[&str] = &["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"];
    /// Encapsulated but with native bytes in the fragments (PS3.5 A.4.11).
    pub const ENCAPSULATED: &str = "1.2.840.10008.1.2.1.98";
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Preamble and `DICM`, or a data set that starts with group 2 or 8.
pub(crate) fn looks_like_dicom(bytes: &[u8]) -> bool {
    if bytes.get(128..132) == Some(b"DICM") {
        return true;
    }
    let Some(head) = bytes.get(..8) else { return false };
    let explicit = head[4..6].iter().all(u8::is_ascii_uppercase);
    let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    match head[..4] {
        [2 | 8, 0, _, 0] => explicit || length < bytes.len().min(1 << 16),
        [0, 8, 0, _] => explicit,
        _ => false,
    }
}

/// Media Storage SOP Class UID of a file whose first bytes these are, where its meta information lies
/// among them.
pub(crate) fn class(head: &[u8], limits: &Limits) -> Option<String> {
    let start = if head.get(128..132) == Some(b"DICM") { 132 } else { 0 };
    let little = Coding { big_endian: false, explicit: true };
    let (meta, _) = Walker::new(head, little, limits).meta(start);
    attributes::Attributes::new(&meta, head, little).text(0x0002_0002)
}

/// Reads header and facts; frames later.
pub(crate) fn read(bytes: Vec<u8>, name: &str, limits: &Limits) -> Result<Study> {
    let sha256 = sha256(&bytes);
    let file_bytes = bytes.len() as u64;
    let mut notes = Vec::new();
    let preamble = bytes.get(128..132) == Some(b"DICM");
    if !preamble {
        notes.push(Note::info("no-preamble", words::NO_PREAMBLE));
    }
    let start = if preamble { 132 } else { 0 };
    let little = Coding { big_endian: false, explicit: true };
    let (meta, at) = Walker::new(&bytes, little, limits).meta(start);
    let named = attributes::Attributes::new(&meta, &bytes, little)
        .text(0x0002_0010)
        .map(|uid| uid.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned())
        .filter(|uid| !uid.is_empty());
    if named.is_none() {
        notes.push(Note::warning("no-transfer-syntax", words::NO_TRANSFER_SYNTAX));
    }
    let (bytes, at) = match named.as_deref() {
        Some(uid::DEFLATED) => match inflate(&bytes[at..], limits) {
            Ok(inflated) => (inflated, 0),
            // Some writers name the syntax and do not deflate.
            Err(_) if guess(&bytes, at) == little => (bytes, at),
            Err(error) => return Err(error),
        },
        _ => (bytes, at),
    };
    let coding = match named.as_deref() {
        Some(uid::BIG_ENDIAN) => Coding { big_endian: true, explicit: true },
        Some(uid::IMPLICIT) | None => guess(&bytes, at),
        // The headers themselves are believed where they contradict the file meta.
        Some(_) => Coding { big_endian: false, ..guess(&bytes, at) },
    };
    let (set, stopped) = Walker::new(&bytes, coding, limits).top_level(at)?;
    let image = match DicomImage::new(bytes, set, coding, named, limits, &mut notes) {
        Ok(image) => image,
        // What stopped the walk explains better than what is therefore missing.
        Err(error) => return Err(stopped.unwrap_or(error)),
    };
    if stopped.is_some() {
        notes.push(Note::warning("header-partly-read", words::HEADER_PARTLY));
    }
    let facts = facts::gather(&image, name, file_bytes, sha256, notes);
    Ok(Study { facts, source: Source::Dicom(Box::new(image)) })
}

/// How the element at `at` is written, by its looks.
fn guess(bytes: &[u8], at: usize) -> Coding {
    let head = bytes.get(at..at.saturating_add(8)).unwrap_or(&[0; 8]);
    let explicit = head[4..6].iter().all(u8::is_ascii_uppercase);
    Coding { explicit, big_endian: explicit && head[0] == 0 && head[1] != 0 }
}

fn inflate(deflated: &[u8], limits: &Limits) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let limit = limits.max_total_bytes;
    let inflated = flate2::read::DeflateDecoder::new(deflated)
        .take(limit.saturating_add(1))
        .read_to_end(&mut out);
    if out.len() as u64 > limit {
        return Err(Error::new(Kind::Limit, words::too_many_bytes(out.len() as u64, limit)));
    }
    match inflated {
        Ok(_) => Ok(out),
        Err(error) => {
            Err(Error::new(Kind::BrokenInput, words::decoder("deflate", &error.to_string()))
                .hint(words::COPY_AGAIN))
        }
    }
}
