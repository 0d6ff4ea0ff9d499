//! What the binary does with what it should not be given: every file is an error that names it or a
//! refusal with its reason, and nothing half-written stays.
#![allow(clippy::unwrap_used)]

use crate::common::{ALL, code, command, consilium, film, names, printed, result, said, weights};
use base::words::{cli as cli_words, panel as panel_words};
use std::fs;
use std::path::Path;

#[test]
fn pictures_cut_short_are_errors_and_whole_ones_are_read() {
    let dir = testkit::temp_dir("cut-pictures");
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("../imaging/tests/fixtures/small");
    for name in ["grey8.png", "rgb16.png", "rgb8-progressive.jpg", "grey16.tif", "rgb8-lossy.webp"]
    {
        let bytes = fs::read(small.join(name)).unwrap();
        fs::write(dir.join(name), &bytes).unwrap();
        assert_eq!(code(&consilium(dir.path(), &["inspect", name])), 0, "{name}");
        fs::write(dir.join(name), &bytes[..bytes.len() * 3 / 4]).unwrap();
        for line in [&["inspect", name][..], &["read", name, "--weights", weights()]] {
            let output = consilium(dir.path(), line);
            assert_eq!(code(&output), 1, "{line:?}: {}", said(&output));
            assert!(said(&output).contains(name) && !said(&output).contains("bug"), "{name}");
        }
        let out = dir.join("consilium-out");
        assert!(!out.exists() || names(&out).is_empty(), "{name}");
    }
}

#[test]
fn real_files_that_are_no_radiograph_are_refused() {
    let dir = testkit::temp_dir("other-modality");
    for (name, reason) in [("CT_small.dcm", "wrong-modality"), ("MR_small.dcm", "wrong-modality")] {
        let Some(path) = testkit::data(&format!("dicom/pydicom/{name}")) else { return };
        let output =
            consilium(dir.path(), &["read", path.to_str().unwrap(), "--weights", weights()]);
        assert_eq!(code(&output), 3, "{}", said(&output));
        assert_eq!(
            result(dir.join("consilium-out/result.json"))["models"][0]["refused"]["code"],
            reason
        );
    }
}

#[test]
fn a_model_that_nobody_knows_is_said_before_files_are_looked_for() {
    let dir = testkit::temp_dir("unknown-model");
    fs::create_dir(dir.join("volumes")).unwrap();
    fs::write(dir.join("volumes/ct.nii.gz"), []).unwrap();
    let output = consilium(dir.path(), &["read", "volumes", "--model", "nnunet"]);
    assert_eq!(code(&output), 2);
    assert!(said(&output).contains("there is no model 'nnunet'"), "{}", said(&output));
}

#[test]
fn a_wrong_header_can_be_overruled_and_the_report_says_so() {
    let dir = testkit::temp_dir("overruled");
    film(&dir.join("hand.dcm"), |film| film.body_part = "HAND".into());
    let refused = consilium(dir.path(), &["read", "hand.dcm", "--weights", weights()]);
    assert_eq!(code(&refused), 3);
    assert!(printed(&refused).contains("--despite-header"), "{}", printed(&refused));
    let line = ["read", "hand.dcm", "--weights", weights(), "--despite-header"];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let result = result(dir.join("consilium-out/result.json"));
    let model = &result["models"][0];
    assert_eq!(model["findings"].as_array().unwrap().len(), 18);
    let notes = model["notes"].as_array().unwrap();
    assert!(notes.iter().any(|n| n["code"] == "wrong-body-part" && n["severity"] == "serious"));
    assert_eq!(result["manifest"]["settings"]["despite-header"], "true");
    let page = fs::read_to_string(dir.join("consilium-out/report.html")).unwrap();
    let reason = panel_words::wrong_body_part(
        &base::BodyPart::Other("HAND".into()),
        &[base::BodyPart::Chest],
    );
    assert!(page.contains(panel_words::despite_header(&reason).en()));
}

#[test]
fn maps_of_an_earlier_run_do_not_stay_beside_a_new_result() {
    let dir = testkit::temp_dir("stale");
    film(&dir.join("chest.dcm"), |_| {});
    let maps = || {
        let all = names(&dir.join("consilium-out"));
        all.into_iter().filter(|name| name.starts_with("map-")).collect::<Vec<_>>()
    };
    let read = |explain| {
        let line = ["read", "chest.dcm", "--weights", weights(), "--explain", explain];
        assert_eq!(code(&consilium(dir.path(), &line)), 0);
    };
    read("3");
    assert_eq!(maps().len(), 3);
    fs::write(dir.join("consilium-out/map-of-the-ward.png"), b"mine").unwrap();
    read("1");
    assert_eq!(maps().len(), 2, "{:?}", maps());
    read("none");
    assert_eq!(maps(), ["map-of-the-ward.png"]);
    // A result that is not ours names nothing that would be removed.
    fs::write(
        dir.join("consilium-out/result.json"),
        br#"{"schema":"other","files":{"anatomy":["map-of-the-ward.png"]}}"#,
    )
    .unwrap();
    read("none");
    assert_eq!(maps(), ["map-of-the-ward.png"]);
}

#[test]
fn weights_are_recognised_and_broken_ones_named() {
    let dir = testkit::temp_dir("inspect-weights");
    let output = consilium(dir.path(), &["inspect", weights()]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let text = printed(&output);
    assert!(text.contains("pytorch-zip") && text.contains(ALL), "{text}");
    let output = consilium(dir.path(), &["inspect", weights(), "--json"]);
    let facts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(facts["fits"][0], ALL);
    assert!(facts["values"].as_u64().unwrap() > 6_000_000);
    let whole = fs::read(weights()).unwrap();
    film(&dir.join("chest.dcm"), |_| {});
    let mut lying = whole.clone();
    let end = lying.len();
    lying[end - 40..end - 20].fill(0xff);
    let cases: [(&str, &[u8]); 4] = [
        ("cut.pt", &whole[..whole.len() / 2]),
        ("lying.pt", &lying),
        ("pickle.pt", b"\x80\x02cos\nsystem\nX\x04\0\0\0echo\x85R."),
        ("vast.safetensors", b"\xff\xff\xff\x7f\0\0\0\0{\"a\":"),
    ];
    for (name, bytes) in cases {
        fs::write(dir.join(name), bytes).unwrap();
        for line in [&["inspect", name][..], &["read", "chest.dcm", "-m", ALL, "--weights", name]] {
            let output = consilium(dir.path(), line);
            assert_eq!(code(&output), 1, "{line:?}: {}", said(&output));
            assert!(said(&output).contains(name) && !said(&output).contains("bug"), "{line:?}");
        }
    }
    assert!(!dir.join("consilium-out").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_standard_output_is_an_error() {
    let dir = testkit::temp_dir("full-stdout");
    film(&dir.join("chest.dcm"), |_| {});
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(dir.path(), &["inspect", "chest.dcm"]).stdout(full).output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("standard output"), "{}", said(&output));
}

#[test]
#[cfg(unix)]
fn a_run_that_is_broken_off_leaves_whole_cases_only() {
    let dir = testkit::temp_dir("broken-off");
    fs::create_dir(dir.join("films")).unwrap();
    for index in 0..60 {
        film(&dir.join(format!("films/{index}.dcm")), |_| {});
    }
    let mut child = command(dir.path(), &["read", "films", "--weights", weights()])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let out = dir.join("consilium-out");
    let started = std::time::Instant::now();
    while !out.is_dir() || names(&out).len() < 3 {
        assert!(started.elapsed().as_secs() < 300 && child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let id = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", said(&output));
    assert!(said(&output).contains(cli_words::BROKEN_OFF.en()), "{}", said(&output));
    let cases = names(&out);
    assert!((2..60).contains(&cases.len()), "{cases:?}");
    for case in cases {
        let files = names(&out.join(&case));
        assert!(files.iter().all(|name| !name.starts_with('.')), "{case}: {files:?}");
        let result = result(out.join(&case).join("result.json"));
        for map in result["models"][0]["explanations"].as_array().unwrap() {
            assert!(out.join(&case).join(map["picture"].as_str().unwrap()).is_file());
        }
    }
}
