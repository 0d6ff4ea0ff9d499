//! Made-up radiographs as DICOM files: for the demonstration, benchmarks and tests. There is no
//! patient in them.

use base::words::imaging as words;
use base::{Error, Kind, Result};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use std::path::Path;

/// How the film was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projection {
    /// Posterior to anterior.
    Pa,
    /// Anterior to posterior.
    Ap,
    /// From the side.
    Lateral,
}

/// What goes into the file: one frame, MONOCHROME2, unsigned, 16 bits allocated.
#[derive(Clone, Debug, PartialEq)]
pub struct Radiograph {
    /// Columns, 1 to 65535.
    pub columns: usize,
    /// Rows, 1 to 65535.
    pub rows: usize,
    /// `[rows][columns]`, each below 2^`bits_stored`.
    pub samples: Vec<u16>,
    /// 8 to 16.
    pub bits_stored: u16,
    /// Imager Pixel Spacing: between rows, between columns, in mm.
    pub spacing_mm: Option<(f64, f64)>,
    /// View Position.
    pub view: Projection,
    /// Body Part Examined: `CHEST`.
    pub body_part: String,
    /// Modality: `DX` or `CR`.
    pub modality: String,
    /// MONOCHROME1 instead of MONOCHROME2.
    pub monochrome1: bool,
}

impl Radiograph {
    /// A 12-bit frontal chest film, 0.143 mm a pixel.
    pub fn chest(columns: usize, rows: usize, samples: Vec<u16>) -> Radiograph {
        Radiograph {
            columns,
            rows,
            samples,
            bits_stored: 12,
            spacing_mm: Some((0.143, 0.143)),
            view: Projection::Pa,
            body_part: "CHEST".to_owned(),
            modality: "DX".to_owned(),
            monochrome1: false,
        }
    }
}

/// Writes a [`radiograph`] to a file. Errors as there, and `Io`.
pub fn write_radiograph(path: &Path, film: &Radiograph) -> Result<()> {
    let bytes = radiograph(film).map_err(|error| error.at(path))?;
    let io = |why: std::io::Error| Error::new(Kind::Io, words::cannot_write(&why.to_string()));
    std::fs::write(path, bytes).map_err(|why| io(why).at(path))
}

/// The film as the bytes of a DICOM file, Explicit VR Little Endian. Errors: `Usage` when `film`
/// contradicts itself.
pub fn radiograph(film: &Radiograph) -> Result<Vec<u8>> {
    let expected = film.columns.saturating_mul(film.rows);
    let (Ok(columns), Ok(rows)) = (u16::try_from(film.columns), u16::try_from(film.rows)) else {
        let found = format!("{} × {}", film.columns, film.rows);
        return Err(Error::new(Kind::Usage, words::bad_value("size", "1 to 65535", &found)));
    };
    if film.samples.len() != expected || expected == 0 || !(8..=16).contains(&film.bits_stored) {
        let found = film.samples.len().to_string();
        return Err(Error::new(
            Kind::Usage,
            words::bad_value("samples", &expected.to_string(), &found),
        ));
    }
    let view = match film.view {
        Projection::Pa => "PA",
        Projection::Ap => "AP",
        Projection::Lateral => "LL",
    };
    let photometric = if film.monochrome1 { "MONOCHROME1" } else { "MONOCHROME2" };
    // Derived from the content's size only: the same film gives the same file.
    let instance = format!("2.25.{}{:05}{:05}", 4711, columns, rows);
    let class = uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION;
    let mut object = InMemDicomObject::new_empty();
    let mut text = |tag, vr, value: &str| {
        object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    };
    text(tags::SOP_CLASS_UID, VR::UI, class);
    text(tags::SOP_INSTANCE_UID, VR::UI, &instance);
    text(tags::STUDY_INSTANCE_UID, VR::UI, &format!("{instance}.1"));
    text(tags::SERIES_INSTANCE_UID, VR::UI, &format!("{instance}.2"));
    text(tags::MODALITY, VR::CS, &film.modality);
    text(tags::MANUFACTURER, VR::LO, "made-up");
    text(tags::BODY_PART_EXAMINED, VR::CS, &film.body_part);
    text(tags::VIEW_POSITION, VR::CS, view);
    text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric);
    text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES");
    text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO");
    let half = 1u32 << (film.bits_stored - 1);
    text(tags::WINDOW_CENTER, VR::DS, &half.to_string());
    text(tags::WINDOW_WIDTH, VR::DS, &(2 * half).to_string());
    if let Some((row, column)) = film.spacing_mm {
        text(tags::IMAGER_PIXEL_SPACING, VR::DS, &format!("{row}\\{column}"));
    }
    let mut short = |tag, value: u16| {
        object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    };
    short(tags::SAMPLES_PER_PIXEL, 1);
    short(tags::ROWS, rows);
    short(tags::COLUMNS, columns);
    short(tags::BITS_ALLOCATED, 16);
    short(tags::BITS_STORED, film.bits_stored);
    short(tags::HIGH_BIT, film.bits_stored - 1);
    short(tags::PIXEL_REPRESENTATION, 0);
    let pixels = PrimitiveValue::U16(film.samples.iter().copied().collect());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, pixels));
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid(instance);
    let bug = |why: String| Error::new(Kind::Bug, words::cannot_write(&why));
    let file = object.with_meta(meta).map_err(|error| bug(error.to_string()))?;
    let mut bytes = Vec::with_capacity(film.samples.len() * 2 + 2048);
    file.write_all(&mut bytes).map_err(|error| bug(error.to_string()))?;
    Ok(bytes)
}
