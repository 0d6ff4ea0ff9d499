//! ONNX files of users' own models: classification, segmentation, regression, and files that do not
//! fit their cards.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::compute;
use base::words::own::TEMPLATE_EN;
use base::{ExplanationMethod, Lang, Mm, Picture, PixelSpacing, Reading, SpacingSource};
use imaging::Study;
use std::path::Path;
use testkit::onnx::{FLOAT, Onnx, UINT8};
use zoo::folder::{Folder, check};
use zoo::{Loaded, ReadOptions, System};

/// 120 columns, 80 rows; the left half dark (51), the right half bright (204).
fn halves() -> Study {
    let data = (0..120 * 80).map(|i| if i % 120 < 60 { 51 } else { 204 }).collect();
    let picture = Picture::new(120, 80, 1, data).unwrap();
    let mut study = Study::from_picture(&picture, "halves");
    let source = SpacingSource::PictureResolution;
    study.facts.spacing = Some(PixelSpacing { row: Mm(0.5), column: Mm(0.25), source });
    study
}

/// A card for a grey network of `size` fed with 0..=1.
fn card(task: &str, size: usize, before: &str, after: &str, labels: &str) -> String {
    let head = TEMPLATE_EN.split("[steps]").next().unwrap();
    let head = head
        .replace("task = \"classification\"", &format!("task = \"{task}\""))
        .replace("size = [224, 224]", &format!("size = [{size}, {size}]"))
        .replace("range = [-1024, 1024]", "range = [0, 1]");
    format!("{head}\n[steps]\nbefore = [{before}]\nafter = [{after}]\n{labels}")
}

const SQUARE: &str = r#""stored-values", "first-channel",
    { step = "scale", from = "stored-range", to = [0, 1] },
    "centre-square", { step = "resize", method = "torch-antialiased" }"#;

fn write(folder: &Path, card: &str, network: Onnx) -> Folder {
    std::fs::write(folder.join("model.toml"), card).unwrap();
    std::fs::write(folder.join("model.onnx"), network.finish()).unwrap();
    Folder::open(folder).unwrap()
}

fn problems(folder: &Path) -> String {
    let checked = check(folder, &compute()).unwrap();
    let lines: Vec<String> = checked.problems.iter().map(|p| p.render(Lang::En)).collect();
    lines.join("\n")
}

fn read(folder: Folder, study: &Study, explain: usize) -> Reading {
    let options = ReadOptions { explain, ..ReadOptions::default() };
    Loaded::own(folder, &compute()).unwrap().read(study, &options).unwrap()
}

/// The image's mean, then two numbers: `4 · mean − 2` and `1 − mean`.
fn classifier(size: u64) -> Onnx {
    Onnx::new()
        .input("image", FLOAT, &[0, 1, size, size])
        .floats("w", &[2, 1], &[4.0, -1.0])
        .floats("b", &[2], &[-2.0, 1.0])
        .node("GlobalAveragePool", &["image"], "mean", &[])
        .node("Flatten", &["mean"], "flat", &[("axis", 1)])
        .node("Gemm", &["flat", "w", "b"], "logits", &[("transB", 1)])
        .output("logits", &[0, 2])
}

const TWO: &str = "[[labels]]\ncode = \"pneumonia\"\nthreshold = 0.6\n\
                   [[labels]]\ncode = \"brightness\"\nen = \"Brightness\"\nzh = \"亮度\"\n";

#[test]
fn a_classifier_s_scores_are_those_of_its_network() {
    let dir = testkit::temp_dir("classifier");
    let folder =
        write(dir.path(), &card("classification", 32, SQUARE, "\"sigmoid\"", TWO), classifier(32));
    let study = halves();
    let prepared = folder.prepare(&study).unwrap();
    let data = prepared.tensors[0].data();
    let mean = data.iter().sum::<f32>() / data.len() as f32;
    assert!((mean - 0.5).abs() < 1e-3, "{mean}");
    let reading = read(folder, &study, 1);
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    let scores: Vec<f32> = reading.findings.iter().map(|finding| finding.score).collect();
    assert!((scores[0] - sigmoid(4.0 * mean - 2.0)).abs() < 1e-5, "{scores:?}");
    assert!((scores[1] - sigmoid(1.0 - mean)).abs() < 1e-5, "{scores:?}");
    assert_eq!(reading.findings[0].positive(), Some(false));
    assert_eq!(reading.findings[1].positive(), None);
    assert_eq!(reading.findings[1].code.name.zh(), "亮度");
    // A network from a file says nothing of its inside: the map is by occlusion.
    assert_eq!(reading.maps[0].method, ExplanationMethod::Occlusion);
    assert_eq!(reading.maps[0].covers.x, 20.0);
    assert_eq!(reading.model.weights_sha256.unwrap().len(), 64);
    assert_eq!(problems(dir.path()), "");
}

#[test]
fn a_case_without_a_spacing_is_refused_by_a_model_that_needs_one() {
    let before = r#""stored-values", "first-channel",
        { step = "scale", from = "stored-range", to = [0, 1] },
        { step = "resample", spacing_mm = 1.0, method = "torch-antialiased" },
        { step = "centre-crop" }"#;
    let dir = testkit::temp_dir("spacing");
    let text = card("classification", 32, before, "\"sigmoid\"", TWO)
        .replace("# spacing_mm = 0.2", "spacing_mm = 1.0");
    let folder = write(dir.path(), &text, classifier(32));
    assert_eq!(problems(dir.path()), "");
    // 80 rows of 0.5 mm and 120 columns of 0.25 mm: 40 × 30 at 1 mm, of which the middle 32 × 32.
    let prepared = folder.prepare(&halves()).unwrap();
    assert_eq!((prepared.covers.y, prepared.covers.height), (8.0, 64.0));
    assert_eq!((prepared.covers.x, prepared.covers.width), (-4.0, 128.0));
    let mut study = halves();
    study.facts.spacing = None;
    assert_eq!(read(folder, &study, 0).refused.unwrap().code, "spacing-unknown");
}

/// Two maps: `x` and `1 − x`.
fn bright_and_dark(input: &[u64], axes: &[u64], output: &[u64]) -> Onnx {
    Onnx::new()
        .input("image", FLOAT, input)
        .floats("factor", axes, &[1.0, -1.0])
        .floats("offset", axes, &[0.0, 1.0])
        .node("Mul", &["image", "factor"], "scaled", &[])
        .node("Add", &["scaled", "offset"], "maps", &[])
        .output("maps", output)
}

const STRUCTURES: &str = "[[labels]]\ncode = \"bright-half\"\nen = \"Bright half\"\nzh = \"亮侧\"\n\
                          [[labels]]\ncode = \"background\"\nignore = true\n";

#[test]
fn a_segmentation_lies_on_the_original_s_pixels() {
    let after = r#"{ step = "resize-back", method = "torch-bilinear" }, "softmax", "argmax""#;
    let padded = r#""stored-values", "first-channel",
        { step = "scale", from = "stored-range", to = [0, 1] },
        { step = "pad-square" }, { step = "resize", method = "torch-antialiased" }"#;
    let mirrored = format!("{padded}, \"mirror\"");
    for (before, orientation) in [(padded, "upright"), (&*mirrored, "mirrored")] {
        let dir = testkit::temp_dir("maps");
        let text = card("segmentation", 60, before, after, STRUCTURES)
            .replace("\"upright\" #", &format!("\"{orientation}\" #"));
        let network = bright_and_dark(&[1, 1, 60, 60], &[1, 2, 1, 1], &[1, 2, 60, 60]);
        let folder = write(dir.path(), &text, network);
        assert_eq!(problems(dir.path()), "");
        let reading = read(folder, &halves(), 0);
        let [segment] = &reading.segments[..] else { panic!("{:?}", reading.notes) };
        let mask = &segment.mask;
        assert_eq!((mask.width(), mask.height(), segment.label), (120, 80, 1));
        let wrong = mask.bits().iter().enumerate();
        let wrong = wrong.filter(|(at, bit)| (at % 120 >= 60) != (**bit == 1)).count();
        // The edge between the halves and the padding may be blurred by a pixel.
        assert!(wrong <= 240, "{orientation}: {wrong} pixels");
        let area = mask.area_px() as f64 * 0.125;
        assert!((segment.area_mm2.unwrap() - area).abs() < 1e-9);
    }
}

#[test]
fn channels_may_come_last_and_values_be_bytes() {
    let dir = testkit::temp_dir("last");
    let after =
        r#"{ step = "resize-back", method = "nearest" }, { step = "threshold", value = 0.5 }"#;
    let text = card("segmentation", 40, SQUARE, after, STRUCTURES).replace("\"NCHW\"", "\"NHWC\"");
    let network = bright_and_dark(&[1, 40, 40, 1], &[1, 1, 1, 2], &[1, 40, 40, 2]);
    let folder = write(dir.path(), &text, network);
    assert_eq!(problems(dir.path()), "");
    let reading = read(folder, &halves(), 0);
    // The central square of 80 × 80 from column 20: bright from column 60 to 100.
    let area = reading.segments[0].mask.area_px();
    assert_eq!(area, 80 * 40);

    let dir = testkit::temp_dir("bytes");
    let before = r#""displayed-values", "first-channel", "centre-square",
        { step = "resize", method = "torch-antialiased" }"#;
    let labels =
        "[[labels]]\ncode = \"mean-brightness\"\nen = \"Mean\"\nzh = \"均值\"\nunit = \"mm\"\n";
    let after = r#"{ step = "linear", factor = 2.0, offset = 1.0 }, { step = "clip", low = 0, high = 200 }"#;
    let text = card("regression", 40, before, after, labels)
        .replace("range = [0, 1]", "range = [0, 255]")
        .replace("\"NCHW\"", "\"NHWC\"")
        .replace("\"float32\"", "\"uint8\"");
    let network = Onnx::new()
        .input("image", UINT8, &[1, 40, 40, 1])
        .node("Cast", &["image"], "float", &[("to", FLOAT)])
        .node("Flatten", &["float"], "flat", &[("axis", 1)])
        .integers("axes", &[1])
        .floats("share", &[1600, 1], &[1.0 / 1600.0; 1600])
        .node("MatMul", &["flat", "share"], "value", &[])
        .output("value", &[1, 1]);
    let folder = write(dir.path(), &text, network);
    assert_eq!(problems(dir.path()), "");
    let reading = read(folder.clone(), &halves(), 0);
    // 2 · 127.5 + 1, clipped.
    assert_eq!((reading.values[0].value, reading.values[0].unit), (200.0, "mm"));
    assert_eq!((reading.values[0].id, reading.values[0].name.zh()), ("mean-brightness", "均值"));
    std::fs::write(dir.join("model.toml"), text.replace("high = 200", "high = 999")).unwrap();
    let value = read(Folder::open(dir.path()).unwrap(), &halves(), 0).values[0].value;
    assert!((value - 256.0).abs() < 1.0, "{value}");
}

#[test]
fn files_that_do_not_fit_their_cards_are_named() {
    let text = card("classification", 32, SQUARE, "\"sigmoid\"", TWO);
    let one = |card: &str, network: Onnx| {
        let dir = testkit::temp_dir("misfit");
        write(dir.path(), card, network);
        let said = problems(dir.path());
        // What a check finds, reading finds too.
        let folder = Folder::open(dir.path()).unwrap();
        let error = Loaded::own(folder, &compute())
            .and_then(|mut loaded| loaded.read(&halves(), &ReadOptions::default()).map(|_| ()));
        assert!(error.is_err(), "{said}");
        said
    };
    let said = one(&text, classifier(64));
    assert!(said.contains("input image is [N, 1, 64, 64], the card says [1, 1, 32, 32]"), "{said}");
    let said = one(
        &text.replace(
            "code = \"pneumonia\"\n",
            "code = \"pneumonia\"\n[[labels]]\ncode = \"hernia\"\n",
        ),
        classifier(32),
    );
    assert!(said.contains("the card has 3 labels"), "{said}");
    let said = one(&text.replace("\"float32\"", "\"float16\""), classifier(32));
    assert!(said.contains("takes float32, input.dtype is float16"), "{said}");
    let said = one(&text.replace("# output = \"logits\"", "output = \"scores\""), classifier(32));
    assert!(said.contains("no output \"scores\"; it has: logits"), "{said}");
    let volume = Onnx::new()
        .input("image", FLOAT, &[1, 1, 96, 96, 96])
        .node("GlobalAveragePool", &["image"], "mean", &[])
        .output("mean", &[1, 1, 1, 1, 1]);
    let said = one(&text, volume);
    assert!(said.contains("3-D input"), "{said}");
    let said = one(&text, classifier(32).input("age", FLOAT, &[1, 1]));
    assert!(said.contains("it takes: image, age"), "{said}");
    let strange = Onnx::new()
        .input("image", FLOAT, &[1, 1, 32, 32])
        .node("ThinkHard", &["image"], "logits", &[])
        .output("logits", &[1, 2]);
    let said = one(&text, strange);
    assert!(said.contains("ThinkHard"), "{said}");
    let said = one(
        &card(
            "segmentation",
            32,
            SQUARE,
            r#"{ step = "resize-back", method = "nearest" }, "argmax""#,
            TWO.replace("threshold = 0.6\n", "").as_str(),
        ),
        classifier(32),
    );
    assert!(said.contains("expected [1, 2, rows, columns]"), "{said}");
}
