//! A label map as a DICOM segmentation.

use super::elements::{Item, cut};
use super::frames::{self, Frame};
use super::origin::{Origin, SHARED};
use super::segments::{Segment, background, item};
use super::uid::uid;
use super::{LABEL_MAP, SEGMENTATION};
use base::words::seg as words;
use base::{Concept, Error, Kind, Result, Text};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::FileMetaTableBuilder;
use std::collections::BTreeSet;

/// How voxels are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A frame of bits for each structure and slice: what every viewer reads.
    Binary,
    /// A frame of labels for each slice: smaller, for newer viewers.
    LabelMap,
}

/// What made the segmentation.
#[derive(Clone, Debug, PartialEq)]
pub struct Algorithm {
    /// The model.
    pub name: String,
    /// Of its weights: their SHA-256.
    pub version: String,
    /// The program and its version.
    pub source: String,
}

/// A label map on the grid of its series, `[slice][row][column]`, and what its labels mean.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// 0 is background.
    pub voxels: &'a [u16],
    /// Structures; several may share a label.
    pub segments: &'a [Segment],
}

/// How to write it.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Binary or label map.
    pub form: Form,
    /// Version of the program.
    pub software: String,
    /// When, as `2026-01-31T12:30:00Z`.
    pub created: String,
    /// Which of several results of one run, from 1.
    pub number: u16,
    /// Copy the patient's and the study's identifying attributes, so that an archive files the result
    /// beside its images.
    pub with_patient: bool,
}

/// The bytes of a DICOM file; `None` when nothing is marked, for a segmentation has at least one
/// frame.
///
/// Images that name no frame of reference get one that follows from their series.
///
/// Errors: `Refused` when the images have no identifiers to refer to, `Usage` when the
/// labels are not those of the series, `Limit` when the frames do not fit into one file.
pub fn segmentation(
    origin: &Origin,
    labels: &Labels<'_>,
    algorithm: &Algorithm,
    target: &Target,
) -> Result<Option<Vec<u8>>> {
    let [columns, rows] = origin.size;
    let plane = columns * rows;
    let nameless = origin.images.iter().any(|image| image.instance.is_empty());
    if nameless || origin.study.is_empty() || origin.series.is_empty() {
        return Err(Error::new(Kind::Refused, words::NO_REFERENCE));
    }
    if labels.voxels.len() != plane * origin.images.len() || plane == 0 {
        return Err(Error::new(Kind::Usage, words::NOT_OF_THE_SERIES));
    }
    let present = frames::present(labels.voxels, plane);
    let all: BTreeSet<u16> = present.iter().flatten().copied().collect();
    if all.is_empty() {
        return Ok(None);
    }
    let segments = match target.form {
        Form::Binary => structures(labels.segments, &all),
        Form::LabelMap => parts(labels.segments, &all),
    };
    let mut list: Vec<Frame> = Vec::new();
    match target.form {
        Form::Binary => {
            for (segment, (_, labels)) in segments.iter().enumerate() {
                let shown =
                    |slice: &usize| labels.labels.iter().any(|l| present[*slice].contains(l));
                let slices = (0..present.len()).filter(shown);
                list.extend(slices.map(|slice| Frame { segment, slice }));
            }
        }
        Form::LabelMap => {
            let slices = (0..present.len()).filter(|&slice| !present[slice].is_empty());
            list.extend(slices.map(|slice| Frame { segment: 0, slice }));
        }
    }
    if list.is_empty() {
        return Ok(None);
    }
    let wide = all.last().is_some_and(|&label| label > 255);
    let pixels = match target.form {
        Form::Binary => {
            let members: Vec<&[u16]> = segments.iter().map(|(_, s)| &s.labels[..]).collect();
            frames::binary(labels.voxels, plane, &list, &members)
        }
        Form::LabelMap => frames::map(labels.voxels, plane, &list, wide),
    };
    let pixels = pixels.ok_or_else(|| Error::new(Kind::Limit, words::TOO_MANY_FRAMES))?;
    let set = Writer { origin, segments: &segments, frames: &list, algorithm, target, wide };
    set.file(pixels).map(Some)
}

/// Structures that occur, numbered from 1 (PS3.3 C.8.20.2.1).
fn structures(segments: &[Segment], all: &BTreeSet<u16>) -> Vec<(u16, Segment)> {
    let occurs = |segment: &&Segment| segment.labels.iter().any(|label| all.contains(label));
    (1..).zip(segments.iter().filter(occurs).cloned()).collect()
}

/// A segment for every label that occurs, numbered as the label. One that belongs to several
/// structures bears all their names.
fn parts(segments: &[Segment], all: &BTreeSet<u16>) -> Vec<(u16, Segment)> {
    let part = |&label: &u16| {
        let of: Vec<&Segment> = segments.iter().filter(|s| s.labels.contains(&label)).collect();
        let segment = match of[..] {
            [one] => Segment { labels: vec![label], ..one.clone() },
            _ => {
                let name = |get: fn(&Text) -> &str| {
                    of.iter().map(|s| get(&s.name)).collect::<Vec<_>>().join(" + ")
                };
                let name = match of.is_empty() {
                    true => Text::same(format!("label {label}")),
                    false => Text::filled(name(Text::en), name(Text::zh)),
                };
                let colour = of.last().map_or([255; 3], |segment| segment.colour);
                // A part of a region is not the region; the code of a structure of its own holds.
                let alone = of.iter().find(|segment| segment.labels == [label]);
                let code = alone.and_then(|segment| segment.code.clone());
                Segment { labels: vec![label], name, code, colour }
            }
        };
        (label, segment)
    };
    all.iter().map(part).collect()
}

const DERIVATION: Concept = Concept::fixed("DCM", "113076", "Segmentation");
const PURPOSE: Concept =
    Concept::fixed("DCM", "121322", "Source image for image processing operation");

struct Writer<'a> {
    origin: &'a Origin,
    segments: &'a [(u16, Segment)],
    frames: &'a [Frame],
    algorithm: &'a Algorithm,
    target: &'a Target,
    wide: bool,
}

impl Writer<'_> {
    fn file(&self, pixels: Vec<u8>) -> Result<Vec<u8>> {
        let class = match self.target.form {
            Form::Binary => SEGMENTATION,
            Form::LabelMap => LABEL_MAP,
        };
        let seed = self.seed(&pixels);
        let name = |what: &str| uid(&[what.as_bytes(), seed.as_bytes()]);
        let instance = name("instance");
        let mut set = self.general(class, &instance, &name("series"));
        set = self.image(set);
        set = self.dimensions(set, &name("dimension"));
        set = set.items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![self.shared()]);
        let planes: BTreeSet<usize> = self.frames.iter().map(|frame| frame.slice).collect();
        let planes: Vec<usize> = planes.into_iter().collect();
        let frames = self.frames.iter().map(|frame| self.frame(frame, &planes)).collect();
        set = set.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames);
        let length = pixels.len();
        let (vr, value) = match self.wide && self.target.form == Form::LabelMap {
            true => {
                let words =
                    pixels.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
                (VR::OW, PrimitiveValue::U16(words.collect()))
            }
            false => (VR::OB, PrimitiveValue::U8(pixels.into())),
        };
        let mut object = set.0;
        object.put(DataElement::new(tags::PIXEL_DATA, vr, value));
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .media_storage_sop_class_uid(class)
            .media_storage_sop_instance_uid(instance);
        let bug = |why: String| Error::new(Kind::Bug, base::words::imaging::cannot_write(&why));
        let file = object.with_meta(meta).map_err(|error| bug(error.to_string()))?;
        let mut bytes = Vec::with_capacity(length + 1024 * (self.frames.len() + 8));
        file.write_all(&mut bytes).map_err(|error| bug(error.to_string()))?;
        Ok(bytes)
    }

    /// What the identifiers follow from: images, voxels, model, form, time.
    fn seed(&self, pixels: &[u8]) -> String {
        let images: Vec<&[u8]> =
            self.origin.images.iter().map(|image| image.instance.as_bytes()).collect();
        let form = format!("{:?} {}", self.target.form, self.target.number);
        uid(&[
            uid(&images).as_bytes(),
            pixels,
            self.algorithm.name.as_bytes(),
            self.algorithm.version.as_bytes(),
            form.as_bytes(),
            self.target.created.as_bytes(),
        ])
    }

    /// Patient, study, series, equipment, frame of reference, SOP common.
    fn general(&self, class: &str, instance: &str, series: &str) -> Item {
        let (origin, target) = (self.origin, self.target);
        let digits = |part: Option<&str>| -> String {
            part.unwrap_or_default().chars().filter(char::is_ascii_digit).take(8).collect()
        };
        let (date, time) = target.created.split_once('T').unwrap_or((&target.created, ""));
        let (date, time) = (digits(Some(date)), digits(time.get(..8)));
        let reference = match origin.frame_of_reference.is_empty() {
            true => uid(&[b"frame of reference", origin.series.as_bytes()]),
            false => origin.frame_of_reference.clone(),
        };
        let number = origin.series_number.unwrap_or(0).min(9_999_999) * 100;
        let mut set = Item::new()
            .text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192")
            .text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY")
            .text(tags::INSTANCE_CREATION_DATE, VR::DA, &date)
            .text(tags::INSTANCE_CREATION_TIME, VR::TM, &time)
            .text(tags::SOP_CLASS_UID, VR::UI, class)
            .text(tags::SOP_INSTANCE_UID, VR::UI, instance)
            .text(tags::SERIES_DATE, VR::DA, &date)
            .text(tags::SERIES_TIME, VR::TM, &time)
            .text(tags::CONTENT_DATE, VR::DA, &date)
            .text(tags::CONTENT_TIME, VR::TM, &time)
            .text(tags::MODALITY, VR::CS, "SEG")
            .text(tags::MANUFACTURER, VR::LO, "Consilium")
            .text(
                tags::SERIES_DESCRIPTION,
                VR::LO,
                &cut(&format!("{}: {}", words::SERIES.en(), self.algorithm.name), 64),
            )
            .text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Consilium")
            .text(tags::DEVICE_SERIAL_NUMBER, VR::LO, "0")
            .text(tags::SOFTWARE_VERSIONS, VR::LO, &cut(&target.software, 64))
            .text(tags::STUDY_INSTANCE_UID, VR::UI, &origin.study)
            .text(tags::SERIES_INSTANCE_UID, VR::UI, series)
            .text(tags::SERIES_NUMBER, VR::IS, &(number + u64::from(target.number)).to_string())
            .text(tags::INSTANCE_NUMBER, VR::IS, "1")
            .text(tags::FRAME_OF_REFERENCE_UID, VR::UI, &reference)
            .item(tags::REFERENCED_SERIES_SEQUENCE, self.references());
        for (tag, vr) in SHARED {
            // Of these the standard wants all but four to be there, if without a value.
            let optional = [0x0008_1030, 0x0010_0021, 0x0010_1010].contains(&tag);
            let known = origin.patient.0.iter().find(|(at, _)| *at == tag && target.with_patient);
            let (tag, vr) = (Tag((tag >> 16) as u16, tag as u16), vr.parse().unwrap_or(VR::LO));
            set = match known {
                Some((_, text)) => set.text(tag, vr, text),
                None if optional => set,
                None => set.empty(tag, vr),
            };
        }
        set
    }

    /// All images of the series (PS3.3 C.12.2).
    fn references(&self) -> Item {
        let mut seen = BTreeSet::new();
        let images = self.origin.images.iter().filter(|image| seen.insert(&image.instance));
        let images = images.map(|image| {
            Item::new().text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &image.class).text(
                tags::REFERENCED_SOP_INSTANCE_UID,
                VR::UI,
                &image.instance,
            )
        });
        Item::new().items(tags::REFERENCED_INSTANCE_SEQUENCE, images.collect()).text(
            tags::SERIES_INSTANCE_UID,
            VR::UI,
            &self.origin.series,
        )
    }

    /// Image pixel and segmentation image (PS3.3 C.8.20.2).
    fn image(&self, set: Item) -> Item {
        let binary = self.target.form == Form::Binary;
        let bits = match (binary, self.wide) {
            (true, _) => 1,
            (false, false) => 8,
            (false, true) => 16,
        };
        let shared = binary
            && self.segments.iter().enumerate().any(|(at, (_, one))| {
                let others = self.segments[at + 1..].iter();
                others.flat_map(|(_, other)| &other.labels).any(|label| one.labels.contains(label))
            });
        let mut items: Vec<Item> = Vec::new();
        if !binary {
            items.push(background());
        }
        items.extend(self.segments.iter().map(|(number, one)| item(one, *number, self.algorithm)));
        let set = if binary { set } else { set.short(tags::PIXEL_PADDING_VALUE, 0) };
        set.short(tags::SAMPLES_PER_PIXEL, 1)
            .text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
            .text(tags::NUMBER_OF_FRAMES, VR::IS, &self.frames.len().to_string())
            .short(tags::ROWS, self.origin.size[1] as u16)
            .short(tags::COLUMNS, self.origin.size[0] as u16)
            .short(tags::BITS_ALLOCATED, bits)
            .short(tags::BITS_STORED, bits)
            .short(tags::HIGH_BIT, bits - 1)
            .short(tags::PIXEL_REPRESENTATION, 0)
            .text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00")
            .text(tags::SEGMENTATION_TYPE, VR::CS, if binary { "BINARY" } else { "LABELMAP" })
            .text(tags::SEGMENTS_OVERLAP, VR::CS, if shared { "YES" } else { "NO" })
            .items(tags::SEGMENT_SEQUENCE, items)
            .text(tags::CONTENT_LABEL, VR::CS, "SEGMENTATION")
            .text(tags::CONTENT_DESCRIPTION, VR::LO, words::CONTENT.en())
            .empty(tags::CONTENT_CREATOR_NAME, VR::PN)
    }

    /// Frames are counted by segment, then by place along the stack; by place alone in a label map.
    fn dimensions(&self, set: Item, organisation: &str) -> Item {
        let index = |pointer: Tag, group: Tag, label: &str| {
            Item::new()
                .text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organisation)
                .pointer(tags::DIMENSION_INDEX_POINTER, pointer)
                .pointer(tags::FUNCTIONAL_GROUP_POINTER, group)
                .text(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label)
        };
        let mut items = Vec::new();
        if self.target.form == Form::Binary {
            let (pointer, group) =
                (tags::REFERENCED_SEGMENT_NUMBER, tags::SEGMENT_IDENTIFICATION_SEQUENCE);
            items.push(index(pointer, group, "Segment"));
        }
        let (pointer, group) = (tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE);
        items.push(index(pointer, group, "Position"));
        let organisation = Item::new().text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organisation);
        set.item(tags::DIMENSION_ORGANIZATION_SEQUENCE, organisation)
            .items(tags::DIMENSION_INDEX_SEQUENCE, items)
    }

    fn shared(&self) -> Item {
        let origin = self.origin;
        let [between_columns, between_rows] = origin.spacing_mm;
        let measures = Item::new()
            .decimals(tags::SLICE_THICKNESS, &[origin.thickness_mm.unwrap_or(origin.step_mm)])
            .decimals(tags::SPACING_BETWEEN_SLICES, &[origin.step_mm])
            .decimals(tags::PIXEL_SPACING, &[between_rows, between_columns]);
        let orientation =
            Item::new().decimals(tags::IMAGE_ORIENTATION_PATIENT, &origin.orientation);
        Item::new()
            .item(tags::PIXEL_MEASURES_SEQUENCE, measures)
            .item(tags::PLANE_ORIENTATION_SEQUENCE, orientation)
    }

    fn frame(&self, frame: &Frame, planes: &[usize]) -> Item {
        let image = &self.origin.images[frame.slice];
        let place = planes.binary_search(&frame.slice).unwrap_or(0) as u32 + 1;
        let mut source = Item::new()
            .text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &image.class)
            .text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, &image.instance)
            .text(tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES")
            .concept(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, &PURPOSE);
        if let Some(number) = image.frame {
            source = source.text(tags::REFERENCED_FRAME_NUMBER, VR::IS, &number.to_string());
        }
        let derivation = Item::new()
            .item(tags::SOURCE_IMAGE_SEQUENCE, source)
            .concept(tags::DERIVATION_CODE_SEQUENCE, &DERIVATION);
        let position = Item::new().decimals(tags::IMAGE_POSITION_PATIENT, &image.position);
        let number = self.segments.get(frame.segment).map_or(1, |(number, _)| *number);
        let binary = self.target.form == Form::Binary;
        let index = match binary {
            true => vec![u32::from(number), place],
            false => vec![place],
        };
        let content = Item::new().longs(tags::DIMENSION_INDEX_VALUES, &index);
        let item = Item::new()
            .item(tags::DERIVATION_IMAGE_SEQUENCE, derivation)
            .item(tags::FRAME_CONTENT_SEQUENCE, content)
            .item(tags::PLANE_POSITION_SEQUENCE, position);
        if !binary {
            return item;
        }
        let segment = Item::new().short(tags::REFERENCED_SEGMENT_NUMBER, number);
        item.item(tags::SEGMENT_IDENTIFICATION_SEQUENCE, segment)
    }
}
