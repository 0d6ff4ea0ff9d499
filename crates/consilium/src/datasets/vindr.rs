//! VinDr-CXR: the whole set of PhysioNet, and the part that Kaggle has.

use super::boxes::{BoxLabel, Mark, from_corners, numbered};
use super::csv::{self, Csv, cell};
use super::files::by_name;
use super::truth::{mention, numbers, strange};
use super::{Case, Dataset, Files, Truth};
use base::words::datasets as words;
use base::{Note, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Columns that name who read.
const READER: [&str; 2] = ["rad_id", "rad_ID"];
/// Kaggle's number for a reader who saw nothing.
const NO_FINDING: &str = "14";

/// Three readers an image in the training part, of whom more than half must agree; one consensus in the
/// test part. `annotations/` is PhysioNet's layout, `train.csv` Kaggle's.
pub(super) fn read(files: &Files, root: &Path) -> Result<Dataset> {
    let folder = root.join("annotations");
    if !files.is_folder(&folder) && csv::find(files, root, &["train.csv"]).is_some() {
        return kaggle(files, root);
    }
    let mut set = Dataset::default();
    for split in ["train", "test"] {
        let name = format!("annotations_{split}.csv");
        let mut boxes = match csv::find(files, &folder, &[&name]) {
            Some(_) => boxes(&csv::read(files, &folder, &[&name])?, &mut set.box_labels)?,
            None => BTreeMap::new(),
        };
        let table = csv::read(files, &folder, &[&format!("image_labels_{split}.csv")])?;
        let image = table.column("image_id")?;
        let reader = READER.iter().find_map(|name| table.maybe(name));
        let known = |name: &&String| !["image_id"].iter().chain(&READER).any(|own| own == name);
        let labels: Vec<(usize, &String)> =
            table.header.iter().enumerate().filter(|(_, name)| known(name)).collect();
        if set.labels.is_empty() {
            set.labels = labels.iter().map(|(_, name)| (*name).clone()).collect();
        }
        let mut votes: BTreeMap<&str, (Vec<String>, Vec<usize>)> = BTreeMap::new();
        for (at, row) in table.rows.iter().enumerate() {
            let own = votes.entry(cell(row, image)).or_insert((vec![], vec![0; labels.len()]));
            own.0.push(reader.map_or(String::new(), |reader| cell(row, reader).to_owned()));
            for (place, (column, name)) in labels.iter().enumerate() {
                match mention(cell(row, *column)) {
                    Some(Truth::Positive) => own.1[place] += 1,
                    Some(Truth::Negative) => {}
                    _ => return Err(strange(name, cell(row, *column), at + 2)),
                }
            }
        }
        let drawn = !boxes.is_empty();
        set.cases.extend(votes.into_iter().map(|(id, (readers, votes))| {
            let most = readers.len();
            Case {
                id: id.into(),
                // The set does not say who is who.
                patient: id.into(),
                split: Some(split.into()),
                files: vec![root.join(split).join(format!("{id}.dicom"))],
                truth: votes.iter().map(|n| majority(*n, most)).collect(),
                boxes: drawn.then(|| boxes.remove(id).unwrap_or_default()),
                readers: if reader.is_some() { readers } else { Vec::new() },
                ..Case::default()
            }
        }));
    }
    set.notes.push(Note::info("majority", words::MAJORITY.clone()));
    Ok(set)
}

fn majority(votes: usize, readers: usize) -> Truth {
    if 2 * votes > readers { Truth::Positive } else { Truth::Negative }
}

/// The boxes of each image; new names are added to the labels. Rows of readers who saw nothing have no
/// corners.
fn boxes(table: &Csv, labels: &mut Vec<BoxLabel>) -> Result<BTreeMap<String, Vec<Mark>>> {
    let (image, class) = (table.column("image_id")?, table.column("class_name")?);
    let reader = READER.iter().find_map(|name| table.maybe(name));
    let corners = corners(table)?;
    let mut found: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        let marks = found.entry(cell(row, image).to_owned()).or_default();
        let sides = corners.map(|column| cell(row, column));
        if sides.iter().all(|side| side.is_empty()) {
            continue;
        }
        let sides = numbers(sides).and_then(from_corners);
        let corner_size = sides.ok_or_else(|| strange("x_min", cell(row, corners[0]), at + 2))?;
        let name = cell(row, class);
        let label = labels.iter().position(|label| label.name == name).unwrap_or_else(|| {
            let number = labels.len() as i64;
            labels.push(BoxLabel { number, name: name.to_owned() });
            labels.len() - 1
        });
        let reader = reader.map(|reader| cell(row, reader).to_owned());
        marks.push(Mark { reader, ..Mark::new(label, corner_size) });
    }
    Ok(found)
}

fn corners(table: &Csv) -> Result<[usize; 4]> {
    let names = ["x_min", "y_min", "x_max", "y_max"];
    let found = names.map(|name| table.column(name)).into_iter().collect::<Result<Vec<_>>>()?;
    Ok([found[0], found[1], found[2], found[3]])
}

/// Kaggle's classes 0 to 13, in its order.
const KAGGLE: [&str; 14] = [
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Nodule/Mass",
    "Other lesion",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
];

/// `train.csv`: one row a box and reader; class 14 says that the reader saw nothing.
fn kaggle(files: &Files, root: &Path) -> Result<Dataset> {
    let table = csv::read(files, root, &["train.csv"])?;
    let (image, class, reader) =
        (table.column("image_id")?, table.column("class_id")?, table.any_column(&READER)?);
    let corners = corners(&table)?;
    type Seen<'a> = (BTreeSet<&'a str>, Vec<Mark>);
    let mut found: BTreeMap<&str, Seen> = BTreeMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        let own = found.entry(cell(row, image)).or_default();
        own.0.insert(cell(row, reader));
        if cell(row, class) == NO_FINDING {
            continue;
        }
        let label = cell(row, class).parse().ok().filter(|label: &usize| *label < KAGGLE.len());
        let label = label.ok_or_else(|| strange("class_id", cell(row, class), at + 2))?;
        let sides = numbers(corners.map(|column| cell(row, column))).and_then(from_corners);
        let corner_size = sides.ok_or_else(|| strange("x_min", cell(row, corners[0]), at + 2))?;
        let reader = Some(cell(row, reader).to_owned());
        own.1.push(Mark { reader, ..Mark::new(label, corner_size) });
    }
    let images = by_name(files, root, "train", 1);
    let cases = found.into_iter().map(|(id, (readers, boxes))| {
        let votes = |label: usize| {
            let own = boxes.iter().filter(|mark| mark.label == label);
            own.filter_map(|mark| mark.reader.as_deref()).collect::<BTreeSet<_>>().len()
        };
        let names = [format!("{id}.dicom"), format!("{id}.dcm"), format!("{id}.png")];
        let there = names.iter().find_map(|name| images.get(name)).cloned();
        Case {
            id: id.into(),
            patient: id.into(),
            split: Some("train".into()),
            files: vec![there.unwrap_or_else(|| root.join("train").join(&names[0]))],
            truth: (0..KAGGLE.len()).map(|label| majority(votes(label), readers.len())).collect(),
            readers: readers.into_iter().map(str::to_owned).collect(),
            boxes: Some(boxes),
            ..Case::default()
        }
    });
    Ok(Dataset {
        labels: KAGGLE.map(str::to_owned).to_vec(),
        cases: cases.collect(),
        box_labels: numbered(&KAGGLE, 0),
        notes: vec![Note::info("majority", words::MAJORITY.clone())],
        ..Dataset::default()
    })
}
