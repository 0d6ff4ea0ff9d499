//! The labels of a card: what each output means.

use super::reader::{Reader, Table, shorten};
use crate::card::Task;
use base::words::{findings, own as words};
use base::{Code, Text, intern};
use toml::de::DeValue;

/// Most labels of a card.
const MOST: usize = 4096;

/// What the outputs mean, one entry each.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// `None` for an output that is left out of every result.
    pub codes: Vec<Option<&'static Code>>,
    /// Operating points.
    pub thresholds: Vec<Option<f32>>,
    /// UCUM units of a regression's numbers; empty else.
    pub units: Vec<&'static str>,
}

/// Reads `[[labels]]`.
pub(super) fn labels(
    r: &mut Reader,
    top: &mut Table<'_, '_>,
    task: Option<Task>,
) -> Option<Labels> {
    if !top.has("labels") {
        r.wrong_card(words::NO_LABELS.clone());
    }
    let list = top.list(r, "labels")?;
    if list.is_empty() || list.len() > MOST {
        r.wrong_card(words::label_count(list.len(), MOST));
        return None;
    }
    let before = r.problems.len();
    let mut labels = Labels { codes: Vec::new(), thresholds: Vec::new(), units: Vec::new() };
    for (index, value) in list.iter().enumerate() {
        let at = value.span().start;
        let path = format!("labels[{}]", index + 1);
        let DeValue::Table(table) = value.get_ref() else {
            r.wrong(at, words::expected(&path, &words::A_TABLE));
            continue;
        };
        let code = label(r, Table::new(table, path, at), task, &mut labels);
        if let Some(code) = code
            && labels.codes.iter().flatten().any(|other| other.id == code.id)
        {
            r.wrong(at, words::label_twice(code.id));
        }
        labels.codes.push(code);
    }
    if labels.codes.iter().all(Option::is_none) && r.problems.len() == before {
        r.wrong_card(words::ALL_IGNORED.clone());
    }
    Some(labels)
}

/// One output; `None` when it is left out or something is wrong.
fn label(
    r: &mut Reader,
    mut table: Table<'_, '_>,
    task: Option<Task>,
    labels: &mut Labels,
) -> Option<&'static Code> {
    let ignore = table.flag(r, "ignore");
    let threshold = table.number(r, "threshold");
    let unit = table.text(r, "unit");
    let id = table.needed(r, "code");
    let builtin = id.and_then(|(id, _)| findings::ALL.iter().find(|code| code.id == id).copied());
    let own = (table.text(r, "en"), table.text(r, "zh"));
    if let Some(threshold) = threshold
        && !(threshold > 0.0 && threshold < 1.0)
    {
        r.wrong(table.at, words::threshold_bounds(&table.path("threshold")));
    }
    if task == Some(Task::Regression) {
        if unit.is_none_or(|(unit, _)| unit.trim().is_empty()) && !ignore {
            r.wrong(table.at, words::unit_needed(&table.path("unit")));
        }
        if threshold.is_some() {
            r.wrong(table.at, words::no_threshold(&table.path("threshold")));
        }
        labels.units.push(intern::name(unit.map_or("1", |(unit, _)| unit)));
    } else if unit.is_some() {
        r.wrong(table.at, words::no_unit(&table.path("unit")));
    }
    labels.thresholds.push(threshold);
    let code = id.and_then(|(id, at)| {
        if !id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            || id.len() > 64
        {
            r.wrong(at, words::code_form(&shorten(id)));
            return None;
        }
        match (builtin, own) {
            _ if ignore => None,
            (Some(code), (None, None)) => Some(code),
            (Some(code), (Some((_, at)), _) | (None, Some((_, at)))) => {
                r.doubt(at, words::names_known(id, &code.name));
                Some(code)
            }
            (None, (Some((en, _)), Some((zh, _))))
                if !en.trim().is_empty() && !zh.trim().is_empty() =>
            {
                Some(intern::code(id, &Text::filled(en, zh)))
            }
            _ => {
                let all = findings::ALL.iter().map(|code| code.id);
                r.wrong(at, words::names_needed(id, base::nearest(id, all)));
                None
            }
        }
    });
    table.close(r);
    code
}
