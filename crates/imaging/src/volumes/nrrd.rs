//! NRRD, attached (`.nrrd`) and detached (`.nhdr`), after the format's definition
//! (teem.sourceforge.net/nrrd/format.html).
//!
//! The space says what the numbers of the header mean: RAS, LAS or LPS. A file that names none is taken
//! as LPS, as ITK takes it. Axes without a space direction (vectors, lists, colours) become frames.

use super::source::{Packing, Place, Source};
use super::text;
use super::{Scan, finish};
use crate::Limits;
use base::words::{imaging, volumes as words};
use base::{
    Affine, Error, FrameAxis, GeometrySource, Grid, Kind, Note, Result, Volume, VoxelType, Voxels,
};
use std::path::{Path, PathBuf};

/// `NRRD000` and a digit.
pub(super) fn looks_like_nrrd(head: &[u8]) -> bool {
    head.starts_with(b"NRRD000") && head.get(7).is_some_and(u8::is_ascii_digit)
}

/// Most axes and most lines a header may have.
const MOST_AXES: usize = 16;
const MOST_LINES: usize = 100_000;

#[derive(Default)]
struct Header {
    fields: std::collections::BTreeMap<String, String>,
    /// Names that follow `data file: LIST`.
    files: Vec<String>,
}

impl Header {
    fn read(source: &mut Source) -> Result<Header> {
        let mut header = Header::default();
        source.line()?;
        for number in 2..MOST_LINES {
            let Some(line) = source.line()? else { return Ok(header) };
            if line.is_empty() {
                return Ok(header);
            }
            if line.starts_with('#') {
                continue;
            }
            if header.get("datafile").is_some_and(|names| names.starts_with("LIST")) {
                header.files.push(line.trim().to_owned());
                continue;
            }
            let (colon, equals) = (line.find(": "), line.find(":="));
            // `key:=value` are words between people.
            if equals.is_some() && equals < colon.or(Some(usize::MAX)) {
                continue;
            }
            let Some(at) = line.find(':') else {
                let error = Error::new(Kind::BrokenInput, words::header_line(number));
                return Err(error.hint(imaging::COPY_AGAIN));
            };
            // `data file` and `datafile` are the same field.
            let key = line[..at].to_ascii_lowercase().replace(' ', "");
            header.fields.insert(key, line[at + 1..].trim().to_owned());
        }
        Err(Error::new(Kind::Limit, words::header_line(MOST_LINES)))
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.fields.get(key).map(String::as_str)
    }

    fn must(&self, key: &str) -> Result<&str> {
        self.get(key).ok_or_else(|| {
            Error::new(Kind::BrokenInput, imaging::missing(key)).hint(imaging::COPY_AGAIN)
        })
    }

    fn skip(&self, key: &str) -> Result<i64> {
        self.get(key)
            .map_or(Ok(0), |text| text.parse().map_err(|_| bad(key, "a whole number", text)))
    }
}

fn bad(key: &str, expected: &str, found: &str) -> Error {
    let found: String = found.chars().take(60).collect();
    Error::new(Kind::BrokenInput, imaging::bad_value(key, expected, &found))
        .hint(imaging::COPY_AGAIN)
}

pub(super) fn read(mut source: Source, path: &Path, place: Place, limits: &Limits) -> Result<Scan> {
    let header = Header::read(&mut source)?;
    let mut notes = Vec::new();
    let axes = Axes::read(&header)?;
    let kind = voxel_type(header.must("type")?)?;
    let lies = axes.place(&header, &mut notes)?;
    let encoding = header.must("encoding")?.to_ascii_lowercase();
    let big_endian = match header.get("endian").map(str::to_ascii_lowercase).as_deref() {
        Some("big") => true,
        Some("little") => false,
        None if kind.bytes() == 1 || is_text(&encoding) => false,
        None => return Err(bad("endian", "little or big", "")),
        Some(other) => return Err(bad("endian", "little or big", other)),
    };
    let count = axes.count(limits)?;
    let take = |source: &mut Source, count: u64| {
        unpack(source, &header, &encoding, count.saturating_mul(kind.bytes() as u64))?;
        match is_text(&encoding) {
            true => text::voxels(source, kind, count, limits),
            false => source.voxels(kind, count, big_endian, limits),
        }
    };
    let files = data_files(&header, path, place)?;
    let mut sources = vec![source];
    let voxels = if files.is_empty() {
        let voxels = take(&mut sources[0], count)?;
        sources[0].end(&mut notes)?;
        voxels
    } else {
        // Several files: equal parts along the slowest axis.
        let part = count / files.len() as u64;
        if part * files.len() as u64 != count {
            return Err(bad("sizes", "a multiple of the number of files", &count.to_string()));
        }
        let bytes = u128::from(count) * kind.bytes() as u128;
        if bytes > u128::from(limits.max_volume_bytes) {
            let text = words::too_large(bytes, limits.max_volume_bytes);
            return Err(Error::new(Kind::Limit, text));
        }
        let mut all = Voxels::none(kind);
        for file in &files {
            let mut source = place.open(file, limits)?;
            let voxels = take(&mut source, part).map_err(|error| error.at(file))?;
            source.end(&mut notes)?;
            all.append(voxels);
            sources.push(source);
        }
        all
    };
    let voxels = axes.spatial_first(voxels);
    let volume = Volume::with_frames(lies.0, axes.frames(), axes.frame_axis(&header), voxels)
        .ok_or_else(|| Error::new(Kind::BrokenInput, words::HEADER_LIES))?;
    finish(path, "NRRD", sources, big_endian, (volume, lies.1), notes)
}

fn is_text(encoding: &str) -> bool {
    matches!(encoding, "txt" | "text" | "ascii")
}

/// Leaves `source` where voxels begin, unpacked.
fn unpack(source: &mut Source, header: &Header, encoding: &str, bytes: u64) -> Result<()> {
    for _ in 0..header.skip("lineskip")?.clamp(0, MOST_LINES as i64) {
        source.line()?;
    }
    match encoding {
        "raw" | "txt" | "text" | "ascii" => {}
        // A file that is gzip as a whole was recognised when it was opened.
        "gzip" | "gz" if source.is_compressed() => {}
        "gzip" | "gz" => source.unpack(Packing::Gzip),
        "hex" | "bzip2" | "bz2" | "zrl" => {
            let error = Error::new(Kind::Unsupported, words::encoding_refused(encoding));
            return Err(error.hint(words::CONVERT));
        }
        other => return Err(bad("encoding", "raw, text, gzip", other)),
    }
    let skip = match header.skip("byteskip")? {
        // The voxels are the end of the file.
        -1 if encoding == "raw" => source.at_most().saturating_sub(bytes),
        skip if skip >= 0 => skip as u64,
        skip => {
            return Err(bad(
                "byte skip",
                "-1 with raw encoding, or not negative",
                &skip.to_string(),
            ));
        }
    };
    source.skip(skip)?;
    Ok(())
}

/// Files with voxels beside the header; none for an attached header.
fn data_files(header: &Header, path: &Path, place: Place) -> Result<Vec<PathBuf>> {
    let Some(named) = header.get("datafile") else { return Ok(Vec::new()) };
    if named.starts_with("LIST") {
        if header.files.is_empty() {
            return Err(bad("data file", "names after LIST", ""));
        }
        // `LIST d` with d below the number of axes lays files along several axes; only the slowest is
        // meant by a plain `LIST`.
        return header.files.iter().map(|name| text::file_beside(path, name, place)).collect();
    }
    if named.contains('%') {
        let error = Error::new(Kind::Unsupported, words::encoding_refused("data file: %…"));
        return Err(error.hint(words::CONVERT));
    }
    Ok(vec![text::file_beside(path, named, place)?])
}

fn voxel_type(name: &str) -> Result<VoxelType> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "signed char" | "int8" | "int8_t" => VoxelType::I8,
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => VoxelType::U8,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => {
            VoxelType::I16
        }
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => {
            VoxelType::U16
        }
        "int" | "signed int" | "int32" | "int32_t" => VoxelType::I32,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => VoxelType::U32,
        "longlong"
        | "long long"
        | "long long int"
        | "signed long long"
        | "signed long long int"
        | "int64"
        | "int64_t" => VoxelType::I64,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => {
            VoxelType::U64
        }
        "float" => VoxelType::F32,
        "double" => VoxelType::F64,
        "block" => {
            let error = Error::new(Kind::Unsupported, words::voxel_type("block"));
            return Err(error.hint(words::CONVERT_TYPE));
        }
        other => {
            let name: String = other.chars().take(40).collect();
            let error = Error::new(Kind::BrokenInput, words::voxel_type_unknown(&name));
            return Err(error.hint(words::CONVERT_TYPE));
        }
    })
}

/// The axes as the file has them, fastest first.
struct Axes {
    sizes: Vec<u64>,
    /// Up to three axes that lie in space.
    spatial: Vec<usize>,
    /// The others.
    rest: Vec<usize>,
    /// Space direction of each axis, where given.
    directions: Vec<Option<Vec<f64>>>,
}

impl Axes {
    fn read(header: &Header) -> Result<Axes> {
        let dimension = header.must("dimension")?;
        let count: usize = dimension
            .parse()
            .ok()
            .filter(|count| (1..=MOST_AXES).contains(count))
            .ok_or_else(|| bad("dimension", "1 to 16", dimension))?;
        let text = header.must("sizes")?;
        let sizes: Vec<u64> = text.split_whitespace().filter_map(|v| v.parse().ok()).collect();
        if sizes.len() != count || sizes.contains(&0) {
            return Err(bad("sizes", &format!("{count} numbers above 0"), text));
        }
        let kinds: Vec<&str> =
            header.get("kinds").map(|kinds| kinds.split_whitespace().collect()).unwrap_or_default();
        let directions = match header.get("spacedirections") {
            Some(text) => text::vectors(text)
                .filter(|found| found.len() == count)
                .ok_or_else(|| bad("space directions", &format!("{count} vectors"), text))?,
            None => vec![None; count],
        };
        let placed = directions.iter().any(Option::is_some);
        let in_space = |axis: usize| match placed {
            true => directions[axis].is_some(),
            false => kinds
                .get(axis)
                .is_none_or(|kind| matches!(*kind, "domain" | "space" | "???" | "none")),
        };
        let spatial: Vec<usize> = (0..count).filter(|&axis| in_space(axis)).take(3).collect();
        let rest = (0..count).filter(|axis| !spatial.contains(axis)).collect();
        if spatial.is_empty() {
            return Err(bad("kinds", "an axis in space", header.get("kinds").unwrap_or("")));
        }
        Ok(Axes { sizes, spatial, rest, directions })
    }

    fn count(&self, limits: &Limits) -> Result<u64> {
        self.sizes.iter().try_fold(1u64, |a, &b| a.checked_mul(b)).ok_or_else(|| {
            Error::new(Kind::Limit, words::too_large(u128::MAX, limits.max_volume_bytes))
        })
    }

    fn frames(&self) -> usize {
        // Their product was counted before.
        self.rest.iter().map(|&axis| self.sizes[axis] as usize).product()
    }

    fn frame_axis(&self, header: &Header) -> FrameAxis {
        let kinds = header.get("kinds").unwrap_or("");
        let kind = |axis: usize| kinds.split_whitespace().nth(axis).unwrap_or("").to_lowercase();
        match self.rest[..] {
            [] => FrameAxis::Unknown,
            [axis] if kind(axis) == "time" => FrameAxis::Time { step_s: None },
            [axis] if kind(axis).contains("color") => FrameAxis::Colour,
            // A fourth axis in space is ITK's way to write a series.
            [axis] if self.directions[axis].is_some() => FrameAxis::Unknown,
            _ => FrameAxis::Channels,
        }
    }

    /// Size and affine.
    fn place(&self, header: &Header, notes: &mut Vec<Note>) -> Result<(Grid, GeometrySource)> {
        let mut size = [1; 3];
        for (to, &axis) in size.iter_mut().zip(&self.spatial) {
            *to = usize::try_from(self.sizes[axis])
                .map_err(|_| bad("sizes", "less", &self.sizes[axis].to_string()))?;
        }
        let space = header.get("space").unwrap_or("").to_ascii_lowercase();
        // Signs that bring x and y to RAS+.
        let signs = match space.trim_end_matches("-time") {
            "right-anterior-superior" | "ras" | "rast" => [1.0, 1.0],
            "left-anterior-superior" | "las" | "last" => [-1.0, 1.0],
            "left-posterior-superior" | "lps" | "lpst" => [-1.0, -1.0],
            _ => {
                notes.push(Note::warning("no-space", words::NO_SPACE));
                [-1.0, -1.0]
            }
        };
        let mut rows = [[0.0; 4]; 3];
        let placed = self.spatial.iter().any(|&axis| self.directions[axis].is_some());
        let spacings: Vec<f64> = header
            .get("spacings")
            .map(|text| text.split_whitespace().map(|v| v.parse().unwrap_or(f64::NAN)).collect())
            .unwrap_or_default();
        for column in 0..3 {
            let axis = self.spatial.get(column);
            match axis.and_then(|&axis| self.directions[axis].as_ref()) {
                Some(step) => {
                    rows.iter_mut().zip(step).for_each(|(row, &v)| row[column] = v);
                }
                None => {
                    let given = axis.and_then(|&axis| spacings.get(axis)).copied();
                    // NaN means unknown.
                    rows[column][column] = given.filter(|v| !v.is_nan()).unwrap_or(1.0);
                }
            }
        }
        // Across two axes in a plane of space the third step is at right angles to them, 1 mm.
        if placed && self.spatial.len() == 2 {
            let at = |row: usize, column: usize| rows[row % 3][column];
            let cross: [f64; 3] = std::array::from_fn(|row| {
                at(row + 1, 0) * at(row + 2, 1) - at(row + 2, 0) * at(row + 1, 1)
            });
            let length = cross.iter().map(|v| v * v).sum::<f64>().sqrt();
            if length > 0.0 {
                rows.iter_mut().zip(cross).for_each(|(row, v)| row[2] = v / length);
            }
        }
        if let Some(text) = header.get("spaceorigin") {
            let origin =
                text::vectors(text).and_then(|vectors| vectors.into_iter().next().flatten());
            let origin = origin.ok_or_else(|| bad("space origin", "one vector", text))?;
            rows.iter_mut().zip(origin).for_each(|(row, v)| row[3] = v);
        }
        for (row, sign) in rows.iter_mut().zip(signs) {
            row.iter_mut().for_each(|v| *v *= sign);
        }
        let affine = Affine::new(rows);
        if !affine.is_invertible() {
            let error = Error::new(Kind::BrokenInput, words::NO_GEOMETRY);
            return Err(error.hint(words::MEND_GEOMETRY));
        }
        let from = if placed { GeometrySource::NrrdSpace } else { GeometrySource::SpacingOnly };
        Ok((Grid { size, affine }, from))
    }

    /// Voxels with the axes in space first and fastest, the others behind them.
    fn spatial_first(&self, voxels: Voxels) -> Voxels {
        let order: Vec<usize> = self.spatial.iter().chain(&self.rest).copied().collect();
        if order.iter().enumerate().all(|(n, &axis)| n == axis) {
            return voxels;
        }
        let mut stride = vec![1; self.sizes.len()];
        for axis in 1..self.sizes.len() {
            stride[axis] = stride[axis - 1] * self.sizes[axis - 1] as usize;
        }
        let sizes: Vec<usize> = order.iter().map(|&axis| self.sizes[axis] as usize).collect();
        let steps: Vec<usize> = order.iter().map(|&axis| stride[axis]).collect();
        base::map_voxels!(voxels, v => super::gather(&v, &sizes, &steps))
    }
}
