//! What the survey says, in order: how to read it, an overview, a table a section, what to choose,
//! every system with its sources, the update log.

use super::Measurements;
use super::doc::{Block, Inline, plain};
use crate::models::rows;
use base::words::catalogue as words;
use base::{Lang, Text};
use zoo::catalogue::{Ability, Entry, Filter, Machine, catalogue, recommend};

/// A machine on which everything fits: here the purposes are asked, not a machine.
const ANY_MACHINE: Machine = Machine { cores: 64, ram_gb: Some(512.0), gpu_gb: Some(141.0) };
/// Systems named for each purpose.
const NAMED: usize = 8;

/// The whole document.
pub fn blocks(measured: &Measurements, lang: Lang) -> Vec<Block> {
    let mut out = opening(lang);
    out.extend(overview(lang));
    for section in words::SECTIONS {
        let of: Vec<&Entry> = entries().filter(|entry| entry.section.id == section.id).collect();
        out.push(heading(2, section.name.get(lang), section.id));
        out.push(table(&of, lang));
    }
    out.extend(choosing(lang));
    if !measured.networks.is_empty() {
        out.extend(measurements(measured, lang));
    }
    out.extend(around(lang));
    out.push(heading(2, words::ALL_SYSTEMS.get(lang), "all"));
    entries().for_each(|entry| out.extend(one(entry, lang)));
    out.push(heading(2, words::UPDATE_LOG.get(lang), "log"));
    let log = catalogue().log.iter();
    out.push(Block::List(
        log.map(|line| plain(format!("{}  {}", line.date, line.text.get(lang)))).collect(),
    ));
    out
}

fn entries() -> impl Iterator<Item = &'static Entry> {
    catalogue().entries.iter()
}

fn heading(level: u8, text: &str, anchor: &str) -> Block {
    Block::Heading { level, text: text.into(), anchor: anchor.into() }
}

fn opening(lang: Lang) -> Vec<Block> {
    let date = catalogue().log.first().map_or("", |line| line.date.as_str());
    let state = words::state(env!("CARGO_PKG_VERSION"), date);
    vec![
        heading(1, words::EXPORT_TITLE.get(lang), "top"),
        Block::Paragraph(vec![Inline::Strong(words::RESEARCH_ONLY_LINE.get(lang).into())]),
        Block::Paragraph(plain(state.get(lang))),
        Block::Paragraph(plain(words::HOW_TO_READ.get(lang))),
    ]
}

/// How many systems each part has and how many of them run.
fn overview(lang: Lang) -> Vec<Block> {
    let head = [&words::SECTION, &words::COUNT, &words::COUNT_RUNS, &words::COUNT_STOOD_IN];
    let mut rows: Vec<Vec<Vec<Inline>>> = Vec::new();
    let mut sum = [0usize; 3];
    for section in words::SECTIONS {
        let of: Vec<Ability> =
            entries().filter(|entry| entry.section.id == section.id).map(Ability::of).collect();
        let runs = of.iter().filter(|ability| ability.runs()).count();
        let stood_in = of.iter().filter(|a| matches!(a, Ability::StoodInFor(_))).count();
        let counts = [of.len(), runs, stood_in];
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        let to = format!("#{}", section.id);
        let mut row = vec![vec![Inline::Link { to, text: section.name.get(lang).into() }]];
        row.extend(counts.map(|count| plain(count.to_string())));
        rows.push(row);
    }
    let mut total = vec![plain(words::TOTAL.get(lang))];
    total.extend(sum.map(|count| plain(count.to_string())));
    rows.push(total);
    vec![
        heading(2, words::OVERVIEW.get(lang), "overview"),
        Block::Table { head: titles(&head, lang), rows },
    ]
}

fn titles(head: &[&Text], lang: Lang) -> Vec<String> {
    head.iter().map(|title| title.get(lang).to_owned()).collect()
}

fn table(of: &[&Entry], lang: Lang) -> Block {
    let head = [
        &words::SYSTEM,
        &words::MODALITY,
        &words::TASK,
        &words::CLAIM,
        &words::VERIFIED_COLUMN,
        &words::ACCESS_TITLE,
        &words::WEIGHTS_LICENCE,
        &words::HARDWARE,
        &words::EFFORT,
        &words::CHINESE_TITLE,
        &words::HERE,
    ];
    let rows = of.iter().map(|entry| {
        let name = entry.name.get(lang).to_owned();
        let hardware = entry.hardware.gpu_gb.map(|(least, most)| words::gpu_memory(least, most));
        let hardware = hardware.map_or(String::new(), |text| text.get(lang).to_owned());
        vec![
            vec![Inline::Link { to: format!("#{}", entry.id), text: name }],
            plain(rows::names(&entry.modalities, lang)),
            plain(rows::names(&entry.tasks, lang)),
            plain(entry.claim.as_ref().map_or("", |claim| claim.get(lang))),
            plain(verified(entry, lang)),
            plain(entry.access.name.get(lang)),
            plain(entry.weights_licence.name().get(lang)),
            plain(hardware),
            plain(rows::stars(entry.effort)),
            plain(entry.chinese.name.get(lang)),
            plain(rows::here(entry, lang)),
        ]
    });
    Block::Table { head: titles(&head, lang), rows: rows.collect() }
}

/// The correction, else the first published result, else the first fact.
fn verified(entry: &Entry, lang: Lang) -> String {
    if let Some(correction) = &entry.correction {
        return correction.get(lang).to_owned();
    }
    let mut said = rows::results(entry, lang);
    said.extend(rows::facts(entry, lang));
    said.into_iter().next().unwrap_or_default()
}

/// For each purpose the systems that suit it best.
fn choosing(lang: Lang) -> Vec<Block> {
    let mut out = vec![
        heading(2, words::CHOOSING.get(lang), "choose"),
        Block::Paragraph(plain(words::HOW_CHOSEN.get(lang))),
    ];
    let rows = words::SCENARIOS.iter().map(|scenario| {
        let (found, _) = recommend(&ANY_MACHINE, Some(scenario), &Filter::default());
        let mut links: Vec<Inline> = Vec::new();
        for found in found.iter().take(NAMED) {
            if !links.is_empty() {
                links.push(Inline::text(words::LIST_COMMA.get(lang)));
            }
            let (to, text) = (format!("#{}", found.entry.id), found.entry.name.get(lang).into());
            links.push(Inline::Link { to, text });
        }
        vec![plain(scenario.name.get(lang)), links]
    });
    let head = titles(&[&words::PURPOSE, &words::SUITING], lang);
    out.push(Block::Table { head, rows: rows.collect() });
    let needs = words::NEEDS.iter().map(|(kind, gpu, ram)| {
        vec![plain(kind.get(lang)), plain(gpu.get(lang)), plain(ram.get(lang))]
    });
    let head = titles(&[&words::KIND_OF_MODEL, &words::GPU_MEMORY, &words::MEMORY], lang);
    out.push(Block::Table { head, rows: needs.collect() });
    out
}

fn measurements(measured: &Measurements, lang: Lang) -> Vec<Block> {
    let head = [&words::NETWORK, &words::SYSTEM, &words::SECONDS, &words::PEAK_MEMORY];
    let rows = measured.networks.iter().map(|(id, measured)| {
        let row = zoo::find(id).map(|system| system.card().survey_row);
        let volumes = || zoo::find_volume_system(id).map(|system| system.card().survey_row);
        let row = row.or_else(volumes).unwrap_or_default();
        let peak = measured.peak_mib.map_or("-".to_owned(), |mib| format!("{mib:.0}"));
        vec![plain(id), plain(row), plain(format!("{:.3}", measured.seconds)), plain(peak)]
    });
    let mut out = vec![
        heading(2, words::MEASURED.get(lang), "measured"),
        Block::Paragraph(plain(words::HOW_MEASURED.get(lang))),
    ];
    if !measured.machine.is_empty() {
        let between = match lang {
            Lang::En => ", ",
            Lang::Zh => "，",
        };
        out.push(Block::Paragraph(plain(measured.machine.join(between))));
    }
    out.push(Block::Table { head: titles(&head, lang), rows: rows.collect() });
    out
}

/// Data sets, rules, limits, practice: what the survey says around the models.
fn around(lang: Lang) -> Vec<Block> {
    let sets = words::DATA_SETS.iter().map(|(name, size, access)| {
        vec![plain(*name), plain(size.get(lang)), plain(access.get(lang))]
    });
    let head = titles(&[&words::DATA_SET, &words::SIZE, &words::ACCESS_TITLE], lang);
    let mut out = vec![
        heading(2, words::DATA_SETS_TITLE.get(lang), "data-sets"),
        Block::Table { head, rows: sets.collect() },
    ];
    for (title, anchor, lines) in [
        (&words::RULES_TITLE, "rules", words::RULES),
        (&words::LIMITS_TITLE, "limits", words::LIMITS),
        (&words::PRACTICE_TITLE, "practice", words::PRACTICE),
    ] {
        out.push(heading(2, title.get(lang), anchor));
        out.push(Block::List(lines.iter().map(|line| plain(line.get(lang))).collect()));
    }
    out
}

/// Everything about one system.
fn one(entry: &Entry, lang: Lang) -> Vec<Block> {
    let colon = words::COLON.get(lang);
    let name = format!("{} ({})", entry.name.get(lang), entry.id);
    let mut out =
        vec![heading(3, &name, &entry.id), Block::Paragraph(plain(entry.about.get(lang)))];
    let mut items: Vec<Vec<Inline>> = Vec::new();
    let labelled = |label: &Text, value: String| {
        vec![Inline::Strong(format!("{}{colon}", label.get(lang))), Inline::text(value)]
    };
    items.extend(rows::lines(entry, lang).into_iter().map(|(label, value)| labelled(label, value)));
    let runnable: Vec<&str> = Ability::of(entry).runnable().iter().map(|one| one.id).collect();
    if !runnable.is_empty() {
        items.push(labelled(&words::NETWORKS, runnable.join(words::LIST_COMMA.get(lang))));
    }
    let several = [
        (&words::FACTS, rows::facts(entry, lang)),
        (&words::CLEARANCES, rows::clearances(entry, lang)),
        (&words::RESULTS, rows::results(entry, lang)),
    ];
    for (label, lines) in several {
        items.extend(lines.into_iter().map(|line| labelled(label, line)));
    }
    let link = |label: &Text, text: &str, url: &str, more: String| {
        vec![
            Inline::Strong(format!("{}{colon}", label.get(lang))),
            Inline::Link { to: url.into(), text: text.into() },
            Inline::Text(more),
        ]
    };
    for file in &entry.weights {
        let gate = file.gate.map(|gate| words::doubt(&gate.name).get(lang).to_owned());
        items.push(link(&words::FILES, &file.file, &file.url, gate.unwrap_or_default()));
    }
    for l in &entry.links {
        items.push(link(&l.kind.name, &l.url, &l.url, String::new()));
    }
    out.push(Block::List(items));
    out
}
