//! MIMIC-CXR: the JPEG edition with its labels, the DICOM edition with its reports.

use super::chexpert::LABELS;
use super::csv::{self, Csv, cell};
use super::truth::{mention, strange, text};
use super::{Case, Dataset, Files, Truth};
use base::words::datasets as words;
use base::{Error, Kind, Note, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// MIMIC-CXR-JPG with the labels of CheXpert's labeller.
pub(super) fn jpg(files: &Files, root: &Path) -> Result<Dataset> {
    labelled(files, root, "chexpert")
}

/// The same with those of NegBio.
pub(super) fn jpg_negbio(files: &Files, root: &Path) -> Result<Dataset> {
    labelled(files, root, "negbio")
}

/// Labels of a study, given to each of its images. Studies that radiologists labelled anew (since 2.1.0)
/// have those labels instead.
fn labelled(files: &Files, root: &Path, labeller: &str) -> Result<Dataset> {
    let table = |what: &str| {
        let names = ["2.0.0", "2.1.0"].map(|edition| format!("mimic-cxr-{edition}-{what}.csv"));
        csv::read(files, root, &[&names[0], &names[1]])
    };
    let mut by_study = studies(&table(labeller)?)?;
    let mut notes = vec![Note::info("uncertain", words::UNCERTAIN.clone())];
    let read_again = ["mimic-cxr-2.1.0-test-set-labeled.csv"];
    if csv::find(files, root, &read_again).is_some() {
        let again = studies(&csv::read(files, root, &read_again)?)?;
        notes.push(Note::info("read-again", words::read_again(again.len())));
        for ((patient, study), truth) in again {
            // That table has no patients, and where it has them they are the same.
            let own = by_study.keys().find(|(_, other)| *other == study).cloned();
            by_study.insert(own.unwrap_or((patient, study)), truth);
        }
    }
    let meta = table("metadata")?;
    let (dicom, view) = (meta.column("dicom_id")?, meta.column("ViewPosition")?);
    let views: BTreeMap<&str, &str> =
        meta.rows.iter().map(|row| (cell(row, dicom), cell(row, view))).collect();
    let splits = table("split")?;
    let dicom = splits.column("dicom_id")?;
    let (subject, study) = (splits.column("subject_id")?, splits.column("study_id")?);
    let split = splits.column("split")?;
    let unknown = vec![Truth::Unknown; LABELS.len()];
    let cases = splits.rows.iter().map(|row| {
        let (id, patient, study) = (cell(row, dicom), cell(row, subject), cell(row, study));
        let group: String = patient.chars().take(2).collect();
        let path = format!("files/p{group}/p{patient}/s{study}/{id}.jpg");
        Case {
            id: id.into(),
            patient: patient.into(),
            split: Some(cell(row, split).into()),
            files: vec![root.join(path)],
            truth: by_study.get(&(patient.into(), study.into())).unwrap_or(&unknown).clone(),
            strata: vec![views.get(id).copied().unwrap_or("").into(), study.into()],
            ..Case::default()
        }
    });
    Ok(Dataset {
        labels: LABELS.map(str::to_owned).to_vec(),
        strata: vec!["view", "study"],
        cases: cases.collect(),
        notes,
        ..Dataset::default()
    })
}

/// The labels of a table by patient and study.
fn studies(table: &Csv) -> Result<BTreeMap<(String, String), Vec<Truth>>> {
    let (subject, study) = (table.maybe("subject_id"), table.column("study_id")?);
    // Radiologists' labels have no column for every one of the fourteen.
    let places = LABELS.map(|name| table.maybe(name));
    if places.iter().all(Option::is_none) {
        table.column(LABELS[0])?;
    }
    let mut found = BTreeMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        let mut truth = Vec::with_capacity(places.len());
        for (place, name) in places.iter().zip(LABELS) {
            let text = place.map_or("", |place| cell(row, place));
            truth.push(mention(text).ok_or_else(|| strange(name, text, at + 2))?);
        }
        let patient = subject.map_or("", |subject| cell(row, subject));
        found.insert((patient.to_owned(), cell(row, study).to_owned()), truth);
    }
    Ok(found)
}

/// MIMIC-CXR in DICOM: a study a case with its films and the sections of its report, from
/// `mimic_cxr_sectioned.csv` (the set's own script makes it) or from the report itself.
pub(super) fn dicom(files: &Files, root: &Path) -> Result<Dataset> {
    let records = csv::read(files, root, &["cxr-record-list.csv"])?;
    let (subject, study) = (records.column("subject_id")?, records.column("study_id")?);
    let path = records.column("path")?;
    let mut cases: BTreeMap<&str, Case> = BTreeMap::new();
    for row in &records.rows {
        let id = cell(row, study);
        let case = cases.entry(id).or_insert_with(|| Case {
            id: id.into(),
            patient: cell(row, subject).into(),
            ..Case::default()
        });
        case.files.push(root.join(cell(row, path)));
    }
    let sections = sections(files, root)?;
    for case in cases.values_mut() {
        case.truth = match sections.get(&format!("s{}", case.id)) {
            Some(sections) => sections.to_vec(),
            None if sections.is_empty() => {
                let group: String = case.patient.chars().take(2).collect();
                let inside = format!("files/p{group}/p{}/s{}.txt", case.patient, case.id);
                // The reports come as an archive of their own.
                let places = [root.join(&inside), root.join("mimic-cxr-reports.zip").join(&inside)];
                match places.iter().find(|path| files.is_file(path)) {
                    Some(path) => {
                        let report = String::from_utf8_lossy(&files.bytes(path)?).into_owned();
                        ["FINDINGS:", "IMPRESSION:"].map(|name| section(&report, name)).to_vec()
                    }
                    None => vec![Truth::Unknown, Truth::Unknown],
                }
            }
            None => vec![Truth::Unknown, Truth::Unknown],
        };
    }
    let mut split = BTreeMap::new();
    let names = ["mimic-cxr-2.0.0-split.csv", "mimic-cxr-2.1.0-split.csv"];
    if csv::find(files, root, &names).is_some() {
        let table = csv::read(files, root, &names)?;
        let (study, column) = (table.column("study_id")?, table.column("split")?);
        split.extend(
            table
                .rows
                .iter()
                .map(|row| (cell(row, study).to_owned(), cell(row, column).to_owned())),
        );
    }
    let cases =
        cases.into_values().map(|case| Case { split: split.get(&case.id).cloned(), ..case });
    Ok(Dataset {
        labels: vec!["findings".into(), "impression".into()],
        cases: cases.collect(),
        notes: vec![Note::info("masked", words::MASKED_WORDS.clone())],
        ..Dataset::default()
    })
}

/// Findings and impression by study, `s50414267`.
fn sections(files: &Files, root: &Path) -> Result<BTreeMap<String, [Truth; 2]>> {
    let names = ["mimic_cxr_sectioned.csv"];
    if csv::find(files, root, &names).is_none() {
        return Ok(BTreeMap::new());
    }
    let table = csv::read(files, root, &names)?;
    let study = table.column("study")?;
    let columns = [table.column("findings")?, table.column("impression")?];
    let own = |row: &Vec<String>| {
        (cell(row, study).to_owned(), columns.map(|column| text(cell(row, column))))
    };
    let found: BTreeMap<_, _> = table.rows.iter().map(own).collect();
    if found.is_empty() {
        let text = base::words::score::EMPTY_SPLIT.clone();
        return Err(Error::new(Kind::BrokenInput, text).at(root.join(names[0])));
    }
    Ok(found)
}

/// What follows a heading up to the next one: a line that begins with capitals and a colon.
fn section(report: &str, heading: &str) -> Truth {
    let Some(at) = report.find(heading) else { return Truth::Unknown };
    let mut words: Vec<&str> = Vec::new();
    for (number, line) in report[at + heading.len()..].lines().enumerate() {
        let head = line.trim_start().split_once(':').map(|(head, _)| head);
        let next = head.is_some_and(|head| {
            head.chars().any(char::is_alphabetic) && !head.chars().any(char::is_lowercase)
        });
        if number > 0 && next {
            break;
        }
        words.extend(line.split_whitespace());
    }
    text(&words.join(" "))
}
