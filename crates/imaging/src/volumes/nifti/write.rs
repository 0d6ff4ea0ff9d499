//! Volumes as NIfTI files.

use super::{Forms, datatype_code, forms};
use crate::volumes::aside;
use crate::volumes::gzip::GzWriter;
use base::words::imaging as words;
use base::{Error, FrameAxis, Grid, Kind, Result, Volume, VoxelType, each_voxel};
use kernels::Pool;
use std::io::{self, Write};
use std::path::Path;

/// How hard to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `.nii` without compression.
    None,
    /// For images: about as small as nibabel's files, in a fraction of the time.
    Fast,
    /// Smaller, for label maps, which compress well and quickly anyway.
    Small,
}

/// Voxels turned to bytes in one go.
const SLAB: usize = 64 << 10;
/// Largest extent a NIfTI-1 header can say.
const LARGEST_NIFTI1: usize = i16::MAX as usize;

/// Writes a volume as NIfTI-1 (as NIfTI-2 where an extent is above 32767), aside first, then moved
/// into place. Voxels keep their type; qform and sform are both written.
///
/// `forms` are those of the file the volume's grid came from: they are written again as they were,
/// so that every program places the result exactly as it places the original, even a program with
/// another rule (ITK), and even where neither code was set. Without them, or where
/// they do not describe the volume's grid, both forms are made from the affine with code 1 (scanner);
/// a sheared affine has no qform, its code is 0 then.
///
/// The same volume makes the same bytes for any number of threads. Errors: `Io`.
pub fn write(
    path: &Path,
    volume: &Volume,
    forms: Option<&Forms>,
    level: Level,
    pool: &Pool,
) -> Result<()> {
    let header = header(volume, forms).map_err(|error| error.at(path))?;
    aside::write(path, |out| match level {
        Level::None => {
            out.write_all(&header)?;
            voxels(volume, out)
        }
        Level::Fast | Level::Small => {
            let mut packed = GzWriter::new(out, if level == Level::Fast { 2 } else { 4 }, pool)?;
            packed.write_all(&header)?;
            voxels(volume, &mut packed)?;
            packed.finish()
        }
    })
}

/// All voxels as little-endian bytes.
fn voxels(volume: &Volume, out: &mut dyn Write) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(SLAB * 8);
    each_voxel!(volume.voxels(), v => {
        for part in v.chunks(SLAB) {
            bytes.clear();
            bytes.extend(part.iter().flat_map(|x| x.to_le_bytes()));
            out.write_all(&bytes)?;
        }
    });
    Ok(())
}

/// The header and four bytes that say: no extensions.
fn header(volume: &Volume, forms: Option<&Forms>) -> Result<Vec<u8>> {
    let forms = match forms {
        Some(forms) if describes(forms, volume) => *forms,
        _ => Forms::of(volume.affine(), 1, 1),
    };
    let [ni, nj, nk] = volume.size();
    let mut dims = vec![ni, nj, nk];
    if volume.frames() > 1 {
        // Channels are components: NIfTI keeps its fourth axis for time.
        if matches!(volume.frame_axis, FrameAxis::Channels | FrameAxis::Colour) {
            dims.push(1);
        }
        dims.push(volume.frames());
    }
    let wide = dims.iter().any(|&size| size > LARGEST_NIFTI1);
    let step_s = match volume.frame_axis {
        FrameAxis::Time { step_s } => step_s,
        _ => None,
    };
    let kind = volume.voxels().voxel_type();
    let scale = volume.scale.map_or((1.0, 0.0), |scale| (scale.slope, scale.intercept));
    let header = Made { kind, scale, forms, dims, step_s };
    match wide {
        false => Ok(header.one()),
        true => header.two(),
    }
}

/// The forms place the volume where its affine does, by the rule they are read by.
fn describes(forms: &Forms, volume: &Volume) -> bool {
    let affine = match forms {
        _ if forms.sform_code != 0 => forms.sform(),
        _ if forms.qform_code != 0 => forms.qform(),
        _ => forms::by_spacing(volume.size(), forms.pixdim.map(f64::abs), None),
    };
    let step = volume.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
    base::Grid { size: volume.size(), affine }.is_same(volume.grid(), 1e-4 * step)
}

/// Header and four bytes of a 4-D file of 16-bit shares: 65535 is 1. Its grid is `grid`.
pub(super) fn shares_header(grid: &Grid, classes: usize) -> Result<Vec<u8>> {
    let [ni, nj, nk] = grid.size;
    let dims = vec![ni, nj, nk, classes];
    let wide = dims.iter().any(|&size| size > LARGEST_NIFTI1);
    let forms = Forms::of(&grid.affine, 1, 1);
    let scale = (1.0 / f64::from(u16::MAX), 0.0);
    let header = Made { kind: VoxelType::U16, scale, forms, dims, step_s: None };
    if wide { header.two() } else { Ok(header.one()) }
}

struct Made {
    kind: VoxelType,
    /// Slope and intercept.
    scale: (f64, f64),
    forms: Forms,
    dims: Vec<usize>,
    step_s: Option<f64>,
}

impl Made {
    /// Millimetres, and seconds where there is time.
    fn units(&self) -> u8 {
        2 | if self.step_s.is_some() { 8 } else { 0 }
    }

    /// `pixdim[0..8]`.
    fn pixdim(&self) -> [f64; 8] {
        let [dx, dy, dz] = self.forms.pixdim;
        let qfac = if self.forms.qfac == -1.0 { -1.0 } else { 1.0 };
        [qfac, dx, dy, dz, self.step_s.unwrap_or(1.0), 1.0, 1.0, 1.0]
    }

    /// Vectors are named so (NIFTI_INTENT_VECTOR), as ITK writes several components.
    fn intent(&self) -> i16 {
        if self.dims.len() == 5 { 1007 } else { 0 }
    }

    /// nifti1.h.
    fn one(&self) -> Vec<u8> {
        let mut h = vec![0; 352];
        let mut put = |at: usize, bytes: &[u8]| h[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &348i32.to_le_bytes());
        put(38, b"r");
        put(40, &(self.dims.len() as i16).to_le_bytes());
        for n in 0..7 {
            let size = self.dims.get(n).map_or(1, |&size| size as i16);
            put(42 + 2 * n, &size.to_le_bytes());
        }
        let kind = self.kind;
        put(68, &self.intent().to_le_bytes());
        put(70, &datatype_code(kind).to_le_bytes());
        put(72, &(kind.bytes() as i16 * 8).to_le_bytes());
        let mut single = |at: usize, value: f64| put(at, &(value as f32).to_le_bytes());
        for (n, value) in self.pixdim().into_iter().enumerate() {
            single(76 + 4 * n, value);
        }
        single(108, 352.0);
        let (slope, intercept) = self.scale;
        single(112, slope);
        single(116, intercept);
        for n in 0..3 {
            single(256 + 4 * n, self.forms.quaternion[n]);
            single(268 + 4 * n, self.forms.offset[n]);
        }
        for (n, value) in self.forms.rows.iter().flatten().enumerate() {
            single(280 + 4 * n, *value);
        }
        put(123, &[self.units()]);
        put(148, b"Consilium");
        put(252, &self.forms.qform_code.to_le_bytes());
        put(254, &self.forms.sform_code.to_le_bytes());
        put(344, b"n+1\0");
        h
    }

    /// nifti2.h.
    fn two(&self) -> Result<Vec<u8>> {
        let mut h = vec![0; 544];
        let mut put = |at: usize, bytes: &[u8]| h[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &540i32.to_le_bytes());
        put(4, b"n+2\0\r\n\x1a\n");
        let kind = self.kind;
        put(12, &datatype_code(kind).to_le_bytes());
        put(14, &(kind.bytes() as i16 * 8).to_le_bytes());
        put(16, &(self.dims.len() as i64).to_le_bytes());
        for n in 0..7 {
            let size = self.dims.get(n).map_or(Ok(1), |&size| i64::try_from(size));
            let size = size.map_err(|error| {
                Error::new(Kind::Limit, words::cannot_write(&error.to_string()))
            })?;
            put(24 + 8 * n, &size.to_le_bytes());
        }
        let mut double = |at: usize, value: f64| put(at, &value.to_le_bytes());
        for (n, value) in self.pixdim().into_iter().enumerate() {
            double(104 + 8 * n, value);
        }
        let (slope, intercept) = self.scale;
        double(176, slope);
        double(184, intercept);
        for n in 0..3 {
            double(352 + 8 * n, self.forms.quaternion[n]);
            double(376 + 8 * n, self.forms.offset[n]);
        }
        for (n, value) in self.forms.rows.iter().flatten().enumerate() {
            double(400 + 8 * n, *value);
        }
        put(168, &544i64.to_le_bytes());
        put(240, b"Consilium");
        put(344, &i32::from(self.forms.qform_code).to_le_bytes());
        put(348, &i32::from(self.forms.sform_code).to_le_bytes());
        put(500, &i32::from(self.units()).to_le_bytes());
        put(504, &i32::from(self.intent()).to_le_bytes());
        Ok(h)
    }
}
