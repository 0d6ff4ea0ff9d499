//! Patients as units of masks, subgroups, grades, lesions, METEOR, and comparisons of boxes and reports.
#![allow(clippy::unwrap_used)]

mod common;

use common::{code, consilium, printed, said};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn json_of(folder: &Path, line: &[&str]) -> Value {
    let output = consilium(folder, line);
    assert_eq!(code(&output), 0, "{line:?}: {}", said(&output));
    serde_json::from_str(&printed(&output)).unwrap()
}

fn refused(folder: &Path, line: &[&str], status: i32, parts: &[&str]) {
    let output = consilium(folder, line);
    assert_eq!(code(&output), status, "{line:?}: {}", printed(&output));
    for part in parts {
        assert!(said(&output).contains(part), "{part} is not in: {}", said(&output));
    }
}

/// A NIfTI-1 file of 4 × 4 × 2 voxels of 1 mm: bytes, or 32-bit floats.
fn volume(path: &Path, voxels: &[f32], float: bool) {
    let mut file = vec![0u8; 352];
    file[..4].copy_from_slice(&348i32.to_le_bytes());
    for (at, extent) in [3i16, 4, 4, 2, 1, 1, 1, 1].iter().enumerate() {
        file[40 + 2 * at..42 + 2 * at].copy_from_slice(&extent.to_le_bytes());
    }
    let (code, bits): (i16, i16) = if float { (16, 32) } else { (2, 8) };
    file[70..72].copy_from_slice(&code.to_le_bytes());
    file[72..74].copy_from_slice(&bits.to_le_bytes());
    for at in 0..4 {
        file[76 + 4 * at..80 + 4 * at].copy_from_slice(&1.0f32.to_le_bytes());
    }
    file[108..112].copy_from_slice(&352.0f32.to_le_bytes());
    file[123] = 2;
    file[254..256].copy_from_slice(&1i16.to_le_bytes());
    for at in 0..3 {
        file[280 + 20 * at..284 + 20 * at].copy_from_slice(&1.0f32.to_le_bytes());
    }
    file[344..348].copy_from_slice(b"n+1\0");
    for value in voxels {
        match float {
            true => file.extend(value.to_le_bytes()),
            false => file.push(*value as u8),
        }
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, file).unwrap();
}

/// Voxels along the first row, each with its value.
fn row(values: &[f32]) -> Vec<f32> {
    let mut voxels = vec![0.0; 32];
    voxels[..values.len()].copy_from_slice(values);
    voxels
}

const SEGMENT: [&str; 6] = ["score", "--task", "segmentation", "pred", "truth", "--json"];

#[test]
fn masks_have_patients_and_subgroups() {
    let dir = testkit::temp_dir("mask-patients");
    for (name, own) in [("a1", 2), ("a2", 1), ("b1", 4), ("c1", 3)] {
        volume(&dir.join(format!("truth/{name}.nii")), &row(&[1.0; 4]), false);
        volume(&dir.join(format!("pred/{name}.nii")), &row(&vec![1.0; own]), false);
    }
    write(dir.path(), "cases.csv", "id,patient,sex\na1,p,F\na2,p,F\nb1,q,M\nc1,r,M\n");
    let single = json_of(dir.path(), &SEGMENT);
    assert_eq!((&single["units"], &single["group"]), (&json!(4), &Value::Null));
    let line = [&SEGMENT[..], &["--group", "cases.csv/patient", "--by", "cases.csv/sex"]].concat();
    let found = json_of(dir.path(), &line);
    assert_eq!((&found["n"], &found["units"]), (&json!(4), &json!(3)));
    // The mean stays; its interval comes from three patients instead of four cases.
    let dice = |found: &Value| found["labels"]["1"]["metrics"]["dice"].clone();
    assert_eq!(dice(&found)["value"], dice(&single)["value"]);
    assert_ne!(dice(&found)["ci"], dice(&single)["ci"]);
    // A patient's cases are drawn together: with one patient in all nothing varies.
    write(dir.path(), "one.csv", "id,patient\na1,p\na2,p\nb1,p\nc1,p\n");
    let one = json_of(dir.path(), &[&SEGMENT[..], &["--group", "one.csv/patient"]].concat());
    let ends = dice(&one)["ci"].clone();
    assert_eq!([&ends[0], &ends[1]], [&dice(&one)["value"]; 2]);
    let groups = &found["labels"]["1"]["subgroups"]["cases.csv/sex"];
    let of = |group: &str| groups[group]["metrics"]["dice"]["value"].as_f64().unwrap();
    assert!((of("F") - (2.0 / 3.0 + 0.4) / 2.0).abs() < 1e-12 && groups["M"]["n"] == 2);
    assert!(groups["F"]["notes"].to_string().contains("few-cases"));
    refused(dir.path(), &[&SEGMENT[..], &["--group", "patient"]].concat(), 2, &["FILE.csv/COLUMN"]);
    write(dir.path(), "cases.csv", "id,patient\na1,p\nb1,q\nc1,\n");
    let line = [&SEGMENT[..], &["--group", "cases.csv/patient"]].concat();
    refused(dir.path(), &line, 1, &["\"patient\"", "a2, c1"]);
    // A flag that the task does not read is no flag to pass over.
    refused(dir.path(), &[&SEGMENT[..], &["--threshold", "0.4"]].concat(), 2, &["--threshold"]);
}

#[test]
fn masks_of_a_data_set_bring_their_patients() {
    let dir = testkit::temp_dir("mask-set");
    for name in ["BraTS-GLI-00005-000", "BraTS-GLI-00005-001", "BraTS-GLI-00006-000"] {
        for end in ["t1n", "t1c", "t2w", "t2f"] {
            write(dir.path(), &format!("set/{name}/{name}-{end}.nii.gz"), "x");
        }
        volume(&dir.join(format!("set/{name}/{name}-seg.nii")), &row(&[1.0; 4]), false);
        fs::rename(
            dir.join(format!("set/{name}/{name}-seg.nii")),
            dir.join(format!("set/{name}/{name}-seg.nii.gz")),
        )
        .unwrap();
        volume(&dir.join(format!("pred/{name}.nii")), &row(&[1.0; 2]), false);
    }
    let line = ["score", "--task", "segmentation", "pred", "brats:set", "--json"];
    let found = json_of(dir.path(), &line);
    assert_eq!(
        (&found["n"], &found["units"], &found["group"]),
        (&json!(3), &json!(2), &json!("patient"))
    );
    fs::remove_file(dir.join("pred/BraTS-GLI-00006-000.nii")).unwrap();
    refused(dir.path(), &line, 1, &["BraTS-GLI-00006-000"]);
}

#[test]
fn lesions_are_judged_as_picai_does() {
    let dir = testkit::temp_dir("lesions");
    // Two lesions of which one is found, surely; a false alarm in a case without.
    volume(&dir.join("truth/a.nii"), &row(&[1.0, 1.0, 0.0, 1.0]), false);
    volume(&dir.join("pred/a.nii"), &row(&[0.9, 0.7]), true);
    volume(&dir.join("truth/b.nii"), &row(&[]), false);
    volume(&dir.join("pred/b.nii"), &row(&[0.0, 0.5]), true);
    let line = ["score", "--task", "detection", "pred", "truth", "--json"];
    let found = json_of(dir.path(), &line);
    let value = |name: &str| found["metrics"][name]["value"].as_f64().unwrap();
    assert_eq!((value("AP_lesions"), value("auroc"), value("picai_score")), (0.5, 1.0, 0.75));
    let lesions = &found["labels"]["lesions"];
    assert_eq!((&lesions["targets"], &lesions["cases"][0]["missed"]), (&json!(2), &json!(1)));
    // A map without the false alarm is better.
    fs::create_dir(dir.join("best")).unwrap();
    fs::copy(dir.join("pred/a.nii"), dir.join("best/a.nii")).unwrap();
    volume(&dir.join("best/b.nii"), &row(&[]), true);
    volume(&dir.join("best/a.nii"), &row(&[0.9, 0.7, 0.0, 0.2]), true);
    let line2 = ["compare", "--task", "detection", "best", "pred", "truth", "--json"];
    let both = json_of(dir.path(), &line2);
    let picai = &both["results"][0];
    assert_eq!(
        (&picai["metric"], &picai["values"]["best"]["value"]),
        (&json!("picai_score"), &json!(1.0))
    );
    assert_eq!(picai["pairs"][0]["difference"], 0.25);
    volume(&dir.join("pred/b.nii"), &row(&[-1.0]), true);
    refused(dir.path(), &line, 1, &["b.nii", "below 0"]);
}

#[test]
fn grades_have_kappa_and_labels_all_their_numbers() {
    let dir = testkit::temp_dir("grades");
    write(
        dir.path(),
        "truth.csv",
        "id,patient,grade,sick\na,p,0,0\nb,q,1,1\nc,r,2,1\nd,s,4,0\ne,t,3,1\nf,u,,1\n",
    );
    write(
        dir.path(),
        "pred.csv",
        "id,grade,sick\na,0,0.1\nb,2,0.8\nc,2,0.4\nd,4,0.6\ne,1,0.9\nf,2,0.7\n",
    );
    let line = ["score", "--task", "classification", "pred.csv", "truth.csv", "--json"];
    let found = json_of(dir.path(), &line);
    let grade = &found["labels"]["grade"];
    assert_eq!((&grade["n"], &grade["grades"]), (&json!(5), &json!([0.0, 1.0, 2.0, 3.0, 4.0])));
    let value = |name: &str| grade["metrics"][name]["value"].as_f64().unwrap();
    // Squares of the differences 0, 1, 0, 0, 2 sum to 5; of all 25 pairs to 95, a fifth by chance.
    assert!((value("cohen_kappa_score_quadratic") - (1.0 - 5.0 / 19.0)).abs() < 1e-12);
    assert_eq!((value("accuracy_score"), value("accuracy_within_one")), (0.6, 0.8));
    let sick = &found["labels"]["sick"];
    assert!(sick["metrics"]["roc_auc_score_max_fpr_0.1"]["value"].is_number());
    assert!(sick["metrics"]["cohen_kappa_score"]["value"].is_number());
    let parts = &sick["brier_decomposition"];
    let sum = parts["reliability"].as_f64().unwrap() - parts["resolution"].as_f64().unwrap()
        + parts["uncertainty"].as_f64().unwrap()
        + parts["remainder"].as_f64().unwrap();
    assert!((sum - sick["metrics"]["brier_score_loss"]["value"].as_f64().unwrap()).abs() < 1e-12);
    assert!(sick["net_benefit"][0]["model"].is_number());
    let youden = &sick["operating_points"]["youden"];
    for name in
        ["recall_ci", "precision_ci", "npv_ci", "matthews_corrcoef", "balanced_accuracy_score"]
    {
        assert!(!youden[name].is_null(), "{name}");
    }
    let found = json_of(dir.path(), &[&line[..], &["--prevalence", "0.01"]].concat());
    let rare = &found["labels"]["sick"]["metrics"]["precision_score_at_prevalence"];
    assert!(rare["value"].as_f64().unwrap() < 0.02 && rare["prevalence"] == 0.01);
}

/// A WordNet of two sets, in the layout of the real one. Stems are looked up in it, as NLTK does.
fn wordnet(folder: &Path) {
    let data = "  1 licence\n00000012 03 n 02 effus 0 fluid 0 000 | x\n";
    let at = data.find("00000012").unwrap();
    write(folder, "wn/data.noun", data);
    write(
        folder,
        "wn/index.noun",
        &format!("  1 licence\neffus n 1 0 1 0 {at:08}  \nfluid n 1 0 1 0 {at:08}  \n"),
    );
    let adjective = "00000000 00 a 02 large(a) 0 big 0 000 | x\n";
    write(folder, "wn/data.adj", adjective);
    write(folder, "wn/index.adj", "large a 1 1 & 1 0 00000000  \nbig a 1 1 & 1 0 00000000  \n");
    for name in ["verb", "adv"] {
        write(folder, &format!("wn/data.{name}"), "");
        write(folder, &format!("wn/index.{name}"), "");
    }
    for name in ["noun", "verb", "adj", "adv"] {
        write(folder, &format!("wn/{name}.exc"), "");
    }
}

#[test]
fn meteor_says_which_it_is() {
    let dir = testkit::temp_dir("meteor");
    write(dir.path(), "truth.csv", "id,report\n1,big effusions\n2,clear lungs\n");
    write(dir.path(), "pred.csv", "id,report\n1,big fluid\n2,clear lung\n");
    let line = ["score", "--task", "report", "pred.csv", "truth.csv", "--json"];
    let found = json_of(dir.path(), &line);
    let row = &found["metrics"]["METEOR_2007_exact_stem"];
    // One of two words; both words, in one piece.
    assert!((row["value"].as_f64().unwrap() - (0.25 + 0.9375) / 2.0).abs() < 1e-12);
    assert_eq!(row["stages"], json!(["exact", "stem"]));
    assert!(found["notes"].to_string().contains("not coco-caption's METEOR 1.5"));
    wordnet(dir.path());
    let found = json_of(dir.path(), &[&line[..], &["--wordnet", "wn"]].concat());
    let row = &found["metrics"]["METEOR_2007"];
    assert!((row["value"].as_f64().unwrap() - 0.9375).abs() < 1e-12, "{row}");
    fs::remove_file(dir.join("wn/noun.exc")).unwrap();
    refused(dir.path(), &[&line[..], &["--wordnet", "wn"]].concat(), 1, &["noun.exc", "--wordnet"]);
    write(dir.path(), "wn/noun.exc", "");
    write(dir.path(), "wn/index.noun", "effusion n many\n");
    refused(dir.path(), &[&line[..], &["--wordnet", "wn"]].concat(), 1, &["index.noun", "line 1"]);
}

#[test]
fn boxes_and_reports_are_compared() {
    let dir = testkit::temp_dir("compare-boxes");
    let images: Vec<Value> = (0..12).map(|at| json!({ "id": at, "patient": at / 2 })).collect();
    let truth: Vec<Value> = (0..12)
        .map(
            |at| json!({ "id": at, "image_id": at, "category_id": at % 2, "bbox": [0, 0, 10, 10] }),
        )
        .collect();
    let categories = json!([{ "id": 0, "name": "a" }, { "id": 1, "name": "b" }]);
    let coco = json!({ "images": images, "categories": categories, "annotations": truth });
    write(dir.path(), "truth.json", &coco.to_string());
    let boxes = |right: &dyn Fn(usize) -> bool| -> String {
        let one = |at: usize| {
            let left = if right(at) { 0 } else { 50 };
            json!({ "image_id": at, "category_id": at % 2, "bbox": [left, 0, 10, 10], "score": 1.0 - at as f64 / 100.0 })
        };
        (0..12).map(one).collect::<Value>().to_string()
    };
    write(dir.path(), "good.json", &boxes(&|at| at != 5));
    write(dir.path(), "bad.json", &boxes(&|at| at % 3 == 0));
    let line = [
        "compare",
        "--task",
        "detection",
        "good.json",
        "bad.json",
        "truth.json",
        "--group",
        "patient",
        "--margin",
        "0.05",
    ];
    let found = json_of(dir.path(), &[&line[..], &["--json", "--resamples", "500"]].concat());
    assert_eq!((&found["n"], &found["units"]), (&json!(12), &json!(6)));
    let of = |label: Value, metric: &str| {
        let results = found["results"].as_array().unwrap();
        results.iter().find(|one| one["label"] == label && one["metric"] == metric).unwrap().clone()
    };
    for (label, metric) in
        [(Value::Null, "AP"), (Value::Null, "AP50"), (Value::Null, "CPM"), (json!("b"), "AP50")]
    {
        let one = of(label.clone(), metric);
        let pair = &one["pairs"][0];
        assert!(pair["difference"].as_f64().unwrap() > 0.2, "{one}");
        // Six patients: 64 ways to swap, of which only two are as extreme where all patients differ.
        let p = pair["p_swap"].as_f64().unwrap();
        assert!((p * 64.0 - (p * 64.0).round()).abs() < 1e-9, "{p}");
        assert!(label != Value::Null || p == 2.0 / 64.0, "{metric} {p}");
        assert!(pair["ci"][0].as_f64().unwrap() <= pair["difference"].as_f64().unwrap());
        assert_eq!(pair["second_non_inferior"], false);
        assert_eq!(one["rankings"]["aggregate_then_rank"]["rank"]["good.json"], 1.0);
    }
    // A model against itself: no difference, p is 1.
    let same = [
        "compare",
        "--task",
        "detection",
        "bad.json",
        "bad.json",
        "truth.json",
        "--json",
        "--resamples",
        "200",
    ];
    let same = json_of(dir.path(), &same);
    assert_eq!(same["results"][0]["pairs"][0]["difference"], 0.0);
    assert_eq!(same["results"][0]["pairs"][0]["p_swap"], 1.0);
    let output =
        consilium(dir.path(), &[&line[..], &["--out", "made", "--resamples", "100"]].concat());
    assert_eq!(code(&output), 0, "{}", said(&output));
    let csv = fs::read_to_string(dir.join("made/comparison.csv")).unwrap();
    assert!(
        csv.lines()
            .any(|line| line.starts_with(",AP,good.json,bad.json,") && line.contains(",swap,")),
        "{csv}"
    );
    assert!(fs::read_to_string(dir.join("made/comparison.html")).unwrap().contains("τ ="));

    let dir = testkit::temp_dir("compare-reports");
    let words = ["effusion", "edema", "nodule", "fracture", "opacity"];
    let (mut truth, mut good, mut bad) =
        ("id,report\n".to_owned(), "id,report\n".to_owned(), "id,report\n".to_owned());
    for case in 0..20 {
        let (one, two) = (words[case % 5], words[(case / 5 + case + 1) % 5]);
        truth += &format!("{case},there is {one} and mild {two} today\n");
        good += &format!("{case},there is {one} and mild {two}\n");
        bad += &format!("{case},no {one} is seen\n");
    }
    for (name, text) in [("truth.csv", &truth), ("good.csv", &good), ("bad.csv", &bad)] {
        write(dir.path(), name, text);
    }
    let line = [
        "compare",
        "--task",
        "report",
        "good.csv",
        "bad.csv",
        "truth.csv",
        "--json",
        "--resamples",
        "200",
    ];
    let found = json_of(dir.path(), &line);
    let results = found["results"].as_array().unwrap();
    let names: Vec<&str> = results.iter().map(|one| one["metric"].as_str().unwrap()).collect();
    assert_eq!(names, ["Bleu_1", "Bleu_4", "ROUGE_L", "CIDEr", "METEOR_2007_exact_stem"]);
    for one in results {
        let pair = &one["pairs"][0];
        assert!(pair["difference"].as_f64().unwrap() > 0.0 && one["higher_is_better"] == true);
        let p = if one["metric"].as_str().unwrap().starts_with("Bleu") {
            "p_swap"
        } else {
            "p_wilcoxon"
        };
        assert!(pair[p].as_f64().unwrap() < 0.01, "{one}");
    }
    write(dir.path(), "truth.csv", "id,A,B\n1,1,\n2,1,0\n3,0,1\n4,1,1\n");
    write(dir.path(), "good.csv", "id,A,B\n1,1,\n2,1,0\n3,0,1\n4,1,1\n");
    write(dir.path(), "bad.csv", "id,A,B\n1,0,\n2,1,1\n3,0,0\n4,1,0\n");
    let found = json_of(dir.path(), &line);
    let micro = &found["results"][0];
    assert_eq!(
        (&micro["metric"], &micro["values"]["good.csv"]["value"]),
        (&json!("f1_score_micro"), &json!(1.0))
    );
    assert!(micro["pairs"][0]["p_swap"].is_number());
}

#[test]
fn models_are_ranked_three_ways_over_labels() {
    let dir = testkit::temp_dir("rank-labels");
    let (mut truth, mut tables) =
        ("id,A,B,C\n".to_owned(), ["id,A,B,C\n".to_owned(), "id,A,B,C\n".to_owned()]);
    for case in 0..40u32 {
        let bits = [case % 2, case / 2 % 2, case / 4 % 2];
        truth += &format!("{case},{},{},{}\n", bits[0], bits[1], bits[2]);
        for (table, pull) in tables.iter_mut().zip([0.6, 0.1]) {
            let score = |at: usize| {
                pull * f64::from(bits[at])
                    + 0.4 * f64::from((case * 7919 + at as u32 * 31) % 83) / 83.0
            };
            *table += &format!("{case},{},{},{}\n", score(0), score(1), score(2));
        }
    }
    write(dir.path(), "truth.csv", &truth);
    write(dir.path(), "good.csv", &tables[0]);
    write(dir.path(), "bad.csv", &tables[1]);
    let line = [
        "compare",
        "--task",
        "classification",
        "good.csv",
        "bad.csv",
        "truth.csv",
        "--json",
        "--resamples",
        "200",
    ];
    let found = json_of(dir.path(), &line);
    let all = found["results"].as_array().unwrap().last().unwrap();
    for ranking in ["aggregate_then_rank", "rank_then_aggregate", "test_then_rank"] {
        assert!(all["rankings"][ranking]["rank"]["good.csv"].as_f64() == Some(1.0), "{all}");
    }
    assert!(all["rankings"]["rank_then_aggregate"]["kendall_tau"].is_number());
}

#[test]
fn what_a_data_set_writes_can_be_judged() {
    let dir = testkit::temp_dir("truth-as-written");
    write(
        dir.path(),
        "set/table.csv",
        "id,patient,split,sex,age,Edema\na,p,test,F,10,1\nb,p,test,F,11,0\nc,q,test,M,45,1\nd,r,test,M,61,0\n",
    );
    let output = consilium(dir.path(), &["datasets", "show", "table:set", "--out", "made"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    write(dir.path(), "pred.csv", "id,Edema\na,0.9\nb,0.2\nc,0.3\nd,0.4\n");
    let line = [
        "score",
        "--task",
        "classification",
        "pred.csv",
        "made/truth.csv",
        "--json",
        "--group",
        "patient",
    ];
    let found = json_of(dir.path(), &line);
    assert_eq!((&found["n"], &found["units"]), (&json!(4), &json!(3)));
    assert_eq!(found["labels"].as_object().unwrap().len(), 1);
    let found = json_of(dir.path(), &[&line[..], &["--by", "sex"]].concat());
    assert_eq!(found["labels"]["Edema"]["subgroups"]["sex"]["F"]["n"], 2);
}

#[test]
fn films_of_a_study_are_one_case() {
    let dir = testkit::temp_dir("pool");
    write(
        dir.path(),
        "truth.csv",
        "id,patient,study,Edema\na1,p,s1,1\na2,p,s1,1\nb1,q,s2,0\nc1,q,s3,0\nc2,q,s3,0\n",
    );
    write(dir.path(), "pred.csv", "id,Edema\na1,0.1\na2,0.6\nb1,0.3\nc1,0.8\nc2,0.1\n");
    let line = [
        "score",
        "--task",
        "classification",
        "pred.csv",
        "truth.csv",
        "--json",
        "--group",
        "patient",
    ];
    let area = |pool: &str| {
        let found = json_of(dir.path(), &[&line[..], &["--pool", pool]].concat());
        assert_eq!((&found["n"], &found["units"]), (&json!(3), &json!(2)));
        found["labels"]["Edema"]["metrics"]["roc_auc_score"]["value"].clone()
    };
    // The highest: 0.6 against 0.3 and 0.8. The mean: 0.35 against 0.3 and 0.45.
    assert_eq!((area("study=max"), area("study=mean")), (json!(0.5), json!(0.5)));
    write(dir.path(), "pred.csv", "id,Edema\na1,0.1\na2,0.6\nb1,0.3\nc1,0.5\nc2,0.1\n");
    assert_eq!((area("study=max"), area("study=mean")), (json!(1.0), json!(1.0)));
    write(
        dir.path(),
        "truth.csv",
        "id,patient,study,Edema\na1,p,s1,1\na2,p,s1,0\nb1,q,s2,0\nc1,q,s3,0\nc2,q,s3,0\n",
    );
    refused(dir.path(), &[&line[..], &["--pool", "study=max"]].concat(), 1, &["s1"]);
    refused(dir.path(), &[&line[..], &["--pool", "study"]].concat(), 2, &["--pool"]);
}
