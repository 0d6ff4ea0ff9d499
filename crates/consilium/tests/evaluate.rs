//! `evaluate` and `leaderboard` on small data sets made up on the spot: what is written, that a run that
//! was broken off gives the same bytes, and what is refused.
#![allow(clippy::unwrap_used)]

use crate::common::trained::{model, volume};
use crate::common::{
    ALL, code, command, consilium, evaluated, evaluation, film, names, printed, result, said,
    weights,
};
use imaging::dicom::Projection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const NIH: &str = "xrv-densenet121-res224-nih";

/// A set of films with a table: two films a patient, two labels that models know and one they do not.
fn films(root: &Path, count: usize) {
    fs::create_dir_all(root).unwrap();
    let mut table = String::from("id,patient,split,sex,Effusion,肺水肿,Rotated\n");
    for case in 0..count {
        let (positive, edema) = (u8::from(case % 3 == 0), u8::from(case % 2 == 0));
        table += &format!(
            "c{case:02},p{},test,{},{positive},{edema},0\n",
            case / 2,
            ["F", "M"][case % 2]
        );
        one_film(&root.join(format!("c{case:02}.dcm")), case);
    }
    fs::write(root.join("table.csv"), table).unwrap();
}

fn one_film(path: &Path, seed: usize) {
    film(path, |film| {
        for (at, sample) in film.samples.iter_mut().enumerate() {
            let (x, y) = (at % 260, at / 260);
            *sample = ((x * (3 + seed) + y * (seed % 5) + (at * (31 + seed)) % 997) % 4096) as u16;
        }
    });
}

/// Every file below a folder with its bytes.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let bytes = fs::read(&path).unwrap();
                    found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), bytes);
                }
            }
        }
    }
    found
}

fn same_trees(one: &Path, other: &Path) {
    let (one, other) = (tree(one), tree(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        assert!(bytes == &other[name], "{} differs", name.display());
    }
}

#[test]
fn films_are_judged_as_score_judges_them_and_failures_are_listed() {
    let dir = testkit::temp_dir("evaluate-films");
    let set = dir.join("set");
    films(&set, 10);
    let whole = fs::read(set.join("c01.dcm")).unwrap();
    fs::write(set.join("c01.dcm"), &whole[..whole.len() / 2]).unwrap();
    film(&set.join("c04.dcm"), |film| film.view = Projection::Lateral);
    fs::remove_file(set.join("c07.dcm")).unwrap();
    let line = |out: &'static str, threads: &'static str| {
        let more = ["--by", "sex", "--shard", "3", "--out", out, "--threads", threads];
        evaluation("table:set", ALL, &more)
    };
    let output = consilium(dir.path(), &[line("out", "2"), vec!["--json"]].concat());
    // A case failed, which the exit code says; the numbers are there all the same.
    assert_eq!(code(&output), 1, "{}", said(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told, result(dir.join("out/evaluation.json")));
    let found = &told["models"][0];
    let run = &found["run"];
    assert_eq!([&run["cases"], &run["answered"]], [&json!(10), &json!(7)]);
    assert_eq!([&run["refused"], &run["failed"]], [&json!(1), &json!(2)]);
    assert_eq!(run["labels_lacking"], json!(["Rotated"]));
    let ids: Vec<&str> =
        found["unanswered"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["c01", "c04", "c07"]);
    assert!(found["notes"].to_string().contains("3 of 10 cases have no answer"), "{found}");
    let failures = fs::read_to_string(dir.join("out").join(ALL).join("failures.csv")).unwrap();
    assert!(
        failures.contains("c04,refused,1,0,") && failures.contains("c07,failed,"),
        "{failures}"
    );

    // The same numbers from the files beside the run: patients are the unit.
    assert_eq!([&found["n"], &found["group"]], [&json!(7), &json!("patient")]);
    let (predictions, truth) =
        (format!("out/{ALL}/predictions.csv"), format!("out/{ALL}/truth.csv"));
    let again = consilium(
        dir.path(),
        &[
            "score",
            "--task",
            "classification",
            &predictions,
            &truth,
            "--group",
            "patient",
            "--by",
            "sex",
            "--json",
        ],
    );
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["labels"], found["labels"]);
    assert_eq!(again["metrics"], found["metrics"]);
    assert!(again["labels"]["肺水肿"]["subgroups"]["sex"]["M"]["n"].is_number());

    let page = fs::read_to_string(dir.join("out/evaluation.html")).unwrap();
    for part in ["data:image/jpeg;base64,", "use href=\"#film", "最差病例", "truth: ", "c07"] {
        assert!(page.contains(part), "{part} is not on the page");
    }
    // Published numbers stand apart.
    assert!(page.contains("Published by others") && page.contains("BENCHMARKS.md"));
    assert_eq!(told["published"][0]["published"], true);
    // The same bytes for another number of threads, and again in the same folder.
    assert_eq!(code(&consilium(dir.path(), &line("one", "1"))), 1);
    same_trees(&dir.join("out"), &dir.join("one"));
    let output = consilium(dir.path(), &line("out", "2"));
    assert!(
        printed(&output).contains("answered: 7; refused: 1; failed: 2"),
        "{}",
        printed(&output)
    );
    same_trees(&dir.join("out"), &dir.join("one"));
}

#[test]
fn a_killed_run_continues_and_gives_the_same_bytes() {
    let dir = testkit::temp_dir("evaluate-killed");
    films(&dir.join("set"), 12);
    let line = |out: &'static str| {
        let more = [
            "--split",
            "test",
            "--shard",
            "2",
            "--resamples",
            "50",
            "--out",
            out,
            "--threads",
            "1",
        ];
        evaluation("table:set", ALL, &more)
    };
    assert_eq!(code(&consilium(dir.path(), &line("whole"))), 0);
    let mut running = command(dir.path(), &line("cut")).spawn().unwrap();
    let predictions = dir.join("cut").join(ALL).join("predictions");
    let started = Instant::now();
    // Whole files: what is being written has another name.
    let whole = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with("part-");
    let done = || {
        let entries = fs::read_dir(&predictions).into_iter().flatten().flatten();
        entries.filter_map(|entry| whole(entry).then_some(())).count()
    };
    while done() < 2 {
        assert!(started.elapsed() < Duration::from_secs(300), "no prediction was written");
        assert!(running.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(!dir.join("cut").join(ALL).join("scores.json").exists());
    let kept: Vec<String> =
        names(&predictions).into_iter().filter(|name| name.starts_with("part-")).collect();
    assert!(!kept.is_empty() && kept.len() < 6, "{kept:?}");
    let before = fs::metadata(predictions.join(&kept[0])).unwrap().modified().unwrap();
    // One of the files is damaged as well.
    fs::write(predictions.join(&kept[1]), b"PAR1").unwrap();
    let output = consilium(dir.path(), &line("cut"));
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(said(&output).contains(&kept[1]), "{}", said(&output));
    same_trees(&dir.join("cut"), &dir.join("whole"));
    let after = fs::metadata(predictions.join(&kept[0])).unwrap().modified().unwrap();
    assert_eq!(before, after, "what was predicted before is not predicted again");

    // Another run does not get mixed up with this one.
    let refused = |more: &[&str]| {
        let output = consilium(dir.path(), &[&line("cut")[..], more].concat());
        assert_eq!(code(&output), 3, "{}", said(&output));
        said(&output)
    };
    assert!(refused(&["--shard", "3"]).contains("cases_in_a_file: 2 → 3"));
    assert!(refused(&["--exact"]).contains("settings.exact"));
    let table = fs::read_to_string(dir.join("set/table.csv")).unwrap();
    fs::write(dir.join("set/table.csv"), table.replace("c00,p0,test,F,1", "c00,p0,test,F,0"))
        .unwrap();
    assert!(refused(&[]).contains("dataset.table_sha256"));
    // Judging otherwise needs no new predictions.
    fs::write(dir.join("set/table.csv"), table).unwrap();
    let line = [&line("cut")[..], &["--level", "0.9", "--labels", "Effusion"]].concat();
    assert_eq!(code(&consilium(dir.path(), &line)), 0);
    let scores = result(dir.join("cut").join(ALL).join("scores.json"));
    assert_eq!((&scores["level"], scores["labels"].as_object().unwrap().len()), (&json!(0.9), 1));
}

#[test]
fn what_does_not_belong_together_is_refused_before_anything_is_read() {
    let dir = testkit::temp_dir("evaluate-refused");
    films(&dir.join("set"), 2);
    let head = "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,\
                Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,\
                Pleural Effusion,Pleural Other,Fracture,Support Devices\n";
    let row = "CheXpert/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,,,1.0,,,-1.0,,,,,,,,\n";
    fs::create_dir_all(dir.join("chexpert")).unwrap();
    fs::write(dir.join("chexpert/train.csv"), format!("{head}{row}")).unwrap();
    fs::create_dir_all(dir.join("frac/images/Fractured")).unwrap();
    fs::create_dir_all(dir.join("frac/images/Non_fractured")).unwrap();
    one_film(&dir.join("frac/images/Fractured/a.dcm"), 1);
    let run = |set: &str, model: &str, more: &[&str]| {
        let own = ["--weights", weights()];
        let more = if model == ALL { more.to_vec() } else { [&own, more].concat() };
        let output = consilium(dir.path(), &evaluation(set, model, &more));
        assert!(!dir.join("consilium-out").exists(), "something was written");
        (code(&output), said(&output))
    };
    // Films under an agreement never go to a model that runs elsewhere.
    let (exit, why) = run("chexpert:chexpert", "med-gemini", &[]);
    assert!(exit == 3 && why.contains("agreement") && why.contains("med-gemini"), "{exit}: {why}");
    let (exit, why) = run("table:set", "med-gemini", &[]);
    assert!(exit == 3 && why.contains("not connected"), "{exit}: {why}");
    let (exit, why) = run("fracatlas:frac", ALL, &[]);
    assert!(exit == 3 && why.contains("bones") && why.contains("CHEST"), "{exit}: {why}");
    // What -1 means is asked before hours are spent.
    let (exit, why) = run("chexpert:chexpert", ALL, &[]);
    assert!(exit == 2 && why.contains("--uncertain"), "{exit}: {why}");
    let (exit, why) = run("table:set", ALL, &["--labels", "Rotated"]);
    assert!(exit == 2 && why.contains("pleural-effusion"), "{exit}: {why}");
    let (exit, why) = run("table:set", ALL, &["--split", "train"]);
    assert!(exit == 1 && why.contains("no case"), "{exit}: {why}");
    let (exit, why) = run("nonsense:set", ALL, &[]);
    assert!(exit == 2 && why.contains("nonsense"), "{exit}: {why}");
    model(&dir.join("nnunet"));
    let (exit, why) = run("table:set", "nnunet", &[]);
    assert!(exit == 3 && why.contains("no masks"), "{exit}: {why}");
    let output = consilium(dir.path(), &["evaluate", "--dataset", "table:set"]);
    assert!(code(&output) == 2 && said(&output).contains("--model"));
    let output = consilium(dir.path(), &["evaluate", "--model", ALL]);
    assert!(code(&output) == 2 && said(&output).contains("--dataset"));
    let help = consilium(dir.path(), &["evaluate", "--help", "--lang", "zh"]);
    assert!(printed(&help).contains("数据集") && code(&help) == 0);
}

/// An nnU-Net raw data set: images, and the left and the right half as truth.
fn volumes(root: &Path, names: &[&str]) {
    let labels = json!({ "background": 0, "Right_Part": 1, "left part": 2, "cyst": 3 });
    let set =
        json!({ "labels": labels, "numTraining": names.len(), "channel_names": { "0": "T1" } });
    for folder in ["imagesTr", "labelsTr"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("dataset.json"), set.to_string()).unwrap();
    for (seed, name) in names.iter().enumerate() {
        let image = root.join(format!("imagesTr/{name}_0000.nii.gz"));
        volume(&image, seed);
        let scan = imaging::volumes::read(&image, &imaging::Limits::default()).unwrap();
        let [ni, ..] = scan.volume.size();
        let label = |at: usize| if at % ni < 7 + seed { 1 } else { 2 };
        let labels = (0..scan.volume.frame_len()).map(label).collect();
        let mask = scan.volume.on_same_grid(base::Voxels::U8(labels)).unwrap();
        let path = root.join(format!("labelsTr/{name}.nii.gz"));
        let level = imaging::volumes::nifti::Level::Small;
        imaging::volumes::nifti::write(&path, &mask, None, level, &kernels::Pool::new(1)).unwrap();
    }
}

#[test]
fn regions_of_a_data_set_are_judged_and_unclear_ones_asked_for_beforehand() {
    let dir = testkit::temp_dir("evaluate-regions");
    model(&dir.join("model"));
    volumes(&dir.join("set"), &["a", "b"]);
    let labels = json!({ "background": 0, "whole": [1, 2], "right": 1 });
    let set = json!({ "labels": labels, "numTraining": 2, "channel_names": { "0": "T1" } });
    fs::write(dir.join("set/dataset.json"), set.to_string()).unwrap();
    let found = evaluated(dir.path(), "nnunet:set", "model", &["--out", "out"]);
    assert_eq!(found["regions"], json!({ "whole": [1, 2], "right": [1] }));
    assert!(found["notes"].to_string().contains("labels-by-number"));
    let again = consilium(
        dir.path(),
        &["score", "--task", "segmentation", "out/model/masks", "nnunet:set", "--json"],
    );
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    for name in ["whole", "right"] {
        let dice = |found: &Value| found["labels"][name]["metrics"]["dice"]["value"].clone();
        assert!(dice(&found).is_number() && dice(&found) == dice(&again), "{name}");
    }
    let page = fs::read_to_string(dir.join("out/evaluation.html")).unwrap();
    assert!(page.contains("whole = 1 + 2") && page.contains("class=\"slice\""));
    let more = ["--regions", "all=1+2", "--out", "two"];
    let typed = evaluated(dir.path(), "nnunet:set", "model", &more);
    assert_eq!(typed["labels"].as_object().unwrap().keys().collect::<Vec<_>>(), ["all"]);
    assert_eq!(typed["run"]["settings"]["regions"], json!({ "all": [1, 2] }));

    let name = "BraTS-PED-00001-000";
    for end in ["t1n", "t1c", "t2w", "t2f", "seg"] {
        let path = dir.join(format!("ped/{name}/{name}-{end}.nii.gz"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let unclear = consilium(dir.path(), &evaluation("brats:ped", "model", &["--out", "three"]));
    assert!(code(&unclear) == 2 && said(&unclear).contains("--regions brats2023"));
    assert!(!dir.join("three").exists());
    films(&dir.join("films"), 2);
    let line = evaluation("table:films", ALL, &["--regions", "all=1+2", "--out", "three"]);
    let output = consilium(dir.path(), &line);
    assert!(code(&output) == 2 && said(&output).contains("--regions"), "{}", said(&output));
}

#[test]
fn films_of_a_study_may_be_one_case() {
    let dir = testkit::temp_dir("evaluate-pooled");
    fs::create_dir_all(dir.join("set")).unwrap();
    let mut table = String::from("id,patient,scanner,Effusion\n");
    for case in 0..8 {
        table += &format!("c{case},p{},s{},{}\n", case / 4, case / 2, (case / 2) % 2);
        one_film(&dir.join(format!("set/c{case}.dcm")), case);
    }
    fs::write(dir.join("set/table.csv"), table).unwrap();
    let pool = ["--pool", "scanner=max"];
    let found = &evaluated(dir.path(), "table:set", ALL, &pool);
    assert_eq!([&found["n"], &found["units"]], [&json!(4), &json!(2)]);
    assert_eq!(found["run"]["settings"]["pool"], json!(["scanner", "max"]));
    let place = |name: &str| format!("consilium-out/{ALL}/{name}.csv");
    let (predictions, truth) = (place("predictions"), place("truth"));
    let score =
        ["score", "--task", "classification", &predictions, &truth, "--group", "patient", "--json"];
    let again = consilium(dir.path(), &[&score[..], &pool].concat());
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["labels"], found["labels"]);
    let page = fs::read_to_string(dir.join("consilium-out/evaluation.html")).unwrap();
    assert!(page.contains("--group patient --pool scanner=max"));
}

#[test]
fn volumes_are_judged_by_the_names_of_their_labels() {
    let dir = testkit::temp_dir("evaluate-volumes");
    model(&dir.join("model"));
    volumes(&dir.join("set"), &["a", "b", "c"]);
    fs::write(dir.join("set/imagesTr/c_0000.nii.gz"), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    let line =
        |out: &'static str| evaluation("nnunet:set", "model", &["--out", out, "--threads", "2"]);
    let output = consilium(dir.path(), &[line("out"), vec!["--json"]].concat());
    assert_eq!(code(&output), 1, "{}", said(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &told["models"][0];
    assert_eq!((&found["task"], &found["n"]), (&json!("segmentation"), &json!(2)));
    assert_eq!((&found["run"]["failed"], &found["unanswered"][0]["id"]), (&json!(1), &json!("c")));
    assert_eq!(found["run"]["labels_lacking"], json!(["cyst"]));
    // The model's first label is the set's second.
    let read = |path: PathBuf| {
        imaging::volumes::read(&path, &imaging::Limits::default()).unwrap().volume.frame_f32(0)
    };
    let input = "set/imagesTr/a_0000.nii.gz";
    let own = consilium(dir.path(), &["read", input, "--model", "model", "--out", "own"]);
    assert_eq!(code(&own), 0, "{}", said(&own));
    let swapped: Vec<f32> = read(dir.join("own/segmentation.nii.gz"))
        .into_iter()
        .map(|label| [0.0, 2.0, 1.0][label as usize])
        .collect();
    assert_eq!(read(dir.join("out/model/masks/a.nii.gz")), swapped);
    // The same numbers from the two folders of masks.
    fs::create_dir_all(dir.join("truth")).unwrap();
    for name in ["a", "b"] {
        let file = format!("{name}.nii.gz");
        fs::copy(dir.join("set/labelsTr").join(&file), dir.join("truth").join(&file)).unwrap();
    }
    let labels = "1=Right_Part,2=left part";
    let again = consilium(
        dir.path(),
        &[
            "score",
            "--task",
            "segmentation",
            "out/model/masks",
            "truth",
            "--labels",
            labels,
            "--json",
        ],
    );
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["labels"], found["labels"]);
    let dice = found["labels"]["Right_Part"]["metrics"]["dice"]["value"].as_f64().unwrap();
    assert!(dice > 0.0 && dice < 1.0, "{dice}");
    let page = fs::read_to_string(dir.join("out/evaluation.html")).unwrap();
    for part in [
        "svg class=\"slice\"",
        "path class=\"t\" d=\"M",
        "path class=\"p\" d=\"M",
        "虚线：模型预测",
    ] {
        assert!(page.contains(part), "{part} is not on the page");
    }
    // A label map that is gone is made again, to the same bytes.
    fs::remove_file(dir.join("out/model/masks/b.nii.gz")).unwrap();
    let before = tree(&dir.join("out"));
    assert_eq!(code(&consilium(dir.path(), &line("out"))), 1);
    let after = tree(&dir.join("out"));
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(code(&consilium(dir.path(), &line("two"))), 1);
    same_trees(&dir.join("out"), &dir.join("two"));
    // The same set inside an archive is the same set.
    testkit::zip(dir.path(), "set", &dir.join("set.zip"));
    let zipped = evaluation("nnunet:set.zip", "model", &["--out", "zip"]);
    assert_eq!(code(&consilium(dir.path(), &zipped)), 1);
    let (own, other) =
        (result(dir.join("out/model/scores.json")), result(dir.join("zip/model/scores.json")));
    assert_eq!(own["labels"], other["labels"]);
    assert_eq!(own["run"]["dataset_sha256"], other["run"]["dataset_sha256"]);
    let masks = names(&dir.join("zip/model/masks"));
    assert_eq!(masks, ["a.nii.gz", "b.nii.gz"], "what was unpacked is gone");
    let page = fs::read_to_string(dir.join("zip/evaluation.html")).unwrap();
    assert!(page.contains("svg class=\"slice\""));
    // Without names, numbers stand for themselves, and that is said.
    fs::create_dir_all(dir.join("plain")).unwrap();
    fs::rename(dir.join("set/labelsTr"), dir.join("plain/labels")).unwrap();
    fs::rename(dir.join("set/imagesTr"), dir.join("plain/images")).unwrap();
    for name in ["a", "b", "c"] {
        let image = |end: &str| dir.join(format!("plain/images/{name}{end}.nii.gz"));
        fs::rename(image("_0000"), image("")).unwrap();
    }
    let plain = evaluation("nifti:plain", "model", &["--out", "plain-out"]);
    assert_eq!(code(&consilium(dir.path(), &plain)), 1);
    let scores = result(dir.join("plain-out/model/scores.json"));
    assert!(scores["notes"].to_string().contains("same number"), "{}", scores["notes"]);
}

/// A model of one's own that gives a number with a unit: the mean of its image, shifted.
fn ages(dir: &Path) {
    assert_eq!(code(&consilium(dir, &["models", "new", "ages"])), 0);
    let path = dir.join("ages/model.toml");
    let mut card = fs::read_to_string(&path).unwrap();
    let label = "code = \"bone-age\"\nen = \"Bone age\"\nzh = \"骨龄\"\nunit = \"mo\"";
    for (from, to) in [
        ("task = \"classification\"", "task = \"regression\""),
        ("my-pneumonia-model", "my-ages"),
        ("[\"sigmoid\"]", "[{ step = \"linear\", factor = 1.0, offset = 100.0 }]"),
        ("code = \"pneumonia\"", label),
        ("threshold = 0.5", "# threshold = 0.5"),
    ] {
        assert!(card.contains(from), "{from}");
        card = card.replace(from, to);
    }
    fs::write(path, card).unwrap();
    let network = testkit::onnx::Onnx::new()
        .input("image", testkit::onnx::FLOAT, &[1, 1, 224, 224])
        .node("GlobalAveragePool", &["image"], "mean", &[])
        .node("Flatten", &["mean"], "value", &[("axis", 1)])
        .output("value", &[1, 1])
        .finish();
    fs::write(dir.join("ages/model.onnx"), network).unwrap();
}

#[test]
fn values_are_judged_as_values() {
    let dir = testkit::temp_dir("evaluate-values");
    ages(dir.path());
    fs::create_dir_all(dir.join("set")).unwrap();
    let mut table = String::from("id,boneage_months,Effusion\n");
    for case in 0..5 {
        table += &format!("c{case},{},{}\n", [90.5, 100.0, 1.0, 120.0, 133.0][case], case % 2);
        one_film(&dir.join(format!("set/c{case}.dcm")), case);
    }
    table += "c5,,1\n";
    one_film(&dir.join("set/c5.dcm"), 5);
    fs::write(dir.join("set/table.csv"), table).unwrap();
    let found = &evaluated(dir.path(), "table:set", "./ages", &["--out", "out"]);
    // Months, of which 1.0 is a value too; the label that is there or not is of another kind.
    assert_eq!((&found["task"], &found["group"]), (&json!("regression"), &Value::Null));
    let labels = found["labels"].as_object().unwrap();
    assert_eq!((labels.len(), &labels["boneage_months"]["n"]), (1, &json!(5)));
    let cells = |name: &str| -> Vec<f64> {
        let text = fs::read_to_string(dir.join("out/my-ages").join(name)).unwrap();
        let rows = text.lines().skip(1).take(5);
        rows.map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect()
    };
    let (predicted, truth) = (cells("predictions.csv"), cells("truth.csv"));
    assert_eq!(truth, [90.5, 100.0, 1.0, 120.0, 133.0]);
    let off: f64 = predicted.iter().zip(&truth).map(|(p, t)| (p - t).abs()).sum();
    let error = found["metrics"]["mean_absolute_error"]["value"].as_f64().unwrap();
    assert!((error - off / 5.0).abs() < 1e-9, "{error} {off}");
    let page = fs::read_to_string(dir.join("out/evaluation.html")).unwrap();
    assert!(page.contains("Bland-Altman") && page.contains("truth 1, predicted"), "no values");
    let board = ["leaderboard", "add", "out", "--file", "b.sqlite"];
    assert_eq!(code(&consilium(dir.path(), &board)), 0);
    let shown = consilium(dir.path(), &["leaderboard", "show", "--file", "b.sqlite", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["metric"], "mean_absolute_error");
    assert_eq!(shown["higher_is_better"], false);
    assert_eq!(shown["runs"][0]["rank"], 1);
}

#[test]
fn a_leaderboard_takes_only_finished_runs_over_the_same_data() {
    let dir = testkit::temp_dir("leaderboard");
    films(&dir.join("set"), 6);
    let both = format!("{ALL},{NIH}");
    let (all, nih) = (format!("{ALL}={}", weights()), format!("{NIH}={}", weights()));
    let evaluate = |out: &str, more: &[&str]| {
        let own = ["--weights", &all, "--weights", &nih, "--resamples", "200", "--out", out];
        let line = evaluation("table:set", &both, &[&own, more].concat());
        let output = consilium(dir.path(), &line);
        assert_eq!(code(&output), 0, "{}", said(&output));
    };
    evaluate("out", &[]);
    let board = |line: &[&str]| {
        let output =
            consilium(dir.path(), &[&["leaderboard"], line, &["--file", "l.sqlite"]].concat());
        (code(&output), printed(&output), said(&output))
    };
    assert!(board(&["list"]).1.contains("empty"));
    assert!(!dir.join("l.sqlite").exists());
    assert_eq!(board(&["show"]).0, 2);
    let (exit, text, why) = board(&["add", "out"]);
    assert!(exit == 0 && text.contains("added to table-classification"), "{text}{why}");
    assert!(board(&["add", "out"]).1.contains("already"));
    let shown: Value = serde_json::from_str(&board(&["show", "--json"]).1).unwrap();
    assert_eq!(shown["schema"], "consilium.leaderboard/1");
    let runs = shown["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    // Both networks have the same weights here and order cases alike: they share the first rank.
    assert_eq!([&runs[0]["rank"], &runs[1]["rank"]], [&json!(1), &json!(1)]);
    assert_eq!(runs[0]["rank_range"], json!([1, 2]));
    let scores = result(dir.join("out").join(ALL).join("scores.json"));
    assert_eq!(runs[0]["value"], scores["metrics"]["roc_auc_score"]["value"]);
    assert_eq!(runs[0]["ci"], scores["metrics"]["roc_auc_score"]["ci"]);
    // Published numbers are beside them, never among them.
    assert!(!shown["published"].as_array().unwrap().is_empty());
    assert!(runs.iter().all(|run| run["published"].is_null()));
    let (_, text, _) =
        board(&["show", "--label", "Effusion", "--metric", "f1_score", "--lang", "zh"]);
    assert!(text.contains("F1 值") && text.contains("不与上述结果一并排名"), "{text}");
    let (exit, _, why) = board(&["show", "--metric", "bias"]);
    assert!(exit == 2 && why.contains("roc_auc_score"), "{why}");
    assert_eq!(board(&["export", "--out", "board.html"]).0, 0);
    let page = fs::read_to_string(dir.join("board.html")).unwrap();
    assert!(page.contains("排行榜") && page.contains("Published by others") && page.contains(NIH));
    assert!(board(&["list"]).1.contains("table-classification"));

    // Judged otherwise, other contents, not finished, changed: refused, and the board stays as it is.
    evaluate("other", &["--threshold", "0.7"]);
    let (exit, _, why) = board(&["add", "other"]);
    assert!(exit == 3 && why.contains("threshold: null → 0.7"), "{exit}: {why}");
    one_film(&dir.join("set/c03.dcm"), 77);
    evaluate("changed", &[]);
    let (exit, _, why) = board(&["add", "changed"]);
    assert!(exit == 3 && why.contains("data set") && why.contains("--board"), "{exit}: {why}");
    assert_eq!(board(&["add", "changed", "--board", "second"]).0, 0);
    let (exit, _, why) = board(&["show"]);
    assert!(exit == 2 && why.contains("second") && why.contains("table-classification"), "{why}");
    assert_eq!(board(&["show", "second"]).0, 0);
    fs::remove_file(dir.join("other").join(NIH).join("scores.json")).unwrap();
    let (exit, _, why) = board(&["add", &format!("other/{NIH}")]);
    assert!(exit == 1 && why.contains("finished"), "{exit}: {why}");
    let folder = dir.join("out").join(ALL);
    let text = fs::read_to_string(folder.join("scores.json")).unwrap();
    let run = result(folder.join("scores.json"))["run"]["predictions_sha256"].clone();
    let run = run.as_str().unwrap();
    fs::write(folder.join("scores.json"), text.replace(run, &"0".repeat(64))).unwrap();
    let (exit, _, why) = board(&["add", "out"]);
    assert!(exit == 1 && why.contains("does not belong"), "{exit}: {why}");
    let list: Value = serde_json::from_str(&board(&["list", "--json"]).1).unwrap();
    assert_eq!((&list[1]["board"], &list[1]["runs"]), (&json!("table-classification"), &json!(2)));
    // A file of something else is left alone.
    fs::write(
        dir.join("l.sqlite"),
        "no data base, a text that is long enough to be read as a header",
    )
    .unwrap();
    let (exit, _, why) = board(&["list"]);
    assert!(exit == 1 && why.contains("not a leaderboard"), "{exit}: {why}");
    assert!(fs::read_to_string(dir.join("l.sqlite")).unwrap().starts_with("no data base"));
}
