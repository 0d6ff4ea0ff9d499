//! The real binary in a fresh folder: exit codes, what is written, what is said, and that nothing
//! half-written stays behind.
#![allow(clippy::unwrap_used)]

use crate::common::{ALL, code, consilium, film, names, result, said, weights};
use imaging::dicom::Projection;
use serde_json::Value;
use std::fs;

const RSNA: &str = "xrv-densenet121-res224-rsna";

/// Times and threads taken out: everything else must repeat.
fn timeless(mut result: Value) -> Value {
    result["manifest"]["created"] = Value::Null;
    result["manifest"]["threads"] = Value::Null;
    result["manifest"]["decode_seconds"] = Value::Null;
    for model in result["manifest"]["models"].as_array_mut().unwrap() {
        for key in ["load_seconds", "run_seconds", "planned_bytes"] {
            model[key] = Value::Null;
        }
    }
    for model in result["models"].as_array_mut().unwrap() {
        model["seconds"] = Value::Null;
    }
    result
}

#[test]
fn one_film_gives_result_report_and_pictures_and_the_same_ones_again() {
    let dir = testkit::temp_dir("one");
    film(&dir.join("chest.dcm"), |_| {});
    let run = |out: &str, threads: &str| {
        let line =
            ["read", "chest.dcm", "--weights", weights(), "--out", out, "--threads", threads];
        let output = consilium(dir.path(), &line);
        assert_eq!(code(&output), 0, "{}", said(&output));
        result(dir.join(out).join("result.json"))
    };
    let (one, two, again) = (run("one", "1"), run("two", "2"), run("one", "2"));
    assert_eq!(one["schema"], "consilium.result/1");
    assert_eq!(one["models"][0]["id"], ALL);
    assert_eq!(one["models"][0]["findings"].as_array().unwrap().len(), 18);
    assert_eq!(one["manifest"]["models"][0]["container"], "pytorch-zip");
    assert_eq!(timeless(one.clone()), timeless(two));
    assert_eq!(timeless(one), timeless(again));
    let files = names(&dir.join("one"));
    for wanted in ["image.png", "report.html", "result.json"] {
        assert!(files.iter().any(|name| name == wanted), "{files:?}");
    }
    assert!(files.iter().all(|name| !name.starts_with('.')), "{files:?}");
}

#[test]
fn json_on_standard_output_is_the_result_and_nothing_else() {
    let dir = testkit::temp_dir("json");
    film(&dir.join("chest.dcm"), |_| {});
    let line = [
        "read",
        "chest.dcm",
        "--model",
        "densenet121-res224-all",
        "--weights",
        weights(),
        "--json",
        "-v",
    ];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, result(dir.join("consilium-out/result.json")));
}

#[test]
fn one_bad_file_does_not_stop_the_rest() {
    let dir = testkit::temp_dir("many");
    fs::create_dir_all(dir.join("films/deep")).unwrap();
    film(&dir.join("films/a.dcm"), |_| {});
    film(&dir.join("films/deep/a.dcm"), |film| film.view = Projection::Ap);
    let whole = fs::read(dir.join("films/a.dcm")).unwrap();
    fs::write(dir.join("films/cut.dcm"), &whole[..600]).unwrap();
    fs::write(dir.join("films/.hidden"), b"x").unwrap();
    let output = consilium(dir.path(), &["read", "films", "--weights", weights(), "--json"]);
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("cut.dcm"), "{}", said(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    let cases: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(cases.len(), 2);
    let out = dir.join("consilium-out");
    assert_eq!(names(&out), ["a", "a-2", "index.html", "results.jsonl"]);
    assert_eq!(fs::read_to_string(out.join("results.jsonl")).unwrap(), lines);
    assert!(fs::read_to_string(out.join("index.html")).unwrap().contains("cut"));
}

#[test]
fn a_case_that_fits_no_model_is_refused_with_the_reason() {
    let dir = testkit::temp_dir("refused");
    film(&dir.join("hand.dcm"), |film| film.body_part = "HAND".into());
    film(&dir.join("side.dcm"), |film| film.view = Projection::Lateral);
    for name in ["hand.dcm", "side.dcm"] {
        let output = consilium(dir.path(), &["read", name, "--weights", weights()]);
        assert_eq!(code(&output), 3, "{}", said(&output));
        let result = result(dir.join("consilium-out/result.json"));
        assert!(!result["models"][0]["refused"].is_null());
        assert_eq!(result["models"][0]["findings"], Value::Array(Vec::new()));
    }
}

#[test]
fn broken_files_of_every_kind_are_errors_that_name_the_file() {
    let dir = testkit::temp_dir("broken");
    film(&dir.join("good.dcm"), |_| {});
    let good = fs::read(dir.join("good.dcm")).unwrap();
    let huge_png = [
        &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
        &[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 8, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let at = good.windows(6).position(|w| w == b"\x28\0\x10\0US").unwrap();
    let mut no_rows = good.clone();
    no_rows[at + 8..at + 10].fill(0);
    let mut lying_rows = good.clone();
    lying_rows[at + 8..at + 10].fill(0xff);
    let cases: [(&str, &[u8]); 8] = [
        ("empty.dcm", b""),
        ("text.dcm", b"this is no image at all, only words"),
        ("cut.dcm", &good[..good.len() / 2]),
        ("header.dcm", &good[..200]),
        ("rows.dcm", &no_rows),
        ("lying.dcm", &lying_rows),
        ("huge.png", &huge_png),
        ("stub.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF"),
    ];
    for (name, bytes) in cases {
        fs::write(dir.join(name), bytes).unwrap();
        for command in
            [&["inspect", name, "--out", "x"][..], &["read", name, "--weights", weights()]]
        {
            let output = consilium(dir.path(), command);
            assert_eq!(code(&output), 1, "{command:?}: {}", said(&output));
            let said = said(&output);
            assert!(said.starts_with("error: ") && said.contains(name), "{command:?}: {said}");
            assert!(!said.contains("bug"), "{said}");
            assert!(output.stdout.is_empty(), "{name}");
        }
        let left = dir.join("consilium-out");
        assert!(!left.exists() || names(&left).is_empty(), "{name}: {:?}", names(&left));
    }
}

#[test]
fn wrong_usage_says_what_exists() {
    let dir = testkit::temp_dir("usage");
    let usage = |line: &[&str], wanted: &str| {
        let output = consilium(dir.path(), line);
        assert_eq!(code(&output), 2, "{line:?}: {}", said(&output));
        assert!(said(&output).contains(wanted), "{line:?}: {}", said(&output));
    };
    usage(&["raed"], "inspect");
    usage(&["serve"], "models");
    usage(&["read"], "no input");
    usage(&["read", "x", "--wieghts", "y"], "did you mean --weights");
    usage(&["read", "x", "--threads", "many"], "whole number");
    usage(&["read", "x", "--lang", "fr"], "en or zh");
    usage(&["models", "show", "nobody"], "nobody");
    usage(&["infer", "--system", ALL], "--weights");
    film(&dir.join("chest.dcm"), |_| {});
    usage(&["read", "chest.dcm", "--model", "nobody", "--weights", weights()], "nobody");
    fs::create_dir(dir.join("empty")).unwrap();
    let output = consilium(dir.path(), &["read", "empty", "--weights", weights()]);
    assert_eq!(code(&output), 1);
    let output = consilium(dir.path(), &["read", "chest.dcm", "--device", "cuda:0"]);
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("cuda:0"), "{}", said(&output));
}

#[test]
fn weights_that_are_missing_or_wrong_are_named() {
    let dir = testkit::temp_dir("weights-bad");
    film(&dir.join("chest.dcm"), |_| {});
    let run = |model: &str, weights: &str| {
        let line = ["read", "chest.dcm", "--model", model, "--weights", weights];
        let output = consilium(dir.path(), &line);
        assert_eq!(code(&output), 1, "{}", said(&output));
        assert!(!dir.join("consilium-out").exists());
        said(&output)
    };
    fs::create_dir(dir.join("empty")).unwrap();
    let missing = run(RSNA, "empty");
    assert!(missing.contains("kaggle-densenet121") && missing.contains("https://"), "{missing}");
    let nowhere = run(RSNA, "nowhere.pt");
    assert!(nowhere.contains("nowhere.pt"), "{nowhere}");
    fs::write(dir.join("junk.pt"), b"no checkpoint").unwrap();
    assert!(run(ALL, "junk.pt").contains("junk.pt"));
    let other = run("xrv-resnet50-res512-all", weights());
    assert!(other.contains("layer1.0.bn1.weight") && other.contains("features.conv0"), "{other}");
}

#[test]
fn an_output_that_cannot_be_written_is_an_error_with_its_place() {
    let dir = testkit::temp_dir("unwritable");
    film(&dir.join("chest.dcm"), |_| {});
    fs::write(dir.join("file"), b"mine").unwrap();
    for out in ["file", "file/below", "/proc/consilium"] {
        let line = ["read", "chest.dcm", "--weights", weights(), "--out", out];
        let output = consilium(dir.path(), &line);
        assert_eq!(code(&output), 1, "{out}: {}", said(&output));
        assert!(said(&output).contains(out), "{}", said(&output));
    }
    assert_eq!(fs::read(dir.join("file")).unwrap(), b"mine");
}

#[test]
fn foreign_files_in_the_output_folder_stay() {
    let dir = testkit::temp_dir("foreign");
    film(&dir.join("chest.dcm"), |_| {});
    fs::create_dir(dir.join("out")).unwrap();
    fs::write(dir.join("out/notes.txt"), b"mine").unwrap();
    let line = ["read", "chest.dcm", "--weights", weights(), "--out", "out"];
    assert_eq!(code(&consilium(dir.path(), &line)), 0);
    assert_eq!(fs::read(dir.join("out/notes.txt")).unwrap(), b"mine");
}

#[test]
fn chinese_is_spoken_throughout() {
    let dir = testkit::temp_dir("zh");
    film(&dir.join("chest.dcm"), |_| {});
    let line = ["read", "chest.dcm", "--weights", weights(), "--lang", "zh"];
    assert_eq!(code(&consilium(dir.path(), &line)), 0);
    let page = fs::read_to_string(dir.join("consilium-out/report.html")).unwrap();
    assert!(page.contains("lang=\"zh-CN\"") && page.contains("肺不张"));
    let output = consilium(dir.path(), &["read", "nothing.dcm", "--lang", "zh"]);
    assert!(said(&output).starts_with("错误："), "{}", said(&output));
    let output = consilium(dir.path(), &["read", "--help", "--lang", "zh"]);
    assert_eq!(code(&output), 0);
    assert!(String::from_utf8(output.stdout).unwrap().contains("退出码"));
}

#[test]
fn the_demo_reads_a_made_up_film_and_says_that_it_means_nothing() {
    let dir = testkit::temp_dir("demo");
    let output = consilium(dir.path(), &["demo", "--film"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("mean nothing"), "{printed}");
    let result = result(dir.join("consilium-out/result.json"));
    assert_eq!(result["models"].as_array().unwrap().len(), 2);
    assert_eq!(result["models"][0]["placeholder_weights"], true);
    assert!(!fs::read_to_string(dir.join("consilium-out/report.html")).unwrap().is_empty());
}

#[test]
fn infer_writes_the_network_s_output_and_times_it() {
    let dir = testkit::temp_dir("infer");
    let x = engine::Array::f32(&[1, 1, 224, 224], vec![100.0; 224 * 224]).unwrap();
    fs::write(dir.join("x.npy"), consilium::npy::encode(&x)).unwrap();
    let line = ["infer", "--system", ALL, "--weights", weights(), "--input", "x.npy"];
    let output =
        consilium(dir.path(), &[&line[..], &["--output", "y.npy", "--repeat", "3"]].concat());
    assert_eq!(code(&output), 0, "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("median ") && printed.contains(" ms  min "), "{printed}");
    let y = consilium::npy::parse(&fs::read(dir.join("y.npy")).unwrap()).unwrap();
    assert_eq!(y.shape(), [1, 18]);
    assert!(y.to_f32().iter().all(|value| value.is_finite()));

    let small = engine::Array::f32(&[1, 2], vec![0.0; 2]).unwrap();
    fs::write(dir.join("x.npy"), consilium::npy::encode(&small)).unwrap();
    let output = consilium(dir.path(), &[&line[..], &["--output", "z.npy"]].concat());
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("224") && !dir.join("z.npy").exists());
}

#[test]
fn lists_for_machines_are_json() {
    let dir = testkit::temp_dir("lists");
    let output = consilium(dir.path(), &["models", "--json"]);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list.as_array().unwrap().len(), zoo::SYSTEMS.len());
    film(&dir.join("chest.dcm"), |_| {});
    let output = consilium(dir.path(), &["inspect", "chest.dcm", "--json"]);
    let facts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((facts["columns"].as_u64(), facts["modality"].as_str()), (Some(260), Some("DX")));
    assert_eq!(facts["spacing"]["source"], "ImagerPixelSpacing");
}

#[test]
fn many_films_give_the_same_results_in_the_same_order_for_any_number_of_threads() {
    let dir = testkit::temp_dir("lanes");
    fs::create_dir_all(dir.join("films")).unwrap();
    for index in 0..5 {
        film(&dir.join(format!("films/{index}.dcm")), |film| {
            if index % 2 == 1 {
                film.view = Projection::Ap;
            }
        });
    }
    fs::write(dir.join("films/2.dcm"), "no film").unwrap();
    let run = |out: &str, threads: &str| {
        let line = ["read", "films", "--weights", weights(), "--out", out, "--threads", threads];
        let output = consilium(dir.path(), &line);
        assert_eq!(code(&output), 1, "{}", said(&output));
        let lines = fs::read_to_string(dir.join(out).join("results.jsonl")).unwrap();
        let lines = lines.lines().map(|line| timeless(serde_json::from_str(line).unwrap()));
        let pictures = names(&dir.join(out).join("3")).into_iter().filter(|n| n.ends_with(".png"));
        let pictures: Vec<_> =
            pictures.map(|name| fs::read(dir.join(out).join("3").join(name)).unwrap()).collect();
        (lines.collect::<Vec<_>>(), pictures)
    };
    // With one thread one after the other, with two side by side.
    let (one, two) = (run("one", "1"), run("two", "2"));
    assert_eq!(one.0.len(), 4);
    let cases: Vec<_> = one.0.iter().map(|result| result["case"]["name"].clone()).collect();
    assert_eq!(cases, ["0", "1", "3", "4"]);
    assert!(!one.1.is_empty());
    assert!(one == two);
}
