//! Preparation agrees with the original, step by step, on real images
//! (`tools/reference/preprocessing.py` made the fixture).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{fixture, floats, integers};
use imaging::{Limits, Study};
use serde_json::Value;
use zoo::systems::xrv::prepare;
use zoo::{Resampling, find};

/// Of the range of 2048. The original filters in single precision axis by axis and rounds in
/// between; here smoothing and sampling are one step.
const TOLERANCE: f32 = 1e-5 * 2048.0;

/// One grey level of eight bits. Decoders of lossy JPEG differ by that much in single pixels (the
/// standard leaves the rounding of the inverse cosine transform open); their mean may not.
const GREY_LEVEL: f32 = 2048.0 / 255.0;

fn check(what: &str, got: &[f32], side: usize, expected: &Value, lossy: bool) {
    assert_eq!([1, side, side], integers(&expected["shape"])[..], "{what}");
    let values = floats(&expected["value"]);
    let differences: Vec<f32> = integers(&expected["index"])
        .iter()
        .zip(&values)
        .map(|(&index, value)| (got[index] - value).abs())
        .collect();
    let worst = differences.iter().copied().fold(0.0, f32::max);
    let mean = differences.iter().sum::<f32>() / differences.len() as f32;
    println!("{what}: largest difference {worst:.2e}, mean {mean:.2e} of 2048");
    let (most, most_mean) =
        if lossy { (1.01 * GREY_LEVEL, 0.1 * GREY_LEVEL) } else { (TOLERANCE, TOLERANCE) };
    assert!(worst < most && mean < most_mean, "{what}: {worst}, mean {mean}");
}

fn is_lossy(study: &Study) -> bool {
    // JPEG baseline and extended.
    let syntax = study.facts.file.transfer_syntax.as_ref().map_or("", |(uid, _)| uid.as_str());
    ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"].contains(&syntax)
}

fn studies() -> Vec<(String, Study, Value)> {
    let fixture = fixture("preprocessing.json");
    let files = fixture["files"].as_object().unwrap();
    files
        .iter()
        .filter_map(|(name, steps)| {
            let path = testkit::data(name)?;
            let study = imaging::read(&path, &Limits::default()).unwrap();
            Some((name.clone(), study, steps.clone()))
        })
        .collect()
}

#[test]
fn each_step_agrees_with_the_original() {
    for (name, study, steps) in studies() {
        let lossy = is_lossy(&study);
        let square = prepare::square(&study).unwrap();
        check(&format!("{name} crop"), &square.plane, square.side, &steps["crop"], lossy);
        for (side, step) in [(224, "resized224"), (512, "resized512")] {
            let plane = prepare::resize(&square.plane, square.side, side, Resampling::Skimage);
            check(&format!("{name} {step}"), &plane, side, &steps[step], lossy);
        }
        let plane = prepare::resize(&square.plane, square.side, 224, Resampling::TorchAntialiased);
        check(&format!("{name} fixed224"), &plane, 224, &steps["fixed224"], lossy);
    }
}

#[test]
fn the_networks_get_the_resized_image() {
    for (name, study, steps) in studies() {
        for (id, step, side) in [
            ("xrv-densenet121-res224-all", "resized224", 224),
            ("xrv-resnet50-res512-all", "resized512", 512),
            ("xrv-resnet101-autoencoder", "resized224", 224),
        ] {
            let prepared = find(id).unwrap().prepare(&study).unwrap();
            assert_eq!(prepared.tensors[0].shape(), [1, 1, side, side]);
            let data = prepared.tensors[0].data();
            check(&format!("{name} {id}"), data, side, &steps[step], is_lossy(&study));
            assert_eq!(
                prepared.covers.width,
                study.facts.size_px.0.min(study.facts.size_px.1) as f32
            );
        }
    }
}

#[test]
fn an_inverted_film_is_turned_over_and_says_so() {
    let (Some(plain), Some(inverted)) = (
        testkit::data("dicom/txrv/rsna_cxr.dcm"),
        testkit::data("dicom/txrv/Fake_MONOCHROME1.dcm"),
    ) else {
        return;
    };
    let square = |path| prepare::square(&imaging::read(path, &Limits::default()).unwrap()).unwrap();
    let has =
        |square: &prepare::Square| square.notes.iter().any(|n| n.code == "monochrome1-inverted");
    assert!(!has(&square(&plain)));
    assert!(has(&square(&inverted)));
}
