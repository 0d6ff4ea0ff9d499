//! The two challenges of RSNA and SIIM on chest films: boxes of pneumonia, masks of pneumothorax.

use super::boxes::{Mark, numbered};
use super::csv::{self, Csv, cell};
use super::files::by_name;
use super::truth::{mention, numbers, strange};
use super::{Case, Dataset, Files, Truth};
use base::words::datasets as words;
use base::{Note, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// RSNA Pneumonia 2018: one row a box, one case a patient.
pub(super) fn rsna(files: &Files, root: &Path) -> Result<Dataset> {
    let table = csv::read(files, root, &["stage_2_train_labels.csv"])?;
    let (patient, target) = (table.column("patientId")?, table.column("Target")?);
    let sides = ["x", "y", "width", "height"];
    let columns: [usize; 4] = {
        let found = sides.map(|name| table.column(name)).into_iter().collect::<Result<Vec<_>>>()?;
        [found[0], found[1], found[2], found[3]]
    };
    let mut found: BTreeMap<&str, Vec<Mark>> = BTreeMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        let text = cell(row, target);
        let marks = found.entry(cell(row, patient)).or_default();
        match mention(text) {
            Some(Truth::Positive) => {
                let sides = numbers(columns.map(|column| cell(row, column)));
                let sides = sides.filter(|sides| sides[2] >= 0.0 && sides[3] >= 0.0);
                let sides = sides.ok_or_else(|| strange("x", cell(row, columns[0]), at + 2))?;
                marks.push(Mark::new(0, sides));
            }
            Some(Truth::Negative) => {}
            _ => return Err(strange("Target", text, at + 2)),
        }
    }
    let images = by_name(files, root, "stage_2_train_images", 1);
    let cases = found.into_iter().map(|(id, boxes)| {
        let name = format!("{id}.dcm");
        let usual = || root.join("stage_2_train_images").join(&name);
        Case {
            id: id.into(),
            patient: id.into(),
            split: Some("train".into()),
            files: vec![images.get(&name).cloned().unwrap_or_else(usual)],
            truth: vec![if boxes.is_empty() { Truth::Negative } else { Truth::Positive }],
            boxes: Some(boxes),
            ..Case::default()
        }
    });
    Ok(Dataset {
        labels: vec!["Pneumonia".into()],
        box_labels: numbered(&["Pneumonia"], 1),
        cases: cases.collect(),
        ..Dataset::default()
    })
}

/// SIIM-ACR Pneumothorax 2019: run lengths of masks, several rows an image where there are several
/// parts; -1 means none.
pub(super) fn siim(files: &Files, root: &Path) -> Result<Dataset> {
    let table = csv::read(files, root, &["train-rle.csv", "stage_2_train.csv"])?;
    let found = runs_of(&table)?;
    let images = by_name(files, root, "dicom-images-train", 3);
    let cases = found.into_iter().map(|(id, parts)| {
        let name = format!("{id}.dcm");
        let usual = || root.join("dicom-images-train").join(&name);
        Case {
            patient: id.clone(),
            split: Some("train".into()),
            files: vec![images.get(&name).cloned().unwrap_or_else(usual)],
            truth: vec![if parts.is_empty() { Truth::Negative } else { Truth::Positive }],
            runs: Some(parts),
            id,
            ..Case::default()
        }
    });
    Ok(Dataset {
        labels: vec!["Pneumothorax".into()],
        cases: cases.collect(),
        notes: vec![Note::info("runs", words::RUNS.clone())],
        ..Dataset::default()
    })
}

/// Predicted masks in the form of the set's own table, by image.
pub(crate) fn runs(path: &Path) -> Result<BTreeMap<String, Vec<[u64; 2]>>> {
    let folder = path.parent().unwrap_or(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    runs_of(&csv::read(&Files::default(), folder, &[&name])?).map_err(|error| error.at(path))
}

/// The runs of every image: one row a part, `-1` of an image without any. The header has a blank in front
/// of the name; tables are read without.
fn runs_of(table: &Csv) -> Result<BTreeMap<String, Vec<[u64; 2]>>> {
    let (image, runs) = (table.column("ImageId")?, table.column("EncodedPixels")?);
    let mut found: BTreeMap<String, Vec<[u64; 2]>> = BTreeMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        let text = cell(row, runs);
        let parts = found.entry(cell(row, image).to_owned()).or_default();
        if text != "-1" {
            let runs = relative_runs(text).ok_or_else(|| strange("EncodedPixels", text, at + 2))?;
            parts.extend(runs);
        }
    }
    Ok(found)
}

/// Runs of a mask: each start counts from the end of the run before, down the columns of the image.
/// Turned into starts from the first pixel. `None` where the text is no list of pairs.
pub(super) fn relative_runs(text: &str) -> Option<Vec<[u64; 2]>> {
    let numbers =
        text.split_whitespace().map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
    if numbers.is_empty() || !numbers.len().is_multiple_of(2) {
        return None;
    }
    let mut runs = Vec::with_capacity(numbers.len() / 2);
    let mut at = 0u64;
    for pair in numbers.chunks_exact(2) {
        let start = at.checked_add(pair[0])?;
        runs.push([start, pair[1]]);
        at = start.checked_add(pair[1])?;
    }
    Some(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_count_from_the_end_of_the_last() {
        assert_eq!(relative_runs("10 5 3 2"), Some(vec![[10, 5], [18, 2]]));
        for bad in ["", "1", "1 2 3", "a b", "-1 2", "18446744073709551615 2"] {
            assert_eq!(relative_runs(bad), None, "{bad}");
        }
    }
}
