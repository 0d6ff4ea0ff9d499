//! DICOM segmentations as volumes: binary ones and label maps as labels, overlapping and fractional
//! ones as a frame for each segment.
//!
//! Slices without a frame are empty (PS3.3 C.8.20.2); the grid reaches from the first frame to the
//! last. Segment numbers are the labels.

use super::{LABEL_MAP, SEGMENTATION};
use crate::Limits;
use crate::dicom::{Attributes, DicomImage};
use crate::study::{Samples, Source, Study};
use crate::volumes::Scan;
use base::words::seg as words;
use base::{
    Affine, Concept, Error, FrameAxis, GeometrySource, Grid, Kind, Note, Result, Scale,
    SegmentCode, SegmentFacts, Text, Volume, VolumeFacts, Voxels,
};
use std::collections::{BTreeMap, BTreeSet};

/// Whether the study is a segmentation.
pub(crate) fn is_segmentation(image: &DicomImage) -> bool {
    image.attributes().text(0x0008_0016).is_some_and(|class| is_class(&class))
}

/// Whether a SOP class is one of segmentations.
pub(crate) fn is_class(class: &str) -> bool {
    class == SEGMENTATION || class == LABEL_MAP
}

/// How far a frame may lie from its place in an even stack, as a share of the step.
const UNEVEN: f64 = 0.1;
/// Frames closer than this lie at one place, mm.
const SAME_PLACE_MM: f64 = 1e-3;

fn broken(what: Text) -> Error {
    Error::new(Kind::BrokenInput, what).hint(words::EXPORT_AGAIN)
}

fn refused(what: Text) -> Error {
    Error::new(Kind::Refused, what).hint(words::EXPORT_AGAIN)
}

/// The volume of a segmentation. Errors: `Refused` for what lies nowhere in the patient or in no even
/// stack, `BrokenInput` for what contradicts itself, `Limit`.
pub(crate) fn scan(study: &Study, limits: &Limits) -> Result<Scan> {
    let Source::Dicom(image) = &study.source else { return Err(broken(words::BAD_TYPE)) };
    let header = image.attributes();
    // Total Pixel Matrix Columns and Rows.
    if header.element(0x0048_0006).is_some() || header.element(0x0048_0007).is_some() {
        return Err(refused(words::SLIDE));
    }
    let form = Form::of(image)?;
    let segments = segments(header)?;
    let numbers: BTreeSet<u16> = segments.iter().map(|segment| segment.number).collect();
    let mut frames = Vec::with_capacity(image.frames);
    for frame in 0..image.frames {
        let segment = match form {
            Form::LabelMap { .. } => None,
            _ => {
                let named = header.group(0x0062_000a, frame).and_then(|g| g.count(0x0062_000b));
                let named = named.and_then(|number| u16::try_from(number).ok());
                Some(
                    named
                        .filter(|n| numbers.contains(n))
                        .ok_or_else(|| broken(words::NO_SEGMENT))?,
                )
            }
        };
        frames.push(Placed { frame, segment, position: position(header, frame)? });
    }
    let stack = Stack::fit(header, image, &frames)?;
    let voxels = stack.grid.len().unwrap_or(usize::MAX) as u128;
    let check = |bytes: u128| {
        let most = limits.max_volume_bytes;
        match bytes > u128::from(most) {
            true => Err(Error::new(Kind::Limit, base::words::volumes::too_large(bytes, most))),
            false => Ok(()),
        }
    };
    check(voxels * 2)?;
    let mut notes = Vec::new();
    let mut segments = segments;
    let volume = match form {
        Form::LabelMap { background } => {
            let mut labels = stack.labels(image, &frames)?;
            move_background(&mut labels, background, &mut segments, &mut notes);
            Volume::new(stack.grid, labels)
        }
        Form::Binary => match stack.joined(image, &frames)? {
            Some(labels) => Volume::new(stack.grid, labels),
            None => {
                check(voxels * segments.len() as u128)?;
                notes.push(Note::info("segments-overlap", words::SEGMENTS_OVERLAP));
                stack.apart(image, &frames, &mut segments)?
            }
        },
        Form::Fractional { most } => {
            check(voxels * segments.len() as u128)?;
            notes.push(Note::info("fractions", words::FRACTIONS));
            let mut volume = stack.apart(image, &frames, &mut segments)?;
            if let Some(volume) = &mut volume {
                volume.scale = Some(Scale { slope: 1.0 / most, intercept: 0.0 });
            }
            volume
        }
    };
    let volume = volume.ok_or_else(|| broken(words::BAD_TYPE))?;
    let file = &study.facts.file;
    let facts = VolumeFacts {
        name: study.facts.name.clone(),
        format: "DICOM SEG",
        bytes: file.bytes,
        sha256: file.sha256.clone(),
        compressed: image.is_compressed(),
        big_endian: false,
        stored: volume.voxels().voxel_type(),
        geometry: GeometrySource::Dicom,
        codes: None,
        modality: study.facts.modality.clone(),
        laterality: study.facts.laterality,
        device: study.facts.device.clone(),
        patient: study.facts.patient,
        images: Some(image.frames),
        segments,
        notes,
    };
    Ok(Scan { volume, facts, forms: None, origin: None })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Binary,
    /// Stored values up to `most` stand for 1.
    Fractional {
        most: f64,
    },
    LabelMap {
        background: u16,
    },
}

impl Form {
    fn of(image: &DicomImage) -> Result<Form> {
        let header = image.attributes();
        if image.channels != 1 || image.signed || image.bits_allocated > 16 {
            return Err(broken(words::BAD_TYPE));
        }
        match header.text(0x0062_0001).as_deref() {
            Some("BINARY") => Ok(Form::Binary),
            Some("FRACTIONAL") if image.bits_allocated == 8 => {
                let most = header.number(0x0062_000e).unwrap_or(255.0);
                match (1.0..=255.0).contains(&most) {
                    true => Ok(Form::Fractional { most }),
                    false => Err(broken(words::BAD_TYPE)),
                }
            }
            Some("LABELMAP") if image.bits_allocated >= 8 => {
                let padding = header.count(0x0028_0120).and_then(|v| u16::try_from(v).ok());
                Ok(Form::LabelMap { background: padding.unwrap_or(0) })
            }
            _ => Err(broken(words::BAD_TYPE)),
        }
    }
}

/// The segment sequence.
fn segments(header: Attributes<'_>) -> Result<Vec<SegmentFacts>> {
    let charset = header.text(0x0008_0005);
    let mut found: Vec<SegmentFacts> = Vec::new();
    let mut seen = BTreeSet::new();
    for n in 0..=usize::from(u16::MAX) {
        let Some(item) = header.nth_item(0x0062_0002, n) else { break };
        let number = item.count(0x0062_0004).and_then(|number| u16::try_from(number).ok());
        let number = number.filter(|number| seen.insert(*number));
        let number = number.ok_or_else(|| broken(words::BAD_SEGMENTS))?;
        let name: String = item
            .local_text(0x0062_0005, charset.as_deref())
            .unwrap_or_default()
            .chars()
            .take(64)
            .collect();
        let kind = item.item(0x0062_000f);
        let code = (|| {
            Some(SegmentCode {
                category: concept(item.item(0x0062_0003)?)?,
                kind: concept(kind?)?,
                modifier: kind?.item(0x0062_0011).and_then(concept),
                region: item.item(0x0008_2218).and_then(concept),
            })
        })();
        let made = item.text(0x0062_0008).unwrap_or_default().chars().take(16).collect();
        found.push(SegmentFacts { number, frame: None, name, code, made });
    }
    if found.is_empty() {
        return Err(broken(words::BAD_SEGMENTS));
    }
    Ok(found)
}

/// A code sequence's item, when it is whole.
fn concept(item: Attributes<'_>) -> Option<Concept> {
    let short = |text: String| text.chars().take(64).collect::<String>();
    let value = item.text(0x0008_0100).or_else(|| item.text(0x0008_0119));
    let value = value.or_else(|| item.text(0x0008_0120))?;
    let meaning = item.text(0x0008_0104).unwrap_or_default();
    Some(Concept::new(short(item.text(0x0008_0102)?), short(value), short(meaning)))
}

/// Background becomes 0; where 0 is a segment, it takes the number that background had.
fn move_background(
    voxels: &mut Voxels,
    background: u16,
    segments: &mut Vec<SegmentFacts>,
    notes: &mut Vec<Note>,
) {
    segments.retain(|segment| segment.number != background);
    if background == 0 {
        return;
    }
    match voxels {
        Voxels::U8(v) => v.iter_mut().for_each(|x| {
            let value = u16::from(*x);
            *x = if value == background {
                0
            } else if value == 0 {
                background as u8
            } else {
                *x
            };
        }),
        Voxels::U16(v) => v.iter_mut().for_each(|x| {
            *x = if *x == background {
                0
            } else if *x == 0 {
                background
            } else {
                *x
            };
        }),
        _ => {}
    }
    segments.iter_mut().filter(|segment| segment.number == 0).for_each(|s| s.number = background);
    notes.push(Note::info("background-moved", words::BACKGROUND_MOVED));
}

/// A frame, its segment, its place (LPS mm).
struct Placed {
    frame: usize,
    segment: Option<u16>,
    position: [f64; 3],
}

fn position(header: Attributes<'_>, frame: usize) -> Result<[f64; 3]> {
    let group = header.group(0x0020_9113, frame);
    let position = group.and_then(|group| group.numbers(0x0020_0032));
    position.and_then(|v| v.first_chunk().copied()).ok_or_else(|| refused(words::UNPLACED))
}

/// Frames in an even stack.
struct Stack {
    grid: Grid,
    /// The slice of every frame.
    slices: Vec<usize>,
}

impl Stack {
    fn fit(header: Attributes<'_>, image: &DicomImage, frames: &[Placed]) -> Result<Stack> {
        let mut orientation: Option<[f64; 6]> = None;
        for frame in 0..frames.len() {
            let group = header.group(0x0020_9116, frame);
            let found = group.and_then(|group| group.numbers(0x0020_0037));
            let found = found.and_then(|v| v.first_chunk::<6>().copied());
            let found = found.ok_or_else(|| refused(words::UNPLACED))?;
            let first = *orientation.get_or_insert(found);
            if first.iter().zip(found).any(|(a, b)| (a - b).abs() > 1e-3) {
                return Err(refused(words::SEVERAL_ORIENTATIONS));
            }
        }
        let Some([a, b, c, d, e, f]) = orientation else { return Err(refused(words::UNPLACED)) };
        let length = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let (row, column) = ([a, b, c], [d, e, f]);
        let normal = [b * f - c * e, c * d - a * f, a * e - b * d];
        if [row, column, normal].iter().any(|v| (length(*v) - 1.0).abs() > 1e-2) {
            return Err(broken(base::words::series::BAD_ORIENTATION));
        }
        let measures = header.group(0x0028_9110, 0);
        let read = |tag| measures.and_then(|group| group.numbers(tag));
        let spacing = read(0x0028_0030).filter(|v| v.len() >= 2 && usable(v[0]) && usable(v[1]));
        let spacing = spacing.ok_or_else(|| broken(base::words::series::NO_SPACING))?;
        let single = |tag| read(tag).and_then(|v| v.first().copied()).filter(|mm| usable(*mm));
        let along = |p: [f64; 3]| p.iter().zip(normal).map(|(p, n)| p * n).sum::<f64>();
        let mut at: Vec<(f64, [f64; 3])> =
            frames.iter().map(|placed| (along(placed.position), placed.position)).collect();
        at.sort_by(|a, b| a.0.total_cmp(&b.0));
        at.dedup_by(|a, b| (a.0 - b.0).abs() < SAME_PLACE_MM);
        let Some(&(start, first)) = at.first() else { return Err(refused(words::UNPLACED)) };
        let last = at[at.len() - 1];
        let gap = at.windows(2).map(|pair| pair[1].0 - pair[0].0).min_by(f64::total_cmp);
        // Slices without frames are left out, so that the smallest distance may be several steps.
        let declared = single(0x0018_0088);
        let fits = |step: f64| {
            at.iter().all(|(p, _)| {
                let n = (p - start) / step;
                (n - n.round()).abs() <= UNEVEN
            })
        };
        let step = match gap {
            None => declared.or_else(|| single(0x0018_0050)).unwrap_or(1.0),
            Some(gap) => [declared, Some(gap), single(0x0018_0050)]
                .into_iter()
                .flatten()
                .find(|step| *step <= gap * (1.0 + UNEVEN) && fits(*step))
                .ok_or_else(|| refused(words::UNEVEN))?,
        };
        let count = ((last.0 - start) / step).round();
        if !(0.0..=100_000.0).contains(&count) {
            return Err(refused(words::UNEVEN));
        }
        let step: [f64; 3] = match count > 0.0 {
            true => std::array::from_fn(|axis| (last.1[axis] - first[axis]) / count),
            false => normal.map(|v| v * step),
        };
        let length_mm = along(step);
        // Every frame lies on the line from the first to the last.
        let slack = (0.1 * spacing[0].min(spacing[1])).max(0.05);
        let mut slices = Vec::with_capacity(frames.len());
        for placed in frames {
            let n = ((along(placed.position) - start) / length_mm).round();
            let off: [f64; 3] =
                std::array::from_fn(|axis| placed.position[axis] - first[axis] - n * step[axis]);
            let across = (length(off).powi(2) - along(off).powi(2)).max(0.0).sqrt();
            if across > slack || !(0.0..=count).contains(&n) {
                return Err(refused(words::UNEVEN));
            }
            slices.push(n as usize);
        }
        let rows = std::array::from_fn(|axis| {
            [row[axis] * spacing[1], column[axis] * spacing[0], step[axis], first[axis]]
        });
        let size = [image.columns, image.rows, count as usize + 1];
        Ok(Stack { grid: Grid { size, affine: Affine::from_lps(rows) }, slices })
    }

    fn plane(&self) -> usize {
        self.grid.size[0] * self.grid.size[1]
    }

    /// A label map's frames, one at a place.
    fn labels(&self, image: &DicomImage, frames: &[Placed]) -> Result<Voxels> {
        let (plane, count) = (self.plane(), self.grid.len().unwrap_or(0));
        let mut taken = vec![false; self.grid.size[2]];
        let background = match Form::of(image)? {
            Form::LabelMap { background } => background,
            _ => 0,
        };
        let mut small =
            vec![background.min(255) as u8; if image.bits_allocated == 8 { count } else { 0 }];
        let mut large = vec![background; if image.bits_allocated == 8 { 0 } else { count }];
        for (placed, &slice) in frames.iter().zip(&self.slices) {
            if std::mem::replace(&mut taken[slice], true) {
                return Err(broken(words::FRAME_TWICE));
            }
            match &image.frame(placed.frame)?.samples {
                Samples::U8(v) if v.len() == plane && !small.is_empty() => {
                    small[slice * plane..(slice + 1) * plane].copy_from_slice(v);
                }
                Samples::U16(v) if v.len() == plane && !large.is_empty() => {
                    large[slice * plane..(slice + 1) * plane].copy_from_slice(v);
                }
                _ => return Err(broken(words::BAD_TYPE)),
            }
        }
        Ok(if image.bits_allocated == 8 { Voxels::U8(small) } else { Voxels::U16(large) })
    }

    /// Binary frames as one label map; `None` when segments overlap.
    fn joined(&self, image: &DicomImage, frames: &[Placed]) -> Result<Option<Voxels>> {
        let plane = self.plane();
        let mut labels = vec![0u16; self.grid.len().unwrap_or(0)];
        let mut taken = BTreeSet::new();
        for (placed, &slice) in frames.iter().zip(&self.slices) {
            let number = placed.segment.unwrap_or(0);
            if !taken.insert((number, slice)) {
                return Err(broken(words::FRAME_TWICE));
            }
            let decoded = image.frame(placed.frame)?;
            let bits = bits(&decoded.samples, plane)?;
            let place = &mut labels[slice * plane..(slice + 1) * plane];
            for (label, _) in place.iter_mut().zip(bits).filter(|(_, bit)| **bit != 0) {
                if *label != 0 && *label != number {
                    return Ok(None);
                }
                *label = number;
            }
        }
        Ok(Some(match labels.iter().all(|label| *label <= 255) {
            true => Voxels::U8(labels.into_iter().map(|label| label as u8).collect()),
            false => Voxels::U16(labels),
        }))
    }

    /// A frame of the volume for each segment, in the order of the sequence.
    fn apart(
        &self,
        image: &DicomImage,
        frames: &[Placed],
        segments: &mut [SegmentFacts],
    ) -> Result<Option<Volume>> {
        let (plane, count) = (self.plane(), self.grid.len().unwrap_or(0));
        let mut places = BTreeMap::new();
        for (place, segment) in segments.iter_mut().enumerate() {
            places.insert(segment.number, place);
            segment.frame = Some(place);
        }
        let mut values = vec![0u8; count.saturating_mul(segments.len())];
        let mut taken = BTreeSet::new();
        for (placed, &slice) in frames.iter().zip(&self.slices) {
            let Some(&place) = placed.segment.as_ref().and_then(|n| places.get(n)) else {
                continue;
            };
            if !taken.insert((place, slice)) {
                return Err(broken(words::FRAME_TWICE));
            }
            let decoded = image.frame(placed.frame)?;
            let start = place * count + slice * plane;
            values[start..start + plane].copy_from_slice(bits(&decoded.samples, plane)?);
        }
        let axis = if segments.len() == 1 { FrameAxis::Unknown } else { FrameAxis::Channels };
        Ok(Volume::with_frames(self.grid, segments.len(), axis, Voxels::U8(values)))
    }
}

fn bits(samples: &Samples, plane: usize) -> Result<&[u8]> {
    match samples {
        Samples::U8(v) if v.len() == plane => Ok(v),
        _ => Err(broken(words::BAD_TYPE)),
    }
}

fn usable(mm: f64) -> bool {
    (1e-4..1e4).contains(&mm)
}
