//! Bones: ages, hands, wrists, fractures.

use super::csv::{self, cell};
use super::{Case, Dataset, Truth, chest};
use base::words::datasets as words;
use base::{Error, Kind, Note, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// RSNA Bone Age 2017, in months.
pub(super) fn boneage(root: &Path) -> Result<Dataset> {
    let table = csv::read(root, &["boneage-training-dataset.csv", "train.csv"])?;
    let (id, age) = (table.column("id")?, table.column("boneage")?);
    let male = table.column("male")?;
    // Kaggle's archive nests the folder in itself.
    let once = root.join("boneage-training-dataset");
    let twice = once.join("boneage-training-dataset");
    let folder = if twice.is_dir() { twice } else { once };
    let mut cases = Vec::with_capacity(table.rows.len());
    for (at, row) in table.rows.iter().enumerate() {
        let text = cell(row, age);
        let months = text.parse::<f64>().ok().filter(|months| months.is_finite());
        let months = months.ok_or_else(|| {
            Error::new(Kind::BrokenInput, words::strange_label("boneage", text, at + 2))
        })?;
        let sex = match cell(row, male).to_ascii_lowercase().as_str() {
            "true" | "1" => "M",
            "false" | "0" => "F",
            _ => "",
        };
        cases.push(Case {
            id: cell(row, id).into(),
            patient: cell(row, id).into(),
            split: Some("train".into()),
            files: vec![folder.join(format!("{}.png", cell(row, id)))],
            truth: vec![Truth::Value(months)],
            strata: vec![sex.into()],
            ..Case::default()
        });
    }
    Ok(Dataset {
        labels: vec!["boneage_months".into()],
        strata: vec!["sex"],
        cases,
        ..Dataset::default()
    })
}

/// MURA v1.1: a study a case; the score of a study is the mean of its films.
pub(super) fn mura(root: &Path) -> Result<Dataset> {
    let mut cases = Vec::new();
    for split in ["train", "valid"] {
        let (_, studies) = csv::rows(root, &[&format!("{split}_labeled_studies.csv")])?;
        let (_, images) = csv::rows(root, &[&format!("{split}_image_paths.csv")])?;
        let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for row in &images {
            let path = cell(row, 0);
            if let Some((study, _)) = path.rsplit_once('/') {
                files.entry(study.into()).or_default().push(inside(root, path));
            }
        }
        for (at, row) in studies.iter().enumerate() {
            let id = cell(row, 0).trim_end_matches('/').to_owned();
            let truth = match cell(row, 1) {
                "1" => Truth::Positive,
                "0" => Truth::Negative,
                other => {
                    let text = words::strange_label("study", other, at + 1);
                    return Err(Error::new(Kind::BrokenInput, text));
                }
            };
            let part = |start: &str| {
                id.split('/').find(|part| part.starts_with(start)).unwrap_or("").to_owned()
            };
            cases.push(Case {
                patient: part("patient"),
                split: Some(split.into()),
                files: files.get(&id).cloned().unwrap_or_default(),
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
    })
}

/// A path of the set below its own folder, whatever that is called here.
fn inside(root: &Path, path: &str) -> PathBuf {
    root.join(path.split('/').skip(1).collect::<PathBuf>())
}

/// GRAZPEDWRI-DX: booleans are 1 or blank, and blank means no.
pub(super) fn grazpedwri(root: &Path) -> Result<Dataset> {
    let labels = ["fracture_visible", "osteopenia", "metal", "cast", "diagnosis_uncertain"];
    let strata = ["gender", "age", "projection", "laterality"];
    let table = csv::read(root, &["dataset.csv"])?;
    let (stem, patient) = (table.column("filestem")?, table.column("patient_id")?);
    let columns = labels.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
    let places = strata.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
    let files = chest::by_name(root, "images");
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
            files: vec![
                files.get(&name).cloned().unwrap_or_else(|| root.join("images").join(&name)),
            ],
            truth: truth.collect(),
            strata: places.iter().map(|at| cell(row, *at).to_owned()).collect(),
            ..Case::default()
        }
    });
    Ok(Dataset {
        labels: labels.map(str::to_owned).to_vec(),
        strata: vec!["sex", "age", "projection", "side"],
        cases: cases.collect(),
        notes: vec![Note::info("no-split", words::NO_SPLIT.clone())],
    })
}

/// FracAtlas: fractured or not by folder, the official split by its tables (fractured films only).
pub(super) fn fracatlas(root: &Path) -> Result<Dataset> {
    let mut splits: BTreeMap<String, &str> = BTreeMap::new();
    for split in ["train", "valid", "test"] {
        let folder = root.join("Utilities/Fracture Split");
        let name = format!("{split}.csv");
        if csv::find(&folder, &[&name]).is_none() {
            continue;
        }
        let table = csv::read(&folder, &[&name])?;
        let id = table.column("image_id")?;
        splits.extend(table.rows.iter().map(|row| (cell(row, id).to_owned(), split)));
    }
    let mut cases = Vec::new();
    let mut seen = BTreeSet::new();
    for (folder, truth) in [("Fractured", Truth::Positive), ("Non_fractured", Truth::Negative)] {
        let path = root.join("images").join(folder);
        if !path.is_dir() {
            let text = words::lacks(&format!("images/{folder}"));
            return Err(Error::new(Kind::BrokenInput, text));
        }
        for (name, file) in chest::by_name(&root.join("images"), folder) {
            if !seen.insert(name.clone()) {
                continue;
            }
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).to_owned();
            let split = splits.get(&name).or_else(|| splits.get(&stem));
            cases.push(Case {
                patient: stem.clone(),
                id: stem,
                split: split.map(|split| (*split).to_owned()),
                files: vec![file],
                truth: vec![truth.clone()],
                ..Case::default()
            });
        }
    }
    Ok(Dataset { labels: vec!["fractured".into()], cases, ..Dataset::default() })
}
