//! A user's own models through the real binary: a card is begun, checked, and read with, beside a
//! published system.
#![allow(clippy::unwrap_used)]

use engine::graph::Builder;
use engine::weights::{Scope, write_pytorch};
use imaging::dicom::{Radiograph, write_radiograph};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use testkit::onnx::{FLOAT, Onnx};
use zoo::System;
use zoo::folder::Folder;

const ALL: &str = "xrv-densenet121-res224-all";

fn consilium(folder: &Path, line: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium"))
        .args(line)
        .current_dir(folder)
        .env("CONSILIUM_LANG", "en")
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn film(path: &Path, change: impl FnOnce(&mut Radiograph)) {
    let samples = (0..300 * 260).map(|i| ((i * 37 + i / 300 * 11) % 4096) as u16).collect();
    let mut film = Radiograph::chest(260, 300, samples);
    change(&mut film);
    write_radiograph(path, &film).unwrap();
}

fn write_weights(system: &dyn System, path: &Path) {
    let scope = Scope::recording();
    system.network(&mut Builder::new(), &scope).unwrap();
    write_pytorch(path, &scope.recorded()).unwrap();
}

/// The card to fill in, changed.
fn new_card(dir: &Path, folder: &str, changes: &[(&str, &str)]) {
    let output = consilium(dir, &["models", "new", folder]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let path = dir.join(folder).join("model.toml");
    let mut card = fs::read_to_string(&path).unwrap();
    for (from, to) in changes {
        assert!(card.contains(from), "{from}");
        card = card.replace(from, to);
    }
    fs::write(path, card).unwrap();
}

/// A DenseNet121 with one output.
fn densenet(dir: &Path, folder: &str) {
    let file = "file = \"weights.pt\"\narchitecture = \"densenet121\"\n";
    new_card(dir, folder, &[("file = \"model.onnx\"\n", file)]);
    let own = Folder::open(&dir.join(folder)).unwrap();
    write_weights(&own, &dir.join(folder).join("weights.pt"));
}

/// A network that gives the mean of its image times four, less two.
fn mean_network() -> Vec<u8> {
    Onnx::new()
        .input("image", FLOAT, &[1, 1, 224, 224])
        .floats("w", &[1, 1], &[4.0 / 1024.0])
        .floats("b", &[1], &[0.25])
        .node("GlobalAveragePool", &["image"], "mean", &[])
        .node("Flatten", &["mean"], "flat", &[("axis", 1)])
        .node("Gemm", &["flat", "w", "b"], "logits", &[])
        .output("logits", &[1, 1])
        .finish()
}

#[test]
fn own_models_read_beside_a_published_one() {
    let dir = testkit::temp_dir("own-read");
    film(&dir.join("chest.dcm"), |_| {});
    densenet(dir.path(), "dense");
    let second = [("my-pneumonia-model", "my-onnx-model"), ("CC-BY-NC-4.0", "MIT")];
    new_card(dir.path(), "onnx", &second);
    fs::write(dir.join("onnx/model.onnx"), mean_network()).unwrap();
    fs::create_dir(dir.join("weights")).unwrap();
    let published = zoo::find(ALL).unwrap();
    write_weights(published, &dir.join("weights").join(published.card().weights.file_names[0]));

    let models = format!("./dense,{ALL},onnx");
    let line = ["read", "chest.dcm", "--model", &models, "--weights", "weights", "--json"];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ids: Vec<&str> =
        result["models"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["my-pneumonia-model", ALL, "my-onnx-model"]);
    for (index, licence, container) in [(0, "CC-BY-NC-4.0", "pytorch-zip"), (2, "MIT", "onnx")] {
        let model = &result["models"][index];
        assert_eq!(model["findings"][0]["code"], "pneumonia");
        assert_eq!(model["findings"][0]["threshold"], 0.5);
        assert_eq!(model["findings"][0]["calibrated"], false);
        let notes = model["notes"].as_array().unwrap();
        let own = notes.iter().find(|note| note["code"] == "own-model").unwrap();
        assert!(own["text"]["en"].as_str().unwrap().contains(licence));
        assert!(own["text"]["zh"].as_str().unwrap().contains("用户"));
        assert!(notes.iter().any(|note| note["code"] == "score-meaning"));
        assert_eq!(result["manifest"]["models"][index]["container"], container);
        assert_eq!(model["weights_sha256"].as_str().unwrap().len(), 64);
        assert!(!model["explanations"].as_array().unwrap().is_empty());
    }
    assert_eq!(result["models"][2]["explanations"][0]["method"], "occlusion");
    // The panel weighs them with the published one.
    let opinion = result["opinion"]["findings"].as_array().unwrap();
    let pneumonia = opinion.iter().find(|finding| finding["code"] == "pneumonia").unwrap();
    assert_eq!(pneumonia["agreement"]["models"], 3);
    let report = fs::read_to_string(dir.join("consilium-out/report.html")).unwrap();
    assert!(report.contains("CC-BY-NC-4.0") && report.contains("My pneumonia model"));
}

#[test]
fn a_case_that_does_not_fit_is_refused() {
    let dir = testkit::temp_dir("own-refuse");
    film(&dir.join("ct.dcm"), |film| film.modality = "CT".into());
    new_card(dir.path(), "onnx", &[]);
    fs::write(dir.join("onnx/model.onnx"), mean_network()).unwrap();
    let output = consilium(dir.path(), &["read", "ct.dcm", "--model", "./onnx", "--json"]);
    assert_eq!(code(&output), 3, "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["models"][0]["refused"]["code"], "wrong-modality");
}

#[test]
fn a_check_lists_everything_and_its_exit_code_says_whether_it_passed() {
    let dir = testkit::temp_dir("own-check");
    new_card(dir.path(), "onnx", &[]);
    let output = consilium(dir.path(), &["models", "check", "onnx"]);
    assert_eq!(code(&output), 1);
    assert!(printed(&output).contains("\"model.onnx\" is not in the folder"));
    fs::write(dir.join("onnx/model.onnx"), mean_network()).unwrap();
    let output = consilium(dir.path(), &["models", "check", "onnx"]);
    assert_eq!(code(&output), 0, "{}{}", printed(&output), said(&output));
    let text = printed(&output);
    for part in ["SHA-256", " ms", " MiB", "fit together"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let card = dir.join("onnx/model.toml");
    let broken = fs::read_to_string(&card).unwrap();
    let broken = broken.replace("\"sigmoid\"", "\"sigmiod\"").replace("licence =", "license =");
    fs::write(&card, broken).unwrap();
    let output = consilium(dir.path(), &["models", "check", "onnx", "--json"]);
    assert_eq!(code(&output), 1);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["passed"], false);
    assert_eq!(found["problems"].as_array().unwrap().len(), 3, "{found}");
    let output = consilium(dir.path(), &["models", "check", "onnx", "--lang", "zh"]);
    assert!(printed(&output).contains("是否想写 sigmoid"), "{}", printed(&output));
    // Reading says the same in short and where to see all of it.
    film(&dir.join("chest.dcm"), |_| {});
    let output = consilium(dir.path(), &["read", "chest.dcm", "--model", "./onnx"]);
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("and 2 more") && said(&output).contains("models check"));
    assert!(!dir.join("consilium-out/result.json").exists());
}

#[test]
fn a_card_that_is_there_is_left_alone() {
    let dir = testkit::temp_dir("own-new");
    let output = consilium(dir.path(), &["models", "new", "deep/model", "--lang", "zh"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let card = fs::read_to_string(dir.join("deep/model/model.toml")).unwrap();
    assert!(card.contains("模型卡"));
    let output = consilium(dir.path(), &["models", "new", "deep/model"]);
    assert_eq!(code(&output), 2);
    assert_eq!(fs::read_to_string(dir.join("deep/model/model.toml")).unwrap(), card);
    let output = consilium(dir.path(), &["models", "show", "deep/model"]);
    assert!(printed(&output).contains("CC-BY-NC-4.0"), "{}", said(&output));
}

#[test]
fn names_and_folders_that_are_not_there_are_said() {
    let dir = testkit::temp_dir("own-none");
    film(&dir.join("chest.dcm"), |_| {});
    let output = consilium(dir.path(), &["read", "chest.dcm", "--model", "./nowhere"]);
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("nowhere"), "{}", said(&output));
    let output = consilium(dir.path(), &["read", "chest.dcm", "--model", "nowhere"]);
    assert_eq!(code(&output), 2);
    new_card(dir.path(), "a", &[]);
    new_card(dir.path(), "b", &[]);
    for folder in ["a", "b"] {
        fs::write(dir.join(folder).join("model.onnx"), mean_network()).unwrap();
    }
    let output = consilium(dir.path(), &["read", "chest.dcm", "--model", "./a,./b"]);
    assert_eq!(code(&output), 2);
    assert!(said(&output).contains("two models are called my-pneumonia-model"));
}
