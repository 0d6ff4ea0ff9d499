//! The real binary with systems for volumes: routing by name, choices, weights, what is written.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::common::{code, consilium, names, printed, result, said};

#[test]
fn a_head_is_read_by_name_with_the_published_weights() {
    let Some(image) = testkit::data("volumes/brain/hippodeep_example_brain_t1.nii.gz") else {
        return;
    };
    let Some(weights) = testkit::data("weights/deepbrain") else { return };
    let dir = testkit::temp_dir("deepbrain-cli");
    let (image, weights) = (image.to_str().unwrap(), weights.to_str().unwrap());
    let line = ["read", image, "--model", "deepbrain", "--weights", weights, "--out", "o"];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(printed(&output).contains("Research use only"));
    let expected = [
        "report.html",
        "result.json",
        "segmentation-3d.png",
        "segmentation.nii.gz",
        "segmentation.png",
        "volumes.csv",
    ];
    assert_eq!(names(&dir.join("o")), expected);
    let result = result(dir.join("o/result.json"));
    let model = &result["models"][0];
    assert_eq!(model["id"], "deepbrain");
    // The original's volume of this image: crates/zoo/tests/fixtures/systems/deepbrain.json.
    let volume = model["values"][0]["value"].as_f64().unwrap();
    assert!((volume - 1422.078).abs() < 0.2, "{volume}");
    assert_eq!(model["segments"][0]["name"]["zh"], "脑");
    let page = std::fs::read_to_string(dir.join("o/report.html")).unwrap();
    assert!(page.contains("Brain volume") && page.contains("1422.0"));
}

#[test]
fn what_cannot_be_meant_is_said_before_anything_is_read() {
    let dir = testkit::temp_dir("systems-usage");
    std::fs::write(dir.join("t1.nii.gz"), b"").unwrap();
    let refused = |line: &[&str], part: &str| {
        let output = consilium(dir.path(), line);
        assert_ne!(code(&output), 0);
        assert!(said(&output).contains(part), "{}", said(&output));
        code(&output)
    };
    let usage = refused(&["read", "t1.nii.gz", "--model", "deepbrain"], "graph_v2.pb");
    assert_eq!(usage, 2);
    let choice = ["read", "t1.nii.gz", "--model", "deepbrain:fast", "--weights", "w"];
    assert_eq!(refused(&choice, "nothing to choose"), 2);
    let absent = ["read", "t1.nii.gz", "--model", "lungmask-r231", "--weights", "."];
    refused(&absent, "unet_r231-d5d2fc3d.pth");
    let mixed = ["read", "t1.nii.gz", "--model", "deepbrain,xrv-pspnet-anatomy", "--weights", "w"];
    assert_eq!(refused(&mixed, "cannot read the same case"), 2);
}

#[test]
fn bone_density_is_measured_in_masks_that_are_given_without_any_weights() {
    let ct = "volumes/spine/sub-ct_label-22_ct.nii.gz";
    let masks = "volumes/spine/sub-ct_seg-vert_label-22_msk.nii.gz";
    let (Some(ct), Some(masks)) = (testkit::data(ct), testkit::data(masks)) else { return };
    let dir = testkit::temp_dir("bone-density-cli");
    let (ct, masks) = (ct.to_str().unwrap(), masks.to_str().unwrap());
    let line = ["read", ct, "--model", "bone-density:verse", "--masks", masks, "--out", "o"];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let result = result(dir.join("o/result.json"));
    let values = result["models"][0]["values"].as_array().unwrap();
    let value = values.iter().find(|value| value["code"] == "l3-trabecular-attenuation");
    // crates/zoo/tests/fixtures/systems/bone_density.json
    assert!((value.unwrap()["value"].as_f64().unwrap() - 58.271).abs() < 0.01, "{values:?}");
    let refused = |line: &[&str], part: &str| {
        let output = consilium(dir.path(), &[&["read", ct, "--model"], line].concat());
        assert!(said(&output).contains(part), "{}", said(&output));
        code(&output)
    };
    // Without masks its weights are missed; others have no use for masks, and one label map comes with a case.
    assert_eq!(refused(&["bone-density"], "Dataset292"), 2);
    assert_eq!(
        refused(&["bone-density", "--masks", masks, "--localizer", masks], "one of them"),
        2
    );
    crate::common::trained::model_of(&dir.join("model"), "CT", "liver", "spleen");
    assert_eq!(refused(&["model", "--masks", masks], "no use for a label map"), 1);
    assert_eq!(refused(&["model", "--fast"], "'fast'"), 2);
    assert_eq!(refused(&["lungmask-r231", "--fast"], "nothing to choose"), 2);
}
