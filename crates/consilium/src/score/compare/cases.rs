//! Metrics that every case has, side by side: Wilcoxon, sign flips, three rankings.

use super::side::{Entry, Pair, SideBySide, against_margin};
use super::wholes::between;
use crate::score::pairs::Pairs;
use crate::score::regression;
use crate::score::segmentation::Cases;
use crate::score::settings::Settings;
use crate::score::structures::{Judged, with_failures};
use base::Result;
use metrics::compare::{
    Better, Units, Way, aggregate_then_rank, by_unit, hodges_lehmann, rank_stability,
    rank_then_aggregate, sign_flip, test_then_rank, wilcoxon,
};
use metrics::segmentation::Status;
use metrics::{Interval, Undefined, Value, stats};
use serde_json::json;

/// Random sign patterns of the sign-flip test.
const FLIPS: usize = 10_000;
/// Level of the tests inside test-then-rank, as challengeR has it.
pub(super) const ALPHA: f64 = 0.05;

/// Tables of values, by their absolute errors.
pub(super) fn errors(tables: &[Pairs], settings: &Settings, out: &mut SideBySide) -> Result<()> {
    for (at, label) in tables[0].labels.iter().enumerate() {
        let (mut errors, mut keys) = (Vec::new(), Vec::new());
        for pairs in tables {
            // Labels stand in the truth's order in all.
            let known = regression::known(pairs, &pairs.labels[at])?;
            let pair = known.predicted.iter().zip(&known.truth);
            errors.push(pair.map(|(p, t)| (p - t).abs()).collect());
            keys = known.cases.iter().map(|case| pairs.units.of_case()[*case]).collect();
        }
        compare(&label.name, "absolute_error", errors, &keys, settings, out);
    }
    Ok(())
}

/// Metrics of which less is better.
const LOWER: [&str; 3] = ["hausdorff_distance_95", "lesion_wise_hd95", "absolute_error"];
/// Metrics of `--more` that are compared where they were asked for.
const FURTHER_COMPARED: [&str; 4] =
    ["cl_dice", "panoptic_quality", "lesion_wise_dice", "lesion_wise_hd95"];

/// Whether the metric was asked for, and both masks have the structure.
fn measured(case: &Judged, name: &str) -> bool {
    case.status == Status::Ok && case.values.contains_key(name)
}

/// Masks: Dice, HD95, surface Dice and what else was asked for, failures counted.
pub(super) fn masks(judged: &[Cases], settings: &Settings, out: &mut SideBySide) -> Result<()> {
    let patients = judged[0].units.of_case();
    // Structures of any model; where a model has none of it, that is its failure.
    for (label, name, _) in &judged[0].structures {
        let first = judged[0].structures.iter().find(|(own, ..)| own == label);
        let asked = |name: &&str| {
            first.is_some_and(|(_, _, cases)| cases.iter().any(|case| measured(case, name)))
        };
        let further = FURTHER_COMPARED.into_iter().filter(asked);
        for metric in ["dice", "hausdorff_distance_95", "surface_dice"].into_iter().chain(further) {
            let all: Vec<Vec<Option<f64>>> = judged
                .iter()
                .map(|model| {
                    let own = model.structures.iter().find(|(other, ..)| other == label);
                    own.map_or(Vec::new(), |(_, _, cases)| with_failures(cases, metric))
                })
                .collect();
            let cases = all.first().map_or(0, Vec::len);
            if all.iter().any(|model| model.len() != cases) {
                continue;
            }
            // A case that no model nor the truth has the structure in says nothing; where one model
            // marked it, the others were right to leave it, and are given the best value.
            let best = if LOWER.contains(&metric) { 0.0 } else { 1.0 };
            let kept: Vec<u32> = (0..cases)
                .filter(|case| all.iter().any(|model| model[*case].is_some()))
                .map(|case| case as u32)
                .collect();
            let values: Vec<Vec<f64>> = all
                .iter()
                .map(|model| {
                    kept.iter().map(|case| model[*case as usize].unwrap_or(best)).collect()
                })
                .collect();
            let kept: Vec<u32> = kept.iter().map(|case| patients[*case as usize]).collect();
            compare(name, metric, values, &kept, settings, out);
        }
    }
    Ok(())
}

/// Compares `values[model][case]`, with the patient of each case.
pub(super) fn compare(
    label: &str,
    metric: &str,
    values: Vec<Vec<f64>>,
    patients: &[u32],
    settings: &Settings,
    out: &mut SideBySide,
) {
    let higher = !LOWER.contains(&metric);
    let better = if higher { Better::Higher } else { Better::Lower };
    let units = Units::grouped(patients);
    if units.is_empty() {
        return;
    }
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let drawn = units.bootstrap_many(seed, resamples, threads, values.len(), |weights, out| {
        out.extend(values.iter().map(|model| weighted_mean(model, &units, weights)));
    });
    let mut pairs = Vec::new();
    for first in 0..values.len() {
        for second in first + 1..values.len() {
            let differences: Vec<f64> =
                values[first].iter().zip(&values[second]).map(|(a, b)| a - b).collect();
            let interval = between(&drawn[first], &drawn[second]).interval(settings.level);
            pairs.push(pair((first, second), &differences, &units, interval, higher, settings));
        }
    }
    let firm = |way| rank_stability(&values, better, way, &units, seed, resamples, threads);
    let tested = test_then_rank(&by_unit(&values, &units), better, ALPHA);
    let rankings = vec![
        ("aggregate_then_rank", aggregate_then_rank(&values, better), firm(Way::AggregateThenRank)),
        ("rank_then_aggregate", rank_then_aggregate(&values, better), firm(Way::RankThenAggregate)),
        ("test_then_rank", tested, firm(Way::TestThenRank(ALPHA))),
    ];
    let mean = |model: &Vec<f64>| stats::mean(model).ok_or(Undefined::NoCases);
    out.entries.push(Entry {
        label: label.into(),
        metric: metric.into(),
        higher,
        values: values
            .iter()
            .zip(&drawn)
            .map(|(model, drawn)| (mean(model), drawn.interval(settings.level)))
            .collect(),
        pairs,
        rankings,
    });
}

fn weighted_mean(values: &[f64], units: &Units, weights: &[u32]) -> Value {
    let (mut sum, mut total) = (0.0, 0.0);
    for (value, unit) in values.iter().zip(units.of_case()) {
        let weight = f64::from(weights[*unit as usize]);
        sum += weight * value;
        total += weight;
    }
    if total > 0.0 { Ok(sum / total) } else { Err(Undefined::NoCases) }
}

fn pair(
    (first, second): (usize, usize),
    differences: &[f64],
    units: &Units,
    interval: std::result::Result<Interval, Undefined>,
    higher: bool,
    settings: &Settings,
) -> Pair {
    // Ranks need independent numbers: one a patient.
    let by_patient = by_unit(&[differences.to_vec()], units).concat();
    let difference = stats::mean(differences).ok_or(Undefined::NoCases);
    let mut more = against_margin(difference, interval, higher, settings);
    if let Ok(found) = hodges_lehmann(&by_patient, settings.level) {
        more.insert("hodges_lehmann".into(), json!(found.estimate));
        let ends = found.interval.map(|interval| json!([interval.low, interval.high]));
        more.insert("hodges_lehmann_ci".into(), json!(ends));
    }
    let flips = sign_flip(differences, units, FLIPS, settings.seed, settings.threads);
    Pair {
        first,
        second,
        difference,
        interval,
        tests: vec![
            ("wilcoxon", wilcoxon(&by_patient).map(|test| test.p)),
            ("sign_flip", flips.map(|test| test.p)),
        ],
        more,
        adjusted: None,
    }
}
