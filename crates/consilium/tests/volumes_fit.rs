//! The real binary on volumes that do not fit a model or are broken, and what may be asked of it beside
//! a label map.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::common::trained::{model, model_of, volume};
use crate::common::{code, consilium, names, printed, result, said};
use base::{Affine, FrameAxis, Grid, Volume, Voxels};
use imaging::Limits;
use imaging::volumes::nifti::{self, Level};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn write(path: &Path, volume: &Volume) {
    let packed = path.extension().is_some_and(|ending| ending == "gz");
    let level = if packed { Level::Fast } else { Level::None };
    nifti::write(path, volume, None, level, &kernels::Pool::new(1)).unwrap();
}

fn made_up(size: [usize; 3], value: impl Fn(usize) -> f32) -> Volume {
    let grid = Grid { size, affine: Affine::scaling([1.5, 1.25, 2.5]) };
    let voxels = (0..size.iter().product()).map(value).collect();
    Volume::new(grid, Voxels::F32(voxels)).unwrap()
}

/// Runs `read` and gives the exit code, what was said, and the notes of the result.
fn read(dir: &Path, line: &[&str]) -> (i32, String, Vec<String>) {
    let _ = fs::remove_dir_all(dir.join("o"));
    let output = consilium(dir, &[&["read"], line, &["--out", "o"]].concat());
    let mut codes = Vec::new();
    if dir.join("o/result.json").exists() {
        let result = result(dir.join("o/result.json"));
        let collect = |value: &Value, codes: &mut Vec<String>| {
            for note in value.as_array().unwrap() {
                codes.push(note["code"].as_str().unwrap().to_owned());
            }
        };
        collect(&result["case"]["notes"], &mut codes);
        collect(&result["models"][0]["notes"], &mut codes);
    }
    (code(&output), said(&output), codes)
}

#[test]
fn an_image_of_another_kind_is_noticed_by_its_header_and_by_its_values() {
    let dir = testkit::temp_dir("kinds");
    model_of(&dir.join("ct"), "CT", "liver", "spleen");
    model_of(&dir.join("mr"), "T2w", "liver", "spleen");
    let noise = |n: usize| (n * 7919 % 1231) as f32;
    write(&dir.join("mr.nii.gz"), &made_up([18, 22, 14], noise));
    write(&dir.join("ct.nii.gz"), &made_up([18, 22, 14], |n| noise(n) * 2.0 - 1000.0));
    // Values only: a grave remark, and the case is read.
    let (exit, _, notes) = read(dir.path(), &["mr.nii.gz", "--model", "ct"]);
    assert!(exit == 0 && notes.contains(&"not-hounsfield".into()), "{notes:?}");
    let (exit, _, notes) = read(dir.path(), &["ct.nii.gz", "--model", "mr"]);
    assert!(exit == 0 && notes.contains(&"looks-like-ct".into()), "{notes:?}");
    for (file, model) in [("ct.nii.gz", "ct"), ("mr.nii.gz", "mr")] {
        let (exit, _, notes) = read(dir.path(), &[file, "--model", model]);
        assert!(exit == 0 && notes.iter().all(|n| n != "not-hounsfield" && n != "looks-like-ct"));
    }
    // The header says so: refused, with the way around it.
    let Some(series) = testkit::data("dicom/dcmqi/segmentations/ct-3slice") else { return };
    let series = series.to_str().unwrap();
    let (exit, why, _) = read(dir.path(), &[series, "--model", "mr"]);
    assert!(exit == 3 && why.contains("MR") && why.contains("--despite-header"), "{why}");
    let (exit, _, notes) = read(dir.path(), &[series, "--model", "mr", "--despite-header"]);
    assert!(exit == 0 && notes.contains(&"wrong-modality".into()), "{notes:?}");
    // Of grave remarks the terminal is told, too.
    let line = ["read", "mr.nii.gz", "--model", "ct", "--out", "o"];
    let said = printed(&consilium(dir.path(), &line));
    assert!(said.contains("! ") && said.contains("Hounsfield"), "{said}");
    // A segmentation is no image.
    let Some(seg) = testkit::data("dicom/highdicom/seg_image_ct_binary.dcm") else { return };
    let (exit, why, _) = read(dir.path(), &[seg.to_str().unwrap(), "--model", "ct"]);
    assert!(exit == 3 && why.contains("SEG"), "{why}");
}

#[test]
fn single_slices_series_in_time_and_missing_channels_are_refused_with_the_reason() {
    let dir = testkit::temp_dir("shapes");
    model(&dir.join("model"));
    write(&dir.join("flat.nii.gz"), &made_up([40, 40, 1], |n| n as f32));
    let (exit, why, _) = read(dir.path(), &["flat.nii.gz", "--model", "model"]);
    assert!(exit == 3 && why.contains("single slice") && why.contains("flat.nii.gz"), "{why}");
    let grid = Grid { size: [8, 8, 8], affine: Affine::scaling([1.0; 3]) };
    let voxels = Voxels::I16((0..512 * 5).map(|n| n as i16).collect());
    let time = FrameAxis::Time { step_s: Some(2.0) };
    write(&dir.join("time.nii.gz"), &Volume::with_frames(grid, 5, time, voxels).unwrap());
    let (exit, why, _) = read(dir.path(), &["time.nii.gz", "--model", "model"]);
    assert!(exit == 3 && why.contains("5 volumes") && why.contains("4-D"), "{why}");
    model_of(&dir.join("two"), "T1+FLAIR", "left part", "right part");
    volume(&dir.join("t1.nii.gz"), 0);
    let (exit, why, _) = read(dir.path(), &["t1.nii.gz", "--model", "two"]);
    assert!(exit == 3 && !dir.join("o").exists(), "{why}");
    assert!(
        ["t1.nii.gz", "2 images", "T1, FLAIR", "1 found"].iter().all(|t| why.contains(t)),
        "{why}"
    );
    fs::create_dir(dir.join("case")).unwrap();
    volume(&dir.join("case/a_0000.nii.gz"), 0);
    volume(&dir.join("case/a_0001.nii.gz"), 1);
    let (exit, why, _) = read(dir.path(), &["case", "--model", "two"]);
    assert_eq!(exit, 0, "{why}");
    // More than the model reads.
    let frames = Volume::with_frames(grid, 3, FrameAxis::Channels, Voxels::I16(vec![1; 512 * 3]));
    write(&dir.join("three.nii.gz"), &frames.unwrap());
    let (exit, why, _) = read(dir.path(), &["three.nii.gz", "--model", "two"]);
    assert!(exit == 3 && why.contains("three.nii.gz") && why.contains('3'), "{why}");
}

#[test]
fn values_that_are_no_numbers_are_replaced_and_said_and_geometry_that_is_none_is_an_error() {
    let dir = testkit::temp_dir("values");
    model(&dir.join("model"));
    let some = |n: usize| match n % 50 {
        0 => f32::NAN,
        1 => f32::INFINITY,
        _ => (n % 97) as f32,
    };
    write(&dir.join("some.nii"), &made_up([18, 22, 14], some));
    let clean = |n: usize| if n % 50 < 2 { 0.0 } else { (n % 97) as f32 };
    write(&dir.join("clean.nii"), &made_up([18, 22, 14], clean));
    let map = |file: &str| {
        let (exit, why, notes) = read(dir.path(), &[file, "--model", "model"]);
        assert_eq!(exit, 0, "{why}");
        let map = imaging::volumes::read(&dir.join("o/segmentation.nii.gz"), &Limits::default());
        (map.unwrap().volume, notes)
    };
    let (with, notes) = map("some.nii");
    assert!(notes.contains(&"values-replaced".into()), "{notes:?}");
    // 0 is the smallest value: the case is read as the one that has zeros there.
    let (without, notes) = map("clean.nii");
    assert!(!notes.contains(&"values-replaced".into()));
    assert_eq!(with.voxels(), without.voxels());
    write(&dir.join("none.nii"), &made_up([18, 22, 14], |_| f32::NAN));
    let (exit, why, _) = read(dir.path(), &["none.nii", "--model", "model"]);
    assert!(exit == 1 && why.contains("none.nii") && why.contains("number"), "{why}");
    // Spacing zero, negative, not a number; a matrix that is none; bytes that are missing.
    let good = fs::read(dir.join("clean.nii")).unwrap();
    let bare = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[252..256].fill(0); // neither qform nor sform
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let cut = good[..good.len() / 2].to_vec();
    for (name, bytes) in [
        ("zero.nii", bare(80, &0f32.to_le_bytes())),
        ("nan.nii", bare(84, &f32::NAN.to_le_bytes())),
        ("cut.nii", cut),
    ] {
        fs::write(dir.join(name), bytes).unwrap();
        let (exit, why, _) = read(dir.path(), &[name, "--model", "model"]);
        assert!(exit == 1 && why.contains(name), "{name}: {why}");
        assert!(!dir.join("o").exists(), "{name}");
    }
    fs::write(dir.join("negative.nii"), bare(80, &(-1.5f32).to_le_bytes())).unwrap();
    let (exit, why, notes) = read(dir.path(), &["negative.nii", "--model", "model"]);
    assert!(exit == 0 && notes.contains(&"spacing-negative".into()), "{notes:?} {why}");
    let head = "ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nTransformMatrix = 1 0 0 1 0 0 0 0 1\nElementSpacing = 1 1 1\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n";
    fs::write(dir.join("singular.mha"), [head.as_bytes(), &[1; 64]].concat()).unwrap();
    let (exit, why, _) = read(dir.path(), &["singular.mha", "--model", "model"]);
    assert!(exit == 1 && why.contains("singular.mha"), "{why}");
}

#[test]
fn only_the_wanted_structures_are_kept_and_statistics_are_written_when_asked() {
    let dir = testkit::temp_dir("wanted");
    model_of(&dir.join("model"), "T1", "kidney_left", "my odd part");
    volume(&dir.join("t1.nii.gz"), 0);
    let map = || {
        let file = dir.join("o/segmentation.nii.gz");
        imaging::volumes::read(&file, &Limits::default()).unwrap().volume.frame_f32(0)
    };
    let (exit, why, _) = read(dir.path(), &["t1.nii.gz", "--model", "model", "--statistics"]);
    assert_eq!(exit, 0, "{why}");
    let all = map();
    assert!([1.0, 2.0].iter().all(|label| all.contains(label)));
    assert!(names(&dir.join("o")).contains(&"statistics.csv".into()));
    let segments = result(dir.join("o/result.json"))["models"][0]["segments"].clone();
    let (details, mean) =
        (&segments[0]["statistics"]["details"], &segments[0]["statistics"]["mean"]);
    let number = |value: &Value| value.as_f64().unwrap();
    assert!(number(&details["p5"]) < number(mean) && number(mean) < number(&details["p95"]));
    assert!(number(&details["axes_mm"][0]) >= number(&details["axes_mm"][2]));
    assert_eq!(segments[0]["name"]["zh"], "左肾");
    assert_eq!(segments[0]["coding"]["type"]["value"], "64033007");
    for name in ["Left Kidney", "left-kidney", "左肾", "LeftKidney"] {
        let (exit, why, _) = read(dir.path(), &["t1.nii.gz", "--model", "model", "--roi", name]);
        assert_eq!(exit, 0, "{name}: {why}");
        let kept = map();
        let same = all.iter().zip(&kept).all(|(a, b)| *b == if *a == 1.0 { 1.0 } else { 0.0 });
        assert!(same, "{name}");
        let result = result(dir.join("o/result.json"));
        assert_eq!(result["models"][0]["segments"].as_array().unwrap().len(), 1);
        assert!(!names(&dir.join("o")).contains(&"statistics.csv".into()));
    }
    let (exit, why, _) = read(dir.path(), &["t1.nii.gz", "--model", "model", "--roi", "spleen"]);
    assert!(exit != 0 && why.contains("spleen") && why.contains("my-odd-part"), "{why}");
}

#[test]
fn a_case_that_needs_more_memory_than_allowed_is_refused_before_it_is_read() {
    let dir = testkit::temp_dir("memory");
    model(&dir.join("model"));
    volume(&dir.join("t1.nii.gz"), 0);
    let line = ["t1.nii.gz", "--model", "model", "--memory-limit"];
    let (exit, why, _) = read(dir.path(), &[&line[..], &["1k"]].concat());
    assert!(exit == 1 && why.contains("MiB") && why.contains("--memory-limit"), "{why}");
    assert!(!dir.join("o").exists());
    let (exit, why, _) = read(dir.path(), &[&line[..], &["4G"]].concat());
    assert_eq!(exit, 0, "{why}");
    let (exit, why, _) = read(dir.path(), &[&line[..], &["plenty"]].concat());
    assert!(exit == 2 && why.contains("plenty"), "{why}");
}
