//! What -1 in the truth means where that takes more than a word, after Irvin et al. 2019 (CheXpert):
//! another model's prediction in its place (U-SelfTrained), or a class of its own (U-MultiClass).

use super::pairs::{DESCRIPTIONS, number};
use super::settings::{Policy, Settings};
use super::table::{Row, Table};
use base::words::judge as words;
use base::{Error, Kind, Note, Result};
use std::collections::BTreeMap;

/// Endings of the columns that a model of three classes has beside `LABEL`, the chance that it is there.
const ABSENT: &str = ":absent";
const UNCERTAIN: &str = ":uncertain";
/// Predictions at or above it make an uncertain label positive. The paper trains on the prediction itself;
/// a judgement needs one of two classes.
const HALF: f64 = 0.5;

/// Both tables as they are judged, and what should be known of it. `relabel` are the predictions that
/// stand for uncertain labels.
///
/// Errors name columns and rows: three classes without their columns, uncertain labels without
/// prediction, predictions that shall judge themselves.
pub(super) fn applied(
    predicted: Table,
    truth: Table,
    relabel: Option<Table>,
    settings: &Settings,
) -> Result<(Table, Table, Vec<Note>)> {
    match (settings.uncertain, relabel) {
        (Some(Policy::SelfTrained), Some(relabel)) => relabelled(predicted, truth, &relabel),
        (Some(Policy::MultiClass), _) => of_three(predicted, truth, settings),
        _ => Ok((predicted, truth, Vec::new())),
    }
}

/// Uncertain labels become what the predictions of `relabel` say.
fn relabelled(
    predicted: Table,
    mut truth: Table,
    relabel: &Table,
) -> Result<(Table, Table, Vec<Note>)> {
    if relabel.rows.iter().map(|row| &row.cells).eq(predicted.rows.iter().map(|row| &row.cells)) {
        return Err(Error::new(Kind::BrokenInput, words::JUDGES_ITSELF.clone()).at(&relabel.path));
    }
    let rows: BTreeMap<&str, &Row> = relabel.rows.iter().map(|row| (row.id(), row)).collect();
    let mut changed = 0;
    for (at, name) in truth.header.iter().enumerate().skip(1) {
        let column = relabel.header.iter().position(|own| own == name);
        let mut lacking = Vec::new();
        for row in &mut truth.rows {
            if number(&row.cells[at]) != Some(-1.0) {
                continue;
            }
            let score = rows.get(row.id()).and_then(|own| number(&own.cells[column?]));
            match score.filter(|score| (0.0..=1.0).contains(score)) {
                Some(score) => {
                    row.cells[at] = u8::from(score >= HALF).to_string();
                    changed += 1;
                }
                None => lacking.push(row.named()),
            }
        }
        if !lacking.is_empty() {
            let text = words::not_relabelled(name, &lacking);
            return Err(Error::new(Kind::BrokenInput, text).at(&relabel.path));
        }
    }
    let note = Note::warning("relabelled", words::relabelled(changed));
    Ok((predicted, truth, vec![note]))
}

/// Of every label two: whether it is there, among the cases that are certain, by the share of "there" in
/// "there" and "absent" (as the paper has it); and whether it is uncertain, among all.
fn of_three(
    mut predicted: Table,
    mut truth: Table,
    settings: &Settings,
) -> Result<(Table, Table, Vec<Note>)> {
    let helpers =
        settings.group.iter().chain(&settings.by).chain(settings.pool.iter().map(|p| &p.0));
    let helpers: Vec<&String> = helpers.collect();
    let place = |name: &str| predicted.header.iter().position(|own| own == name);
    let mut labels = Vec::new();
    let mut lacking = Vec::new();
    for (at, name) in truth.header.iter().enumerate().skip(1) {
        let Some(there) = place(name).filter(|_| !helpers.contains(&name)) else { continue };
        match (place(&format!("{name}{ABSENT}")), place(&format!("{name}{UNCERTAIN}"))) {
            (Some(absent), Some(uncertain)) => labels.push((at, [there, absent, uncertain])),
            // What only describes a case has no classes.
            _ if DESCRIPTIONS.contains(&name.as_str()) => {}
            _ => lacking.push(name.clone()),
        }
    }
    if !lacking.is_empty() {
        let text = words::three_columns(&lacking);
        return Err(Error::new(Kind::BrokenInput, text).at(&predicted.path));
    }
    for (at, [there, absent, uncertain]) in &labels {
        let name = truth.header[*at].clone();
        let mut bad = Vec::new();
        for row in &mut predicted.rows {
            let shares = [there, absent, uncertain].map(|column| number(&row.cells[*column]));
            match shares {
                [Some(p), Some(n), Some(u)] if p >= 0.0 && n >= 0.0 && u >= 0.0 && p + n > 0.0 => {
                    row.cells[*there] = (p / (p + n)).to_string();
                }
                _ => bad.push(row.named()),
            }
        }
        if !bad.is_empty() {
            return Err(
                Error::new(Kind::BrokenInput, words::bad_shares(&name, &bad)).at(&predicted.path)
            );
        }
        truth.header.push(format!("{name}{UNCERTAIN}"));
        for row in &mut truth.rows {
            let cell = match number(&row.cells[*at]) {
                Some(-1.0) => "1",
                Some(_) => "0",
                None => "",
            };
            row.cells.push(cell.to_owned());
        }
    }
    // What "absent" says is in the share now.
    let mut gone: Vec<usize> = labels.iter().map(|(_, [_, absent, _])| *absent).collect();
    gone.sort_unstable();
    for at in gone.into_iter().rev() {
        predicted.header.remove(at);
        predicted.rows.iter_mut().for_each(|row| _ = row.cells.remove(at));
    }
    Ok((predicted, truth, vec![Note::info("three-classes", words::THREE_CLASSES.clone())]))
}
