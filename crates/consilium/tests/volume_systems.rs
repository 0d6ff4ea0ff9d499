//! The real binary with systems for volumes: routing by name, choices, weights, what is written.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{code, consilium, names, printed, result, said};

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
