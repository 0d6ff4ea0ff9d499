//! DICOM images into volumes: which belong together, in which order, and on which grid.
//!
//! Slices are sorted by their position along the normal of their planes, never by file name or
//! Instance Number. An uneven stack, missing slices and images that cannot be told apart are refused
//! with the reason; nothing is interpolated. A tilted gantry is kept as what it is, a shear of the
//! affine. Multi-frame objects (Enhanced CT, MR, PET and legacy converted ones) are read frame by
//! frame through their functional groups.

mod group;
mod slice;
mod stack;

use crate::Limits;
use crate::dicom::{DicomImage, display, looks_like_dicom, sha256};
use crate::segmentation::{self, Patient};
use crate::study::{Samples, Source, Study};
use crate::volumes::Scan;
use base::words::series as words;
use base::{
    Error, GeometrySource, Grid, Kind, Laterality, Modality, Note, PatientFacts, Result, Scale,
    Volume, VolumeFacts, Voxels,
};
use kernels::Pool;
use slice::{Slice, Unplaced};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Folders inside folders.
const DEEPEST: usize = 8;

/// Images that belong together, found in a folder or in one file.
#[derive(Clone, Debug)]
pub struct Series {
    /// Modality as the first image has it.
    pub modality: Option<Modality>,
    /// Side of the body as the first image has it.
    pub laterality: Option<Laterality>,
    /// Maker and model of the device.
    pub device: Option<String>,
    /// What may be kept of the patient.
    pub patient: PatientFacts,
    /// Images or frames.
    pub images: usize,
    /// Why they make no volume.
    pub refused: Option<Error>,
    /// No images but something made from them.
    derived: bool,
    name: String,
    files: Vec<PathBuf>,
    stack: Option<stack::Stack>,
}

/// Finds the series of a folder (and of folders in it), or of one file. Other files are passed over;
/// DICOM files that cannot be read are counted in a remark.
///
/// Errors: `Io`, `Limit` when there are too many images. Series that make no volume are no error here:
/// see [`Series::refused`].
pub fn find(path: &Path, limits: &Limits) -> Result<(Vec<Series>, Vec<Note>)> {
    let mut files = Vec::new();
    if path.is_dir() {
        collect(path, 0, limits, &mut files)?;
        files.sort();
    } else {
        files.push(path.to_path_buf());
    }
    let mut slices = Vec::new();
    let mut facts = Vec::new();
    let mut unplaced: Vec<(usize, Unplaced, usize)> = Vec::new();
    let mut unreadable = 0;
    for (number, file) in files.iter().enumerate() {
        let study = match crate::read(file, limits) {
            Ok(study) => study,
            Err(error) if files.len() == 1 => return Err(error),
            Err(error) if error.kind() == Kind::Unsupported => {
                facts.push(Default::default());
                continue;
            }
            Err(_) => {
                unreadable += 1;
                facts.push(Default::default());
                continue;
            }
        };
        let known = &study.facts;
        let device = known.device.clone();
        facts.push((known.modality.clone(), known.laterality, device, known.patient));
        let Source::Dicom(image) = &study.source else { continue };
        if slices.len() + image.frames > limits.max_frames {
            let frames = (slices.len() + image.frames) as u64;
            let text = base::words::imaging::too_many_frames(frames, limits.max_frames);
            return Err(Error::new(Kind::Limit, text).at(path));
        }
        for frame in 0..image.frames {
            match Slice::read(image, number, frame) {
                Ok(slice) => slices.push(slice),
                Err(why) => {
                    // One reason for all frames of a file.
                    unplaced.push((number, why, image.frames));
                    break;
                }
            }
        }
    }
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let of_file = |file: usize, images, stack: Result<_>, derived| {
        let (modality, laterality, device, patient) = facts[file].clone();
        let (name, files) = (name.clone(), files.clone());
        let (stack, refused) = match stack {
            Ok(stack) => (Some(stack), None),
            Err(error) => (None, Some(error)),
        };
        Series {
            modality,
            laterality,
            device,
            patient,
            images,
            refused,
            derived,
            name,
            files,
            stack,
        }
    };
    let groups = group::groups(slices).into_iter();
    let mut found: Vec<Series> =
        groups.map(|group| of_file(group.file, group.images, group.stack, false)).collect();
    for (file, why, images) in unplaced {
        let derived = why == Unplaced::NoImage;
        found.push(of_file(file, images, Err(reason(why)), derived));
    }
    let mut notes = Vec::new();
    if unreadable > 0 {
        notes.push(Note::warning("unreadable-files", words::unreadable_files(unreadable)));
    }
    Ok((found, notes))
}

fn reason(why: Unplaced) -> Error {
    let text = match why {
        Unplaced::Position => words::NO_POSITION,
        Unplaced::Orientation => words::BAD_ORIENTATION,
        Unplaced::Spacing => words::NO_SPACING,
        Unplaced::Colour => words::COLOUR,
        Unplaced::NoImage => words::NO_IMAGE_OBJECT,
    };
    Error::new(Kind::Refused, text).hint(words::GIVE_SERIES)
}

fn collect(folder: &Path, depth: usize, limits: &Limits, files: &mut Vec<PathBuf>) -> Result<()> {
    let io = |error: std::io::Error| {
        let text = base::words::imaging::cannot_read(&error.to_string());
        Error::new(Kind::Io, text).at(folder)
    };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            if depth < DEEPEST {
                collect(&path, depth + 1, limits, files)?;
            }
        } else if is_dicom(&path) {
            files.push(path);
        }
        if files.len() > limits.max_frames {
            let text = base::words::imaging::too_many_frames(files.len() as u64, limits.max_frames);
            return Err(Error::new(Kind::Limit, text).at(folder));
        }
    }
    Ok(())
}

fn is_dicom(path: &Path) -> bool {
    head(path, 256).is_some_and(|head| looks_like_dicom(&head))
}

/// A file's first bytes.
fn head(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(most as usize);
    std::fs::File::open(path).ok()?.take(most).read_to_end(&mut head).ok()?;
    Some(head)
}

/// Reads the one series of a folder, or the volume of one multi-frame file.
///
/// Where there is one volume of several slices, single images beside it (scouts) are left out with a
/// remark. Errors: as [`find`] and [`Series::read`]; `Refused` when there is no volume (with the reason)
/// or more than one (with their list). Segmentations are volumes too, each file its own; in a folder
/// with images they are left out.
pub fn read(path: &Path, limits: &Limits, pool: &Pool) -> Result<Scan> {
    if path.is_file()
        && let Some(study) = segmentation_at(path, limits)?
    {
        return segmentation::scan(&study, limits).map_err(|error| error.at(path));
    }
    let (found, mut notes) = find(path, limits)?;
    let images: usize = found.iter().map(|series| series.images).sum();
    // A series that was refused counts: the user may have meant it.
    let pictures = found.iter().any(|series| !series.derived);
    let meant = |series: &&Series| series.images > 1 && !(pictures && series.derived);
    let mut volumes: Vec<&Series> = found.iter().filter(meant).collect();
    if volumes.is_empty() {
        volumes = found.iter().collect();
    }
    let one = match volumes[..] {
        [] => {
            return Err(Error::new(Kind::Refused, words::NO_IMAGES)
                .hint(words::GIVE_SERIES)
                .at(path));
        }
        [one] => one,
        _ => {
            let list: Vec<String> =
                volumes.iter().take(12).map(|series| series.describe()).collect();
            let text = words::several_series(&list.join("; "));
            return Err(Error::new(Kind::Refused, text).hint(words::CHOOSE_SERIES).at(path));
        }
    };
    if images > one.images {
        notes.push(Note::info("images-left-out", words::left_out(images - one.images)));
    }
    let mut scan = one.read(limits, pool).map_err(|error| error.at(path))?;
    scan.facts.notes.splice(0..0, notes);
    Ok(scan)
}

/// The study of a file that is a segmentation.
fn segmentation_at(path: &Path, limits: &Limits) -> Result<Option<Study>> {
    let head = head(path, 4096).unwrap_or_default();
    let class = crate::dicom::class(&head, limits);
    // Files without meta information are looked into.
    if class.is_some_and(|class| !segmentation::is_class(&class)) {
        return Ok(None);
    }
    let study = match crate::read(path, limits) {
        Ok(study) => study,
        Err(error) if error.kind() == Kind::Unsupported => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = match &study.source {
        Source::Dicom(image) => segmentation::is_segmentation(image),
        Source::Picture(_) => false,
    };
    Ok(found.then_some(study))
}

impl Series {
    /// Size and place of the volume they make.
    pub fn grid(&self) -> Option<&Grid> {
        self.stack.as_ref().map(|stack| &stack.grid)
    }

    /// Modality, images, size: nothing that identifies.
    fn describe(&self) -> String {
        let modality = self.modality.as_ref().map_or("?", Modality::code);
        match self.grid() {
            Some(Grid { size: [i, j, k], .. }) => format!("{modality} {i} × {j} × {k}"),
            None => format!("{modality} {}", self.images),
        }
    }

    /// Decodes the images into a volume. Stored values keep their type where all slices have one type
    /// and one rescale, which becomes the volume's scale; else each slice's rescale is applied and
    /// values are 32-bit floats. Voxel (0, 0, 0) is the first pixel of the first slice along the normal.
    ///
    /// Errors: [`Series::refused`], `Limit`, and what decoding says.
    pub fn read(&self, limits: &Limits, pool: &Pool) -> Result<Scan> {
        let Some(stack) = &self.stack else {
            let none = || Error::new(Kind::Refused, words::NO_IMAGES).hint(words::GIVE_SERIES);
            return Err(self.refused.clone().unwrap_or_else(none));
        };
        let bytes = stack.grid.len().map_or(u128::MAX, |voxels| voxels as u128 * 4);
        if bytes > u128::from(limits.max_volume_bytes) {
            let text = base::words::volumes::too_large(bytes, limits.max_volume_bytes);
            return Err(Error::new(Kind::Limit, text));
        }
        let mut notes = stack.notes.clone();
        let mut all = Assembled::default();
        // Slices of one file are decoded together; a batch of files at a time.
        let files: Vec<&[Slice]> = stack.slices.chunk_by(|a, b| a.file == b.file).collect();
        for batch in files.chunks(pool.threads().max(1) * 2) {
            let slots: Vec<Mutex<Option<Result<Decoded>>>> =
                batch.iter().map(|_| Mutex::new(None)).collect();
            pool.run(batch.len(), |n| {
                let file = &self.files[batch[n][0].file];
                let decoded = decode(file, batch[n], limits).map_err(|error| error.at(file));
                if let Ok(mut slot) = slots[n].lock() {
                    *slot = Some(decoded);
                }
            });
            for slot in slots {
                let lost = || Error::new(Kind::Bug, words::NO_IMAGES);
                all.push(slot.into_inner().ok().flatten().ok_or_else(lost)??);
            }
        }
        if all.mixed {
            notes.push(Note::info("rescaled-by-slice", words::RESCALED));
        }
        if all.monochrome1 {
            notes.push(Note::warning("monochrome1-kept", words::MONOCHROME1));
        }
        let broken = || {
            let text = base::words::volumes::HEADER_LIES;
            Error::new(Kind::BrokenInput, text).hint(words::SEND_AGAIN)
        };
        let scale = all.scale.flatten().filter(|_| !all.mixed);
        let voxels = all.voxels.ok_or_else(broken)?;
        let stored = voxels.voxel_type();
        let mut volume = Volume::new(stack.grid, voxels).ok_or_else(broken)?;
        volume.scale = scale;
        let facts = VolumeFacts {
            name: self.name.clone(),
            format: "DICOM",
            bytes: all.bytes,
            sha256: sha256(all.hashes.join("").as_bytes()),
            compressed: all.compressed,
            big_endian: false,
            stored,
            geometry: GeometrySource::Dicom,
            codes: None,
            modality: self.modality.clone(),
            laterality: self.laterality,
            device: self.device.clone(),
            patient: self.patient,
            images: Some(stack.slices.len()),
            segments: Vec::new(),
            notes,
        };
        let origin = all.study.map(|study| stack.origin(study));
        Ok(Scan { volume, facts, forms: None, origin })
    }
}

/// Frames of one file.
struct Decoded {
    frames: Vec<(Voxels, Option<Scale>)>,
    sha256: String,
    bytes: u64,
    compressed: bool,
    monochrome1: bool,
    study: StudyOf,
}

/// What the series of an image belongs to.
pub(crate) struct StudyOf {
    pub study: String,
    pub series_number: Option<u64>,
    pub patient: Patient,
}

impl StudyOf {
    fn new(image: &DicomImage) -> StudyOf {
        let header = image.attributes();
        StudyOf {
            study: header.text(0x0020_000d).unwrap_or_default(),
            series_number: header.count(0x0020_0011),
            patient: Patient::of(image),
        }
    }
}

fn decode(path: &Path, slices: &[Slice], limits: &Limits) -> Result<Decoded> {
    let study = crate::read(path, limits)?;
    let changed =
        || Error::new(Kind::BrokenInput, base::words::volumes::HEADER_LIES).hint(words::SEND_AGAIN);
    let Source::Dicom(image) = &study.source else { return Err(changed()) };
    let mut frames = Vec::with_capacity(slices.len());
    for slice in slices {
        let frame = image.frame(slice.frame)?;
        if (frame.width(), frame.height(), frame.channels()) != (slice.columns, slice.rows, 1) {
            return Err(changed());
        }
        frames.push(match has_modality_lut(image) {
            true => (Voxels::F32(display::modality(image, &frame, slice.frame)), None),
            false => (voxels(frame.samples), slice.scale),
        });
    }
    Ok(Decoded {
        frames,
        sha256: study.facts.file.sha256.clone(),
        bytes: study.facts.file.bytes,
        compressed: image.is_compressed(),
        monochrome1: study.is_monochrome1(),
        study: StudyOf::new(image),
    })
}

/// Modality LUT Sequence (0028,3000): a table in place of a slope.
fn has_modality_lut(image: &DicomImage) -> bool {
    image.attributes().item(0x0028_3000).is_some()
}

fn voxels(samples: Samples) -> Voxels {
    match samples {
        Samples::U8(v) => Voxels::U8(v),
        Samples::I8(v) => Voxels::I8(v),
        Samples::U16(v) => Voxels::U16(v),
        Samples::I16(v) => Voxels::I16(v),
        Samples::U32(v) => Voxels::U32(v),
        Samples::I32(v) => Voxels::I32(v),
        Samples::F32(v) => Voxels::F32(v),
        Samples::F64(v) => Voxels::F64(v),
    }
}

/// Slices put together so far.
#[derive(Default)]
struct Assembled {
    voxels: Option<Voxels>,
    /// The rescale all slices have in common; `None` before the first.
    scale: Option<Option<Scale>>,
    /// Types or rescales differ: values are floats, each with its own rescale applied.
    mixed: bool,
    hashes: Vec<String>,
    bytes: u64,
    compressed: bool,
    monochrome1: bool,
    study: Option<StudyOf>,
}

impl Assembled {
    fn push(&mut self, decoded: Decoded) {
        self.hashes.push(decoded.sha256);
        self.bytes += decoded.bytes;
        self.compressed |= decoded.compressed;
        self.monochrome1 |= decoded.monochrome1;
        self.study.get_or_insert(decoded.study);
        for (voxels, scale) in decoded.frames {
            let kind = self.voxels.as_ref().map(Voxels::voxel_type);
            let same = kind.is_none_or(|kind| kind == voxels.voxel_type())
                && self.scale.is_none_or(|earlier| earlier == scale);
            if !same && !self.mixed {
                self.mixed = true;
                let earlier = self.scale.flatten();
                self.voxels = self.voxels.take().map(|v| Voxels::F32(applied(&v, earlier)));
            }
            self.scale.get_or_insert(scale);
            let voxels = match self.mixed {
                true => Voxels::F32(applied(&voxels, scale)),
                false => voxels,
            };
            match &mut self.voxels {
                Some(all) => all.append(voxels),
                none => *none = Some(voxels),
            }
        }
    }
}

/// Values after the rescale, computed in 64 bits.
#[allow(clippy::unnecessary_cast)] // one body for every type
fn applied(voxels: &Voxels, scale: Option<Scale>) -> Vec<f32> {
    let scale = scale.unwrap_or(Scale { slope: 1.0, intercept: 0.0 });
    base::each_voxel!(voxels, v => v.iter().map(|&x| scale.apply(x as f64) as f32).collect())
}
