//! The real binary on volumes with a trained nnU-Net model: what is written, on which grid, and what
//! is refused.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::common::trained::{model, model_of, volume};
use crate::common::{code, consilium, names, printed, result, said};
use imaging::Limits;
use std::fs;

/// The label map in a folder of results.
const MAP: &str = "segmentation.nii.gz";

#[test]
fn a_volume_gives_a_label_map_on_its_own_grid_with_volumes_and_a_page() {
    let dir = testkit::temp_dir("volume");
    model(&dir.join("model"));
    volume(&dir.join("t1.nii.gz"), 0);
    let output = consilium(dir.path(), &["read", "t1.nii.gz", "--model", "./model", "--out", "o"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(printed(&output).contains("Research use only"), "{}", printed(&output));
    let expected = [
        "report.html",
        "result.json",
        "segmentation-3d.png",
        "segmentation.nii.gz",
        "segmentation.png",
        "volumes.csv",
    ];
    assert_eq!(names(&dir.join("o")), expected);

    let read = |name: &str| imaging::volumes::read(&dir.join(name), &Limits::default()).unwrap();
    let (given, labels) = (read("t1.nii.gz").volume, read("o/segmentation.nii.gz").volume);
    assert!(labels.grid().is_same(given.grid(), 1e-4));
    let mut counts = [0u64; 3];
    (0..labels.frame_len()).for_each(|n| counts[labels.value(n).unwrap() as usize] += 1);
    assert!(counts.iter().all(|&count| count > 0), "a map of one label proves nothing: {counts:?}");

    let result = result(dir.join("o/result.json"));
    assert_eq!(result["schema"], "consilium.result/1");
    assert_eq!(result["case"]["volume"]["orientation"], given.orientation().to_string());
    let segments = result["models"][0]["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 2);
    for (segment, label) in segments.iter().zip([1, 2]) {
        assert_eq!(segment["label"], label);
        assert_eq!(segment["statistics"]["voxels"], counts[label]);
        let volume_ml = segment["volume_ml"].as_f64().unwrap();
        assert!((volume_ml - counts[label] as f64 * 2.5 * 1.5 * 1.25 / 1000.0).abs() < 1e-5);
    }
    assert_eq!(segments[0]["code"], "left-part");
    let table = fs::read_to_string(dir.join("o/volumes.csv")).unwrap();
    assert_eq!(table.lines().count(), 3);
    let page = fs::read_to_string(dir.join("o/report.html")).unwrap();
    assert!(page.contains("right part") && page.contains("Research use only"));
}

#[test]
fn probabilities_are_a_file_of_their_own_whose_largest_is_the_label() {
    let dir = testkit::temp_dir("volume-probabilities");
    model(&dir.join("model"));
    volume(&dir.join("t1.nii.gz"), 0);
    let run = |out: &str, threads: &str| {
        let line = ["read", "t1.nii.gz", "--model", "./model", "--probabilities", "--statistics"];
        let more = ["--verbose", "--out", out, "--threads", threads];
        let output = consilium(dir.path(), &[&line[..], &more].concat());
        assert_eq!(code(&output), 0, "{}", said(&output));
        // How long everything but the networks took is told apart.
        assert!(said(&output).contains("everything else"), "{}", said(&output));
        fs::read(dir.join(out).join("segmentation-probabilities.nii.gz")).unwrap()
    };
    assert!(run("one", "1") == run("two", "2"));
    assert!(names(&dir.join("one")).iter().all(|name| !name.contains(".part")));
    let read = |name: &str| imaging::volumes::read(&dir.join(name), &Limits::default()).unwrap();
    let labels = read("one/segmentation.nii.gz").volume;
    let shares = read("one/segmentation-probabilities.nii.gz").volume;
    assert!(shares.grid().is_same(labels.grid(), 1e-4));
    assert_eq!(shares.frames(), 3);
    let frames = [0, 1, 2].map(|frame| shares.frame_f32(frame));
    for voxel in 0..labels.frame_len() {
        let own = [0, 1, 2].map(|frame| frames[frame][voxel]);
        assert!((own.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{own:?}");
        let label = labels.value(voxel).unwrap() as usize;
        // Stored in steps of 1/65535: a tie may fall either way.
        assert!(own.iter().all(|share| *share <= own[label] + 2e-5), "{own:?}, {label}");
    }
    let result = result(dir.join("one/result.json"));
    let files = result["files"]["segmentations"].as_array().unwrap();
    assert!(files.iter().any(|name| name == "segmentation-probabilities.nii.gz"));
    let run = &result["manifest"]["models"][0];
    let (all, network) = (&run["run_seconds"], &run["network_seconds"]);
    assert!(network.as_f64().unwrap() > 0.0 && network.as_f64() <= all.as_f64());
    let surface = &result["models"][0]["segments"][0]["statistics"]["details"]["surface_mm2"];
    assert!(surface.as_f64().unwrap() > 0.0);
}

#[test]
fn a_folder_of_cases_gives_the_maps_of_each_for_any_number_of_threads_and_one_bad_file_stops_nothing()
 {
    let dir = testkit::temp_dir("volumes");
    model(&dir.join("model"));
    fs::create_dir_all(dir.join("in")).unwrap();
    volume(&dir.join("in/a_0000.nii.gz"), 1);
    volume(&dir.join("in/b_0000.nii.gz"), 2);
    fs::write(dir.join("in/c_0000.nii.gz"), [0x1f, 0x8b, 8, 0, 0]).unwrap();
    volume(&dir.join("in/d_0000.nii.gz"), 3);
    let run = |out: &str, threads: &str| {
        let line =
            ["read", "in", "--model", "model", "--out", out, "--threads", threads, "--lang", "zh"];
        let output = consilium(dir.path(), &line);
        assert_eq!(code(&output), 1, "{}", said(&output));
        assert!(said(&output).contains("c_0000"), "{}", said(&output));
        assert_eq!(names(&dir.join(out)), ["a", "b", "d", "index.html", "results.jsonl"]);
        let index = fs::read_to_string(dir.join(out).join("index.html")).unwrap();
        assert!(
            index.contains("a/report.html") && index.contains("c_0000") && index.contains(" mL")
        );
        ["a", "b", "d"].map(|case| fs::read(dir.join(out).join(case).join(MAP)).unwrap())
    };
    let one = run("one", "1");
    assert!(one[0] != one[1] && one[1] != one[2]);
    assert!(one == run("two", "2"));
    // Nothing that is done to other cases meanwhile changes a byte.
    for (case, map) in ["a", "b", "d"].iter().zip(&one) {
        let (input, out) = (format!("in/{case}_0000.nii.gz"), format!("alone-{case}"));
        let output = consilium(dir.path(), &["read", &input, "--model", "model", "--out", &out]);
        assert_eq!(code(&output), 0, "{}", said(&output));
        assert!(&fs::read(dir.join(&out).join(MAP)).unwrap() == map, "{case}");
    }
    let page = fs::read_to_string(dir.join("one/a/report.html")).unwrap();
    assert!(page.contains("三维影像分割结果") && page.contains("仅供科研使用"));
}

#[test]
fn what_does_not_fit_the_model_is_said() {
    let dir = testkit::temp_dir("volume-misfit");
    model(&dir.join("model"));
    fs::create_dir_all(dir.join("empty")).unwrap();
    fs::write(dir.join("text.nii"), "no volume").unwrap();
    let run = |line: &[&str]| {
        let output = consilium(dir.path(), line);
        assert!(!dir.join("consilium-out/result.json").exists());
        (code(&output), said(&output))
    };
    let (exit, why) = run(&["read", "text.nii", "--model", "model"]);
    assert!(exit == 1 && why.contains("text.nii"), "{why}");
    let (exit, why) = run(&["read", "none.nii.gz", "--model", "model"]);
    assert!(exit == 1 && why.contains("none.nii.gz"), "{why}");
    let (exit, why) = run(&["read", "empty", "--model", "model"]);
    assert!(exit != 0 && why.contains("empty"), "{why}");
    let both = "model,xrv-densenet121-res224-all";
    let (exit, why) = run(&["read", "text.nii", "--model", both]);
    assert!(exit == 2 && why.contains("nnU-Net"), "{why}");
}

#[test]
fn a_dicom_series_gives_dicom_segmentations_that_say_what_the_label_map_says() {
    let Some(series) = testkit::data("dicom/dcmqi/segmentations/ct-3slice") else { return };
    let dir = testkit::temp_dir("seg-out");
    model_of(&dir.join("model"), "CT", "liver", "kidney_left");
    let input = series.to_str().unwrap();
    let run = |more: &[&str]| {
        let line = [&["read", input, "--model", "model", "--out", "o"], more].concat();
        let output = consilium(dir.path(), &line);
        assert_eq!(code(&output), 0, "{}", said(&output));
    };
    run(&["--seg", "binary,labelmap"]);
    let read = |name: &str| imaging::volumes::read(&dir.join(name), &Limits::default()).unwrap();
    let labels = read("o/segmentation.nii.gz").volume;
    for name in ["o/segmentation.dcm", "o/segmentation-labelmap.dcm"] {
        let scan = read(name);
        assert!(scan.volume.grid().is_same(labels.grid(), 1e-3), "{name}");
        assert_eq!(scan.volume.frame_f32(0), labels.frame_f32(0), "{name}");
        assert_eq!(scan.facts.segments.len(), 2);
    }
    let bytes = fs::read(dir.join("o/segmentation.dcm")).unwrap();
    let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    let listed = result(dir.join("o/result.json"))["files"]["segmentations"].clone();
    let all = ["segmentation.nii.gz", "segmentation.dcm", "segmentation-labelmap.dcm"];
    assert_eq!(listed, serde_json::json!(all));
    // The images' Patient's Name, which is no person's.
    assert!(!holds(&bytes, "JANCT000"));
    run(&["--with-patient", "--seg", "binary"]);
    assert!(holds(&fs::read(dir.join("o/segmentation.dcm")).unwrap(), "JANCT000"));
    // What the first run wrote and the second did not is gone.
    assert!(!names(&dir.join("o")).contains(&"segmentation-labelmap.dcm".to_owned()));
    run(&["--seg", "none"]);
    assert!(!names(&dir.join("o")).contains(&"segmentation.dcm".to_owned()));
    let output = consilium(dir.path(), &["read", input, "--model", "model", "--seg", "rtstruct"]);
    assert!(code(&output) == 2 && said(&output).contains("rtstruct"), "{}", said(&output));
}

#[test]
fn hd_bet_leaves_the_image_of_the_brain_beside_its_mask() {
    let dir = testkit::temp_dir("volume-brain");
    model_of(&dir.join("hd-bet"), "MR", "brain", "more brain");
    let folds = dir.join("hd-bet/nnUNetTrainer__nnUNetPlans__3d_fullres");
    fs::rename(folds.join("fold_0"), folds.join("fold_all")).unwrap();
    volume(&dir.join("t1.nii.gz"), 4);
    let line = ["read", "t1.nii.gz", "--model", "hd-bet", "--weights", "hd-bet", "--out", "o"];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let read = |name: &str| imaging::volumes::read(&dir.join(name), &Limits::default()).unwrap();
    let (image, mask, brain) =
        (read("t1.nii.gz"), read("o/segmentation.nii.gz"), read("o/brain.nii.gz"));
    let (image, mask, brain) = (image.volume, mask.volume, brain.volume);
    assert_eq!(brain.grid(), image.grid());
    assert_eq!(brain.voxels().voxel_type(), image.voxels().voxel_type());
    let mut inside = 0;
    for voxel in 0..image.frame_len() {
        let is_brain = mask.value(voxel) != Some(0.0);
        inside += usize::from(is_brain);
        let wanted = if is_brain { image.value(voxel) } else { Some(0.0) };
        assert_eq!(brain.value(voxel), wanted);
    }
    assert!(inside > 100 && inside + 100 < image.frame_len(), "{inside}");
    let result = result(dir.join("o/result.json"));
    let files = result["files"]["segmentations"].as_array().unwrap();
    assert!(files.iter().any(|name| name == "brain.nii.gz"), "{files:?}");
}
