//! `data.yaml` of YOLO: the part of YAML that Ultralytics and Roboflow write there. Keys with a text, a list or a
//! map of texts, in brackets or indented below; comments; quotes.

use base::words::{datasets as words, score};
use base::{Error, Kind, Result};
use std::collections::BTreeMap;

/// Most bytes of the file.
const MOST_BYTES: usize = 1 << 20;

/// What a key has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// One text, unquoted.
    Text(String),
    /// Texts in their order.
    List(Vec<String>),
    /// Keys and texts in their order.
    Map(Vec<(String, String)>),
}

/// Reads the file. Errors name the line that is neither a key nor belongs to one.
pub(super) fn read(text: &str) -> Result<BTreeMap<String, Value>> {
    if text.len() > MOST_BYTES {
        let text = score::table_too_large("bytes", MOST_BYTES as u64);
        return Err(Error::new(Kind::Limit, text));
    }
    let mut found = BTreeMap::new();
    let lines: Vec<&str> = text.lines().map(uncommented).collect();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        if line.trim().is_empty() || line.starts_with("---") {
            continue;
        }
        let number = at;
        let bad = || Error::new(Kind::BrokenInput, words::not_yaml(number));
        if line.starts_with([' ', '\t', '-']) {
            return Err(bad());
        }
        let (key, rest) = line.split_once(':').ok_or_else(bad)?;
        let mut rest = rest.trim().to_owned();
        let close = match rest.chars().next() {
            Some('[') => Some(']'),
            Some('{') => Some('}'),
            _ => None,
        };
        if let Some(close) = close {
            while !rest.ends_with(close) {
                let more = lines.get(at).ok_or_else(bad)?;
                rest.push(' ');
                rest.push_str(more.trim());
                at += 1;
            }
        }
        let value = match (close, rest.is_empty()) {
            (Some(close), _) => in_brackets(&rest[1..rest.len() - 1], close).ok_or_else(bad)?,
            (None, false) => Value::Text(unquoted(&rest)),
            (None, true) => {
                let from = at;
                let below =
                    |line: &&str| line.trim().is_empty() || line.starts_with([' ', '\t', '-']);
                at += lines[at..].iter().take_while(|line| below(line)).count();
                indented(&lines[from..at]).ok_or_else(bad)?
            }
        };
        found.insert(unquoted(key.trim()), value);
    }
    Ok(found)
}

/// A line without its comment: `#` at its beginning or after a blank, outside quotes.
fn uncommented(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (None, '\'' | '"') if !before.is_alphanumeric() => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, '#') if before.is_whitespace() => return line[..at].trim_end(),
            _ => {}
        }
        before = letter;
    }
    line.trim_end()
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    for quote in ['\'', '"'] {
        if let Some(inside) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return inside.to_owned();
        }
    }
    text.to_owned()
}

/// `a, 'b, c'` or `0: a, 1: b`.
fn in_brackets(text: &str, close: char) -> Option<Value> {
    let mut parts = Vec::new();
    let (mut part, mut quote) = (String::new(), None);
    for letter in text.chars() {
        match (quote, letter) {
            (None, '\'' | '"') if part.trim().is_empty() || part.trim_end().ends_with(':') => {
                quote = Some(letter);
            }
            (Some(open), _) if open == letter => quote = None,
            (None, ',') => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            // Nothing lies deeper.
            (None, '[' | '{' | ']' | '}') => return None,
            _ => {}
        }
        part.push(letter);
    }
    parts.push(part);
    parts.retain(|part| !part.trim().is_empty());
    match close {
        ']' => Some(Value::List(parts.iter().map(|part| unquoted(part)).collect())),
        _ => parts.iter().map(|part| pair(part)).collect::<Option<_>>().map(Value::Map),
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once(':')?;
    Some((unquoted(key), unquoted(value)))
}

/// Lines `- a`, or lines `0: a`; nothing below a key is an empty list.
fn indented(lines: &[&str]) -> Option<Value> {
    let lines: Vec<&str> =
        lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    let item = |line: &&str| line.strip_prefix('-').map(unquoted);
    if lines.iter().all(|line| line.starts_with('-')) {
        return Some(Value::List(lines.iter().filter_map(item).collect()));
    }
    lines.iter().map(|line| pair(line)).collect::<Option<_>>().map(Value::Map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_there_is_read() {
        let text = "# made by hand\ntrain: ../train/images  # here\nval: [a, 'b, c']\nnames:\n  0: angle\n  1: 'messed up: angle'\n\
                    test:\n- x\n- \"y\"\nnc: 4\nlong: [one,\n  two]\nflow: {0: a, 1: \"b, c\"}\nroboflow:\n  workspace: science: bone\nempty:\n";
        let found = read(text).unwrap();
        let list =
            |texts: &[&str]| Value::List(texts.iter().map(|text| (*text).to_owned()).collect());
        let map = |pairs: &[(&str, &str)]| {
            Value::Map(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect())
        };
        assert_eq!(found["train"], Value::Text("../train/images".into()));
        assert_eq!(found["val"], list(&["a", "b, c"]));
        assert_eq!(found["names"], map(&[("0", "angle"), ("1", "messed up: angle")]));
        assert_eq!((&found["test"], &found["long"]), (&list(&["x", "y"]), &list(&["one", "two"])));
        assert_eq!(found["flow"], map(&[("0", "a"), ("1", "b, c")]));
        assert_eq!(found["empty"], list(&[]));
        for bad in ["no key", "  a: b", "a: [b", "a: [[b]]", "a:\n  - b\n  c"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
