//! DICOM images become volumes by where they lie, or are refused with the reason.
#![allow(clippy::unwrap_used)]

use base::{Error, Kind, PatientFacts, Scale, Sex, VoxelType};
use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use imaging::volumes::Scan;
use imaging::{Limits, series};
use std::path::Path;

const COLUMNS: usize = 6;
const ROWS: usize = 4;
const AXIAL: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
const CORONAL: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0];

/// One CT or MR image; no patient.
#[derive(Clone)]
struct Image {
    /// Image Position (Patient), LPS mm.
    position: [f64; 3],
    orientation: [f64; 6],
    /// Written into every pixel together with its column and row.
    value: u16,
    rescale: (f64, f64),
    series: &'static str,
    instance: String,
    acquisition: Option<u16>,
    echo: Option<u16>,
    image_type: &'static str,
    spacing: &'static str,
}

impl Image {
    fn at(position: [f64; 3]) -> Image {
        Image {
            position,
            orientation: AXIAL,
            value: (position[2].round() as i64 + 500) as u16 * 100,
            rescale: (1.0, -1024.0),
            series: "2.25.77",
            instance: format!(
                "2.25.{}",
                position.map(|v| format!("{}", (v * 1000.0) as i64 + 10_000_000)).join("")
            ),
            acquisition: None,
            echo: None,
            image_type: "ORIGINAL\\PRIMARY\\AXIAL",
            spacing: "0.5\\0.25",
        }
    }

    fn pixels(value: u16) -> Vec<u16> {
        (0..COLUMNS * ROWS).map(|n| value + n as u16).collect()
    }

    fn object(&self) -> InMemDicomObject {
        let mut o = base_object(&self.instance, self.series, uids::CT_IMAGE_STORAGE);
        let mut text = |tag, vr, value: &str| put_text(&mut o, tag, vr, value);
        text(tags::IMAGE_TYPE, VR::CS, self.image_type);
        text(tags::IMAGE_POSITION_PATIENT, VR::DS, &join(&self.position));
        text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, &join(&self.orientation));
        text(tags::PIXEL_SPACING, VR::DS, self.spacing);
        text(tags::SLICE_THICKNESS, VR::DS, "7");
        text(tags::RESCALE_SLOPE, VR::DS, &self.rescale.0.to_string());
        text(tags::RESCALE_INTERCEPT, VR::DS, &self.rescale.1.to_string());
        if let Some(number) = self.acquisition {
            text(tags::ACQUISITION_NUMBER, VR::IS, &number.to_string());
        }
        if let Some(number) = self.echo {
            text(tags::ECHO_NUMBERS, VR::IS, &number.to_string());
        }
        put_pixels(&mut o, Image::pixels(self.value));
        o
    }
}

fn base_object(instance: &str, series: &str, class: &str) -> InMemDicomObject {
    let mut o = InMemDicomObject::new_empty();
    put_text(&mut o, tags::SOP_CLASS_UID, VR::UI, class);
    put_text(&mut o, tags::SOP_INSTANCE_UID, VR::UI, instance);
    put_text(&mut o, tags::SERIES_INSTANCE_UID, VR::UI, series);
    put_text(&mut o, tags::MODALITY, VR::CS, "CT");
    put_text(&mut o, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::ROWS, ROWS as u16),
        (tags::COLUMNS, COLUMNS as u16),
        (tags::BITS_ALLOCATED, 16),
        (tags::BITS_STORED, 16),
        (tags::HIGH_BIT, 15),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        o.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }
    o
}

fn join(numbers: &[f64]) -> String {
    numbers.iter().map(|v| v.to_string()).collect::<Vec<_>>().join("\\")
}

fn put_text(o: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    o.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

fn put_pixels(o: &mut InMemDicomObject, pixels: Vec<u16>) {
    o.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
}

fn save(o: InMemDicomObject, path: &Path) {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(uids::CT_IMAGE_STORAGE)
        .media_storage_sop_instance_uid("2.25.1");
    o.with_meta(meta).unwrap().write_to_file(path).unwrap();
}

/// Writes images under names that sort against their positions and reads the folder.
fn read(images: &[Image]) -> Result<Scan, Error> {
    let folder = testkit::temp_dir("series");
    for (n, image) in images.iter().enumerate() {
        save(image.object(), &folder.join(format!("{:04}.dcm", 9999 - n)));
    }
    series::read(folder.path(), &Limits::default(), &kernels::Pool::new(2))
}

fn refusal(images: &[Image]) -> String {
    let error = read(images).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    assert!(!error.what().zh().is_empty() && error.hint_text().is_some());
    error.what().en().to_owned()
}

fn codes(scan: &Scan) -> Vec<&'static str> {
    scan.facts.notes.iter().map(|note| note.code).collect()
}

fn axial(count: usize) -> Vec<Image> {
    (0..count).map(|n| Image::at([-10.0, 20.0, 30.0 + 2.5 * n as f64])).collect()
}

#[test]
fn slices_are_sorted_by_position_whatever_they_are_called() {
    let mut images = axial(5);
    images.swap(1, 3);
    let scan = read(&images).unwrap();
    let volume = &scan.volume;
    assert_eq!(volume.size(), [COLUMNS, ROWS, 5]);
    // Pixel Spacing is rows first: 0.5 mm between rows, 0.25 mm between columns.
    assert_eq!(volume.spacing_mm(), [0.25, 0.5, 2.5]);
    assert_eq!(volume.orientation().to_string(), "LPS");
    assert_eq!(volume.affine().origin_mm(), [10.0, -20.0, 30.0]);
    assert_eq!(volume.affine().apply([2.0, 1.0, 4.0]), [9.5, -20.5, 40.0]);
    assert_eq!(volume.voxels().voxel_type(), VoxelType::U16);
    assert_eq!(volume.scale, Some(Scale { slope: 1.0, intercept: -1024.0 }));
    for k in 0..5 {
        let value = (30.0 + 2.5 * k as f64).round() + 500.0;
        let at = volume.index([1, 2, k], 0);
        assert_eq!(volume.value(at), Some(value * 100.0 + 13.0 - 1024.0), "slice {k}");
    }
    assert!(codes(&scan).is_empty(), "{:?}", codes(&scan));
    assert_eq!((scan.facts.format, scan.facts.images), ("DICOM", Some(5)));
    // The order in which files were found does not show.
    images.reverse();
    assert_eq!(read(&images).unwrap().volume, *volume);
}

#[test]
fn oblique_slices_keep_their_directions() {
    let (c, s) = (0.8, 0.6);
    let orientation = [1.0, 0.0, 0.0, 0.0, c, s];
    let images: Vec<Image> = (0..4)
        .map(|n| {
            let along = 3.0 * f64::from(n);
            let mut image = Image::at([5.0, 6.0 - s * along, 7.0 + c * along]);
            image.orientation = orientation;
            image
        })
        .collect();
    let scan = read(&images).unwrap();
    assert!(codes(&scan).is_empty(), "{:?}", codes(&scan));
    let found = scan.volume.affine().apply([0.0, 2.0, 3.0]);
    let wanted = [-5.0, -(6.0 - s * 9.0 + c * 1.0), 7.0 + c * 9.0 + s * 1.0];
    assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?} {wanted:?}");
    assert!(scan.volume.affine().skew() < 1e-12);
}

#[test]
fn a_tilted_gantry_stays_a_shear() {
    let tilt = 12f64.to_radians();
    let images: Vec<Image> = (0..6)
        .map(|n| {
            let mut image = Image::at([0.0, 0.0, 5.0 * f64::from(n)]);
            image.orientation = [1.0, 0.0, 0.0, 0.0, tilt.cos(), tilt.sin()];
            image
        })
        .collect();
    let scan = read(&images).unwrap();
    assert_eq!(codes(&scan), ["gantry-tilt"]);
    assert!((scan.volume.affine().skew() - tilt.sin()).abs() < 1e-6);
    let last = scan.volume.affine().apply([0.0, 0.0, 5.0]);
    assert!(last.iter().zip([0.0, 0.0, 25.0]).all(|(a, b)| (a - b).abs() < 1e-9));
}

#[test]
fn gaps_are_refused_and_said_where() {
    let mut images = axial(10);
    images.remove(4);
    images.remove(4);
    let why = refusal(&images);
    assert!(why.contains("2 slices are missing") && why.contains("40.00 mm"), "{why}");
    let mut uneven = axial(6);
    uneven[3].position[2] += 1.1;
    assert!(refusal(&uneven).contains("uneven"), "{}", refusal(&uneven));
    let mut slightly = axial(6);
    slightly[3].position[2] += 0.1;
    assert_eq!(codes(&read(&slightly).unwrap()), ["slightly-uneven"]);
    let mut aside = axial(6);
    aside[3].position[0] += 3.0;
    assert!(refusal(&aside).contains("one line"));
}

#[test]
fn an_image_that_lies_there_twice_is_used_once() {
    let mut images = axial(4);
    images.push(images[2].clone());
    let scan = read(&images).unwrap();
    assert_eq!(scan.volume.size()[2], 4);
    assert_eq!(codes(&scan), ["duplicates-dropped"]);
    // Another image at the same place that nothing tells apart.
    images[4].instance.push('7');
    let why = refusal(&images);
    assert!(why.starts_with("1 images lie"), "{why}");
}

#[test]
fn acquisitions_and_echoes_of_one_place_come_apart() {
    for mark in [
        (|image: &mut Image, n: u16| image.acquisition = Some(n)) as fn(&mut Image, u16),
        |image, n| image.echo = Some(n),
        |image, n| {
            image.image_type = ["ORIGINAL\\PRIMARY\\M", "ORIGINAL\\PRIMARY\\P"][usize::from(n)]
        },
        |image, n| image.series = ["2.25.8", "2.25.9"][usize::from(n)],
    ] {
        let mut images = Vec::new();
        for n in 0..2 {
            for mut image in axial(5) {
                mark(&mut image, n);
                image.instance.push_str(&n.to_string());
                images.push(image);
            }
        }
        let folder = testkit::temp_dir("several");
        for (n, image) in images.iter().enumerate() {
            save(image.object(), &folder.join(format!("{n}.dcm")));
        }
        let (found, notes) = series::find(folder.path(), &Limits::default()).unwrap();
        assert!(notes.is_empty());
        assert_eq!(found.len(), 2);
        for series in &found {
            assert!(series.refused.is_none());
            let scan = series.read(&Limits::default(), &kernels::Pool::new(1)).unwrap();
            assert_eq!(scan.volume.size()[2], 5);
        }
        let why = refusal(&images);
        assert!(why.contains("more than one series") && why.contains("CT 6 × 4 × 5"), "{why}");
    }
    // Two acquisitions one behind the other are one volume.
    let mut behind = axial(8);
    behind.iter_mut().enumerate().for_each(|(n, image)| image.acquisition = Some(n as u16 / 4));
    assert_eq!(read(&behind).unwrap().volume.size()[2], 8);
}

#[test]
fn a_scout_is_left_out_and_two_orientations_are_two_volumes() {
    let mut images = axial(5);
    let mut scout = Image::at([0.0, 0.0, 90.0]);
    scout.orientation = CORONAL;
    scout.image_type = "ORIGINAL\\PRIMARY\\LOCALIZER";
    images.push(scout);
    let scan = read(&images).unwrap();
    assert_eq!(scan.volume.size()[2], 5);
    assert_eq!(codes(&scan), ["images-left-out"]);
    let coronal = (0..3).map(|n| {
        let mut image = Image::at([0.0, 4.0 * f64::from(n), 77.0]);
        image.orientation = CORONAL;
        image
    });
    images.extend(coronal);
    assert!(refusal(&images).contains("more than one series"));
}

#[test]
fn each_slice_has_its_own_rescale() {
    let mut images = axial(3);
    images[1].rescale = (0.5, 10.0);
    let scan = read(&images).unwrap();
    assert_eq!(codes(&scan), ["rescaled-by-slice"]);
    assert_eq!(scan.volume.scale, None);
    let stored = |k: usize| f64::from(images[k].value);
    let found = |k: usize| scan.volume.value(scan.volume.index([0, 0, k], 0)).unwrap();
    assert_eq!(found(0), stored(0) - 1024.0);
    assert_eq!(found(1), stored(1) * 0.5 + 10.0);
    assert_eq!(found(2), stored(2) - 1024.0);
}

#[test]
fn what_does_not_lie_in_space_is_refused_with_the_reason() {
    let change = |change: fn(&mut InMemDicomObject)| {
        let folder = testkit::temp_dir("no-space");
        for (n, image) in axial(3).iter().enumerate() {
            let mut object = image.object();
            change(&mut object);
            save(object, &folder.join(n.to_string()));
        }
        let done = series::read(folder.path(), &Limits::default(), &kernels::Pool::new(1));
        let error = done.unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        error.what().en().to_owned()
    };
    let why = change(|o| put_text(o, tags::IMAGE_POSITION_PATIENT, VR::DS, "1\\2"));
    assert!(why.contains("Image Position") || why.contains("more than one"), "{why}");
    let one = |text: &'static str, tag| {
        let folder = testkit::temp_dir("one");
        let mut object = axial(1)[0].object();
        put_text(&mut object, tag, VR::DS, text);
        save(object, &folder.join("x"));
        let done = series::read(folder.path(), &Limits::default(), &kernels::Pool::new(1));
        done.unwrap_err().what().en().to_owned()
    };
    assert!(one("1\\2", tags::IMAGE_POSITION_PATIENT).contains("Image Position"));
    assert!(one("nan\\2\\3", tags::IMAGE_POSITION_PATIENT).contains("Image Position"));
    assert!(one("1\\0\\0\\1\\0\\0", tags::IMAGE_ORIENTATION_PATIENT).contains("right angle"));
    assert!(one("0\\0\\0\\0\\1\\0", tags::IMAGE_ORIENTATION_PATIENT).contains("right angle"));
    assert!(one("0\\0.5", tags::PIXEL_SPACING).contains("Pixel Spacing"));
    assert!(one("-1\\0.5", tags::PIXEL_SPACING).contains("Pixel Spacing"));
    let empty = testkit::temp_dir("empty");
    std::fs::write(empty.join("notes.txt"), "no image").unwrap();
    let done = series::read(empty.path(), &Limits::default(), &kernels::Pool::new(1));
    assert_eq!(done.unwrap_err().kind(), Kind::Refused);
}

#[test]
fn a_single_slice_takes_its_thickness() {
    let scan = read(&axial(1)).unwrap();
    assert_eq!(scan.volume.spacing_mm(), [0.25, 0.5, 7.0]);
    assert_eq!(codes(&scan), ["single-slice"]);
}

#[test]
fn a_damaged_file_shows_as_a_gap_or_a_remark() {
    let folder = testkit::temp_dir("damaged");
    for (n, image) in axial(5).iter().enumerate() {
        save(image.object(), &folder.join(n.to_string()));
    }
    let path = folder.join("4");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    let scan = series::read(folder.path(), &Limits::default(), &kernels::Pool::new(1)).unwrap();
    assert_eq!(scan.volume.size()[2], 4);
    assert!(codes(&scan).contains(&"unreadable-files"));
}

fn item(elements: Vec<DataElement<InMemDicomObject>>) -> InMemDicomObject {
    InMemDicomObject::from_element_iter(elements)
}

fn group(tag: Tag, inside: InMemDicomObject) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(vec![inside]))
}

fn text(tag: Tag, vr: VR, value: &str) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

/// An Enhanced CT whose frames are in no order; rescale and window stand in functional groups.
fn enhanced(heights: &[f64], rescale: impl Fn(usize) -> (f64, f64)) -> InMemDicomObject {
    let mut o = base_object("2.25.5", "2.25.6", uids::ENHANCED_CT_IMAGE_STORAGE);
    put_text(&mut o, tags::NUMBER_OF_FRAMES, VR::IS, &heights.len().to_string());
    let shared = item(vec![
        group(
            tags::PLANE_ORIENTATION_SEQUENCE,
            item(vec![text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, &join(&AXIAL))]),
        ),
        group(
            tags::PIXEL_MEASURES_SEQUENCE,
            item(vec![
                text(tags::PIXEL_SPACING, VR::DS, "0.5\\0.25"),
                text(tags::SLICE_THICKNESS, VR::DS, "9"),
            ]),
        ),
        group(
            tags::FRAME_VOILUT_SEQUENCE,
            item(vec![
                text(tags::WINDOW_CENTER, VR::DS, "40"),
                text(tags::WINDOW_WIDTH, VR::DS, "400"),
            ]),
        ),
    ]);
    let frames: Vec<InMemDicomObject> = heights
        .iter()
        .enumerate()
        .map(|(n, z)| {
            let (slope, intercept) = rescale(n);
            item(vec![
                group(
                    tags::PLANE_POSITION_SEQUENCE,
                    item(vec![text(tags::IMAGE_POSITION_PATIENT, VR::DS, &join(&[1.0, 2.0, *z]))]),
                ),
                group(
                    tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE,
                    item(vec![
                        text(tags::RESCALE_SLOPE, VR::DS, &slope.to_string()),
                        text(tags::RESCALE_INTERCEPT, VR::DS, &intercept.to_string()),
                    ]),
                ),
            ])
        })
        .collect();
    o.put(group(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared));
    o.put(DataElement::new(
        tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE,
        VR::SQ,
        DataSetSequence::from(frames),
    ));
    put_pixels(&mut o, heights.iter().flat_map(|z| Image::pixels(*z as u16 * 100)).collect());
    o
}

#[test]
fn a_multi_frame_object_is_a_volume_by_its_functional_groups() {
    let folder = testkit::temp_dir("enhanced");
    let path = folder.join("ct.dcm");
    save(enhanced(&[14.0, 10.0, 16.0, 12.0], |_| (2.0, -5.0)), &path);
    let scan = imaging::volumes::read(&path, &Limits::default()).unwrap();
    let volume = &scan.volume;
    assert_eq!((volume.size(), volume.spacing_mm()), ([COLUMNS, ROWS, 4], [0.25, 0.5, 2.0]));
    assert_eq!(volume.affine().origin_mm(), [-1.0, -2.0, 10.0]);
    assert_eq!(volume.scale, Some(Scale { slope: 2.0, intercept: -5.0 }));
    for k in 0..4 {
        let stored = (10.0 + 2.0 * k as f64) * 100.0;
        assert_eq!(volume.value(volume.index([0, 0, k], 0)), Some(stored * 2.0 - 5.0));
    }
    // The window of the functional groups is used for display: 40 ± 200 saturates here.
    let study = imaging::read(&path, &Limits::default()).unwrap();
    assert!(study.picture(0).unwrap().data().iter().all(|&grey| grey == 255));
    assert!(!study.facts.notes.iter().any(|note| note.code == "no-window"));
    // A rescale of its own for each frame.
    save(enhanced(&[10.0, 12.0, 14.0], |n| (1.0, n as f64)), &path);
    let scan = imaging::volumes::read(&path, &Limits::default()).unwrap();
    assert_eq!(codes(&scan), ["rescaled-by-slice"]);
    assert_eq!(scan.volume.value(scan.volume.index([0, 0, 2], 0)), Some(1402.0));
    // A missing frame is a gap here too.
    save(enhanced(&[10.0, 12.0, 16.0, 18.0], |_| (1.0, 0.0)), &path);
    let error = imaging::volumes::read(&path, &Limits::default()).unwrap_err();
    assert!(error.what().en().contains("1 slices are missing"), "{error}");
}

#[test]
fn real_series_read_as_simpleitk_reads_them() {
    let Some(root) = testkit::data("dicom") else { return };
    let (mut same, mut uneven) = (0, 0);
    for line in include_str!("fixtures/series.tsv").lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let numbers =
            |n: usize| -> Vec<f64> { cells[n].split(',').map(|v| v.parse().unwrap()).collect() };
        let scan = series::read(&root.join(cells[0]), &Limits::default(), &kernels::Pool::new(2));
        let scan = match scan {
            Ok(scan) => scan,
            // SimpleITK reads uneven stacks as if they were even.
            Err(error) => {
                let what = error.what().en().to_owned();
                // A folder of scouts, each in a direction of its own, it reads as one stack.
                let known = ["uneven", "missing", "more than one series"];
                assert!(known.iter().any(|why| what.contains(why)), "{}: {what}", cells[0]);
                uneven += 1;
                continue;
            }
        };
        let volume = &scan.volume;
        assert_eq!(volume.size().map(|v| v as f64).to_vec(), numbers(1), "{}", cells[0]);
        let rows = numbers(2);
        let affine =
            base::Affine::new(std::array::from_fn(|r| std::array::from_fn(|c| rows[4 * r + c])));
        let theirs = base::Grid { size: volume.size(), affine };
        assert!(theirs.is_same(volume.grid(), 1e-3), "{}: {:?}", cells[0], volume.affine());
        let step: usize = cells[3].parse().unwrap();
        for (n, wanted) in numbers(4).into_iter().enumerate() {
            let found = volume.value(n * step).unwrap();
            assert!((found - wanted).abs() < 1e-6 * wanted.abs().max(1.0), "{} {n}", cells[0]);
        }
        same += 1;
    }
    assert!(same >= 4, "{same} {uneven}");
}

#[test]
fn a_converted_multi_frame_object_is_the_series_it_was_made_from() {
    let Some(root) = testkit::data("dicom/dcmqi/segmentations") else { return };
    for folder in ["23x38x3", "24x38x3"] {
        let read =
            |name: &str| imaging::volumes::read(&root.join(folder).join(name), &Limits::default());
        let (single, multi) = (read("image").unwrap(), read("multiframe/mf.dcm").unwrap());
        assert!(single.volume.grid().is_same(multi.volume.grid(), 1e-4), "{folder}");
        assert_eq!(single.volume.voxels(), multi.volume.voxels(), "{folder}");
    }
}

#[test]
fn of_the_patient_age_and_sex_are_kept_and_nothing_else() {
    let folder = testkit::temp_dir("series-patient");
    for (n, image) in axial(3).iter().enumerate() {
        let mut object = image.object();
        put_text(&mut object, tags::PATIENT_AGE, VR::AS, "057Y");
        put_text(&mut object, tags::PATIENT_SEX, VR::CS, "F");
        put_text(&mut object, tags::PATIENT_NAME, VR::PN, "Roe^Jane");
        save(object, &folder.join(format!("{n}.dcm")));
    }
    let scan = series::read(folder.path(), &Limits::default(), &kernels::Pool::new(1)).unwrap();
    assert_eq!(scan.facts.patient.age_years, Some(57));
    assert_eq!(scan.facts.patient.sex, Some(Sex::Female));
    assert!(!format!("{:?}", scan.facts).contains("Roe"));
    assert_eq!(read(&axial(3)).unwrap().facts.patient, PatientFacts::default());
}
