//! Folders of users' own models, read like published systems.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, write_checkpoint};
use base::words::own::TEMPLATE_EN;
use base::{Kind, Lang, Picture};
use imaging::Study;
use std::fmt::Write;
use std::path::Path;
use zoo::folder::{Folder, check};
use zoo::{Loaded, ReadOptions, find};

const ALL: &str = "xrv-densenet121-res224-all";

/// A picture of 300 columns and 260 rows.
fn study() -> Study {
    let data = (0..300 * 260).map(|i| ((i * 37 + i / 300 * 11) % 256) as u8).collect();
    let picture = Picture::new(300, 260, 1, data).unwrap();
    Study::from_picture(&picture, "made-up")
}

/// A card for a DenseNet121 with TorchXRayVision's preparation and these labels.
fn densenet_card(after: &str, labels: &str) -> String {
    let head = TEMPLATE_EN.split("[[labels]]").next().unwrap();
    let head = head
        .replace(
            "file = \"model.onnx\"\n",
            "file = \"weights.pt\"\narchitecture = \"densenet121\"\n",
        )
        .replace("after = [\"sigmoid\"]", after);
    format!("{head}{labels}")
}

fn label(code: &str, threshold: f32) -> String {
    format!("[[labels]]\ncode = \"{code}\"\nthreshold = {threshold}\n")
}

fn write(folder: &Path, card: &str) -> Folder {
    std::fs::write(folder.join("model.toml"), card).unwrap();
    Folder::open(folder).unwrap()
}

fn problems(folder: &Path) -> String {
    let checked = check(folder, &compute()).unwrap();
    let lines: Vec<String> = checked.problems.iter().map(|p| p.render(Lang::En)).collect();
    lines.join("\n")
}

#[test]
fn a_folder_that_declares_what_a_published_system_declares_says_the_same() {
    let dir = testkit::temp_dir("same");
    let published = find(ALL).unwrap();
    let card = published.card();
    let mut labels = String::new();
    for (code, threshold) in card.labels.iter().zip(card.thresholds) {
        labels += &label(code.unwrap().id, threshold.unwrap());
    }
    let text = densenet_card("after = [\"sigmoid\", \"operating-points\"]", &labels);
    let folder = write(dir.path(), &text);
    let weights = write_checkpoint(published, &dir.join("weights.pt"), "");
    assert_eq!(folder.declared().before, card.before);
    assert_eq!(folder.declared().after, card.after);

    let options = ReadOptions { explain: 1, ..ReadOptions::default() };
    let expected = Loaded::load(published, &weights, &compute()).unwrap().read(&study(), &options);
    let mut own = Loaded::own(folder, &compute()).unwrap();
    let reading = own.read(&study(), &options).unwrap();
    let expected = expected.unwrap();
    assert_eq!(reading.findings, expected.findings);
    assert_eq!(reading.maps, expected.maps);
    assert_eq!(reading.findings.len(), 18);
    assert_eq!(reading.model.id, "my-pneumonia-model");
    assert_eq!(reading.model.weights_sha256, expected.model.weights_sha256);
    // Whose model it is, and its terms.
    let note = reading.notes.iter().find(|note| note.code == "own-model").unwrap();
    assert!(note.text.en().contains("CC-BY-NC-4.0") && note.text.zh().contains("CC-BY-NC-4.0"));
    assert!(own.system().card().weights_licence.zh().contains("CC-BY-NC-4.0"));
    assert_eq!(problems(dir.path()), "");
}

#[test]
fn a_case_that_the_card_does_not_accept_is_refused() {
    let dir = testkit::temp_dir("refused");
    let folder =
        write(dir.path(), &densenet_card("after = [\"sigmoid\"]", &label("pneumonia", 0.5)));
    write_checkpoint(&folder, &dir.join("weights.pt"), "");
    let mut own = Loaded::own(folder, &compute()).unwrap();
    let mut case = study();
    case.facts.modality = Some(base::Modality::Mg);
    let reading = own.read(&case, &ReadOptions::default()).unwrap();
    assert_eq!(reading.refused.unwrap().code, "wrong-modality");
}

#[test]
fn weights_with_another_number_of_outputs_are_named() {
    let dir = testkit::temp_dir("outputs");
    let one = write(dir.path(), &densenet_card("after = [\"sigmoid\"]", &label("pneumonia", 0.5)));
    write_checkpoint(&one, &dir.join("weights.pt"), "");
    let labels = label("pneumonia", 0.5) + &label("lung-mass", 0.4);
    let two = write(dir.path(), &densenet_card("after = [\"sigmoid\"]", &labels));
    let said = problems(dir.path());
    assert!(said.contains("classifier.weight: expected [2, 1024], found [1, 1024]"), "{said}");
    let error = Loaded::own(two, &compute()).err().unwrap();
    assert_eq!(error.kind(), Kind::BrokenInput);
    assert!(error.render(Lang::Zh).contains("models check"), "{error}");
}

#[test]
fn steps_that_leave_the_promised_range_are_found() {
    let dir = testkit::temp_dir("range");
    let card = densenet_card("after = [\"sigmoid\"]", &label("pneumonia", 0.5))
        .replace("range = [-1024, 1024]", "range = [0, 1]");
    write_checkpoint(&write(dir.path(), &card), &dir.join("weights.pt"), "");
    let said = problems(dir.path());
    assert!(said.contains("input.range is [0, 1]"), "{said}");
}

#[test]
fn raw_logits_are_no_scores() {
    let dir = testkit::temp_dir("logits");
    let card = densenet_card("after = []", &label("pneumonia", 0.5));
    write_checkpoint(&write(dir.path(), &card), &dir.join("weights.pt"), "");
    let said = problems(dir.path());
    assert!(said.contains("scores lie between 0 and 1"), "{said}");
}

#[test]
fn what_is_missing_in_a_folder_is_said() {
    let dir = testkit::temp_dir("missing");
    let error = Folder::open(dir.path()).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.render(Lang::En).contains("models new"), "{error}");
    assert_eq!(Folder::open(&dir.join("nowhere")).unwrap_err().kind(), Kind::Io);
    write(dir.path(), TEMPLATE_EN);
    assert!(problems(dir.path()).contains("\"model.onnx\" is not in the folder"));
    std::fs::write(dir.join("model.onnx"), b"no network at all").unwrap();
    let said = problems(dir.path());
    assert!(said.starts_with("model.onnx: "), "{said}");
    std::fs::write(dir.join("model.toml"), [0x69, 0xff, 0xfe]).unwrap();
    assert_eq!(Folder::open(dir.path()).unwrap_err().kind(), Kind::BrokenInput);
}

#[test]
#[cfg(unix)]
fn a_link_out_of_the_folder_is_not_followed() {
    let dir = testkit::temp_dir("links");
    std::fs::create_dir(dir.join("model")).unwrap();
    std::fs::write(dir.join("elsewhere.onnx"), b"x").unwrap();
    std::os::unix::fs::symlink(dir.join("elsewhere.onnx"), dir.join("model/model.onnx")).unwrap();
    let folder = write(&dir.join("model"), TEMPLATE_EN);
    let error = Loaded::own(folder, &compute()).err().unwrap();
    assert!(error.render(Lang::En).contains("leads out of the model's folder"), "{error}");
}

#[test]
fn an_error_of_many_says_how_many() {
    let dir = testkit::temp_dir("many");
    let mut card = TEMPLATE_EN.replace("licence =", "license =");
    let _ = write!(card, "colour = \"blue\"\n");
    std::fs::write(dir.join("model.toml"), card).unwrap();
    let said = Folder::open(dir.path()).unwrap_err().render(Lang::En);
    assert!(said.contains("and 2 more"), "{said}");
}
