//! Cases sorted by score once; areas of any reweighting in one pass.

use super::Binary;
use crate::{Undefined, Value};

/// Cases by falling score. Areas take a weight for each case (how often a resample drew it), so that
/// a bootstrap sorts only once.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Case · 4 + has the finding · 2 + last of those with its score.
    entries: Vec<u64>,
    cases: usize,
}

impl Ranked {
    pub(super) fn new(binary: &Binary) -> Ranked {
        Ranked::with_units(binary, None)
    }

    /// As [`Binary::ranked`], but weights will be given for units (patients), not cases:
    /// `unit_of[case]`.
    pub fn by_unit(binary: &Binary, unit_of: &[u32]) -> Ranked {
        Ranked::with_units(binary, Some(unit_of))
    }

    fn with_units(binary: &Binary, unit_of: Option<&[u32]>) -> Ranked {
        let scores = binary.scores();
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut entries = Vec::with_capacity(order.len());
        for (place, &case) in order.iter().enumerate() {
            let is_last = order.get(place + 1).is_none_or(|&next| scores[next] != scores[case]);
            let unit = unit_of.map_or(case as u64, |unit_of| u64::from(unit_of[case]));
            entries.push(unit << 2 | u64::from(binary.truth()[case]) << 1 | u64::from(is_last));
        }
        let units = unit_of.map_or(scores.len(), |unit_of| {
            unit_of.iter().max().map_or(0, |&last| last as usize + 1)
        });
        Ranked { entries, cases: units }
    }

    /// Two models' answers to the same cases, each as ranks among its own, as scales of scores differ
    /// (Bandos, Rockette and Gur 2005). Weights of the first model's units come first, then those of the
    /// second's: 0 and 1 choose whose answer counts.
    pub fn of_two(first: &Binary, second: &Binary, unit_of: &[u32], units: usize) -> Ranked {
        let ranks = [first, second].map(|model| crate::stats::mid_ranks(&model.scores));
        let both = Binary {
            scores: ranks.concat(),
            truth: [first.truth.as_slice(), &second.truth].concat(),
        };
        let others = unit_of.iter().map(|unit| unit + units as u32);
        let unit_of: Vec<u32> = unit_of.iter().copied().chain(others).collect();
        Ranked::by_unit(&both, &unit_of)
    }

    /// How many weights are expected.
    pub fn weights(&self) -> usize {
        self.cases
    }

    /// Area under the ROC curve: the chance that a case with the finding scores above one without,
    /// ties counting one half (Mann-Whitney). `roc_auc_score` of scikit-learn.
    pub fn auroc(&self) -> Value {
        self.auroc_of(&vec![1; self.cases])
    }

    /// The same with every case counted `weights[case]` times.
    pub fn auroc_of(&self, weights: &[u32]) -> Value {
        let (mut above, mut positives, mut negatives) = (0u64, 0u64, 0u64);
        let (mut tied_positives, mut tied_negatives) = (0u64, 0u64);
        for &entry in &self.entries {
            let weight = u64::from(weights[(entry >> 2) as usize]);
            let positive = weight * (entry >> 1 & 1);
            tied_positives += positive;
            tied_negatives += weight - positive;
            if entry & 1 == 1 {
                above += tied_negatives * (2 * positives + tied_positives);
                positives += tied_positives;
                negatives += tied_negatives;
                (tied_positives, tied_negatives) = (0, 0);
            }
        }
        both_classes(positives, negatives)?;
        Ok(above as f64 / (2.0 * positives as f64 * negatives as f64))
    }

    /// Average precision Σ (R_k − R_{k−1}) P_k without interpolation: scikit-learn's
    /// `average_precision_score`.
    pub fn average_precision(&self) -> Value {
        self.average_precision_of(&vec![1; self.cases])
    }

    /// The same with every case counted `weights[case]` times.
    pub fn average_precision_of(&self, weights: &[u32]) -> Value {
        let (mut true_positives, mut called, mut before, mut sum) = (0u64, 0u64, 0u64, 0.0);
        for &entry in &self.entries {
            let weight = u64::from(weights[(entry >> 2) as usize]);
            called += weight;
            true_positives += weight * (entry >> 1 & 1);
            if entry & 1 == 1 && true_positives > before {
                let gained = (true_positives - before) as f64;
                sum += gained * true_positives as f64 / called as f64;
                before = true_positives;
            }
        }
        if called == 0 {
            return Err(Undefined::NoCases);
        }
        if true_positives == 0 {
            return Err(Undefined::NoPositives);
        }
        Ok(sum / true_positives as f64)
    }

    /// Area under the ROC curve up to a false-positive rate in (0, 1], standardised after McClish so
    /// that chance is 0.5 (scikit-learn's `roc_auc_score(max_fpr=…)`), every case counted
    /// `weights[case]` times.
    pub fn partial_auroc_of(&self, max_fpr: f64, weights: &[u32]) -> Value {
        let (positives, negatives) = self.totals(weights)?;
        let (mut hits, mut alarms) = (0u64, 0u64);
        let (mut x, mut y, mut area) = (0.0, 0.0, 0.0);
        for entry in &self.entries {
            let weight = u64::from(weights[(entry >> 2) as usize]);
            hits += weight * (entry >> 1 & 1);
            alarms += weight - weight * (entry >> 1 & 1);
            if entry & 1 == 0 {
                continue;
            }
            let to = (alarms as f64 / negatives as f64, hits as f64 / positives as f64);
            let end = to.0.min(max_fpr);
            let at_end =
                if to.0 > max_fpr { y + (to.1 - y) * (end - x) / (to.0 - x) } else { to.1 };
            area += (end - x) * (y + at_end) / 2.0;
            (x, y) = to;
            if x >= max_fpr {
                break;
            }
        }
        let least = 0.5 * max_fpr * max_fpr;
        Ok(0.5 * (1.0 + (area - least) / (max_fpr - least)))
    }

    /// Positives and negatives with every case counted `weights[case]` times; both must occur.
    fn totals(&self, weights: &[u32]) -> Result<(u64, u64), Undefined> {
        let (mut positives, mut all) = (0u64, 0u64);
        for entry in &self.entries {
            let weight = u64::from(weights[(entry >> 2) as usize]);
            all += weight;
            positives += weight * (entry >> 1 & 1);
        }
        both_classes(positives, all - positives)?;
        Ok((positives, all - positives))
    }

    /// Sensitivity reached at each of the rising false-positive rates, without interpolation, every
    /// case counted `weights[case]` times.
    pub fn sensitivity_at(&self, rates: &[f64], weights: &[u32]) -> Result<Vec<f64>, Undefined> {
        let weight = |entry: &u64| u64::from(weights[(entry >> 2) as usize]);
        let (positives, negatives) = self.totals(weights)?;
        let negatives = negatives as f64;
        let mut reached = Vec::with_capacity(rates.len());
        let (mut hits, mut alarms, mut best) = (0u64, 0u64, 0u64);
        for entry in &self.entries {
            let positive = weight(entry) * (entry >> 1 & 1);
            hits += positive;
            alarms += weight(entry) - positive;
            if entry & 1 == 1 {
                while rates.get(reached.len()).is_some_and(|rate| alarms as f64 > rate * negatives)
                {
                    reached.push(best as f64 / positives as f64);
                }
                best = hits;
            }
        }
        reached.resize(rates.len(), 1.0);
        Ok(reached)
    }

    /// For each distinct score from the highest: (true positives, false positives) so far, and the
    /// place in the order where it ends.
    pub(super) fn steps(&self) -> Vec<(u64, u64, usize)> {
        let (mut hits, mut alarms) = (0, 0);
        let mut steps = Vec::new();
        for (place, &entry) in self.entries.iter().enumerate() {
            hits += entry >> 1 & 1;
            alarms += 1 - (entry >> 1 & 1);
            if entry & 1 == 1 {
                steps.push((hits, alarms, place));
            }
        }
        steps
    }

    /// The case at a place of the order.
    pub(super) fn case_at(&self, place: usize) -> usize {
        (self.entries[place] >> 2) as usize
    }
}

/// Both classes must occur.
pub(super) fn both_classes(positives: u64, negatives: u64) -> Result<(), Undefined> {
    match (positives, negatives) {
        (0, 0) => Err(Undefined::NoCases),
        (0, _) => Err(Undefined::NoPositives),
        (_, 0) => Err(Undefined::NoNegatives),
        _ => Ok(()),
    }
}
