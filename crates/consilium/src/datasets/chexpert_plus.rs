//! CheXpert Plus (Chambon et al. 2024): CheXpert's films again, with their reports.

use super::chexpert::LABELS;
use super::csv::{self, cell};
use super::truth::{mention, strange, text};
use super::{Case, Dataset, Files, Truth};
use base::words::{datasets as words, score};
use base::{Error, Kind, Note, Result};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The table as it was published.
const TABLE: &str = "df_chexpert_plus_240401.csv";
/// CheXbert's labels of the whole report, else of a part, where one JSON object a line lies.
const LABELLED: [&str; 3] = ["report_fixed.json", "impression_fixed.json", "findings_fixed.json"];
/// Where the films lie: the archives hold a folder of their own name.
const FOLDERS: [(&str, &str); 7] = [
    ("PNG/PNG", "png"),
    ("PNG", "png"),
    ("PNG.zip/PNG", "png"),
    ("DICOM/DICOM", "dcm"),
    ("DICOM", "dcm"),
    ("", "png"),
    ("", "jpg"),
];

/// An image a case, with the labels of its report and the report's own words. The official split is
/// CheXpert's: train and valid.
pub(super) fn read(files: &Files, root: &Path) -> Result<Dataset> {
    let table = csv::read(files, root, &[TABLE])?;
    let path = table.column("path_to_image")?;
    let patient = table.column("deid_patient_id")?;
    let split = table.column("split")?;
    let texts = [table.column("section_findings")?, table.column("section_impression")?];
    let strata = ["sex", "age", "frontal_lateral", "ap_pa", "race"].map(|name| table.maybe(name));
    let mut notes = vec![
        Note::info("uncertain", words::UNCERTAIN.clone()),
        Note::info("views", words::VIEWS_BY_MAX.clone()),
        Note::info("png", words::PNG_NOT_JPG.clone()),
    ];
    let folders = ["chexbert_labels", "chexbert_labels.zip/chexbert_labels", "chexbert_labels.zip"];
    let labelled = LABELLED
        .iter()
        .flat_map(|name| folders.map(|folder| root.join(folder).join(name)))
        .find(|path| files.is_file(path));
    let found = match &labelled {
        Some(path) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            notes.push(Note::warning("chexbert", words::chexbert(&name)));
            labels(&files.bytes(path)?).map_err(|error| error.at(path))?
        }
        None => {
            notes.push(Note::warning("chexbert", words::WITHOUT_CHEXBERT.clone()));
            BTreeMap::new()
        }
    };
    let place = place(files, root, table.rows.iter().map(|row| cell(row, path)));
    let unknown = vec![Truth::Unknown; LABELS.len()];
    let mut cases = Vec::with_capacity(table.rows.len());
    for (at, row) in table.rows.iter().enumerate() {
        let id = cell(row, path).to_owned();
        if id.is_empty() {
            return Err(strange("path_to_image", "", at + 2).at(root.join(TABLE)));
        }
        let part = |start: &str| id.split('/').find(|part| part.starts_with(start)).unwrap_or("");
        let patient = match cell(row, patient) {
            "" => part("patient").to_owned(),
            own => own.to_owned(),
        };
        let mut truth = found.get(&id).unwrap_or(&unknown).clone();
        truth.extend(texts.map(|at| text(cell(row, at))));
        let mut strata: Vec<String> =
            strata.iter().map(|at| at.map_or("", |at| cell(row, at)).to_owned()).collect();
        // As in CheXpert, 0 stands for an unknown age.
        if matches!(strata[1].as_str(), "0" | "0.0") {
            strata[1].clear();
        }
        if strata[0] == "Unknown" {
            strata[0].clear();
        }
        strata.push(format!("{patient}/{}", part("study")));
        cases.push(Case {
            split: Some(cell(row, split).to_owned()).filter(|split| !split.is_empty()),
            files: vec![film(root, &place, &id)],
            patient,
            truth,
            strata,
            id,
            ..Case::default()
        });
    }
    let mut labels = LABELS.map(str::to_owned).to_vec();
    labels.extend(["findings".into(), "impression".into()]);
    Ok(Dataset {
        labels,
        strata: vec!["sex", "age", "frontal_lateral", "view", "race", "study"],
        cases,
        notes,
        ..Dataset::default()
    })
}

/// The folder and ending under which the first film that is there lies; the first of all where none is.
fn place<'a>(
    files: &Files,
    root: &Path,
    mut films: impl Iterator<Item = &'a str>,
) -> (&'static str, &'static str) {
    /// A download may lack some films; so many are looked for.
    const TRIED: usize = 100;
    let there =
        |place: &(&'static str, &'static str), id: &str| files.is_file(&film(root, place, id));
    let found =
        films.by_ref().take(TRIED).find_map(|id| FOLDERS.into_iter().find(|p| there(p, id)));
    found.unwrap_or(FOLDERS[0])
}

fn film(root: &Path, (folder, ending): &(&str, &str), id: &str) -> PathBuf {
    root.join(folder).join(Path::new(id).with_extension(ending))
}

/// The labels by film, of a JSON object a line: `{"path_to_image": …, "Edema": 1.0, "Fracture": null, …}`.
fn labels(bytes: &[u8]) -> Result<BTreeMap<String, Vec<Truth>>> {
    let mut found = BTreeMap::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let json: Json = serde_json::from_slice(line).map_err(|error| {
            Error::new(Kind::BrokenInput, score::not_json(at + 1, error.column()))
        })?;
        let Some(id) = json["path_to_image"].as_str() else {
            return Err(strange("path_to_image", &json["path_to_image"].to_string(), at + 1));
        };
        let mut truth = Vec::with_capacity(LABELS.len());
        for name in LABELS {
            let value = match &json[name] {
                Json::Null => String::new(),
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            truth.push(mention(&value).ok_or_else(|| strange(name, &value, at + 1))?);
        }
        found.insert(id.to_owned(), truth);
    }
    Ok(found)
}
