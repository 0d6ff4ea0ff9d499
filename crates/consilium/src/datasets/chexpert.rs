//! CheXpert.

use super::csv::{self, cell};
use super::truth::{mention, strange};
use super::{Case, Dataset, Files};
use base::words::datasets as words;
use base::{Note, Result};
use std::path::{Path, PathBuf};

/// CheXpert's fourteen, in the order of its own tables; MIMIC-CXR has the same.
pub(super) const LABELS: [&str; 14] = [
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

/// The tables of each split; the test part came out later, under another name.
const SPLITS: [(&str, &[&str]); 3] = [
    ("train", &["train.csv"]),
    ("valid", &["valid.csv"]),
    ("test", &["test.csv", "test_labels.csv"]),
];

/// An image a case in the training part; blank is not mentioned, -1 uncertain. The test part is
/// labelled by study where its own table has it so.
pub(super) fn read(files: &Files, root: &Path) -> Result<Dataset> {
    let mut cases = Vec::new();
    for (split, names) in SPLITS {
        if split != "train" && csv::find(files, root, names).is_none() {
            continue;
        }
        let table = csv::read(files, root, names)?;
        let path = table.any_column(&["Path", "Study"])?;
        let labels = LABELS.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
        let strata = ["Sex", "Age", "Frontal/Lateral", "AP/PA"].map(|name| table.maybe(name));
        for (at, row) in table.rows.iter().enumerate() {
            let id = cell(row, path).to_owned();
            let parts: Vec<&str> = id.split('/').collect();
            let found = |start: &str| parts.iter().find(|part| part.starts_with(start)).copied();
            let patient = found("patient").ok_or_else(|| strange("Path", &id, at + 2))?;
            let mut truth = Vec::with_capacity(labels.len());
            for (label, name) in labels.iter().zip(LABELS) {
                let text = cell(row, *label);
                truth.push(mention(text).ok_or_else(|| strange(name, text, at + 2))?);
            }
            let mut strata: Vec<String> =
                strata.iter().map(|at| at.map_or("", |at| cell(row, at)).to_owned()).collect();
            // 0 stands for an unknown age, and one row says that its sex is unknown.
            if strata[1] == "0" {
                strata[1].clear();
            }
            if strata[0] == "Unknown" {
                strata[0].clear();
            }
            strata.push(format!("{patient}/{}", found("study").unwrap_or("")));
            cases.push(Case {
                patient: patient.into(),
                split: Some(split.into()),
                files: images(files, root, &parts),
                truth,
                strata,
                id,
                ..Case::default()
            });
        }
    }
    Ok(Dataset {
        labels: LABELS.map(str::to_owned).to_vec(),
        strata: vec!["sex", "age", "frontal_lateral", "view", "study"],
        cases,
        notes: vec![
            Note::info("uncertain", words::UNCERTAIN.clone()),
            Note::info("views", words::VIEWS_BY_MAX.clone()),
        ],
        ..Dataset::default()
    })
}

/// The image of a path; all views of a study's folder. The first part names the set's own folder,
/// whatever it is called here.
fn images(files: &Files, root: &Path, parts: &[&str]) -> Vec<PathBuf> {
    let own = parts.first().is_some_and(|first| first.starts_with("CheXpert"));
    let inside = root.join(parts.iter().skip(usize::from(own)).collect::<PathBuf>());
    let is_image = parts.last().is_some_and(|last| last.contains('.'));
    if is_image {
        return vec![inside];
    }
    let views = files.list(&inside).into_iter().filter(|entry| !entry.folder);
    views.map(|entry| inside.join(entry.name)).collect()
}
