//! Volumes in and out, with true geometry: NIfTI, Analyze, NRRD, MetaImage, MGH, DICOM series.
//!
//! [`read`] decides by content, never by the file's name. Voxels keep the type they are stored in;
//! the affine is RAS+ in millimetres, whatever the format's own convention.

mod aside;
mod details;
mod feed;
mod gzip;
mod inflate;
mod measure;
mod metaimage;
mod mgh;
pub mod nifti;
mod nrrd;
mod nrrd_write;
mod parse;
mod preview;
mod source;
mod surface;
mod text;

pub use details::{Boxes, boxes, details};
pub use measure::{Sums, measure};
pub use nrrd_write::write_nrrd;
pub use preview::{labelled_planes, three_planes};
pub use source::Place;
pub use surface::surfaces;

use crate::Limits;
use base::words::volumes as words;
use base::{Error, GeometrySource, Kind, Note, PatientFacts, Result, Volume, VolumeFacts};
use source::Source;
use std::path::Path;

/// A volume and what is known of its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// Voxels and where they lie.
    pub volume: Volume,
    /// De-identified facts and remarks.
    pub facts: VolumeFacts,
    /// NIfTI's transforms as written, for results on the same grid.
    pub forms: Option<nifti::Forms>,
    /// The DICOM series it was put together from, for results that refer to it.
    pub origin: Option<crate::segmentation::Origin>,
}

/// Reads one volume: a file, a header with the file of the voxels beside it, a DICOM file of several
/// frames, or a folder that holds one DICOM series (see [`crate::series`]).
///
/// Errors: `Io` when it cannot be read, `Limit` when it is larger than `limits` allow,
/// `Unsupported` for what this build cannot read (named), `BrokenInput` when it contradicts itself.
pub fn read(path: &Path, limits: &Limits) -> Result<Scan> {
    read_kind(path, limits).map_err(|error| error.at(path))
}

/// Reads one volume where its files lie, which may be an archive; `path` is what they are called there. DICOM
/// is read from the disk alone.
///
/// Errors: as [`read`].
pub fn read_from(place: Place, path: &Path, limits: &Limits) -> Result<Scan> {
    let read = || {
        let mut source = place.open(path, limits)?;
        let head = source.peek(HEAD)?.to_vec();
        of_source(source, &head, path, place, limits)
    };
    read().map_err(|error| error.at(path))
}

fn read_kind(path: &Path, limits: &Limits) -> Result<Scan> {
    let dicom = || {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        crate::series::read(path, limits, &kernels::Pool::new(threads))
    };
    if path.is_dir() {
        return dicom();
    }
    let mut source = Source::open(path, limits)?;
    let head = source.peek(HEAD)?.to_vec();
    if crate::dicom::looks_like_dicom(&head) {
        return dicom();
    }
    of_source(source, &head, path, Place::Disk, limits)
}

/// Reads what begins with `head`.
fn of_source(
    source: Source,
    head: &[u8],
    path: &Path,
    place: Place,
    limits: &Limits,
) -> Result<Scan> {
    match Format::of(head) {
        Some(Format::Nifti) => nifti::read(source, path, place, limits),
        Some(Format::Nrrd) => nrrd::read(source, path, place, limits),
        Some(Format::MetaImage) => metaimage::read(source, path, place, limits),
        Some(Format::Mgh) => mgh::read(source, path, limits),
        Some(Format::Refused(name)) => {
            Err(Error::new(Kind::Unsupported, words::format_refused(name)).hint(words::CONVERT))
        }
        // The voxels of a pair look like nothing; its header lies beside them.
        None => match nifti::header_beside(path, place) {
            Some(header) => nifti::read(
                place.open(&header, limits).map_err(|e| e.at(&header))?,
                &header,
                place,
                limits,
            ),
            None => {
                Err(Error::new(Kind::Unsupported, words::UNKNOWN_FORMAT).hint(words::KNOWN_FORMATS))
            }
        },
    }
}

/// Bytes that tell a format.
const HEAD: usize = 560;

/// What a file's first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Nifti,
    Nrrd,
    MetaImage,
    Mgh,
    Refused(&'static str),
}

impl Format {
    fn of(head: &[u8]) -> Option<Format> {
        if nifti::looks_like_nifti(head) {
            return Some(Format::Nifti);
        }
        if nrrd::looks_like_nrrd(head) {
            return Some(Format::Nrrd);
        }
        if metaimage::looks_like_metaimage(head) {
            return Some(Format::MetaImage);
        }
        if mgh::looks_like_mgh(head) {
            return Some(Format::Mgh);
        }
        if head.starts_with(b"# === DATA DESCRIPTION FILE")
            || head.starts_with(b"# CLINICAL TRYOUT")
        {
            return Some(Format::Refused("PAR/REC"));
        }
        if head.starts_with(b"CDF\x01") || head.starts_with(b"CDF\x02") {
            return Some(Format::Refused("MINC 1"));
        }
        if head.starts_with(b"\x89HDF\r\n\x1a\n") {
            return Some(Format::Refused("MINC 2 / HDF5"));
        }
        None
    }
}

/// Whether a file's first bytes, decompressed where they are gzip, are those of a volume this
/// program reads; 560 bytes suffice. DICOM is not among them.
pub fn looks_like_volume(head: &[u8]) -> bool {
    match head {
        [0x1f, 0x8b, ..] => {
            let mut plain = vec![0; HEAD];
            let mut decoder = flate2::read::GzDecoder::new(head);
            let read = source::read_up_to(&mut decoder, &mut plain).unwrap_or(0);
            matches!(Format::of(&plain[..read]), Some(format) if !matches!(format, Format::Refused(_)))
        }
        _ => matches!(Format::of(head), Some(format) if !matches!(format, Format::Refused(_))),
    }
}

/// The file's name without `.gz` and its ending.
fn case_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    for ending in [
        ".nii.gz", ".img.gz", ".hdr.gz", ".nii", ".hdr", ".img", ".nrrd", ".nhdr", ".mha", ".mhd",
        ".mgz", ".mgh.gz", ".mgh",
    ] {
        if let Some(stem) = lower.strip_suffix(ending)
            && !stem.is_empty()
        {
            return name[..stem.len()].to_owned();
        }
    }
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Values in another order of axes: `sizes` are the new axes, fastest first, `steps` how far apart in
/// `from` neighbours along each lie.
fn gather<T: Copy>(from: &[T], sizes: &[usize], steps: &[usize]) -> Vec<T> {
    let mut to = Vec::with_capacity(from.len());
    let (Some((&first, outer)), Some((&step, outer_steps))) =
        (sizes.split_first(), steps.split_first())
    else {
        return from.to_vec();
    };
    let mut at = vec![0; outer.len()];
    let mut start = 0;
    for _ in 0..outer.iter().product::<usize>() {
        to.extend((0..first).map(|n| from[start + n * step]));
        for axis in 0..outer.len() {
            at[axis] += 1;
            start += outer_steps[axis];
            if at[axis] < outer[axis] {
                break;
            }
            start -= outer[axis] * outer_steps[axis];
            at[axis] = 0;
        }
    }
    to
}

/// What was read of a volume's files, whatever their format.
fn finish(
    path: &Path,
    format: &'static str,
    sources: Vec<Source>,
    big_endian: bool,
    (volume, geometry): (Volume, GeometrySource),
    mut notes: Vec<Note>,
) -> Result<Scan> {
    remark_on_values(&volume, &mut notes);
    let bytes = sources.iter().map(Source::bytes).sum();
    let compressed = sources.iter().any(Source::is_compressed);
    let digests = sources.into_iter().map(Source::digest).collect::<Result<Vec<_>>>()?;
    let facts = VolumeFacts {
        name: case_name(path),
        format,
        bytes,
        sha256: source::joint_sha256(&digests),
        compressed,
        big_endian,
        stored: volume.voxels().voxel_type(),
        geometry,
        codes: None,
        modality: None,
        laterality: None,
        device: None,
        patient: PatientFacts::default(),
        images: None,
        segments: Vec::new(),
        notes,
    };
    Ok(Scan { volume, facts, forms: None, origin: None })
}

/// NaN and infinite voxels are worth a remark.
fn remark_on_values(volume: &Volume, notes: &mut Vec<Note>) {
    if volume.voxels().voxel_type().is_float() {
        let not_finite = volume.value_range().not_finite;
        if not_finite > 0 {
            notes.push(Note::warning("voxels-not-finite", words::not_finite(not_finite)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_named_without_the_endings_of_its_file() {
        assert_eq!(case_name(Path::new("a/sub-01.T1w.nii.gz")), "sub-01.T1w");
        assert_eq!(case_name(Path::new("x.MHD")), "x");
        assert_eq!(case_name(Path::new(".nii")), ".nii");
        assert_eq!(case_name(Path::new("plain.dat")), "plain");
    }

    #[test]
    fn interleaved_channels_come_apart() {
        let mixed = [1, 10, 2, 20, 3, 30];
        assert_eq!(gather(&mixed, &[3, 2], &[2, 1]), [1, 2, 3, 10, 20, 30]);
        let cube: Vec<usize> = (0..24).collect();
        let turned = gather(&cube, &[4, 2, 3], &[6, 1, 2]);
        assert_eq!(turned[..5], [0, 6, 12, 18, 1]);
        assert_eq!(turned[8], 2);
    }

    #[test]
    fn formats_that_are_refused_are_named() {
        assert_eq!(Format::of(b"CDF\x01...."), Some(Format::Refused("MINC 1")));
        assert!(!looks_like_volume(b"CDF\x01...."));
        assert!(!looks_like_volume(b""));
    }
}
