//! Texts of reports against references, and labels read from them.

use super::outcome::{Block, Outcome, Row};
use super::pairs::{Label, Pairs, collect, number};
use super::settings::{Policy, Settings};
use super::table;
use base::words::score as words;
use base::{Error, Kind, Note, Result};
use metrics::compare::Units;
use metrics::text::{
    BleuCounts, Corpus, LabelPolicy, Mention, Tokens, bleu_counts, cider_d, is_mostly_chinese,
    label_f1, rouge_l,
};
use metrics::{Undefined, Value};
use serde_json::{Map, json};
use std::path::Path;

/// Names as pycocoevalcap spells them.
const NAMES: [&str; 6] = ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr"];

/// Judges tables of texts, or of labels read from texts.
pub(super) fn judge(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Outcome> {
    let pairs = Pairs::new(table::read(predicted)?, table::read(truth)?, settings)?;
    let how =
        words::how(settings.resamples, settings.seed, pairs.units.len(), settings.group.is_some());
    let mut outcome = Outcome {
        settings: settings.clone(),
        cases: pairs.truth.rows.len(),
        units: pairs.units.len(),
        overall: Vec::new(),
        blocks: Vec::new(),
        more: Map::new(),
        notes: vec![Note::info("bootstrap", how)],
        plots: Vec::new(),
    };
    if holds_labels(&pairs) {
        labels(&pairs, settings, &mut outcome)?;
        return Ok(outcome);
    }
    outcome.notes.push(Note::info("words-not-findings", words::WORDS_NOT_FINDINGS.clone()));
    for label in &pairs.labels {
        let block = texts(&pairs, label, settings, &mut outcome.notes)?;
        outcome.blocks.push(block);
    }
    if let [only] = outcome.blocks.as_slice() {
        outcome.overall = only.rows.clone();
    }
    Ok(outcome)
}

/// The truth has only 1, 0, -1 and empty cells.
fn holds_labels(pairs: &Pairs) -> bool {
    let cells = |label: &Label| {
        let at = label.truth;
        pairs.truth.rows.iter().map(move |row| row.cells[at].as_str())
    };
    let mut all = pairs.labels.iter().flat_map(cells).peekable();
    all.peek().is_some()
        && all.all(|cell| cell.is_empty() || matches!(number(cell), Some(1.0 | 0.0 | -1.0)))
}

fn texts(
    pairs: &Pairs,
    label: &Label,
    settings: &Settings,
    notes: &mut Vec<Note>,
) -> Result<Block> {
    let rows = pairs.truth.rows.iter().zip(&pairs.predicted.rows).enumerate();
    let known: Vec<(usize, &str, &str)> = rows
        .map(|(case, (t, p))| {
            (case, p.cells[label.predicted].as_str(), t.cells[label.truth].as_str())
        })
        .filter(|(_, _, truth)| !truth.trim().is_empty())
        .collect();
    let unknown = pairs.truth.rows.len() - known.len();
    if unknown > 0 {
        notes.push(Note::info("unknown-truth", words::left_out(&label.name, unknown)));
    }
    if known.is_empty() {
        let error = Error::new(Kind::BrokenInput, words::EMPTY_SPLIT.clone());
        return Err(error.at(&pairs.truth.path));
    }
    let how = match settings.tokens.as_deref() {
        Some("space") => Tokens::Space,
        Some("char") => Tokens::Characters,
        Some(_) => Tokens::Ptb,
        None => {
            let chinese = known.iter().filter(|(_, _, truth)| is_mostly_chinese(truth)).count();
            if 2 * chinese > known.len() { Tokens::Characters } else { Tokens::Ptb }
        }
    };
    let name = match how {
        Tokens::Ptb => "ptb",
        Tokens::Space => "space",
        Tokens::Characters => "char",
    };
    let corpus = Corpus::new(known.iter().map(|(_, p, t)| (*p, vec![*t])), how);
    let counts = bleu_counts(&corpus);
    let (rouge, cider) = (rouge_l(&corpus, settings.threads), cider_d(&corpus, settings.threads));
    let keys: Vec<u32> = known.iter().map(|(case, ..)| pairs.units.of_case()[*case]).collect();
    let units = Units::grouped(&keys);
    let values = |weights: &[u32]| values(&counts, &rouge, &cider, &units, weights);
    let full = values(&vec![1; units.len()]);
    let drawn = units.bootstrap_many(
        settings.seed,
        settings.resamples,
        settings.threads,
        NAMES.len(),
        |weights, out| out.extend(values(weights)),
    );
    let rows = NAMES
        .iter()
        .zip(full)
        .zip(&drawn)
        .map(|((name, value), drawn)| {
            Row::new(name, value, drawn.interval(settings.level), "bootstrap percentile")
        })
        .collect();
    let mut more = Map::new();
    more.insert("tokens".into(), json!(name));
    let cases = known.iter().zip(&counts).zip(rouge.iter().zip(&cider));
    let cases = cases.map(|(((case, ..), counts), (rouge, cider))| {
        json!({
            "id": pairs.truth.rows[*case].id(),
            "Bleu_4": counts.bleu()[3],
            "ROUGE_L": rouge,
            "CIDEr": cider,
        })
    });
    more.insert("cases".into(), cases.collect());
    Ok(Block {
        name: label.name.clone(),
        counts: vec![("n", known.len() as u64)],
        rows,
        more,
        ..Block::default()
    })
}

/// BLEU of the drawn corpus, means of the others: their document frequencies stay those of all.
fn values(
    counts: &[BleuCounts],
    rouge: &[f64],
    cider: &[f64],
    units: &Units,
    weights: &[u32],
) -> Vec<Value> {
    let mut sum = BleuCounts::default();
    let (mut r, mut c, mut total) = (0.0, 0.0, 0u64);
    for (case, unit) in units.of_case().iter().enumerate() {
        let times = weights[*unit as usize];
        sum.add(&counts[case], u64::from(times));
        r += f64::from(times) * rouge[case];
        c += f64::from(times) * cider[case];
        total += u64::from(times);
    }
    let or_none = |x: f64| if total == 0 { Err(Undefined::NoCases) } else { Ok(x) };
    let bleu = sum.bleu().map(or_none);
    bleu.into_iter().chain([or_none(r / total as f64), or_none(c / total as f64)]).collect()
}

fn labels(pairs: &Pairs, settings: &Settings, outcome: &mut Outcome) -> Result<()> {
    let mention = |row: &table::Row, at: usize| match number(&row.cells[at]) {
        Some(1.0) => Ok(Mention::Positive),
        Some(0.0) => Ok(Mention::Negative),
        Some(-1.0) if settings.uncertain.is_some() => Ok(Mention::Uncertain),
        None if row.cells[at].is_empty() => Ok(Mention::Blank),
        _ => Err(row.named()),
    };
    let mut columns = (Vec::new(), Vec::new());
    for label in &pairs.labels {
        let hint = |error: Error| error.hint(words::UNCERTAIN_HINT.clone());
        let read = |table, at: usize| {
            collect(table, &label.name, words::bad_truth, |row| mention(row, at)).map_err(hint)
        };
        columns.0.push(read(&pairs.predicted, label.predicted)?);
        columns.1.push(read(&pairs.truth, label.truth)?);
    }
    let turn = |columns: &[Vec<Mention>], cases: &[usize]| -> Vec<Vec<Mention>> {
        cases.iter().map(|case| columns.iter().map(|column| column[*case]).collect()).collect()
    };
    let policy = match settings.uncertain {
        Some(Policy::Ones) => LabelPolicy::UncertainPositive,
        Some(Policy::Ignore) => LabelPolicy::UncertainIgnored,
        Some(Policy::Zeros) | None => LabelPolicy::UncertainNegative,
    };
    let every: Vec<usize> = (0..outcome.cases).collect();
    let found = label_f1(&turn(&columns.0, &every), &turn(&columns.1, &every), policy);
    let units = &pairs.units;
    let drawn = units.bootstrap_many(
        settings.seed,
        settings.resamples,
        settings.threads,
        3 + pairs.labels.len(),
        |weights, out| {
            let mut cases = Vec::new();
            for (case, unit) in units.of_case().iter().enumerate() {
                cases.extend((0..weights[*unit as usize]).map(|_| case));
            }
            let found = label_f1(&turn(&columns.0, &cases), &turn(&columns.1, &cases), policy);
            out.extend([found.micro, found.macro_average, found.weighted]);
            out.extend(found.labels);
        },
    );
    let with = |name: &str, value: Value, at: usize| {
        Row::new(name, value, drawn[at].interval(settings.level), "bootstrap percentile")
    };
    outcome.overall = vec![
        with("f1_score_micro", found.micro, 0),
        with("f1_score_macro", found.macro_average, 1)
            .with("labels_without_value", json!(found.without_value)),
        with("f1_score_weighted", found.weighted, 2),
        Row::plain("exact_match", found.exact_match),
    ];
    outcome.more.insert("uncertain".into(), json!(settings.uncertain.map(Policy::name)));
    for (at, label) in pairs.labels.iter().enumerate() {
        let counts = found.counts[at];
        outcome.blocks.push(Block {
            name: label.name.clone(),
            counts: vec![
                ("n", counts.total()),
                ("positives", counts.true_positives + counts.false_negatives),
            ],
            rows: vec![with("f1_score", found.labels[at], 3 + at)],
            ..Block::default()
        });
    }
    Ok(())
}
