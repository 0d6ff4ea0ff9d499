//! Texts of reports against references, and labels read from them.

use super::outcome::{Block, Outcome, Row, WorstCase};
use super::pairs::{Label, Pairs, collect, number};
use super::patients;
use super::settings::{Policy, Settings};
use super::slices::MOST;
use super::table;
use super::wordnet::WordNet;
use base::words::score as words;
use base::{Error, Kind, Note, Result, Text};
use metrics::compare::Units;
use metrics::text::{
    BleuCounts, Corpus, LabelF1, LabelPolicy, Mention, Synonyms, Tokens, bleu_counts, cider_d,
    is_mostly_chinese, label_f1, meteor, rouge_l, tokens,
};
use metrics::{Undefined, Value};
use serde_json::{Map, json};

/// Names as pycocoevalcap spells them; METEOR is not coco-caption's, and is called otherwise.
pub(super) const NAMES: [&str; 7] =
    ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr", "METEOR_2007"];

/// Judges tables of texts, or of labels read from texts.
pub(super) fn judge(pairs: &Pairs, settings: &Settings) -> Result<Outcome> {
    let how =
        words::how(settings.resamples, settings.seed, pairs.units.len(), settings.group.is_some());
    let mut outcome = Outcome {
        settings: settings.clone(),
        cases: pairs.truth.rows.len(),
        units: pairs.units.len(),
        overall: Vec::new(),
        blocks: Vec::new(),
        subgroups: Vec::new(),
        more: Map::new(),
        notes: vec![Note::info("bootstrap", how)],
        plots: Vec::new(),
    };
    if holds_labels(pairs) {
        labels(pairs, settings, &mut outcome)?;
        return Ok(outcome);
    }
    outcome.notes.push(Note::info("words-not-findings", words::WORDS_NOT_FINDINGS.clone()));
    for label in &pairs.labels {
        let block = texts(pairs, label, settings, &mut outcome.notes)?;
        outcome.blocks.push(block);
    }
    if let [only] = outcome.blocks.as_slice() {
        outcome.overall = only.rows.clone();
    }
    Ok(outcome)
}

/// The truth has only 1, 0, -1 and empty cells, and not only empty ones.
pub(super) fn holds_labels(pairs: &Pairs) -> bool {
    let cells = |label: &Label| {
        let at = label.truth;
        pairs.truth.rows.iter().map(move |row| row.cells[at].as_str())
    };
    let all = || pairs.labels.iter().flat_map(cells).filter(|cell| !cell.is_empty());
    all().next().is_some() && all().all(|cell| matches!(number(cell), Some(1.0 | 0.0 | -1.0)))
}

fn texts(
    pairs: &Pairs,
    label: &Label,
    settings: &Settings,
    notes: &mut Vec<Note>,
) -> Result<Block> {
    let texts = Texts::new(pairs, label, settings)?;
    let unknown = pairs.truth.rows.len() - texts.cases.len();
    if unknown > 0 {
        notes.push(Note::info("unknown-truth", words::left_out(&label.name, unknown)));
    }
    if notes.iter().all(|note| note.code != "meteor") {
        notes.push(Note::info("meteor", words::meteor(settings.wordnet.is_some())));
    }
    let rows = rows(&texts, settings);
    let mut more = Map::new();
    more.insert("tokens".into(), json!(texts.tokens));
    let cases = texts.cases.iter().enumerate().map(|(at, case)| {
        json!({
            "id": pairs.truth.rows[*case].id(),
            "Bleu_4": texts.counts[at].bleu()[3],
            "ROUGE_L": texts.each[0][at],
            "CIDEr": texts.each[1][at],
            settings.text_names()[6]: texts.each[2][at],
        })
    });
    more.insert("cases".into(), cases.collect());
    let mut order: Vec<usize> = (0..texts.cases.len()).collect();
    order.retain(|at| texts.each[0][*at] < 1.0);
    order.sort_by(|a, b| texts.each[0][*a].total_cmp(&texts.each[0][*b]).then(a.cmp(b)));
    let worst = order.into_iter().take(2 * MOST).map(|at| WorstCase {
        id: pairs.truth.rows[texts.cases[at]].id().to_owned(),
        what: Text::same(format!("ROUGE-L {:.4}", texts.each[0][at])),
        picture: None,
    });
    let group = |(column, value, members): (&String, String, Vec<usize>)| {
        let own = texts.of(&members);
        let block = Block {
            name: value,
            counts: vec![("n", own.cases.len() as u64)],
            rows: self::rows(&own, settings),
            notes: patients::few(own.units.len()).into_iter().collect(),
            ..Block::default()
        };
        (column.clone(), block)
    };
    Ok(Block {
        name: label.name.clone(),
        counts: vec![("n", texts.cases.len() as u64)],
        worst: worst.collect(),
        rows,
        more,
        subgroups: patients::groups(&pairs.subgroups).into_iter().map(group).collect(),
        ..Block::default()
    })
}

fn rows(texts: &Texts, settings: &Settings) -> Vec<Row> {
    let full = texts.values(&vec![1; texts.units.len()]);
    let drawn = texts.units.bootstrap_many(
        settings.seed,
        settings.resamples,
        settings.threads,
        NAMES.len(),
        |weights, out| out.extend(texts.values(weights)),
    );
    let names = settings.text_names();
    let mut rows: Vec<Row> = names
        .iter()
        .zip(full)
        .zip(&drawn)
        .map(|((name, value), drawn)| {
            Row::new(name, value, drawn.interval(settings.level), "bootstrap percentile")
        })
        .collect();
    if let Some(row) = rows.last_mut() {
        let stages: &[&str] = if settings.wordnet.is_some() {
            &["exact", "stem", "synonym"]
        } else {
            &["exact", "stem"]
        };
        row.more.insert("stages".into(), json!(stages));
        row.more.insert("parameters".into(), json!({ "alpha": 0.9, "beta": 3.0, "gamma": 0.5 }));
    }
    rows
}

/// The texts of a column, measured case by case.
pub(super) struct Texts {
    /// The cases whose truth is known, as places among all.
    pub cases: Vec<usize>,
    /// Their patients.
    pub units: Units,
    /// How the texts were cut.
    pub tokens: &'static str,
    /// What each case adds to BLEU.
    pub counts: Vec<BleuCounts>,
    /// ROUGE-L, CIDEr-D and METEOR of each case.
    pub each: [Vec<f64>; 3],
}

impl Texts {
    /// Measures a column.
    pub fn new(pairs: &Pairs, label: &Label, settings: &Settings) -> Result<Texts> {
        let rows = pairs.truth.rows.iter().zip(&pairs.predicted.rows).enumerate();
        let known: Vec<(usize, &str, &str)> = rows
            .map(|(case, (t, p))| {
                (case, p.cells[label.predicted].as_str(), t.cells[label.truth].as_str())
            })
            .filter(|(_, _, truth)| !truth.trim().is_empty())
            .collect();
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
        let cut: Vec<(Vec<String>, Vec<Vec<String>>)> =
            known.iter().map(|(_, p, t)| (tokens(p, how), vec![tokens(t, how)])).collect();
        let wordnet = settings.wordnet.as_deref().map(WordNet::open).transpose()?;
        let synonyms = wordnet.as_ref().map(|wordnet| wordnet as &dyn Synonyms);
        let threads = settings.threads;
        let cases: Vec<usize> = known.iter().map(|(case, ..)| *case).collect();
        Ok(Texts {
            units: pairs.units.only(&cases),
            cases,
            tokens: name,
            counts: bleu_counts(&corpus),
            each: [
                rouge_l(&corpus, threads),
                cider_d(&corpus, threads),
                meteor(&cut, synonyms, threads),
            ],
        })
    }

    /// Those among `members`, which rise. Document frequencies stay those of all.
    pub fn of(&self, members: &[usize]) -> Texts {
        let kept: Vec<usize> = (0..self.cases.len())
            .filter(|at| members.binary_search(&self.cases[*at]).is_ok())
            .collect();
        Texts {
            cases: kept.iter().map(|at| self.cases[*at]).collect(),
            units: self.units.only(&kept),
            tokens: self.tokens,
            counts: kept.iter().map(|at| self.counts[*at]).collect(),
            each: self.each.each_ref().map(|each| kept.iter().map(|at| each[*at]).collect()),
        }
    }

    /// The numbers of [`NAMES`] with every patient counted so often: BLEU of the drawn corpus, means
    /// of the others, whose document frequencies stay those of all.
    pub fn values(&self, weights: &[u32]) -> Vec<Value> {
        Texts::mixed(&[(self, weights)])
    }

    /// The same of a corpus put together of several models' texts, each with its own weights.
    pub fn mixed(parts: &[(&Texts, &[u32])]) -> Vec<Value> {
        let mut sum = BleuCounts::default();
        let (mut means, mut total) = ([0.0; 3], 0u64);
        for (texts, weights) in parts {
            for (case, unit) in texts.units.of_case().iter().enumerate() {
                let times = weights[*unit as usize];
                sum.add(&texts.counts[case], u64::from(times));
                for (mean, each) in means.iter_mut().zip(&texts.each) {
                    *mean += f64::from(times) * each[case];
                }
                total += u64::from(times);
            }
        }
        let or_none = |x: f64| if total == 0 { Err(Undefined::NoCases) } else { Ok(x) };
        let bleu = sum.bleu().map(or_none);
        bleu.into_iter().chain(means.map(|mean| or_none(mean / total as f64))).collect()
    }
}

/// What each row of both tables says of every label.
pub(super) struct Mentions {
    /// Predicted, case by case.
    pub predicted: Vec<Vec<Mention>>,
    /// True, case by case.
    pub truth: Vec<Vec<Mention>>,
    /// What counts as positive.
    pub policy: LabelPolicy,
}

impl Mentions {
    /// Reads both tables. Errors name the rows that hold no label.
    pub fn new(pairs: &Pairs, settings: &Settings) -> Result<Mentions> {
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
        let turn = |columns: &[Vec<Mention>]| -> Vec<Vec<Mention>> {
            let cases = 0..pairs.truth.rows.len();
            cases.map(|case| columns.iter().map(|column| column[case]).collect()).collect()
        };
        let policy = match settings.uncertain {
            Some(Policy::Ones) => LabelPolicy::UncertainPositive,
            Some(Policy::Ignore) => LabelPolicy::UncertainIgnored,
            // The others are refused for texts.
            _ => LabelPolicy::UncertainNegative,
        };
        Ok(Mentions { predicted: turn(&columns.0), truth: turn(&columns.1), policy })
    }

    /// Some of the cases.
    pub fn of(&self, members: &[usize]) -> Mentions {
        let own = |rows: &[Vec<Mention>]| members.iter().map(|at| rows[*at].clone()).collect();
        Mentions { predicted: own(&self.predicted), truth: own(&self.truth), policy: self.policy }
    }

    /// F1 with every patient counted so often.
    pub fn f1(&self, units: &Units, weights: &[u32]) -> LabelF1 {
        Mentions::mixed(&[(self, weights)], units)
    }

    /// The same of cases put together of several models, each with its own weights.
    pub fn mixed(parts: &[(&Mentions, &[u32])], units: &Units) -> LabelF1 {
        let (mut predicted, mut truth) = (Vec::new(), Vec::new());
        for (own, weights) in parts {
            for (case, unit) in units.of_case().iter().enumerate() {
                for _ in 0..weights[*unit as usize] {
                    predicted.push(own.predicted[case].as_slice());
                    truth.push(own.truth[case].as_slice());
                }
            }
        }
        let policy = parts.first().map_or(LabelPolicy::UncertainNegative, |(own, _)| own.policy);
        label_f1(&predicted, &truth, policy)
    }
}

fn labels(pairs: &Pairs, settings: &Settings, outcome: &mut Outcome) -> Result<()> {
    let mentions = Mentions::new(pairs, settings)?;
    let (overall, mut blocks) = of_labels(&mentions, pairs, &pairs.units, settings);
    outcome.overall = overall;
    outcome.more.insert("uncertain".into(), json!(settings.uncertain.map(Policy::name)));
    for (column, value, members) in patients::groups(&pairs.subgroups) {
        let units = pairs.units.only(&members);
        let (rows, own) = of_labels(&mentions.of(&members), pairs, &units, settings);
        let few = || patients::few(units.len()).into_iter().collect();
        for (block, own) in blocks.iter_mut().zip(own) {
            let own = Block { name: value.clone(), notes: few(), ..own };
            block.subgroups.push((column.clone(), own));
        }
        let counts = vec![("n", members.len() as u64)];
        let all = Block { name: value, counts, rows, notes: few(), ..Block::default() };
        outcome.subgroups.push((column.clone(), all));
    }
    outcome.blocks = blocks;
    Ok(())
}

/// Over all labels, and of each.
fn of_labels(
    mentions: &Mentions,
    pairs: &Pairs,
    units: &Units,
    settings: &Settings,
) -> (Vec<Row>, Vec<Block>) {
    let found = mentions.f1(units, &vec![1; units.len()]);
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let count = 4 + pairs.labels.len();
    let drawn = units.bootstrap_many(seed, resamples, threads, count, |weights, out| {
        let found = mentions.f1(units, weights);
        out.extend([found.micro, found.macro_average, found.weighted, found.exact_match]);
        out.extend(found.labels);
    });
    let with = |name: &str, value: Value, at: usize| {
        Row::new(name, value, drawn[at].interval(settings.level), "bootstrap percentile")
    };
    let overall = vec![
        with("f1_score_micro", found.micro, 0),
        with("f1_score_macro", found.macro_average, 1)
            .with("labels_without_value", json!(found.without_value)),
        with("f1_score_weighted", found.weighted, 2),
        with("exact_match", found.exact_match, 3),
    ];
    let block = |(at, label): (usize, &Label)| {
        let counts = found.counts[at];
        Block {
            name: label.name.clone(),
            counts: vec![
                ("n", counts.total()),
                ("positives", counts.true_positives + counts.false_negatives),
            ],
            rows: vec![with("f1_score", found.labels[at], 4 + at)],
            ..Block::default()
        }
    };
    (overall, pairs.labels.iter().enumerate().map(block).collect())
}
