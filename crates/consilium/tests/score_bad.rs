//! What cannot be judged is refused by name, in every task and in `compare`: mismatched ids, duplicated
//! predictions, NaN scores, labels outside the set, masks on another grid, one class only, an empty split.
//! What has no value is named; no number stands in for it.
#![allow(clippy::unwrap_used)]

use crate::common::judge::{judged, map, refused, row, volume, write};
use serde_json::{Value, json};
use std::fs;

/// A task's files: predictions, the same of another model, the truth.
struct Files {
    task: &'static str,
    names: [&'static str; 3],
    texts: [&'static str; 3],
}

const TABLES: [Files; 4] = [
    Files {
        task: "classification",
        names: ["p.csv", "q.csv", "t.csv"],
        texts: [
            "id,A\na,0.9\nb,0.1\nc,0.7\n",
            "id,A\na,0.8\nb,0.3\nc,0.6\n",
            "id,A\na,1\nb,0\nc,1\n",
        ],
    },
    Files {
        task: "regression",
        names: ["p.csv", "q.csv", "t.csv"],
        texts: ["id,A\na,9\nb,1.5\nc,7\n", "id,A\na,8\nb,3\nc,6\n", "id,A\na,10\nb,2\nc,8\n"],
    },
    Files {
        task: "report",
        names: ["p.csv", "q.csv", "t.csv"],
        texts: ["id,A\na,x y\nb,z\nc,x\n", "id,A\na,x\nb,y\nc,x z\n", "id,A\na,x y\nb,y\nc,x z\n"],
    },
    // Labels read from reports.
    Files {
        task: "report",
        names: ["p.csv", "q.csv", "t.csv"],
        texts: ["id,A\na,1\nb,0\nc,1\n", "id,A\na,1\nb,0\nc,0\n", "id,A\na,1\nb,0\nc,1\n"],
    },
];

/// Both commands, on files of which one may have been changed.
fn lines(files: &Files) -> [Vec<&'static str>; 2] {
    let [p, q, t] = files.names;
    [
        vec!["score", "--task", files.task, p, t],
        vec!["compare", "--task", files.task, q, p, t, "--resamples", "50"],
    ]
}

/// Writes a task's files, the predictions and the truth changed, and asks both commands.
fn changed(files: &Files, change: [&dyn Fn(&str) -> String; 2], status: i32, parts: &[&str]) {
    let dir = testkit::temp_dir("bad-tables");
    let texts = [change[0](files.texts[0]), change[0](files.texts[1]), change[1](files.texts[2])];
    for (name, text) in files.names.iter().zip(&texts) {
        write(dir.path(), name, text);
    }
    for line in lines(files) {
        refused(dir.path(), &line, status, parts);
    }
}

fn same(text: &str) -> String {
    text.to_owned()
}

#[test]
fn the_files_themselves_are_sound() {
    for files in &TABLES {
        let dir = testkit::temp_dir("sound-tables");
        for (name, text) in files.names.iter().zip(files.texts) {
            write(dir.path(), name, text);
        }
        for line in lines(files) {
            judged(dir.path(), &line);
        }
    }
}

#[test]
fn mismatched_ids_are_named_with_their_rows() {
    for files in &TABLES {
        let change = |text: &str| text.replace("\nb,", "\nx,");
        changed(files, [&change, &same], 1, &["without prediction: 3 (b)", "does not have: 3 (x)"]);
    }
}

#[test]
fn duplicated_predictions_are_named_with_their_rows() {
    for files in &TABLES {
        let change = |text: &str| text.replace("\nb,", "\na,");
        changed(files, [&change, &same], 1, &["more than once: 3 (a)"]);
    }
}

#[test]
fn scores_that_are_no_finite_number_are_named_with_their_rows() {
    for files in TABLES.iter().filter(|files| files.task != "report") {
        for bad in ["nan", "NaN", "inf", "-inf", "", "1,5", "high"] {
            let change = |text: &str| {
                let cut = text.rfind("\nc,").unwrap();
                format!("{}\nc,{}\n", &text[..cut], if bad == "1,5" { "\"1,5\"" } else { bad })
            };
            changed(files, [&change, &same], 1, &["\"A\"", "4 (c)"]);
        }
    }
    // Labels of reports are 1, 0, -1 or nothing.
    let change = |text: &str| text.replace("\nb,0", "\nb,nan");
    changed(&TABLES[3], [&change, &same], 1, &["\"A\"", "3 (b)"]);
}

#[test]
fn labels_outside_the_set_are_named_with_their_rows() {
    let change = |text: &str| text.replace("\nb,0", "\nb,yes");
    changed(&TABLES[0], [&same, &change], 1, &["0 or 1", "3 (b)"]);
    let change = |text: &str| text.replace("\nb,2", "\nb,two");
    changed(&TABLES[1], [&same, &change], 1, &["\"A\"", "3 (b)"]);
    let change = |text: &str| text.replace("\nb,0", "\nb,-1");
    changed(&TABLES[0], [&same, &change], 1, &["3 (b)", "--uncertain"]);
    changed(&TABLES[3], [&same, &change], 1, &["3 (b)", "--uncertain"]);
    // A label that only one side has.
    for files in &TABLES {
        let change = |text: &str| text.replace("id,A", "id,B");
        changed(
            files,
            [&change, &same],
            1,
            &["only in the predictions: B", "only in the truth: A"],
        );
    }
}

#[test]
fn an_empty_split_is_no_judgement() {
    for files in &TABLES {
        let empty = |_: &str| "id,A\n".to_owned();
        changed(files, [&empty, &empty], 1, &["no case to judge"]);
        changed(files, [&same, &|_| String::new()], 1, &["t.csv", "empty"]);
    }
    let dir = testkit::temp_dir("bad-split");
    write(dir.path(), "set/table.csv", "id,patient,split,A\na,p,test,1\n");
    for command in [
        &["datasets", "check", "table:set", "--split", "train"][..],
        &["evaluate", "--dataset", "table:set", "--split", "train", "--model", "consilium-knee"][..],
    ] {
        refused(dir.path(), command, 1, &["train", "test"]);
    }
}

#[test]
fn one_class_only_has_no_area_and_says_which_class_is_missing() {
    for (cells, missing) in [(["1", "1", "1"], "no_negatives"), (["0", "0", "0"], "no_positives")] {
        let dir = testkit::temp_dir("bad-class");
        write(dir.path(), "p.csv", TABLES[0].texts[0]);
        write(dir.path(), "q.csv", TABLES[0].texts[1]);
        write(
            dir.path(),
            "t.csv",
            &format!("id,A\na,{}\nb,{}\nc,{}\n", cells[0], cells[1], cells[2]),
        );
        let [score, compare] = lines(&TABLES[0]);
        let found = judged(dir.path(), &score);
        for name in ["roc_auc_score", "roc_auc_score_max_fpr_0.1", "average_precision_score"] {
            let area = &found["metrics"][name];
            assert_eq!(
                (&area["value"], &area["undefined"]),
                (&Value::Null, &json!(missing)),
                "{name}"
            );
            assert!(area["ci"].is_null() && area["delong"].is_null(), "{area}");
        }
        let found = judged(dir.path(), &compare);
        let one = &found["results"][0];
        assert_eq!(one["values"]["p.csv"]["undefined"], missing);
        assert_eq!(one["pairs"][0]["undefined"], missing);
        assert_eq!(
            (&one["pairs"][0]["p_delong"], &one["pairs"][0]["p_holm"]),
            (&Value::Null, &Value::Null)
        );
        assert!(one["rankings"].as_object().unwrap().is_empty(), "nothing to rank: {one}");
    }
    // Values that do not vary have no correlation.
    let dir = testkit::temp_dir("bad-values");
    write(dir.path(), "p.csv", "id,A\na,1\nb,1\nc,1\n");
    write(dir.path(), "t.csv", "id,A\na,1\nb,1\nc,1\n");
    let found = judged(dir.path(), &["score", "--task", "regression", "p.csv", "t.csv"]);
    for name in ["r2_score", "icc_2_1"] {
        let row = &found["metrics"][name];
        assert!(row["value"].is_null() && row["undefined"].is_string(), "{name} {row}");
    }
    assert_eq!(found["metrics"]["mean_absolute_error"]["value"], 0.0);
}

#[test]
fn boxes_that_cannot_be_judged_are_named_by_their_place() {
    let dir = testkit::temp_dir("bad-boxes");
    let truth = json!({
        "images": [{ "id": 1 }, { "id": 2 }],
        "categories": [{ "id": 5, "name": "fracture" }],
        "annotations": [{ "id": 1, "image_id": 1, "category_id": 5, "bbox": [10, 10, 40, 40] }],
    });
    let sound = json!([
        { "image_id": 1, "category_id": 5, "bbox": [10, 10, 40, 40], "score": 0.9 },
        { "image_id": 2, "category_id": 5, "bbox": [0, 0, 9, 9], "score": 0.8 },
    ]);
    write(dir.path(), "q.json", &sound.to_string());
    let score = ["score", "--task", "detection", "p.json", "t.json"];
    let compare =
        ["compare", "--task", "detection", "q.json", "p.json", "t.json", "--resamples", "50"];
    let both = |boxes: &str, truth: &str, parts: &[&str]| {
        write(dir.path(), "p.json", boxes);
        write(dir.path(), "t.json", truth);
        refused(dir.path(), &score, 1, parts);
        refused(dir.path(), &compare, 1, parts);
    };
    let with = |key: &str, value: Value| {
        let mut boxes = sound.clone();
        boxes[1][key] = value;
        boxes.to_string()
    };
    let (sound_text, truth_text) = (sound.to_string(), truth.to_string());
    // Mismatched ids, labels outside the set, scores and corners that are no number.
    for (key, value) in [
        ("image_id", json!(9)),
        ("category_id", json!(6)),
        ("score", Value::Null),
        ("score", json!("high")),
        ("bbox", json!([0, 0, 9])),
        ("bbox", json!([0, 0, -9, 9])),
    ] {
        both(&with(key, value), &truth_text, &["p.json", ": 2"]);
    }
    both(&sound_text.replace("0.8", "NaN"), &truth_text, &["p.json", "not JSON"]);
    let mut twice = sound.clone();
    twice[1] = sound[0].clone();
    both(&twice.to_string(), &truth_text, &["p.json", "repeat", ": 2"]);
    both("{}", &truth_text, &["p.json", "annotations"]);
    // The truth is held to the same.
    let changed = |key: &str, value: Value| {
        let mut changed = truth.clone();
        changed[key] = value;
        changed.to_string()
    };
    both(&sound_text, &changed("images", json!([])), &["t.json", "no case to judge"]);
    both(
        &sound_text,
        &changed("images", json!([{ "id": 1 }, { "id": 1 }])),
        &["t.json", "more than once: 1"],
    );
    let stray = json!([{ "id": 1, "image_id": 7, "category_id": 5, "bbox": [0, 0, 1, 1] }]);
    both(&sound_text, &changed("annotations", stray), &["t.json", ": 1"]);
    // Nothing to find: no precision over recall, said by name.
    write(dir.path(), "p.json", &sound_text);
    write(dir.path(), "t.json", &changed("annotations", json!([])));
    let found = judged(dir.path(), &score);
    for name in ["AP", "AP50", "CPM"] {
        let row = &found["metrics"][name];
        assert!(row["value"].is_null() && row["undefined"].is_string(), "{name} {row}");
    }
}

#[test]
fn masks_that_cannot_be_judged_are_named() {
    let dir = testkit::temp_dir("bad-masks");
    let score = ["score", "--task", "segmentation", "p", "t"];
    let compare = ["compare", "--task", "segmentation", "q", "p", "t", "--resamples", "50"];
    let both = |parts: &[&str]| {
        refused(dir.path(), &score, 1, parts);
        refused(dir.path(), &compare, 1, parts);
    };
    for folder in ["p", "q", "t"] {
        for name in ["a", "b"] {
            row(&dir.join(format!("{folder}/{name}.nii")), &[1, 1]);
        }
    }
    judged(dir.path(), &score);
    // Mismatched ids.
    fs::rename(dir.join("p/b.nii"), dir.join("p/x.nii")).unwrap();
    both(&["without prediction: b.nii", "does not have: x.nii"]);
    fs::rename(dir.join("p/x.nii"), dir.join("p/b.nii")).unwrap();
    // Duplicated predictions.
    fs::copy(dir.join("p/b.nii"), dir.join("p/b.nii.gz")).unwrap();
    both(&["more than once", "b.nii, b.nii.gz"]);
    fs::remove_file(dir.join("p/b.nii.gz")).unwrap();
    // No number, half a label, a label that nobody declared.
    map(&dir.join("p/b.nii"), &[f32::NAN]);
    both(&["b.nii", "whole numbers"]);
    map(&dir.join("p/b.nii"), &[0.5]);
    both(&["b.nii", "whole numbers"]);
    row(&dir.join("p/b.nii"), &[7]);
    both(&["labels outside the set: 7", "b.nii"]);
    // Another grid: refused, unless told to resample.
    volume(&dir.join("p/b.nii"), [4, 4, 2], [1.0; 3], 1.0, base::Voxels::U8(vec![1; 32]));
    both(&["b.nii", "another grid", "--resample"]);
    judged(dir.path(), &[&score[..], &["--resample"]].concat());
    judged(dir.path(), &[&compare[..], &["--resample"]].concat());
    row(&dir.join("p/b.nii"), &[1]);
    // An empty split.
    fs::create_dir(dir.join("none")).unwrap();
    refused(
        dir.path(),
        &["score", "--task", "segmentation", "p", "none"],
        1,
        &["no case to judge"],
    );
    refused(dir.path(), &["score", "--task", "segmentation", "p", "nowhere"], 1, &["nowhere"]);
    // Nothing in any mask: no overlap, said by name.
    for folder in ["p", "t"] {
        for name in ["a", "b"] {
            row(&dir.join(format!("{folder}/{name}.nii")), &[]);
        }
    }
    let found = judged(dir.path(), &score);
    let dice = &found["metrics"]["mean_dice"];
    assert_eq!((&dice["value"], &dice["undefined"]), (&Value::Null, &json!("both_empty")));
    // Maps of lesions: confidences that are none, another grid.
    let maps = ["score", "--task", "detection", "p", "t"];
    for bad in [f32::NAN, -0.5, f32::INFINITY] {
        map(&dir.join("p/b.nii"), &[bad]);
        refused(dir.path(), &maps, 1, &["b.nii", "finite and not below 0"]);
    }
    volume(&dir.join("p/b.nii"), [4, 4, 2], [1.0; 3], 1.0, base::Voxels::F32(vec![0.5; 32]));
    refused(dir.path(), &maps, 1, &["b.nii", "another grid"]);
}

#[test]
fn sets_of_boxes_and_of_reports_are_not_evaluated_and_the_way_is_told() {
    let dir = testkit::temp_dir("bad-evaluate");
    let coco = json!({
        "images": [{ "id": 1, "file_name": "a.png" }],
        "categories": [{ "id": 5, "name": "fracture" }],
        "annotations": [{ "id": 1, "image_id": 1, "category_id": 5, "bbox": [0, 0, 4, 4] }],
    });
    write(dir.path(), "boxes/annotations/instances_val.json", &coco.to_string());
    let line = |set: &'static str| ["evaluate", "--dataset", set, "--model", "consilium-knee"];
    refused(
        dir.path(),
        &line("coco:boxes"),
        3,
        &["gives boxes", "score --task detection", "coco:boxes"],
    );
    write(dir.path(), "reports/table.csv", "id,report\na,clear lungs\nb,no effusion\n");
    refused(dir.path(), &line("table:reports"), 3, &["writes reports", "score --task report"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is written");
}
