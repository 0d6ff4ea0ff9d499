//! Several films of one study, one case: CheXpert takes the highest score over the views of a study, MURA
//! the mean over its films.

use super::pairs::{Label, number};
use super::settings::Pool;
use super::table::{Row, Table};
use base::words::score as words;
use base::{Error, Kind, Result};
use std::collections::BTreeMap;

/// Rows of both tables, in the same order.
pub(super) struct Tables<'a> {
    /// The truth.
    pub truth: &'a Table,
    /// The predictions.
    pub predicted: &'a Table,
    /// The labels.
    pub labels: &'a [Label],
}

/// Brings the rows of each study together: predictions by their highest value or mean; truth and
/// `columns` (patient, sex and the like, one value a row) as they are. Studies become the ids.
///
/// Errors: studies whose films differ in truth or column, by name; predictions that are no numbers.
pub(super) fn pooled(
    tables: &Tables,
    columns: &mut [Vec<String>],
    studies: &[String],
    how: Pool,
) -> Result<(Table, Table)> {
    let mut of_study: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, study) in studies.iter().enumerate() {
        of_study.entry(study).or_default().push(row);
    }
    // In the order in which studies first occur.
    let mut groups: Vec<(&str, Vec<usize>)> = of_study.into_iter().collect();
    groups.sort_by_key(|(_, rows)| rows[0]);
    let rows = &tables.truth.rows;
    let same = |a: usize, b: usize| {
        let cell = |label: &Label| rows[a].cells[label.truth] == rows[b].cells[label.truth];
        tables.labels.iter().all(cell) && columns.iter().all(|column| column[a] == column[b])
    };
    let differ = |(_, own): &&(&str, Vec<usize>)| !own.iter().all(|row| same(*row, own[0]));
    let differing: Vec<String> =
        groups.iter().filter(differ).map(|(study, _)| (*study).to_owned()).collect();
    if !differing.is_empty() {
        let text = words::studies_differ(&differing);
        return Err(Error::new(Kind::BrokenInput, text).at(&tables.truth.path));
    }
    let truth = groups.iter().map(|(study, own)| renamed(&rows[own[0]], study)).collect();
    let predicted = groups.iter().map(|(study, own)| one(tables, study, own, how));
    let predicted = predicted.collect::<Result<Vec<Row>>>()?;
    for column in columns {
        *column = groups.iter().map(|(_, own)| column[own[0]].clone()).collect();
    }
    Ok((
        Table { rows: truth, ..tables.truth.clone() },
        Table { rows: predicted, ..tables.predicted.clone() },
    ))
}

fn renamed(row: &Row, study: &str) -> Row {
    let mut row = row.clone();
    study.clone_into(&mut row.cells[0]);
    row
}

/// The pooled predictions of a study. Errors name cells that are no numbers.
fn one(tables: &Tables, study: &str, rows: &[usize], how: Pool) -> Result<Row> {
    let mut row = renamed(&tables.predicted.rows[rows[0]], study);
    for Label { name, predicted: at, .. } in tables.labels {
        let cell = |row: &usize| {
            let row = &tables.predicted.rows[*row];
            number(&row.cells[*at]).ok_or_else(|| row.named())
        };
        let numbers = rows.iter().map(cell).collect::<std::result::Result<Vec<f64>, String>>();
        let numbers = numbers.map_err(|row| {
            let text = words::bad_scores(name, &[row]);
            Error::new(Kind::BrokenInput, text).at(&tables.predicted.path)
        })?;
        let value = match how {
            Pool::Max => numbers.iter().copied().fold(f64::MIN, f64::max),
            Pool::Mean => numbers.iter().sum::<f64>() / numbers.len() as f64,
        };
        row.cells[*at] = value.to_string();
    }
    Ok(row)
}
