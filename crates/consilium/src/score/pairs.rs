//! Two tables of the same cases, brought together.

use super::patients;
use super::policies;
use super::pool;
use super::settings::Settings;
use super::table::{self, Row, Table};
use base::words::score as words;
use base::{Error, Kind, Note, Result};
use metrics::compare::Units;
use std::collections::BTreeMap;
use std::path::Path;

/// Predictions and truth, row by row in the order of the truth.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// Rows of the truth.
    pub truth: Table,
    /// Rows of the predictions, in the same order.
    pub predicted: Table,
    /// The columns with labels, as places in the truth's and the predictions' header.
    pub labels: Vec<Label>,
    /// The patients.
    pub units: Units,
    /// Subgroups: column, and each case's value.
    pub subgroups: Vec<(String, Vec<String>)>,
    /// What became of uncertain labels.
    pub notes: Vec<Note>,
}

/// Columns of a truth that describe its cases.
pub(super) const DESCRIPTIONS: [&str; 15] = [
    "patient",
    "study",
    "split",
    "sex",
    "age",
    "view",
    "frontal_lateral",
    "projection",
    "side",
    "scanner",
    "method",
    "pediatric",
    "body_part",
    "hardware",
    "file",
];

/// A column with a label.
#[derive(Clone, Debug)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// Its place in the truth.
    pub truth: usize,
    /// Its place in the predictions.
    pub predicted: usize,
}

impl Pairs {
    /// Reads two tables, says what uncertain labels mean, and brings them together.
    pub fn read(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Pairs> {
        let relabel = settings.relabel.as_deref().map(table::read).transpose()?;
        let (predicted, truth, notes) =
            policies::applied(table::read(predicted)?, table::read(truth)?, relabel, settings)?;
        Ok(Pairs { notes, ..Pairs::new(predicted, truth, settings)? })
    }

    /// Brings the tables together.
    ///
    /// Errors name columns, ids and rows: other columns, ids of one side only, patients that differ,
    /// no case at all.
    pub fn new(predicted: Table, truth: Table, settings: &Settings) -> Result<Pairs> {
        let own = |name: &&String| patients::beside(name).is_none();
        let typed: Vec<(&str, &String)> = settings
            .group
            .iter()
            .map(|name| ("--group", name))
            .chain(settings.by.iter().map(|name| ("--by", name)))
            .chain(settings.pool.iter().map(|(name, _)| ("--pool", name)))
            .filter(|(_, name)| own(name))
            .collect();
        let helpers: Vec<&str> = typed.iter().map(|(_, name)| name.as_str()).collect();
        for (flag, name) in typed {
            if !truth.header.contains(name) && !predicted.header.contains(name) {
                let error = Error::new(Kind::Usage, words::no_column(flag, name));
                return Err(error.at(&truth.path));
            }
        }
        let labels = labels(&predicted, &truth, &helpers)?;
        if truth.rows.is_empty() {
            return Err(Error::new(Kind::BrokenInput, words::EMPTY_SPLIT.clone()).at(&truth.path));
        }
        let predicted = in_order_of(&truth, predicted)?;
        let ids: Vec<String> = truth.rows.iter().map(|row| row.id().to_owned()).collect();
        let column = |flag: &str, name: &str| -> Result<Vec<String>> {
            match patients::beside(name) {
                Some((path, column)) => patients::column(flag, (&path, column), &ids),
                None if flag == "--group" => patients(&predicted, &truth, name),
                None => {
                    let found = cells(&truth, name).or_else(|| cells(&predicted, name));
                    found.ok_or_else(|| {
                        Error::new(Kind::Usage, words::no_column(flag, name)).at(&truth.path)
                    })
                }
            }
        };
        // The patient's column first, then those of subgroups.
        let group = settings.group.as_deref().map(|name| column("--group", name)).transpose()?;
        let mut columns: Vec<Vec<String>> = group.into_iter().collect();
        for name in &settings.by {
            columns.push(patients::banded(name, column("--by", name)?));
        }
        let (truth, predicted) = match &settings.pool {
            None => (truth, predicted),
            Some((name, how)) => {
                let studies = column("--pool", name)?;
                let tables = pool::Tables { truth: &truth, predicted: &predicted, labels: &labels };
                pool::pooled(&tables, &mut columns, &studies, *how)?
            }
        };
        let units = match &settings.group {
            None => Units::single(truth.rows.len()),
            Some(_) => Units::grouped(&columns.remove(0)),
        };
        let subgroups = settings.by.iter().cloned().zip(columns).collect();
        Ok(Pairs { truth, predicted, labels, units, subgroups, notes: Vec::new() })
    }

    /// Every prediction of a label as a number.
    pub fn scores(&self, label: &Label) -> Result<Vec<f64>> {
        numbers(&self.predicted, label.predicted, &label.name)
    }

    /// Every true value of a label as a number; `None` where the cell is empty.
    pub fn values(&self, label: &Label) -> Result<Vec<Option<f64>>> {
        let read = |row: &Row| {
            let cell = &row.cells[label.truth];
            if cell.is_empty() {
                Ok(None)
            } else {
                number(cell).map(Some).ok_or_else(|| row.named())
            }
        };
        collect(&self.truth, &label.name, words::bad_scores, read)
    }

    /// Some of the cases alone, without subgroups.
    pub fn of(&self, members: &[usize]) -> Pairs {
        let own = |table: &Table| Table {
            path: table.path.clone(),
            header: table.header.clone(),
            rows: members.iter().map(|at| table.rows[*at].clone()).collect(),
        };
        Pairs {
            truth: own(&self.truth),
            predicted: own(&self.predicted),
            labels: self.labels.clone(),
            units: self.units.only(members),
            subgroups: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// A finite number.
pub fn number(cell: &str) -> Option<f64> {
    cell.parse::<f64>().ok().filter(|x| x.is_finite())
}

/// A column as numbers, or the rows where it is none.
fn numbers(table: &Table, column: usize, name: &str) -> Result<Vec<f64>> {
    let read = |row: &Row| number(&row.cells[column]).ok_or_else(|| row.named());
    collect(table, name, words::bad_scores, read)
}

/// Reads a cell of every row; all rows that cannot be read are named together.
pub fn collect<T>(
    table: &Table,
    name: &str,
    complaint: fn(&str, &[String]) -> base::Text,
    read: impl Fn(&Row) -> std::result::Result<T, String>,
) -> Result<Vec<T>> {
    let (mut values, mut bad) = (Vec::with_capacity(table.rows.len()), Vec::new());
    for row in &table.rows {
        match read(row) {
            Ok(value) => values.push(value),
            Err(named) => bad.push(named),
        }
    }
    if bad.is_empty() {
        return Ok(values);
    }
    Err(Error::new(Kind::BrokenInput, complaint(name, &bad)).at(&table.path))
}

fn labels(predicted: &Table, truth: &Table, helpers: &[&str]) -> Result<Vec<Label>> {
    let own = |table: &Table| -> Vec<(usize, String)> {
        let columns = table.header.iter().enumerate().skip(1);
        columns
            .filter(|(_, name)| !helpers.contains(&name.as_str()))
            .map(|(at, name)| (at, name.clone()))
            .collect()
    };
    let (p, mut t) = (own(predicted), own(truth));
    // What describes a case, as `datasets show --out` writes it, is no label where only the truth has it.
    t.retain(|(_, name)| {
        !DESCRIPTIONS.contains(&name.as_str()) || p.iter().any(|(_, there)| there == name)
    });
    let missing = |from: &[(usize, String)], other: &[(usize, String)]| -> Vec<String> {
        let lacks = |name: &String| other.iter().all(|(_, there)| there != name);
        from.iter().map(|(_, name)| name.clone()).filter(|name| lacks(name)).collect()
    };
    let (only_predicted, only_truth) = (missing(&p, &t), missing(&t, &p));
    if !only_predicted.is_empty() || !only_truth.is_empty() {
        let text = words::headers_differ(&only_predicted, &only_truth);
        return Err(Error::new(Kind::BrokenInput, text).at(&predicted.path));
    }
    if t.is_empty() {
        return Err(Error::new(Kind::BrokenInput, words::NO_LABELS.clone()).at(&truth.path));
    }
    let place = |name: &String| p.iter().find(|(_, there)| there == name).map_or(0, |(at, _)| *at);
    Ok(t.iter()
        .map(|(at, name)| Label { name: name.clone(), truth: *at, predicted: place(name) })
        .collect())
}

/// The predictions in the truth's order; ids of one side only are named.
fn in_order_of(truth: &Table, predicted: Table) -> Result<Table> {
    let mut by_id: BTreeMap<String, Row> =
        predicted.rows.into_iter().map(|row| (row.id().to_owned(), row)).collect();
    let (mut rows, mut missing) = (Vec::with_capacity(truth.rows.len()), Vec::new());
    for row in &truth.rows {
        match by_id.remove(row.id()) {
            Some(found) => rows.push(found),
            None => missing.push(row.named()),
        }
    }
    let mut extra: Vec<&Row> = by_id.values().collect();
    extra.sort_by_key(|row| row.line);
    let extra: Vec<String> = extra.into_iter().map(Row::named).collect();
    if !missing.is_empty() || !extra.is_empty() {
        let text = words::ids_differ(&missing, &extra);
        return Err(Error::new(Kind::BrokenInput, text).at(&predicted.path));
    }
    Ok(Table { path: predicted.path, header: predicted.header, rows })
}

fn cells(table: &Table, name: &str) -> Option<Vec<String>> {
    let at = table.header.iter().position(|column| column == name)?;
    Some(table.rows.iter().map(|row| row.cells[at].clone()).collect())
}

/// Each case's patient, from the table that has the column; where both have it they must agree.
fn patients(predicted: &Table, truth: &Table, name: &str) -> Result<Vec<String>> {
    let (p, t) = (cells(predicted, name), cells(truth, name));
    match (p, t) {
        (Some(p), Some(t)) => {
            let differ: Vec<String> = (0..t.len())
                .filter(|&at| p[at] != t[at])
                .map(|at| truth.rows[at].named())
                .collect();
            if differ.is_empty() {
                return Ok(t);
            }
            let text = words::groups_differ(&differ);
            Err(Error::new(Kind::BrokenInput, text).at(&predicted.path))
        }
        (Some(one), None) | (None, Some(one)) => Ok(one),
        (None, None) => {
            let text = words::no_column("--group", name);
            Err(Error::new(Kind::Usage, text).at(&truth.path))
        }
    }
}
