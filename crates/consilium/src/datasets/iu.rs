//! IU X-ray: as the National Library of Medicine publishes it (an XML file a report), and Kaggle's
//! tables.

use super::csv::{self, cell};
use super::files::by_name;
use super::truth::text;
use super::{Case, Dataset, Files, Truth};
use base::words::{datasets as words, score};
use base::{Error, Kind, Note, Result};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the reports lie in the library's archive.
const REPORTS: [&str; 3] =
    ["ecgen-radiology", "NLMCXR_reports.tgz/ecgen-radiology", "NLMCXR_reports/ecgen-radiology"];

/// One report, with its films, the frontal one first where that is known. `annotation.json` of R2Gen
/// gives the split that papers on report generation use.
pub(super) fn read(files: &Files, root: &Path) -> Result<Dataset> {
    let reports = REPORTS.iter().map(|name| root.join(name)).find(|path| files.is_folder(path));
    let mut cases = match reports {
        Some(folder) => library(files, root, &folder)?,
        None => kaggle(files, root)?,
    };
    let path = root.join("annotation.json");
    if files.is_file(&path) {
        let splits = splits(&files.bytes(&path)?).map_err(|error| error.at(&path))?;
        for case in &mut cases {
            let films = case.files.iter().filter_map(|film| film.file_stem()?.to_str());
            let names = films.flat_map(|film| studies_of(film, &case.id));
            case.split = names.filter_map(|name| splits.get(&name)).next().cloned();
        }
    }
    Ok(Dataset {
        labels: vec!["findings".into(), "impression".into()],
        cases,
        notes: vec![Note::info("xxxx", words::DEIDENTIFIED_WORDS.clone())],
        ..Dataset::default()
    })
}

/// What R2Gen may call the study of a film: the library's `CXR1_1_IM-0001-3001` and Kaggle's
/// `1_IM-0001-3001.dcm` are of `CXR1_1_IM-0001`, Kaggle's `1000_IM-0003-1001.dcm` of
/// `CXR1000_IM-0003`.
fn studies_of(film: &str, id: &str) -> Vec<String> {
    let film = film.trim_end_matches(".dcm");
    let Some((study, _)) = film.rsplit_once('-') else { return Vec::new() };
    if study.starts_with("CXR") {
        return vec![study.to_owned()];
    }
    vec![format!("CXR{id}_{study}"), format!("CXR{study}")]
}

/// The study of each split.
fn splits(bytes: &[u8]) -> Result<BTreeMap<String, String>> {
    let json: Json = serde_json::from_slice(bytes).map_err(|error| {
        Error::new(Kind::BrokenInput, score::not_json(error.line(), error.column()))
    })?;
    let mut found = BTreeMap::new();
    for split in ["train", "val", "test"] {
        for entry in json[split].as_array().into_iter().flatten() {
            if let Some(id) = entry["id"].as_str() {
                found.insert(id.to_owned(), split.to_owned());
            }
        }
    }
    Ok(found)
}

fn kaggle(files: &Files, root: &Path) -> Result<Vec<Case>> {
    let reports = csv::read(files, root, &["indiana_reports.csv"])?;
    let films = csv::read(files, root, &["indiana_projections.csv"])?;
    let (film_of, name, side) =
        (films.column("uid")?, films.column("filename")?, films.column("projection")?);
    let mut of_report: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    let mut sorted: Vec<&Vec<String>> = films.rows.iter().collect();
    // The frontal film first.
    sorted.sort_by_key(|row| cell(row, side) != "Frontal");
    for row in sorted {
        let path = root.join("images/images_normalized").join(cell(row, name));
        of_report.entry(cell(row, film_of)).or_default().push(path);
    }
    let uid = reports.column("uid")?;
    let columns = [reports.column("findings")?, reports.column("impression")?];
    let cases = reports.rows.iter().map(|row| {
        let id = cell(row, uid);
        Case {
            id: id.into(),
            patient: id.into(),
            files: of_report.get(id).cloned().unwrap_or_default(),
            truth: columns.map(|at| text(cell(row, at))).to_vec(),
            ..Case::default()
        }
    });
    Ok(cases.collect())
}

/// `ecgen-radiology/<n>.xml`.
fn library(files: &Files, root: &Path, folder: &Path) -> Result<Vec<Case>> {
    let mut images = by_name(files, root, "", 1);
    images.retain(|name, _| [".png", ".dcm", ".jpg"].iter().any(|ending| name.ends_with(ending)));
    for entry in files.list(root).into_iter().filter(|entry| !entry.folder) {
        images.insert(entry.name.clone(), root.join(entry.name));
    }
    let mut cases = Vec::new();
    for entry in files.list(folder) {
        let Some(number) = entry.name.strip_suffix(".xml").filter(|_| !entry.folder) else {
            continue;
        };
        let path = folder.join(&entry.name);
        let bytes = files.bytes(&path)?;
        let text = String::from_utf8_lossy(&bytes);
        let case = report(&text, number, root, &images).map_err(|error| error.at(&path))?;
        cases.push(case);
    }
    // By number, not by letters.
    cases.sort_by_key(|case| {
        (case.id.trim_start_matches("CXR").parse::<u64>().ok(), case.id.clone())
    });
    Ok(cases)
}

fn report(
    text: &str,
    number: &str,
    root: &Path,
    images: &BTreeMap<String, PathBuf>,
) -> Result<Case> {
    let document = roxmltree::Document::parse(text)
        .map_err(|error| Error::new(Kind::BrokenInput, words::not_xml(error.pos().row as usize)))?;
    let all = || document.root_element().descendants();
    let uid = all().find(|node| node.has_tag_name("uId")).and_then(|node| node.attribute("id"));
    let id = uid.unwrap_or(number).to_owned();
    let section = |label: &str| -> Truth {
        let own = |node: &roxmltree::Node| {
            node.has_tag_name("AbstractText") && node.attribute("Label") == Some(label)
        };
        self::text(all().find(own).and_then(|node| node.text()).unwrap_or("").trim())
    };
    let films = all().filter(|node| node.has_tag_name("parentImage")).filter_map(|node| {
        let name = node.attribute("id")?;
        let names = [".png", ".dcm", ".jpg"].map(|ending| format!("{name}{ending}"));
        let there = names.iter().find_map(|name| images.get(name)).cloned();
        Some(there.unwrap_or_else(|| root.join(&names[0])))
    });
    Ok(Case {
        patient: id.clone(),
        files: films.collect(),
        truth: vec![section("FINDINGS"), section("IMPRESSION")],
        id,
        ..Case::default()
    })
}
