//! ROC and precision-recall curves, partial areas, operating points.

use super::ranked::both_classes;
use super::{Binary, Confusion};
use crate::{Undefined, Value};

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// False-positive rate, or recall.
    pub x: f64,
    /// Sensitivity, or precision.
    pub y: f64,
    /// Scores at or above it are called positive; infinite where nothing is.
    pub threshold: f64,
}

/// A threshold and what it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperatingPoint {
    /// Scores at or above it are called positive.
    pub threshold: f64,
    /// The counts there.
    pub counts: Confusion,
}

impl Binary {
    /// ROC curve from (0, 0) to (1, 1), one point a distinct score: scikit-learn's `roc_curve` with
    /// `drop_intermediate=False`.
    pub fn roc_curve(&self) -> Result<Vec<CurvePoint>, Undefined> {
        let positives = self.positives() as u64;
        let negatives = self.len() as u64 - positives;
        both_classes(positives, negatives)?;
        let ranked = self.ranked();
        let start = CurvePoint { x: 0.0, y: 0.0, threshold: f64::INFINITY };
        let steps = ranked.steps().into_iter().map(|(hits, alarms, place)| CurvePoint {
            x: alarms as f64 / negatives as f64,
            y: hits as f64 / positives as f64,
            threshold: self.scores()[ranked.case_at(place)],
        });
        Ok(std::iter::once(start).chain(steps).collect())
    }

    /// Precision over recall, from the lowest threshold to the highest, ended by (0, 1):
    /// scikit-learn's `precision_recall_curve`.
    pub fn precision_recall_curve(&self) -> Result<Vec<CurvePoint>, Undefined> {
        let positives = self.positives() as u64;
        match (self.len(), positives) {
            (0, _) => return Err(Undefined::NoCases),
            (_, 0) => return Err(Undefined::NoPositives),
            _ => {}
        }
        let ranked = self.ranked();
        let mut points: Vec<CurvePoint> = ranked
            .steps()
            .into_iter()
            .map(|(hits, alarms, place)| CurvePoint {
                x: hits as f64 / positives as f64,
                y: hits as f64 / (hits + alarms) as f64,
                threshold: self.scores()[ranked.case_at(place)],
            })
            .collect();
        points.reverse();
        points.push(CurvePoint { x: 0.0, y: 1.0, threshold: f64::INFINITY });
        Ok(points)
    }

    /// Area under the ROC curve up to a false-positive rate, standardised after McClish so that
    /// chance is 0.5: `roc_auc_score(max_fpr=…)`. `max_fpr` in (0, 1].
    pub fn partial_auroc(&self, max_fpr: f64) -> Value {
        self.ranked().partial_auroc_of(max_fpr, &vec![1; self.len()])
    }

    /// Every threshold that changes something, from the highest, with its counts; first the one
    /// above all scores.
    pub fn operating_points(&self) -> Vec<OperatingPoint> {
        let positives = self.positives() as u64;
        let negatives = self.len() as u64 - positives;
        let ranked = self.ranked();
        let point = |hits, alarms, threshold| OperatingPoint {
            threshold,
            counts: Confusion {
                true_positives: hits,
                false_positives: alarms,
                false_negatives: positives - hits,
                true_negatives: negatives - alarms,
            },
        };
        let start = point(0, 0, f64::INFINITY);
        let steps = ranked
            .steps()
            .into_iter()
            .map(|(hits, alarms, place)| point(hits, alarms, self.scores()[ranked.case_at(place)]));
        std::iter::once(start).chain(steps).collect()
    }

    /// The point with the largest Youden index, sensitivity + specificity − 1; of equal ones the
    /// highest threshold.
    pub fn youden_point(&self) -> Result<OperatingPoint, Undefined> {
        self.best(|counts| {
            Some(counts.sensitivity().value.ok()? + counts.specificity().value.ok()? - 1.0)
        })
    }

    /// The most sensitive point whose specificity is at least `least`, without interpolation.
    pub fn at_specificity(&self, least: f64) -> Result<OperatingPoint, Undefined> {
        self.best(|counts| {
            let specificity = counts.specificity().value.ok()?;
            if specificity < least { None } else { counts.sensitivity().value.ok() }
        })
    }

    /// The most specific point whose sensitivity is at least `least`, without interpolation.
    pub fn at_sensitivity(&self, least: f64) -> Result<OperatingPoint, Undefined> {
        self.best(|counts| {
            let sensitivity = counts.sensitivity().value.ok()?;
            if sensitivity < least { None } else { counts.specificity().value.ok() }
        })
    }

    fn best(&self, worth: impl Fn(&Confusion) -> Option<f64>) -> Result<OperatingPoint, Undefined> {
        let positives = self.positives() as u64;
        both_classes(positives, self.len() as u64 - positives)?;
        let mut best: Option<(f64, OperatingPoint)> = None;
        for point in self.operating_points() {
            let Some(worth) = worth(&point.counts) else { continue };
            if best.is_none_or(|(so_far, _)| worth > so_far) {
                best = Some((worth, point));
            }
        }
        best.map(|(_, point)| point).ok_or(Undefined::NotReached)
    }
}
