//! Scores of labels against their truth, label by label, over all labels, by subgroup.

use super::curves;
use super::grades;
use super::outcome::{Block, Outcome, Row};
use super::pairs::{Label, Pairs, collect, number};
use super::points;
use super::settings::{Policy, Settings};
use super::table;
use base::words::score as words;
use base::{Error, Kind, Note, Result};
use metrics::calibration::Binning;
use metrics::classification::{Binary, Confusion, Ranked, auroc_interval, macro_average, pooled};
use metrics::compare::{Bootstrapped, Units};
use metrics::{Interval, Undefined, Value};
use serde_json::{Map, json};
use std::path::Path;

/// Bins of calibration errors.
const BINS: usize = 15;
/// A subgroup with fewer positive or negative cases carries a warning.
const SMALL: usize = 10;

/// What is bootstrapped for each label, in this order.
const RESAMPLED: [&str; 14] = [
    "roc_auc_score",
    "average_precision_score",
    "brier_score_loss",
    "expected_calibration_error",
    "expected_calibration_error_equal_mass",
    "recall_score",
    "specificity_score",
    "precision_score",
    "npv_score",
    "accuracy_score",
    "balanced_accuracy_score",
    "f1_score",
    "matthews_corrcoef",
    "cohen_kappa_score",
];
/// How these intervals are made.
const PERCENTILE: &str = "bootstrap percentile";
/// Where those that need a threshold begin.
const AT_THRESHOLD: usize = 5;

/// One label's cases of known truth, ready for any resample.
pub(super) struct Prepared {
    /// Scores and truth.
    pub binary: Binary,
    /// The cases, as places among all cases.
    pub cases: Vec<usize>,
    ranked: Ranked,
    unit: Vec<u32>,
    threshold: Option<f64>,
    wide: Option<Vec<u8>>,
    mass: Option<Vec<u8>>,
}

/// Judges tables of scores.
pub(super) fn judge(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Outcome> {
    let mut pairs = Pairs::new(table::read(predicted)?, table::read(truth)?, settings)?;
    let (graded, labels) = grades::apart(&pairs);
    pairs.labels = labels;
    let columns = columns(&pairs, settings)?;
    let labels: Vec<Prepared> = columns
        .iter()
        .map(|column| Prepared::new(column, None, &pairs.units, settings))
        .collect::<Result<_>>()?;
    let drawn = resampled(&labels, &pairs.units, settings);
    let of_labels =
        |labels: &[Prepared], drawn: &[Vec<Bootstrapped>], units: &Units| -> Vec<Block> {
            let all = labels.iter().zip(drawn).zip(&pairs.labels);
            all.map(|((label, drawn), name)| block(label, &name.name, units, settings, drawn))
                .collect()
        };
    let mut blocks = of_labels(&labels, &drawn, &pairs.units);
    for (block, label) in blocks.iter_mut().zip(&labels) {
        block.plots = curves::plots(label, &pairs.units, settings);
    }
    let mut notes = vec![Note::info(
        "bootstrap",
        words::how(settings.resamples, settings.seed, pairs.units.len(), settings.group.is_some()),
    )];
    for (column, values) in &pairs.subgroups {
        for (value, members) in pairs.members(values) {
            let labels: Vec<Prepared> = columns
                .iter()
                .map(|column| Prepared::new(column, Some(&members), &pairs.units, settings))
                .collect::<Result<_>>()?;
            // The rows of the group alone are drawn.
            let units = of_members(&pairs.units, &members);
            let labels: Vec<Prepared> =
                labels.into_iter().map(|label| label.renumbered(&units, &members)).collect();
            let groups = of_labels(&labels, &resampled(&labels, &units, settings), &units);
            for (block, mut group) in blocks.iter_mut().zip(groups) {
                group.name = value.clone();
                block.subgroups.push((column.clone(), group));
            }
        }
    }
    for (label, prepared) in pairs.labels.iter().zip(&labels) {
        let unknown = pairs.truth.rows.len() - prepared.cases.len();
        if unknown > 0 {
            notes.push(Note::info("unknown-truth", words::left_out(&label.name, unknown)));
        }
        if prepared.threshold.is_none() && notes.iter().all(|note| note.code != "no-threshold") {
            notes.push(Note::warning("no-threshold", words::NO_THRESHOLD.clone()));
        }
    }
    let mut overall = overall(&blocks, &drawn, settings.level, &mut notes);
    for label in &graded {
        blocks.push(grades::block(&pairs, label, settings)?);
    }
    if let ([], [only]) = (labels.as_slice(), blocks.as_slice()) {
        overall = only.rows.clone();
    }
    let mut more = Map::new();
    more.insert("uncertain".into(), json!(settings.uncertain.map(Policy::name)));
    if labels.len() > 1 {
        let pool: Vec<Binary> = labels.iter().map(|label| label.binary.clone()).collect();
        let pool = pooled(&pool).ranked();
        let value = |value: Value| json!({ "value": value.ok(), "undefined": value.err().map(Undefined::name) });
        let micro = [pool.auroc(), pool.average_precision()];
        more.insert(
            "micro".into(),
            json!({
                "roc_auc_score": value(micro[0]),
                "average_precision_score": value(micro[1]),
            }),
        );
        overall.push(Row::plain("roc_auc_score_micro", micro[0]));
        overall.push(Row::plain("average_precision_score_micro", micro[1]));
    }
    Ok(Outcome {
        settings: settings.clone(),
        cases: pairs.truth.rows.len(),
        units: pairs.units.len(),
        overall,
        blocks,
        more,
        notes,
        plots: Vec::new(),
    })
}

/// Scores and truth of every label.
pub(super) fn columns(pairs: &Pairs, settings: &Settings) -> Result<Vec<Column>> {
    let column = |label: &Label| {
        Ok(Column { scores: pairs.scores(label)?, truth: truth(pairs, label, settings)? })
    };
    pairs.labels.iter().map(column).collect()
}

/// Scores and truth of a label, case by case; unknown truth is `None`.
pub(super) struct Column {
    /// Scores.
    pub scores: Vec<f64>,
    /// Truth.
    pub truth: Vec<Option<bool>>,
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
            (Some(-1.0), Some(Policy::Ignore)) => Ok(None),
            _ => Err(row.named()),
        }
    };
    collect(&pairs.truth, &label.name, words::bad_truth, read)
        .map_err(|error| error.hint(words::UNCERTAIN_HINT.clone()))
}

/// The units of some cases, numbered anew.
fn of_members(units: &Units, members: &[usize]) -> Units {
    let keys: Vec<u32> = members.iter().map(|&case| units.of_case()[case]).collect();
    Units::grouped(&keys)
}

impl Prepared {
    /// Takes the cases of known truth, of `members` or of all.
    pub fn new(
        column: &Column,
        members: Option<&[usize]>,
        units: &Units,
        settings: &Settings,
    ) -> Result<Prepared> {
        let Column { scores, truth } = column;
        let all: Vec<usize> = match members {
            Some(members) => members.to_vec(),
            None => (0..truth.len()).collect(),
        };
        let cases: Vec<usize> = all.into_iter().filter(|&case| truth[case].is_some()).collect();
        let of = |cases: &[usize]| cases.iter().map(|&case| scores[case]).collect::<Vec<_>>();
        let known = cases.iter().map(|&case| truth[case] == Some(true)).collect();
        let binary = Binary::new(of(&cases), known)
            .map_err(|_| Error::new(Kind::Bug, words::EMPTY_SPLIT.clone()))?;
        let unit: Vec<u32> = cases.iter().map(|&case| units.of_case()[case]).collect();
        // The whole column decides, so that subgroups are called alike.
        let probabilities = scores.iter().all(|score| (0.0..=1.0).contains(score));
        let threshold = settings.threshold.or(probabilities.then_some(0.5));
        let bins = |edges: Vec<f64>| {
            let place = |score: &f64| edges.partition_point(|edge| edge < score) as u8;
            probabilities.then(|| binary.scores().iter().map(place).collect::<Vec<u8>>())
        };
        let wide = bins((1..BINS).map(|at| at as f64 / BINS as f64).collect());
        let mut sorted = binary.scores().to_vec();
        sorted.sort_by(f64::total_cmp);
        let quantile =
            |at: usize| metrics::stats::quantile_sorted(&sorted, at as f64 / BINS as f64);
        let mass = bins((1..BINS).filter_map(quantile).collect());
        let ranked = Ranked::by_unit(&binary, &unit);
        Ok(Prepared { binary, cases, ranked, unit, threshold, wide, mass })
    }

    /// The same for units numbered anew over `members`.
    fn renumbered(mut self, units: &Units, members: &[usize]) -> Prepared {
        let place = |case: &usize| members.partition_point(|member| member < case);
        self.unit = self.cases.iter().map(|case| units.of_case()[place(case)]).collect();
        self.ranked = Ranked::by_unit(&self.binary, &self.unit);
        self
    }

    /// The unit of each case.
    pub fn units(&self) -> &[u32] {
        &self.unit
    }

    /// Whether each case was called right at the threshold; `None` without one.
    pub fn right(&self) -> Option<Vec<bool>> {
        let threshold = self.threshold?;
        let cases = self.binary.scores().iter().zip(self.binary.truth());
        Some(cases.map(|(score, truth)| (*score >= threshold) == *truth).collect())
    }

    /// Sensitivity at given false-positive rates, every unit counted as often as it was drawn.
    pub fn sensitivity_at(&self, rates: &[f64], weights: &[u32]) -> Option<Vec<f64>> {
        self.ranked.sensitivity_at(rates, weights).ok()
    }

    /// Counts at the threshold with every unit counted as often as it was drawn.
    fn counts(&self, weights: &[u32]) -> Option<Confusion> {
        let threshold = self.threshold?;
        let mut counts = Confusion::default();
        let cases = self.binary.scores().iter().zip(self.binary.truth()).zip(&self.unit);
        for ((score, truth), unit) in cases {
            counts.add(*score >= threshold, *truth, u64::from(weights[*unit as usize]));
        }
        Some(counts)
    }

    fn calibration_error(&self, bins: Option<&Vec<u8>>, weights: &[u32]) -> Value {
        let bins = bins.ok_or(Undefined::NotProbabilities)?;
        let mut sums = [(0.0, 0.0); BINS];
        let mut total = 0.0;
        let cases = self.binary.scores().iter().zip(self.binary.truth()).zip(&self.unit).zip(bins);
        for (((score, truth), unit), bin) in cases {
            let weight = f64::from(weights[*unit as usize]);
            let sum = &mut sums[usize::from(*bin)];
            sum.0 += weight * score;
            sum.1 += weight * f64::from(u8::from(*truth));
            total += weight;
        }
        if total == 0.0 {
            return Err(Undefined::NoCases);
        }
        Ok(sums.iter().map(|(forecast, seen)| (forecast - seen).abs()).sum::<f64>() / total)
    }

    fn brier(&self, weights: &[u32]) -> Value {
        if self.wide.is_none() {
            return Err(Undefined::NotProbabilities);
        }
        let (mut sum, mut total) = (0.0, 0.0);
        let cases = self.binary.scores().iter().zip(self.binary.truth()).zip(&self.unit);
        for ((score, truth), unit) in cases {
            let weight = f64::from(weights[*unit as usize]);
            let off = score - f64::from(u8::from(*truth));
            sum += weight * off * off;
            total += weight;
        }
        if total == 0.0 { Err(Undefined::NoCases) } else { Ok(sum / total) }
    }

    /// The values of [`RESAMPLED`] with every unit counted `weights[unit]` times.
    fn values(&self, weights: &[u32], out: &mut Vec<Value>) {
        out.push(self.ranked.auroc_of(weights));
        out.push(self.ranked.average_precision_of(weights));
        out.push(self.brier(weights));
        out.push(self.calibration_error(self.wide.as_ref(), weights));
        out.push(self.calibration_error(self.mass.as_ref(), weights));
        let Some(counts) = self.counts(weights) else { return };
        out.extend([
            counts.sensitivity().value,
            counts.specificity().value,
            counts.ppv().value,
            counts.npv().value,
            counts.accuracy().value,
            counts.balanced_accuracy(),
            counts.f1(),
            counts.mcc(),
            points::kappa(&counts),
        ]);
    }

    fn measured(&self) -> usize {
        if self.threshold.is_some() { RESAMPLED.len() } else { AT_THRESHOLD }
    }
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
    for ((name, value), drawn) in RESAMPLED.iter().zip(&values).zip(drawn) {
        let mut row = Row::new(name, *value, drawn.interval(settings.level), PERCENTILE);
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
    rows.extend(points::partial_areas(&label.binary));
    rows.extend(calibration(label, settings.level));
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
    more.insert("operating_points".into(), points::operating_points(&label.binary, settings.level));
    if label.wide.is_some() {
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

fn calibration(label: &Prepared, level: f64) -> Vec<Row> {
    let binary = &label.binary;
    if label.wide.is_none() {
        return Vec::new();
    }
    let mut rows = vec![Row::plain(
        "maximum_calibration_error",
        binary.maximum_calibration_error(BINS, Binning::EqualWidth),
    )];
    match binary.recalibration(level) {
        Ok(fit) => {
            rows.push(Row::new("calibration_slope", Ok(fit.slope), Ok(fit.slope_interval), "wald"));
            rows.push(Row::new(
                "calibration_intercept",
                Ok(fit.intercept),
                Ok(fit.intercept_interval),
                "wald",
            ));
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
    (0..measured)
        .map(|at| {
            let values: Vec<Value> = blocks.iter().map(|block| block.rows[at].value).collect();
            let (mean, without) = macro_average(&values);
            if without > 0 {
                let name = words::metric(RESAMPLED[at]);
                let name = name.unwrap_or_else(|| base::Text::same(RESAMPLED[at]));
                let text = words::labels_without_value(&name, without);
                notes.push(Note::warning("labels-without-value", text));
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
        .collect()
}
