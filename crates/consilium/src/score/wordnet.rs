//! WordNet's own files (`index.*`, `data.*`, `*.exc`), from a folder that the user has: which words may
//! stand for a word. Looked up as NLTK does: every part of speech, endings taken off by Morphy's rules.
//!
//! Formats: `wndb(5WN)`; rules: `morphy(7WN)`.

use base::words::{cli, score as words};
use base::{Error, Kind, Result};
use metrics::text::Synonyms;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Most bytes of one of its files; those of WordNet 3.1 have 16 MB.
const MOST_BYTES: u64 = 256 << 20;

/// A part of speech: the ending of its files and what Morphy puts for an ending.
struct Part {
    name: &'static str,
    endings: &'static [(&'static str, &'static str)],
}

const PARTS: [Part; 4] = [
    Part {
        name: "noun",
        endings: &[
            ("s", ""),
            ("ses", "s"),
            ("ves", "f"),
            ("xes", "x"),
            ("zes", "z"),
            ("ches", "ch"),
            ("shes", "sh"),
            ("men", "man"),
            ("ies", "y"),
        ],
    },
    Part {
        name: "verb",
        endings: &[
            ("s", ""),
            ("ies", "y"),
            ("es", "e"),
            ("es", ""),
            ("ed", "e"),
            ("ed", ""),
            ("ing", "e"),
            ("ing", ""),
        ],
    },
    Part { name: "adj", endings: &[("er", ""), ("est", ""), ("er", "e"), ("est", "e")] },
    Part { name: "adv", endings: &[] },
];

/// WordNet in memory.
pub(super) struct WordNet {
    parts: Vec<Loaded>,
}

/// One part of speech.
struct Loaded {
    /// Where the sets of a word begin in the data.
    index: BTreeMap<String, Vec<usize>>,
    exceptions: BTreeMap<String, Vec<String>>,
    data: Vec<u8>,
}

impl WordNet {
    /// Reads the twelve files of a folder. Errors name the file that is missing or broken.
    pub fn open(folder: &Path) -> Result<WordNet> {
        let parts = PARTS.iter().map(|part| Loaded::open(folder, part.name));
        Ok(WordNet { parts: parts.collect::<Result<_>>()? })
    }
}

impl Synonyms for WordNet {
    fn of(&self, word: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (part, loaded) in PARTS.iter().zip(&self.parts) {
            for form in loaded.forms(word, part) {
                for set in loaded.index.get(&form).into_iter().flatten() {
                    found.extend(words_of_set(&loaded.data, *set));
                }
            }
        }
        found
    }
}

impl Loaded {
    fn open(folder: &Path, name: &str) -> Result<Loaded> {
        let path = folder.join(format!("index.{name}"));
        let text = text(&path)?;
        let mut index = BTreeMap::new();
        // Lines of the licence begin with a blank.
        let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with(' '));
        for (at, line) in lines {
            let (word, sets) = index_line(line).ok_or_else(|| {
                Error::new(Kind::BrokenInput, words::bad_wordnet(at + 1)).at(&path)
            })?;
            index.insert(word, sets);
        }
        let path = folder.join(format!("{name}.exc"));
        let mut exceptions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in self::text(&path)?.lines() {
            let mut forms = line.split_whitespace().map(str::to_owned);
            if let Some(form) = forms.next() {
                exceptions.insert(form, forms.collect());
            }
        }
        let path: PathBuf = folder.join(format!("data.{name}"));
        Ok(Loaded { index, exceptions, data: bytes(&path)? })
    }

    /// The word itself and what it may be a form of, as far as there is an entry.
    fn forms(&self, word: &str, part: &Part) -> BTreeSet<String> {
        let mut forms = match self.exceptions.get(word) {
            Some(forms) => forms.clone(),
            None => {
                let ending = |(old, new): &(&str, &str)| {
                    word.strip_suffix(old).map(|stem| format!("{stem}{new}"))
                };
                part.endings.iter().filter_map(ending).collect()
            }
        };
        forms.push(word.to_owned());
        forms.into_iter().filter(|form| self.index.contains_key(form)).collect()
    }
}

/// `lemma pos sets pointers [symbol…] senses tagged offset…`
fn index_line(line: &str) -> Option<(String, Vec<usize>)> {
    let mut fields = line.split_whitespace();
    let word = fields.next()?.to_owned();
    let sets: usize = fields.nth(1)?.parse().ok()?;
    let pointers: usize = fields.next()?.parse().ok()?;
    let offsets = fields.skip(pointers.checked_add(2)?);
    let offsets = offsets.map(str::parse).collect::<std::result::Result<Vec<usize>, _>>().ok()?;
    (offsets.len() == sets).then_some((word, offsets))
}

/// The words of a set that are one word: `offset file type count word id word id …`, the count in
/// hexadecimal; adjectives may bear a mark in brackets.
fn words_of_set(data: &[u8], offset: usize) -> Vec<String> {
    let line = data.get(offset..).unwrap_or(&[]);
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
    let line = String::from_utf8_lossy(line);
    let mut fields = line.split_whitespace().skip(3);
    let count = fields.next().and_then(|count| usize::from_str_radix(count, 16).ok()).unwrap_or(0);
    let words = fields.step_by(2).take(count).map(|word| match word.split_once('(') {
        Some((word, _)) if !word.is_empty() => word,
        _ => word,
    });
    words.filter(|word| !word.contains('_')).map(str::to_owned).collect()
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| {
        let error = Error::new(Kind::Io, cli::cannot_read(&error)).at(path);
        error.hint(words::WORDNET_FOLDER.clone())
    };
    if std::fs::metadata(path).map_err(failed)?.len() > MOST_BYTES {
        return Err(Error::new(Kind::Limit, words::table_too_large("bytes", MOST_BYTES)).at(path));
    }
    std::fs::read(path).map_err(failed)
}

fn text(path: &Path) -> Result<String> {
    let bytes = bytes(path)?;
    String::from_utf8(bytes)
        .map_err(|_| Error::new(Kind::BrokenInput, words::NOT_UTF8.clone()).at(path))
}
