//! `models`: what this build runs, from the cards; the catalogue of systems; a user's own model
//! begun and checked.

mod export;
mod own;
mod recommend;
pub(crate) mod rows;
pub(crate) mod table;

use crate::World;
use crate::cli::{Arguments, print};
use crate::read::Common;
use base::words::{catalogue as catalogue_words, cli as words};
use base::{Error, Kind, Lang, Result, Text};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use zoo::catalogue::{self, catalogue};
use zoo::folder::Folder;
use zoo::{Card, SYSTEMS, System};

/// What there is to say after `models`.
const WORDS: &str = "list, show ID|DIR, recommend, export, new [DIR], check DIR";

/// `models`, `models list`, `models show ID|DIR`, `models recommend`, `models export`,
/// `models new [DIR]`, `models check DIR`.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let words: Vec<&str> = typed.free.iter().map(String::as_str).collect();
    match words[..] {
        [] | ["list"] => list(typed, common, out),
        ["show", id] => {
            // A system for volumes is told of with its row.
            let volumes = zoo::find_volume_system(id).map(|system| system.card().survey_row);
            let called = |entry: &&catalogue::Entry| {
                entry.is_called(id) || volumes.is_some_and(|row| row == entry.id)
            };
            let row = catalogue().entries.iter().find(called);
            match (zoo::find(id), row) {
                (Some(system), row) => {
                    show(&system.card(), common, out)?;
                    // A system that is one network with a row of its own: the program's own graders.
                    let row = row.filter(|row| row.is_called(id) && !common.json);
                    row.map_or(Ok(()), |row| {
                        print(out, "\n").and_then(|()| rows::show(row, common, out))
                    })
                }
                (None, Some(row)) => rows::show(row, common, out),
                (None, None) if is_folder(id) => {
                    show(&Folder::open(Path::new(id))?.card(), common, out)
                }
                (None, None) => rows::show(catalogue::find(id)?, common, out),
            }
        }
        ["recommend"] => recommend::run(typed, common, out),
        ["export"] => export::run(world, typed, common, out),
        ["new"] => own::new(world, Path::new("."), common, out),
        ["new", folder] => own::new(world, Path::new(folder), common, out),
        ["check", folder] => own::check(Path::new(folder), common, out),
        _ => Err(Error::new(Kind::Usage, words::unknown_command(&words.join(" "), WORDS))),
    }
}

/// A model's name or the path of a folder: a path has a separator, or is there.
pub(crate) fn is_folder(text: &str) -> bool {
    text.contains(['/', '\\']) || Path::new(text).is_dir()
}

/// The networks, then the systems; with a filter only systems. As JSON one list: networks have
/// `"entry": "network"`, systems `"entry": "system"`. `models --json` alone lists the networks.
fn list(typed: &Arguments, common: &Common, out: &mut dyn Write) -> Result<()> {
    let filter = rows::filter(typed)?;
    let cards: Vec<Card<'_>> = if filter.is_empty() {
        SYSTEMS.iter().map(|system| system.card()).collect()
    } else {
        Vec::new()
    };
    if common.json {
        let whole = !typed.free.is_empty() || !filter.is_empty();
        let systems = catalogue().entries.iter().filter(|entry| whole && filter.passes(entry));
        let all: Vec<Value> = cards.iter().map(as_json).chain(systems.map(rows::as_json)).collect();
        return print(out, &format!("{:#}\n", Value::from(all)));
    }
    if !cards.is_empty() {
        let mut text = format!("{}\n\n", words::MODELS_HEAD.get(common.lang));
        for card in cards {
            let _ = writeln!(text, "  {:34} {}", card.id, card.name.get(common.lang));
        }
        let _ = writeln!(text, "\n{}\n", words::VOLUME_MODELS_HEAD.get(common.lang));
        for card in zoo::VOLUME_SYSTEMS.iter().map(|system| system.card()) {
            let _ = writeln!(text, "  {:34} {}", card.id, card.name.get(common.lang));
        }
        let _ = write!(text, "\n{}  ", catalogue_words::ROWS.get(common.lang));
        print(out, &text)?;
    }
    rows::list(&filter, common, out)
}

fn show(card: &Card<'_>, common: &Common, out: &mut dyn Write) -> Result<()> {
    if common.json {
        return print(out, &format!("{:#}\n", as_json(card)));
    }
    let lang = common.lang;
    let mut text = format!("{}\n{}\n\n", card.id, card.name.get(lang));
    let mut line = |label: &Text, value: &str| {
        let _ = writeln!(text, "{}: {value}", label.get(lang));
    };
    line(&words::SHOW_USE, card.intended_use.get(lang));
    line(&words::SHOW_LIMITS, card.limits.get(lang));
    line(&words::SHOW_LABELS, &labels(card, lang).join(", "));
    let mut line_unless_empty = |label: &Text, value: &str| {
        if !value.is_empty() {
            line(label, value);
        }
    };
    line_unless_empty(&words::SHOW_WEIGHTS, &card.weights.file_names.join(", "));
    line_unless_empty(&words::SHOW_FROM, card.weights.url);
    line_unless_empty(&words::SHOW_LICENCE, card.weights_licence.get(lang));
    line_unless_empty(&words::SHOW_CODE, card.code_licence);
    line_unless_empty(&words::SHOW_PAPER, card.paper);
    for evidence in card.evidence {
        let finding = evidence.finding.map_or("", |code| code.name.get(lang));
        let value = format!(
            "{} {finding} {} {:.2} ({})",
            evidence.data_set, evidence.metric, evidence.value, evidence.source
        );
        line(&words::SHOW_EVIDENCE, &value);
    }
    print(out, &text)
}

fn labels(card: &Card<'_>, lang: Lang) -> Vec<&'static str> {
    card.labels.iter().flatten().map(|code| code.name.get(lang)).collect()
}

fn both(text: &Text) -> Value {
    json!({ "en": text.en(), "zh": text.zh() })
}

fn as_json(card: &Card<'_>) -> Value {
    let labels: Vec<Value> = card
        .labels
        .iter()
        .flatten()
        .map(|code| json!({ "code": code.id, "name": both(&code.name) }))
        .collect();
    json!({
        "entry": "network",
        "id": card.id,
        "system": card.survey_row,
        "aliases": card.aliases,
        "name": both(&card.name),
        "input": card.input.shape,
        "outputs": labels,
        "weights": {
            "files": card.weights.file_names,
            "url": card.weights.url,
            "bytes": card.weights.bytes,
            "sha256": card.weights.sha256,
            "licence": both(&card.weights_licence),
        },
        "code_licence": card.code_licence,
        "intended_use": both(&card.intended_use),
        "limits": both(&card.limits),
        "paper": card.paper,
    })
}
