//! Bones: ages, hands, wrists, fractures.

use super::boxes::{Mark, labels_of_folder, marks_of_file, marks_of_folder, numbered};
use super::csv::{self, Csv, cell};
use super::files::by_name;
use super::truth::strange;
use super::{Case, Dataset, Files, Truth};
use base::words::datasets as words;
use base::{Error, Kind, Note, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// RSNA Bone Age 2017, in months. The three parts have tables of their own, with other headers; the
/// truth of the test part came later, as a table of its own.
pub(super) fn boneage(files: &Files, root: &Path) -> Result<Dataset> {
    let mut cases = Vec::new();
    let train = ["boneage-training-dataset.csv", "train.csv"];
    let valid = [
        "boneage-validation-dataset.csv",
        "Validation Dataset.csv",
        "Bone Age Validation Set/Validation Dataset.csv",
    ];
    let test =
        ["boneage-test-dataset.csv", "Bone age ground truth.csv", "Bone Age Test Set/test.csv"];
    let parts: [(&str, &[&str]); 3] = [("train", &train), ("valid", &valid), ("test", &test)];
    for (split, names) in parts {
        if split != "train" && csv::find(files, root, names).is_none() {
            continue;
        }
        let table = csv::read(files, root, names)?;
        cases.extend(ages(files, root, split, &table)?);
    }
    Ok(Dataset {
        labels: vec!["boneage_months".into()],
        strata: vec!["sex"],
        cases,
        ..Dataset::default()
    })
}

fn ages(files: &Files, root: &Path, split: &str, table: &Csv) -> Result<Vec<Case>> {
    let id = table.any_column(&["id", "Image ID", "Case ID", "fileName"])?;
    let age = ["boneage", "Bone Age (months)", "Ground truth bone age (months)"];
    let age = match split {
        // The challenge's test table had no ages.
        "test" => age.iter().find_map(|name| table.maybe(name)),
        _ => Some(table.any_column(&age)?),
    };
    let sex = table.any_column(&["male", "Sex"])?;
    let images = {
        let long = if split == "valid" {
            "validation"
        } else if split == "train" {
            "training"
        } else {
            split
        };
        // Kaggle's archives nest the folder in itself.
        by_name(files, root, &format!("boneage-{long}-dataset"), 2)
    };
    let mut cases = Vec::with_capacity(table.rows.len());
    for (at, row) in table.rows.iter().enumerate() {
        let text = age.map_or("", |age| cell(row, age));
        let months = text.parse::<f64>().ok().filter(|months| months.is_finite());
        let truth = match months {
            Some(months) => Truth::Value(months),
            None if text.is_empty() && split == "test" => Truth::Unknown,
            None => return Err(strange("boneage", text, at + 2)),
        };
        let sex = match cell(row, sex).to_ascii_lowercase().as_str() {
            "true" | "1" | "m" => "M",
            "false" | "0" | "f" => "F",
            _ => "",
        };
        let name = cell(row, id).trim_end_matches(".png");
        let file = format!("{name}.png");
        let usual = || root.join("boneage-training-dataset").join(&file);
        cases.push(Case {
            id: name.into(),
            patient: name.into(),
            split: Some(split.into()),
            files: vec![images.get(&file).cloned().unwrap_or_else(usual)],
            truth: vec![truth],
            strata: vec![sex.into()],
            ..Case::default()
        });
    }
    Ok(cases)
}

/// MURA v1.1: a study a case; the score of a study is the mean of its films.
pub(super) fn mura(files: &Files, root: &Path) -> Result<Dataset> {
    let mut cases = Vec::new();
    for split in ["train", "valid"] {
        let (_, studies) = csv::rows(files, root, &[&format!("{split}_labeled_studies.csv")])?;
        let (_, images) = csv::rows(files, root, &[&format!("{split}_image_paths.csv")])?;
        let mut films: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for row in &images {
            let path = cell(row, 0);
            if let Some((study, _)) = path.rsplit_once('/') {
                films.entry(study.into()).or_default().push(inside(root, path));
            }
        }
        for (at, row) in studies.iter().enumerate() {
            let id = cell(row, 0).trim_end_matches('/').to_owned();
            let truth = match cell(row, 1) {
                "1" => Truth::Positive,
                "0" => Truth::Negative,
                other => return Err(strange("study", other, at + 1)),
            };
            let part = |start: &str| {
                id.split('/').find(|part| part.starts_with(start)).unwrap_or("").to_owned()
            };
            cases.push(Case {
                patient: part("patient"),
                split: Some(split.into()),
                files: films.get(&id).cloned().unwrap_or_default(),
                truth: vec![truth],
                strata: vec![part("XR_")],
                id,
                ..Case::default()
            });
        }
    }
    Ok(Dataset {
        labels: vec!["abnormal".into()],
        strata: vec!["body_part"],
        cases,
        notes: vec![Note::info("studies", words::STUDIES_BY_MEAN.clone())],
        ..Dataset::default()
    })
}

/// A path of the set below its own folder, whatever that is called here.
fn inside(root: &Path, path: &str) -> PathBuf {
    root.join(path.split('/').skip(1).collect::<PathBuf>())
}

/// GRAZPEDWRI-DX's nine kinds of boxes, numbered as its YOLO files do.
const GRAZ_BOXES: [&str; 9] = [
    "boneanomaly",
    "bonelesion",
    "foreignbody",
    "fracture",
    "metal",
    "periostealreaction",
    "pronatorsign",
    "softtissue",
    "text",
];

/// GRAZPEDWRI-DX: booleans are 1 or blank, and blank means no. The set has no split of its own; one
/// given as `train.csv`, `valid.csv` and `test.csv` with the films' names is taken.
pub(super) fn grazpedwri(files: &Files, root: &Path) -> Result<Dataset> {
    let labels = ["fracture_visible", "osteopenia", "metal", "cast", "diagnosis_uncertain"];
    let strata = ["gender", "age", "projection", "laterality", "device_manufacturer"];
    let table = csv::read(files, root, &["dataset.csv"])?;
    let (stem, patient) = (table.column("filestem")?, table.column("patient_id")?);
    let columns = labels.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
    let places = strata.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
    let images = by_name(files, root, "images", 2);
    let boxes = graz_boxes(files, root, &images)?;
    let splits = listed(files, root)?;
    let yes = |text: &str| text.parse::<f64>() == Ok(1.0);
    let cases = table.rows.iter().map(|row| {
        let id = cell(row, stem);
        let name = format!("{id}.png");
        let truth = columns.iter().map(|at| match yes(cell(row, *at)) {
            true => Truth::Positive,
            false => Truth::Negative,
        });
        Case {
            id: id.into(),
            patient: cell(row, patient).into(),
            split: splits.get(id).cloned(),
            files: vec![
                images.get(&name).cloned().unwrap_or_else(|| root.join("images").join(&name)),
            ],
            truth: truth.collect(),
            boxes: boxes.as_ref().map(|boxes| boxes.get(id).cloned().unwrap_or_default()),
            strata: places.iter().map(|at| cell(row, *at).to_owned()).collect(),
            ..Case::default()
        }
    });
    Ok(Dataset {
        labels: labels.map(str::to_owned).to_vec(),
        strata: vec!["sex", "age", "projection", "side", "scanner"],
        cases: cases.collect(),
        box_labels: if boxes.is_some() { numbered(&GRAZ_BOXES, 0) } else { Vec::new() },
        notes: vec![Note::info("no-split", words::NO_SPLIT.clone())],
        ..Dataset::default()
    })
}

/// Boxes as Pascal VOC where they are there, as YOLO otherwise.
fn graz_boxes(
    files: &Files,
    root: &Path,
    images: &BTreeMap<String, PathBuf>,
) -> Result<Option<BTreeMap<String, Vec<Mark>>>> {
    let labels = numbered(&GRAZ_BOXES, 0);
    for folder in ["", "folder_structure", "folder_structure.zip/folder_structure"] {
        let voc = root.join(folder).join("pascalvoc");
        if files.is_folder(&voc) {
            return marks_of_folder(files, &voc, &labels).map(Some);
        }
        let yolo = root.join(folder).join("yolov5/labels");
        if files.is_folder(&yolo) {
            let mut notes = Vec::new();
            return labels_of_folder(files, &yolo, images, &labels, &mut notes).map(Some);
        }
    }
    Ok(None)
}

/// The splits that tables in the set's folder list by name.
fn listed(files: &Files, root: &Path) -> Result<BTreeMap<String, String>> {
    let mut splits = BTreeMap::new();
    for (split, names) in [
        ("train", ["train.csv", "train_data.csv"]),
        ("valid", ["valid.csv", "valid_data.csv"]),
        ("test", ["test.csv", "test_data.csv"]),
    ] {
        if csv::find(files, root, &names).is_none() {
            continue;
        }
        let table = csv::read(files, root, &names)?;
        let name = table.any_column(&["filestem", "image_id"])?;
        let stem = |row: &Vec<String>| cell(row, name).trim_end_matches(".png").to_owned();
        splits.extend(table.rows.iter().map(|row| (stem(row), split.to_owned())));
    }
    Ok(splits)
}

/// FracAtlas: fractured or not by folder, the official split by its tables (fractured films only),
/// boxes from whichever of its forms is there.
pub(super) fn fracatlas(files: &Files, root: &Path) -> Result<Dataset> {
    let mut splits: BTreeMap<String, &str> = BTreeMap::new();
    for split in ["train", "valid", "test"] {
        let folder = root.join("Utilities/Fracture Split");
        let name = format!("{split}.csv");
        if csv::find(files, &folder, &[&name]).is_none() {
            continue;
        }
        let table = csv::read(files, &folder, &[&name])?;
        let id = table.column("image_id")?;
        splits.extend(table.rows.iter().map(|row| (cell(row, id).to_owned(), split)));
    }
    let strata = ["body_part", "view", "hardware"];
    let described = described(files, root)?;
    let images = root.join("images");
    let boxes = fracatlas_boxes(files, root, &by_name(files, root, "images", 1))?;
    let mut cases = Vec::new();
    let mut seen = BTreeSet::new();
    for (folder, truth) in [("Fractured", Truth::Positive), ("Non_fractured", Truth::Negative)] {
        if !files.is_folder(&images.join(folder)) {
            let text = words::lacks(&format!("images/{folder}"));
            return Err(Error::new(Kind::BrokenInput, text));
        }
        for (name, file) in by_name(files, &images, folder, 0) {
            if !seen.insert(name.clone()) {
                continue;
            }
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).to_owned();
            let split = splits.get(&name).or_else(|| splits.get(&stem));
            let none = || vec![String::new(); strata.len()];
            cases.push(Case {
                patient: stem.clone(),
                split: split.map(|split| (*split).to_owned()),
                files: vec![file],
                truth: vec![truth.clone()],
                // Films without fracture have no boxes, as the set says of them.
                boxes: boxes.as_ref().map(|boxes| boxes.get(&stem).cloned().unwrap_or_default()),
                strata: described.get(&stem).cloned().unwrap_or_else(none),
                id: stem,
                ..Case::default()
            });
        }
    }
    Ok(Dataset {
        labels: vec!["fractured".into()],
        strata: strata.to_vec(),
        box_labels: if boxes.is_some() { numbered(&["fractured"], 0) } else { Vec::new() },
        cases,
        notes: vec![Note::info("cut-off", words::SOME_CUT_OFF.clone())],
        ..Dataset::default()
    })
}

/// Body part, view and hardware of each film, from `dataset.csv` where it is there: each is a column of
/// 0 and 1, and a film may have several.
fn described(files: &Files, root: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let names = ["dataset.csv"];
    if csv::find(files, root, &names).is_none() {
        return Ok(BTreeMap::new());
    }
    let table = csv::read(files, root, &names)?;
    let image = table.column("image_id")?;
    let groups: [&[&str]; 3] =
        [&["hand", "leg", "hip", "shoulder"], &["frontal", "lateral", "oblique"], &["hardware"]];
    let own = |row: &Vec<String>| {
        let set = |name: &&&str| table.maybe(name).is_some_and(|at| cell(row, at) == "1");
        let of = |group: &&[&str]| group.iter().filter(set).copied().collect::<Vec<_>>().join("+");
        let stem = cell(row, image).rsplit_once('.').map_or(cell(row, image), |(stem, _)| stem);
        (stem.to_owned(), groups.iter().map(of).collect())
    };
    Ok(table.rows.iter().map(own).collect())
}

fn fracatlas_boxes(
    files: &Files,
    root: &Path,
    images: &BTreeMap<String, PathBuf>,
) -> Result<Option<BTreeMap<String, Vec<Mark>>>> {
    let folder = root.join("Annotations");
    let labels = numbered(&["fractured"], 0);
    let coco = folder.join("COCO JSON/COCO_fracture_masks.json");
    if files.is_file(&coco) {
        return marks_of_file(files, &coco).map(Some);
    }
    let voc = folder.join("PASCAL VOC");
    if files.is_folder(&voc) {
        return marks_of_folder(files, &voc, &labels).map(Some);
    }
    let yolo = folder.join("YOLO");
    if files.is_folder(&yolo) {
        return labels_of_folder(files, &yolo, images, &labels, &mut Vec::new()).map(Some);
    }
    Ok(None)
}
