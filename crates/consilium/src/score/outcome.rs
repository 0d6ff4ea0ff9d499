//! What the judge found: numbers with intervals, for people and for programs.

use super::confusion;
use super::plots::Plot;
use super::settings::Settings;
use base::words::score as words;
use base::{Lang, Note};
use metrics::{Interval, Undefined, Value};
use serde_json::{Map, Value as Json, json};
use std::fmt::Write;

/// One number.
#[derive(Clone, Debug)]
pub struct Row {
    /// As JSON spells it.
    pub name: String,
    /// The number, or why there is none.
    pub value: Value,
    /// Its interval, or why there is none; `None` where none is made.
    pub interval: Option<std::result::Result<Interval, Undefined>>,
    /// How the interval was made.
    pub method: &'static str,
    /// What else JSON says of it.
    pub more: Map<String, Json>,
}

/// The method of a bootstrap whose draws are all the same: its interval has no width, and says nothing.
const ALL_ALIKE: &str = "bootstrap, all resamples alike";

impl Row {
    /// A number without interval.
    pub fn plain(name: &str, value: Value) -> Row {
        Row {
            name: name.into(),
            value: finite(value),
            interval: None,
            method: "",
            more: Map::new(),
        }
    }

    /// A number with an interval.
    pub fn new(
        name: &str,
        value: Value,
        interval: std::result::Result<Interval, Undefined>,
        method: &'static str,
    ) -> Row {
        let value = finite(value);
        let alike = interval.is_ok_and(|ends| {
            ends.high - ends.low <= 1e-12 * ends.high.abs().max(ends.low.abs()).max(1.0)
        });
        let method = if alike && method == "bootstrap percentile" { ALL_ALIKE } else { method };
        // Without a value an interval means nothing.
        let interval = value.is_ok().then(|| {
            interval.and_then(|ends| finite(Ok(ends.low)).and(finite(Ok(ends.high))).and(Ok(ends)))
        });
        Row { name: name.into(), value, interval, method, more: Map::new() }
    }

    /// Its interval is of a bootstrap whose draws are all the same.
    pub fn all_alike(&self) -> bool {
        self.method == ALL_ALIKE && matches!(self.interval, Some(Ok(_)))
    }

    /// Says more of it in JSON.
    #[must_use]
    pub fn with(mut self, key: &str, value: Json) -> Row {
        self.more.insert(key.into(), value);
        self
    }

    /// As programs read it.
    pub(super) fn to_json(&self) -> Json {
        let mut out = Map::new();
        out.insert("value".into(), json!(self.value.ok()));
        out.insert("undefined".into(), json!(self.value.err().map(Undefined::name)));
        if let Some(interval) = &self.interval {
            let ends = interval.map(|interval| json!([interval.low, interval.high]));
            out.insert("ci".into(), ends.unwrap_or(Json::Null));
            if let Err(why) = interval {
                out.insert("ci_undefined".into(), json!(why.name()));
            }
            out.insert("ci_method".into(), json!(self.method));
        }
        out.extend(self.more.clone());
        Json::Object(out)
    }
}

/// Sums of numbers near the largest there are leave their range; what is left is no number.
fn finite(value: Value) -> Value {
    value.and_then(|value| if value.is_finite() { Ok(value) } else { Err(Undefined::TooLarge) })
}

/// The numbers of one label, structure or subgroup.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// What it is of.
    pub name: String,
    /// Counts, by their name in JSON.
    pub counts: Vec<(&'static str, u64)>,
    /// The numbers.
    pub rows: Vec<Row>,
    /// What else JSON says.
    pub more: Map<String, Json>,
    /// Subgroups: column, value, numbers.
    pub subgroups: Vec<(String, Block)>,
    /// What should be known about it.
    pub notes: Vec<Note>,
    /// Drawings for the page.
    pub plots: Vec<Plot>,
    /// The worst cases, the worst first.
    pub worst: Vec<WorstCase>,
}

/// A case that went badly.
#[derive(Clone, Debug)]
pub struct WorstCase {
    /// Its name.
    pub id: String,
    /// How bad it is.
    pub what: base::Text,
    /// The picture as markup, and what it shows.
    pub picture: Option<(String, base::Text)>,
}

/// A whole judgement.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was judged.
    pub settings: Settings,
    /// Number of cases.
    pub cases: usize,
    /// Number of patients, or of cases where no patients were named.
    pub units: usize,
    /// Over all labels.
    pub overall: Vec<Row>,
    /// Label by label.
    pub blocks: Vec<Block>,
    /// Subgroups over all labels, where there are several: column, value, numbers.
    pub subgroups: Vec<(String, Block)>,
    /// What else JSON says.
    pub more: Map<String, Json>,
    /// What should be known.
    pub notes: Vec<Note>,
    /// Drawings over all labels.
    pub plots: Vec<Plot>,
}

/// A text in both languages, for JSON.
pub fn bilingual(text: &base::Text) -> Json {
    json!({ "en": text.en(), "zh": text.zh() })
}

/// Notes as programs read them.
pub(super) fn notes_json(notes: &[Note]) -> Json {
    let one = |note: &Note| json!({ "code": note.code, "text": bilingual(&note.text) });
    notes.iter().map(one).collect()
}

fn rows_json(rows: &[Row]) -> Json {
    Json::Object(rows.iter().map(|row| (row.name.clone(), row.to_json())).collect())
}

fn subgroups_json(subgroups: &[(String, Block)]) -> Json {
    let mut columns: Map<String, Json> = Map::new();
    for (column, block) in subgroups {
        let entry = columns.entry(column.clone()).or_insert_with(|| json!({}));
        entry[block.name.as_str()] = block.to_json();
    }
    Json::Object(columns)
}

impl Block {
    fn to_json(&self) -> Json {
        let mut out = Map::new();
        for (name, count) in &self.counts {
            out.insert((*name).into(), json!(count));
        }
        out.insert("metrics".into(), rows_json(&self.rows));
        out.extend(self.more.clone());
        if !self.subgroups.is_empty() {
            out.insert("subgroups".into(), subgroups_json(&self.subgroups));
        }
        if !self.worst.is_empty() {
            let ids: Vec<&String> = self.worst.iter().map(|case| &case.id).collect();
            out.insert("worst_cases".into(), json!(ids));
        }
        if !self.notes.is_empty() {
            out.insert("notes".into(), notes_json(&self.notes));
        }
        Json::Object(out)
    }
}

impl Outcome {
    /// The result as programs read it.
    pub fn to_json(&self) -> Json {
        let settings = &self.settings;
        let mut out = Map::new();
        out.insert("schema".into(), json!("consilium.score/1"));
        out.insert("task".into(), json!(settings.task.name()));
        out.insert("n".into(), json!(self.cases));
        out.insert("units".into(), json!(self.units));
        out.insert("group".into(), json!(settings.group));
        out.insert("level".into(), json!(settings.level));
        out.insert("resamples".into(), json!(settings.resamples));
        out.insert("seed".into(), json!(settings.seed));
        out.insert("metrics".into(), rows_json(&self.overall));
        let labels = self.blocks.iter().map(|block| (block.name.clone(), block.to_json()));
        out.insert("labels".into(), Json::Object(labels.collect()));
        if !self.subgroups.is_empty() {
            out.insert("subgroups".into(), subgroups_json(&self.subgroups));
        }
        out.extend(self.more.clone());
        out.insert("notes".into(), notes_json(&self.notes));
        out.insert("disclaimer".into(), bilingual(&words::RESEARCH));
        Json::Object(out)
    }

    /// The result as people read it.
    pub fn to_text(&self, lang: Lang) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{}", words::RESEARCH.get(lang));
        let units = match self.settings.group {
            Some(_) => format!(" · {} {}", words::UNITS.get(lang), self.units),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "{} · {} {}{units}",
            words::task(self.settings.task.name()).get(lang),
            words::CASES.get(lang),
            self.cases
        );
        let heading = words::interval_of(self.settings.level);
        for block in &self.blocks {
            write_block(&mut text, block, &block.name, lang, heading.get(lang));
            for (column, group) in &block.subgroups {
                let name = format!("{} · {column} = {}", block.name, group.name);
                write_block(&mut text, group, &name, lang, heading.get(lang));
            }
        }
        if !self.overall.is_empty() && self.blocks.len() > 1 {
            let _ = writeln!(text, "\n{}", words::ALL_LABELS.get(lang));
            write_rows(&mut text, &self.overall, lang);
            for (column, group) in &self.subgroups {
                let name = format!("{} · {column} = {}", words::ALL_LABELS.get(lang), group.name);
                write_block(&mut text, group, &name, lang, heading.get(lang));
            }
        }
        text.push('\n');
        for note in &self.notes {
            let _ = writeln!(text, "{}", note.text.get(lang));
        }
        text
    }

    /// One line a number: label, subgroup, metric, value, undefined, low, high, method.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("label,subgroup,metric,value,undefined,low,high,method\n");
        let mut add = |label: &str, group: &str, rows: &[Row]| {
            for row in rows {
                let ends = row.interval.and_then(Result::ok);
                let cell = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
                let _ = writeln!(
                    text,
                    "{},{},{},{},{},{},{},{}",
                    quoted(label),
                    quoted(group),
                    quoted(&row.name),
                    cell(row.value.ok()),
                    row.value.err().map_or("", Undefined::name),
                    cell(ends.map(|ends| ends.low)),
                    cell(ends.map(|ends| ends.high)),
                    row.method
                );
            }
        };
        add("", "", &self.overall);
        for (column, group) in &self.subgroups {
            add("", &format!("{column}={}", group.name), &group.rows);
        }
        for block in &self.blocks {
            add(&block.name, "", &block.rows);
            for (column, group) in &block.subgroups {
                add(&block.name, &format!("{column}={}", group.name), &group.rows);
            }
        }
        text
    }
}

/// A cell of a comma-separated table.
pub fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn write_block(text: &mut String, block: &Block, name: &str, lang: Lang, heading: &str) {
    let counts: Vec<String> = block
        .counts
        .iter()
        .map(|(key, count)| format!("{} {count}", count_name(key).map_or(*key, |t| t.get(lang))))
        .collect();
    let _ = writeln!(text, "\n{name}  ({})   {heading}", counts.join(" · "));
    write_rows(text, &block.rows, lang);
    text.push_str(&confusion::lines(block, lang));
    for note in &block.notes {
        let _ = writeln!(text, "  ! {}", note.text.get(lang));
    }
}

/// What a count is called.
pub fn count_name(key: &str) -> Option<&'static base::Text> {
    Some(match key {
        "n" => &words::CASES,
        "positives" => &words::POSITIVES,
        "negatives" => &words::NEGATIVES,
        "unknown" => &words::UNKNOWN,
        "ok" => &words::STATUS_OK,
        "both_empty" => &words::STATUS_BOTH_EMPTY,
        "missed" => &words::STATUS_MISSED,
        "spurious" => &words::STATUS_SPURIOUS,
        "targets" => &words::TARGETS,
        "boxes" => &words::BOXES,
        _ => return None,
    })
}

/// Columns a text takes on a terminal: a Chinese character two.
fn columns(text: &str) -> usize {
    text.chars()
        .map(|c| if (c as u32) < 0x1100 || ('\u{2000}'..'\u{2e80}').contains(&c) { 1 } else { 2 })
        .sum()
}

fn write_rows(text: &mut String, rows: &[Row], lang: Lang) {
    let name = |row: &Row| match words::metric(&row.name) {
        Some(name) => name.get(lang).to_owned(),
        None => row.name.clone(),
    };
    let width = rows.iter().map(|row| columns(&name(row))).max().unwrap_or(0);
    for row in rows {
        let name = name(row);
        let pad = " ".repeat(width - columns(&name));
        let value = match row.value {
            Ok(value) => format!("{value:.4}"),
            Err(why) => format!("– {}", why.text().get(lang)),
        };
        let interval = match row.interval {
            Some(Ok(interval)) => {
                let mark = if row.all_alike() { " *" } else { "" };
                format!("   {:.4} … {:.4}{mark}", interval.low, interval.high)
            }
            Some(Err(why)) => format!("   – {}", why.text().get(lang)),
            None => String::new(),
        };
        let _ = writeln!(text, "  {name}{pad}  {value}{interval}");
    }
    if rows.iter().any(Row::all_alike) {
        let _ = writeln!(text, "  * {}", words::ALL_ALIKE.get(lang));
    }
}
