//! DICOM segmentations of a case that is a DICOM series.

use super::options::VolumeOptions;
use base::words::seg as words;
use base::{Note, Result, VolumeReading};
use imaging::segmentation::{Algorithm, Form, Labels, Origin, Segment, Target, segmentation};
use report::pictures::label_colour;

/// Name of a file and its bytes.
pub(super) type File = (String, Vec<u8>);

/// The segmentations that were asked for; remarks go to the reading. `number` counts the readings
/// from 0. Errors: as [`segmentation`], but images that cannot be referred to are a remark.
pub(super) fn files(
    origin: &Origin,
    labels: &[u16],
    reading: &mut VolumeReading,
    number: usize,
    options: &VolumeOptions,
    created: &str,
) -> Result<Vec<File>> {
    let segments: Vec<Segment> = reading
        .structures
        .iter()
        .map(|structure| Segment {
            labels: structure.labels.clone(),
            name: structure.name.clone(),
            code: structure.code.clone(),
            colour: structure.labels.first().map_or([255; 3], |label| label_colour(*label)),
        })
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    let algorithm = Algorithm {
        name: reading.model.id.clone(),
        version: reading.model.weights_sha256.clone().unwrap_or_else(|| "0".to_owned()),
        source: format!("Consilium {version}"),
    };
    let stem = reading.mask.trim_end_matches(".nii.gz").to_owned();
    let mut files = Vec::new();
    for (place, form) in options.forms.iter().enumerate() {
        let target = Target {
            form: *form,
            software: version.to_owned(),
            created: created.to_owned(),
            number: u16::try_from(number * 2 + place + 1).unwrap_or(u16::MAX),
            with_patient: options.with_patient,
        };
        let voxels = Labels { voxels: labels, segments: &segments };
        let ending = match form {
            Form::Binary => ".dcm",
            Form::LabelMap => "-labelmap.dcm",
        };
        match segmentation(origin, &voxels, &algorithm, &target) {
            Ok(Some(bytes)) => files.push((format!("{stem}{ending}"), bytes)),
            Ok(None) => {
                reading.notes.push(Note::info("no-dicom-segmentation", words::NOTHING_MARKED));
                return Ok(files);
            }
            Err(error) if error.kind() == base::Kind::Refused => {
                let why = error.what().clone();
                reading.notes.push(Note::warning("no-dicom-segmentation", why));
                return Ok(files);
            }
            Err(error) => return Err(error),
        }
    }
    if !files.is_empty() && origin.frame_of_reference.is_empty() {
        let text = words::OWN_FRAME_OF_REFERENCE;
        reading.notes.push(Note::info("own-frame-of-reference", text));
    }
    if !files.is_empty() && !options.with_patient {
        reading.notes.push(Note::info("without-patient", words::WITHOUT_PATIENT));
    }
    reading.files.extend(files.iter().map(|(name, _)| name.clone()));
    Ok(files)
}
