//! The tables that SynthSeg writes: soft volumes and quality scores of one case (`SynthSeg/predict.py`:
//! `write_csv`).

use super::labels::{GROUPS, Label};
use crate::volume_system::Table;
use std::fmt::Write as _;

/// Volumes in mm³, in the order in which the original writes them.
pub fn volumes(subject: &str, total: Option<f64>, named: &[(String, f64)]) -> Table {
    let total = total.map(|mm3| ("total intracranial".to_owned(), mm3));
    let all = total.iter().chain(named);
    let (mut header, mut row) = ("subject".to_owned(), quoted(subject));
    for (name, mm3) in all {
        // As Python shows a number: with a decimal point always.
        let _ = write!(header, ",{}", quoted(name));
        let _ = write!(row, ",{:?}", rounded(*mm3));
    }
    Table { name: "synthseg-volumes.csv".into(), text: format!("{header}\r\n{row}\r\n") }
}

/// Scores from 0 to 1 of the groups, without the background.
pub fn quality(subject: &str, scores: &[f32]) -> Table {
    let header = format!("subject,{}", GROUPS.join(","));
    let mut row = quoted(subject);
    for score in scores {
        let _ = write!(row, ",{score:.4}");
    }
    Table { name: "synthseg-qc.csv".into(), text: format!("{header}\r\n{row}\r\n") }
}

/// Soft volumes by name, in mm³: of the labels but the background.
pub fn named(labels: &[Label], soft: &[f64], voxel_mm3: f64) -> Vec<(String, f64)> {
    let rows = labels.iter().zip(soft).skip(1);
    rows.map(|(row, voxels)| (row.name.to_owned(), voxels * voxel_mm3)).collect()
}

/// Three decimals, halves to even, as `numpy.around`.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round_ties_even() / 1000.0
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
