//! PadChest: labels as a Python list in a cell, fifty archives of films.

use super::csv::{self, cell};
use super::truth::strange;
use super::{Case, Dataset, Files, Truth};
use base::words::datasets as words;
use base::{Note, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Films that are missing or broken as published, from the list that TorchXRayVision's loader keeps.
const BROKEN: &str = include_str!("padchest_broken.txt");
/// The report itself says that the film is not to be used.
const EXCLUDE: &str = "exclude";

/// A film a case. A film without labels is unknown, not normal; one labelled `exclude` too. Labels are
/// those the table has, of which `normal` is one.
pub(super) fn read(files: &Files, root: &Path) -> Result<Dataset> {
    let table = csv::read(
        files,
        root,
        &["PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", "PADCHEST.csv"],
    )?;
    let (image, folder) = (table.column("ImageID")?, table.column("ImageDir")?);
    let (patient, labels) = (table.column("PatientID")?, table.column("Labels")?);
    let maybe = ["PatientSex_DICOM", "Projection", "MethodLabel", "Pediatric"]
        .map(|name| table.maybe(name));
    let (birth, date) = (table.maybe("PatientBirth"), table.maybe("StudyDate_DICOM"));
    let broken: BTreeSet<&str> =
        BROKEN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut rows = Vec::with_capacity(table.rows.len());
    let (mut left_out, mut excluded) = (0, 0);
    for (at, row) in table.rows.iter().enumerate() {
        if broken.contains(cell(row, image)) {
            left_out += 1;
            continue;
        }
        let text = cell(row, labels);
        let mut own = list(text).ok_or_else(|| strange("Labels", text, at + 2))?;
        if own.contains(EXCLUDE) {
            excluded += 1;
            own.clear();
        }
        rows.push((row, own));
    }
    let names: BTreeSet<&String> = rows.iter().flat_map(|(_, own)| own).collect();
    let names: BTreeMap<&String, usize> = names.into_iter().zip(0..).collect();
    let cases = rows.iter().map(|(row, own)| {
        let id = cell(row, image).to_owned();
        let mut truth =
            vec![if own.is_empty() { Truth::Unknown } else { Truth::Negative }; names.len()];
        own.iter().for_each(|name| truth[names[name]] = Truth::Positive);
        let mut strata = maybe.map(|at| at.map_or("", |at| cell(row, at)).to_owned()).to_vec();
        strata.push(age(birth.map_or("", |at| cell(row, at)), date.map_or("", |at| cell(row, at))));
        Case {
            patient: cell(row, patient).into(),
            files: vec![place(files, root, cell(row, folder), &id)],
            truth,
            strata,
            id,
            ..Case::default()
        }
    });
    let cases = cases.collect();
    let mut notes = vec![Note::info("no-labels", words::NO_LABELS_IS_UNKNOWN.clone())];
    if left_out > 0 {
        notes.push(Note::warning("broken", words::known_broken(left_out)));
    }
    if excluded > 0 {
        notes.push(Note::warning("excluded", words::excluded(excluded)));
    }
    Ok(Dataset {
        labels: names.into_keys().cloned().collect(),
        strata: vec!["sex", "view", "method", "pediatric", "age"],
        cases,
        notes,
        ..Dataset::default()
    })
}

/// `['pleural effusion', 'normal']`, with blanks and empty names as the table has them; nothing for an
/// empty cell. `None` where it is no list.
pub(super) fn list(text: &str) -> Option<BTreeSet<String>> {
    let text = text.trim();
    if text.is_empty() || text == "nan" {
        return Some(BTreeSet::new());
    }
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut names = BTreeSet::new();
    let mut letters = inside.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let name: String = letters.by_ref().take_while(|other| *other != letter).collect();
                names.insert(name.trim().to_lowercase());
            }
            ',' | ' ' => {}
            // `nan` among names.
            _ => while letters.next_if(|letter| *letter != ',').is_some() {},
        }
    }
    names.remove("");
    Some(names)
}

/// Years between the year of birth and the day of the study, `20140915`; empty where one is missing.
fn age(birth: &str, date: &str) -> String {
    let birth = birth.split('.').next().and_then(|year| year.parse::<i32>().ok());
    let year = date.get(..4).and_then(|year| year.parse::<i32>().ok());
    let age = birth.zip(year).map(|(birth, year)| year - birth);
    age.filter(|age| (0..=120).contains(age)).map_or(String::new(), |age| age.to_string())
}

/// In the folder or the archive of its number, or all films in one folder.
fn place(files: &Files, root: &Path, folder: &str, name: &str) -> PathBuf {
    let folder = folder.split('.').next().unwrap_or(folder);
    let archive = root.join(format!("{folder}.zip"));
    let usual = root.join(folder).join(name);
    let places =
        [usual.clone(), archive.join(name), archive.join(folder).join(name), root.join(name)];
    places.into_iter().find(|path| files.is_file(path)).unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_python_writes_them() {
        let names = |text: &str| list(text).map(|names| names.into_iter().collect::<Vec<_>>());
        assert_eq!(
            names("['pleural effusion', ' Normal ', '', nan, \"a'b\"]").unwrap(),
            ["a'b", "normal", "pleural effusion"]
        );
        assert_eq!(names("").unwrap(), [""; 0]);
        assert_eq!(names("[]").unwrap(), [""; 0]);
        assert_eq!(names("normal"), None);
        assert_eq!((age("1950.0", "20140915"), age("", "2014")), ("64".into(), String::new()));
    }
}
