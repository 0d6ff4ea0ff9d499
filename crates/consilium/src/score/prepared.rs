//! A label's cases, ready for any resample.

use super::points::{self, PARTS};
use super::settings::Settings;
use base::words::score as words;
use base::{Error, Kind, Result};
use metrics::classification::{Binary, Confusion, Ranked, newcombe_interval};
use metrics::compare::Units;
use metrics::{Interval, Undefined, Value};
use std::collections::BTreeSet;

/// Bins of calibration errors.
pub(super) const BINS: usize = 15;

/// What is bootstrapped for each label, in this order.
pub(super) const RESAMPLED: [&str; 17] = [
    "roc_auc_score",
    "average_precision_score",
    "brier_score_loss",
    "expected_calibration_error",
    "expected_calibration_error_equal_mass",
    "maximum_calibration_error",
    PARTS[0].0,
    PARTS[1].0,
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
/// Where those that need a threshold begin.
const AT_THRESHOLD: usize = 8;

/// Scores and truth of a label, case by case.
pub(super) struct Column {
    scores: Vec<f64>,
    truth: Vec<Option<bool>>,
    /// All scores of the whole column lie in 0…1, so that subgroups are called as the whole is.
    probabilities: bool,
}

impl Column {
    /// Unknown truth is `None`.
    pub fn new(scores: Vec<f64>, truth: Vec<Option<bool>>) -> Column {
        let probabilities = scores.iter().all(|score| (0.0..=1.0).contains(score));
        Column { scores, truth, probabilities }
    }

    /// The cases called wrongly at a threshold (without one all), those furthest off first: positive ones
    /// with the lowest scores, then negative ones with the highest, up to so many of each. Place, truth, score.
    pub fn worst(&self, threshold: Option<f64>, most: usize) -> Vec<(usize, bool, f64)> {
        let of = |wanted: bool| {
            let sign = if wanted { 1.0 } else { -1.0 };
            let mut own: Vec<(usize, bool, f64)> = (0..self.truth.len())
                .filter(|case| self.truth[*case] == Some(wanted))
                .map(|case| (case, wanted, self.scores[case]))
                .filter(|(_, _, score)| threshold.is_none_or(|at| (*score >= at) != wanted))
                .collect();
            own.sort_by(|a, b| (sign * a.2).total_cmp(&(sign * b.2)).then(a.0.cmp(&b.0)));
            own.truncate(most);
            own
        };
        [of(true), of(false)].concat()
    }

    /// Some of its cases.
    pub fn of(&self, members: &[usize]) -> Column {
        Column {
            scores: members.iter().map(|&case| self.scores[case]).collect(),
            truth: members.iter().map(|&case| self.truth[case]).collect(),
            probabilities: self.probabilities,
        }
    }
}

/// One label's cases of known truth, ready for any resample.
pub(super) struct Prepared {
    /// Scores and truth.
    pub binary: Binary,
    /// Scores at or above it are called positive.
    pub threshold: Option<f64>,
    ranked: Ranked,
    unit: Vec<u32>,
    wide: Option<Vec<u8>>,
    mass: Option<Vec<u8>>,
}

impl Prepared {
    /// Takes the cases of known truth.
    pub fn new(column: &Column, units: &Units, settings: &Settings) -> Result<Prepared> {
        let Column { scores, truth, probabilities } = column;
        let cases: Vec<usize> = (0..truth.len()).filter(|&case| truth[case].is_some()).collect();
        let own = cases.iter().map(|&case| scores[case]).collect();
        let known = cases.iter().map(|&case| truth[case] == Some(true)).collect();
        let binary = Binary::new(own, known)
            .map_err(|_| Error::new(Kind::Bug, words::EMPTY_SPLIT.clone()))?;
        let unit: Vec<u32> = cases.iter().map(|&case| units.of_case()[case]).collect();
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
        Ok(Prepared { binary, threshold, ranked, unit, wide, mass })
    }

    /// The scores are probabilities.
    pub fn has_probabilities(&self) -> bool {
        self.wide.is_some()
    }

    /// The unit of each case.
    pub fn units(&self) -> &[u32] {
        &self.unit
    }

    /// The interval of an area of exactly 0 or 1, where every resample's area is the same and DeLong's
    /// error is 0, and how it was made. Patients count once for each class they have cases of.
    pub fn perfect_interval(
        &self,
        area: Value,
        settings: &Settings,
    ) -> Option<(Interval, &'static str)> {
        let area = area.ok().filter(|area| *area == 0.0 || *area == 1.0)?;
        let patients = |wanted: bool| -> BTreeSet<u32> {
            let cases = self.unit.iter().zip(self.binary.truth());
            cases.filter(|(_, truth)| **truth == wanted).map(|(unit, _)| *unit).collect()
        };
        let (positives, negatives) = (patients(true).len(), patients(false).len());
        let method = match settings.group {
            Some(_) => "score by patient (Newcombe 2006)",
            None => "score (Newcombe 2006)",
        };
        Some((newcombe_interval(area, positives, negatives, settings.level), method))
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
    pub fn counts(&self, weights: &[u32]) -> Option<Confusion> {
        let threshold = self.threshold?;
        let mut counts = Confusion::default();
        let cases = self.binary.scores().iter().zip(self.binary.truth()).zip(&self.unit);
        for ((score, truth), unit) in cases {
            counts.add(*score >= threshold, *truth, u64::from(weights[*unit as usize]));
        }
        Some(counts)
    }

    /// Expected and maximum calibration error over bins.
    fn calibration_errors(&self, bins: Option<&Vec<u8>>, weights: &[u32]) -> [Value; 2] {
        let Some(bins) = bins else { return [Err(Undefined::NotProbabilities); 2] };
        // Of each bin: sum of forecasts, positives, cases.
        let mut sums = [(0.0, 0.0, 0.0); BINS];
        let cases = self.binary.scores().iter().zip(self.binary.truth()).zip(&self.unit).zip(bins);
        for (((score, truth), unit), bin) in cases {
            let weight = f64::from(weights[*unit as usize]);
            let sum = &mut sums[usize::from(*bin)];
            sum.0 += weight * score;
            sum.1 += weight * f64::from(u8::from(*truth));
            sum.2 += weight;
        }
        let total: f64 = sums.iter().map(|sum| sum.2).sum();
        if total == 0.0 {
            return [Err(Undefined::NoCases); 2];
        }
        let off = |sum: &(f64, f64, f64)| (sum.0 - sum.1).abs();
        let filled = sums.iter().filter(|sum| sum.2 > 0.0);
        [
            Ok(sums.iter().map(off).sum::<f64>() / total),
            Ok(filled.map(|sum| off(sum) / sum.2).fold(0.0, f64::max)),
        ]
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
    pub fn values(&self, weights: &[u32], out: &mut Vec<Value>) {
        out.push(self.ranked.auroc_of(weights));
        out.push(self.ranked.average_precision_of(weights));
        out.push(self.brier(weights));
        let [expected, largest] = self.calibration_errors(self.wide.as_ref(), weights);
        let [equal_mass, _] = self.calibration_errors(self.mass.as_ref(), weights);
        out.extend([expected, equal_mass, largest]);
        out.extend(PARTS.map(|(_, rate)| self.ranked.partial_auroc_of(rate, weights)));
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

    /// How many of [`RESAMPLED`] it has.
    pub fn measured(&self) -> usize {
        if self.threshold.is_some() { RESAMPLED.len() } else { AT_THRESHOLD }
    }
}
