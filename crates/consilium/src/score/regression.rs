//! Measured values against true ones.

use super::outcome::{Block, Outcome, Row, WorstCase};
use super::pairs::{Label, Pairs};
use super::patients;
use super::plots::{Mark, Plot};
use super::settings::Settings;
use super::slices::MOST;
use base::words::evaluate;
use base::words::score as words;
use base::{Error, Kind, Note, Result};
use metrics::compare::Units;
use metrics::regression::{BlandAltman, Icc, Paired};
use metrics::{Interval, Undefined, Value};
use serde_json::{Map, json};

/// Judges tables of values.
pub(super) fn judge(pairs: &Pairs, settings: &Settings) -> Result<Outcome> {
    let mut blocks = Vec::new();
    let mut notes = vec![Note::info(
        "bootstrap",
        words::how(settings.resamples, settings.seed, pairs.units.len(), settings.group.is_some()),
    )];
    for label in &pairs.labels {
        let known = known(pairs, label)?;
        let unknown = pairs.truth.rows.len() - known.cases.len();
        if unknown > 0 {
            notes.push(Note::info("unknown-truth", words::left_out(&label.name, unknown)));
        }
        let mut block = block(&label.name, &known, &pairs.units, settings)?;
        block.worst = worst(&known, pairs);
        for (column, value, members) in patients::groups(&pairs.subgroups) {
            let own = pairs.of(&members);
            let group = self::block(&value, &self::known(&own, label)?, &own.units, settings)?;
            block.subgroups.push((column.clone(), group));
        }
        blocks.push(block);
    }
    let overall = match blocks.as_slice() {
        [only] => only.rows.clone(),
        _ => Vec::new(),
    };
    Ok(Outcome {
        settings: settings.clone(),
        cases: pairs.truth.rows.len(),
        units: pairs.units.len(),
        overall,
        blocks,
        subgroups: Vec::new(),
        more: Map::new(),
        notes,
        plots: Vec::new(),
    })
}

/// Cases whose true value is known.
pub(super) struct Known {
    /// Their places among all cases.
    pub cases: Vec<usize>,
    /// Predicted values.
    pub predicted: Vec<f64>,
    /// True values.
    pub truth: Vec<f64>,
}

/// The cases of a label whose true value is known.
pub(super) fn known(pairs: &Pairs, label: &Label) -> Result<Known> {
    let (scores, values) = (pairs.scores(label)?, pairs.values(label)?);
    let mut known = Known { cases: Vec::new(), predicted: Vec::new(), truth: Vec::new() };
    for (case, value) in values.iter().enumerate() {
        if let Some(value) = value {
            known.cases.push(case);
            known.predicted.push(scores[case]);
            known.truth.push(*value);
        }
    }
    Ok(known)
}

/// The cases furthest from the truth.
fn worst(known: &Known, pairs: &Pairs) -> Vec<WorstCase> {
    let mut order: Vec<usize> = (0..known.cases.len()).collect();
    let off = |at: usize| (known.predicted[at] - known.truth[at]).abs();
    order.retain(|at| off(*at) > 0.0);
    order.sort_by(|a, b| off(*b).total_cmp(&off(*a)).then(a.cmp(b)));
    let one = |at: usize| WorstCase {
        id: pairs.truth.rows[known.cases[at]].id().to_owned(),
        what: evaluate::values(known.truth[at], known.predicted[at]),
        picture: None,
    };
    order.into_iter().take(2 * MOST).map(one).collect()
}

fn block(name: &str, known: &Known, units: &Units, settings: &Settings) -> Result<Block> {
    let paired = Paired::new(known.predicted.clone(), known.truth.clone())
        .map_err(|_| Error::new(Kind::Bug, words::EMPTY_SPLIT.clone()))?;
    let n = paired.len();
    let own = units.only(&known.cases);
    let differences = paired.differences();
    let drawn = own.bootstrap_many(
        settings.seed,
        settings.resamples,
        settings.threads,
        6,
        |weights, out| {
            let weight = |case: usize| f64::from(weights[own.of_case()[case] as usize]);
            let total: f64 = (0..n).map(weight).sum();
            let mean = |f: &dyn Fn(f64) -> f64| -> Value {
                let sum: f64 =
                    differences.iter().enumerate().map(|(case, d)| weight(case) * f(*d)).sum();
                if total > 0.0 { Ok(sum / total) } else { Err(Undefined::NoCases) }
            };
            out.push(mean(&f64::abs));
            out.push(weighted_median(&differences, &weight, total));
            out.push(mean(&|d| d * d).map(f64::sqrt));
            out.push(mean(&|d| d));
            out.push(paired.r2_of(&weight));
            out.push(paired.proportional_slope_of(&weight));
        },
    );
    let slope = paired.bland_altman(settings.level).and_then(|found| found.proportional_slope);
    let values = [
        ("mean_absolute_error", paired.mean_absolute_error()),
        ("median_absolute_error", paired.median_absolute_error()),
        ("root_mean_squared_error", paired.root_mean_squared_error()),
        ("bias", paired.bias()),
        ("r2_score", paired.r2()),
        ("proportional_bias_slope", slope),
    ];
    let mut rows: Vec<Row> = values
        .into_iter()
        .zip(&drawn)
        .map(|((name, value), drawn)| {
            Row::new(name, value, drawn.interval(settings.level), "bootstrap percentile")
        })
        .collect();
    rows.extend(agreement_rows(&paired, &own, settings));
    Ok(Block {
        name: name.into(),
        counts: vec![("n", n as u64)],
        notes: patients::few(own.len()).into_iter().collect(),
        plots: bland_altman(&paired, &rows, settings.level),
        rows,
        ..Block::default()
    })
}

/// Differences over means with the limits of agreement; the bands are the intervals of the table.
fn bland_altman(paired: &Paired, rows: &[Row], level: f64) -> Vec<Plot> {
    let Ok(found) = paired.bland_altman(level) else { return Vec::new() };
    let pairs = paired.predicted().iter().zip(paired.truth());
    let dots: Vec<(f64, f64)> = pairs.map(|(p, t)| ((p + t) / 2.0, p - t)).collect();
    let xs: Vec<f64> = dots.iter().map(|(x, _)| *x).collect();
    let mut ys: Vec<f64> = dots.iter().map(|(_, y)| *y).collect();
    let interval = |name: &str| {
        let row = rows.iter().find(|row| row.name == name);
        row.and_then(|row| row.interval).and_then(std::result::Result::ok)
    };
    let bands: Vec<Interval> =
        [AGREEMENT[0], "bias", AGREEMENT[1]].into_iter().filter_map(interval).collect();
    ys.extend(bands.iter().flat_map(|band| [band.low, band.high]));
    let mut plot = Plot::unit(&words::BLAND_ALTMAN, &words::AXIS_MEAN, &words::AXIS_DIFFERENCE)
        .around(&xs, &ys);
    let [left, right] = plot.x;
    for interval in bands {
        let ends = [left, right].map(|x| (x, interval.low, interval.high));
        plot = plot.with(Mark::Band(ends.to_vec()));
    }
    plot = plot.with(Mark::Line(vec![(left, found.bias), (right, found.bias)]));
    for limit in [found.lower, found.upper] {
        plot = plot.with(Mark::Dashed(vec![(left, limit), (right, limit)]));
    }
    vec![plot.with(Mark::Dots(dots))]
}

/// Median of the absolute values, each counted by its weight: the mean of the two in the middle.
fn weighted_median(values: &[f64], weight: &dyn Fn(usize) -> f64, total: f64) -> Value {
    let mut sorted: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .map(|(case, value)| (value.abs(), weight(case)))
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = |rank: f64| {
        let mut so_far = 0.0;
        sorted.iter().find(|(_, weight)| {
            so_far += weight;
            so_far >= rank
        })
    };
    // Ranks from 1 of the two in the middle; weights are whole numbers.
    match (at(((total + 1.0) / 2.0).floor()), at(((total + 1.0) / 2.0).ceil())) {
        (Some(low), Some(high)) => Ok(0.5 * (low.0 + high.0)),
        _ => Err(Undefined::NoCases),
    }
}

/// Names of [`agreement`], in its order.
const AGREEMENT: [&str; 5] = [
    "limit_of_agreement_lower",
    "limit_of_agreement_upper",
    "icc_2_1",
    "icc_3_1",
    "concordance_corrcoef",
];

/// Limits of agreement, intraclass correlations and Lin's concordance with their formulas' intervals.
fn agreement(paired: &Paired, level: f64) -> [(Value, Option<Interval>, &'static str); 5] {
    let limits = paired.bland_altman(level);
    let limit = |of: &dyn Fn(&BlandAltman) -> (f64, Interval)| match &limits {
        Ok(found) => (Ok(of(found).0), Some(of(found).1), "t"),
        Err(why) => (Err(*why), None, "t"),
    };
    let icc = |found: std::result::Result<Icc, Undefined>| match found {
        Ok(found) => (Ok(found.value), found.interval, "F"),
        Err(why) => (Err(why), None, "F"),
    };
    let concordance = match paired.concordance(level) {
        Ok((value, interval)) => (Ok(value), interval, "z transform"),
        Err(why) => (Err(why), None, "z transform"),
    };
    [
        limit(&|found| (found.lower, found.lower_interval)),
        limit(&|found| (found.upper, found.upper_interval)),
        icc(paired.icc_agreement(level)),
        icc(paired.icc_consistency(level)),
        concordance,
    ]
}

/// Their rows. Formulas take cases to be independent: where several may be of one patient, patients are
/// drawn instead.
fn agreement_rows(paired: &Paired, units: &Units, settings: &Settings) -> Vec<Row> {
    let level = settings.level;
    let drawn = settings.group.is_some().then(|| {
        let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
        units.bootstrap_many(seed, resamples, threads, AGREEMENT.len(), |weights, out| {
            let written_out = |values: &[f64]| -> Vec<f64> {
                let times = units.of_case().iter().map(|unit| weights[*unit as usize] as usize);
                let each = values.iter().zip(times);
                each.flat_map(|(value, times)| std::iter::repeat_n(*value, times)).collect()
            };
            let own = Paired::new(written_out(paired.predicted()), written_out(paired.truth()));
            if let Ok(own) = own {
                out.extend(agreement(&own, level).map(|(value, ..)| value));
            }
        })
    });
    let found = AGREEMENT.iter().zip(agreement(paired, level)).enumerate();
    let row =
        |(at, (name, (value, interval, method))): (usize, (&&str, _))| match (&drawn, interval) {
            (Some(drawn), _) => {
                Row::new(name, value, drawn[at].interval(level), "bootstrap percentile")
            }
            (None, Some(interval)) => Row::new(name, value, Ok(interval), method),
            (None, None) => Row::plain(name, value),
        };
    let mut rows: Vec<Row> = found.map(row).collect();
    if let Ok(found) = paired.bland_altman(level) {
        rows[0].more.insert("sd".into(), json!(found.sd));
    }
    rows
}
