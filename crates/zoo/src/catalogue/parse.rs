//! From a file of the catalogue to its entry, collecting everything that is wrong with it.

use super::entry::{
    Clearance, Entry, Fact, Hardware, Link, LogLine, PublishedResult, WeightsEntry,
};
use super::licence::{LICENCES, Licence};
use crate::folder::Problem;
use crate::folder::reader::{Reader, Table, number, one_of};
use base::Text;
use base::words::catalogue::{self as words, Term};
use base::words::own;
use toml::de::DeValue;

/// Entries a list may have.
const MOST: usize = 256;

/// An entry, or what is wrong; problems name their lines.
pub fn entry(text: &str, name: &str) -> Result<Entry, Vec<Problem>> {
    let (mut reader, table) = Reader::open(text);
    let r = &mut reader;
    let mut top = Table::new(table.get_ref(), "", 0);
    let entry = whole(r, &mut top, name);
    top.close(r);
    finish(reader, entry)
}

/// The update log.
pub fn log(text: &str) -> Result<Vec<LogLine>, Vec<Problem>> {
    let (mut reader, table) = Reader::open(text);
    let r = &mut reader;
    let mut top = Table::new(table.get_ref(), "", 0);
    let lines = tables(r, &mut top, "change", |r, line| {
        let (date, text) = (date(r, line), line.both(r, "text"));
        Some(LogLine { date: date?, text: text? })
    });
    top.close(r);
    finish(reader, Some(lines))
}

fn finish<T>(reader: Reader, value: Option<T>) -> Result<T, Vec<Problem>> {
    let problems = reader.finish();
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ => Err(problems),
    }
}

type In<'x, 'a, 't> = &'x mut Table<'a, 't>;

fn whole(r: &mut Reader, top: In<'_, '_, '_>, file: &str) -> Option<Entry> {
    let id = identifier(r, top, "id");
    if let Some((id, at)) = &id
        && id != file
    {
        r.wrong(*at, words::other_file(id));
    }
    let name = top.both(r, "name");
    let aliases = texts(r, top, "aliases");
    let section = word(r, top, "section", words::SECTIONS);
    let connection = word(r, top, "connection", words::CONNECTIONS);
    let access = word(r, top, "access", words::ACCESS);
    let modalities = word_list(r, top, "modalities", words::MODALITIES);
    let body_parts = word_list(r, top, "body_parts", words::BODY_PARTS);
    let tasks = word_list(r, top, "tasks", words::TASKS);
    let effort = top.count(r, "effort", 1..=3);
    let chinese = word(r, top, "chinese", words::CHINESE);
    let about = top.both(r, "about");
    let claim = optional(r, top, "claim");
    let correction = optional(r, top, "correction");
    let working = top.both(r, "working");
    let successors = texts(r, top, "successors");
    let hardware = top.table(r, "hardware").map(|table| hardware(r, table)).unwrap_or_default();
    let licences = licences(r, top);
    let facts = tables(r, top, "facts", fact);
    let clearances = tables(r, top, "clearances", clearance);
    let links = tables(r, top, "links", |r, table| {
        let (kind, url) = (word(r, table, "kind", words::LINKS), url(r, table));
        Some(Link { kind: kind?, url: url? })
    });
    let weights = tables(r, top, "weights", weights);
    let results = tables(r, top, "results", result);
    let (code_licence, weights_licence, licence_note) = licences?;
    Some(Entry {
        id: id?.0,
        name: name?,
        aliases,
        section: section?,
        connection: connection?,
        access: access?,
        modalities,
        body_parts,
        tasks,
        effort: effort.map(|stars| stars as u8),
        chinese: chinese?,
        about: about?,
        claim,
        correction,
        working: working?,
        successors,
        hardware,
        code_licence,
        weights_licence,
        licence_note,
        facts,
        clearances,
        links,
        weights,
        results,
    })
}

fn licences(
    r: &mut Reader,
    top: In<'_, '_, '_>,
) -> Option<(&'static Licence, &'static Licence, Option<Text>)> {
    let Some(mut table) = top.table(r, "licence") else {
        if !top.has("licence") {
            r.missing(top, "licence");
        }
        return None;
    };
    let known: Vec<(&'static str, &'static Licence)> =
        LICENCES.iter().map(|licence| (licence.id, licence)).collect();
    let code = table.word(r, "code", &known, None);
    let weights = table.word(r, "weights", &known, None);
    let note = optional(r, &mut table, "note");
    table.close(r);
    Some((code?, weights?, note))
}

fn hardware(r: &mut Reader, mut table: Table<'_, '_>) -> Hardware {
    let gpu_gb = match table.get("gpu_gb").map(|value| (value, value.get_ref())) {
        Some((_, DeValue::Array(_))) => table.span(r, "gpu_gb"),
        Some((value, _)) => number(r, &table.path("gpu_gb"), value).map(|gb| (gb, gb)),
        None => None,
    };
    let ram_gb = table.number(r, "ram_gb");
    let note = optional(r, &mut table, "note");
    table.close(r);
    Hardware { gpu_gb, ram_gb, note }
}

fn fact(r: &mut Reader, table: In<'_, '_, '_>) -> Option<Fact> {
    let (text, source) = (table.both(r, "text"), needed(r, table, "source"));
    let verified = !table.flag(r, "unverified");
    Some(Fact { text: text?, source: source?, verified })
}

fn clearance(r: &mut Reader, table: In<'_, '_, '_>) -> Option<Clearance> {
    let authority = word(r, table, "authority", words::AUTHORITIES);
    let (number, scope) = (needed(r, table, "number"), table.both(r, "scope"));
    let date = if table.has("date") { date(r, table) } else { None };
    let verified = !table.flag(r, "unverified");
    Some(Clearance { authority: authority?, number: number?, date, scope: scope?, verified })
}

fn weights(r: &mut Reader, table: In<'_, '_, '_>) -> Option<WeightsEntry> {
    let (file, url) = (needed(r, table, "file"), url(r, table));
    let bytes = table.get("bytes").and_then(|value| match value.get_ref() {
        DeValue::Integer(n) => u64::from_str_radix(n.as_str(), n.radix()).ok(),
        _ => {
            let path = table.path("bytes");
            r.wrong(value.span().start, own::expected(&path, &own::A_NUMBER));
            None
        }
    });
    let sha256 = hash(r, table, "sha256", 64..=64);
    let sha256_start = hash(r, table, "sha256_start", 8..=63);
    let md5 = hash(r, table, "md5", 32..=32);
    let gate = if table.has("gate") {
        word(r, table, "gate", words::GATES)
    } else {
        table.get("gate").and(None)
    };
    Some(WeightsEntry { file: file?, url: url?, bytes, sha256, sha256_start, md5, gate })
}

fn result(r: &mut Reader, table: In<'_, '_, '_>) -> Option<PublishedResult> {
    let (data_set, metric) = (either(r, table, "data_set"), either(r, table, "metric"));
    let value = needed(r, table, "value");
    let n = table.count(r, "n", 1..=1_000_000_000).map(|n| n as u64);
    let source = needed(r, table, "source");
    let verified = !table.flag(r, "unverified");
    Some(PublishedResult {
        data_set: data_set?,
        metric: metric?,
        value: value?,
        n,
        source: source?,
        verified,
    })
}

// ---- Kinds of value -----------------------------------------------------------------------

fn needed(r: &mut Reader, table: In<'_, '_, '_>, key: &'static str) -> Option<String> {
    table.needed(r, key).map(|(text, _)| text.to_owned())
}

/// A name that is the same in both languages, or a text in both.
fn either(r: &mut Reader, table: In<'_, '_, '_>, key: &'static str) -> Option<Text> {
    match table.get(key).map(|value| value.get_ref()) {
        Some(DeValue::String(_)) => needed(r, table, key).map(Text::same),
        _ => table.both(r, key),
    }
}

fn optional(r: &mut Reader, table: In<'_, '_, '_>, key: &'static str) -> Option<Text> {
    table.get(key)?;
    table.both(r, key)
}

fn word(
    r: &mut Reader,
    table: In<'_, '_, '_>,
    key: &'static str,
    list: &'static [Term],
) -> Option<&'static Term> {
    table.word(r, key, &known(list), None)
}

fn known(list: &'static [Term]) -> Vec<(&'static str, &'static Term)> {
    list.iter().map(|term| (term.id, term)).collect()
}

/// At least one word.
fn word_list(
    r: &mut Reader,
    table: In<'_, '_, '_>,
    key: &'static str,
    list: &'static [Term],
) -> Vec<&'static Term> {
    let path = table.path(key);
    let Some(values) = table.list(r, key) else {
        if !table.has(key) {
            r.missing(table, key);
        }
        return Vec::new();
    };
    let known = known(list);
    let mut found = Vec::new();
    for value in values.iter().take(MOST) {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) => found.extend(one_of(r, &path, text, at, &known)),
            _ => r.wrong(at, own::expected(&path, &own::A_TEXT)),
        }
    }
    if values.is_empty() {
        r.missing(table, key);
    }
    found
}

fn texts(r: &mut Reader, table: In<'_, '_, '_>, key: &'static str) -> Vec<String> {
    let path = table.path(key);
    let mut found = Vec::new();
    for value in table.list(r, key).unwrap_or_default().iter().take(MOST) {
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => found.push(text.to_string()),
            _ => r.wrong(value.span().start, own::expected(&path, &own::A_TEXT)),
        }
    }
    found
}

fn tables<T>(
    r: &mut Reader,
    top: In<'_, '_, '_>,
    key: &'static str,
    one: impl Fn(&mut Reader, In<'_, '_, '_>) -> Option<T>,
) -> Vec<T> {
    let path = top.path(key);
    let mut found = Vec::new();
    for (index, value) in top.list(r, key).unwrap_or_default().iter().take(MOST).enumerate() {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::Table(table) => {
                let mut table = Table::new(table, format!("{path}[{}]", index + 1), at);
                found.extend(one(r, &mut table));
                table.close(r);
            }
            _ => r.wrong(at, own::expected(&path, &own::A_TABLE)),
        }
    }
    found
}

fn identifier(r: &mut Reader, table: In<'_, '_, '_>, key: &'static str) -> Option<(String, usize)> {
    let (text, at) = table.needed(r, key)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.chars().all(plain) || text.starts_with('-') || text.ends_with('-') {
        r.wrong(at, words::no_id(key));
        return None;
    }
    Some((text.to_owned(), at))
}

fn url(r: &mut Reader, table: In<'_, '_, '_>) -> Option<String> {
    let (text, at) = table.needed(r, "url")?;
    let rest = text.strip_prefix("https://").or(text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or("");
    let sound = host.contains('.')
        && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c))
        && text.chars().all(|c| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c));
    if !sound {
        r.wrong(at, words::no_url(&table.path("url")));
        return None;
    }
    Some(text.to_owned())
}

fn hash(
    r: &mut Reader,
    table: In<'_, '_, '_>,
    key: &'static str,
    digits: std::ops::RangeInclusive<usize>,
) -> Option<String> {
    let (text, at) = table.text(r, key)?;
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if !digits.contains(&text.len()) || !text.chars().all(hex) {
        r.wrong(at, words::no_hash(&table.path(key), *digits.start()));
        return None;
    }
    Some(text.to_owned())
}

fn date(r: &mut Reader, table: In<'_, '_, '_>) -> Option<String> {
    let (text, at) = table.needed(r, "date")?;
    let parts: Vec<Option<u32>> = text.split('-').map(|part| part.parse().ok()).collect();
    let sound =
        text.len() == 10 && matches!(parts[..], [Some(1990..=2100), Some(1..=12), Some(1..=31)]);
    if !sound {
        r.wrong(at, words::no_date(&table.path("date")));
        return None;
    }
    Some(text.to_owned())
}
