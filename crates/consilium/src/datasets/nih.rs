//! NIH ChestX-ray14.

use super::boxes::{Mark, numbered};
use super::csv::{self, cell};
use super::files::by_name;
use super::truth::{numbers, strange};
use super::{Case, Dataset, Files, Truth};
use base::words::datasets as words;
use base::{Note, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// ChestX-ray14's fourteen, as its tables spell them.
const LABELS: [&str; 14] = [
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
];
/// The set's own table in its two editions.
const TABLES: [&str; 2] = ["Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"];
/// Nobody is older; the table has such ages.
const OLDEST: f64 = 120.0;

/// Every image has all fourteen labels, read from the report's text by a program; boxes of eight of
/// them stand in a table of their own and only for some images.
pub(super) fn read(files: &Files, root: &Path) -> Result<Dataset> {
    let table = csv::read(files, root, &TABLES)?;
    let column = |name| table.column(name);
    let (image, finding) = (column("Image Index")?, column("Finding Labels")?);
    let patient = column("Patient ID")?;
    let (sex, age, view) =
        (column("Patient Gender")?, column("Patient Age")?, column("View Position")?);
    let (train, test) =
        (lines(files, root, "train_val_list.txt")?, lines(files, root, "test_list.txt")?);
    let mut boxes = boxes(files, root)?;
    let images = by_name(files, root, "images", 2);
    let mut cases = Vec::with_capacity(table.rows.len());
    let mut strange_ages = 0;
    for (at, row) in table.rows.iter().enumerate() {
        let id = cell(row, image).to_owned();
        let mut truth = vec![Truth::Negative; LABELS.len()];
        for name in cell(row, finding).split('|').map(str::trim) {
            match LABELS.iter().position(|label| *label == name) {
                Some(place) => truth[place] = Truth::Positive,
                None if name == "No Finding" => {}
                None => return Err(strange("Finding Labels", name, at + 2)),
            }
        }
        let split = if test.contains(&id) {
            Some("test".into())
        } else {
            train.contains(&id).then(|| "train_val".into())
        };
        let years = years(cell(row, age));
        strange_ages += usize::from(years.is_err());
        let path = images.get(&id).cloned().unwrap_or_else(|| root.join("images").join(&id));
        cases.push(Case {
            patient: cell(row, patient).into(),
            split,
            files: vec![path],
            truth,
            boxes: boxes.remove(&id),
            strata: vec![cell(row, sex).into(), years.unwrap_or_default(), cell(row, view).into()],
            id,
            ..Case::default()
        });
    }
    let mut notes = vec![Note::warning("text-mined", words::TEXT_MINED.clone())];
    if strange_ages > 0 {
        notes.push(Note::warning("ages", words::strange_ages(strange_ages)));
    }
    let with_boxes = cases.iter().any(|case: &Case| case.boxes.is_some());
    Ok(Dataset {
        labels: LABELS.map(str::to_owned).to_vec(),
        box_labels: if with_boxes { numbered(&LABELS, 0) } else { Vec::new() },
        strata: vec!["sex", "age", "view"],
        cases,
        notes,
        ..Dataset::default()
    })
}

/// An age in years, empty where there is none; an error where nobody is so old. The first edition of the
/// table writes 058Y.
fn years(text: &str) -> std::result::Result<String, ()> {
    let years = text.trim_end_matches('Y').trim_start_matches('0').to_owned();
    let fits = years.is_empty() || years.parse::<f64>().is_ok_and(|years| years <= OLDEST);
    if fits { Ok(years) } else { Err(()) }
}

/// The four findings that Majkowska et al. 2020 had read anew.
const FOUR: [&str; 4] = ["Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass"];

/// Google's tables of four findings for a part of the images, each read by several radiologists: one table
/// a split, or both in one. Sex, age and view come from the set's own table where that is there.
pub(super) fn google(files: &Files, root: &Path) -> Result<Dataset> {
    let of_split = |split: &str| {
        let name = format!("four_findings_expert_labels_{split}_labels.csv");
        [name.clone(), format!("four_findings_expert_labels/{name}")]
    };
    let [validation, test] = [of_split("validation"), of_split("test")];
    let both = "google2019_nih-chest-xray-labels.csv".to_owned();
    let parts = [("validation", &validation[..]), ("test", &test[..]), ("", &[both][..])];
    let described = described(files, root)?;
    let images = by_name(files, root, "images", 2);
    let mut cases: Vec<Case> = Vec::new();
    for (split, names) in parts {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // Both in one is what is missing where there is nothing.
        let wanted = match split {
            "" => cases.is_empty(),
            _ => csv::find(files, root, &names).is_some(),
        };
        if !wanted {
            continue;
        }
        let table = csv::read(files, root, &names)?;
        let image = table.any_column(&["Image Index", "Image ID"])?;
        let labels = FOUR.map(|name| table.column(name));
        let labels = labels.into_iter().collect::<Result<Vec<usize>>>()?;
        let set = table.maybe("Set Id");
        for (at, row) in table.rows.iter().enumerate() {
            let id = cell(row, image).to_owned();
            let mut truth = Vec::with_capacity(FOUR.len());
            for (label, name) in labels.iter().zip(FOUR) {
                truth.push(match cell(row, *label).to_ascii_uppercase().as_str() {
                    "YES" => Truth::Positive,
                    "NO" => Truth::Negative,
                    other => return Err(strange(name, other, at + 2)),
                });
            }
            let own = set.map_or(split, |set| cell(row, set)).to_ascii_lowercase();
            let path = images.get(&id).cloned().unwrap_or_else(|| root.join("images").join(&id));
            // Images are called PATIENT_NUMBER.png.
            let patient = id.split('_').next().unwrap_or(&id).trim_start_matches('0').to_owned();
            cases.push(Case {
                patient,
                split: (!own.is_empty()).then_some(own),
                files: vec![path],
                truth,
                strata: described.get(&id).cloned().unwrap_or_default().into(),
                id,
                ..Case::default()
            });
        }
    }
    Ok(Dataset {
        labels: FOUR.map(str::to_owned).to_vec(),
        strata: vec!["sex", "age", "view"],
        cases,
        notes: vec![Note::info("adjudicated", words::ADJUDICATED.clone())],
        ..Dataset::default()
    })
}

/// Sex, age and view of each image, from the set's own table; nothing where that is not there.
fn described(files: &Files, root: &Path) -> Result<BTreeMap<String, [String; 3]>> {
    if csv::find(files, root, &TABLES).is_none() {
        return Ok(BTreeMap::new());
    }
    let table = csv::read(files, root, &TABLES)?;
    let names = ["Image Index", "Patient Gender", "Patient Age", "View Position"];
    let places =
        names.map(|name| table.column(name)).into_iter().collect::<Result<Vec<usize>>>()?;
    let own = |row: &Vec<String>| {
        let [id, sex, age, view] = [0, 1, 2, 3].map(|at| cell(row, places[at]).to_owned());
        (id, [sex, years(&age).unwrap_or_default(), view])
    };
    Ok(table.rows.iter().map(own).collect())
}

/// `BBox_List_2017.csv`: image, label, and four columns under one name with commas in it.
fn boxes(files: &Files, root: &Path) -> Result<BTreeMap<String, Vec<Mark>>> {
    let mut found: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
    let names = ["BBox_List_2017.csv"];
    if csv::find(files, root, &names).is_none() {
        return Ok(found);
    }
    let (path, rows) = csv::rows(files, root, &names)?;
    for (at, row) in rows.iter().enumerate().skip(1) {
        // The table of boxes has another name for one label.
        let name = match cell(row, 1) {
            "Infiltrate" => "Infiltration",
            name => name,
        };
        let label = LABELS.iter().position(|label| *label == name);
        let label = label.ok_or_else(|| strange("Finding Label", name, at + 1).at(&path))?;
        let sides = numbers([2, 3, 4, 5].map(|column| cell(row, column)))
            .ok_or_else(|| strange("Bbox [x,y,w,h]", cell(row, 2), at + 1).at(&path))?;
        found.entry(cell(row, 0).to_owned()).or_default().push(Mark::new(label, sides));
    }
    Ok(found)
}

fn lines(files: &Files, root: &Path, name: &str) -> Result<BTreeSet<String>> {
    let path = root.join(name);
    if !files.is_file(&path) {
        return Ok(BTreeSet::new());
    }
    let text = String::from_utf8_lossy(&files.bytes(&path)?).into_owned();
    Ok(text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
}
