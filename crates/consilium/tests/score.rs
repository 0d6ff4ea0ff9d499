//! `score` and `compare` judge files that anybody made, and refuse what cannot be judged by naming it.
#![allow(clippy::unwrap_used)]

mod common;

use common::{code, consilium, printed, said};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

fn scored(folder: &Path, line: &[&str]) -> Value {
    let output = consilium(folder, line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    serde_json::from_str(&printed(&output)).unwrap()
}

/// The scores' order is worth 5/6: of six pairs one is upside down.
const TRUTH: &str = "id,A,B\na,1,0\nb,0,1\nc,1,0\nd,0,1\ne,0,1\n";
const SCORES: &str = "id,A,B\nc,0.4,0.2\na,0.9,0.1\nb,0.5,0.9\nd,0.1,0.8\ne,0.2,0.7\n";

fn tables(name: &str) -> testkit::TempDir {
    let dir = testkit::temp_dir(name);
    write(dir.path(), "truth.csv", TRUTH);
    write(dir.path(), "scores.csv", SCORES);
    dir
}

const CLASSIFY: [&str; 5] = ["score", "--task", "classification", "scores.csv", "truth.csv"];

#[test]
fn labels_are_scored_under_scikit_learns_names() {
    let dir = tables("score-labels");
    let found = scored(dir.path(), &[&CLASSIFY[..], &["--json"]].concat());
    assert_eq!(found["schema"], "consilium.score/1");
    assert_eq!(found["n"], 5);
    let a = &found["labels"]["A"];
    assert!((a["metrics"]["roc_auc_score"]["value"].as_f64().unwrap() - 5.0 / 6.0).abs() < 1e-12);
    // At 0.5: a and b are called; a is right, c is missed.
    assert_eq!(a["confusion_matrix"], json!([[2, 1], [1, 1]]));
    assert_eq!(a["metrics"]["recall_score"]["value"], 0.5);
    assert_eq!(a["metrics"]["recall_score"]["ci_method"], "wilson");
    assert_eq!(a["metrics"]["average_precision_score"]["prevalence"], 0.4);
    assert_eq!(found["labels"]["B"]["metrics"]["roc_auc_score"]["value"], 1.0);
    let mean = found["metrics"]["roc_auc_score"]["value"].as_f64().unwrap();
    assert!((mean - 11.0 / 12.0).abs() < 1e-12);
    assert!(found["micro"]["roc_auc_score"]["value"].is_number());
    for name in ["f1_score", "matthews_corrcoef", "balanced_accuracy_score", "brier_score_loss"] {
        assert!(a["metrics"][name]["value"].is_number(), "{name}");
    }
    // The same bytes for any number of threads, and for the rows in any order.
    let one = consilium(dir.path(), &[&CLASSIFY[..], &["--json", "--threads", "1"]].concat());
    let two = consilium(dir.path(), &[&CLASSIFY[..], &["--json", "--threads", "2"]].concat());
    assert_eq!(printed(&one), printed(&two));
}

#[test]
fn numbers_come_in_both_languages_and_as_files() {
    let dir = tables("score-text");
    let output = consilium(dir.path(), &[&CLASSIFY[..], &["--out", "scores"]].concat());
    let text = printed(&output);
    for part in ["AUROC", "0.8333", "sensitivity", "a physician decides", "seed 0"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    let json: Value =
        serde_json::from_slice(&fs::read(dir.join("scores/scores.json")).unwrap()).unwrap();
    assert_eq!(json["labels"]["B"]["metrics"]["roc_auc_score"]["value"], 1.0);
    let csv = fs::read_to_string(dir.join("scores/scores.csv")).unwrap();
    assert!(csv.contains("B,,roc_auc_score,1,"), "{csv}");
    let output = consilium(dir.path(), &[&CLASSIFY[..], &["--lang", "zh"]].concat());
    assert!(printed(&output).contains("敏感度") && printed(&output).contains("诊断由医师作出"));
}

#[test]
fn one_class_only_is_a_named_undefined_value() {
    let dir = tables("score-one-class");
    write(dir.path(), "truth.csv", "id,A,B\na,1,0\nb,1,1\nc,1,0\nd,1,1\ne,1,\n");
    let found = scored(dir.path(), &[&CLASSIFY[..], &["--json"]].concat());
    let area = &found["labels"]["A"]["metrics"]["roc_auc_score"];
    assert_eq!((&area["value"], &area["undefined"]), (&Value::Null, &json!("no_negatives")));
    // The empty cell of B is unknown, not negative.
    assert_eq!(found["labels"]["B"]["n"], 4);
    assert!(found["notes"].to_string().contains("B: 1 cases without known truth are left out"));
    assert_eq!(found["metrics"]["roc_auc_score"]["labels_without_value"], 1);
}

#[test]
fn bad_tables_are_refused_by_row() {
    let dir = tables("score-bad");
    let refused = |scores: &str, truth: &str, parts: &[&str]| {
        write(dir.path(), "scores.csv", scores);
        write(dir.path(), "truth.csv", truth);
        let output = consilium(dir.path(), &CLASSIFY);
        assert_eq!(code(&output), 1, "{}", printed(&output));
        assert!(printed(&output).is_empty());
        for part in parts {
            assert!(said(&output).contains(part), "{part} is not in: {}", said(&output));
        }
    };
    refused(&SCORES.replace("c,0.4", "x,0.4"), TRUTH, &["without prediction: 4 (c)", "2 (x)"]);
    refused(&SCORES.replace("c,0.4", "a,0.4"), TRUTH, &["more than once: 3 (a)"]);
    refused(&SCORES.replace("0.4", "nan"), TRUTH, &["\"A\"", "2 (c)"]);
    refused(&SCORES.replace("0.4", ""), TRUTH, &["\"A\"", "2 (c)"]);
    refused(&SCORES.replace("0.4", "inf"), TRUTH, &["2 (c)"]);
    refused(SCORES, &TRUTH.replace("a,1,0", "a,2,0"), &["0 or 1", "2 (a)"]);
    refused(SCORES, &TRUTH.replace("a,1,0", "a,-1,0"), &["2 (a)", "--uncertain"]);
    refused(&SCORES.replace("id,A,B", "id,A,C"), TRUTH, &["only in the predictions: C"]);
    refused("id,A,B\n", "id,A,B\n", &["no case to judge"]);
    refused("", TRUTH, &["empty"]);
    refused("id,A,B\nc,0.4\n", TRUTH, &["line 2 has 2 cells"]);
}

#[test]
fn what_uncertain_means_is_said() {
    let dir = tables("score-uncertain");
    write(dir.path(), "truth.csv", &TRUTH.replace("a,1,0", "a,-1,0"));
    for (policy, positives, n) in [("ignore", 1, 4), ("zeros", 1, 5), ("ones", 2, 5)] {
        let line = [&CLASSIFY[..], &["--json", "--uncertain", policy]].concat();
        let found = scored(dir.path(), &line);
        assert_eq!(found["uncertain"], policy);
        let a = &found["labels"]["A"];
        assert_eq!((&a["positives"], &a["n"]), (&json!(positives), &json!(n)));
    }
}

#[test]
fn patients_are_drawn_together_and_subgroups_warn() {
    let dir = testkit::temp_dir("score-groups");
    let (mut truth, mut scores) = ("id,patient,sex,A\n".to_owned(), "id,A\n".to_owned());
    for case in 0..60 {
        let positive = u8::from(case % 3 == 0);
        truth += &format!("c{case},p{},{},{positive}\n", case / 4, ["F", "M"][case % 2]);
        scores += &format!("c{case},{}\n", (case * 37 % 60) as f64 / 60.0);
    }
    write(dir.path(), "truth.csv", &truth);
    write(dir.path(), "scores.csv", &scores);
    let line = [&CLASSIFY[..], &["--json", "--group", "patient", "--by", "sex"]].concat();
    let found = scored(dir.path(), &line);
    assert_eq!((&found["n"], &found["units"]), (&json!(60), &json!(15)));
    let a = &found["labels"]["A"];
    // Cases of a patient are no independent cases: neither DeLong's nor Wilson's interval.
    assert!(a["metrics"]["roc_auc_score"]["delong"].is_null());
    assert_eq!(a["metrics"]["recall_score"]["ci_method"], "bootstrap percentile");
    let groups = &a["subgroups"]["sex"];
    assert_eq!((&groups["F"]["n"], &groups["M"]["n"]), (&json!(30), &json!(30)));
    assert!(groups["F"]["metrics"]["roc_auc_score"]["value"].is_number());
    let line = [&CLASSIFY[..], &["--group", "name"]].concat();
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 2);
    assert!(said(&output).contains("the column \"name\""), "{}", said(&output));
}

#[test]
fn values_are_scored() {
    let dir = testkit::temp_dir("score-values");
    write(dir.path(), "truth.csv", "id,age\na,10\nb,20\nc,30\nd,40\n");
    write(dir.path(), "ages.csv", "id,age\na,12\nb,19\nc,33\nd,38\n");
    let line = ["score", "--task", "regression", "ages.csv", "truth.csv", "--json"];
    let found = scored(dir.path(), &line);
    let value = |name: &str| found["metrics"][name]["value"].as_f64().unwrap();
    assert_eq!(value("mean_absolute_error"), 2.0);
    assert_eq!(value("bias"), 0.5);
    assert!((value("root_mean_squared_error") - 4.5f64.sqrt()).abs() < 1e-12);
    for name in ["icc_2_1", "concordance_corrcoef", "limit_of_agreement_lower", "r2_score"] {
        assert!(found["labels"]["age"]["metrics"][name]["value"].is_number(), "{name}");
    }
}

/// An uncompressed NIfTI-1 file of bytes, spacing 1 × 1 × 2 mm, origin as given.
fn mask(path: &Path, size: [i16; 3], voxels: &[u8], origin: f32) {
    let mut file = vec![0u8; 352];
    file[..4].copy_from_slice(&348i32.to_le_bytes());
    for (at, extent) in [3, size[0], size[1], size[2], 1, 1, 1, 1].iter().enumerate() {
        file[40 + 2 * at..42 + 2 * at].copy_from_slice(&extent.to_le_bytes());
    }
    file[70..72].copy_from_slice(&2i16.to_le_bytes());
    file[72..74].copy_from_slice(&8i16.to_le_bytes());
    for (at, step) in [1.0f32, 1.0, 1.0, 2.0].iter().enumerate() {
        file[76 + 4 * at..80 + 4 * at].copy_from_slice(&step.to_le_bytes());
    }
    file[108..112].copy_from_slice(&352.0f32.to_le_bytes());
    file[123] = 2;
    file[254..256].copy_from_slice(&1i16.to_le_bytes());
    let rows = [[1.0f32, 0.0, 0.0, origin], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]];
    for (at, value) in rows.iter().flatten().enumerate() {
        file[280 + 4 * at..284 + 4 * at].copy_from_slice(&value.to_le_bytes());
    }
    file[344..348].copy_from_slice(b"n+1\0");
    file.extend_from_slice(voxels);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, file).unwrap();
}

/// A box of `label` from `low` to `high` (not included) in 8 × 8 × 4 voxels.
fn block(low: [usize; 3], high: [usize; 3], label: u8) -> Vec<u8> {
    let mut voxels = vec![0; 256];
    for k in low[2]..high[2] {
        for j in low[1]..high[1] {
            for i in low[0]..high[0] {
                voxels[i + 8 * (j + 8 * k)] = label;
            }
        }
    }
    voxels
}

const SIZE: [i16; 3] = [8, 8, 4];
const SEGMENT: [&str; 6] = ["score", "--task", "segmentation", "pred", "truth", "--json"];

fn masks(name: &str) -> testkit::TempDir {
    let dir = testkit::temp_dir(name);
    let liver = block([1, 1, 1], [5, 5, 3], 1);
    // ok: two of four columns overlap; missed; both empty; spurious.
    mask(&dir.join("truth/ok.nii"), SIZE, &liver, 0.0);
    mask(&dir.join("pred/ok.nii"), SIZE, &block([3, 1, 1], [7, 5, 3], 1), 0.0);
    mask(&dir.join("truth/missed.nii"), SIZE, &liver, 0.0);
    mask(&dir.join("pred/missed.nii"), SIZE, &[0; 256], 0.0);
    mask(&dir.join("truth/none.nii"), SIZE, &[0; 256], 0.0);
    mask(&dir.join("pred/none.nii"), SIZE, &[0; 256], 0.0);
    mask(&dir.join("truth/spurious.nii"), SIZE, &[0; 256], 0.0);
    mask(&dir.join("pred/spurious.nii"), SIZE, &liver, 0.0);
    dir
}

#[test]
fn masks_are_scored_and_failures_count() {
    let dir = masks("score-masks");
    let found = scored(dir.path(), &SEGMENT);
    let liver = &found["labels"]["1"];
    for (status, count) in [("ok", 1), ("missed", 1), ("both_empty", 1), ("spurious", 1), ("n", 4)]
    {
        assert_eq!(liver[status], count, "{status}");
    }
    let dice = &liver["metrics"]["dice"];
    assert_eq!((&dice["mean_ok"], &dice["counted"]), (&json!(0.5), &json!(3)));
    assert!((dice["value"].as_f64().unwrap() - 0.5 / 3.0).abs() < 1e-12);
    // Two columns of a millimetre away; failures count the diagonal of 8 × 8 × 8 mm.
    let distance = &liver["metrics"]["hausdorff_distance"];
    assert_eq!(distance["mean_ok"], 2.0);
    let mean = (2.0 + 2.0 * 192f64.sqrt()) / 3.0;
    assert!((distance["value"].as_f64().unwrap() - mean).abs() < 1e-9);
    assert_eq!(found["metrics"]["mean_dice"]["value"], dice["value"]);
    let cases = liver["cases"].as_array().unwrap();
    let ok = cases.iter().find(|case| case["id"] == "ok").unwrap();
    assert_eq!((&ok["dice"], &ok["status"]), (&json!(0.5), &json!("ok")));
    assert_eq!(ok["volume_difference_ml"], 0.0);
    let missed = cases.iter().find(|case| case["id"] == "missed").unwrap();
    assert_eq!((&missed["dice"], &missed["hausdorff_distance"]), (&json!(0.0), &Value::Null));
}

#[test]
fn masks_that_cannot_be_compared_are_refused_by_name() {
    let dir = masks("score-masks-bad");
    let refused = |line: &[&str], parts: &[&str]| {
        let output = consilium(dir.path(), line);
        assert_eq!(code(&output), 1, "{}", printed(&output));
        for part in parts {
            assert!(said(&output).contains(part), "{part} is not in: {}", said(&output));
        }
    };
    // Another grid: refused unless told to resample.
    mask(&dir.join("pred/ok.nii"), SIZE, &block([1, 1, 1], [5, 5, 3], 1), 1.0);
    refused(&SEGMENT, &["ok.nii", "another grid", "--resample"]);
    let found = scored(dir.path(), &[&SEGMENT[..], &["--resample"]].concat());
    let cases = found["labels"]["1"]["cases"].as_array().unwrap();
    // Moved by one voxel: three of four columns overlap.
    assert_eq!(cases.iter().find(|case| case["id"] == "ok").unwrap()["dice"], 0.75);
    // A label that the truth nowhere has.
    mask(&dir.join("pred/ok.nii"), SIZE, &block([1, 1, 1], [5, 5, 3], 7), 0.0);
    refused(&SEGMENT, &["labels outside the set: 7", "ok.nii"]);
    let found = scored(dir.path(), &[&SEGMENT[..], &["--labels", "1=liver,7"]].concat());
    assert_eq!(found["labels"]["liver"]["missed"], 2);
    assert_eq!(found["labels"]["7"]["spurious"], 1);
    fs::remove_file(dir.join("pred/none.nii")).unwrap();
    fs::rename(dir.join("pred/ok.nii"), dir.join("pred/other.nii")).unwrap();
    refused(&SEGMENT, &["without prediction: none.nii, ok.nii", "does not have: other.nii"]);
    fs::create_dir(dir.join("nothing")).unwrap();
    refused(&["score", "--task", "segmentation", "pred", "nothing"], &["no case to judge"]);
}

#[test]
fn boxes_are_scored_from_coco_files() {
    let dir = testkit::temp_dir("score-boxes");
    let truth = json!({
        "images": [{ "id": 1, "patient": "a" }, { "id": 2, "patient": "a" }, { "id": 3, "patient": "b" }],
        "categories": [{ "id": 5, "name": "fracture" }],
        "annotations": [
            { "id": 1, "image_id": 1, "category_id": 5, "bbox": [10, 10, 40, 40] },
            { "id": 2, "image_id": 3, "category_id": 5, "bbox": [0, 0, 20, 20] },
        ],
    });
    let mut boxes = json!([
        { "image_id": 1, "category_id": 5, "bbox": [10, 10, 40, 40], "score": 0.9 },
        { "image_id": 2, "category_id": 5, "bbox": [0, 0, 9, 9], "score": 0.8 },
    ]);
    write(dir.path(), "truth.json", &truth.to_string());
    write(dir.path(), "boxes.json", &boxes.to_string());
    let line = ["score", "--task", "detection", "boxes.json", "truth.json", "--json"];
    let found = scored(dir.path(), &line);
    // One of two found, before the false alarm: 51 of 101 recalls at precision 1.
    let ap = found["metrics"]["AP50"]["value"].as_f64().unwrap();
    assert!((ap - 51.0 / 101.0).abs() < 1e-9, "{ap}");
    assert_eq!(found["labels"]["fracture"]["targets"], 2);
    assert_eq!(found["froc"]["sensitivity_at_fp_per_image"]["0.125"], 0.5);
    let grouped = scored(dir.path(), &[&line[..], &["--group", "patient"]].concat());
    assert_eq!(grouped["units"], 2);
    boxes[1]["image_id"] = json!(9);
    write(dir.path(), "boxes.json", &boxes.to_string());
    let output = consilium(dir.path(), &line);
    assert!(code(&output) == 1 && said(&output).contains(": 2"), "{}", said(&output));
    boxes[1] = boxes[0].clone();
    write(dir.path(), "boxes.json", &boxes.to_string());
    assert!(said(&consilium(dir.path(), &line)).contains("repeat"));
    write(dir.path(), "boxes.json", "[{\"score\": NaN}]");
    assert!(said(&consilium(dir.path(), &line)).contains("not JSON"));
}

#[test]
fn reports_are_scored_as_texts_or_as_labels() {
    let dir = testkit::temp_dir("score-reports");
    write(
        dir.path(),
        "truth.csv",
        "id,report\n1,No effusion. Heart normal.\n2,\"Mild edema, right.\"\n",
    );
    write(
        dir.path(),
        "pred.csv",
        "id,report\n2,Mild edema on the right.\n1,No effusion. Heart normal.\n",
    );
    let line = ["score", "--task", "report", "pred.csv", "truth.csv", "--json"];
    let found = scored(dir.path(), &line);
    let report = &found["labels"]["report"];
    assert_eq!((&report["tokens"], &report["n"]), (&json!("ptb"), &json!(2)));
    assert_eq!(report["cases"][0]["ROUGE_L"], 1.0);
    for name in ["Bleu_1", "Bleu_4", "ROUGE_L", "CIDEr"] {
        assert!(found["metrics"][name]["value"].is_number(), "{name}");
    }
    write(dir.path(), "truth.csv", "id,report\n1,双肺未见异常。\n");
    write(dir.path(), "pred.csv", "id,report\n1,双肺未见实变。\n");
    let found = scored(dir.path(), &line);
    assert_eq!(found["labels"]["report"]["tokens"], "char");
    assert_eq!(
        found["metrics"]["Bleu_1"]["value"].as_f64().map(|x| (x * 1e6).round()),
        Some(666_667.0)
    );
    write(dir.path(), "truth.csv", "id,A,B\n1,1,\n2,-1,0\n3,0,1\n");
    write(dir.path(), "pred.csv", "id,A,B\n1,1,\n2,1,0\n3,0,0\n");
    let output = consilium(dir.path(), &line);
    assert!(said(&output).contains("--uncertain"), "{}", said(&output));
    let found = scored(dir.path(), &[&line[..], &["--uncertain", "ones"]].concat());
    assert_eq!(found["labels"]["A"]["metrics"]["f1_score"]["value"], 1.0);
    assert_eq!(found["labels"]["B"]["metrics"]["f1_score"]["value"], 0.0);
    assert_eq!(found["metrics"]["f1_score_macro"]["value"], 0.5);
}

#[test]
fn models_are_compared_on_the_same_cases() {
    let dir = testkit::temp_dir("compare");
    let (mut truth, mut good, mut bad) =
        ("id,A\n".to_owned(), "id,A\n".to_owned(), "id,A\n".to_owned());
    for case in 0..80u32 {
        let positive = case % 2;
        truth += &format!("c{case},{positive}\n");
        let noise = f64::from(case * 7919 % 83) / 83.0;
        good += &format!("c{case},{}\n", 0.3 * f64::from(positive) + 0.6 * noise);
        bad += &format!("c{case},{noise}\n");
    }
    for (name, text) in [("truth.csv", &truth), ("good.csv", &good), ("bad.csv", &bad)] {
        write(dir.path(), name, text);
    }
    let line = [
        "compare",
        "--task",
        "classification",
        "good.csv",
        "bad.csv",
        "truth.csv",
        "--margin",
        "0.05",
    ];
    let found = scored(dir.path(), &[&line[..], &["--json"]].concat());
    assert_eq!(found["schema"], "consilium.compare/1");
    let pair = &found["results"][0]["pairs"][0];
    assert!(pair["difference"].as_f64().unwrap() > 0.1, "{pair}");
    assert!(pair["p_delong"].as_f64().unwrap() < 0.01 && pair["p_mcnemar"].is_number());
    assert_eq!(pair["p_holm"], pair["p_delong"]);
    assert_eq!(pair["second_non_inferior"], false);
    let output = consilium(dir.path(), &line);
    assert!(printed(&output).contains("[1] − [2]"), "{}", printed(&output));
    let dir = masks("compare-masks");
    for name in ["ok", "missed", "none", "spurious"] {
        let from = dir.join(format!("truth/{name}.nii"));
        fs::create_dir_all(dir.join("best")).unwrap();
        fs::copy(from, dir.join(format!("best/{name}.nii"))).unwrap();
    }
    let line = ["compare", "--task", "segmentation", "pred", "best", "truth", "--json"];
    let found = scored(dir.path(), &line);
    let dice = &found["results"][0];
    assert_eq!((&dice["metric"], &dice["values"]["best"]["value"]), (&json!("dice"), &json!(1.0)));
    for ranking in ["aggregate_then_rank", "rank_then_aggregate", "test_then_rank"] {
        assert!(dice["rankings"][ranking]["rank"]["best"].is_number(), "{ranking}");
    }
    assert_eq!(
        dice["rankings"]["aggregate_then_rank"]["rank"],
        json!({ "pred": 2.0, "best": 1.0 })
    );
    let output = consilium(dir.path(), &["compare", "--task", "regression", "a.csv", "b.csv"]);
    assert_eq!(code(&output), 2);
}
