//! `models list` and `models show` of the catalogue's systems.

use super::table::table;
use crate::cli::{Arguments, print};
use crate::read::Common;
use base::words::catalogue::{self as words, Term};
use base::{Lang, Result, Text};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;
use zoo::catalogue::{Ability, Entry, Filter, Framework, LicenceFilter, catalogue, word};

/// Columns a cell may take on a terminal.
const WIDEST: usize = 34;

/// What was asked with flags.
pub fn filter(typed: &Arguments) -> Result<Filter> {
    let ask = |flag: &'static str, list: &'static [Term]| {
        typed.value(flag).map(|text| word(flag, text, list)).transpose()
    };
    let language = ask("--language", words::LANGUAGES)?;
    let clearance = match typed.value("--clearance") {
        None => None,
        Some(any) if any.eq_ignore_ascii_case("any") => Some(None),
        Some(text) => Some(Some(word("--clearance", text, words::AUTHORITIES)?)),
    };
    Ok(Filter {
        task: ask("--task", words::TASKS)?,
        modality: ask("--modality", words::MODALITIES)?,
        body_part: ask("--body-part", words::BODY_PARTS)?,
        chinese: language.is_some_and(|language| language.id == "zh"),
        licence: typed.value("--licence").map(LicenceFilter::parse).transpose()?,
        clearance,
        effort: typed.number("--effort")?.map(|most| most.min(3) as u8),
        memory_gb: typed.number("--memory")?.map(|gb| gb as f32),
        runs: typed.has("--runs"),
    })
}

/// The systems that pass, as a table.
pub fn list(filter: &Filter, common: &Common, out: &mut dyn Write) -> Result<()> {
    let lang = common.lang;
    let found: Vec<&Entry> =
        catalogue().entries.iter().filter(|entry| filter.passes(entry)).collect();
    if found.is_empty() {
        return print(out, &format!("{}\n", words::NONE_FOUND.get(lang)));
    }
    let head = [
        &words::SYSTEM,
        &words::HERE,
        &words::MODALITY,
        &words::TASK,
        &words::EFFORT,
        &words::WEIGHTS_LICENCE,
    ];
    let head = head.map(|title| title.get(lang));
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|entry| {
            vec![
                entry.id.clone(),
                here(entry, lang),
                names(&entry.modalities, lang),
                names(&entry.tasks, lang),
                stars(entry.effort),
                entry.weights_licence.name().get(lang).to_owned(),
            ]
        })
        .collect();
    let count = words::systems(found.len());
    print(out, &format!("{}\n\n{}", count.get(lang), table(&head, &rows, WIDEST)))
}

/// `★★`, or nothing where the survey does not rate.
pub fn stars(effort: Option<u8>) -> String {
    effort.map_or(String::new(), |stars| "★".repeat(usize::from(stars)))
}

/// Words of a list, in one language.
pub fn names(terms: &[&'static Term], lang: Lang) -> String {
    let all: Vec<&str> = terms.iter().map(|term| term.name.get(lang)).collect();
    all.join(words::LIST_COMMA.get(lang))
}

/// What this build can do with a system, in few words.
pub fn here(entry: &Entry, lang: Lang) -> String {
    match Ability::of(entry) {
        Ability::Runs(_) | Ability::RunsVolumes(_) => words::HERE_RUNS.get(lang).to_owned(),
        Ability::RunsTrained(Framework::NnUnet) => words::HERE_TRAINED.get(lang).to_owned(),
        Ability::RunsTrained(Framework::Bundles) => words::HERE_BUNDLES.get(lang).to_owned(),
        Ability::StoodInFor(ids) => words::here_stood_in(&ids.join(", ")).get(lang).to_owned(),
        Ability::Described => words::HERE_DESCRIBED.get(lang).to_owned(),
    }
}

/// One system with everything the catalogue knows.
pub fn show(entry: &Entry, common: &Common, out: &mut dyn Write) -> Result<()> {
    if common.json {
        return print(out, &format!("{:#}\n", as_json(entry)));
    }
    let lang = common.lang;
    let mut text = format!("{}\n{}\n{}\n\n", entry.id, entry.name.get(lang), entry.about.get(lang));
    for (label, value) in lines(entry, lang) {
        let _ = writeln!(text, "{}{}{value}", label.get(lang), words::COLON.get(lang));
    }
    let runnable = Ability::of(entry).runnable();
    if !runnable.is_empty() {
        let _ = writeln!(text, "\n{}", words::NETWORKS.get(lang));
    }
    for one in runnable {
        let _ = writeln!(text, "  {:34} {}", one.id, one.name.get(lang));
        for choice in one.choices {
            let name = format!("{}:{}", one.id, choice.name);
            let _ = writeln!(text, "  {name:34} {}", choice.about.get(lang));
        }
    }
    let mut part = |title: &Text, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = writeln!(text, "\n{}", title.get(lang));
            lines.iter().for_each(|line| {
                let _ = writeln!(text, "  {line}");
            });
        }
    };
    part(&words::FACTS, facts(entry, lang));
    part(&words::CLEARANCES, clearances(entry, lang));
    part(&words::RESULTS, results(entry, lang));
    part(&words::FILES, files(entry, lang));
    part(&words::LINKS_TITLE, links(entry, lang));
    let _ = writeln!(text, "\n{}", words::RESEARCH_ONLY_LINE.get(lang));
    print(out, &text)
}

/// Label and value of what is said once.
pub fn lines(entry: &Entry, lang: Lang) -> Vec<(&'static Text, String)> {
    let mut lines: Vec<(&'static Text, String)> = Vec::new();
    let mut line = |label: &'static Text, value: String| {
        if !value.is_empty() {
            lines.push((label, value));
        }
    };
    let get = |text: Option<&Text>| text.map(|text| text.get(lang).to_owned()).unwrap_or_default();
    line(&words::CLAIM, get(entry.claim.as_ref()));
    line(&words::CORRECTION, get(entry.correction.as_ref()));
    line(&words::HERE, here(entry, lang));
    line(&words::WORKING, entry.working.get(lang).to_owned());
    line(&words::MODALITY, names(&entry.modalities, lang));
    line(&words::BODY_PART, names(&entry.body_parts, lang));
    line(&words::TASK, names(&entry.tasks, lang));
    line(&words::ACCESS_TITLE, entry.access.name.get(lang).to_owned());
    line(&words::CODE_LICENCE, entry.code_licence.name().get(lang).to_owned());
    line(&words::WEIGHTS_LICENCE, entry.weights_licence.name().get(lang).to_owned());
    line(&words::LICENCE_NOTE, get(entry.licence_note.as_ref()));
    line(&words::HARDWARE, hardware(entry, lang));
    line(&words::EFFORT, stars(entry.effort));
    line(&words::CHINESE_TITLE, entry.chinese.name.get(lang).to_owned());
    line(&words::SUCCESSORS, entry.successors.join(", "));
    lines
}

/// GPU memory, memory, and the rest.
pub fn hardware(entry: &Entry, lang: Lang) -> String {
    let needs = &entry.hardware;
    let gpu = needs.gpu_gb.map(|(least, most)| words::gpu_memory(least, most).get(lang).to_owned());
    let ram = needs.ram_gb.map(|gb| words::ram(gb).get(lang).to_owned());
    let note = needs.note.as_ref().map(|note| note.get(lang).to_owned());
    let all: Vec<String> = gpu.into_iter().chain(ram).chain(note).collect();
    all.join(words::SEMICOLON.get(lang))
}

fn doubt(verified: bool, lang: Lang) -> String {
    if verified { String::new() } else { words::doubt(&words::UNVERIFIED).get(lang).to_owned() }
}

/// Facts with their sources; what was not read in the source says so.
pub fn facts(entry: &Entry, lang: Lang) -> Vec<String> {
    let one = |fact: &zoo::catalogue::Fact| {
        let source = words::sourced(&fact.source);
        format!("{}{}{}", fact.text.get(lang), source.get(lang), doubt(fact.verified, lang))
    };
    entry.facts.iter().map(one).collect()
}

/// Clearances.
pub fn clearances(entry: &Entry, lang: Lang) -> Vec<String> {
    let one = |clearance: &zoo::catalogue::Clearance| {
        let date = clearance.date.as_ref().map(|date| format!(" {date}")).unwrap_or_default();
        let (authority, number) = (clearance.authority.name.get(lang), &clearance.number);
        let (colon, scope) = (words::COLON.get(lang), clearance.scope.get(lang));
        format!("{authority} {number}{date}{colon}{scope}{}", doubt(clearance.verified, lang))
    };
    entry.clearances.iter().map(one).collect()
}

/// Published results.
pub fn results(entry: &Entry, lang: Lang) -> Vec<String> {
    let one = |result: &zoo::catalogue::PublishedResult| {
        let n = result.n.map(|n| format!(", n = {n}")).unwrap_or_default();
        let (data, metric) = (result.data_set.get(lang), result.metric.get(lang));
        let (colon, source) = (words::COLON.get(lang), words::sourced(&result.source));
        let doubt = doubt(result.verified, lang);
        format!("{data}{colon}{metric} {}{n}{}{doubt}", result.value, source.get(lang))
    };
    entry.results.iter().map(one).collect()
}

fn files(entry: &Entry, lang: Lang) -> Vec<String> {
    let one = |file: &zoo::catalogue::WeightsEntry| {
        let gate = file.gate.map(|gate| words::doubt(&gate.name).get(lang).to_owned());
        format!("{}  {}{}", file.file, file.url, gate.unwrap_or_default())
    };
    entry.weights.iter().map(one).collect()
}

fn links(entry: &Entry, lang: Lang) -> Vec<String> {
    let colon = words::COLON.get(lang);
    entry.links.iter().map(|l| format!("{}{colon}{}", l.kind.name.get(lang), l.url)).collect()
}

fn both(text: &Text) -> Value {
    json!({ "en": text.en(), "zh": text.zh() })
}

fn ids(terms: &[&'static Term]) -> Vec<&'static str> {
    terms.iter().map(|term| term.id).collect()
}

/// A system for scripts.
pub fn as_json(entry: &Entry) -> Value {
    let ability = Ability::of(entry);
    let networks: Vec<&str> = ability.runnable().iter().map(|one| one.id).collect();
    let facts: Vec<Value> = entry
        .facts
        .iter()
        .map(|fact| json!({ "text": both(&fact.text), "source": fact.source, "verified": fact.verified }))
        .collect();
    let clearances: Vec<Value> = entry
        .clearances
        .iter()
        .map(|c| {
            json!({ "authority": c.authority.id, "number": c.number, "date": c.date,
                "scope": both(&c.scope), "verified": c.verified })
        })
        .collect();
    let weights: Vec<Value> = entry
        .weights
        .iter()
        .map(|w| {
            json!({ "file": w.file, "url": w.url, "bytes": w.bytes, "sha256": w.sha256,
                "md5": w.md5, "gate": w.gate.map(|gate| gate.id) })
        })
        .collect();
    let results: Vec<Value> = entry
        .results
        .iter()
        .map(|r| {
            json!({ "data_set": both(&r.data_set), "metric": both(&r.metric), "value": r.value,
                "n": r.n, "source": r.source, "verified": r.verified })
        })
        .collect();
    let links: Vec<Value> =
        entry.links.iter().map(|link| json!({ "kind": link.kind.id, "url": link.url })).collect();
    json!({
        "entry": "system",
        "id": entry.id,
        "aliases": entry.aliases,
        "name": both(&entry.name),
        "section": entry.section.id,
        "ability": ability.id(),
        "networks": networks,
        "connection": entry.connection.id,
        "access": entry.access.id,
        "modalities": ids(&entry.modalities),
        "body_parts": ids(&entry.body_parts),
        "tasks": ids(&entry.tasks),
        "effort": entry.effort,
        "chinese": entry.chinese.id,
        "about": both(&entry.about),
        "claim": entry.claim.as_ref().map(both),
        "correction": entry.correction.as_ref().map(both),
        "working": both(&entry.working),
        "successors": entry.successors,
        "hardware": {
            "gpu_gb": entry.hardware.gpu_gb.map(|(least, most)| [least, most]),
            "ram_gb": entry.hardware.ram_gb,
        },
        "licence": {
            "code": entry.code_licence.id,
            "weights": entry.weights_licence.id,
            "note": entry.licence_note.as_ref().map(both),
        },
        "facts": facts,
        "clearances": clearances,
        "weights": weights,
        "results": results,
        "links": links,
    })
}
