//! Typed access to a TOML document that collects everything wrong with it, with line numbers.

use super::problem::Problem;
use base::words::own as words;
use base::{Text, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with its place.
pub(crate) type Value<'t> = Spanned<DeValue<'t>>;

/// Syntax errors shown: one open bracket makes many.
const MOST_SYNTAX: usize = 3;

/// Collects problems.
pub(crate) struct Reader {
    /// Where each line ends.
    ends: Vec<usize>,
    /// What was found so far.
    pub problems: Vec<Problem>,
}

impl Reader {
    /// Syntax errors are problems too; what could be read is given.
    pub fn open(text: &str) -> (Reader, Spanned<DeTable<'_>>) {
        let (table, mut errors) = DeTable::parse_recoverable(text);
        errors.sort_by_key(|error| error.span().map_or(usize::MAX, |span| span.start));
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at);
        let mut reader = Reader { ends: ends.collect(), problems: Vec::new() };
        for error in errors.iter().take(MOST_SYNTAX) {
            let line = error.span().map(|span| reader.line(span.start));
            reader.problems.push(Problem::new(line, words::syntax(error.message().trim())));
        }
        if errors.len() > MOST_SYNTAX {
            let more = words::more_syntax(errors.len() - MOST_SYNTAX);
            reader.problems.push(Problem::new(None, more));
        }
        (reader, table)
    }

    /// The line of a place, from 1.
    pub fn line(&self, at: usize) -> usize {
        1 + self.ends.partition_point(|&end| end < at)
    }

    /// Something is wrong at a place.
    pub fn wrong(&mut self, at: usize, text: Text) {
        let line = Some(self.line(at));
        self.problems.push(Problem::new(line, text));
    }

    /// An entry is not there. The top of a card has no line.
    pub fn missing(&mut self, table: &Table<'_, '_>, key: &str) {
        let line = (!table.name.is_empty()).then(|| self.line(table.at));
        self.problems.push(Problem::new(line, words::missing(&table.path(key))));
    }

    /// Something is wrong with the card as a whole.
    pub fn wrong_card(&mut self, text: Text) {
        self.problems.push(Problem::new(None, text));
    }

    /// Something is doubtful at a place.
    pub fn doubt(&mut self, at: usize, text: Text) {
        let line = Some(self.line(at));
        self.problems.push(Problem::warning(line, text));
    }

    /// Problems in the order of the lines; each once.
    pub fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        self.problems.dedup();
        self.problems
    }
}

/// A table, its name, and the keys asked for so far.
pub(crate) struct Table<'a, 't> {
    table: &'a DeTable<'t>,
    /// As a reader of the card would write it: `input`, `labels[2]`.
    pub name: String,
    /// Where it stands.
    pub at: usize,
    known: Vec<&'static str>,
}

impl<'a, 't> Table<'a, 't> {
    pub fn new(table: &'a DeTable<'t>, name: impl Into<String>, at: usize) -> Table<'a, 't> {
        Table { table, name: name.into(), at, known: Vec::new() }
    }

    /// `input.size`.
    pub fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    pub fn get(&mut self, key: &'static str) -> Option<&'a Value<'t>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Names every key that was not asked for.
    pub fn close(self, r: &mut Reader) {
        for (key, _) in self.table.iter() {
            let name: &str = key.get_ref();
            if !self.known.contains(&name) {
                let near = nearest(name, self.known.iter().copied());
                r.wrong(key.span().start, words::unknown_key(&self.path(&shorten(name)), near));
            }
        }
    }

    /// A table inside; an absent one is `None` without complaint.
    pub fn table(&mut self, r: &mut Reader, key: &'static str) -> Option<Table<'a, 't>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Table::new(table, self.path(key), value.span().start)),
            _ => {
                r.wrong(value.span().start, words::expected(&self.path(key), &words::A_TABLE));
                None
            }
        }
    }

    /// A list; an absent one is `None` without complaint.
    pub fn list(&mut self, r: &mut Reader, key: &'static str) -> Option<&'a [Value<'t>]> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Array(list) => Some(list),
            _ => {
                r.wrong(value.span().start, words::expected(&self.path(key), &words::A_LIST));
                None
            }
        }
    }

    /// A text and its place.
    pub fn text(&mut self, r: &mut Reader, key: &'static str) -> Option<(&'a str, usize)> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some((text, value.span().start)),
            _ => {
                r.wrong(value.span().start, words::expected(&self.path(key), &words::A_TEXT));
                None
            }
        }
    }

    /// A text that must be there and not empty.
    pub fn needed(&mut self, r: &mut Reader, key: &'static str) -> Option<(&'a str, usize)> {
        if self.table.get(key).is_none() {
            self.known.push(key);
            r.missing(self, key);
            return None;
        }
        let (text, at) = self.text(r, key)?;
        if text.trim().is_empty() {
            r.wrong(at, words::empty(&self.path(key)));
            return None;
        }
        Some((text, at))
    }

    /// One of several words; `default` when absent.
    pub fn word<T: Copy>(
        &mut self,
        r: &mut Reader,
        key: &'static str,
        all: &[(&'static str, T)],
        default: Option<T>,
    ) -> Option<T> {
        let found = match default {
            Some(default) if self.table.get(key).is_none() => {
                self.known.push(key);
                return Some(default);
            }
            Some(_) => self.text(r, key),
            None => self.needed(r, key),
        };
        let (text, at) = found?;
        one_of(r, &self.path(key), text, at, all)
    }

    /// A text in both languages: `{ en = "…", zh = "…" }`.
    pub fn both(&mut self, r: &mut Reader, key: &'static str) -> Option<Text> {
        let Some(value) = self.get(key) else {
            r.missing(self, key);
            return None;
        };
        let DeValue::Table(table) = value.get_ref() else {
            r.wrong(value.span().start, words::both_languages(&self.path(key)));
            return None;
        };
        let mut inner = Table::new(table, self.path(key), value.span().start);
        let (en, zh) = (inner.needed(r, "en"), inner.needed(r, "zh"));
        inner.close(r);
        Some(Text::filled(en?.0, zh?.0))
    }

    /// A number; an absent one is `None` without complaint.
    pub fn number(&mut self, r: &mut Reader, key: &'static str) -> Option<f32> {
        let value = self.get(key)?;
        number(r, &self.path(key), value)
    }

    /// A number that must be there.
    pub fn needed_number(&mut self, r: &mut Reader, key: &'static str) -> Option<f32> {
        if self.table.get(key).is_none() {
            self.known.push(key);
            r.missing(self, key);
            return None;
        }
        self.number(r, key)
    }

    /// A whole number within bounds.
    pub fn count(
        &mut self,
        r: &mut Reader,
        key: &'static str,
        bounds: std::ops::RangeInclusive<usize>,
    ) -> Option<usize> {
        let value = self.get(key)?;
        count(r, &self.path(key), value, bounds)
    }

    /// Two numbers, the first below the second.
    pub fn span(&mut self, r: &mut Reader, key: &'static str) -> Option<(f32, f32)> {
        let value = self.get(key)?;
        span(r, &self.path(key), value)
    }

    /// Rows and columns, each 1 to 8192.
    pub fn size(&mut self, r: &mut Reader, key: &'static str) -> Option<(usize, usize)> {
        let value = self.get(key)?;
        let path = self.path(key);
        match value.get_ref() {
            DeValue::Array(list) if list.len() == 2 => {
                let rows = count(r, &path, &list[0], 1..=8192);
                let columns = count(r, &path, &list[1], 1..=8192);
                Some((rows?, columns?))
            }
            DeValue::Array(list) if list.len() == 3 => {
                r.wrong(value.span().start, words::VOLUMES.clone());
                None
            }
            _ => {
                r.wrong(value.span().start, words::expected(&path, &words::TWO_EXTENTS));
                None
            }
        }
    }

    /// `true` or `false`; `false` when absent.
    pub fn flag(&mut self, r: &mut Reader, key: &'static str) -> bool {
        match self.get(key).map(|value| (value.get_ref(), value.span().start)) {
            None => false,
            Some((DeValue::Boolean(flag), _)) => *flag,
            Some((_, at)) => {
                r.wrong(at, words::expected(&self.path(key), &words::YES_OR_NO));
                false
            }
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }
}

/// The meaning of a word, or a problem that names all words.
pub(crate) fn one_of<T: Copy>(
    r: &mut Reader,
    path: &str,
    text: &str,
    at: usize,
    all: &[(&'static str, T)],
) -> Option<T> {
    let found = all.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    if found.is_none() {
        let names: Vec<&str> = all.iter().map(|(word, _)| *word).collect();
        let near = nearest(text, names.iter().copied());
        r.wrong(at, words::unknown_word(path, &shorten(text), &names.join(", "), near));
    }
    found
}

/// A finite number.
pub(crate) fn number(r: &mut Reader, path: &str, value: &Value<'_>) -> Option<f32> {
    let found = match value.get_ref() {
        DeValue::Float(float) => float.as_str().replace('_', "").parse::<f32>().ok(),
        DeValue::Integer(integer) => {
            i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|n| n as f32)
        }
        _ => None,
    };
    let found = found.filter(|number| number.is_finite());
    if found.is_none() {
        r.wrong(value.span().start, words::expected(path, &words::A_NUMBER));
    }
    found
}

/// A whole number within bounds.
pub(crate) fn count(
    r: &mut Reader,
    path: &str,
    value: &Value<'_>,
    bounds: std::ops::RangeInclusive<usize>,
) -> Option<usize> {
    let found = match value.get_ref() {
        DeValue::Integer(integer) => usize::from_str_radix(integer.as_str(), integer.radix()).ok(),
        _ => None,
    };
    let found = found.filter(|number| bounds.contains(number));
    if found.is_none() {
        r.wrong(value.span().start, words::expected_count(path, *bounds.start(), *bounds.end()));
    }
    found
}

/// Two numbers, the first below the second.
pub(crate) fn span(r: &mut Reader, path: &str, value: &Value<'_>) -> Option<(f32, f32)> {
    if let DeValue::Array(list) = value.get_ref()
        && list.len() == 2
    {
        let (low, high) = (number(r, path, &list[0]), number(r, path, &list[1]));
        let (low, high) = (low?, high?);
        if low < high {
            return Some((low, high));
        }
    }
    r.wrong(value.span().start, words::expected(path, &words::TWO_NUMBERS));
    None
}

/// Names from a file go into messages only so far.
pub(crate) fn shorten(text: &str) -> String {
    const LONGEST: usize = 60;
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match clean.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &clean[..at]),
        None => clean,
    }
}
