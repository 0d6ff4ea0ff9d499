//! Scores of labels against their truth, label by label, over all labels, by subgroup.

use super::curves;
use super::grades;
use super::outcome::{Block, Outcome, Row, WorstCase};
use super::pairs::{Label, Pairs, collect, number};
use super::patients;
use super::points;
use super::prepared::{Column, Prepared, RESAMPLED};
use super::settings::{Policy, Settings};
use super::slices::MOST;
use super::table;
use base::words::evaluate::{self, TRUE_NEGATIVE, TRUE_POSITIVE};
use base::words::score as words;
use base::{Note, Result, Text};
use metrics::classification::{Binary, Confusion, Ranked, auroc_interval, macro_average, pooled};
use metrics::compare::{Bootstrapped, Units};
use metrics::{Interval, Undefined, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A label with fewer positive or negative cases carries a warning.
pub(super) const SMALL: usize = 10;

/// How these intervals are made.
const PERCENTILE: &str = "bootstrap percentile";

/// Judges tables of scores.
pub(super) fn judge(mut pairs: Pairs, settings: &Settings) -> Result<Outcome> {
    let (graded, labels) = grades::apart(&pairs);
    pairs.labels = labels;
    let columns = columns(&pairs, settings)?;
    let whole = Labels::new(&columns, &pairs.units, settings)?;
    let mut blocks = whole.blocks(&pairs, settings);
    for ((block, label), column) in blocks.iter_mut().zip(&whole.labels).zip(&columns) {
        block.plots = curves::plots(label, &pairs.units, settings);
        block.worst = worst(column, label.threshold, &pairs);
    }
    let mut notes = vec![Note::info(
        "bootstrap",
        words::how(settings.resamples, settings.seed, pairs.units.len(), settings.group.is_some()),
    )];
    notes.append(&mut pairs.notes);
    let mut subgroups = Vec::new();
    for (column, value, members) in patients::groups(&pairs.subgroups) {
        let columns: Vec<Column> = columns.iter().map(|column| column.of(&members)).collect();
        // The rows of the group alone are drawn.
        let group = Labels::new(&columns, &pairs.units.only(&members), settings)?;
        let own = group.blocks(&pairs, settings);
        if own.len() > 1 {
            let rows = overall(&own, &group.drawn, settings.level, &mut Vec::new());
            let counts = vec![("n", members.len() as u64)];
            let notes = patients::few(group.units.len()).into_iter().collect();
            let all = Block { name: value.clone(), counts, rows, notes, ..Block::default() };
            subgroups.push((column.clone(), all));
        }
        for (block, own) in blocks.iter_mut().zip(own) {
            block.subgroups.push((column.clone(), Block { name: value.clone(), ..own }));
        }
    }
    for (label, prepared) in pairs.labels.iter().zip(&whole.labels) {
        let unknown = pairs.truth.rows.len() - prepared.binary.len();
        if unknown > 0 {
            notes.push(Note::info("unknown-truth", words::left_out(&label.name, unknown)));
        }
        if prepared.threshold.is_none() && notes.iter().all(|note| note.code != "no-threshold") {
            notes.push(Note::warning("no-threshold", words::NO_THRESHOLD.clone()));
        }
    }
    let mut overall = overall(&blocks, &whole.drawn, settings.level, &mut notes);
    for label in &graded {
        blocks.push(grades::block(&pairs, label, settings)?);
    }
    if let ([], [only]) = (whole.labels.as_slice(), blocks.as_slice()) {
        overall = only.rows.clone();
    }
    let mut more = Map::new();
    more.insert("uncertain".into(), json!(settings.uncertain.map(Policy::name)));
    if whole.labels.len() > 1 {
        let micro = whole.micro(&pairs.units, settings);
        let all = micro.iter().map(|row| (row.name.clone(), row.to_json()));
        more.insert("micro".into(), Json::Object(all.collect()));
        overall.extend(micro.map(|row| Row { name: format!("{}_micro", row.name), ..row }));
    }
    Ok(Outcome {
        settings: settings.clone(),
        cases: pairs.truth.rows.len(),
        units: pairs.units.len(),
        overall,
        blocks,
        subgroups,
        more,
        notes,
        plots: Vec::new(),
    })
}

/// The labels of the same cases, with their resamples.
struct Labels {
    labels: Vec<Prepared>,
    drawn: Vec<Vec<Bootstrapped>>,
    units: Units,
}

impl Labels {
    fn new(columns: &[Column], units: &Units, settings: &Settings) -> Result<Labels> {
        let one = |column: &Column| Prepared::new(column, units, settings);
        let labels = columns.iter().map(one).collect::<Result<Vec<Prepared>>>()?;
        Ok(Labels { drawn: resampled(&labels, units, settings), labels, units: units.clone() })
    }

    fn blocks(&self, pairs: &Pairs, settings: &Settings) -> Vec<Block> {
        let all = self.labels.iter().zip(&self.drawn).zip(&pairs.labels);
        all.map(|((label, drawn), name)| block(label, &name.name, &self.units, settings, drawn))
            .collect()
    }

    /// Both areas of all labels' cases in one pool (`average="micro"`): a patient is drawn with all of
    /// her labels.
    fn micro(&self, units: &Units, settings: &Settings) -> [Row; 2] {
        let pool: Vec<Binary> = self.labels.iter().map(|label| label.binary.clone()).collect();
        let unit: Vec<u32> = self.labels.iter().flat_map(Prepared::units).copied().collect();
        let pool = Ranked::by_unit(&pooled(&pool), &unit);
        let areas = |weights: &[u32]| [pool.auroc_of(weights), pool.average_precision_of(weights)];
        let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
        let drawn = units.bootstrap_many(seed, resamples, threads, 2, |weights, out| {
            out.extend(areas(weights));
        });
        let full = areas(&vec![1; units.len()]);
        [0, 1].map(|at| {
            let name = ["roc_auc_score", "average_precision_score"][at];
            Row::new(name, full[at], drawn[at].interval(settings.level), PERCENTILE)
        })
    }
}

/// The cases that were called wrongly, by their ids.
fn worst(column: &Column, threshold: Option<f64>, pairs: &Pairs) -> Vec<WorstCase> {
    let one = |(case, truth, score): (usize, bool, f64)| {
        let (truth, score) = match truth {
            true => (&TRUE_POSITIVE, evaluate::score(score)),
            false => (&TRUE_NEGATIVE, evaluate::score(score)),
        };
        let what = Text::filled(
            format!("{}, {}", truth.en(), score.en()),
            format!("{}，{}", truth.zh(), score.zh()),
        );
        WorstCase { id: pairs.truth.rows[case].id().to_owned(), what, picture: None }
    };
    column.worst(threshold, MOST).into_iter().map(one).collect()
}

/// Scores and truth of every label.
pub(super) fn columns(pairs: &Pairs, settings: &Settings) -> Result<Vec<Column>> {
    let column =
        |label: &Label| Ok(Column::new(pairs.scores(label)?, truth(pairs, label, settings)?));
    pairs.labels.iter().map(column).collect()
}

/// 0, 1, empty, and -1 where a policy says what it means.
fn truth(pairs: &Pairs, label: &Label, settings: &Settings) -> Result<Vec<Option<bool>>> {
    let read = |row: &table::Row| {
        let cell = &row.cells[label.truth];
        if cell.is_empty() {
            return Ok(None);
        }
        match (number(cell), settings.uncertain) {
            (Some(1.0), _) | (Some(-1.0), Some(Policy::Ones)) => Ok(Some(true)),
            (Some(0.0), _) | (Some(-1.0), Some(Policy::Zeros)) => Ok(Some(false)),
            (Some(-1.0), Some(Policy::Ignore | Policy::MultiClass)) => Ok(None),
            _ => Err(row.named()),
        }
    };
    collect(&pairs.truth, &label.name, words::bad_truth, read)
        .map_err(|error| error.hint(words::UNCERTAIN_HINT.clone()))
}

/// All labels' resampled values, label after label: the same draws for all.
fn resampled(labels: &[Prepared], units: &Units, settings: &Settings) -> Vec<Vec<Bootstrapped>> {
    let count = labels.iter().map(Prepared::measured).sum();
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let drawn = units.bootstrap_many(seed, resamples, threads, count, |weights, out| {
        labels.iter().for_each(|label| label.values(weights, out));
    });
    let mut drawn = drawn.into_iter();
    labels.iter().map(|label| drawn.by_ref().take(label.measured()).collect()).collect()
}

fn block(
    label: &Prepared,
    name: &str,
    units: &Units,
    settings: &Settings,
    drawn: &[Bootstrapped],
) -> Block {
    let (n, positives) = (label.binary.len(), label.binary.positives());
    let mut values = Vec::new();
    label.values(&vec![1; units.len()], &mut values);
    let counts = label.counts(&vec![1; units.len()]);
    let mut rows: Vec<Row> = Vec::new();
    if n > 0 && positives == n {
        // It is 1 by definition, whatever the scores.
        values[1] = Err(Undefined::NoNegatives);
    }
    for ((name, value), drawn) in RESAMPLED.iter().zip(&values).zip(drawn) {
        let mut row = Row::new(name, *value, drawn.interval(settings.level), PERCENTILE);
        if *name == RESAMPLED[0]
            && let Some((interval, method)) = label.perfect_interval(*value, settings)
        {
            row = Row { interval: Some(Ok(interval)), method, ..row };
        }
        // Cases that stand for themselves have exact or score intervals where these exist.
        if settings.group.is_none() {
            row = by_formula(row, label, counts.as_ref(), settings.level);
        }
        if drawn.undefined() > 0 && value.is_ok() {
            row = row.with("undefined_resamples", json!(drawn.undefined()));
        }
        if *name == "average_precision_score" && n > 0 {
            row = row.with("prevalence", json!(positives as f64 / n as f64));
        }
        rows.push(row);
    }
    rows.extend(counts.iter().flat_map(|counts| points::at_prevalence(counts, settings)));
    rows.extend(calibration(label, settings));
    let mut notes = Vec::new();
    if positives.min(n - positives) < SMALL {
        notes.push(Note::warning("few-cases", words::SMALL_SUBGROUP.clone()));
    }
    let mut more = Map::new();
    more.insert("prevalence".into(), json!((n > 0).then(|| positives as f64 / n as f64)));
    if let Some(counts) = counts {
        more.insert("threshold".into(), json!(label.threshold));
        more.insert(
            "confusion_matrix".into(),
            json!([
                [counts.true_negatives, counts.false_positives],
                [counts.false_negatives, counts.true_positives]
            ]),
        );
    }
    more.insert("operating_points".into(), points::operating_points(&label.binary, settings));
    if label.has_probabilities() {
        more.extend(points::of_probabilities(&label.binary));
    }
    Block {
        name: name.into(),
        counts: vec![
            ("n", n as u64),
            ("positives", positives as u64),
            ("negatives", (n - positives) as u64),
        ],
        rows,
        more,
        notes,
        ..Block::default()
    }
}

/// DeLong's interval beside the bootstrap's, Wilson's in its place.
fn by_formula(row: Row, label: &Prepared, counts: Option<&Confusion>, level: f64) -> Row {
    if row.name == "roc_auc_score" {
        let Ok(found) = auroc_interval(&label.binary, level) else { return row };
        if found.standard_error == 0.0 {
            // Its interval would have no width.
            return row
                .with("delong", json!({ "standard_error": 0.0, "ci": null, "ci_logit": null }));
        }
        let ends = |interval: Interval| json!([interval.low, interval.high]);
        return row.with(
            "delong",
            json!({
                "standard_error": found.standard_error,
                "ci": ends(found.wald),
                "ci_logit": found.logit.map(ends),
            }),
        );
    }
    let Some(counts) = counts else { return row };
    let share = match row.name.as_str() {
        "recall_score" => counts.sensitivity(),
        "specificity_score" => counts.specificity(),
        "precision_score" => counts.ppv(),
        "npv_score" => counts.npv(),
        "accuracy_score" => counts.accuracy(),
        _ => return row,
    };
    match share.interval(level) {
        Some(interval) => Row { interval: Some(Ok(interval)), method: "wilson", ..row },
        None => row,
    }
}

fn calibration(label: &Prepared, settings: &Settings) -> Vec<Row> {
    let binary = &label.binary;
    if !label.has_probabilities() {
        return Vec::new();
    }
    let mut rows = Vec::new();
    let grouped = settings.group.is_some();
    let (unit_of, method) =
        if grouped { (Some(label.units()), "wald by patient") } else { (None, "wald") };
    match binary.recalibration(settings.level, unit_of) {
        Ok(fit) => {
            let row = |name, value, interval| Row::new(name, Ok(value), Ok(interval), method);
            rows.push(row("calibration_slope", fit.slope, fit.slope_interval));
            rows.push(row("calibration_intercept", fit.intercept, fit.intercept_interval));
        }
        Err(why) => {
            rows.push(Row::plain("calibration_slope", Err(why)));
            rows.push(Row::plain("calibration_intercept", Err(why)));
        }
    }
    rows
}

/// Means over the labels, resample by resample; of one label its own numbers.
fn overall(
    blocks: &[Block],
    drawn: &[Vec<Bootstrapped>],
    level: f64,
    notes: &mut Vec<Note>,
) -> Vec<Row> {
    if let [only] = blocks {
        return only.rows.clone();
    }
    let measured = drawn.iter().map(Vec::len).min().unwrap_or(0);
    let mut lacking: BTreeMap<usize, Vec<Text>> = BTreeMap::new();
    let rows = (0..measured)
        .map(|at| {
            let values: Vec<Value> = blocks.iter().map(|block| block.rows[at].value).collect();
            let (mean, without) = macro_average(&values);
            if without > 0 {
                let name = words::metric(RESAMPLED[at]);
                let name = name.unwrap_or_else(|| Text::same(RESAMPLED[at]));
                lacking.entry(without).or_default().push(name);
            }
            // The labels of the full mean, all of them, in every resample.
            let kept: Vec<&Bootstrapped> = values
                .iter()
                .zip(drawn)
                .filter(|(value, _)| value.is_ok())
                .map(|(_, drawn)| &drawn[at])
                .collect();
            let mean_of = |draw: usize| -> Value {
                let sum: Value = kept.iter().map(|label| label.values[draw]).sum();
                Ok(sum? / kept.len() as f64)
            };
            let draws = kept.first().map_or(0, |label| label.values.len());
            let means = Bootstrapped { values: (0..draws).map(mean_of).collect() };
            Row::new(RESAMPLED[at], mean, means.interval(level), PERCENTILE)
                .with("average", json!("macro"))
                .with("labels_without_value", json!(without))
        })
        .collect();
    for (without, names) in lacking {
        let text = words::labels_without_value(&names, without);
        notes.push(Note::warning("labels-without-value", text));
    }
    rows
}
