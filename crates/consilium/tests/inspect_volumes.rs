//! `inspect` says what a volume is, in both languages and as JSON.
#![allow(clippy::unwrap_used)]

use crate::common::{code, consilium};
use std::path::PathBuf;

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../imaging/tests/fixtures/volumes")
        .join(name);
    path.to_string_lossy().into_owned()
}

fn out(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_volume_is_described_in_both_languages() {
    let dir = testkit::temp_dir("inspect-volume");
    let output = consilium(dir.path(), &["inspect", &fixture("four-axes.nii.gz"), "--lang", "en"]);
    assert_eq!(code(&output), 0);
    let text = out(&output);
    for part in [
        "NIfTI-1 (gzip)",
        "5 × 4 × 3, 3 frames",
        "int16",
        "0.8000 × 1.2500 × 3.0000 mm",
        "RAS (right · front · head)",
        "sform (qform_code 1, sform_code 2)",
        "-120 … 130",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    let output = consilium(dir.path(), &["inspect", &fixture("no-form.nii.gz"), "--lang", "zh"]);
    let text = out(&output);
    for part in ["体素大小", "LAS（左 · 前 · 头）", "无法区分左右"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn a_volume_is_described_as_json_and_drawn() {
    let dir = testkit::temp_dir("inspect-json");
    let output =
        consilium(dir.path(), &["inspect", &fixture("itk-int16.nrrd"), "--json", "--out", "seen"]);
    let found: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(found["format"], "NRRD");
    assert_eq!(found["size"], serde_json::json!([5, 4, 3]));
    assert_eq!(found["orientation"], "RAS");
    assert_eq!(found["affine_ras_mm"][3], serde_json::json!([0.0, 0.0, 0.0, 1.0]));
    let preview = dir.path().join(found["preview"].as_str().unwrap());
    assert!(std::fs::read(preview).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn formats_out_of_reach_are_named() {
    let dir = testkit::temp_dir("inspect-minc");
    std::fs::write(dir.join("x.mnc"), b"CDF\x01 and more").unwrap();
    let output = consilium(dir.path(), &["inspect", "x.mnc", "--lang", "en"]);
    assert_eq!(code(&output), 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("MINC 1"));
}

#[test]
fn a_folder_shows_its_series() {
    let Some(folder) = testkit::data("dicom/ts-ct-series") else { return };
    let dir = testkit::temp_dir("inspect-series");
    let folder = folder.to_string_lossy().into_owned();
    let output = consilium(dir.path(), &["inspect", &folder, "--lang", "en", "--out", "seen"]);
    assert_eq!(code(&output), 0);
    let text = out(&output);
    for part in ["512 × 512 × 20", "LPS (left · back · head)", "HU", "images: 20", "CT"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert_eq!(std::fs::read_dir(dir.join("seen")).unwrap().count(), 1);
    let empty = dir.join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(code(&consilium(dir.path(), &["inspect", "empty"])), 3);
}
