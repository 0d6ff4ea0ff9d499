//! FreeSurfer's MGH and MGZ (surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat): most
//! significant byte first, direction cosines and the centre of the volume in RAS.

use super::parse::Fields;
use super::source::Source;
use super::{Scan, finish};
use crate::Limits;
use base::words::volumes as words;
use base::{Affine, Error, FrameAxis, GeometrySource, Grid, Kind, Note, Result, Volume, VoxelType};
use std::path::Path;

/// Where voxels begin.
const VOXELS_AT: usize = 284;

/// Version 1, sizes above 0, a known type.
pub(super) fn looks_like_mgh(head: &[u8]) -> bool {
    let f = Fields { bytes: head, big_endian: true };
    head.len() >= VOXELS_AT
        && f.i32(0) == 1
        && (0..4).all(|n| (1..=1 << 24).contains(&f.i32(4 + 4 * n)))
        && (0..=10).contains(&f.i32(20))
}

pub(super) fn read(mut source: Source, path: &Path, limits: &Limits) -> Result<Scan> {
    let head = source.peek(VOXELS_AT)?.to_vec();
    let f = Fields { bytes: &head, big_endian: true };
    let refuse = |name| {
        Err(Error::new(Kind::Unsupported, words::voxel_type(name)).hint(words::CONVERT_TYPE))
    };
    let kind = match f.i32(20) {
        0 => VoxelType::U8,
        1 => VoxelType::I32,
        3 => VoxelType::F32,
        4 => VoxelType::I16,
        10 => VoxelType::U16,
        2 => return refuse("MRI_LONG"),
        5 => return refuse("MRI_BITMAP"),
        6 => return refuse("MRI_TENSOR"),
        _ => return refuse("MRI_OTHER"),
    };
    let mut notes = Vec::new();
    // Each is at most 2^24, as `looks_like_mgh` holds; the product of four may be more than 2^64.
    let dims: [u64; 4] = std::array::from_fn(|n| u64::try_from(f.i32(4 + 4 * n)).unwrap_or(0));
    let size: [usize; 3] = std::array::from_fn(|n| dims[n] as usize);
    let affine = place(f, size, &mut notes)?;
    let count = dims.iter().try_fold(1u64, |a, &b| a.checked_mul(b)).ok_or_else(|| {
        Error::new(Kind::Limit, words::too_large(u128::MAX, limits.max_volume_bytes))
    })?;
    source.take(VOXELS_AT);
    let voxels = source.voxels(kind, count, true, limits)?;
    // Behind the voxels: repetition time in ms, then what does not matter here, and tags.
    let footer = source.peek(4)?.to_vec();
    let repetition_ms = Fields { bytes: &footer, big_endian: true }.f32(0);
    let step_s = (repetition_ms > 0.0 && repetition_ms.is_finite())
        .then_some(f64::from(repetition_ms) / 1000.0);
    let frames = dims[3] as usize;
    let axis = match step_s {
        Some(_) if frames > 1 => FrameAxis::Time { step_s },
        _ => FrameAxis::Unknown,
    };
    let volume = Volume::with_frames(Grid { size, affine }, frames, axis, voxels)
        .ok_or_else(|| Error::new(Kind::BrokenInput, words::HEADER_LIES))?;
    finish(path, "MGH", vec![source], true, (volume, GeometrySource::Mgh), notes)
}

/// The centre is that of voxel size / 2, not (size − 1) / 2 (FreeSurfer's `vox2ras`).
fn place(f: Fields<'_>, size: [usize; 3], notes: &mut Vec<Note>) -> Result<Affine> {
    let single = |at: usize| f64::from(f.f32(at));
    let (spacing, axes, centre);
    if f.i16(28) > 0 {
        spacing = std::array::from_fn(|n| single(30 + 4 * n));
        axes = std::array::from_fn(|n| std::array::from_fn(|row| single(42 + 12 * n + 4 * row)));
        centre = std::array::from_fn(|n| single(78 + 4 * n));
    } else {
        // Coronal slices: left, inferior, anterior (mri.h).
        notes.push(Note::warning("no-orientation", words::NO_RAS));
        spacing = [1.0; 3];
        axes = [[-1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]];
        centre = [0.0; 3];
    }
    let mut rows = [[0.0; 4]; 3];
    for (row, line) in rows.iter_mut().enumerate() {
        line[3] = centre[row];
        for axis in 0..3 {
            line[axis] = axes[axis][row] * spacing[axis];
            line[3] -= line[axis] * size[axis] as f64 / 2.0;
        }
    }
    let affine = Affine::new(rows);
    if !affine.is_invertible() {
        let error = Error::new(Kind::BrokenInput, words::NO_GEOMETRY);
        return Err(error.hint(words::MEND_GEOMETRY));
    }
    Ok(affine)
}
