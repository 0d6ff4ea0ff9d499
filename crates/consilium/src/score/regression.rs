//! Measured values against true ones.

use super::outcome::{Block, Outcome, Row};
use super::pairs::{Label, Pairs};
use super::patients;
use super::plots::{Mark, Plot};
use super::settings::Settings;
use base::words::score as words;
use base::{Error, Kind, Note, Result};
use metrics::compare::Units;
use metrics::regression::{Icc, Paired};
use metrics::{Undefined, Value};
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
        4,
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
        },
    );
    let values = [
        ("mean_absolute_error", paired.mean_absolute_error()),
        ("median_absolute_error", paired.median_absolute_error()),
        ("root_mean_squared_error", paired.root_mean_squared_error()),
        ("bias", paired.bias()),
    ];
    let mut rows: Vec<Row> = values
        .into_iter()
        .zip(&drawn)
        .map(|((name, value), drawn)| {
            Row::new(name, value, drawn.interval(settings.level), "bootstrap percentile")
        })
        .collect();
    rows.push(Row::plain("r2_score", paired.r2()));
    rows.extend(agreement(&paired, settings.level));
    Ok(Block {
        name: name.into(),
        counts: vec![("n", n as u64)],
        rows,
        notes: patients::few(own.len()).into_iter().collect(),
        plots: bland_altman(&paired, settings.level),
        ..Block::default()
    })
}

/// Differences over means with the limits of agreement.
fn bland_altman(paired: &Paired, level: f64) -> Vec<Plot> {
    let Ok(found) = paired.bland_altman(level) else { return Vec::new() };
    let pairs = paired.predicted().iter().zip(paired.truth());
    let dots: Vec<(f64, f64)> = pairs.map(|(p, t)| ((p + t) / 2.0, p - t)).collect();
    let xs: Vec<f64> = dots.iter().map(|(x, _)| *x).collect();
    let mut ys: Vec<f64> = dots.iter().map(|(_, y)| *y).collect();
    ys.extend([found.lower_interval.low, found.upper_interval.high]);
    let mut plot = Plot::unit(&words::BLAND_ALTMAN, &words::AXIS_MEAN, &words::AXIS_DIFFERENCE)
        .around(&xs, &ys);
    let [left, right] = plot.x;
    for interval in [found.lower_interval, found.bias_interval, found.upper_interval] {
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

fn agreement(paired: &Paired, level: f64) -> Vec<Row> {
    let mut rows = Vec::new();
    match paired.bland_altman(level) {
        Ok(found) => {
            let t = |name: &str, value, interval| Row::new(name, Ok(value), Ok(interval), "t");
            rows.push(
                t("limit_of_agreement_lower", found.lower, found.lower_interval)
                    .with("sd", json!(found.sd)),
            );
            rows.push(t("limit_of_agreement_upper", found.upper, found.upper_interval));
            rows.push(Row::plain("proportional_bias_slope", found.proportional_slope));
        }
        Err(why) => {
            for name in
                ["limit_of_agreement_lower", "limit_of_agreement_upper", "proportional_bias_slope"]
            {
                rows.push(Row::plain(name, Err(why)));
            }
        }
    }
    let icc = |name: &str, found: std::result::Result<Icc, Undefined>| match found {
        Err(why) => Row::plain(name, Err(why)),
        Ok(found) => match found.interval {
            Some(interval) => Row::new(name, Ok(found.value), Ok(interval), "F"),
            None => Row::plain(name, Ok(found.value)),
        },
    };
    rows.push(icc("icc_2_1", paired.icc_agreement(level)));
    rows.push(icc("icc_3_1", paired.icc_consistency(level)));
    rows.push(match paired.concordance(level) {
        Err(why) => Row::plain("concordance_corrcoef", Err(why)),
        Ok((value, Some(interval))) => {
            Row::new("concordance_corrcoef", Ok(value), Ok(interval), "z transform")
        }
        Ok((value, None)) => Row::plain("concordance_corrcoef", Ok(value)),
    });
    rows
}
