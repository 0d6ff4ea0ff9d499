//! Trained models brought on a stick: which system each belongs to, what is taken and what is left, and
//! that `read` finds it afterwards.
#![allow(clippy::unwrap_used)]

use crate::common::{code, command, names, printed, result, said, trained};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

fn run(folder: &Path, line: &[&str]) -> Output {
    command(folder, line).env("CONSILIUM_STORE", folder.join("store")).output().unwrap()
}

fn kept(folder: &Path, line: &[&str]) -> Vec<(String, String)> {
    let done = run(folder, line);
    assert_eq!(code(&done), 0, "{}", said(&done));
    let lines = printed(&done);
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    lines.map(|line| (text(&line["id"]), text(&line["file"]))).collect()
}

#[test]
fn a_results_folder_goes_in_without_logs_and_predictions_and_is_read_by_name() {
    let temp = testkit::temp_dir("trained-own");
    let dir = temp.path();
    let results = dir.join("stick/nnUNet_results/Dataset123_Organs");
    trained::model(&results);
    let model = results.join("nnUNetTrainer__nnUNetPlans__3d_fullres");
    fs::create_dir_all(model.join("fold_0/validation")).unwrap();
    fs::write(model.join("fold_0/validation/patient_a.nii.gz"), b"a patient").unwrap();
    fs::write(model.join("fold_0/training_log.txt"), b"epoch 0").unwrap();
    let found = kept(dir, &["weights", "import", "stick", "--json"]);
    let inside = "nnUNetTrainer__nnUNetPlans__3d_fullres";
    let expected = ["dataset.json", "fold_0/checkpoint_final.pth", "plans.json"];
    let expected: Vec<_> =
        expected.map(|file| ("dataset123-organs".to_owned(), format!("{inside}/{file}"))).into();
    assert_eq!(found, expected);
    let listed = printed(&run(dir, &["weights", "list", "dataset123-organs"]));
    assert!(listed.contains("dataset123-organs"), "{listed}");
    // The stick is gone; the model is read by name.
    fs::remove_dir_all(dir.join("stick")).unwrap();
    trained::volume(&dir.join("case.nii.gz"), 1);
    let read = run(dir, &["read", "case.nii.gz", "--model", "dataset123-organs", "--out", "out"]);
    assert_eq!(code(&read), 0, "{}", said(&read));
    let result = result(dir.join("out/result.json"));
    assert_eq!(result["models"][0]["id"], "dataset123-organs");
    assert!(names(&dir.join("out")).contains(&"segmentation.nii.gz".to_owned()));
    let gone = run(dir, &["weights", "remove", "dataset123-organs"]);
    assert_eq!(code(&gone), 0, "{}", said(&gone));
    assert!(!dir.join("store/systems/dataset123-organs").join(inside).join("plans.json").exists());
    let read = run(dir, &["read", "case.nii.gz", "--model", "dataset123-organs", "--out", "out2"]);
    assert_eq!(code(&read), 2, "{}", said(&read));
}

#[test]
fn published_systems_are_recognised_by_their_folders() {
    let temp = testkit::temp_dir("trained-published");
    let dir = temp.path();
    let part = "Dataset297_TotalSegmentator_total_3mm_1559subj";
    trained::model(&dir.join("stick").join(part));
    let found = kept(dir, &["weights", "import", "stick", "--json"]);
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|(id, file)| id == "totalsegmentator" && file.starts_with(part)));
    // The folder that the archive of HD-BET 2 is unpacked to.
    trained::model(&dir.join("hd-bet_params"));
    let found = kept(dir, &["weights", "import", "hd-bet_params", "--json"]);
    assert!(found.iter().all(|(id, _)| id == "hd-bet"), "{found:?}");
    // A model that says nothing is what its owner says it is.
    trained::model(&dir.join("somewhere"));
    let line = ["weights", "import", "somewhere", "--as", "My liver model", "--json"];
    assert!(kept(dir, &line).iter().all(|(id, _)| id == "my-liver-model"));
}

#[test]
fn an_archive_of_models_is_unpacked_and_one_that_is_none_is_refused() {
    let temp = testkit::temp_dir("trained-zip");
    let dir = temp.path();
    trained::model(&dir.join("Dataset007_Knee"));
    testkit::zip(dir, "Dataset007_Knee", &dir.join("export.zip"));
    let found = kept(dir, &["weights", "import", "export.zip", "--json"]);
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|(id, _)| id == "dataset007-knee"), "{found:?}");
    fs::write(dir.join("broken.zip"), b"PK\x03\x04 and nothing more").unwrap();
    let done = run(dir, &["weights", "import", "broken.zip"]);
    assert_eq!(code(&done), 1, "{}", said(&done));
    assert!(said(&done).contains("broken.zip"), "{}", said(&done));
    // A stick without any model.
    fs::create_dir(dir.join("empty")).unwrap();
    assert_eq!(code(&run(dir, &["weights", "import", "empty"])), 1);
}

/// A bundle in the form of MONAI's, with made-up weights.
fn bundle(folder: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../zoo/tests/fixtures/bundles");
    let zoo = fixtures.join(folder.file_name().unwrap());
    fs::create_dir_all(folder.join("configs")).unwrap();
    for name in ["metadata.json", "inference.json"] {
        fs::copy(zoo.join("configs").join(name), folder.join("configs").join(name)).unwrap();
    }
    fs::write(folder.join("LICENSE"), "Apache-2.0").unwrap();
    fs::create_dir_all(folder.join("docs")).unwrap();
    fs::write(folder.join("docs/README.md"), "# An organ").unwrap();
    zoo::bundle::make_up(folder).unwrap();
}

#[test]
fn a_bundle_is_read_from_its_folder_its_archive_and_the_store() {
    let temp = testkit::temp_dir("trained-bundle");
    let dir = temp.path();
    bundle(&dir.join("organ_unet"));
    testkit::zip(dir, "organ_unet", &dir.join("bundle.zip"));
    trained::volume(&dir.join("case.nii.gz"), 1);
    let found = kept(dir, &["weights", "import", "organ_unet", "--json"]);
    let files: Vec<&str> = found.iter().map(|(_, file)| file.as_str()).collect();
    let expected =
        ["LICENSE", "configs/inference.json", "configs/metadata.json", "models/model.pt"];
    assert_eq!(files, expected.map(|file| format!("organ_unet/{file}")));
    assert!(found.iter().all(|(id, _)| id == "organ-unet"));
    let mut maps = Vec::new();
    for (model, out) in [("organ_unet", "a"), ("bundle.zip", "b"), ("organ-unet", "c")] {
        let read = run(dir, &["read", "case.nii.gz", "--model", model, "--out", out]);
        assert_eq!(code(&read), 0, "{}", said(&read));
        let result = result(dir.join(out).join("result.json"));
        let structures = result["models"][0]["segments"].as_array().unwrap();
        assert_eq!(structures.len(), 2, "{result:#}");
        maps.push(fs::read(dir.join(out).join("segmentation.nii.gz")).unwrap());
    }
    assert!(maps[0] == maps[1] && maps[1] == maps[2], "one model, one answer");
    // What a bundle lacks is said in both languages.
    let config = dir.join("organ_unet/configs/inference.json");
    let text = fs::read_to_string(&config).unwrap().replace("\"UNet\"", "\"VNet\"");
    fs::write(&config, text).unwrap();
    for (lang, word) in [("en", "lacks"), ("zh", "本版本没有")] {
        let line = ["read", "case.nii.gz", "--model", "organ_unet", "--out", "d", "--lang", lang];
        let read = run(dir, &line);
        assert_eq!(code(&read), 1, "{}", said(&read));
        assert!(said(&read).contains("VNet") && said(&read).contains(word), "{}", said(&read));
        assert!(said(&read).contains("inference.json"));
    }
    assert!(!dir.join("d").exists(), "nothing is left behind");
}

#[test]
fn classes_are_asked_of_a_bundle_behind_its_folder_or_its_name() {
    let temp = testkit::temp_dir("trained-vista");
    let dir = temp.path();
    bundle(&dir.join("vista3d_alone"));
    trained::volume(&dir.join("case.nii.gz"), 1);
    kept(dir, &["weights", "import", "vista3d_alone", "--json"]);
    let asked = [
        ("vista3d_alone", "a", &["spleen"][..]),
        ("vista3d_alone:kidney+liver", "b", &["left-kidney", "right-kidney", "liver"]),
        ("vista3d-alone:3", "c", &["spleen"]),
    ];
    for (model, out, expected) in asked {
        let read = run(dir, &["read", "case.nii.gz", "--model", model, "--out", out]);
        assert_eq!(code(&read), 0, "{}", said(&read));
        let result = result(dir.join(out).join("result.json"));
        let structures = result["models"][0]["segments"].as_array().unwrap().iter();
        let found: Vec<&str> = structures.map(|one| one["code"].as_str().unwrap()).collect();
        assert_eq!(found, expected);
    }
    let map = |out: &str| fs::read(dir.join(out).join("segmentation.nii.gz")).unwrap();
    assert!(map("a") == map("c"));
    for (model, word) in [("vista3d_alone:splean", "spleen"), ("vista3d_alone:129", "points")] {
        let read = run(dir, &["read", "case.nii.gz", "--model", model, "--out", "d"]);
        assert_eq!(code(&read), 2, "{}", said(&read));
        assert!(said(&read).contains(word), "{}", said(&read));
    }
}

#[test]
fn boxes_stand_in_every_file_of_a_case() {
    let temp = testkit::temp_dir("trained-nodules");
    let dir = temp.path();
    bundle(&dir.join("nodules"));
    trained::volume(&dir.join("case.nii.gz"), 1);
    let line = ["read", "case.nii.gz", "--model", "nodules", "--out", "out", "--lang", "zh"];
    let read = run(dir, &line);
    assert_eq!(code(&read), 0, "{}", said(&read));
    let result = result(dir.join("out/result.json"));
    let boxes = result["models"][0]["boxes"].as_array().unwrap();
    assert!(!boxes.is_empty(), "{result:#}");
    assert_eq!(boxes[0]["name"]["zh"], "肺结节");
    let scores = boxes.iter().map(|found| found["score"].as_f64().unwrap());
    assert!(scores.is_sorted_by(|a, b| a >= b));
    let table = fs::read_to_string(dir.join("out/boxes.csv")).unwrap();
    assert_eq!(table.lines().count(), boxes.len() + 1);
    let page = fs::read_to_string(dir.join("out/report.html")).unwrap();
    for text in ["检出框", "并非概率", "评分最高"] {
        assert!(page.contains(text), "{text}");
    }
    // The same bytes for any number of threads.
    let again = [&line[..4], &["--out", "again", "--threads", "3"]].concat();
    assert_eq!(code(&run(dir, &again)), 0);
    for file in ["boxes.csv", "segmentation.nii.gz"] {
        let of = |out: &str| fs::read(dir.join(out).join(file)).unwrap();
        assert!(of("out") == of("again"), "{file}");
    }
}
