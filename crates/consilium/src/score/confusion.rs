//! The confusion matrix of a label, of those that have one, for people.

use super::outcome::Block;
use super::page::both;
use super::plots::escaped;
use base::words::score as words;
use base::{Lang, Text};
use serde_json::Value as Json;
use std::fmt::Write;

/// Names of the classes, and the counts: rows of the truth, columns of the prediction.
struct Matrix {
    names: Vec<Text>,
    counts: Vec<Vec<f64>>,
}

/// Larger ones are in JSON alone.
const MOST_CLASSES: usize = 12;

impl Matrix {
    fn of(block: &Block) -> Option<Matrix> {
        let numbers = |json: &Json| -> Option<Vec<f64>> {
            json.as_array()?.iter().map(Json::as_f64).collect()
        };
        let rows = block.more.get("confusion_matrix")?.as_array()?;
        let counts: Vec<Vec<f64>> = rows.iter().map(numbers).collect::<Option<_>>()?;
        let names = match block.more.get("grades") {
            Some(grades) => {
                let grades = numbers(grades)?;
                grades.iter().map(|grade| Text::same(grade.to_string())).collect()
            }
            None => vec![words::NEGATIVES.clone(), words::POSITIVES.clone()],
        };
        (names.len() == counts.len() && names.len() <= MOST_CLASSES)
            .then_some(Matrix { names, counts })
    }
}

/// On a terminal, where there are more than two classes: of two, sensitivity and specificity say the same.
pub(super) fn lines(block: &Block, lang: Lang) -> String {
    let Some(Matrix { names, counts }) = Matrix::of(block).filter(|found| found.names.len() > 2)
    else {
        return String::new();
    };
    let mut text = format!("  {}\n", words::CONFUSION.get(lang));
    let line = |head: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: String = cells.map(|cell| format!("{cell:>6}")).collect();
        format!("  {head:>6}{cells}\n")
    };
    text += &line("", &mut names.iter().map(|name| name.get(lang).to_owned()));
    for (name, row) in names.iter().zip(&counts) {
        text += &line(name.get(lang), &mut row.iter().map(f64::to_string));
    }
    text
}

/// On the page: darker is a larger share of the row.
pub(super) fn table(block: &Block) -> String {
    let Some(Matrix { names, counts }) = Matrix::of(block) else { return String::new() };
    let mut out = format!("<p class=\"k\">{}", both(&words::CONFUSION));
    if let Some(threshold) = block.more.get("threshold").and_then(Json::as_f64) {
        let _ = write!(out, " · {} {threshold}", both(&words::THRESHOLD));
    }
    out += "</p><table class=\"confusion\"><thead><tr><th></th>";
    names.iter().for_each(|name| _ = write!(out, "<th class=\"n\">{}</th>", shown(name)));
    out += "</tr></thead>";
    for (at, (name, row)) in names.iter().zip(&counts).enumerate() {
        let _ = write!(out, "<tr><th>{}</th>", shown(name));
        let all: f64 = row.iter().sum();
        for (column, count) in row.iter().enumerate() {
            let share = if all > 0.0 { count / all } else { 0.0 };
            let right = if column == at { " right" } else { "" };
            let _ = write!(
                out,
                "<td class=\"n{right}\" style=\"background:rgba(86,180,233,{:.2})\">{count}</td>",
                0.6 * share
            );
        }
        out += "</tr>";
    }
    out + "</table>"
}

fn shown(name: &Text) -> String {
    if name.en() == name.zh() { escaped(name.en()) } else { both(name) }
}
