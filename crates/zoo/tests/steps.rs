//! Preparations as published models do them give what the libraries they use give, on real images
//! (`tools/reference/steps.py` made the fixture).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{fixture, floats, integers};
use imaging::Limits;
use zoo::Resampling;
use zoo::steps::{About, Extent, Fill, Source, Span, Step, prepare};

const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

fn recipe(name: &str) -> Vec<Step> {
    let shorter = |resampling| Step::Resize { to: Extent::Shorter(256), resampling };
    let normalize = Step::Normalize { mean: MEAN, deviation: DEVIATION };
    let unit = Step::Scale { from: Span::Fixed(0.0, 255.0), to: (0.0, 1.0), clip: false };
    let crop = Step::CentreCrop { rows: 224, columns: 224 };
    let stored = [Step::Values(Source::Stored), Step::FirstChannel];
    let modality = Step::Values(Source::Modality);
    match name {
        "imagenet" => {
            let rest = [unit, Step::Rgb, shorter(Resampling::TorchAntialiased), crop, normalize];
            stored.into_iter().chain(rest).collect()
        }
        "imagenet_pil" => {
            let rest = [shorter(Resampling::PilBilinear), crop, Step::Rgb, unit, normalize];
            stored.into_iter().chain(rest).collect()
        }
        "percentiles" => vec![
            modality,
            Step::Scale { from: Span::Percentiles(1.0, 99.0), to: (0.0, 1.0), clip: true },
            Step::PadSquare { fill: Fill::Minimum, corner: false },
            Step::Resize { to: Extent::Exact(256, 256), resampling: Resampling::TorchBilinear },
        ],
        "eight_bits" => vec![
            modality,
            Step::InvertMonochrome1(About::Maximum),
            Step::Scale { from: Span::Image, to: (0.0, 255.0), clip: false },
            Step::Truncate,
            Step::Resize { to: Extent::Exact(128, 160), resampling: Resampling::Skimage },
            Step::NormalizeImage,
        ],
        "window" => vec![modality, Step::Window { centre: 900.0, width: 600.0, exact: false }],
        other => panic!("no recipe {other}"),
    }
}

/// Of values of order one. A grey level in single pixels where a lossy JPEG was decoded.
fn tolerance(name: &str, lossy: bool) -> f32 {
    match (name, lossy) {
        ("eight_bits" | "percentiles", true) => 0.03,
        // A number that falls on the edge between two whole numbers may be cut to either.
        ("eight_bits", false) => 2e-3,
        _ => 2e-5,
    }
}

#[test]
fn preparations_give_what_the_libraries_give() {
    let fixture = fixture("steps.json");
    let mut compared = 0;
    for (name, files) in fixture["recipes"].as_object().unwrap() {
        for (file, expected) in files.as_object().unwrap() {
            let Some(path) = testkit::data(file) else { continue };
            let study = imaging::read(&path, &Limits::default()).unwrap();
            let prepared = prepare(&recipe(name), &study).unwrap();
            let tensor = &prepared.tensors[0];
            assert_eq!(tensor.shape()[1..], integers(&expected["shape"]), "{name} {file}");
            let syntax = study.facts.file.transfer_syntax.as_ref();
            let lossy = syntax.is_some_and(|(uid, _)| {
                ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"].contains(&uid.as_str())
            });
            let values = floats(&expected["value"]);
            let pairs = integers(&expected["index"]).into_iter().zip(&values);
            let worst = pairs
                .map(|(index, value)| (tensor.data()[index] - value).abs())
                .fold(0.0, f32::max);
            println!("{name} {file}: largest difference {worst:.2e}");
            assert!(worst <= tolerance(name, lossy), "{name} {file}: {worst:.2e}");
            compared += 1;
        }
    }
    assert!(compared == 12 || testkit::data("cxr/nih/00000150_002.png").is_none(), "{compared}");
}
