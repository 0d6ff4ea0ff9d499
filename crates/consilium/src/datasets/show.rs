//! What a data set holds, for people, for programs, and as tables.

use super::{Dataset, Files, KINDS, Kind, Opened, Truth};
use crate::read::Common;
use base::words::{datasets as words, score};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Different values that are counted one by one.
const MOST_GRADES: usize = 12;
/// How many missing files are named.
const MOST_NAMED: usize = 10;

/// Every kind.
pub(super) fn list(common: &Common) -> String {
    if common.json {
        let one = |kind: &Kind| {
            json!({
                "kind": kind.name,
                "credentialed": kind.credentialed,
                "about": { "en": kind.about.en(), "zh": kind.about.zh() },
            })
        };
        return format!("{}\n", KINDS.iter().map(one).collect::<Json>());
    }
    let mut text = String::new();
    let width = KINDS.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
    for kind in KINDS {
        let mark = if kind.credentialed { words::CREDENTIALED.get(common.lang) } else { "" };
        let _ = writeln!(text, "  {:width$}  {} {mark}", kind.name, kind.about.get(common.lang));
    }
    text
}

/// Counts, missing and cut-off files, and what to watch out for.
pub(super) fn check(opened: &Opened, look: bool, common: &Common) -> String {
    let Opened { kind, set, files, .. } = opened;
    let found = Found::of(set, files, look);
    if common.json {
        return format!("{}\n", as_json(kind, set, &found));
    }
    let lang = common.lang;
    let mut text = String::new();
    let mark = if kind.credentialed { words::CREDENTIALED.get(lang) } else { "" };
    let _ = writeln!(text, "{} · {} {mark}", kind.name, kind.about.get(lang));
    let _ = writeln!(
        text,
        "{} {} · {} {}",
        score::CASES.get(lang),
        set.cases.len(),
        score::UNITS.get(lang),
        found.patients
    );
    for (split, (cases, patients)) in found.splits.iter().filter(|(split, _)| !split.is_empty()) {
        let _ =
            writeln!(text, "  {split}: {cases} ({} {})", score::UNITS.get(lang), patients.len());
    }
    if found.shared > 0 {
        let _ = writeln!(text, "  ! {}", words::patients_shared(found.shared).get(lang));
    }
    for (at, label) in set.labels.iter().enumerate() {
        let counts = Counts::of(set, at);
        let _ = writeln!(text, "  {label}: {}", counts.text(lang));
    }
    if !set.box_labels.is_empty() {
        let _ = writeln!(text, "{}", words::boxes(found.looked_at, found.with_boxes).get(lang));
        for (label, count) in set.box_labels.iter().zip(&found.boxes) {
            let _ = writeln!(text, "  {}: {count}", label.name);
        }
    }
    if look {
        let _ = writeln!(text, "{}", words::missing(found.missing.len(), found.without).get(lang));
        named(&mut text, &found.missing);
        if !found.cut_off.is_empty() {
            let _ = writeln!(text, "{}", words::cut_off(found.cut_off.len()).get(lang));
            named(&mut text, &found.cut_off);
        }
    }
    for note in &set.notes {
        let _ = writeln!(text, "{}", note.text.get(lang));
    }
    text
}

fn named(text: &mut String, paths: &[String]) {
    paths.iter().take(MOST_NAMED).for_each(|path| _ = writeln!(text, "  {path}"));
}

/// What is counted over all labels.
struct Found<'a> {
    missing: Vec<String>,
    cut_off: Vec<String>,
    without: usize,
    patients: usize,
    splits: BTreeMap<&'a str, (usize, BTreeSet<&'a str>)>,
    shared: usize,
    looked_at: usize,
    with_boxes: usize,
    boxes: Vec<usize>,
}

impl<'a> Found<'a> {
    fn of(set: &'a Dataset, files: &Files, look: bool) -> Found<'a> {
        let (mut missing, mut cut_off) = (Vec::new(), Vec::new());
        let all = set.cases.iter().flat_map(|case| case.files.iter().chain(&case.mask));
        for path in all.filter(|_| look) {
            if !files.is_file(path) {
                missing.push(path.display().to_string());
            } else if is_cut_off(path) {
                cut_off.push(path.display().to_string());
            }
        }
        let patients: BTreeSet<&str> = set.cases.iter().map(|case| case.patient.as_str()).collect();
        let mut splits: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
        for case in &set.cases {
            let split = splits.entry(case.split.as_deref().unwrap_or("")).or_default();
            split.0 += 1;
            split.1.insert(&case.patient);
        }
        let mut boxes = vec![0; set.box_labels.len()];
        let looked_at = set.cases.iter().filter_map(|case| case.boxes.as_ref());
        looked_at.clone().flatten().for_each(|mark| boxes[mark.label] += 1);
        Found {
            missing,
            cut_off,
            without: set.cases.iter().filter(|case| case.files.is_empty()).count(),
            patients: patients.len(),
            shared: shared(&splits),
            splits,
            looked_at: looked_at.clone().count(),
            with_boxes: looked_at.filter(|boxes| !boxes.is_empty()).count(),
            boxes,
        }
    }
}

/// A PNG without its last chunk, or a JPEG without its end: what a broken download leaves. Files inside
/// archives are guarded by the archive's own check sums.
fn is_cut_off(path: &Path) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    let (mut head, mut tail) = ([0; 4], Vec::new());
    if file.read_exact(&mut head).is_err() {
        return false;
    }
    let length = file.seek(SeekFrom::End(0)).unwrap_or(0);
    if file.seek(SeekFrom::Start(length.saturating_sub(64))).is_err()
        || file.take(64).read_to_end(&mut tail).is_err()
    {
        return false;
    }
    let has = |end: &[u8]| tail.windows(end.len()).any(|window| window == end);
    match head {
        [0x89, b'P', b'N', b'G'] => !has(b"IEND"),
        [0xff, 0xd8, 0xff, _] => !has(&[0xff, 0xd9]),
        _ => false,
    }
}

/// Patients that occur in more than one split.
fn shared(splits: &BTreeMap<&str, (usize, BTreeSet<&str>)>) -> usize {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, patients) in splits.values() {
        patients.iter().for_each(|patient| *seen.entry(patient).or_default() += 1);
    }
    seen.values().filter(|count| **count > 1).count()
}

fn as_json(kind: &Kind, set: &Dataset, found: &Found) -> Json {
    let labels: Map<String, Json> = set
        .labels
        .iter()
        .enumerate()
        .map(|(at, label)| (label.clone(), Counts::of(set, at).json()))
        .collect();
    let splits: Map<String, Json> = found
        .splits
        .iter()
        .map(|(split, (cases, patients))| {
            ((*split).to_owned(), json!({ "cases": cases, "patients": patients.len() }))
        })
        .collect();
    let boxes: Map<String, Json> = set
        .box_labels
        .iter()
        .zip(&found.boxes)
        .map(|(label, count)| (label.name.clone(), json!(count)))
        .collect();
    let note = |note: &base::Note| json!({ "code": note.code, "text": { "en": note.text.en(), "zh": note.text.zh() } });
    let named =
        |paths: &[String]| -> Vec<String> { paths.iter().take(MOST_NAMED).cloned().collect() };
    json!({
        "schema": "consilium.dataset/1",
        "kind": kind.name,
        "credentialed": kind.credentialed,
        "cases": set.cases.len(),
        "patients": found.patients,
        "patients_in_several_splits": found.shared,
        "splits": splits,
        "labels": labels,
        "boxes": boxes,
        "cases_looked_at_for_boxes": found.looked_at,
        "cases_with_boxes": found.with_boxes,
        "missing_files": found.missing.len(),
        "missing": named(&found.missing),
        "cut_off_files": found.cut_off.len(),
        "cut_off": named(&found.cut_off),
        "cases_without_file": found.without,
        "notes": set.notes.iter().map(note).collect::<Vec<_>>(),
    })
}

#[derive(Default)]
struct Counts {
    positive: usize,
    negative: usize,
    uncertain: usize,
    unknown: usize,
    values: Vec<f64>,
    texts: usize,
}

impl Counts {
    fn of(set: &Dataset, label: usize) -> Counts {
        let mut counts = Counts::default();
        for case in &set.cases {
            match case.truth.get(label) {
                Some(Truth::Positive) => counts.positive += 1,
                Some(Truth::Negative) => counts.negative += 1,
                Some(Truth::Uncertain) => counts.uncertain += 1,
                Some(Truth::Value(value)) => counts.values.push(*value),
                Some(Truth::Text(_)) => counts.texts += 1,
                Some(Truth::Unknown) | None => counts.unknown += 1,
            }
        }
        if !counts.values.is_empty() {
            // Of grades and measured values 0, 1 and -1 are some among others.
            let same = |value: f64, count: &mut usize| {
                std::iter::repeat_n(value, std::mem::take(count)).collect::<Vec<f64>>()
            };
            counts.values.extend(same(1.0, &mut counts.positive));
            counts.values.extend(same(0.0, &mut counts.negative));
            counts.values.extend(same(-1.0, &mut counts.uncertain));
            counts.values.sort_by(f64::total_cmp);
        }
        counts
    }

    /// How often each value occurs, where they are few.
    fn grades(&self) -> Vec<(f64, usize)> {
        let groups = self.values.chunk_by(|a, b| a == b);
        let grades: Vec<(f64, usize)> = groups.map(|group| (group[0], group.len())).collect();
        if grades.len() > MOST_GRADES { Vec::new() } else { grades }
    }

    fn json(&self) -> Json {
        json!({
            "positive": self.positive,
            "negative": self.negative,
            "uncertain": self.uncertain,
            "unknown": self.unknown,
            "values": self.values.len(),
            "mean": metrics::stats::mean(&self.values),
            "by_value": self.grades().into_iter().map(|(value, count)| (value.to_string(), json!(count))).collect::<Map<String, Json>>(),
            "texts": self.texts,
        })
    }

    fn text(&self, lang: base::Lang) -> String {
        let mut parts = Vec::new();
        let mut part = |text: &base::Text, count: usize| {
            if count > 0 {
                parts.push(format!("{} {count}", text.get(lang)));
            }
        };
        part(&score::POSITIVES, self.positive);
        part(&score::NEGATIVES, self.negative);
        part(&words::UNCERTAIN_COUNT, self.uncertain);
        part(&words::VALUES, self.values.len());
        part(&words::TEXTS, self.texts);
        part(&score::UNKNOWN, self.unknown);
        let grades = self.grades();
        let grades: Vec<String> = grades.iter().map(|(value, n)| format!("{value}: {n}")).collect();
        match (grades.is_empty(), self.values.as_slice()) {
            (false, _) => parts.push(format!("({})", grades.join(", "))),
            (true, [low, .., high]) => parts.push(format!("({low} … {high})")),
            _ => {}
        }
        parts.join(" · ")
    }
}

/// The truth as `score` takes it: id, patient, strata, labels; uncertain as -1, unknown empty.
pub(super) fn truth(set: &Dataset) -> String {
    let quoted = crate::score::quoted;
    let mut text = String::from("id,patient");
    let columns = set.strata.iter().copied().chain(set.labels.iter().map(String::as_str));
    columns.for_each(|name| {
        let _ = write!(text, ",{}", quoted(name));
    });
    text.push('\n');
    for case in &set.cases {
        let _ = write!(text, "{},{}", quoted(&case.id), quoted(&case.patient));
        for value in &case.strata {
            let _ = write!(text, ",{}", quoted(value));
        }
        for truth in &case.truth {
            let _ = match truth {
                Truth::Unknown => write!(text, ","),
                Truth::Negative => write!(text, ",0"),
                Truth::Positive => write!(text, ",1"),
                Truth::Uncertain => write!(text, ",-1"),
                Truth::Value(value) => write!(text, ",{value}"),
                Truth::Text(words) => write!(text, ",{}", quoted(words)),
            };
        }
        text.push('\n');
    }
    text
}

/// Where the files of each case lie, one a line.
pub(super) fn files(set: &Dataset) -> String {
    let quoted = crate::score::quoted;
    let mut text = String::from("id,split,file,mask\n");
    for case in &set.cases {
        for file in &case.files {
            let mask = case.mask.as_ref().map_or(String::new(), |mask| mask.display().to_string());
            let _ = writeln!(
                text,
                "{},{},{},{}",
                quoted(&case.id),
                quoted(case.split.as_deref().unwrap_or("")),
                quoted(&file.display().to_string()),
                quoted(&mask)
            );
        }
    }
    text
}
