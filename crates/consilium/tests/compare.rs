//! `compare` puts models side by side on the same cases, and by subgroup.
#![allow(clippy::unwrap_used)]

use crate::common::judge::{judged, map, refused, row, write};
use crate::common::{code, consilium, printed, said};
use serde_json::{Value, json};
use std::fs;

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
    let found = judged(dir.path(), &[&line[..], &["--json"]].concat());
    assert_eq!(found["schema"], "consilium.compare/1");
    let pair = &found["results"][0]["pairs"][0];
    assert!(pair["difference"].as_f64().unwrap() > 0.1, "{pair}");
    assert!(pair["p_delong"].as_f64().unwrap() < 0.01 && pair["p_mcnemar"].is_number());
    assert_eq!(pair["p_holm"], pair["p_delong"]);
    assert_eq!(pair["second_non_inferior"], false);
    let output = consilium(dir.path(), &line);
    assert!(printed(&output).contains("[1] − [2]"), "{}", printed(&output));
    let output = consilium(dir.path(), &["compare", "--task", "regression", "a.csv", "b.csv"]);
    assert_eq!(code(&output), 2);
}

#[test]
fn grades_are_compared_as_they_are_scored() {
    let dir = testkit::temp_dir("compare-grades");
    let mut tables = ["id,patient,KL grade\n", "id,KL grade\n", "id,KL grade\n"].map(String::from);
    for case in 0..40usize {
        let grade = case % 5;
        tables[0] += &format!("c{case},p{},{grade}\n", case / 2);
        tables[1] += &format!("c{case},{}\n", if case % 7 == 0 { 4 - grade } else { grade });
        tables[2] += &format!("c{case},{}\n", (grade + case % 3) % 5);
    }
    for (name, text) in ["truth.csv", "good.csv", "bad.csv"].iter().zip(&tables) {
        write(dir.path(), name, text);
    }
    let group = ["--group", "patient", "--margin", "0.1"];
    let line = ["compare", "--task", "classification", "good.csv", "bad.csv", "truth.csv"];
    let line = [&line[..], &group, &["--out", "out"]].concat();
    let found = judged(dir.path(), &line);
    let kappa = &found["results"][0];
    assert_eq!(kappa["metric"], "cohen_kappa_score_quadratic");
    assert!(kappa["pairs"][0]["p_swap"].as_f64().unwrap() < 0.05);
    for model in ["good.csv", "bad.csv"] {
        let own = ["score", "--task", "classification", model, "truth.csv", "--group", "patient"];
        let own = judged(dir.path(), &own);
        let metrics = &own["labels"]["KL grade"]["metrics"];
        for result in found["results"].as_array().unwrap() {
            let (value, own) =
                (&result["values"][model], &metrics[result["metric"].as_str().unwrap()]);
            assert_eq!((&value["value"], &value["ci"]), (&own["value"], &own["ci"]));
        }
    }
    let text = printed(&consilium(dir.path(), &[&line[..6], &["--lang", "zh"]].concat()));
    assert!(text.contains("二次加权 κ") && text.contains("模型结果互换置换"), "{text}");
    let page = fs::read_to_string(dir.join("out/comparison.html")).unwrap();
    assert!(page.contains("not shown that [2] is not inferior"), "{page}");
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
    let found = judged(dir.path(), &[&line[..], &["--json", "--resamples", "500"]].concat());
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
    let same = judged(dir.path(), &same);
    assert_eq!(same["results"][0]["pairs"][0]["difference"], 0.0);
    assert_eq!(same["results"][0]["pairs"][0]["p_swap"], 1.0);
    let output =
        consilium(dir.path(), &[&line[..], &["--out", "made", "--resamples", "100"]].concat());
    assert_eq!(code(&output), 0, "{}", said(&output));
    let csv = fs::read_to_string(dir.join("made/comparison.csv")).unwrap();
    assert!(
        csv.lines()
            .any(|line| line.starts_with(",,AP,good.json,bad.json,") && line.contains(",swap,")),
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
    let found = judged(dir.path(), &line);
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
    let found = judged(dir.path(), &line);
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
    let found = judged(dir.path(), &line);
    let all = found["results"].as_array().unwrap().last().unwrap();
    for ranking in ["aggregate_then_rank", "rank_then_aggregate", "test_then_rank"] {
        let found = &all["rankings"][ranking];
        assert!(found["rank"]["good.csv"].as_f64() == Some(1.0), "{all}");
        // Of every ranking how often each model had each rank.
        assert!(all["pairs"][0]["p_swap"].as_f64() < Some(0.05), "{all}");
        let share = found["share_of_ranks"]["good.csv"].as_array().unwrap();
        let sum: f64 = share.iter().map(|share| share.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9 && share[0].as_f64() > Some(0.5), "{ranking}: {found}");
    }
    assert!(all["rankings"]["rank_then_aggregate"]["kendall_tau"].is_number());
}

/// Two models' tables over forty cases of two sexes: the first is better with women only.
fn forty(folder: &std::path::Path) {
    let (mut truth, mut first, mut second) =
        ("id,sex,A\n".to_owned(), "id,A\n".to_owned(), "id,A\n".to_owned());
    for case in 0..40u32 {
        let (bit, woman) = (case / 2 % 2, case % 2 == 0);
        let noise = f64::from(case * 7919 % 41) / 41.0;
        let good = 0.7 * f64::from(bit) + 0.3 * noise;
        truth += &format!("c{case},{},{bit}\n", if woman { "F" } else { "M" });
        first += &format!("c{case},{}\n", if woman { good } else { noise });
        second += &format!("c{case},{noise}\n");
    }
    for (name, text) in [("truth.csv", &truth), ("first.csv", &first), ("second.csv", &second)] {
        write(folder, name, text);
    }
}

/// The differences of the first two models in the subgroups F and M.
fn differences(found: &Value, column: &str, metric: &str) -> [f64; 2] {
    ["F", "M"].map(|value| {
        let group = &found["subgroups"][column][value];
        assert!(group["n"].as_u64().unwrap() > 0, "{group}");
        let results = group["results"].as_array().unwrap();
        let one = results.iter().find(|one| one["metric"] == metric).unwrap();
        let pair = &one["pairs"][0];
        assert!(
            pair["ci"][0].is_number() && one["values"].as_object().unwrap().len() == 2,
            "{one}"
        );
        pair["difference"].as_f64().unwrap()
    })
}

#[test]
fn every_task_is_compared_by_subgroup() {
    let dir = testkit::temp_dir("compare-groups");
    forty(dir.path());
    let by = |task: &'static str, files: [&'static str; 3], column: &'static str| {
        [
            "compare",
            "--task",
            task,
            files[0],
            files[1],
            files[2],
            "--by",
            column,
            "--resamples",
            "300",
        ]
    };
    let tables = ["first.csv", "second.csv", "truth.csv"];
    let line = by("classification", tables, "sex");
    let found = judged(dir.path(), &line);
    let [women, men] = differences(&found, "sex", "roc_auc_score");
    assert!(women > 0.3 && men == 0.0, "{women} {men}");
    let group = &found["subgroups"]["sex"]["F"];
    assert!(group["results"][0]["pairs"][0]["p_delong"].as_f64().unwrap() < 0.05);
    assert_eq!((&group["n"], &group["units"]), (&json!(20), &json!(20)));
    assert!(!group["notes"].to_string().contains("independent"), "{}", group["notes"]);
    // Ten positives and ten negatives each are enough, nine are not.
    assert_eq!(group["notes"], json!([]));
    let text = fs::read_to_string(dir.join("truth.csv")).unwrap();
    write(dir.path(), "fewer.csv", &text.replace("c0,F,0", "c0,M,0"));
    let fewer =
        judged(dir.path(), &by("classification", ["first.csv", "second.csv", "fewer.csv"], "sex"));
    assert!(fewer["subgroups"]["sex"]["F"]["notes"].to_string().contains("fewer than 10 positive"));

    let regression = judged(dir.path(), &by("regression", tables, "sex"));
    let [women, men] = differences(&regression, "sex", "absolute_error");
    assert!(women < -0.1 && men == 0.0, "{women} {men}");

    let out = [&line[..], &["--out", "made"]].concat();
    let output = consilium(dir.path(), &out);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(printed(&output).contains("sex = F"), "{}", printed(&output));
    let csv = fs::read_to_string(dir.join("made/comparison.csv")).unwrap();
    assert!(csv.contains("A,sex=F,roc_auc_score,first.csv,second.csv,"), "{csv}");
    let page = fs::read_to_string(dir.join("made/comparison.html")).unwrap();
    assert!(page.contains("sex = M") && page.contains("亚组"));

    // Masks, and maps of lesions, with a table beside them.
    for (name, sex) in [("a", "F"), ("b", "F"), ("c", "M"), ("d", "M")] {
        row(&dir.join(format!("truth/{name}.nii")), &[1; 4]);
        row(&dir.join(format!("one/{name}.nii")), if sex == "F" { &[1; 4] } else { &[1; 2] });
        row(&dir.join(format!("two/{name}.nii")), &[1; 2]);
        let found: &[f32] = if sex == "F" { &[0.9; 4] } else { &[0.0; 4] };
        map(&dir.join(format!("maps/{name}.nii")), found);
        map(&dir.join(format!("none/{name}.nii")), &[0.0; 4]);
    }
    write(dir.path(), "cases.csv", "id,sex\na,F\nb,F\nc,M\nd,M\n");
    let masks = judged(dir.path(), &by("segmentation", ["one", "two", "truth"], "cases.csv/sex"));
    let [women, men] = differences(&masks, "cases.csv/sex", "dice");
    assert!((women - 1.0 / 3.0).abs() < 1e-12 && men == 0.0, "{women} {men}");
    assert!(masks["subgroups"]["cases.csv/sex"]["M"]["notes"].to_string().contains("few-cases"));
    let maps = judged(dir.path(), &by("detection", ["maps", "none", "truth"], "cases.csv/sex"));
    let [women, men] = differences(&maps, "cases.csv/sex", "AP_lesions");
    assert!(women == 1.0 && men == 0.0, "{women} {men}");

    // Boxes: the first model finds the women's.
    let image = |at: usize| json!({ "id": at, "sex": if at < 4 { "F" } else { "M" } });
    let boxes = |at: usize, left: usize| json!({ "image_id": at, "category_id": 1, "bbox": [left, 0, 10, 10], "score": 0.9 - at as f64 / 100.0 });
    let all =
        |lefts: &dyn Fn(usize) -> usize| (0..8).map(|at| boxes(at, lefts(at))).collect::<Value>();
    let coco = json!({ "images": (0..8).map(image).collect::<Value>(), "categories": [{ "id": 1, "name": "x" }], "annotations": all(&|_| 0) });
    write(dir.path(), "truth.json", &coco.to_string());
    write(dir.path(), "one.json", &all(&|at| if at < 4 { 0 } else { 50 }).to_string());
    write(dir.path(), "two.json", &all(&|_| 50).to_string());
    let found = judged(dir.path(), &by("detection", ["one.json", "two.json", "truth.json"], "sex"));
    assert_eq!(differences(&found, "sex", "AP50"), [1.0, 0.0]);

    // Reports, as texts and as labels.
    write(
        dir.path(),
        "t.csv",
        "id,sex,report\n1,F,clear lungs today\n2,F,small effusion left\n3,M,no edema seen\n4,M,old fracture there\n",
    );
    write(dir.path(), "p.csv", "id,report\n1,clear lungs today\n2,small effusion left\n3,x\n4,y\n");
    write(dir.path(), "q.csv", "id,report\n1,x\n2,y\n3,x\n4,y\n");
    let texts = judged(dir.path(), &by("report", ["p.csv", "q.csv", "t.csv"], "sex"));
    let [women, men] = differences(&texts, "sex", "ROUGE_L");
    assert!((women - 1.0).abs() < 1e-12 && men == 0.0, "{women} {men}");
    let [women, men] = differences(&texts, "sex", "Bleu_1");
    assert!(women > 0.99 && men.abs() < 1e-6, "{women} {men}");
    write(dir.path(), "t.csv", "id,sex,A,B\n1,F,1,0\n2,F,0,1\n3,M,1,0\n4,M,0,1\n");
    write(dir.path(), "p.csv", "id,A,B\n1,1,0\n2,0,1\n3,0,0\n4,0,0\n");
    // Another order of columns is the same table.
    write(dir.path(), "q.csv", "id,B,A\n1,0,0\n2,0,0\n3,0,0\n4,0,0\n");
    let labels = judged(dir.path(), &by("report", ["p.csv", "q.csv", "t.csv"], "sex"));
    let [women, men] = differences(&labels, "sex", "f1_score_micro");
    assert_eq!([women, men], [1.0, 0.0]);
    refused(dir.path(), &by("report", ["p.csv", "q.csv", "t.csv"], "age"), 2, &["--by", "\"age\""]);
}

#[test]
fn a_table_with_its_columns_in_another_order_is_the_same_table() {
    let dir = testkit::temp_dir("compare-columns");
    write(dir.path(), "truth.csv", "id,A,B\n1,1,0\n2,0,1\n3,1,1\n4,0,0\n");
    write(dir.path(), "one.csv", "id,A,B\n1,0.9,0.4\n2,0.1,0.8\n3,0.3,0.6\n4,0.2,0.7\n");
    write(dir.path(), "two.csv", "id,B,A\n1,0.4,0.9\n2,0.8,0.1\n3,0.6,0.3\n4,0.7,0.2\n");
    let line = ["compare", "--task", "classification", "one.csv", "two.csv", "truth.csv"];
    let found = judged(dir.path(), &line);
    for one in found["results"].as_array().unwrap() {
        assert_eq!(one["values"]["one.csv"], one["values"]["two.csv"], "{one}");
        assert_eq!(one["pairs"][0]["difference"], 0.0);
    }
}
