//! Data sets put together of real images in the layouts they are published in: they are read, judged and
//! evaluated, and agree with what others count on the same files.
#![allow(clippy::unwrap_used)]

use crate::common::judge::{judged, refused, write};
use crate::common::{ALL, consilium, evaluated};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn place(from: &Path, folder: &Path, name: &str) {
    let to = folder.join(name);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

fn near(value: &Value, expected: f64, tolerance: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() < tolerance, "{value} is not {expected}");
}

/// The cells of a line of the table beside the films; the last is quoted.
fn cells(line: &str) -> Vec<&str> {
    line.splitn(7, ',').map(|cell| cell.trim_matches('"')).collect()
}

/// The fifty rows there are as the set's own tables write them; twenty of the films are there.
fn chestxray14(from: &Path, root: &Path) -> usize {
    let labels = fs::read_to_string(from.join("labels.csv")).unwrap();
    let mut table = String::from(
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,\
         OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n",
    );
    let mut boxes = String::from("Image Index,Finding Label,Bbox [x,y,w,h],,,\n");
    let (mut test, mut there) = (String::new(), 0);
    for line in labels.lines().skip(1) {
        let row = cells(line);
        let [image, findings, patient, age, sex, view, drawn] = row.as_slice() else { panic!() };
        table += &format!("{image},{findings},0,{patient},{age},{sex},{view},1024,1024,0.1,0.1,\n");
        for one in drawn.split(';').filter(|one| !one.is_empty()) {
            boxes += &format!("{image},{one},,,\n");
        }
        let film = from.join(image);
        if film.is_file() {
            place(&film, root, &format!("images_001/images/{image}"));
            test += &format!("{image}\n");
            there += 1;
        }
    }
    write(root, "Data_Entry_2017_v2020.csv", &table);
    write(root, "BBox_List_2017.csv", &boxes);
    write(root, "test_list.txt", &test);
    there
}

#[test]
fn films_of_chestxray14_are_checked_and_evaluated() {
    let Some(from) = testkit::data("cxr/nih") else { return };
    let dir = testkit::temp_dir("real-nih");
    let there = chestxray14(&from, &dir.join("nih"));
    let found = judged(dir.path(), &["datasets", "check", "chestxray14:nih"]);
    assert_eq!(found["cases"], 50);
    assert_eq!(found["missing_files"], 50 - there);
    assert_eq!(found["labels"]["Pneumonia"]["positive"], 30);
    assert_eq!(
        found["labels"]["Hernia"],
        json!({
            "positive": 1, "negative": 49, "uncertain": 0, "unknown": 0,
            "values": 0, "mean": null, "by_value": {}, "texts": 0,
        })
    );
    assert_eq!(
        (&found["boxes"]["Pneumonia"], &found["cases_with_boxes"]),
        (&json!(29), &json!(30))
    );
    assert_eq!(found["splits"]["test"]["cases"], there);

    // Two films of one patient are in the table; of those evaluated all are of different ones.
    let more = ["--split", "test", "--by", "view", "--resamples", "100", "--out", "out"];
    let found = evaluated(dir.path(), "chestxray14:nih", ALL, &more);
    assert_eq!((&found["n"], &found["run"]["answered"]), (&json!(there), &json!(there)));
    let pneumonia = &found["labels"]["Pneumonia"];
    let counts = [&pneumonia["positives"], &pneumonia["negatives"]].map(|n| n.as_u64().unwrap());
    assert_eq!(counts.iter().sum::<u64>(), there as u64);
    assert!(pneumonia["metrics"]["roc_auc_score"]["value"].is_number());
    assert!(pneumonia["subgroups"]["view"]["AP"]["n"].as_u64().unwrap() > 0);
    // What nobody there has has no area.
    let emphysema = &found["labels"]["Emphysema"]["metrics"]["roc_auc_score"];
    assert_eq!(
        (&emphysema["value"], &emphysema["undefined"]),
        (&Value::Null, &json!("no_positives"))
    );
    let page = fs::read_to_string(dir.join("out/evaluation.html")).unwrap();
    assert!(page.contains("data:image/jpeg;base64,"));
}

#[test]
fn grades_of_real_knees_are_counted_and_evaluated() {
    let Some(from) = testkit::data("bone/knee-kl") else { return };
    let dir = testkit::temp_dir("real-knees");
    let mut table = String::from("id,patient,file,body_part,KL grade");
    (1..5).for_each(|least| table += &format!(",knee-kl-at-least-{least}"));
    table.push('\n');
    let mut counts = [0; 5];
    for (grade, count) in counts.iter_mut().enumerate() {
        for name in crate::common::names(&from.join(grade.to_string())) {
            let file = format!("{grade}/{name}");
            place(&from.join(&file), &dir.join("knees"), &file);
            // 9881827L and 9881827R are the two knees of one patient.
            let id = name.trim_end_matches(".png");
            table += &format!("{id},{},{file},knee,{grade}", &id[..7]);
            (1..5).for_each(|least| table += if grade >= least { ",1" } else { ",0" });
            table.push('\n');
            *count += 1;
        }
    }
    write(&dir.join("knees"), "table.csv", &table);
    let found = judged(dir.path(), &["datasets", "check", "table:knees"]);
    assert_eq!([&found["cases"], &found["patients"]], [54, 53]);
    assert_eq!(found["missing_files"], 0);
    let by_value: Value =
        counts.iter().enumerate().map(|(grade, n)| (grade.to_string(), json!(n))).collect();
    assert_eq!(found["labels"]["KL grade"]["by_value"], by_value);
    assert_eq!(found["labels"]["KL grade"]["positive"], 0);
    let plain = consilium(dir.path(), &["datasets", "show", "table:knees"]);
    assert!(crate::common::printed(&plain).contains("(0: 15, 1: 10, 2: 9, 3: 11, 4: 9)"));

    let found = evaluated(dir.path(), "table:knees", "consilium-knee", &["--resamples", "200"]);
    assert_eq!([&found["n"], &found["units"]], [54, 53]);
    assert_eq!(found["group"], "patient");
    let area = &found["labels"]["knee-kl-at-least-2"]["metrics"]["roc_auc_score"];
    assert!(area["value"].as_f64().unwrap() > 0.8, "{area}");
    let ends = area["ci"].as_array().unwrap();
    assert!(
        ends[0].as_f64() < area["value"].as_f64() && ends[1].as_f64() >= area["value"].as_f64()
    );

    // The most probable grade against the true one, by the name of the column.
    let grade = &found["labels"]["KL grade"];
    let metrics = &grade["metrics"];
    for name in ["cohen_kappa_score_quadratic", "accuracy_score", "mean_absolute_error"] {
        let (value, ends) = (metrics[name]["value"].as_f64().unwrap(), &metrics[name]["ci"]);
        assert!(ends[0].as_f64().unwrap() < value && value < ends[1].as_f64().unwrap(), "{name}");
    }
    assert!(metrics["cohen_kappa_score_quadratic"]["value"].as_f64().unwrap() > 0.6);
    assert_eq!(grade["grades"], json!([0.0, 1.0, 2.0, 3.0, 4.0]));
    let rows = grade["confusion_matrix"].as_array().unwrap();
    for (row, count) in rows.iter().zip(counts) {
        let cells = row.as_array().unwrap().iter().map(|cell| cell.as_f64().unwrap());
        assert_eq!(cells.sum::<f64>(), f64::from(count));
    }
    let right: f64 = (0..5).map(|at| rows[at][at].as_f64().unwrap()).sum();
    near(&metrics["accuracy_score"]["value"], right / 54.0, 1e-12);
    let page = fs::read_to_string(dir.join("consilium-out/evaluation.html")).unwrap();
    assert!(page.contains("class=\"confusion\"") && page.contains("true grade"));
    // A board of grades is ranked by agreement.
    let board = ["leaderboard", "add", "consilium-out", "--file", "b.sqlite"];
    assert_eq!(crate::common::code(&consilium(dir.path(), &board)), 0);
    let shown = consilium(
        dir.path(),
        &["leaderboard", "show", "--file", "b.sqlite", "--label", "KL grade", "--json"],
    );
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["metric"], "cohen_kappa_score_quadratic");
    assert_eq!(shown["runs"][0]["rank"], 1);
    // `score` judges what was written the same.
    let own = "consilium-out/consilium-knee";
    let tables = ["predictions.csv", "truth.csv"].map(|name| format!("{own}/{name}"));
    let again = ["score", "--task", "classification", &tables[0], &tables[1]];
    let again = [&again[..], &["--group", "patient", "--resamples", "200"]].concat();
    assert_eq!(judged(dir.path(), &again)["labels"]["KL grade"]["metrics"], *metrics);
}

#[test]
fn names_with_blanks_and_brackets_are_names() {
    let Some(from) = testkit::data("ultrasound/busi") else { return };
    let dir = testkit::temp_dir("real-busi");
    let mut table = String::from("id,file,benign,malignant\n");
    let mut count = 0;
    for class in ["benign", "malignant", "normal"] {
        for name in crate::common::names(&from.join(class)) {
            place(&from.join(class).join(&name), &dir.join("set"), &format!("{class}/{name}"));
            let is = |other| u8::from(class == other);
            let id = name.trim_end_matches(".png");
            table += &format!("{id},{class}/{name},{},{}\n", is("benign"), is("malignant"));
            count += 1;
        }
    }
    write(&dir.join("set"), "table.csv", &table);
    testkit::zip(dir.path(), "set", &dir.join("set.zip"));
    for place in ["table:set", "table:set.zip"] {
        let found = judged(dir.path(), &["datasets", "check", place]);
        assert_eq!(
            (&found["cases"], &found["missing_files"]),
            (&json!(count), &json!(0)),
            "{place}"
        );
        assert_eq!(found["labels"]["malignant"]["positive"], 4);
    }
}

#[test]
fn cords_outlined_twice_are_judged_as_others_judge_them() {
    let Some(from) = testkit::data("volumes/spinalcord") else { return };
    let dir = testkit::temp_dir("real-cords");
    for (case, image, truth, found) in [
        ("t2s", "t2s/t2s.nii.gz", "t2s/t2s_seg.nii.gz", "t2s/t2s_seg-deepseg.nii.gz"),
        ("t2", "t2/t2.nii.gz", "t2/t2_seg-deepseg_sc-2d.nii.gz", "t2/t2_seg-deepseg_sc-3d.nii.gz"),
    ] {
        place(&from.join(image), dir.path(), &format!("set/images/{case}.nii.gz"));
        place(&from.join(truth), dir.path(), &format!("set/labels/{case}.nii.gz"));
        place(&from.join(found), dir.path(), &format!("found/{case}.nii.gz"));
    }
    let line = ["score", "--task", "segmentation", "found", "nifti:set", "--out", "scores"];
    let found = judged(dir.path(), &line);
    // Dice is counted with NumPy; the distances are those of MONAI 1.6.
    let cases = found["labels"]["1"]["cases"].as_array().unwrap();
    for (case, id, [dice, hd95, assd]) in [
        (&cases[0], "t2", [0.980_841_121_495_327_1, 1.0, 0.090_062_111_616_134_64]),
        (
            &cases[1],
            "t2s",
            [0.909_159_159_159_159_1, 0.707_106_769_084_930_4, 0.180_195_868_015_289_3],
        ),
    ] {
        assert_eq!((&case["id"], &case["status"]), (&json!(id), &json!("ok")));
        near(&case["dice"], dice, 1e-12);
        near(&case["hausdorff_distance_95"], hd95, 1e-6);
        near(&case["average_surface_distance"], assd, 1e-6);
    }
    // The worst cases are drawn on their image.
    let page = fs::read_to_string(dir.join("scores/scores.html")).unwrap();
    assert_eq!(page.matches("<svg class=\"slice\"").count(), 2);
    assert_eq!(page.matches("data:image/jpeg;base64,").count(), 2);
    // The same inside an archive; a single pair has no interval.
    testkit::zip(dir.path(), "set", &dir.join("set.zip"));
    let archived =
        judged(dir.path(), &["score", "--task", "segmentation", "found", "nifti:set.zip"]);
    assert_eq!(archived["labels"], found["labels"]);
    let one = ["score", "--task", "segmentation", "found/t2.nii.gz", "set/labels/t2.nii.gz"];
    let dice = &judged(dir.path(), &one)["labels"]["1"]["metrics"]["dice"];
    near(&dice["value"], 0.980_841_121_495_327_1, 1e-12);
    assert_eq!((&dice["ci"], &dice["ci_undefined"]), (&Value::Null, &json!("too_few")));
    // Another scan's mask lies on another grid.
    fs::copy(dir.join("found/t2.nii.gz"), dir.join("found/t2s.nii.gz")).unwrap();
    refused(dir.path(), &line[..5], 1, &["t2s.nii.gz", "another grid", "--resample"]);
}

#[test]
fn organs_of_an_nnunet_data_set_have_its_names() {
    let Some(from) = testkit::data("volumes/totalsegmentator") else { return };
    let dir = testkit::temp_dir("real-organs");
    place(&from.join("example_ct_sm.nii.gz"), dir.path(), "set/imagesTr/ct_0000.nii.gz");
    place(&from.join("example_seg.nii.gz"), dir.path(), "set/labelsTr/ct.nii.gz");
    place(&from.join("example_seg_fast.nii.gz"), dir.path(), "found/ct.nii.gz");
    let set = |labels: Value| {
        let json = json!({ "channel_names": { "0": "CT" }, "labels": labels, "numTraining": 1, "file_ending": ".nii.gz" });
        write(dir.path(), "set/dataset.json", &json.to_string());
    };
    // The 117 structures of the total task, the first and fifth by name.
    let mut labels: serde_json::Map<String, Value> =
        (1..=117).map(|label| (format!("s{label}"), json!(label))).collect();
    labels.insert("background".into(), json!(0));
    for (old, new, number) in [("s1", "spleen", 1), ("s5", "liver", 5)] {
        labels.remove(old);
        labels.insert(new.into(), json!(number));
    }
    set(Value::Object(labels.clone()));
    let line = ["score", "--task", "segmentation", "found", "nnunet:set"];
    let found = judged(dir.path(), &line);
    // Counted with NumPy.
    near(&found["labels"]["spleen"]["metrics"]["dice"]["value"], 0.977_360_863_641_127_7, 1e-12);
    near(&found["labels"]["liver"]["metrics"]["dice"]["value"], 0.981_355_149_774_312_7, 1e-12);
    near(&found["metrics"]["mean_dice"]["value"], 0.901_995_908_704_665_2, 1e-12);
    // The fast model has no trace of structure 13 (a lobe that is cut off by the field of view).
    assert_eq!(found["labels"]["s13"]["missed"], 1);
    assert_eq!(found["labels"]["s15"]["both_empty"], 1);
    // A set that does not know all of its own labels.
    labels.remove("s117");
    set(Value::Object(labels.clone()));
    refused(dir.path(), &line, 1, &["117", "ct.nii.gz"]);
    // Where nobody said what is there, nothing is right or wrong.
    labels.insert("s117".into(), json!(117));
    labels.remove("s13");
    labels.insert("ignore".into(), json!(13));
    set(Value::Object(labels));
    let found = judged(dir.path(), &line);
    assert!(found["labels"].get("ignore").is_none() && found["labels"].get("s13").is_none());
    assert_eq!(found["labels"]["s117"]["ok"], 1);
}
