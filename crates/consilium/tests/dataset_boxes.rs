//! Boxes of data sets, made up in the layouts they are published in, and predictions judged against them.
#![allow(clippy::unwrap_used)]

use crate::common::{code, consilium, printed, said};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn write(root: &Path, name: &str, text: &str) {
    bytes(root, name, text.as_bytes());
}

fn bytes(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A PNG as far as its size: signature, header chunk, end chunk.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    file.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
    file.extend(b"\x08\0\0\0\0\0\0\0\0\0\0\0\0IEND\xae\x42\x60\x82");
    file
}

fn json_of(root: &Path, line: &[&str]) -> Value {
    let output = consilium(root, line);
    assert_eq!(code(&output), 0, "{line:?}: {}", said(&output));
    serde_json::from_str(&printed(&output)).unwrap()
}

fn checked(root: &Path, kind: &str) -> Value {
    json_of(root, &["datasets", "check", &format!("{kind}:{}", root.display()), "--json"])
}

fn score(root: &Path, truth: &str, more: &[&str]) -> Value {
    let line = ["score", "--task", "detection", "boxes.json", truth, "--json"];
    json_of(root, &[&line[..], more].concat())
}

fn perfect(found: &Value, metric: &str) {
    let value = found["metrics"][metric]["value"].as_f64().unwrap();
    assert!((value - 1.0).abs() < 1e-9, "{value}");
}

/// Two images of a split, one with a box found, one with none and a false alarm.
fn yolo(root: &Path, yaml: &str) {
    write(root, "data.yaml", yaml);
    for (name, text) in [("a.rf.1", "1 0.5 0.5 0.2 0.4\n"), ("b", "")] {
        bytes(root, &format!("test/images/{name}.png"), &png(100, 50));
        write(root, &format!("test/labels/{name}.txt"), text);
    }
    bytes(root, "train/images/a.rf.2.png", &png(100, 50));
    let boxes = json!([
        { "image_id": "a.rf.1", "category_id": 1, "bbox": [40, 15, 20, 20], "score": 0.9 },
        { "image_id": "b", "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.8 },
    ]);
    write(root, "boxes.json", &boxes.to_string());
}

#[test]
fn yolo_is_read_and_judged() {
    let dir = testkit::temp_dir("yolo");
    // Roboflow's way of writing places, and names as a list.
    yolo(
        dir.path(),
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['angle', 'fracture']\n",
    );
    let found = checked(dir.path(), "yolo");
    assert_eq!(found["splits"]["test"]["cases"], 2);
    assert_eq!(found["boxes"], json!({ "angle": 0, "fracture": 1 }));
    assert_eq!(
        (&found["cases_looked_at_for_boxes"], &found["cases_with_boxes"]),
        (&json!(3), &json!(1))
    );
    assert!(found["notes"].to_string().contains("valid/images"), "{found}");
    // Copies of one picture on both sides of a split.
    assert_eq!(found["patients_in_several_splits"], 1);
    let place = format!("yolo:{}", dir.path().display());
    let found = score(dir.path(), &place, &["--split", "test"]);
    assert_eq!(
        (&found["n"], &found["units"], &found["group"]),
        (&json!(2), &json!(2), &json!("patient"))
    );
    perfect(&found, "AP50");
    assert_eq!(found["labels"]["fracture"]["targets"], 1);
    // The folder alone is recognised; the file name serves as id.
    let boxes = fs::read_to_string(dir.join("boxes.json")).unwrap().replace("\"b\"", "\"b.png\"");
    write(dir.path(), "boxes.json", &boxes);
    let guessed = score(dir.path(), &dir.path().display().to_string(), &[]);
    assert_eq!(guessed["n"], 3);
    // Names by number, below a path of its own.
    write(
        dir.path(),
        "data.yaml",
        "path: .\ntest: test/images\nnames:\n  0: angle\n  1: fracture\n",
    );
    assert_eq!(checked(dir.path(), "yolo")["cases"], 2);
    // What cannot be a box is named with file and line.
    for bad in ["1 0.5 0.5 0.2", "7 0.5 0.5 0.2 0.4", "1 50 50 20 20"] {
        write(dir.path(), "test/labels/b.txt", &format!("1 0.5 0.5 0.1 0.1\n{bad}\n"));
        let output = consilium(dir.path(), &["datasets", "check", &place]);
        assert_eq!(code(&output), 1);
        assert!(
            said(&output).contains("b.txt") && said(&output).contains("line 2"),
            "{}",
            said(&output)
        );
    }
}

#[test]
fn voc_and_coco_hold_the_same_boxes() {
    let dir = testkit::temp_dir("voc");
    let xml = |name: &str, objects: &str| {
        format!(
            "<annotation><filename>{name}.png</filename><size><width>100</width><height>50</height></size>{objects}</annotation>"
        )
    };
    let object = "<object><name>fracture</name><difficult>0</difficult><bndbox><xmin>40</xmin><ymin>15</ymin><xmax>60</xmax><ymax>35</ymax></bndbox></object>";
    write(dir.path(), "Annotations/a.xml", &xml("a", object));
    write(dir.path(), "Annotations/b.xml", &xml("b", ""));
    write(dir.path(), "ImageSets/Main/test.txt", "a\nb\n");
    bytes(dir.path(), "JPEGImages/a.png", &png(100, 50));
    let found = checked(dir.path(), "voc");
    assert_eq!((&found["boxes"]["fracture"], &found["missing_files"]), (&json!(1), &json!(1)));
    let boxes = json!([
        { "image_id": "a", "category_id": "fracture", "bbox": [40, 15, 20, 20], "score": 0.9 },
    ]);
    write(dir.path(), "boxes.json", &boxes.to_string());
    let place = format!("voc:{}", dir.path().display());
    perfect(&score(dir.path(), &place, &[]), "AP");
    // Written as COCO, and read again.
    let output = consilium(dir.path(), &["datasets", "show", &place, "--out", "made"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let coco: Value =
        serde_json::from_slice(&fs::read(dir.join("made/boxes.json")).unwrap()).unwrap();
    assert_eq!(coco["annotations"][0]["bbox"], json!([40.0, 15.0, 20.0, 20.0]));
    assert_eq!(coco["images"][1]["file_name"], "b.png");
    perfect(&score(dir.path(), "made/boxes.json", &[]), "AP");
    let found = json_of(dir.path(), &["datasets", "check", "coco:made/boxes.json", "--json"]);
    assert_eq!((&found["cases"], &found["boxes"]["fracture"]), (&json!(2), &json!(1)));
    write(dir.path(), "Annotations/b.xml", "<annotation><object></annotation>");
    let output = consilium(dir.path(), &["datasets", "check", &place]);
    assert!(code(&output) == 1 && said(&output).contains("not XML"), "{}", said(&output));
}

#[test]
fn several_readers_must_agree() {
    let dir = testkit::temp_dir("vindr-boxes");
    write(
        dir.path(),
        "annotations/image_labels_train.csv",
        "image_id,rad_id,Nodule/Mass,No finding\na,R1,1,0\na,R2,1,0\na,R3,0,1\nb,R1,0,1\nb,R2,0,1\nb,R3,0,1\n",
    );
    write(
        dir.path(),
        "annotations/image_labels_test.csv",
        "image_id,Nodule/Mass,No finding\nc,1,0\n",
    );
    let head = "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n";
    write(
        dir.path(),
        "annotations/annotations_train.csv",
        &format!(
            "{head}a,R1,Nodule/Mass,0,0,10,10\na,R2,Nodule/Mass,0,0,12,10\na,R1,Nodule/Mass,50,50,60,60\na,R3,No finding,,,,\n"
        ),
    );
    write(
        dir.path(),
        "annotations/annotations_test.csv",
        "image_id,class_name,x_min,y_min,x_max,y_max\nc,Nodule/Mass,5,5,10,10\n",
    );
    let found = checked(dir.path(), "vindr-cxr");
    assert_eq!(
        (&found["boxes"]["Nodule/Mass"], &found["cases_with_boxes"]),
        (&json!(4), &json!(2))
    );
    let boxes =
        json!([{ "image_id": "a", "category_id": 0, "bbox": [0, 0, 11, 10], "score": 0.9 }]);
    write(dir.path(), "boxes.json", &boxes.to_string());
    let place = format!("vindr-cxr:{}", dir.path().display());
    let targets = |more: &[&str]| {
        let line = [&["--split", "train"], more].concat();
        score(dir.path(), &place, &line)["labels"]["Nodule/Mass"]["targets"].clone()
    };
    assert_eq!(targets(&[]), 1);
    assert_eq!(targets(&["--readers", "all"]), 3);
    assert_eq!(targets(&["--readers", "R3"]), 0);
    let found = score(dir.path(), &place, &["--split", "train"]);
    perfect(&found, "AP");
    let line = ["score", "--task", "detection", "boxes.json", &place, "--split", "valid"];
    let output = consilium(dir.path(), &line);
    assert_eq!(code(&output), 1);
    assert!(
        said(&output).contains("\"valid\"") && said(&output).contains("test, train"),
        "{}",
        said(&output)
    );

    // Kaggle's table: class 14 says that a reader saw nothing.
    let dir = testkit::temp_dir("vindr-kaggle");
    write(
        dir.path(),
        "train.csv",
        "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n\
         a,Cardiomegaly,3,R1,0,0,10,10\na,Cardiomegaly,3,R2,0,0,10,11\na,No finding,14,R3,,,,\n\
         b,No finding,14,R1,,,,\nb,No finding,14,R2,,,,\nb,ILD,5,R3,1,1,5,5\n",
    );
    write(dir.path(), "train/a.dicom", "x");
    let found = checked(dir.path(), "vindr-cxr");
    assert_eq!(found["labels"]["Cardiomegaly"]["positive"], 1);
    assert_eq!(found["labels"]["ILD"]["positive"], 0);
    assert_eq!((&found["boxes"]["ILD"], &found["missing_files"]), (&json!(1), &json!(1)));
}

#[test]
fn sets_with_boxes_have_them() {
    let dir = testkit::temp_dir("rsna-boxes");
    write(
        dir.path(),
        "stage_2_train_labels.csv",
        "patientId,x,y,width,height,Target\np,,,,,0\nq,264.0,152.0,213.0,379.0,1\nq,562.0,152.0,256.0,453.0,1\n",
    );
    let found = checked(dir.path(), "rsna-pneumonia");
    assert_eq!(
        (&found["boxes"]["Pneumonia"], &found["cases_looked_at_for_boxes"]),
        (&json!(2), &json!(2))
    );
    let boxes =
        json!([{ "image_id": "q", "category_id": 1, "bbox": [264, 152, 213, 379], "score": 1.0 }]);
    write(dir.path(), "boxes.json", &boxes.to_string());
    let place = format!("rsna-pneumonia:{}", dir.path().display());
    assert_eq!(score(dir.path(), &place, &[])["froc"]["sensitivity_at_fp_per_image"]["0.125"], 0.5);

    let dir = testkit::temp_dir("nih-boxes");
    write(
        dir.path(),
        "Data_Entry_2017.csv",
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n\
         a.png,Infiltration,0,1,058Y,M,PA,2682,2749,0.143,0.143,\nb.png,No Finding,0,2,411Y,M,PA,2682,2749,0.143,0.143,\n",
    );
    write(
        dir.path(),
        "BBox_List_2017.csv",
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Infiltrate,225.08,547.01,86.77,79.18,,,\n",
    );
    let found = checked(dir.path(), "chestxray14");
    assert_eq!(
        (&found["boxes"]["Infiltration"], &found["cases_looked_at_for_boxes"]),
        (&json!(1), &json!(1))
    );
    assert!(found["notes"].to_string().contains("1 ages above 120"), "{found}");

    let dir = testkit::temp_dir("graz-boxes");
    write(
        dir.path(),
        "dataset.csv",
        "\u{feff}filestem,patient_id,study_number,timehash,gender,age,laterality,projection,initial_exam,ao_classification,cast,diagnosis_uncertain,osteopenia,fracture_visible,metal,pixel_spacing,device_manufacturer\n\
         f,1,1,1,M,14.8,L,1,1,,,,,1,,0.144,Siemens\ng,2,1,1,F,9,R,2,1,,,,,,,0.144,Siemens\n",
    );
    bytes(dir.path(), "images_part1/f.png", &png(200, 100));
    write(dir.path(), "yolov5/labels/f.txt", "3 0.5 0.5 0.1 0.1\n8 0.1 0.1 0.05 0.05\n");
    write(dir.path(), "test.csv", "filestem\nf\n");
    write(dir.path(), "train.csv", "filestem\ng\n");
    let found = checked(dir.path(), "grazpedwri-dx");
    assert_eq!((&found["boxes"]["fracture"], &found["boxes"]["text"]), (&json!(1), &json!(1)));
    assert_eq!(found["splits"]["test"], json!({ "cases": 1, "patients": 1 }));
    let xml = "<annotation><object><name>metal</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>";
    write(dir.path(), "folder_structure/pascalvoc/g.xml", xml);
    fs::remove_dir_all(dir.join("yolov5")).unwrap();
    assert_eq!(checked(dir.path(), "grazpedwri-dx")["boxes"]["metal"], 1);

    let dir = testkit::temp_dir("fracatlas-boxes");
    bytes(dir.path(), "images/Fractured/IMG0000019.jpg", b"\xff\xd8\xff\xe0 cut off");
    bytes(dir.path(), "images/Non_fractured/IMG0000000.jpg", b"\xff\xd8\xff\xe0 whole\xff\xd9");
    write(
        dir.path(),
        "dataset.csv",
        "image_id,hand,leg,hip,shoulder,mixed,hardware,multiscan,fractured,fracture_count,frontal,lateral,oblique\n\
         IMG0000019.jpg,1,0,0,0,0,0,0,1,1,1,1,0\nIMG0000000.jpg,0,1,0,0,0,0,0,0,0,1,0,0\n",
    );
    let coco = json!({
        "images": [{ "id": 1, "file_name": "IMG0000019.jpg" }],
        "categories": [{ "id": 1, "name": "fractured" }],
        "annotations": [{ "id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "area": 600 }],
    });
    write(dir.path(), "Annotations/COCO JSON/COCO_fracture_masks.json", &coco.to_string());
    let found = checked(dir.path(), "fracatlas");
    assert_eq!(
        (&found["boxes"]["fractured"], &found["cases_looked_at_for_boxes"]),
        (&json!(1), &json!(2))
    );
    // What a broken download leaves is named.
    assert_eq!(found["cut_off_files"], 1);
    assert!(found["cut_off"][0].as_str().unwrap().contains("IMG0000019"));
    let line =
        ["datasets", "show", &format!("fracatlas:{}", dir.path().display()), "--out", "made"];
    assert_eq!(code(&consilium(dir.path(), &line)), 0);
    let truth = fs::read_to_string(dir.join("made/truth.csv")).unwrap();
    assert!(truth.contains("IMG0000019,IMG0000019,hand,frontal+lateral,,1"), "{truth}");
}

#[test]
fn a_real_yolo_set_is_read() {
    let Some(folder) = testkit::data("bone/fracture") else { return };
    let place = format!("yolo:{}", folder.display());
    let dir = testkit::temp_dir("yolo-real");
    let found = json_of(dir.path(), &["datasets", "check", &place, "--json"]);
    let texts = fs::read_dir(folder.join("test/labels")).unwrap().count();
    let images = fs::read_dir(folder.join("test/images")).unwrap().count();
    assert_eq!(found["splits"]["test"]["cases"], images);
    assert!(texts <= images && found["cases_with_boxes"].as_u64().unwrap() > 0);
    let lines: usize = fs::read_dir(folder.join("test/labels"))
        .unwrap()
        .map(|entry| {
            fs::read_to_string(entry.unwrap().path())
                .unwrap()
                .split_terminator('\n')
                .filter(|line| !line.trim().is_empty())
                .count()
        })
        .sum();
    let boxes: u64 =
        found["boxes"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(boxes, lines as u64);
    // The truth given back as predictions is perfect.
    assert_eq!(code(&consilium(dir.path(), &["datasets", "show", &place, "--out", "made"])), 0);
    let coco: Value =
        serde_json::from_slice(&fs::read(dir.join("made/boxes.json")).unwrap()).unwrap();
    let names: std::collections::BTreeMap<u64, &str> = coco["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| (image["id"].as_u64().unwrap(), image["file_name"].as_str().unwrap()))
        .collect();
    let given_back: Vec<Value> = coco["annotations"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(at, one)| {
            json!({
                "image_id": names[&one["image_id"].as_u64().unwrap()],
                "category_id": one["category_id"],
                "bbox": one["bbox"],
                "score": 1.0 - at as f64 * 1e-4,
            })
        })
        .collect();
    write(dir.path(), "boxes.json", &json!(given_back).to_string());
    let found = score(dir.path(), &place, &["--resamples", "50"]);
    perfect(&found, "AP50");
    // With a box moved away its image is shown with both; a file of boxes alone has no images.
    let mut moved = given_back;
    moved[0]["bbox"] = json!([0, 0, 8, 8]);
    write(dir.path(), "boxes.json", &json!(moved).to_string());
    let page = |truth: &str, out: &str| {
        score(dir.path(), truth, &["--resamples", "50", "--out", out]);
        fs::read_to_string(dir.join(out).join("scores.html")).unwrap()
    };
    let drawn = page(&place, "drawn");
    assert_eq!(drawn.matches("<svg class=\"slice\"").count(), 1);
    assert!(drawn.contains("data:image/jpeg;base64,") && drawn.contains("missed 1 of"), "{drawn}");
    assert!(!drawn.contains("holds no images"));
    let plain = page("made/boxes.json", "plain");
    assert!(plain.contains("missed 1 of") && plain.contains("holds no images"));
}
