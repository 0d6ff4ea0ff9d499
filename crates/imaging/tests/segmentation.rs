//! DICOM segmentations: those of highdicom and dcmqi are read as they read them, ours come back as they
//! were, and what is broken is an error with a reason.
#![allow(clippy::unwrap_used)]

use base::{Affine, Concept, Grid, Kind, SegmentCode, Text};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, from_reader};
use imaging::segmentation::{Algorithm, Form, Labels, Segment, Target, segmentation};
use imaging::volumes::{self, Scan};
use imaging::{Limits, segmentation::Origin, segmentation::OriginImage};
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/segmentation")
}

fn read(path: &Path) -> base::Result<Scan> {
    volumes::read(path, &Limits::default())
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

fn read_bytes(bytes: &[u8]) -> base::Result<Scan> {
    let folder = testkit::temp_dir("seg");
    let path = folder.join("x.dcm");
    std::fs::write(&path, bytes).unwrap();
    read(&path)
}

/// One line of `expected.tsv`: name; size; LPS affine; frames of voxels, as highdicom reads them.
struct Expected {
    name: String,
    grid: Grid,
    frames: Vec<Vec<f64>>,
}

fn expected() -> Vec<Expected> {
    let text = std::fs::read_to_string(fixtures().join("expected.tsv")).unwrap();
    let numbers =
        |cell: &str| -> Vec<f64> { cell.split(',').map(|n| n.parse().unwrap()).collect() };
    let line = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let size = numbers(cells[1]);
        let lps = numbers(cells[2]);
        let rows = std::array::from_fn(|r| std::array::from_fn(|c| lps[r * 4 + c]));
        Expected {
            name: cells[0].to_owned(),
            grid: Grid {
                size: [0, 1, 2].map(|n| size[n] as usize),
                affine: Affine::from_lps(rows),
            },
            frames: cells[3..].iter().map(|cell| numbers(cell)).collect(),
        }
    };
    text.lines().filter(|text| !text.starts_with('#')).map(line).collect()
}

#[test]
fn segmentations_of_highdicom_are_read_as_it_reads_them() {
    let all = expected();
    assert_eq!(all.len(), 5);
    for Expected { name, grid, frames } in all {
        let scan = read(&fixtures().join(format!("{name}.dcm"))).unwrap();
        assert!(scan.volume.grid().is_same(&grid, 1e-3), "{name}");
        assert_eq!(scan.volume.frames(), frames.len(), "{name}");
        for (number, frame) in frames.iter().enumerate() {
            let found = scan.volume.frame_f32(number);
            let same = found.iter().zip(frame).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5);
            assert!(same && found.len() == frame.len(), "{name}, frame {number}");
        }
        let first = &scan.facts.segments[0];
        assert_eq!(
            (first.number, first.name.as_str(), first.made.as_str()),
            (1, "Liver", "AUTOMATIC")
        );
        assert_eq!(&*first.code.as_ref().unwrap().kind.value, "10200004");
        assert_eq!(scan.facts.format, "DICOM SEG");
    }
}

#[test]
fn real_segmentations_are_read_or_refused_for_what_they_are() {
    let seen = |relative: &str| testkit::data(relative).map(|path| read(&path));
    let Some(overlap) = seen("dicom/dcmqi/segmentations/partial_overlaps.dcm") else { return };
    let overlap = overlap.unwrap();
    assert_eq!((overlap.volume.frames(), overlap.facts.segments.len()), (5, 5));
    // Background 5 became 0, and liver is what it was.
    let (plain, moved) = (
        seen("dicom/dcmqi/segmentations/sparse-labelmap-noppv.dcm").unwrap().unwrap(),
        seen("dicom/dcmqi/segmentations/sparse-labelmap-ppv5.dcm").unwrap().unwrap(),
    );
    assert_eq!(plain.facts.segments.len(), 1);
    assert!(moved.facts.notes.iter().any(|note| note.code == "background-moved"));
    let ct = seen("dicom/highdicom/seg_image_ct_true_fractional.dcm").unwrap().unwrap();
    let range = ct.volume.value_range();
    assert!(range.min >= 0.0 && range.max <= 1.0 && range.max > 0.0);
    for (name, kind) in [
        ("seg_image_sm_control.dcm", Kind::Refused),
        ("seg_image_sm_control_labelmap.dcm", Kind::Refused),
        ("seg_image_sm_dots_tiled_full.dcm", Kind::Refused),
        ("seg_image_cr_binary.dcm", Kind::Refused),
    ] {
        let error = seen(&format!("dicom/highdicom/{name}")).unwrap().unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.hint_text().is_some() && error.path().is_some());
    }
}

/// A tilted grid of made-up images, no patient.
fn origin(size: [usize; 3]) -> Origin {
    let image = |k: usize| OriginImage {
        class: "1.2.840.10008.5.1.4.1.1.2".into(),
        instance: format!("2.25.9{k}"),
        frame: None,
        position: [1.5 - 0.25 * k as f64, 2.0, -7.0 + 3.0 * k as f64],
    };
    Origin {
        study: "2.25.1".into(),
        series: "2.25.2".into(),
        frame_of_reference: "2.25.3".into(),
        series_number: Some(4),
        size: [size[0], size[1]],
        orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        spacing_mm: [0.5, 0.75],
        step_mm: 3.0,
        thickness_mm: Some(2.0),
        images: (0..size[2]).map(image).collect(),
        patient: Default::default(),
    }
}

fn segment(labels: &[u16], name: &str) -> Segment {
    Segment {
        labels: labels.to_vec(),
        name: Text::filled(name, "结构"),
        code: base::structure(name).and_then(|structure| structure.code),
        colour: [200, 30, 60],
    }
}

fn written(form: Form, voxels: &[u16], segments: &[Segment], size: [usize; 3]) -> Option<Vec<u8>> {
    let algorithm =
        Algorithm { name: "organs".into(), version: "ab".repeat(32), source: "Consilium".into() };
    let target = Target {
        form,
        software: "0.0.0".into(),
        created: "2026-01-02T03:04:05Z".into(),
        number: 1,
        with_patient: false,
    };
    segmentation(&origin(size), &Labels { voxels, segments }, &algorithm, &target).unwrap()
}

#[test]
fn what_is_written_comes_back() {
    // Odd sizes: frames do not end on a byte.
    let size = [7, 5, 6];
    let plane = 35;
    for top in [2u16, 300] {
        let mut voxels = vec![0u16; 210];
        voxels[plane + 3..plane + 20].fill(1);
        voxels[3 * plane + 8..3 * plane + 30].fill(top);
        voxels[4 * plane..4 * plane + 5].fill(1);
        let segments =
            [segment(&[1], "liver"), segment(&[top], "kidney_left"), segment(&[9], "spleen")];
        for form in [Form::Binary, Form::LabelMap] {
            let file = written(form, &voxels, &segments, size).unwrap();
            assert_eq!(file, written(form, &voxels, &segments, size).unwrap());
            let scan = read_bytes(&file).unwrap();
            // Empty slices at the ends are left out: slices 1 to 4 of 6.
            assert_eq!(scan.volume.size(), [7, 5, 4], "{form:?}");
            let numbers = |label: u16| match (form, label) {
                (_, 0) => 0.0,
                (Form::Binary, 1) => 1.0,
                (Form::Binary, _) => 2.0,
                (Form::LabelMap, label) => f32::from(label),
            };
            let wanted: Vec<f32> = voxels[plane..5 * plane].iter().map(|l| numbers(*l)).collect();
            assert_eq!(scan.volume.frame_f32(0), wanted, "{form:?} {top}");
            let names: Vec<&str> = scan.facts.segments.iter().map(|s| s.name.as_str()).collect();
            assert_eq!(names, ["liver", "kidney_left"]);
            let code = scan.facts.segments[1].code.clone().unwrap();
            assert_eq!(
                (&*code.kind.value, &*code.modifier.unwrap().value),
                ("64033007", "7771000")
            );
            let affine = Affine::from_lps([
                [0.5, 0.0, -0.25, 1.25],
                [0.0, 0.75, 0.0, 2.0],
                [0.0, 0.0, 3.0, -4.0],
            ]);
            let grid = Grid { size: [7, 5, 4], affine };
            assert!(scan.volume.grid().is_same(&grid, 1e-6), "{form:?}");
        }
    }
}

/// What OHIF and the adapters of Cornerstone3D look up of a segmentation before they show it, and from where
/// (OHIF/Viewers 013cfb8 `getSopClassHandlerModule.ts`, cornerstonejs/cornerstone3D 04e1c7b
/// `labelmapImagesFromBuffer.ts`, `Segmentation_4X.js`): the images, frame by frame, not only places in space.
#[test]
fn what_viewers_look_up_is_there_for_every_frame() {
    let (size, plane) = ([8, 5, 6], 40);
    let mut voxels = vec![0u16; 240];
    voxels[plane..plane + 20].fill(1);
    voxels[4 * plane + 3..4 * plane + 9].fill(2);
    voxels[5 * plane + 3..5 * plane + 9].fill(1);
    let segments = [segment(&[1], "liver"), segment(&[2], "spleen")];
    let origin = origin(size);
    for (form, class, bits) in [
        (Form::Binary, "1.2.840.10008.5.1.4.1.1.66.4", 1),
        (Form::LabelMap, "1.2.840.10008.5.1.4.1.1.66.7", 8),
    ] {
        let file = written(form, &voxels, &segments, size).unwrap();
        let file = from_reader(&file[..]).unwrap();
        let text = |o: &InMemDicomObject, tag: Tag| -> String {
            o.element(tag).unwrap().to_str().unwrap().trim_end_matches('\0').trim().to_owned()
        };
        let number =
            |o: &InMemDicomObject, tag: Tag| o.element(tag).unwrap().to_int::<u32>().unwrap();
        let items =
            |o: &InMemDicomObject, tag: Tag| o.element(tag).unwrap().items().unwrap().to_vec();
        let only = |o: &InMemDicomObject, tag: Tag| {
            let mut items = items(o, tag);
            assert_eq!(items.len(), 1, "{form:?} {tag}");
            items.remove(0)
        };
        assert_eq!(
            (text(&file, tags::SOP_CLASS_UID), text(&file, tags::MODALITY)),
            (class.into(), "SEG".into())
        );
        assert_eq!(text(&file, tags::FRAME_OF_REFERENCE_UID), origin.frame_of_reference);
        assert_eq!(text(&file, tags::STUDY_INSTANCE_UID), origin.study);
        let extent =
            [tags::COLUMNS, tags::ROWS, tags::BITS_ALLOCATED].map(|tag| number(&file, tag));
        assert_eq!(extent, [8, 5, bits], "{form:?}");
        // The series, and in it every image that a frame refers to.
        let series = only(&file, tags::REFERENCED_SERIES_SEQUENCE);
        assert_eq!(text(&series, tags::SERIES_INSTANCE_UID), origin.series);
        let listed = items(&series, tags::REFERENCED_INSTANCE_SEQUENCE);
        let listed: Vec<String> =
            listed.iter().map(|one| text(one, tags::REFERENCED_SOP_INSTANCE_UID)).collect();
        // Segments with a number, a name, what they are and a colour; of a label map the background may be one.
        for (place, own) in items(&file, tags::SEGMENT_SEQUENCE).iter().enumerate() {
            let segment = number(own, tags::SEGMENT_NUMBER) as usize;
            assert!(segment == place + 1 || form == Form::LabelMap);
            assert!(!text(own, tags::SEGMENT_LABEL).is_empty());
            only(own, tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE);
            only(own, tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE);
            let colour = own.element(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE);
            assert!(segment == 0 || colour.unwrap().to_multi_int::<u16>().unwrap().len() == 3);
        }
        // The orientation of the images, for all frames.
        let shared = only(&file, tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
        let turned = only(&shared, tags::PLANE_ORIENTATION_SEQUENCE);
        let turned = turned.element(tags::IMAGE_ORIENTATION_PATIENT).unwrap().to_multi_float64();
        assert_eq!(turned.unwrap(), origin.orientation);
        let measures = only(&shared, tags::PIXEL_MEASURES_SEQUENCE);
        let spacing = measures.element(tags::PIXEL_SPACING).unwrap().to_multi_float64().unwrap();
        assert_eq!(spacing, [origin.spacing_mm[1], origin.spacing_mm[0]]);
        let frames = items(&file, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
        assert_eq!(number(&file, tags::NUMBER_OF_FRAMES) as usize, frames.len());
        let mut seen = Vec::new();
        for frame in &frames {
            let place = only(frame, tags::PLANE_POSITION_SEQUENCE);
            let place =
                place.element(tags::IMAGE_POSITION_PATIENT).unwrap().to_multi_float64().unwrap();
            let near = |one: &&OriginImage| {
                one.position.iter().zip(&place).all(|(a, b)| (a - b).abs() < 1e-3)
            };
            let image = origin.images.iter().find(near).unwrap();
            let source =
                only(&only(frame, tags::DERIVATION_IMAGE_SEQUENCE), tags::SOURCE_IMAGE_SEQUENCE);
            assert_eq!(text(&source, tags::REFERENCED_SOP_INSTANCE_UID), image.instance);
            assert_eq!(text(&source, tags::REFERENCED_SOP_CLASS_UID), image.class);
            assert!(listed.contains(&image.instance));
            if form == Form::Binary {
                let own = only(frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE);
                seen.push((number(&own, tags::REFERENCED_SEGMENT_NUMBER), image.instance.clone()));
            }
        }
        if form == Form::Binary {
            for wanted in [(1, "2.25.91"), (2, "2.25.94"), (1, "2.25.95")] {
                assert!(seen.contains(&(wanted.0, wanted.1.to_owned())), "{seen:?}");
            }
        }
    }
}

#[test]
fn regions_that_overlap_stay_whole_in_bits_and_are_parts_in_a_label_map() {
    let size = [4, 3, 2];
    let mut voxels = vec![0u16; 24];
    voxels[2..9].fill(1);
    voxels[5..7].fill(2);
    let mut segments = [segment(&[1, 2], "whole tumor"), segment(&[2], "enhancing tumor")];
    segments[1].code = Some(SegmentCode {
        category: Concept::new("SCT", "49755003", "Morphologically Altered Structure"),
        kind: Concept::new("99TEST", "a-code-of-more-than-sixteen-characters", "Enhancing tumor"),
        modifier: None,
        region: None,
    });
    let binary = read_bytes(&written(Form::Binary, &voxels, &segments, size).unwrap()).unwrap();
    assert_eq!(binary.volume.frames(), 2);
    let count = |frame: usize| binary.volume.frame_f32(frame).iter().filter(|v| **v > 0.0).count();
    assert_eq!((count(0), count(1)), (7, 2));
    assert_eq!(binary.facts.segments[1].frame, Some(1));
    let long = binary.facts.segments[1].code.as_ref().unwrap();
    assert_eq!(&*long.kind.value, "a-code-of-more-than-sixteen-characters");

    let map = read_bytes(&written(Form::LabelMap, &voxels, &segments, size).unwrap()).unwrap();
    let names: Vec<&str> = map.facts.segments.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["whole tumor", "whole tumor + enhancing tumor"]);
    let wanted: Vec<f32> = voxels[..12].iter().map(|l| f32::from(*l)).collect();
    assert_eq!(map.volume.frame_f32(0), wanted);
}

#[test]
fn nothing_marked_is_no_file_and_nothing_to_refer_to_is_refused() {
    let segments = [segment(&[1], "liver")];
    assert_eq!(written(Form::Binary, &[0; 24], &segments, [4, 3, 2]), None);
    // A label that no structure has is no segment of bits.
    assert_eq!(written(Form::Binary, &[7; 24], &segments, [4, 3, 2]), None);
    let algorithm = Algorithm { name: "a".into(), version: "1".into(), source: "c".into() };
    let target = Target {
        form: Form::Binary,
        software: "0".into(),
        created: String::new(),
        number: 1,
        with_patient: false,
    };
    let labels = Labels { voxels: &[1; 24], segments: &segments };
    let mut nowhere = origin([4, 3, 2]);
    nowhere.images[1].instance.clear();
    let error = segmentation(&nowhere, &labels, &algorithm, &target).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    let error = segmentation(&origin([4, 3, 3]), &labels, &algorithm, &target).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}

/// Where bytes stand in a file; they stand there once.
fn at(file: &[u8], wanted: &[u8]) -> usize {
    let mut places = file.windows(wanted.len()).enumerate().filter(|(_, w)| *w == wanted);
    let place = places.next().unwrap().0;
    assert!(places.next().is_none());
    place
}

#[test]
fn files_that_are_cut_or_contradict_themselves_are_errors() {
    for name in ["binary.dcm", "labelmap.dcm", "fractional.dcm", "labelmap-rle.dcm"] {
        let whole = bytes(name);
        for length in (0..whole.len()).step_by(41) {
            match read_bytes(&whole[..length]) {
                Err(error) => assert_ne!(error.kind(), Kind::Bug, "{name} {length}: {error}"),
                Ok(_) => assert!(length + 200 > whole.len(), "{name}: {length} bytes"),
            }
        }
        for place in (140..whole.len()).step_by(37) {
            for bits in [0xff, 0x01, 0x80] {
                let mut damaged = whole.clone();
                damaged[place] ^= bits;
                if let Err(error) = read_bytes(&damaged) {
                    assert_ne!(error.kind(), Kind::Bug, "{name} {place}: {error}");
                }
            }
        }
    }
    let kind = |file: &[u8]| read_bytes(file).map(|_| ()).map_err(|error| error.kind());
    let voxels: Vec<u16> = (0..24).map(|n| u16::from(n % 3 == 0)).collect();
    let good = written(Form::Binary, &voxels, &[segment(&[1], "liver")], [4, 3, 2]).unwrap();
    assert_eq!(kind(&good), Ok(()));
    let mut unknown = good.clone();
    let place = at(&unknown, b"BINARY");
    unknown[place..place + 6].copy_from_slice(b"BINART");
    assert_eq!(kind(&unknown), Err(Kind::BrokenInput));
    // A frame that names segment 2 of 1: the first Referenced Segment Number after the frames begin.
    let mut other = good.clone();
    let tag = [0x62, 0, 0x0b, 0, b'U', b'S', 2, 0];
    let place = other.windows(8).position(|w| w == tag).unwrap() + 8;
    other[place] = 2;
    assert_eq!(kind(&other), Err(Kind::BrokenInput));
    // Both frames at one place.
    let mut twice = good.clone();
    let place = at(&twice, b"1.25\\2\\-4 ");
    twice[place..place + 9].copy_from_slice(b"1.5\\2\\-7 ");
    assert_eq!(kind(&twice), Err(Kind::BrokenInput));
}

#[test]
fn a_segmentation_beside_its_images_is_left_out() {
    let Some(series) = testkit::data("dicom/ts-ct-series") else { return };
    let folder = testkit::temp_dir("with-seg");
    for entry in std::fs::read_dir(&series).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let alone = read(folder.path()).unwrap();
    std::fs::copy(fixtures().join("binary.dcm"), folder.join("segmentation.dcm")).unwrap();
    let beside = read(folder.path()).unwrap();
    assert_eq!(alone.volume, beside.volume);
    let origin = beside.origin.unwrap();
    assert_eq!(origin.images.len(), beside.volume.size()[2]);
    assert!(!format!("{:?}", origin.patient).contains('^'));
}

#[test]
fn the_volume_of_labels_may_be_huge_and_is_then_refused() {
    let limits = Limits { max_volume_bytes: 100, ..Limits::default() };
    let error = volumes::read(&fixtures().join("binary.dcm"), &limits).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit);
}
