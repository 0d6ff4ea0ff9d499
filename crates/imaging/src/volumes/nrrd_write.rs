//! Volumes as NRRD files.

use super::aside;
use super::gzip::GzWriter;
use base::{Affine, FrameAxis, Result, Volume, VoxelType, Voxels, each_voxel};
use kernels::Pool;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// Voxels turned to bytes in one go.
const SLAB: usize = 64 << 10;

/// Writes a volume as an attached NRRD, aside first, then moved into place: space LPS as ITK and Slicer
/// write it, little endian, `gzip` or `raw`. NRRD has no scaling: a volume with a scale is written as
/// 32-bit floats, scaled. Frames are the last axis, of kind `list`.
///
/// The same volume makes the same bytes for any number of threads. Errors: `Io`.
pub fn write_nrrd(path: &Path, volume: &Volume, compress: bool, pool: &Pool) -> Result<()> {
    let scaled;
    let voxels = match volume.scale {
        None => volume.voxels(),
        Some(_) => {
            let frames = (0..volume.frames()).flat_map(|frame| volume.frame_f32(frame));
            scaled = Voxels::F32(frames.collect());
            &scaled
        }
    };
    let header = header(volume, voxels.voxel_type(), compress);
    aside::write(path, |out| {
        out.write_all(header.as_bytes())?;
        if compress {
            let mut packed = GzWriter::new(out, 4, pool)?;
            bytes(voxels, &mut packed)?;
            packed.finish()
        } else {
            bytes(voxels, out)
        }
    })
}

fn bytes(voxels: &Voxels, out: &mut dyn Write) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(SLAB * 8);
    each_voxel!(voxels, v => {
        for part in v.chunks(SLAB) {
            bytes.clear();
            bytes.extend(part.iter().flat_map(|x| x.to_le_bytes()));
            out.write_all(&bytes)?;
        }
    });
    Ok(())
}

fn header(volume: &Volume, kind: VoxelType, compress: bool) -> String {
    let [ni, nj, nk] = volume.size();
    let frames = volume.frames();
    let mut text = format!("NRRD0004\ntype: {}\n", type_name(kind));
    let _ = match frames {
        1 => writeln!(text, "dimension: 3\nspace: left-posterior-superior\nsizes: {ni} {nj} {nk}"),
        _ => writeln!(
            text,
            "dimension: 4\nspace: left-posterior-superior\nsizes: {ni} {nj} {nk} {frames}"
        ),
    };
    let lps = Affine::new(volume.affine().lps_rows());
    let vector = |[x, y, z]: [f64; 3]| format!("({x},{y},{z})");
    let steps = [0, 1, 2].map(|axis| vector(lps.column(axis))).join(" ");
    let (none, kind_of_frames) = match (frames, volume.frame_axis) {
        (1, _) => ("", ""),
        (_, FrameAxis::Time { .. }) => (" none", " time"),
        _ => (" none", " list"),
    };
    let _ = writeln!(
        text,
        "space directions: {steps}{none}\nkinds: domain domain domain{kind_of_frames}"
    );
    let encoding = if compress { "gzip" } else { "raw" };
    let origin = vector(lps.origin_mm());
    let _ = writeln!(text, "endian: little\nencoding: {encoding}\nspace origin: {origin}\n");
    text
}

fn type_name(kind: VoxelType) -> &'static str {
    match kind {
        VoxelType::U8 => "unsigned char",
        VoxelType::I8 => "signed char",
        VoxelType::U16 => "unsigned short",
        VoxelType::I16 => "short",
        VoxelType::U32 => "unsigned int",
        VoxelType::I32 => "int",
        VoxelType::U64 => "unsigned long long int",
        VoxelType::I64 => "long long int",
        VoxelType::F32 => "float",
        VoxelType::F64 => "double",
    }
}
