//! `score` judges masks, and maps of lesions, case by case and patient by patient.
#![allow(clippy::unwrap_used)]

use crate::common::judge::{judged, map, refused, row, tar, volume, write};
use crate::common::{code, consilium, printed, said};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A mask with voxels of 1 × 1 × 2 mm, its first voxel so far to the right.
fn mask(path: &Path, size: [usize; 3], voxels: &[u8], origin: f64) {
    volume(path, size, [1.0, 1.0, 2.0], origin, base::Voxels::U8(voxels.to_vec()));
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

const SIZE: [usize; 3] = [8, 8, 4];
const SEGMENT: [&str; 5] = ["score", "--task", "segmentation", "pred", "truth"];

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
    let found = judged(dir.path(), &SEGMENT);
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
fn the_worst_cases_are_drawn() {
    let dir = masks("mask-pictures");
    let found = judged(dir.path(), &[&SEGMENT[..], &["--out", "scores"]].concat());
    assert_eq!(found["labels"]["1"]["worst_cases"], json!(["missed", "spurious", "ok"]));
    let page = fs::read_to_string(dir.join("scores/scores.html")).unwrap();
    let drawn: Vec<&str> = page.split("<svg class=\"slice plain\"").skip(1).collect();
    assert_eq!(drawn.len(), 3);
    // Truth, then prediction: missed has no outline of the one, spurious none of the other.
    let paths = |markup: &str| -> Vec<bool> {
        let svg = markup.split("</svg>").next().unwrap();
        svg.split(" d=\"").skip(1).map(|path| path.starts_with('M')).collect()
    };
    assert_eq!(
        drawn.iter().map(|svg| paths(svg)).collect::<Vec<_>>(),
        [vec![true, false], vec![false, true], vec![true, true]]
    );
    // Both blocks of 4 × 4, two columns apart, with a margin of three, cut at the border of 8 × 8.
    assert!(drawn[2].starts_with(" viewBox=\"0 0 8.00 8.00\""), "{}", &drawn[2][..60]);
    assert!(drawn[2].contains("slice 2 of 4") && drawn[2].contains("第 2/4 层"));
    // Nobody asked for a page: nothing is drawn, and the numbers are the same.
    assert_eq!(judged(dir.path(), &SEGMENT), found);
}

#[test]
fn headers_in_archives_find_their_voxels() {
    let dir = masks("mask-pairs");
    let plain = judged(dir.path(), &SEGMENT);
    let (mut header, liver) = (vec![0u8; 348], block([3, 1, 1], [7, 5, 3], 1));
    let nifti = fs::read(dir.join("pred/ok.nii")).unwrap();
    header.copy_from_slice(&nifti[..348]);
    // Offset 0 of another file, and the magic of a pair (NIfTI-1, section "header").
    header[108..112].copy_from_slice(&0f32.to_le_bytes());
    header[344..348].copy_from_slice(b"ni1\0");
    fs::remove_file(dir.join("pred/ok.nii")).unwrap();
    let numbers = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n\
                   TransformMatrix = -1 0 0 0 -1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 1 1 2\n\
                   DimSize = 8 8 4\nElementType = MET_UCHAR\nElementDataFile = ./ok.raw\n";
    let nrrd = "NRRD0004\ntype: uchar\ndimension: 3\nspace: right-anterior-superior\nsizes: 8 8 4\n\
                space directions: (1,0,0) (0,1,0) (0,0,2)\nspace origin: (0,0,0)\nencoding: raw\n\
                data file: ok.raw\n\n";
    let pairs: [(&str, &[u8], &str); 3] = [
        ("ok.hdr", &header, "ok.img"),
        ("ok.mhd", numbers.as_bytes(), "ok.raw"),
        ("ok.nhdr", nrrd.as_bytes(), "ok.raw"),
    ];
    for (name, header, voxels) in pairs {
        fs::write(dir.join("pred").join(name), header).unwrap();
        fs::write(dir.join("pred").join(voxels), &liver).unwrap();
        testkit::zip(dir.path(), "pred", &dir.join("pred.zip"));
        fs::write(dir.join("pred.tar"), tar(&dir.join("pred"))).unwrap();
        for place in ["pred", "pred.zip", "pred.tar"] {
            let line = ["score", "--task", "segmentation", place, "truth"];
            assert_eq!(judged(dir.path(), &line), plain, "{name} in {place}");
        }
        // Without its voxels it is named with what is missing.
        fs::remove_file(dir.join("pred").join(voxels)).unwrap();
        testkit::zip(dir.path(), "pred", &dir.join("pred.zip"));
        refused(
            dir.path(),
            &["score", "--task", "segmentation", "pred.zip", "truth"],
            1,
            &[name, voxels],
        );
        fs::remove_file(dir.join("pred").join(name)).unwrap();
    }
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
    let found = judged(dir.path(), &[&SEGMENT[..], &["--resample"]].concat());
    let cases = found["labels"]["1"]["cases"].as_array().unwrap();
    // Moved by one voxel: three of four columns overlap.
    assert_eq!(cases.iter().find(|case| case["id"] == "ok").unwrap()["dice"], 0.75);
    // A label that the truth nowhere has.
    mask(&dir.join("pred/ok.nii"), SIZE, &block([1, 1, 1], [5, 5, 3], 7), 0.0);
    refused(&SEGMENT, &["labels outside the set: 7", "ok.nii"]);
    let found = judged(dir.path(), &[&SEGMENT[..], &["--labels", "1=liver,7"]].concat());
    assert_eq!(found["labels"]["liver"]["missed"], 2);
    assert_eq!(found["labels"]["7"]["spurious"], 1);
    fs::remove_file(dir.join("pred/none.nii")).unwrap();
    fs::rename(dir.join("pred/ok.nii"), dir.join("pred/other.nii")).unwrap();
    refused(&SEGMENT, &["without prediction: none.nii, ok.nii", "does not have: other.nii"]);
    fs::create_dir(dir.join("nothing")).unwrap();
    refused(&["score", "--task", "segmentation", "pred", "nothing"], &["no case to judge"]);
}

#[test]
fn masks_have_patients_and_subgroups() {
    let dir = testkit::temp_dir("mask-patients");
    for (name, own) in [("a1", 2), ("a2", 1), ("b1", 4), ("c1", 3)] {
        row(&dir.join(format!("truth/{name}.nii")), &[1; 4]);
        row(&dir.join(format!("pred/{name}.nii")), &vec![1; own]);
    }
    write(dir.path(), "cases.csv", "id,patient,sex\na1,p,F\na2,p,F\nb1,q,M\nc1,r,M\n");
    let single = judged(dir.path(), &SEGMENT);
    assert_eq!((&single["units"], &single["group"]), (&json!(4), &Value::Null));
    let line = [&SEGMENT[..], &["--group", "cases.csv/patient", "--by", "cases.csv/sex"]].concat();
    let found = judged(dir.path(), &line);
    assert_eq!((&found["n"], &found["units"]), (&json!(4), &json!(3)));
    // The mean stays; its interval comes from three patients instead of four cases.
    let dice = |found: &Value| found["labels"]["1"]["metrics"]["dice"].clone();
    assert_eq!(dice(&found)["value"], dice(&single)["value"]);
    assert_ne!(dice(&found)["ci"], dice(&single)["ci"]);
    // A patient's cases are drawn together: one patient in all says nothing of how patients vary.
    write(dir.path(), "one.csv", "id,patient\na1,p\na2,p\nb1,p\nc1,p\n");
    let one = judged(dir.path(), &[&SEGMENT[..], &["--group", "one.csv/patient"]].concat());
    assert_eq!([&dice(&one)["ci"], &dice(&one)["ci_undefined"]], [&Value::Null, &json!("too_few")]);
    assert_eq!(dice(&one)["value"], dice(&single)["value"]);
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
        row(&dir.join(format!("set/{name}/{name}-seg.nii")), &[1; 4]);
        fs::rename(
            dir.join(format!("set/{name}/{name}-seg.nii")),
            dir.join(format!("set/{name}/{name}-seg.nii.gz")),
        )
        .unwrap();
        row(&dir.join(format!("pred/{name}.nii")), &[1; 2]);
    }
    let line = ["score", "--task", "segmentation", "pred", "brats:set", "--json"];
    let found = judged(dir.path(), &line);
    assert_eq!(
        (&found["n"], &found["units"], &found["group"]),
        (&json!(3), &json!(2), &json!("patient"))
    );
    fs::remove_file(dir.join("pred/BraTS-GLI-00006-000.nii")).unwrap();
    refused(dir.path(), &line, 1, &["BraTS-GLI-00006-000"]);
}

/// A label map as a BraTS case: its folder, four sequences that nobody opens, the mask.
fn brats_case(set: &Path, name: &str, size: [usize; 3], voxels: &[u8]) {
    for end in ["t1n", "t1c", "t2w", "t2f"] {
        write(set, &format!("{name}/{name}-{end}.nii.gz"), "x");
    }
    millimetres(&set.join(format!("{name}/{name}-seg.nii")), size, voxels);
}

/// A mask of voxels of 1 mm, as BraTS has them.
fn millimetres(path: &Path, size: [usize; 3], voxels: &[u8]) {
    volume(path, size, [1.0; 3], 0.0, base::Voxels::U8(voxels.to_vec()));
}

#[test]
fn the_regions_of_brats_2023_are_scored_as_the_challenge_does() {
    let path = testkit::project_root().join("crates/consilium/tests/fixtures/brats2023.json");
    let fixture: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let size: Vec<usize> =
        fixture["size"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let size = [size[0], size[1], size[2]];
    let dir = testkit::temp_dir("brats-2023");
    let cases = fixture["cases"].as_object().unwrap();
    let voxels = |text: &Value| -> Vec<u8> {
        text.as_str().unwrap().bytes().map(|digit| digit - b'0').collect()
    };
    for (track, region) in [("GLI", "ET"), ("MEN", "TC"), ("MET", "WT")] {
        let (set, out) = (dir.join(track), dir.join(format!("pred-{track}")));
        for (name, case) in cases {
            let id = format!("BraTS-{track}-{name}-000");
            brats_case(&set, &id, size, &voxels(&case["truth"]));
            millimetres(&out.join(format!("{id}.nii")), size, &voxels(&case["predicted"]));
        }
        let (pred, truth) = (format!("pred-{track}"), format!("brats:{track}"));
        let found = judged(dir.path(), &["score", "--task", "segmentation", &pred, &truth]);
        assert_eq!(found["regions"], json!({ "WT": [1, 2, 3], "TC": [1, 3], "ET": [3] }));
        let labels = found["labels"].as_object().unwrap();
        assert_eq!(labels.keys().collect::<Vec<_>>().len(), 3, "{labels:?}");
        let (mut dice, mut hd95) = (0.0, 0.0);
        for (name, case) in cases {
            let id = format!("BraTS-{track}-{name}-000");
            let own = found["labels"][region]["cases"].as_array().unwrap();
            let own = own.iter().find(|case| case["id"] == id.as_str()).unwrap();
            let expected = &case["scores"][track][region];
            // The challenge counts 1 and 0 where there is nothing; here that has no value.
            let one = |name: &str, empty: f64| own[name].as_f64().unwrap_or(empty);
            let near = |got: f64, expected: &Value| {
                let expected = expected.as_f64().unwrap();
                assert!((got - expected).abs() < 1e-9, "{id} {region}: {got} is not {expected}");
            };
            let counted = |name: &str| json!(own[name].as_f64().unwrap_or(0.0));
            assert_eq!(counted("lesions_found"), expected["found"], "{id}");
            assert_eq!(counted("lesions_missed"), expected["missed"], "{id}");
            assert_eq!(counted("lesions_made_up"), expected["made_up"], "{id}");
            near(one("specificity", 1.0), &expected["specificity"]);
            near(one("lesion_wise_dice", 1.0), &expected["lesion_dice"]);
            near(one("lesion_wise_hd95", 0.0), &expected["lesion_hd95"]);
            let both_empty = own["status"] == "both_empty";
            near(one("dice", f64::from(both_empty)), &expected["dice"]);
            let worst = if both_empty { 0.0 } else { 374.0 };
            near(one("hausdorff_distance_95_surfels", worst), &expected["hd95"]);
            dice += expected["lesion_dice"].as_f64().unwrap() / cases.len() as f64;
            hd95 += expected["lesion_hd95"].as_f64().unwrap() / cases.len() as f64;
        }
        let metrics = &found["labels"][region]["metrics"];
        let mean = |name: &str| metrics[name]["value"].as_f64().unwrap();
        assert!((mean("brats_lesion_wise_dice") - dice).abs() < 1e-9);
        assert!((mean("brats_lesion_wise_hd95") - hd95).abs() < 1e-9);
        assert!(metrics["brats_lesion_wise_dice"]["ci"].is_array());
    }
}

#[test]
fn regions_are_those_of_the_generation_or_as_typed() {
    let dir = testkit::temp_dir("regions");
    let old = dir.join("old/BraTS20_Training_001");
    for end in ["t1", "t1ce", "t2", "flair"] {
        write(&old, &format!("BraTS20_Training_001_{end}.nii.gz"), "x");
    }
    row(&old.join("BraTS20_Training_001_seg.nii"), &[1, 2, 4, 4]);
    row(&dir.join("pred/BraTS20_Training_001.nii"), &[1, 2, 2, 4]);
    let line = ["score", "--task", "segmentation", "pred", "brats:old"];
    let found = judged(dir.path(), &line);
    assert_eq!(found["regions"], json!({ "WT": [1, 2, 4], "TC": [1, 4], "ET": [4] }));
    let dice = |name: &str| found["labels"][name]["metrics"]["dice"]["value"].as_f64().unwrap();
    assert_eq!((dice("WT"), dice("TC"), dice("ET")), (1.0, 0.8, 2.0 / 3.0));
    assert!(found["labels"]["ET"]["metrics"].get("brats_lesion_wise_dice").is_none());
    // By label where labels are asked for; folders have regions where these are named.
    let by_label = judged(dir.path(), &[&line[..], &["--labels", "1,2,4=ET"]].concat());
    assert_eq!(by_label["labels"]["ET"]["label"], 4);
    let truth = "old/BraTS20_Training_001/BraTS20_Training_001_seg.nii";
    let files = ["score", "--task", "segmentation", "pred/BraTS20_Training_001.nii", truth];
    let typed = judged(dir.path(), &[&files[..], &["--regions", "brats2021"]].concat());
    assert_eq!(typed["labels"]["TC"]["metrics"]["dice"]["value"], 0.8);
    let written = [&files[..], &["--regions", "core=4+1,all=1+2+4", "--more", "lesion_wise=gli"]];
    let written = judged(dir.path(), &written.concat());
    assert_eq!(written["labels"]["core"]["labels"], json!([1, 4]));
    assert!(written["labels"]["all"]["metrics"]["brats_lesion_wise_dice"]["value"].is_number());
    // Labels of no region are named with their file.
    // Models are put side by side by what their track ranks by.
    let both = ["compare", "--task", "segmentation", "pred/BraTS20_Training_001.nii", truth, truth];
    let both = [&both[..], &["--regions", "all=1+2+4", "--more", "lesion_wise=met"]].concat();
    let both = judged(dir.path(), &both);
    let metrics = both["results"].as_array().unwrap().iter().map(|result| &result["metric"]);
    assert_eq!(metrics.last().unwrap(), "lesion_wise_hd95");
    let outside = [&files[..], &["--regions", "brats2023"]].concat();
    refused(dir.path(), &outside, 1, &["4", "BraTS20_Training_001"]);
    refused(dir.path(), &[&files[..], &["--regions", "brats"]].concat(), 2, &["brats2021"]);
    let both = [&files[..], &["--regions", "brats2021", "--labels", "1"]].concat();
    refused(dir.path(), &both, 2, &["--regions"]);
    let pages = judged(dir.path(), &[&line[..], &["--out", "out", "--lang", "zh"]].concat());
    assert_eq!(pages["n"], 1);
    let page = fs::read_to_string(dir.join("out/scores.html")).unwrap();
    assert!(page.contains("TC = 1 + 4") && page.contains("class=\"slice plain\""));
}

#[test]
fn brats_says_when_its_labels_cannot_be_told() {
    let dir = testkit::temp_dir("brats-unclear");
    let (size, voxels) = ([4, 4, 2], [0u8; 32]);
    let mut tumour = voxels;
    tumour[..4].copy_from_slice(&[1, 2, 3, 4]);
    brats_case(&dir.join("ped"), "BraTS-PED-00001-000", size, &tumour);
    millimetres(&dir.join("pred/BraTS-PED-00001-000.nii"), size, &tumour);
    let line = ["score", "--task", "segmentation", "pred", "brats:ped"];
    refused(dir.path(), &line, 2, &["BraTS-PED", "--regions brats2024-ped"]);
    let found = judged(dir.path(), &[&line[..], &["--regions", "brats2024-ped"]].concat());
    assert_eq!(found["labels"].as_object().unwrap().len(), 6);
    assert_eq!(found["labels"]["ED"]["labels"], json!([4]));

    // The resection cavity is a region where the truth has it, and no label of the set where it has not.
    brats_case(&dir.join("gli"), "BraTS-GLI-00001-100", size, &tumour);
    millimetres(&dir.join("with/BraTS-GLI-00001-100.nii"), size, &tumour);
    let line = |pred: &'static str| ["score", "--task", "segmentation", pred, "brats:gli"];
    let found = judged(dir.path(), &line("with"));
    assert_eq!(found["labels"]["WT"]["cases"][0]["dice"], 1.0);
    assert_eq!(found["labels"]["RC"]["labels"], json!([4]));
    tumour[3] = 0;
    let truth = dir.join("gli/BraTS-GLI-00001-100/BraTS-GLI-00001-100-seg.nii");
    millimetres(&truth, size, &tumour);
    refused(dir.path(), &line("with"), 1, &["outside", "4", "BraTS-GLI-00001-100"]);
    millimetres(&dir.join("with/BraTS-GLI-00001-100.nii"), size, &tumour);
    assert!(judged(dir.path(), &line("with"))["labels"].get("RC").is_none());
}

#[test]
fn lesions_are_judged_as_picai_does() {
    let dir = testkit::temp_dir("lesions");
    // Two lesions of which one is found, surely; a false alarm in a case without.
    row(&dir.join("truth/a.nii"), &[1, 1, 0, 1]);
    map(&dir.join("pred/a.nii"), &[0.9, 0.7]);
    row(&dir.join("truth/b.nii"), &[]);
    map(&dir.join("pred/b.nii"), &[0.0, 0.5]);
    let line = ["score", "--task", "detection", "pred", "truth", "--json"];
    let found = judged(dir.path(), &line);
    let value = |name: &str| found["metrics"][name]["value"].as_f64().unwrap();
    assert_eq!((value("AP_lesions"), value("auroc"), value("picai_score")), (0.5, 1.0, 0.75));
    let lesions = &found["labels"]["lesions"];
    assert_eq!((&lesions["targets"], &lesions["cases"][0]["missed"]), (&json!(2), &json!(1)));
    // A map without the false alarm is better.
    fs::create_dir(dir.join("best")).unwrap();
    fs::copy(dir.join("pred/a.nii"), dir.join("best/a.nii")).unwrap();
    map(&dir.join("best/b.nii"), &[]);
    map(&dir.join("best/a.nii"), &[0.9, 0.7, 0.0, 0.2]);
    let line2 = ["compare", "--task", "detection", "best", "pred", "truth", "--json"];
    let both = judged(dir.path(), &line2);
    let picai = &both["results"][0];
    assert_eq!(
        (&picai["metric"], &picai["values"]["best"]["value"]),
        (&json!("picai_score"), &json!(1.0))
    );
    assert_eq!(picai["pairs"][0]["difference"], 0.25);
    map(&dir.join("pred/b.nii"), &[-1.0]);
    refused(dir.path(), &line, 1, &["b.nii", "below 0"]);
}

#[test]
fn masks_are_compared_failures_counted() {
    let dir = masks("compare-masks");
    for name in ["ok", "missed", "none", "spurious"] {
        let from = dir.join(format!("truth/{name}.nii"));
        fs::create_dir_all(dir.join("best")).unwrap();
        fs::copy(from, dir.join(format!("best/{name}.nii"))).unwrap();
    }
    let line = ["compare", "--task", "segmentation", "pred", "best", "truth", "--json"];
    let found = judged(dir.path(), &line);
    let dice = &found["results"][0];
    assert_eq!((&dice["metric"], &dice["values"]["best"]["value"]), (&json!("dice"), &json!(1.0)));
    for ranking in ["aggregate_then_rank", "rank_then_aggregate", "test_then_rank"] {
        assert!(dice["rankings"][ranking]["rank"]["best"].is_number(), "{ranking}");
    }
    assert_eq!(
        dice["rankings"]["aggregate_then_rank"]["rank"],
        json!({ "pred": 2.0, "best": 1.0 })
    );
}

#[test]
fn masks_are_read_inside_archives() {
    let dir = masks("mask-archives");
    let plain = judged(dir.path(), &SEGMENT);
    testkit::zip(dir.path(), "pred", &dir.join("pred.zip"));
    let truth = tar(&dir.join("truth"));
    fs::write(dir.join("truth.tar"), &truth).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &truth).unwrap();
    fs::write(dir.join("truth.tar.gz"), packed.finish().unwrap()).unwrap();
    let files = |names: [&str; 2]| {
        ["score", "--task", "segmentation", names[0], names[1]].map(str::to_owned)
    };
    for names in [["pred.zip", "truth.tar"], ["pred", "truth.tar.gz"], ["pred.zip", "truth"]] {
        let line = files(names);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        assert_eq!(judged(dir.path(), &line), plain, "{names:?}");
    }
    // Nothing was unpacked.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 5);
    let both = ["compare", "--task", "segmentation", "pred.zip", "truth.tar", "truth.tar.gz"];
    assert_eq!(judged(dir.path(), &both)["results"][0]["values"]["truth.tar"]["value"], 1.0);
    // What is wrong in an archive is said of the file in it.
    mask(&dir.join("pred/ok.nii"), SIZE, &block([1, 1, 1], [5, 5, 3], 1), 1.0);
    testkit::zip(dir.path(), "pred", &dir.join("moved.zip"));
    let line = ["score", "--task", "segmentation", "moved.zip", "truth.tar"];
    refused(dir.path(), &line, 1, &["moved.zip", "ok.nii", "another grid"]);
    fs::write(dir.join("cut.zip"), b"PK\x03\x04").unwrap();
    let line = ["score", "--task", "segmentation", "cut.zip", "truth.tar"];
    refused(dir.path(), &line, 1, &["cut.zip"]);
    // Maps of lesions likewise.
    row(&dir.join("lesions/a.nii"), &[1, 1, 0, 1]);
    map(&dir.join("maps/a.nii"), &[0.9, 0.7]);
    testkit::zip(dir.path(), "maps", &dir.join("maps.zip"));
    let line = ["score", "--task", "detection", "maps.zip", "lesions"];
    assert_eq!(judged(dir.path(), &line)["labels"]["lesions"]["targets"], 2);
}

#[test]
fn masks_of_a_data_set_are_read_inside_its_archive() {
    let dir = testkit::temp_dir("mask-set-archive");
    let set = json!({
        "labels": { "0": "background", "1": "spleen" },
        "numTraining": 2,
        "training": [
            { "image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz" },
            { "image": "./imagesTr/b.nii.gz", "label": "./labelsTr/b.nii.gz" },
        ],
        "test": [],
    });
    write(dir.path(), "Task09_Spleen/dataset.json", &set.to_string());
    for name in ["a", "b"] {
        write(dir.path(), &format!("Task09_Spleen/imagesTr/{name}.nii.gz"), "x");
        let truth = dir.join(format!("Task09_Spleen/labelsTr/{name}.nii"));
        row(&truth, &[1; 4]);
        fs::rename(&truth, truth.with_extension("nii.gz")).unwrap();
        row(&dir.join(format!("pred/{name}.nii")), &[1; 2]);
    }
    fs::write(dir.join("Task09_Spleen.tar"), tar(&dir.join("Task09_Spleen"))).unwrap();
    fs::remove_dir_all(dir.join("Task09_Spleen")).unwrap();
    let line = ["score", "--task", "segmentation", "pred", "msd:Task09_Spleen.tar"];
    let found = judged(dir.path(), &line);
    assert_eq!((&found["n"], &found["units"]), (&json!(2), &json!(2)));
    let dice = found["metrics"]["mean_dice"]["value"].as_f64().unwrap();
    assert!((dice - 2.0 / 3.0).abs() < 1e-12, "{dice}");
}

#[test]
fn subgroups_of_masks_have_a_mean_over_the_structures() {
    let dir = testkit::temp_dir("mask-subgroup-mean");
    for (name, own) in [("a", 4), ("b", 2)] {
        row(&dir.join(format!("truth/{name}.nii")), &[1, 1, 1, 1]);
        row(&dir.join(format!("pred/{name}.nii")), &vec![1; own]);
    }
    write(dir.path(), "cases.csv", "id,sex\na,F\nb,M\n");
    let found = judged(dir.path(), &[&SEGMENT[..], &["--by", "cases.csv/sex"]].concat());
    let groups = &found["subgroups"]["cases.csv/sex"];
    assert_eq!(groups["F"]["metrics"]["mean_dice"]["value"], 1.0);
    assert!(groups["M"]["notes"].to_string().contains("few-cases"));
    refused(
        dir.path(),
        &[&SEGMENT[..], &["--split", "test"]].concat(),
        2,
        &["--split", "KIND:PATH"],
    );
}
