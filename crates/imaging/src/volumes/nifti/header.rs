//! The headers of NIfTI-1, NIfTI-2 and Analyze 7.5 (nifti1.h, nifti2.h of the NIfTI group).

use super::forms::Forms;
use crate::volumes::parse::Fields;
use base::words::{imaging, volumes as words};
use base::{Error, Kind, Result, VoxelType};

/// Bytes of a NIfTI-1 header (and of Analyze's), and of a NIfTI-2 header.
pub(super) const NIFTI1: usize = 348;
pub(super) const NIFTI2: usize = 540;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Analyze,
    One,
    Two,
}

/// What a voxel is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datatype {
    pub voxel: VoxelType,
    /// 3 for RGB, 4 for RGBA, one after another.
    pub components: usize,
}

/// Header fields as written, in the units of the standard.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub version: Version,
    pub big_endian: bool,
    /// Header and voxels in one file.
    pub single_file: bool,
    /// `dim[1..=dim[0]]`, then ones.
    pub dims: [u64; 7],
    pub datatype: i32,
    pub pixdim: [f64; 8],
    pub vox_offset: f64,
    pub slope: f64,
    pub intercept: f64,
    pub intent: i32,
    pub units: i32,
    pub forms: Forms,
    /// Analyze as SPM writes it: the voxel at the origin, counted from 1.
    pub spm_origin: [f64; 3],
}

/// Version and byte order by length and magic; `None` for anything else.
pub(super) fn recognise(head: &[u8]) -> Option<(Version, bool)> {
    let length: [u8; 4] = head.first_chunk().copied()?;
    if head.len() >= NIFTI2
        && (head[4..].starts_with(b"n+2\0\r\n\x1a\n") || head[4..].starts_with(b"ni2\0\r\n\x1a\n"))
    {
        return Some((Version::Two, u32::from_be_bytes(length) == 540));
    }
    if head.len() < NIFTI1 {
        return None;
    }
    let is_nifti = matches!(&head[344..348], b"n+1\0" | b"ni1\0");
    let big_endian = match length {
        _ if i32::from_le_bytes(length) == 348 => false,
        _ if i32::from_be_bytes(length) == 348 => true,
        // Some writers get the length wrong; the number of axes tells the order then.
        _ if is_nifti => !(1..=7).contains(&i16::from_le_bytes([head[40], head[41]])),
        _ => return None,
    };
    let axes = Fields { bytes: head, big_endian }.i16(40);
    let version = if is_nifti { Version::One } else { Version::Analyze };
    (is_nifti || (1..=7).contains(&axes)).then_some((version, big_endian))
}

impl Header {
    /// Reads the fields. Errors: `BrokenInput` when it is cut short or has no valid axes.
    pub fn parse(head: &[u8]) -> Result<Header> {
        let unknown =
            || Error::new(Kind::Unsupported, words::UNKNOWN_FORMAT).hint(words::KNOWN_FORMATS);
        let (version, big_endian) = recognise(head).ok_or_else(unknown)?;
        let f = Fields { bytes: head, big_endian };
        match version {
            Version::Two => two(f),
            _ => one(f, version),
        }
    }

    /// The type of a voxel. Errors: `Unsupported` by name.
    pub fn voxel_type(&self) -> Result<Datatype> {
        let refuse = |name| {
            Err(Error::new(Kind::Unsupported, words::voxel_type(name)).hint(words::CONVERT_TYPE))
        };
        let plain = |voxel| Ok(Datatype { voxel, components: 1 });
        match self.datatype {
            2 => plain(VoxelType::U8),
            4 => plain(VoxelType::I16),
            8 => plain(VoxelType::I32),
            16 => plain(VoxelType::F32),
            64 => plain(VoxelType::F64),
            256 => plain(VoxelType::I8),
            512 => plain(VoxelType::U16),
            768 => plain(VoxelType::U32),
            1024 => plain(VoxelType::I64),
            1280 => plain(VoxelType::U64),
            128 => Ok(Datatype { voxel: VoxelType::U8, components: 3 }),
            2304 => Ok(Datatype { voxel: VoxelType::U8, components: 4 }),
            1 => refuse("binary (1 bit)"),
            32 => refuse("complex64"),
            1536 => refuse("float128"),
            1792 => refuse("complex128"),
            2048 => refuse("complex256"),
            other => {
                let text = words::voxel_type_unknown(&format!("datatype {other}"));
                Err(Error::new(Kind::BrokenInput, text).hint(words::CONVERT_TYPE))
            }
        }
    }

    /// Where voxels begin: `vox_offset`, or behind the header where that cannot be meant.
    pub fn voxels_at(&self) -> (u64, bool) {
        let header = match self.version {
            Version::Two => NIFTI2 as u64 + 4,
            _ => NIFTI1 as u64 + 4,
        };
        let offset = self.vox_offset;
        if self.single_file && !(offset >= header as f64 - 4.0 && offset < 9e15) {
            // 0 is what some writers leave there.
            return (header, offset != 0.0);
        }
        if !(0.0..9e15).contains(&offset) {
            return (0, true);
        }
        (offset as u64, false)
    }
}

fn one(f: Fields<'_>, version: Version) -> Result<Header> {
    let axes = i64::from(f.i16(40));
    let raw: [i64; 7] = std::array::from_fn(|n| f.i16(42 + 2 * n).into());
    let single = |at: usize| f64::from(f.f32(at));
    let pixdim: [f64; 8] = std::array::from_fn(|n| single(76 + 4 * n));
    let is_nifti = version == Version::One;
    let forms = Forms {
        qform_code: if is_nifti { f.i16(252) } else { 0 },
        sform_code: if is_nifti { f.i16(254) } else { 0 },
        qfac: pixdim[0],
        pixdim: [pixdim[1], pixdim[2], pixdim[3]],
        quaternion: std::array::from_fn(|n| single(256 + 4 * n)),
        offset: std::array::from_fn(|n| single(268 + 4 * n)),
        rows: std::array::from_fn(|row| {
            std::array::from_fn(|column| single(280 + 16 * row + 4 * column))
        }),
        is_double: false,
    };
    let (slope, intercept) = match version {
        Version::Analyze => spm_scale(f),
        _ => (single(112), single(116)),
    };
    Ok(Header {
        version,
        big_endian: f.big_endian,
        single_file: f.bytes[344..].starts_with(b"n+1"),
        dims: dims(axes, raw)?,
        datatype: f.i16(70).into(),
        pixdim,
        vox_offset: single(108),
        slope,
        intercept,
        intent: if is_nifti { f.i16(68).into() } else { 0 },
        units: if is_nifti { f.bytes[123].into() } else { 0 },
        forms,
        spm_origin: std::array::from_fn(|n| f.i16(253 + 2 * n).into()),
    })
}

/// Slope and intercept of an Analyze file as SPM2 means them: from the fields that NIfTI uses too,
/// else from the ranges of stored and of calibrated values (nibabel's `Spm2AnalyzeHeader`).
fn spm_scale(f: Fields<'_>) -> (f64, f64) {
    let slope = f64::from(f.f32(112));
    if slope.is_finite() && slope != 0.0 {
        let intercept = f64::from(f.f32(116));
        return (slope, if intercept.is_finite() { intercept } else { 0.0 });
    }
    let (top, bottom) = (f64::from(f.i32(140)), f64::from(f.i32(144)));
    let (high, low) = (f64::from(f.f32(124)), f64::from(f.f32(128)));
    let (stored, meant) = (top - bottom, high - low);
    if stored == 0.0 || meant == 0.0 || !meant.is_finite() {
        return (0.0, 0.0);
    }
    let slope = meant / stored;
    (slope, low - slope * bottom)
}

fn two(f: Fields<'_>) -> Result<Header> {
    let raw: [i64; 7] = std::array::from_fn(|n| f.i64(24 + 8 * n));
    let pixdim: [f64; 8] = std::array::from_fn(|n| f.f64(104 + 8 * n));
    let code = |at: usize| i16::try_from(f.i32(at)).unwrap_or(0);
    let forms = Forms {
        qform_code: code(344),
        sform_code: code(348),
        qfac: pixdim[0],
        pixdim: [pixdim[1], pixdim[2], pixdim[3]],
        quaternion: std::array::from_fn(|n| f.f64(352 + 8 * n)),
        offset: std::array::from_fn(|n| f.f64(376 + 8 * n)),
        rows: std::array::from_fn(|row| {
            std::array::from_fn(|column| f.f64(400 + 32 * row + 8 * column))
        }),
        is_double: true,
    };
    Ok(Header {
        version: Version::Two,
        big_endian: f.big_endian,
        single_file: f.bytes[4..].starts_with(b"n+2"),
        dims: dims(f.i64(16), raw)?,
        datatype: f.i16(12).into(),
        pixdim,
        vox_offset: f.i64(168) as f64,
        slope: f.f64(176),
        intercept: f.f64(184),
        intent: f.i32(504),
        units: f.i32(500),
        forms,
        spm_origin: [0.0; 3],
    })
}

fn dims(axes: i64, raw: [i64; 7]) -> Result<[u64; 7]> {
    let bad = |field: &str, expected: &str, found: i64| {
        let text = imaging::bad_value(field, expected, &found.to_string());
        Error::new(Kind::BrokenInput, text).hint(imaging::COPY_AGAIN)
    };
    let Some(count) = usize::try_from(axes).ok().filter(|count| (1..=7).contains(count)) else {
        return Err(bad("dim[0]", "1 to 7", axes));
    };
    let mut dims = [1; 7];
    for (n, (to, &from)) in dims.iter_mut().zip(&raw[..count]).enumerate() {
        *to = u64::try_from(from)
            .ok()
            .filter(|&size| size > 0)
            .ok_or_else(|| bad(&format!("dim[{}]", n + 1), "at least 1", from))?;
    }
    Ok(dims)
}
