//! `score` judges tables, boxes and reports that anybody made.
#![allow(clippy::unwrap_used)]

use crate::common::judge::{judged, refused, write};
use crate::common::{code, consilium, printed, said};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

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
    let found = judged(dir.path(), &[&CLASSIFY[..], &["--json"]].concat());
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
    let found = judged(dir.path(), &[&CLASSIFY[..], &["--json"]].concat());
    let area = &found["labels"]["A"]["metrics"]["roc_auc_score"];
    assert_eq!((&area["value"], &area["undefined"]), (&Value::Null, &json!("no_negatives")));
    // The empty cell of B is unknown, not negative.
    assert_eq!(found["labels"]["B"]["n"], 4);
    assert!(found["notes"].to_string().contains("B: 1 cases without known truth are left out"));
    assert_eq!(found["metrics"]["roc_auc_score"]["labels_without_value"], 1);
}

#[test]
fn what_uncertain_means_is_said() {
    let dir = tables("score-uncertain");
    write(dir.path(), "truth.csv", &TRUTH.replace("a,1,0", "a,-1,0"));
    for (policy, positives, n) in [("ignore", 1, 4), ("zeros", 1, 5), ("ones", 2, 5)] {
        let line = [&CLASSIFY[..], &["--json", "--uncertain", policy]].concat();
        let found = judged(dir.path(), &line);
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
    let found = judged(dir.path(), &line);
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
fn values_are_judged() {
    let dir = testkit::temp_dir("score-values");
    write(dir.path(), "truth.csv", "id,age\na,10\nb,20\nc,30\nd,40\n");
    write(dir.path(), "ages.csv", "id,age\na,12\nb,19\nc,33\nd,38\n");
    let line = ["score", "--task", "regression", "ages.csv", "truth.csv", "--json"];
    let found = judged(dir.path(), &line);
    let value = |name: &str| found["metrics"][name]["value"].as_f64().unwrap();
    assert_eq!(value("mean_absolute_error"), 2.0);
    assert_eq!(value("bias"), 0.5);
    assert!((value("root_mean_squared_error") - 4.5f64.sqrt()).abs() < 1e-12);
    let names = [
        "icc_2_1",
        "icc_3_1",
        "concordance_corrcoef",
        "limit_of_agreement_lower",
        "limit_of_agreement_upper",
        "r2_score",
        "proportional_bias_slope",
        "bias",
    ];
    // Enough cases that every resample has some spread.
    let (mut truth, mut ages) = ("id,patient,age\n".to_owned(), "id,age\n".to_owned());
    for case in 0..24 {
        let age = 10 + case * 7 % 50;
        truth += &format!("{case},p{},{age}\n", case / 2);
        ages += &format!("{case},{}\n", age as i64 + [2, -1, 3, -2, 0][case % 5]);
    }
    write(dir.path(), "ages.csv", &ages);
    write(dir.path(), "truth.csv", &truth);
    let by_film: Vec<String> = truth
        .lines()
        .map(|row| row.split(',').enumerate().filter(|(at, _)| *at != 1).map(|(_, cell)| cell))
        .map(|cells| cells.collect::<Vec<_>>().join(","))
        .collect();
    write(dir.path(), "films.csv", &by_film.join("\n"));
    let single = judged(dir.path(), &["score", "--task", "regression", "ages.csv", "films.csv"]);
    let grouped = judged(dir.path(), &[&line[..], &["--group", "patient"]].concat());
    for name in names {
        let of = |found: &Value| found["labels"]["age"]["metrics"][name].clone();
        let (single, grouped) = (of(&single), of(&grouped));
        assert_eq!(single["value"], grouped["value"], "{name}");
        for found in [&single, &grouped] {
            let value = found["value"].as_f64().unwrap();
            let ends = [0, 1].map(|at| found["ci"][at].as_f64().unwrap());
            assert!(ends[0] < value && value < ends[1], "{name}: {found}");
        }
        // Patients are drawn where they are known: no formula that takes films to be independent.
        assert_eq!(grouped["ci_method"], "bootstrap percentile", "{name}");
        assert_ne!(single["ci"], grouped["ci"], "{name}");
    }
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
    let found = judged(dir.path(), &line);
    // One of two found, before the false alarm: 51 of 101 recalls at precision 1.
    let ap = found["metrics"]["AP50"]["value"].as_f64().unwrap();
    assert!((ap - 51.0 / 101.0).abs() < 1e-9, "{ap}");
    assert_eq!(found["labels"]["fracture"]["targets"], 2);
    assert_eq!(found["froc"]["sensitivity_at_fp_per_image"]["0.125"], 0.5);
    let grouped = judged(dir.path(), &[&line[..], &["--group", "patient"]].concat());
    assert_eq!(grouped["units"], 2);
    // All of pycocotools' twelve numbers have an interval, or the reason why not.
    let names = [
        "AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl",
        "CPM",
    ];
    for name in names {
        let row = &found["metrics"][name];
        assert!(
            row.is_object() && (row["value"].is_null() || row.get("ci").is_some()),
            "{name}: {row}"
        );
    }
    assert_eq!(found["metrics"]["APl"]["undefined"], "no_positives");
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
    let found = judged(dir.path(), &line);
    let report = &found["labels"]["report"];
    assert_eq!((&report["tokens"], &report["n"]), (&json!("ptb"), &json!(2)));
    assert_eq!(report["cases"][0]["ROUGE_L"], 1.0);
    for name in ["Bleu_1", "Bleu_4", "ROUGE_L", "CIDEr"] {
        assert!(found["metrics"][name]["value"].is_number(), "{name}");
    }
    write(dir.path(), "truth.csv", "id,report\n1,双肺未见异常。\n");
    write(dir.path(), "pred.csv", "id,report\n1,双肺未见实变。\n");
    let found = judged(dir.path(), &line);
    assert_eq!(found["labels"]["report"]["tokens"], "char");
    assert_eq!(
        found["metrics"]["Bleu_1"]["value"].as_f64().map(|x| (x * 1e6).round()),
        Some(666_667.0)
    );
    write(dir.path(), "truth.csv", "id,A,B\n1,1,\n2,-1,0\n3,0,1\n");
    write(dir.path(), "pred.csv", "id,A,B\n1,1,\n2,1,0\n3,0,0\n");
    let output = consilium(dir.path(), &line);
    assert!(said(&output).contains("--uncertain"), "{}", said(&output));
    let found = judged(dir.path(), &[&line[..], &["--uncertain", "ones"]].concat());
    assert_eq!(found["labels"]["A"]["metrics"]["f1_score"]["value"], 1.0);
    assert_eq!(found["labels"]["B"]["metrics"]["f1_score"]["value"], 0.0);
    assert_eq!(found["metrics"]["f1_score_macro"]["value"], 0.5);
}

#[test]
fn what_is_perfect_is_not_certain() {
    let dir = testkit::temp_dir("perfect");
    let mut tables = [String::from("id,patient,Edema\n"), String::from("id,Edema\n")];
    for case in 0..24 {
        let positive = u8::from(case % 3 == 0);
        tables[0] += &format!("c{case},p{},{positive}\n", case / 6);
        tables[1] += &format!("c{case},0.{}{case:02}\n", if positive == 1 { 8 } else { 1 });
    }
    write(dir.path(), "truth.csv", &tables[0]);
    write(dir.path(), "predictions.csv", &tables[1]);
    let line = ["score", "--task", "classification", "predictions.csv", "truth.csv"];
    let area = |found: &Value| found["labels"]["Edema"]["metrics"]["roc_auc_score"].clone();
    let found = judged(dir.path(), &[&line[..], &["--out", "out"]].concat());
    let own = area(&found);
    assert_eq!((&own["value"], &own["ci"][1]), (&json!(1.0), &json!(1.0)));
    assert_eq!(own["ci_method"], "score (Newcombe 2006)");
    // 8 of 24: the interval of the fixture's formula.
    let low = own["ci"][0].as_f64().unwrap();
    assert!((0.8..0.9).contains(&low), "{low}");
    assert_eq!(own["delong"]["ci"], Value::Null);
    let precision = &found["labels"]["Edema"]["metrics"]["average_precision_score"];
    assert_eq!(precision["ci_method"], "bootstrap, all resamples alike");
    // Four patients say less than 24 films.
    let grouped = area(&judged(dir.path(), &[&line[..], &["--group", "patient"]].concat()));
    assert_eq!(grouped["ci_method"], "score by patient (Newcombe 2006)");
    assert!(grouped["ci"][0].as_f64().unwrap() < low - 0.1);
    let text = printed(&consilium(dir.path(), &[&line[..], &["--lang", "zh"]].concat()));
    assert!(text.contains("1.0000 … 1.0000 *") && text.contains("* 各次重抽样结果完全相同"));
    let page = fs::read_to_string(dir.join("out/scores.html")).unwrap();
    assert!(page.contains("score (Newcombe 2006)") && page.contains("1.0000 … 1.0000"));
    // Against a model that errs, the perfect one keeps its interval.
    write(dir.path(), "other.csv", &tables[1].replace("0.800", "0.050"));
    let both = ["compare", "--task", "classification", "predictions.csv", "other.csv", "truth.csv"];
    let found = judged(dir.path(), &both);
    let value = &found["results"][0]["values"]["predictions.csv"];
    assert_eq!((&value["value"], &value["ci"][0]), (&json!(1.0), &json!(low)));
}

#[test]
fn the_page_says_operating_points_and_names_the_worst_cases() {
    let dir = testkit::temp_dir("score-page");
    sixty(dir.path());
    let found = judged(dir.path(), &[&CLASSIFY[..], &["--out", "out", "--by", "sex"]].concat());
    let page = fs::read_to_string(dir.join("out/scores.html")).unwrap();
    for part in ["Youden", "specificity ≥ 0.95", "class=\"confusion\"", "<details>", "resolution"]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains("holds no images. `consilium evaluate`"));
    let label = found["labels"].as_object().unwrap().values().next().unwrap();
    let worst = label["worst_cases"].as_array().unwrap();
    assert!(!worst.is_empty() && worst.len() <= 6);
    for id in worst {
        assert!(page.contains(&format!("<li>{}", id.as_str().unwrap())));
    }
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
    let found = judged(dir.path(), &line);
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
    let found = judged(dir.path(), &[&line[..], &["--prevalence", "0.01"]].concat());
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
    let found = judged(dir.path(), &line);
    let row = &found["metrics"]["METEOR_2007_exact_stem"];
    // One of two words; both words, in one piece.
    assert!((row["value"].as_f64().unwrap() - (0.25 + 0.9375) / 2.0).abs() < 1e-12);
    assert_eq!(row["stages"], json!(["exact", "stem"]));
    assert!(found["notes"].to_string().contains("not coco-caption's METEOR 1.5"));
    wordnet(dir.path());
    let found = judged(dir.path(), &[&line[..], &["--wordnet", "wn"]].concat());
    let row = &found["metrics"]["METEOR_2007"];
    assert!((row["value"].as_f64().unwrap() - 0.9375).abs() < 1e-12, "{row}");
    fs::remove_file(dir.join("wn/noun.exc")).unwrap();
    refused(dir.path(), &[&line[..], &["--wordnet", "wn"]].concat(), 1, &["noun.exc", "--wordnet"]);
    write(dir.path(), "wn/noun.exc", "");
    write(dir.path(), "wn/index.noun", "effusion n many\n");
    refused(dir.path(), &[&line[..], &["--wordnet", "wn"]].concat(), 1, &["index.noun", "line 1"]);
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
    let found = judged(dir.path(), &line);
    assert_eq!((&found["n"], &found["units"]), (&json!(4), &json!(3)));
    assert_eq!(found["labels"].as_object().unwrap().len(), 1);
    let found = judged(dir.path(), &[&line[..], &["--by", "sex"]].concat());
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
        let found = judged(dir.path(), &[&line[..], &["--pool", pool]].concat());
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

/// Sixty cases of fifteen patients, both sexes, two labels and scores that know something of them.
fn sixty(folder: &Path) {
    let (mut truth, mut scores) = ("id,patient,sex,A,B\n".to_owned(), "id,A,B\n".to_owned());
    for case in 0..60usize {
        let bits = [usize::from(case % 3 == 0), usize::from(case % 5 < 2)];
        truth +=
            &format!("c{case},p{},{},{},{}\n", case / 4, ["F", "M"][case % 2], bits[0], bits[1]);
        let score =
            |bit: usize, step: usize| 0.3 * bit as f64 + 0.7 * (case * step % 60) as f64 / 60.0;
        scores += &format!("c{case},{},{}\n", score(bits[0], 37), score(bits[1], 23));
    }
    write(folder, "truth.csv", &truth);
    write(folder, "scores.csv", &scores);
}

#[test]
fn partial_areas_calibration_and_micro_averages_have_intervals_from_the_same_patients() {
    let dir = testkit::temp_dir("score-intervals");
    sixty(dir.path());
    let of = |more: &[&str]| judged(dir.path(), &[&CLASSIFY[..], more].concat());
    let (single, grouped) = (of(&[]), of(&["--group", "patient"]));
    let within = |row: &Value| {
        let [value, low, high] =
            [&row["value"], &row["ci"][0], &row["ci"][1]].map(|x| x.as_f64().unwrap());
        assert!(low <= value && value <= high && low < high, "{row}");
    };
    for found in [&single, &grouped] {
        for name in
            ["roc_auc_score_max_fpr_0.1", "roc_auc_score_max_fpr_0.2", "maximum_calibration_error"]
        {
            let row = &found["labels"]["A"]["metrics"][name];
            assert_eq!(row["ci_method"], "bootstrap percentile", "{name}");
            assert!(
                row["ci"][0].as_f64().unwrap() < row["ci"][1].as_f64().unwrap(),
                "{name} {row}"
            );
            assert_eq!(found["metrics"][name]["average"], "macro");
        }
        for name in ["roc_auc_score", "average_precision_score"] {
            within(&found["micro"][name]);
            assert_eq!(found["metrics"][format!("{name}_micro")], found["micro"][name]);
        }
    }
    // Whole patients are drawn.
    assert_eq!(
        single["micro"]["roc_auc_score"]["value"],
        grouped["micro"]["roc_auc_score"]["value"]
    );
    assert_ne!(single["micro"]["roc_auc_score"]["ci"], grouped["micro"]["roc_auc_score"]["ci"]);
}

#[test]
fn subgroups_have_a_mean_over_the_labels_too() {
    let dir = testkit::temp_dir("score-subgroup-mean");
    sixty(dir.path());
    let found = judged(dir.path(), &[&CLASSIFY[..], &["--by", "sex"]].concat());
    let area = |label: &str| {
        found["labels"][label]["subgroups"]["sex"]["F"]["metrics"]["roc_auc_score"]["value"]
            .as_f64()
            .unwrap()
    };
    let mean = &found["subgroups"]["sex"]["F"]["metrics"]["roc_auc_score"];
    assert!((mean["value"].as_f64().unwrap() - (area("A") + area("B")) / 2.0).abs() < 1e-12);
    assert!(mean["ci"][0].is_number() && found["subgroups"]["sex"]["M"]["n"] == 30);
}

#[test]
fn uncertain_labels_may_be_another_models_word_or_a_class_of_their_own() {
    let dir = testkit::temp_dir("score-policies");
    write(dir.path(), "truth.csv", "id,A\na,-1\nb,0\nc,1\nd,-1\ne,0\nf,\n");
    write(dir.path(), "scores.csv", "id,A\na,0.9\nb,0.1\nc,0.8\nd,0.3\ne,0.2\nf,0.5\n");
    write(dir.path(), "other.csv", "id,A\na,0.7\nd,0.2\n");
    let line = |policy: &'static str| [&CLASSIFY[..], &["--uncertain", policy]].concat();
    let found = judged(dir.path(), &line("selftrained=other.csv"));
    let a = &found["labels"]["A"];
    // a is positive at 0.7, d negative at 0.2; f stays unknown.
    assert_eq!((&a["n"], &a["positives"]), (&json!(5), &json!(2)));
    assert_eq!(found["uncertain"], "selftrained");
    assert!(found["notes"].to_string().contains("2 uncertain labels"), "{}", found["notes"]);
    write(dir.path(), "other.csv", "id,A\na,0.7\n");
    refused(dir.path(), &line("selftrained=other.csv"), 1, &["other.csv", "\"A\"", "5 (d)"]);
    refused(dir.path(), &line("selftrained=scores.csv"), 1, &["scores.csv", "another model"]);
    refused(dir.path(), &line("selftrained"), 2, &["selftrained=FILE.csv"]);

    refused(dir.path(), &line("multiclass"), 1, &["LABEL:absent", "A"]);
    write(
        dir.path(),
        "scores.csv",
        "id,A,A:absent,A:uncertain\na,0.2,0.2,0.6\nb,0.1,0.8,0.1\nc,0.3,0.1,0.6\nd,0.3,0.2,0.5\ne,0.4,0.5,0.1\nf,0.4,0.4,0.2\n",
    );
    let found = judged(dir.path(), &line("multiclass"));
    // Among the certain cases b, c, e: 1/9, 3/4 and 4/9.
    let a = &found["labels"]["A"];
    assert_eq!((&a["n"], &a["metrics"]["roc_auc_score"]["value"]), (&json!(3), &json!(1.0)));
    assert_eq!(a["confusion_matrix"], json!([[2, 0], [0, 1]]));
    // Uncertain are a and d; of six pairs with b, c and e one is tied, and one is upside down.
    let uncertain = &found["labels"]["A:uncertain"];
    assert_eq!((&uncertain["n"], &uncertain["positives"]), (&json!(5), &json!(2)));
    let area = uncertain["metrics"]["roc_auc_score"]["value"].as_f64().unwrap();
    assert!((area - 4.5 / 6.0).abs() < 1e-12, "{area}");
    let report =
        ["score", "--task", "report", "scores.csv", "truth.csv", "--uncertain", "multiclass"];
    refused(dir.path(), &report, 2, &["--uncertain multiclass", "report"]);
    let run = ["evaluate", "--dataset", "table:.", "--model", "x", "--uncertain", "multiclass"];
    refused(dir.path(), &run, 2, &["three scores"]);
}

/// Twelve images of six patients with a box each, of two categories, and boxes found in most.
pub fn twelve(folder: &Path) {
    let sex = |at: usize| if at < 8 { "F" } else { "M" };
    let images: Vec<Value> = (0..12)
        .map(|at| json!({ "id": at, "file_name": format!("f{at}.png"), "patient": at / 2, "sex": sex(at) }))
        .collect();
    let boxes = |at: usize, left: usize| json!({ "id": at, "image_id": at, "category_id": at % 2, "bbox": [left, 0, 10, 10], "score": 1.0 - at as f64 / 100.0 });
    let truth: Vec<Value> = (0..12).map(|at| boxes(at, 0)).collect();
    let categories = json!([{ "id": 0, "name": "a" }, { "id": 1, "name": "b" }]);
    let coco = json!({ "images": images, "categories": categories, "annotations": truth });
    write(folder, "truth.json", &coco.to_string());
    let found: Vec<Value> = (0..12).map(|at| boxes(at, if at > 9 { 50 } else { 0 })).collect();
    write(folder, "boxes.json", &Value::from(found).to_string());
}

#[test]
fn boxes_have_subgroups_of_the_file_or_of_a_table_beside_it() {
    let dir = testkit::temp_dir("score-box-groups");
    twelve(dir.path());
    let line = ["score", "--task", "detection", "boxes.json", "truth.json", "--group", "patient"];
    let found = judged(dir.path(), &[&line[..], &["--by", "sex"]].concat());
    let (all, b) = (&found["subgroups"]["sex"], &found["labels"]["b"]["subgroups"]["sex"]);
    assert_eq!(
        (&all["F"]["n"], &all["M"]["n"], &b["M"]["targets"]),
        (&json!(8), &json!(4), &json!(2))
    );
    assert_eq!(all["F"]["metrics"]["AP50"]["value"], 1.0);
    // Of the two men's boxes of each category one is found, before the false alarm.
    assert!((b["M"]["metrics"]["AP50"]["value"].as_f64().unwrap() - 51.0 / 101.0).abs() < 1e-9);
    assert!(b["M"]["metrics"]["AP50"]["ci"][0].is_number());
    assert!(all["M"]["notes"].to_string().contains("few-cases"));
    let mut table = "id,scanner\n".to_owned();
    (0..12).for_each(|at| table += &format!("f{at}.png,{}\n", at % 3));
    write(dir.path(), "films.csv", &table);
    let beside = judged(dir.path(), &[&line[..], &["--by", "films.csv/scanner"]].concat());
    assert_eq!(beside["subgroups"]["films.csv/scanner"]["2"]["n"], 4);
    refused(dir.path(), &[&line[..], &["--by", "view"]].concat(), 2, &["--by", "\"view\""]);
    let out = [&line[..], &["--by", "sex", "--out", "made"]].concat();
    assert_eq!(code(&consilium(dir.path(), &out)), 0);
    let csv = fs::read_to_string(dir.join("made/scores.csv")).unwrap();
    assert!(csv.contains(",sex=M,AP50,") && csv.contains("b,sex=M,AP50,"), "{csv}");
    let page = fs::read_to_string(dir.join("made/scores.html")).unwrap();
    assert!(page.contains("sex = M") && page.contains("亚组"));
}

#[test]
fn reports_have_subgroups() {
    let dir = testkit::temp_dir("score-report-groups");
    write(
        dir.path(),
        "truth.csv",
        "id,sex,report\n1,F,clear lungs\n2,F,small effusion\n3,M,no edema\n",
    );
    write(dir.path(), "pred.csv", "id,report\n1,clear lungs\n2,small effusion\n3,a fracture\n");
    let line = ["score", "--task", "report", "pred.csv", "truth.csv", "--by", "sex"];
    let found = judged(dir.path(), &line);
    let groups = &found["labels"]["report"]["subgroups"]["sex"];
    assert_eq!(
        groups["F"]["metrics"]["Bleu_1"]["value"].as_f64().map(|x| (x * 1e6).round()),
        Some(1e6)
    );
    assert_eq!(
        (&groups["M"]["n"], &groups["M"]["metrics"]["ROUGE_L"]["value"]),
        (&json!(1), &json!(0.0))
    );
    assert!(groups["M"]["notes"].to_string().contains("few-cases"));
    write(dir.path(), "truth.csv", "id,sex,A,B\n1,F,1,0\n2,F,0,1\n3,M,1,1\n");
    write(dir.path(), "pred.csv", "id,A,B\n1,1,0\n2,0,1\n3,0,0\n");
    let found = judged(dir.path(), &line);
    assert_eq!(found["subgroups"]["sex"]["F"]["metrics"]["f1_score_micro"]["value"], 1.0);
    assert_eq!(found["labels"]["A"]["subgroups"]["sex"]["M"]["metrics"]["f1_score"]["value"], 0.0);
}
