//! What is kept of a header, and that nothing identifying is.
#![allow(clippy::unwrap_used)]

use base::{BodyPart, Modality, SpacingSource, View};
use imaging::dicom::{Projection, Radiograph, write_radiograph};
use imaging::{Limits, Samples, read};

#[test]
fn a_written_film_reads_back() {
    let folder = testkit::temp_dir("facts");
    let samples: Vec<u16> = (0..30 * 20).map(|i| (i * 5 % 1024) as u16).collect();
    let mut film = Radiograph::chest(30, 20, samples.clone());
    (film.bits_stored, film.view, film.monochrome1) = (10, Projection::Ap, true);
    film.spacing_mm = Some((0.15, 0.2));
    let path = folder.join("film.one.dcm");
    write_radiograph(&path, &film).unwrap();
    let study = read(&path, &Limits::default()).unwrap();
    let facts = &study.facts;
    assert_eq!(facts.name, "film.one");
    assert_eq!((facts.modality.clone(), facts.view.clone()), (Some(Modality::Dx), Some(View::Ap)));
    assert_eq!(facts.body_part, Some(BodyPart::Chest));
    assert_eq!((facts.size_px, facts.file.bits), ((30, 20, 1), (16, 10)));
    let spacing = facts.spacing.unwrap();
    assert_eq!((spacing.row.0, spacing.column.0), (0.15, 0.2));
    assert_eq!(spacing.source, SpacingSource::ImagerPixelSpacing);
    assert_eq!(study.frame(0).unwrap().samples(), &Samples::U16(samples));
    assert!(study.is_monochrome1());
    assert_eq!(study.stored_max(), 1023.0);
    assert_eq!(
        study.picture(0).unwrap().data()[0],
        255,
        "air is dark, so 0 of MONOCHROME1 is white"
    );
    assert!(study.frame(1).is_err());
    film.samples.pop();
    assert_eq!(write_radiograph(&path, &film).unwrap_err().kind(), base::Kind::Usage);
}

#[test]
fn names_and_identifiers_stay_outside() {
    // Every character set, each file with a patient's name in it.
    for path in testkit::data_files("dicom/pydicom-charset") {
        let Ok(study) = read(&path, &Limits::default()) else { continue };
        let bytes = std::fs::read(&path).unwrap();
        let text = format!("{:?}", study.facts);
        for tag in [[0x10, 0, 0x10, 0], [0x10, 0, 0x20, 0]] {
            let Some(at) = bytes.windows(4).position(|four| four == tag) else { continue };
            let length = usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]));
            let value = String::from_utf8_lossy(&bytes[at + 8..at + 8 + length]).trim().to_owned();
            assert!(value.len() < 4 || !text.contains(&value), "{}", path.display());
        }
    }
}
