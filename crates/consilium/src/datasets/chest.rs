//! Chest radiographs.

use super::csv::{self, cell};
use super::{Case, Dataset, Truth};
use base::words::datasets as words;
use base::{Error, Kind, Note, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// CheXpert's fourteen, in the order of its own tables.
const CHEXPERT: [&str; 14] = [
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
];

/// ChestX-ray14's fourteen, as its tables spell them.
const CHESTXRAY14: [&str; 14] = [
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

/// 1, 0, -1 and empty, with or without decimals.
fn mention(text: &str) -> Option<Truth> {
    match text.trim().parse::<f64>() {
        Ok(1.0) => Some(Truth::Positive),
        Ok(0.0) => Some(Truth::Negative),
        Ok(-1.0) => Some(Truth::Uncertain),
        Err(_) if text.trim().is_empty() => Some(Truth::Unknown),
        _ => None,
    }
}

fn strange(label: &str, value: &str, line: usize) -> Error {
    Error::new(Kind::BrokenInput, words::strange_label(label, value, line))
}

/// Files below a folder by name, two levels deep.
pub(super) fn by_name(root: &Path, starts: &str) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    let mut folders: Vec<(PathBuf, usize)> = Vec::new();
    let Ok(entries) = std::fs::read_dir(root) else { return files };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(starts) && entry.path().is_dir() {
            folders.push((entry.path(), 0));
        }
    }
    folders.sort();
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                if depth < 2 {
                    folders.push((path, depth + 1));
                }
            } else {
                let name = entry.file_name().to_string_lossy().into_owned();
                if !name.starts_with("._") {
                    files.insert(name, path);
                }
            }
        }
    }
    files
}

fn lines(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// NIH ChestX-ray14. Every image has all fourteen labels, read from the report's text by a program.
pub(super) fn chestxray14(root: &Path) -> Result<Dataset> {
    let table = csv::read(root, &["Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"])?;
    let column = |name| table.column(name);
    let (image, finding) = (column("Image Index")?, column("Finding Labels")?);
    let patient = column("Patient ID")?;
    let strata = [column("Patient Gender")?, column("Patient Age")?, column("View Position")?];
    let (train, test) =
        (lines(&root.join("train_val_list.txt")), lines(&root.join("test_list.txt")));
    let files = by_name(root, "images");
    let mut cases = Vec::with_capacity(table.rows.len());
    for (at, row) in table.rows.iter().enumerate() {
        let id = cell(row, image).to_owned();
        let mut truth = vec![Truth::Negative; CHESTXRAY14.len()];
        for name in cell(row, finding).split('|').map(str::trim) {
            match CHESTXRAY14.iter().position(|label| *label == name) {
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
        let path = files.get(&id).cloned().unwrap_or_else(|| root.join("images").join(&id));
        cases.push(Case {
            patient: cell(row, patient).into(),
            split,
            files: vec![path],
            truth,
            strata: strata.iter().map(|at| cell(row, *at).to_owned()).collect(),
            id,
            ..Case::default()
        });
    }
    Ok(Dataset {
        labels: CHESTXRAY14.map(str::to_owned).to_vec(),
        strata: vec!["sex", "age", "view"],
        cases,
        notes: vec![Note::warning("text-mined", words::TEXT_MINED.clone())],
    })
}

/// CheXpert: an image a case; blank is not mentioned, -1 uncertain.
pub(super) fn chexpert(root: &Path) -> Result<Dataset> {
    let mut cases = Vec::new();
    for split in ["train", "valid", "test"] {
        let name = format!("{split}.csv");
        if split != "train" && csv::find(root, &[&name]).is_none() {
            continue;
        }
        let table = csv::read(root, &[&name])?;
        let path = table.column("Path")?;
        let labels = CHEXPERT.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
        let strata = ["Sex", "Age", "Frontal/Lateral", "AP/PA"].map(|name| table.maybe(name));
        for (at, row) in table.rows.iter().enumerate() {
            let id = cell(row, path).to_owned();
            let parts: Vec<&str> = id.split('/').collect();
            let patient = parts.iter().find(|part| part.starts_with("patient"));
            let patient = patient.ok_or_else(|| strange("Path", &id, at + 2))?.to_string();
            // The first part names the set's own folder, whatever it is called here.
            let inside: PathBuf = parts.iter().skip(1).collect();
            let mut truth = Vec::with_capacity(labels.len());
            for (label, name) in labels.iter().zip(CHEXPERT) {
                let text = cell(row, *label);
                truth.push(mention(text).ok_or_else(|| strange(name, text, at + 2))?);
            }
            let mut strata: Vec<String> =
                strata.iter().map(|at| at.map_or("", |at| cell(row, at)).to_owned()).collect();
            // 0 stands for an unknown age.
            if strata[1] == "0" {
                strata[1].clear();
            }
            cases.push(Case {
                patient,
                split: Some(split.into()),
                files: vec![root.join(inside)],
                truth,
                strata,
                id,
                ..Case::default()
            });
        }
    }
    Ok(Dataset {
        labels: CHEXPERT.map(str::to_owned).to_vec(),
        strata: vec!["sex", "age", "frontal_lateral", "view"],
        cases,
        notes: vec![
            Note::info("uncertain", words::UNCERTAIN.clone()),
            Note::info("views", words::VIEWS_BY_MAX.clone()),
        ],
    })
}

/// MIMIC-CXR-JPG: labels of a study, given to each of its images.
pub(super) fn mimic(root: &Path) -> Result<Dataset> {
    let labels = csv::read(root, &["mimic-cxr-2.0.0-chexpert.csv"])?;
    let (subject, study) = (labels.column("subject_id")?, labels.column("study_id")?);
    let places = CHEXPERT.iter().map(|name| labels.column(name)).collect::<Result<Vec<_>>>()?;
    let mut by_study: BTreeMap<(&str, &str), Vec<Truth>> = BTreeMap::new();
    for (at, row) in labels.rows.iter().enumerate() {
        let mut truth = Vec::with_capacity(places.len());
        for (place, name) in places.iter().zip(CHEXPERT) {
            let text = cell(row, *place);
            truth.push(mention(text).ok_or_else(|| strange(name, text, at + 2))?);
        }
        by_study.insert((cell(row, subject), cell(row, study)), truth);
    }
    let meta = csv::read(root, &["mimic-cxr-2.0.0-metadata.csv"])?;
    let (dicom, view) = (meta.column("dicom_id")?, meta.column("ViewPosition")?);
    let views: BTreeMap<&str, &str> =
        meta.rows.iter().map(|row| (cell(row, dicom), cell(row, view))).collect();
    let splits = csv::read(root, &["mimic-cxr-2.0.0-split.csv"])?;
    let dicom = splits.column("dicom_id")?;
    let (subject, study) = (splits.column("subject_id")?, splits.column("study_id")?);
    let split = splits.column("split")?;
    let unknown = vec![Truth::Unknown; CHEXPERT.len()];
    let cases = splits.rows.iter().map(|row| {
        let (id, patient, study) = (cell(row, dicom), cell(row, subject), cell(row, study));
        let group: String = patient.chars().take(2).collect();
        let path = format!("files/p{group}/p{patient}/s{study}/{id}.jpg");
        Case {
            id: id.into(),
            patient: patient.into(),
            split: Some(cell(row, split).into()),
            files: vec![root.join(path)],
            truth: by_study.get(&(patient, study)).unwrap_or(&unknown).clone(),
            strata: vec![views.get(id).copied().unwrap_or("").into(), study.into()],
            ..Case::default()
        }
    });
    Ok(Dataset {
        labels: CHEXPERT.map(str::to_owned).to_vec(),
        strata: vec!["view", "study"],
        cases: cases.collect(),
        notes: vec![Note::info("uncertain", words::UNCERTAIN.clone())],
    })
}

/// RSNA Pneumonia 2018: one row a box, one case a patient.
pub(super) fn rsna_pneumonia(root: &Path) -> Result<Dataset> {
    let table = csv::read(root, &["stage_2_train_labels.csv"])?;
    let (patient, target) = (table.column("patientId")?, table.column("Target")?);
    let mut found: BTreeMap<&str, Truth> = BTreeMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        let text = cell(row, target);
        let truth = mention(text).ok_or_else(|| strange("Target", text, at + 2))?;
        let known = found.entry(cell(row, patient)).or_insert(Truth::Negative);
        if truth == Truth::Positive {
            *known = truth;
        }
    }
    let cases = found.into_iter().map(|(id, truth)| Case {
        id: id.into(),
        patient: id.into(),
        files: vec![root.join("stage_2_train_images").join(format!("{id}.dcm"))],
        truth: vec![truth],
        ..Case::default()
    });
    Ok(Dataset { labels: vec!["Pneumonia".into()], cases: cases.collect(), ..Dataset::default() })
}

/// VinDr-CXR of PhysioNet: three readers an image in the training part, of whom two must agree; one
/// consensus in the test part.
pub(super) fn vindr(root: &Path) -> Result<Dataset> {
    let folder = root.join("annotations");
    let mut set = Dataset::default();
    for split in ["train", "test"] {
        let table = csv::read(&folder, &[&format!("image_labels_{split}.csv")])?;
        let image = table.column("image_id")?;
        let labels: Vec<(usize, &String)> = table
            .header
            .iter()
            .enumerate()
            .filter(|(_, name)| !["image_id", "rad_id", "rad_ID"].contains(&name.as_str()))
            .collect();
        let names: Vec<String> = labels.iter().map(|(_, name)| (*name).clone()).collect();
        if set.labels.is_empty() {
            set.labels = names;
        }
        let mut votes: BTreeMap<&str, (usize, Vec<usize>)> = BTreeMap::new();
        for (at, row) in table.rows.iter().enumerate() {
            let own = votes.entry(cell(row, image)).or_insert((0, vec![0; labels.len()]));
            own.0 += 1;
            for (place, (column, name)) in labels.iter().enumerate() {
                match mention(cell(row, *column)) {
                    Some(Truth::Positive) => own.1[place] += 1,
                    Some(Truth::Negative) => {}
                    _ => return Err(strange(name, cell(row, *column), at + 2)),
                }
            }
        }
        set.cases.extend(votes.into_iter().map(|(id, (readers, votes))| {
            Case {
                id: id.into(),
                // The set does not say who is who.
                patient: id.into(),
                split: Some(split.into()),
                files: vec![root.join(split).join(format!("{id}.dicom"))],
                truth: votes
                    .iter()
                    .map(|n| if 2 * n > readers { Truth::Positive } else { Truth::Negative })
                    .collect(),
                ..Case::default()
            }
        }));
    }
    set.notes.push(Note::info("majority", words::MAJORITY.clone()));
    Ok(set)
}

/// IU X-ray in Kaggle's layout: one report, one or two films.
pub(super) fn iu_xray(root: &Path) -> Result<Dataset> {
    let reports = csv::read(root, &["indiana_reports.csv"])?;
    let films = csv::read(root, &["indiana_projections.csv"])?;
    let (film_of, name, side) =
        (films.column("uid")?, films.column("filename")?, films.column("projection")?);
    let mut files: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    let mut sorted: Vec<&Vec<String>> = films.rows.iter().collect();
    // The frontal film first.
    sorted.sort_by_key(|row| cell(row, side) != "Frontal");
    for row in sorted {
        let path = root.join("images/images_normalized").join(cell(row, name));
        files.entry(cell(row, film_of)).or_default().push(path);
    }
    let uid = reports.column("uid")?;
    let columns = [reports.column("findings")?, reports.column("impression")?];
    let cases = reports.rows.iter().map(|row| {
        let id = cell(row, uid);
        let text = |at: usize| match cell(row, at) {
            "" => Truth::Unknown,
            text => Truth::Text(text.into()),
        };
        Case {
            id: id.into(),
            patient: id.into(),
            files: files.get(id).cloned().unwrap_or_default(),
            truth: columns.map(text).to_vec(),
            ..Case::default()
        }
    });
    Ok(Dataset {
        labels: vec!["findings".into(), "impression".into()],
        cases: cases.collect(),
        notes: vec![Note::info("xxxx", words::DEIDENTIFIED_WORDS.clone())],
        ..Dataset::default()
    })
}
