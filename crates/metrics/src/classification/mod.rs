//! Scores of yes-or-no questions: ROC, precision and recall, operating points, agreement.

mod confusion;
mod curves;
mod delong;
mod kappa;
mod newcombe;
mod ranked;

pub use confusion::{Confusion, Proportion, wilson};
pub use curves::{CurvePoint, OperatingPoint};
pub use delong::{AurocInterval, DelongTest, auroc_interval, delong_test};
pub use kappa::{cohen_kappa, kappa_of_table, quadratic_kappa};
pub use newcombe::newcombe_interval;
pub use ranked::Ranked;

use crate::undefined::{BadRows, check_pairs};

/// Scores and truth of one finding, case by case, checked: as many of one as of the other, every
/// score finite. Higher scores mean more likely.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    scores: Vec<f64>,
    truth: Vec<bool>,
}

impl Binary {
    /// Takes scores and truth of the same cases in the same order.
    ///
    /// Errors: the rows whose score is not finite, or the first row without partner.
    pub fn new(scores: Vec<f64>, truth: Vec<bool>) -> Result<Binary, BadRows> {
        check_pairs(&scores, truth.len())?;
        Ok(Binary { scores, truth })
    }

    /// The scores.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Whether each case has the finding.
    pub fn truth(&self) -> &[bool] {
        &self.truth
    }

    /// Number of cases.
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    /// Without any case.
    pub fn is_empty(&self) -> bool {
        self.scores.is_empty()
    }

    /// Number of cases with the finding.
    pub fn positives(&self) -> usize {
        self.truth.iter().filter(|&&is| is).count()
    }

    /// Every score lies in 0…1.
    pub fn are_probabilities(&self) -> bool {
        self.scores.iter().all(|score| (0.0..=1.0).contains(score))
    }

    /// Cases ranked by score, for curves and areas.
    pub fn ranked(&self) -> Ranked {
        Ranked::new(self)
    }

    /// Counts when scores at or above `threshold` are called positive.
    pub fn at(&self, threshold: f64) -> Confusion {
        let mut counts = Confusion::default();
        for (score, truth) in self.scores.iter().zip(&self.truth) {
            counts.add(*score >= threshold, *truth, 1);
        }
        counts
    }
}

/// Mean over the labels that have a value, and how many have none.
///
/// As scikit-learn's `average="macro"`, except that labels without value are counted, not averaged.
pub fn macro_average(values: &[crate::Value]) -> (crate::Value, usize) {
    let defined: Vec<f64> = values.iter().filter_map(|value| value.ok()).collect();
    let value = crate::stats::mean(&defined).ok_or(crate::Undefined::NoCases);
    (value, values.len() - defined.len())
}

/// All labels' cases in one pool (`average="micro"`).
pub fn pooled(labels: &[Binary]) -> Binary {
    Binary {
        scores: labels.iter().flat_map(|label| label.scores.iter().copied()).collect(),
        truth: labels.iter().flat_map(|label| label.truth.iter().copied()).collect(),
    }
}
