//! The real binary without a download: the two models that are part of the program, used when nothing
//! else is named.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::common::{code, consilium, names, printed, result, said};
use serde_json::Value;
use std::fs;

fn segment<'a>(model: &'a Value, code: &str) -> &'a Value {
    let segments = model["segments"].as_array().unwrap();
    segments.iter().find(|segment| segment["code"] == code).unwrap()
}

fn value(model: &Value, name: &str) -> f64 {
    let values = model["values"].as_array().unwrap();
    values.iter().find(|value| value["code"] == name).unwrap()["value"].as_f64().unwrap()
}

#[test]
fn the_demo_draws_a_head_reads_it_and_says_how_well() {
    let dir = testkit::temp_dir("demo-head");
    let demo = |out: &str, threads: &str| {
        let line = ["demo", "--seed", "7", "--threads", threads, "--out", out];
        let output = consilium(dir.path(), &line);
        assert_eq!(code(&output), 0, "{}", said(&output));
        printed(&output)
    };
    let text = demo("two", "2");
    assert!(text.contains("Research use only") && text.contains("Mean Dice"), "{text}");
    let expected = [
        "brain-volumes.csv",
        "made-up-head-dice.csv",
        "made-up-head-truth.nii.gz",
        "made-up-head.nii.gz",
        "report.html",
        "result.json",
        "segmentation-3d.png",
        "segmentation.nii.gz",
        "segmentation.png",
        "volumes.csv",
    ];
    assert_eq!(names(&dir.join("two")), expected);
    let csv = fs::read_to_string(dir.join("two/made-up-head-dice.csv")).unwrap();
    let dice: Vec<f64> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(1).unwrap().parse().ok())
        .collect();
    let mean = dice.iter().sum::<f64>() / dice.len() as f64;
    assert!(dice.len() >= 30 && csv.lines().count() == 33);
    // A drawing is further from its training than a real head is.
    assert!(mean > 0.3, "mean Dice {mean:.3}");
    let model = &result(dir.join("two/result.json"))["models"][0];
    assert_eq!(model["id"], "consilium-brain");
    assert!(model["weights_sha256"].is_string());
    // Quality, share and asymmetry stand beside the volumes; what is withheld has no volume.
    for segment in model["segments"].as_array().unwrap() {
        let appraisal = &segment["statistics"]["appraisal"];
        let withheld = appraisal["withheld"].as_bool().unwrap();
        assert_eq!(segment["volume_ml"].is_null(), withheld, "{segment}");
    }
    // The same head and the same answer for another number of threads.
    demo("one", "1");
    for file in ["made-up-head.nii.gz", "made-up-head-truth.nii.gz", "segmentation.nii.gz"] {
        let bytes = |out: &str| fs::read(dir.join(out).join(file)).unwrap();
        assert!(bytes("one") == bytes("two"), "{file}");
    }
}

#[test]
fn a_real_t1_is_read_without_naming_a_model() {
    for name in ["hippodeep_example_brain_t1.nii.gz", "t1_crop.nii.gz"] {
        let Some(image) = testkit::data(&format!("volumes/brain/{name}")) else { return };
        let dir = testkit::temp_dir("built-in-brain");
        let output = consilium(dir.path(), &["read", image.to_str().unwrap(), "--out", "o"]);
        assert_eq!(code(&output), 0, "{}", said(&output));
        let model = &result(dir.join("o/result.json"))["models"][0];
        assert_eq!(model["id"], "consilium-brain");
        // Adults' ranges, wide; see crates/zoo/src/systems/consilium_brain.rs.
        let (skull, brain) = (value(model, "intracranial-volume"), value(model, "brain-volume"));
        assert!((1000.0..2100.0).contains(&skull), "{name}: {skull}");
        assert!((800.0..1800.0).contains(&brain) && brain < skull, "{name}: {brain}");
        for structure in ["cerebral-white-matter", "thalamus", "putamen", "hippocampus"] {
            let found = |side: &str| segment(model, &format!("{side}-{structure}")).clone();
            let (left, right) = (found("left"), found("right"));
            let x = |s: &Value| s["statistics"]["centre_ras_mm"][0].as_f64().unwrap();
            assert!(x(&left) + 10.0 < x(&right), "{name}: {structure} sides");
            assert!(left["statistics"]["voxels"].as_u64().unwrap() > 100, "{name}: {structure}");
        }
    }
}

#[test]
fn a_volume_without_a_brain_is_refused() {
    let Some(image) = testkit::data("volumes/totalsegmentator/example_ct_sm.nii.gz") else {
        return;
    };
    let dir = testkit::temp_dir("built-in-ct");
    let output = consilium(dir.path(), &["read", image.to_str().unwrap(), "--out", "o"]);
    assert_eq!(code(&output), 3);
    assert!(said(&output).contains("no brain was found"), "{}", said(&output));
}

#[test]
fn a_knee_is_graded_without_naming_a_model() {
    let Some(film) = testkit::data("bone/knee-kl/4").and_then(|folder| {
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        files.into_iter().next()
    }) else {
        return;
    };
    let dir = testkit::temp_dir("built-in-knee");
    let output = consilium(dir.path(), &["read", film.to_str().unwrap(), "--out", "o"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let model = &result(dir.join("o/result.json"))["models"][0];
    assert_eq!(model["id"], "consilium-knee");
    assert_eq!(model["findings"][1]["code"], "knee-kl-at-least-2");
    assert_eq!(model["findings"][1]["calibrated"], true);
    assert!(value(model, "kellgren-lawrence") >= 2.0);
}

#[test]
fn a_chest_film_is_none_of_its_business() {
    let films = testkit::data_files("cxr/nih");
    let Some(film) = films.iter().find(|f| f.extension().is_some_and(|e| e == "png")) else {
        return;
    };
    let dir = testkit::temp_dir("built-in-chest");
    let output = consilium(dir.path(), &["read", film.to_str().unwrap(), "--out", "o"]);
    assert_eq!(code(&output), 3, "{}", said(&output));
    assert!(printed(&output).contains("recommend"), "{}", printed(&output));
}
