//! What a data set holds, for people, for programs, and as tables.

use super::{Dataset, KINDS, Kind, Truth};
use crate::read::Common;
use base::words::{datasets as words, score};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

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
    for kind in KINDS {
        let mark = if kind.credentialed { words::CREDENTIALED.get(common.lang) } else { "" };
        let _ = writeln!(text, "  {:16}{} {mark}", kind.name, kind.about.get(common.lang));
    }
    text
}

/// Counts, missing files and what to watch out for.
pub(super) fn check(kind: &Kind, set: &Dataset, look: bool, common: &Common) -> String {
    let missing: Vec<String> = match look {
        false => Vec::new(),
        true => set
            .cases
            .iter()
            .flat_map(|case| &case.files)
            .filter(|path| !path.exists())
            .map(|path| path.display().to_string())
            .collect(),
    };
    let without: usize = set.cases.iter().filter(|case| case.files.is_empty()).count();
    let patients: BTreeSet<&str> = set.cases.iter().map(|case| case.patient.as_str()).collect();
    let mut splits: BTreeMap<&str, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for case in &set.cases {
        let split = splits.entry(case.split.as_deref().unwrap_or("")).or_default();
        split.0 += 1;
        split.1.insert(&case.patient);
    }
    let shared = shared(&splits);
    if common.json {
        return format!(
            "{}\n",
            as_json(kind, set, &missing, without, patients.len(), &splits, shared)
        );
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
        patients.len()
    );
    for (split, (cases, patients)) in splits.iter().filter(|(split, _)| !split.is_empty()) {
        let _ =
            writeln!(text, "  {split}: {cases} ({} {})", score::UNITS.get(lang), patients.len());
    }
    if shared > 0 {
        let _ = writeln!(text, "  ! {}", words::patients_shared(shared).get(lang));
    }
    for (at, label) in set.labels.iter().enumerate() {
        let counts = Counts::of(set, at);
        let _ = writeln!(text, "  {label}: {}", counts.text(lang));
    }
    if look {
        let _ = writeln!(text, "{}", words::missing(missing.len(), without).get(lang));
        missing.iter().take(MOST_NAMED).for_each(|path| {
            let _ = writeln!(text, "  {path}");
        });
    }
    for note in &set.notes {
        let _ = writeln!(text, "{}", note.text.get(lang));
    }
    text
}

/// Patients that occur in more than one split.
fn shared(splits: &BTreeMap<&str, (usize, BTreeSet<&str>)>) -> usize {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, patients) in splits.values() {
        patients.iter().for_each(|patient| *seen.entry(patient).or_default() += 1);
    }
    seen.values().filter(|count| **count > 1).count()
}

#[allow(clippy::too_many_arguments)]
fn as_json(
    kind: &Kind,
    set: &Dataset,
    missing: &[String],
    without: usize,
    patients: usize,
    splits: &BTreeMap<&str, (usize, BTreeSet<&str>)>,
    shared: usize,
) -> Json {
    let labels: Map<String, Json> = set
        .labels
        .iter()
        .enumerate()
        .map(|(at, label)| (label.clone(), Counts::of(set, at).json()))
        .collect();
    let splits: Map<String, Json> = splits
        .iter()
        .map(|(split, (cases, patients))| {
            ((*split).to_owned(), json!({ "cases": cases, "patients": patients.len() }))
        })
        .collect();
    let note = |note: &base::Note| json!({ "code": note.code, "text": { "en": note.text.en(), "zh": note.text.zh() } });
    json!({
        "schema": "consilium.dataset/1",
        "kind": kind.name,
        "credentialed": kind.credentialed,
        "cases": set.cases.len(),
        "patients": patients,
        "patients_in_several_splits": shared,
        "splits": splits,
        "labels": labels,
        "missing_files": missing.len(),
        "missing": missing.iter().take(MOST_NAMED).collect::<Vec<_>>(),
        "cases_without_file": without,
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
        counts
    }

    fn json(&self) -> Json {
        json!({
            "positive": self.positive,
            "negative": self.negative,
            "uncertain": self.uncertain,
            "unknown": self.unknown,
            "values": self.values.len(),
            "mean": metrics::stats::mean(&self.values),
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
