//! MetaImage: `.mha`, or `.mhd` with `.raw` or `.zraw`, after ITK's description of the format.
//!
//! The world is LPS. `TransformMatrix` holds the cosines of one axis after another.

use super::source::{Packing, Place, Source};
use super::text;
use super::{Scan, finish, gather};
use crate::Limits;
use base::words::{imaging, volumes as words};
use base::{
    Affine, Error, FrameAxis, GeometrySource, Grid, Kind, Note, Result, Volume, VoxelType,
    map_voxels,
};
use std::collections::BTreeMap;
use std::path::Path;

/// Lines of a header.
const MOST_LINES: usize = 1000;
const MOST_AXES: usize = 10;

/// `ObjectType` or `NDims` in the first lines.
pub(super) fn looks_like_metaimage(head: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&head[..head.len().min(400)]);
    let mut lines = start.lines().map(|line| line.split('=').next().unwrap_or("").trim());
    let first = lines.next().unwrap_or("");
    matches!(first, "ObjectType" | "NDims" | "Comment")
        && start.contains('=')
        && (first != "Comment" || lines.any(|key| key == "ObjectType" || key == "NDims"))
}

struct Header(BTreeMap<String, String>);

impl Header {
    fn read(source: &mut Source) -> Result<Header> {
        let mut fields = BTreeMap::new();
        for number in 1..MOST_LINES {
            let Some(line) = source.line()? else { break };
            if line.trim().is_empty() {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                let error = Error::new(Kind::BrokenInput, words::header_line(number));
                return Err(error.hint(imaging::COPY_AGAIN));
            };
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            let last = key == "ElementDataFile";
            fields.insert(key, value);
            if last {
                return Ok(Header(fields));
            }
        }
        Err(Error::new(Kind::BrokenInput, imaging::missing("ElementDataFile"))
            .hint(imaging::COPY_AGAIN))
    }

    fn get(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.0.get(*key)).map(String::as_str)
    }

    fn is_true(&self, keys: &[&str], default: bool) -> bool {
        self.get(keys).map_or(default, |text| text.starts_with(['T', 't', '1']))
    }

    fn numbers(&self, keys: &[&str], count: usize) -> Result<Option<Vec<f64>>> {
        let Some(text) = self.get(keys) else { return Ok(None) };
        let numbers = text::numbers(text).filter(|numbers| numbers.len() >= count);
        numbers.map(Some).ok_or_else(|| bad(keys[0], &format!("{count} numbers"), text))
    }
}

fn bad(key: &str, expected: &str, found: &str) -> Error {
    let found: String = found.chars().take(60).collect();
    Error::new(Kind::BrokenInput, imaging::bad_value(key, expected, &found))
        .hint(imaging::COPY_AGAIN)
}

pub(super) fn read(
    mut source: Source,
    path: &Path,
    beside: Place,
    limits: &Limits,
) -> Result<Scan> {
    let header = Header::read(&mut source)?;
    let mut notes = Vec::new();
    let axes: usize = header
        .get(&["NDims"])
        .and_then(|text| text.parse().ok())
        .filter(|axes| (1..=MOST_AXES).contains(axes))
        .ok_or_else(|| bad("NDims", "1 to 10", header.get(&["NDims"]).unwrap_or("")))?;
    let dims = header.get(&["DimSize"]).unwrap_or("");
    let sizes: Vec<u64> = dims.split_whitespace().filter_map(|v| v.parse().ok()).collect();
    if sizes.len() < axes || sizes.contains(&0) {
        return Err(bad("DimSize", &format!("{axes} numbers above 0"), dims));
    }
    let channels = match header.get(&["ElementNumberOfChannels"]) {
        None => 1,
        Some(text) => text
            .parse::<u64>()
            .ok()
            .filter(|count| (1..=4096).contains(count))
            .ok_or_else(|| bad("ElementNumberOfChannels", "1 to 4096", text))?,
    };
    let kind = voxel_type(header.get(&["ElementType"]).unwrap_or(""))?;
    let mut size = [1; 3];
    for (to, &from) in size.iter_mut().zip(&sizes[..axes]) {
        *to = usize::try_from(from).map_err(|_| bad("DimSize", "less", dims))?;
    }
    let (affine, geometry) = place(&header, axes, &mut notes)?;
    let count = sizes[..axes].iter().try_fold(channels, |a, &b| a.checked_mul(b));
    let count = count.ok_or_else(|| {
        Error::new(Kind::Limit, words::too_large(u128::MAX, limits.max_volume_bytes))
    })?;
    let big_endian = header.is_true(&["BinaryDataByteOrderMSB", "ElementByteOrderMSB"], false);
    let data = match header.get(&["ElementDataFile"]).unwrap_or("") {
        name if name.eq_ignore_ascii_case("LOCAL") => None,
        name if name.starts_with("LIST") || name.contains('%') => {
            let text = words::encoding_refused(&format!("ElementDataFile = {name}"));
            return Err(Error::new(Kind::Unsupported, text).hint(words::CONVERT));
        }
        name => Some(text::file_beside(path, name, beside)?),
    };
    let mut sources = vec![source];
    if let Some(file) = &data {
        sources.push(beside.open(file, limits)?);
    }
    let last = sources.len() - 1;
    let from = &mut sources[last];
    let bytes = count.saturating_mul(kind.bytes() as u64);
    if header.is_true(&["CompressedData"], false) && !from.is_compressed() {
        let is_gzip = from.peek(2)? == [0x1f, 0x8b];
        from.unpack(if is_gzip { Packing::Gzip } else { Packing::Zlib });
    }
    match header.get(&["HeaderSize"]).and_then(|text| text.parse::<i64>().ok()) {
        Some(-1) => {
            from.skip(from.at_most().saturating_sub(bytes))?;
        }
        Some(skip) if skip > 0 && data.is_some() => {
            from.skip(skip as u64)?;
        }
        _ => {}
    }
    let voxels = match header.is_true(&["BinaryData"], true) {
        true => from.voxels(kind, count, big_endian, limits),
        false => text::voxels(from, kind, count, limits),
    };
    let at_data = |error: Error| data.as_ref().map_or(error.clone(), |file| error.at(file));
    let voxels = voxels.map_err(at_data)?;
    sources[last].end(&mut notes)?;
    let spatial: usize = size.iter().product();
    let frames = voxels.len() / spatial.max(1);
    // Channels lie side by side in each voxel; frames lie behind one another.
    let voxels = if channels > 1 {
        let points = [voxels.len() / channels as usize, channels as usize];
        map_voxels!(voxels, v => gather(&v, &points, &[channels as usize, 1]))
    } else {
        voxels
    };
    let axis = if channels > 1 { FrameAxis::Channels } else { FrameAxis::Unknown };
    let volume = Volume::with_frames(Grid { size, affine }, frames, axis, voxels)
        .ok_or_else(|| Error::new(Kind::BrokenInput, words::HEADER_LIES))?;
    finish(path, "MetaImage", sources, big_endian, (volume, geometry), notes)
}

/// The affine; axes the header lacks are unit steps.
fn place(header: &Header, axes: usize, notes: &mut Vec<Note>) -> Result<(Affine, GeometrySource)> {
    let mut direction = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let matrix = header.numbers(&["TransformMatrix", "Rotation", "Orientation"], axes * axes)?;
    let placed = matrix.is_some();
    if let Some(matrix) = matrix {
        for axis in 0..axes.min(3) {
            for row in 0..axes.min(3) {
                direction[row][axis] = matrix[axis * axes + row];
            }
        }
    }
    let mut spacing = [1.0; 3];
    if let Some(given) = header.numbers(&["ElementSpacing", "ElementSize"], axes)? {
        spacing.iter_mut().zip(given).for_each(|(to, v)| *to = v);
    }
    if spacing.iter().any(|&step| step < 0.0) {
        notes.push(Note::warning("spacing-negative", words::NEGATIVE_SPACING));
        spacing = spacing.map(f64::abs);
    }
    let mut origin = [0.0; 3];
    if let Some(given) = header.numbers(&["Offset", "Position", "Origin"], axes)? {
        origin.iter_mut().zip(given).for_each(|(to, v)| *to = v);
    }
    let affine = Affine::from_lps(*Affine::from_parts(direction, spacing, origin).rows());
    if !affine.is_invertible() {
        let error = Error::new(Kind::BrokenInput, words::NO_GEOMETRY);
        return Err(error.hint(words::MEND_GEOMETRY));
    }
    let from = if placed { GeometrySource::MetaImage } else { GeometrySource::SpacingOnly };
    Ok((affine, from))
}

/// MET_LONG has four bytes in every file (metaTypes.h).
fn voxel_type(name: &str) -> Result<VoxelType> {
    Ok(match name.trim_end_matches("_ARRAY") {
        "MET_CHAR" | "MET_ASCII_CHAR" => VoxelType::I8,
        "MET_UCHAR" => VoxelType::U8,
        "MET_SHORT" => VoxelType::I16,
        "MET_USHORT" => VoxelType::U16,
        "MET_INT" | "MET_LONG" => VoxelType::I32,
        "MET_UINT" | "MET_ULONG" => VoxelType::U32,
        "MET_LONG_LONG" => VoxelType::I64,
        "MET_ULONG_LONG" => VoxelType::U64,
        "MET_FLOAT" => VoxelType::F32,
        "MET_DOUBLE" => VoxelType::F64,
        other => {
            let name: String = other.chars().take(40).collect();
            let error = Error::new(Kind::Unsupported, words::voxel_type(&name));
            return Err(error.hint(words::CONVERT_TYPE));
        }
    })
}
