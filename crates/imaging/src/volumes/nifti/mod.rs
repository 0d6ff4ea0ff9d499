//! NIfTI-1, NIfTI-2 and Analyze 7.5: `.nii`, `.nii.gz`, `.hdr` with `.img`.

mod forms;
mod header;
mod shares;
mod write;

pub use forms::Forms;
pub use shares::SharesWriter;
pub use write::{Level, write};

use super::source::{Place, Source};
use super::{Scan, case_name, finish};
use crate::Limits;
use base::words::{imaging, volumes as words};
use base::{
    Affine, Error, FrameAxis, GeometrySource, Grid, Kind, Note, Result, Scale, Volume, VoxelType,
    Voxels,
};
use header::{Datatype, Header, Version};
use std::path::{Path, PathBuf};

/// Length of the header and magic, or of an Analyze header with a sensible number of axes.
pub(super) fn looks_like_nifti(head: &[u8]) -> bool {
    header::recognise(head).is_some()
}

/// The header of a pair whose other file this is.
pub(super) fn header_beside(path: &Path, place: Place) -> Option<PathBuf> {
    beside(path, place, [".img.gz", ".img"], [".hdr", ".hdr.gz"])
}

/// A file beside this one: one of `endings` taken off, one of `others` put on, in either case.
fn beside(path: &Path, place: Place, endings: [&str; 2], others: [&str; 2]) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let ending = endings.into_iter().find(|ending| lower.ends_with(ending))?;
    let stem = &name[..name.len() - ending.len()];
    let candidates = others.into_iter().flat_map(|o| [o.to_owned(), o.to_ascii_uppercase()]);
    candidates.map(|o| path.with_file_name(format!("{stem}{o}"))).find(|path| place.has(path))
}

/// Reads what `source`, just opened, holds.
pub(super) fn read(mut source: Source, path: &Path, place: Place, limits: &Limits) -> Result<Scan> {
    let header = Header::parse(source.peek(super::HEAD)?)?;
    let mut notes = Vec::new();
    if (3000..3100).contains(&header.intent) {
        return Err(Error::new(Kind::Unsupported, words::MATRIX).hint(words::KNOWN_FORMATS));
    }
    let datatype = header.voxel_type()?;
    let (volume, geometry) = if header.single_file {
        assemble(&mut source, &header, datatype, limits, &mut notes)?
    } else {
        let data = data_file(path, place)?;
        let mut voxels = place.open(&data, limits)?;
        let done = assemble(&mut voxels, &header, datatype, limits, &mut notes);
        let done = done.map_err(|error| error.at(&data))?;
        return scan(vec![source, voxels], path, header, done, notes);
    };
    scan(vec![source], path, header, (volume, geometry), notes)
}

/// The file with the voxels of a pair.
fn data_file(path: &Path, place: Place) -> Result<PathBuf> {
    beside(path, place, [".hdr.gz", ".hdr"], [".img", ".img.gz"]).ok_or_else(|| {
        let stem = case_name(path);
        let names = format!("{stem}.img, {stem}.img.gz");
        Error::new(Kind::BrokenInput, words::no_data_file(&names)).hint(imaging::COPY_AGAIN)
    })
}

/// What was read of the files; Analyze has neither codes nor transforms.
fn scan(
    sources: Vec<Source>,
    path: &Path,
    header: Header,
    volume: (Volume, GeometrySource),
    notes: Vec<Note>,
) -> Result<Scan> {
    let format = match header.version {
        Version::Analyze => "Analyze 7.5",
        Version::One => "NIfTI-1",
        Version::Two => "NIfTI-2",
    };
    let mut scan = finish(path, format, sources, header.big_endian, volume, notes)?;
    if header.version != Version::Analyze {
        scan.facts.codes = Some((header.forms.qform_code, header.forms.sform_code));
        scan.forms = Some(header.forms);
    }
    Ok(scan)
}

/// Voxels and geometry; `source` stands at the beginning of the file with the voxels.
fn assemble(
    source: &mut Source,
    header: &Header,
    datatype: Datatype,
    limits: &Limits,
    notes: &mut Vec<Note>,
) -> Result<(Volume, GeometrySource)> {
    let overflow = || Error::new(Kind::Limit, words::too_large(u128::MAX, limits.max_volume_bytes));
    let size64 = [header.dims[0], header.dims[1], header.dims[2]];
    let mut size = [0; 3];
    for (to, from) in size.iter_mut().zip(size64) {
        *to = usize::try_from(from).map_err(|_| overflow())?;
    }
    let (affine, geometry) = place(header, size, notes)?;
    let factor = datatype.components as u64;
    let count =
        header.dims.iter().try_fold(factor, |a, &b| a.checked_mul(b)).ok_or_else(overflow)?;
    let (offset, odd) = header.voxels_at();
    if odd {
        notes.push(Note::warning("vox-offset", words::VOX_OFFSET));
    }
    if !source.skip(offset)? {
        let text = words::voxels_short(count, 0);
        return Err(Error::new(Kind::BrokenInput, text).hint(imaging::COPY_AGAIN));
    }
    let voxels = source.voxels(datatype.voxel, count, header.big_endian, limits)?;
    source.end(notes)?;
    let voxels = match voxels {
        Voxels::U8(mixed) if datatype.components > 1 => {
            Voxels::U8(apart(&mixed, datatype.components))
        }
        other => other,
    };
    if header.dims[4..].iter().any(|&size| size > 1) {
        notes.push(Note::info("more-than-four-axes", words::MORE_AXES));
    }
    let frames = voxels.len() / size.iter().product::<usize>().max(1);
    let axis = frame_axis(header, datatype, frames);
    let grid = Grid { size, affine };
    let volume = Volume::with_frames(grid, frames, axis, voxels);
    let mut volume = volume.ok_or_else(|| Error::new(Kind::BrokenInput, words::HEADER_LIES))?;
    if datatype.components == 1 {
        volume.scale = scale(header)?;
    }
    Ok((volume, geometry))
}

/// Components that lie side by side in each voxel, one after another.
fn apart(mixed: &[u8], components: usize) -> Vec<u8> {
    let mut planes = Vec::with_capacity(mixed.len());
    for n in 0..components {
        planes.extend(mixed.iter().skip(n).step_by(components));
    }
    planes
}

fn frame_axis(header: &Header, datatype: Datatype, frames: usize) -> FrameAxis {
    // Seconds, milliseconds, microseconds (NIFTI_UNITS_SEC, _MSEC, _USEC).
    let second = match header.units & 0x38 {
        8 => Some(1.0),
        16 => Some(1e-3),
        24 => Some(1e-6),
        _ => None,
    };
    match second {
        _ if datatype.components > 1 => FrameAxis::Colour,
        _ if frames == 1 => FrameAxis::Unknown,
        _ if header.dims[4..].iter().any(|&size| size > 1) => FrameAxis::Channels,
        Some(unit) => {
            let step = header.pixdim[4] * unit;
            FrameAxis::Time { step_s: (step > 0.0 && step.is_finite()).then_some(step) }
        }
        None => FrameAxis::Unknown,
    }
}

/// `scl_slope` and `scl_inter`; a slope of 0 or NaN means none (nifti1.h).
fn scale(header: &Header) -> Result<Option<Scale>> {
    let (slope, intercept) = (header.slope, header.intercept);
    if slope == 0.0 || !slope.is_finite() {
        return Ok(None);
    }
    if !intercept.is_finite() {
        let error = Error::new(Kind::BrokenInput, words::SCALE_BROKEN);
        return Err(error.hint(imaging::COPY_AGAIN));
    }
    Ok((slope != 1.0 || intercept != 0.0).then_some(Scale { slope, intercept }))
}

/// The affine by the rule of [`Forms`], in millimetres.
fn place(
    header: &Header,
    size: [usize; 3],
    notes: &mut Vec<Note>,
) -> Result<(Affine, GeometrySource)> {
    let forms = &header.forms;
    // Metres and micrometres; nibabel leaves lengths as they are, ITK converts them.
    let mm = match header.units & 7 {
        1 => 1000.0,
        3 => 0.001,
        _ => 1.0,
    };
    if mm != 1.0 {
        notes.push(Note::info("units-converted", words::UNITS_CONVERTED));
    }
    let in_mm = |affine: Affine| Affine::new(affine.rows().map(|row| row.map(|v| v * mm)));
    if forms.pixdim.iter().any(|&step| step < 0.0) {
        notes.push(Note::warning("spacing-negative", words::NEGATIVE_SPACING));
    }
    let (has_s, has_q) = (forms.sform_code != 0, forms.qform_code != 0);
    let (sform, qform) = (in_mm(forms.sform()), in_mm(forms.qform()));
    if has_s && sform.is_invertible() {
        let (s, q) = (Grid { size, affine: sform }, Grid { size, affine: qform });
        let step = s.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
        if has_q && !s.is_same(&q, 0.05 * step) {
            notes.push(Note::warning("sform-qform-differ", words::FORMS_DIFFER));
        }
        return Ok((sform, GeometrySource::Sform));
    }
    if has_s {
        notes.push(Note::serious("sform-broken", words::SFORM_BROKEN));
    }
    if has_q && qform.is_invertible() {
        return Ok((qform, GeometrySource::Qform));
    }
    if has_q {
        notes.push(Note::serious("qform-broken", words::QFORM_BROKEN));
    }
    notes.push(match header.version {
        Version::Analyze => Note::warning("analyze-orientation", words::ANALYZE),
        _ => Note::warning("no-orientation", words::NO_FORM),
    });
    let mut spacing = forms.pixdim.map(|step| step.abs() * mm);
    for (step, size) in spacing.iter_mut().zip(size) {
        if !(*step > 0.0 && step.is_finite()) {
            if size > 1 {
                let error = Error::new(Kind::BrokenInput, words::NO_GEOMETRY);
                return Err(error.hint(words::MEND_GEOMETRY));
            }
            *step = 1.0;
            notes.push(Note::info("single-slice-spacing", words::SINGLE_SLICE_SPACING));
        }
    }
    let centre = (header.version == Version::Analyze).then(|| spm_centre(header, size)).flatten();
    Ok((forms::by_spacing(size, spacing, centre), GeometrySource::SpacingOnly))
}

/// SPM's origin of an Analyze file, where it is set and lies near the volume
/// (nibabel's `Spm99AnalyzeHeader.get_origin_affine`).
fn spm_centre(header: &Header, size: [usize; 3]) -> Option<[f64; 3]> {
    let origin = header.spm_origin;
    let near =
        origin.iter().zip(size).all(|(&at, size)| at > -(size as f64) && at < 2.0 * size as f64);
    (near && origin.iter().any(|&at| at != 0.0)).then(|| origin.map(|at| at - 1.0))
}

/// The code of a voxel type in NIfTI.
fn datatype_code(kind: VoxelType) -> i16 {
    match kind {
        VoxelType::U8 => 2,
        VoxelType::I16 => 4,
        VoxelType::I32 => 8,
        VoxelType::F32 => 16,
        VoxelType::F64 => 64,
        VoxelType::I8 => 256,
        VoxelType::U16 => 512,
        VoxelType::U32 => 768,
        VoxelType::I64 => 1024,
        VoxelType::U64 => 1280,
    }
}
