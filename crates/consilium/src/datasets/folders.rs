//! Folders in no particular set's layout: a table with images, images with masks, nnU-Net's.

use super::{Case, Dataset, Files, Truth};
use crate::score::{Region, Regions, table};
use base::words::{datasets as words, score};
use base::{Error, Kind, Note, Result};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Columns of a plain table that are no labels.
const HELPERS: [&str; 8] =
    ["patient", "split", "file", "sex", "age", "view", "scanner", "body_part"];

/// `table.csv` with `id`, perhaps `patient`, `split`, `file`, `sex`, `age`, `view`, `scanner`, `body_part`,
/// and a column a label; images lie beside it, by `file` or by `id`.
pub(super) fn table(disk: &Files, root: &Path) -> Result<Dataset> {
    let names = ["table.csv"];
    let path = super::csv::find(disk, root, &names)
        .ok_or_else(|| Error::new(Kind::BrokenInput, words::lacks(names[0])).at(root))?;
    let table = table::parse(&path, &super::csv::unpacked(disk, &path)?)
        .map_err(|error| error.at(&path))?;
    let place = |name: &str| table.header.iter().position(|column| column == name);
    let labels: Vec<(usize, &String)> = table
        .header
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, name)| !HELPERS.contains(&name.as_str()))
        .collect();
    if labels.is_empty() {
        return Err(Error::new(Kind::BrokenInput, score::NO_LABELS.clone()).at(&table.path));
    }
    let strata: Vec<(&'static str, usize)> =
        HELPERS[3..].iter().filter_map(|name| place(name).map(|at| (*name, at))).collect();
    let files = files(disk, root);
    let cases = table.rows.iter().map(|row| {
        let id = row.id().to_owned();
        let cell =
            |name: &str| place(name).map(|at| row.cells[at].clone()).filter(|c| !c.is_empty());
        let file = match cell("file") {
            Some(file) => Some(root.join(file)),
            None => files.get(&id).cloned(),
        };
        Case {
            patient: cell("patient").unwrap_or_else(|| id.clone()),
            split: cell("split"),
            files: file.into_iter().collect(),
            truth: labels.iter().map(|(at, _)| truth(&row.cells[*at])).collect(),
            strata: strata.iter().map(|(_, at)| row.cells[*at].clone()).collect(),
            id,
            ..Case::default()
        }
    });
    Ok(Dataset {
        cases: cases.collect(),
        labels: labels.iter().map(|(_, name)| (*name).clone()).collect(),
        strata: strata.into_iter().map(|(name, _)| name).collect(),
        ..Dataset::default()
    })
}

fn truth(cell: &str) -> Truth {
    match cell.parse::<f64>() {
        Ok(1.0) => Truth::Positive,
        Ok(0.0) => Truth::Negative,
        Ok(-1.0) => Truth::Uncertain,
        Ok(value) if value.is_finite() => Truth::Value(value),
        _ if cell.is_empty() => Truth::Unknown,
        _ => Truth::Text(cell.into()),
    }
}

/// Files of a folder by their name without ending.
fn files(disk: &Files, folder: &Path) -> BTreeMap<String, PathBuf> {
    let named = disk.list(folder).into_iter().filter(|entry| !entry.folder);
    named.filter_map(|entry| Some((stem(&entry.name)?, folder.join(entry.name)))).collect()
}

/// A name without `.nii.gz` or its last ending; `None` of the `._` leavings of some systems.
fn stem(name: &str) -> Option<String> {
    if name.starts_with('.') {
        return None;
    }
    let stem = name.strip_suffix(".nii.gz").map(str::to_owned);
    stem.or_else(|| Some(name.rsplit_once('.')?.0.to_owned()))
}

/// `images/` and `labels/` with the same names.
pub(super) fn nifti(disk: &Files, root: &Path) -> Result<Dataset> {
    let (images, labels) = (files(disk, &root.join("images")), files(disk, &root.join("labels")));
    if labels.is_empty() {
        return Err(Error::new(Kind::BrokenInput, words::lacks("labels/")));
    }
    let mut names: Vec<&String> = images.keys().chain(labels.keys()).collect();
    names.sort();
    names.dedup();
    let cases = names.into_iter().map(|name| Case {
        id: name.clone(),
        patient: name.clone(),
        // What is missing is named by where it would be.
        files: vec![
            images
                .get(name)
                .cloned()
                .unwrap_or_else(|| root.join("images").join(format!("{name}.nii.gz"))),
        ],
        truth: vec![if labels.contains_key(name) { Truth::Positive } else { Truth::Unknown }],
        mask: labels.get(name).cloned(),
        ..Case::default()
    });
    Ok(Dataset { labels: vec!["mask".into()], cases: cases.collect(), ..Dataset::default() })
}

/// A task of the Medical Segmentation Decathlon, whose `dataset.json` names every file: what it names and
/// is not there counts as missing. Images of several sequences are one file with a fourth axis.
pub(super) fn msd(disk: &Files, root: &Path) -> Result<Dataset> {
    let mut set = nnunet(disk, root)?;
    let json: Json =
        serde_json::from_slice(&disk.bytes(&root.join("dataset.json"))?).unwrap_or_default();
    // Numbers to names, where nnU-Net has names to numbers.
    if !json["labels"].as_object().is_some_and(|labels| labels.values().all(Json::is_string)) {
        let text = words::lacks("labels: { \"1\": NAME }");
        return Err(Error::new(Kind::BrokenInput, text).at(root.join("dataset.json")));
    }
    let known: BTreeSet<PathBuf> =
        set.cases.iter().flat_map(|case| case.files.iter().cloned()).collect();
    for (split, key) in [("train", "training"), ("test", "test")] {
        for entry in json[key].as_array().into_iter().flatten() {
            let Some(image) = entry["image"].as_str().or(entry.as_str()) else { continue };
            let path = root.join(image.trim_start_matches("./"));
            let Some(name) = path.file_name().and_then(|name| stem(&name.to_string_lossy())) else {
                continue;
            };
            if !known.contains(&path) && set.cases.iter().all(|case| case.id != name) {
                set.cases.push(Case {
                    id: name.clone(),
                    patient: name,
                    split: Some(split.into()),
                    truth: vec![Truth::Unknown],
                    files: vec![path],
                    ..Case::default()
                });
            }
        }
    }
    Ok(set)
}

/// nnU-Net's raw data sets: `imagesTr`, `labelsTr`, channels as `_0000`.
pub(super) fn nnunet(disk: &Files, root: &Path) -> Result<Dataset> {
    let path = root.join("dataset.json");
    let bytes = disk.bytes(&path)?;
    let json: Json = serde_json::from_slice(&bytes).map_err(|error| {
        let text = score::not_json(error.line(), error.column());
        Error::new(Kind::BrokenInput, text).at(&path)
    })?;
    let mut cases = Vec::new();
    for (split, images, labels) in
        [("train", "imagesTr", "labelsTr"), ("test", "imagesTs", "labelsTs")]
    {
        let masks = files(disk, &root.join(labels));
        let mut channels: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (name, path) in files(disk, &root.join(images)) {
            let channel = name.rsplit_once('_').filter(|(_, end)| {
                end.len() == 4 && end.chars().all(|digit| digit.is_ascii_digit())
            });
            // The Decathlon has no channel numbers; a case whose mask bears its whole name is one.
            let case = match channel {
                Some((case, _)) if !masks.contains_key(&name) => case.to_owned(),
                _ => name,
            };
            channels.entry(case).or_default().push(path);
        }
        for name in masks.keys() {
            channels.entry(name.clone()).or_default();
        }
        cases.extend(channels.into_iter().map(|(name, files)| Case {
            patient: name.clone(),
            split: Some(split.into()),
            truth: vec![if masks.contains_key(&name) { Truth::Positive } else { Truth::Unknown }],
            mask: masks.get(&name).cloned(),
            files: match files.is_empty() {
                true => vec![root.join(images).join(format!("{name}.nii.gz"))],
                false => files,
            },
            id: name,
            ..Case::default()
        }));
    }
    let mut notes = Vec::new();
    if let Some(claimed) = json["numTraining"].as_u64() {
        let found = cases.iter().filter(|case| case.split.as_deref() == Some("train")).count();
        if claimed != found as u64 {
            notes.push(Note::warning("count", words::count_differs(claimed, found)));
        }
    }
    let mut list = Vec::new();
    if let Some(labels) = json["labels"].as_object() {
        notes.push(Note::info("label-map", words::label_map(&label_map(labels))));
        list = regions(labels);
    }
    let ignored = json["labels"]["ignore"].as_u64().filter(|_| !list.is_empty());
    let ignored = ignored.and_then(|label| u32::try_from(label).ok());
    let regions = Regions { list, ignored, ..Regions::default() };
    Ok(Dataset { labels: vec!["mask".into()], regions, cases, notes, ..Dataset::default() })
}

/// The structures of a set trained by regions, the largest first: where a name stands for several labels,
/// every name is a region. None of a set whose names stand for one label each.
fn regions(labels: &serde_json::Map<String, Json>) -> Vec<Region> {
    let label = |value: &Json| value.as_u64().and_then(|label| u16::try_from(label).ok());
    if !labels.values().any(Json::is_array) {
        return Vec::new();
    }
    let mut found: Vec<Region> = labels
        .iter()
        .filter(|(name, _)| name.as_str() != "ignore")
        .filter_map(|(name, value)| {
            let own: Option<Vec<u16>> = match value.as_array() {
                Some(several) => several.iter().map(label).collect(),
                None => label(value).map(|one| vec![one]),
            };
            let own: Vec<u16> = own?.into_iter().filter(|label| *label > 0).collect();
            (!own.is_empty()).then(|| Region::new(name, &own))
        })
        .collect();
    found.sort_by_key(|region| (std::cmp::Reverse(region.labels.len()), region.name.clone()));
    found
}

/// `1 liver, 2 tumour`, from either way of writing it: number to name, or name to number.
fn label_map(labels: &serde_json::Map<String, Json>) -> String {
    let mut pairs: Vec<(String, String)> = labels
        .iter()
        .map(|(key, value)| match value.as_str() {
            Some(name) => (key.clone(), name.to_owned()),
            None => (value.to_string(), key.clone()),
        })
        .collect();
    pairs.sort_by_key(|(number, _)| (number.parse::<u64>().unwrap_or(u64::MAX), number.clone()));
    pairs.iter().map(|(number, name)| format!("{number} {name}")).collect::<Vec<_>>().join(", ")
}
