//! The catalogue on the command line: lists, filters, recommendations, the exported survey, doctor and bench.
#![allow(clippy::unwrap_used)]

use crate::common::{ALL, code, consilium, printed, said};
use serde_json::Value;
use std::fs;
use zoo::catalogue::catalogue;

fn json(line: &[&str]) -> Value {
    let dir = testkit::temp_dir("models-json");
    let output = consilium(dir.path(), line);
    assert_eq!(code(&output), 0, "{line:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn ids(line: &[&str]) -> Vec<String> {
    let all = json(line);
    let all = all.as_array().unwrap();
    all.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_list_holds_networks_and_systems_and_filters_narrow_it() {
    let all = json(&["models", "list", "--json"]);
    let of = |kind: &str| all.as_array().unwrap().iter().filter(|row| row["entry"] == kind).count();
    assert_eq!(of("network"), zoo::SYSTEMS.len());
    assert_eq!(of("system"), catalogue().entries.len());
    let found = ids(&["models", "list", "--task", "segmentation", "--modality", "ct", "--json"]);
    assert!(found.contains(&"totalsegmentator".into()) && !found.contains(&"hd-bet".into()));
    let found =
        ids(&["models", "list", "--licence", "commercial", "--body-part", "hand", "--json"]);
    assert!(found.contains(&"ianpan-bone-age".into()), "{found:?}");
    assert!(!found.contains(&"deeplasia".into()) && !found.contains(&"boneview".into()));
    let found = ids(&["models", "list", "--clearance", "FDA", "--json"]);
    assert_eq!(found.first().map(String::as_str), Some("lunit-insight-cxr"));
    assert!(found.contains(&"boneview".into()) && !found.contains(&"medsam".into()));
    let found = ids(&["models", "list", "--language", "zh", "--json"]);
    assert!(found.contains(&"gpt-4v-medical".into()) && !found.contains(&"nnunet".into()));
    let found = ids(&["models", "list", "--runs", "--json"]);
    assert!(found.contains(&"torchxrayvision".into()) && found.contains(&"nnunet".into()));
    // What runs here needs no GPU.
    let found = ids(&["models", "list", "--memory", "4", "--json"]);
    assert!(found.contains(&"nnunet".into()) && !found.contains(&"med-flamingo".into()));
}

#[test]
fn wrong_words_are_answered_with_the_right_ones() {
    let dir = testkit::temp_dir("models-words");
    let wrong = |line: &[&str]| {
        let output = consilium(dir.path(), line);
        assert_eq!(code(&output), 2, "{line:?}: {}", said(&output));
        said(&output)
    };
    assert!(wrong(&["models", "show", "totalsegmentater"]).contains("totalsegmentator"));
    assert!(wrong(&["models", "list", "--task", "segmentatoin"]).contains("segmentation?"));
    assert!(wrong(&["models", "list", "--licence", "apache-2"]).contains("Apache-2.0"));
    assert!(wrong(&["models", "recommend", "--for", "fun"]).contains("orthopaedics"));
    assert!(wrong(&["models", "export", "--format", "pdf"]).contains("html"));
    assert!(wrong(&["models", "lsit"]).contains("recommend"));
}

#[test]
fn a_system_is_shown_with_claim_correction_and_sources() {
    let dir = testkit::temp_dir("models-show");
    let output = consilium(dir.path(), &["models", "show", "imagen-osteodetect"]);
    let text = printed(&output);
    for part in ["Hip", "Wrist, not hip", "DEN180005 2018-05-24", "[not verified]", "physician"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let output = consilium(dir.path(), &["models", "show", "hd-bet", "--lang", "zh"]);
    assert!(printed(&output).contains("更正：") && printed(&output).contains("权重文件"));
    // A network of this build keeps its own page.
    let output = consilium(dir.path(), &["models", "show", ALL]);
    assert!(printed(&output).contains("licence of the weights"));
    let row = json(&["models", "show", "torchxrayvision", "--json"]);
    assert_eq!(row["ability"], "runs");
    assert!(row["networks"].as_array().unwrap().iter().any(|id| id == ALL));
}

#[test]
fn recommendations_have_reasons_and_say_what_does_not_fit() {
    let small = json(&["models", "recommend", "--ram", "8", "--json"]);
    let large = json(&["models", "recommend", "--ram", "512", "--gpu", "80", "--json"]);
    let found = |all: &Value, key: &str, id: &str| {
        all[key].as_array().unwrap().iter().any(|row| row["id"] == id)
    };
    assert!(found(&small, "does_not_fit", "med-flamingo"), "{small:#}");
    assert!(found(&large, "recommended", "med-flamingo"));
    assert_eq!(large["does_not_fit"].as_array().unwrap().len(), 0);
    assert!(found(&small, "recommended", "torchxrayvision"));
    let why = small["does_not_fit"].as_array().unwrap();
    assert!(why.iter().all(|row| row["why"]["en"].as_str().unwrap().contains("GB")));
    // What runs here comes before what is only described, and points fall.
    let points: Vec<i64> = small["recommended"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["points"].as_i64().unwrap())
        .collect();
    assert!(points.is_sorted_by(|a, b| a >= b), "{points:?}");
    for purpose in ["prototype", "research", "orthopaedics", "chinese", "reports"] {
        let all = json(&[
            "models",
            "recommend",
            "--for",
            purpose,
            "--ram",
            "64",
            "--gpu",
            "24",
            "--json",
        ]);
        let rows = all["recommended"].as_array().unwrap();
        assert!(rows.len() >= 3, "{purpose}");
        assert!(rows.iter().all(|row| !row["reasons"].as_array().unwrap().is_empty()));
    }
    let bones = json(&["models", "recommend", "--for", "orthopaedics", "--ram", "64", "--json"]);
    assert!(found(&bones, "recommended", "ianpan-bone-age"));
    assert!(!found(&bones, "recommended", "torchxrayvision"));
    // What is part of the program and fits the purpose comes first.
    assert_eq!(bones["recommended"][0]["id"], "consilium-knee");
    assert!(!found(&bones, "recommended", "consilium-brain"));
    let dir = testkit::temp_dir("models-recommend");
    let output =
        consilium(dir.path(), &["models", "recommend", "--for", "chinese", "--lang", "zh"]);
    assert!(printed(&output).contains("本机") && printed(&output).contains("中文支持"));
}

#[test]
fn the_survey_is_written_anew_in_both_languages_and_formats() {
    let dir = testkit::temp_dir("models-export");
    let bench =
        r#"{"networks":[{"id":"xrv-densenet121-res224-all","median_s":0.0421,"peak_mib":131.5}]}"#;
    fs::write(dir.join("bench.json"), bench).unwrap();
    for (lang, word) in [("en", "a living survey"), ("zh", "持续更新版")] {
        for format in ["md", "html"] {
            let file = format!("out/survey-{lang}.{format}");
            let line = [
                "models",
                "export",
                "--lang",
                lang,
                "--format",
                format,
                "--out",
                &file,
                "--bench",
                "bench.json",
            ];
            let output = consilium(dir.path(), &line);
            assert_eq!(code(&output), 0, "{}", said(&output));
            let text = fs::read_to_string(dir.join(&file)).unwrap();
            assert!(text.contains(word) && text.contains("0.042") && text.contains("2026-11-29"));
            for entry in &catalogue().entries {
                let name = entry.name.get(base::Lang::parse(lang).unwrap());
                let shown = name.replace('_', "\\_");
                assert!(text.contains(name) || text.contains(&shown), "{lang} {format}: {name}");
            }
            if format == "html" {
                // Every link within the page leads somewhere.
                for link in text.split("href=\"#").skip(1) {
                    let to = link.split('"').next().unwrap();
                    assert!(text.contains(&format!("id=\"{to}\"")), "#{to}");
                }
                assert_eq!(text.matches("<td").count(), text.matches("</td>").count());
                assert!(!text.contains("<script"));
            }
        }
    }
    fs::write(dir.join("broken.json"), "[1, 2").unwrap();
    let output = consilium(dir.path(), &["models", "export", "--bench", "broken.json"]);
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("broken.json") && said(&output).contains("median_s"));
}

#[test]
fn bench_measures_a_network_in_a_process_of_its_own_and_doctor_the_machine() {
    let dir = testkit::temp_dir("models-bench");
    let line = ["bench", "--model", ALL, "--repeat", "2", "--write", "b.json", "--json"];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let written: Value = serde_json::from_slice(&fs::read(dir.join("b.json")).unwrap()).unwrap();
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(written, shown);
    let network = &written["networks"][0];
    assert_eq!(network["id"], ALL);
    let (median, least) =
        (network["median_s"].as_f64().unwrap(), network["min_s"].as_f64().unwrap());
    assert!(least > 0.0 && least <= median && median < 60.0, "{network}");
    // The weights alone are 27 MiB.
    assert!(network["peak_mib"].as_f64().is_none_or(|mib| mib > 27.0));
    let output = consilium(dir.path(), &["bench", "--model", "nonsense"]);
    assert_eq!(code(&output), 2);
    let found = json(&["doctor", "--json"]);
    assert!(found["cores"].as_u64().unwrap() > 0);
    let speeds = found["speeds"].as_array().unwrap();
    assert_eq!(speeds.len(), 4);
    assert!(speeds.iter().all(|speed| speed["value"].as_f64().unwrap() > 0.0), "{found:#}");
    let line = ["models", "export", "--bench", "b.json"];
    let survey = printed(&consilium(dir.path(), &line));
    let set = written["machine"]["instruction_set"].as_str().unwrap();
    assert!(survey.contains("Measured") && survey.contains(set), "{survey}");
}

#[test]
fn bench_measures_systems_for_volumes_on_a_whole_case() {
    let dir = testkit::temp_dir("models-bench-volumes");
    crate::common::trained::model(&dir.join("Dataset001_Test"));
    let line = ["bench", "--model", "deepbrain,Dataset001_Test,bone-density", "--write", "b.json"];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(printed(&output).contains("bone-density"), "{}", printed(&output));
    let written: Value = serde_json::from_slice(&fs::read(dir.join("b.json")).unwrap()).unwrap();
    let measured = written["networks"].as_array().unwrap();
    let ids: Vec<&str> = measured.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["deepbrain", "Dataset001_Test", "bone-density"]);
    assert_eq!(written["not_measured"], serde_json::json!([]));
    for one in measured {
        assert!(one["median_s"].as_f64().unwrap() > 0.0, "{one}");
        assert!(one["peak_mib"].as_f64().is_none_or(|mib| mib > 4.0), "{one}");
        assert_eq!(one["case"]["size"], serde_json::json!([96, 96, 96]));
    }
    let survey = consilium(dir.path(), &["models", "export", "--bench", "b.json"]);
    let row = String::from_utf8(survey.stdout).unwrap();
    assert!(row.lines().any(|line| line.matches("deepbrain").count() >= 2), "named with its row");
    let output = consilium(dir.path(), &["bench", "--model", "deepbrian"]);
    assert!(code(&output) == 2 && said(&output).contains("deepbrain"), "{}", said(&output));
}
