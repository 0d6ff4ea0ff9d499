//! Labels read from reports, against labels read from the references.

use crate::classification::Confusion;
use crate::{Undefined, Value, stats};

/// What a label table says of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention {
    /// 1.
    Positive,
    /// 0.
    Negative,
    /// -1.
    Uncertain,
    /// An empty cell: not mentioned.
    Blank,
}

/// What counts as positive. Numbers of different policies cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelPolicy {
    /// Uncertain is positive; everything else negative (CheXbert F1 of RadEval and vilmedic).
    UncertainPositive,
    /// Uncertain is negative like a blank (R2Gen).
    UncertainNegative,
    /// Pairs with an uncertain side are left out.
    UncertainIgnored,
}

/// F1 of labels, averaged three ways, as scikit-learn's `f1_score` with `zero_division=0`.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelF1 {
    /// F1 of each label; undefined where neither side has a positive.
    pub labels: Vec<Value>,
    /// Counts of each label.
    pub counts: Vec<Confusion>,
    /// Of all labels' counts together.
    pub micro: Value,
    /// Mean over the labels, undefined ones counting 0.
    pub macro_average: Value,
    /// Mean weighted by the reference's positives.
    pub weighted: Value,
    /// Labels without a positive on either side, which count 0 in the mean.
    pub without_value: usize,
    /// Share of cases with every label right; undefined when pairs are left out.
    pub exact_match: Value,
}

/// F1 of `predicted[case][label]` against `reference[case][label]`.
pub fn label_f1<Row: AsRef<[Mention]>>(
    predicted: &[Row],
    reference: &[Row],
    policy: LabelPolicy,
) -> LabelF1 {
    let labels = reference.first().map_or(0, |row| row.as_ref().len());
    let mut counts = vec![Confusion::default(); labels];
    let (mut exact, mut left_out) = (0u64, false);
    let read = |mention: Mention| match (mention, policy) {
        (Mention::Positive, _) | (Mention::Uncertain, LabelPolicy::UncertainPositive) => Some(true),
        (Mention::Uncertain, LabelPolicy::UncertainIgnored) => None,
        _ => Some(false),
    };
    for (own, theirs) in predicted.iter().zip(reference) {
        let mut right = true;
        let cells = own.as_ref().iter().zip(theirs.as_ref());
        for ((own, theirs), counts) in cells.zip(&mut counts) {
            match (read(*own), read(*theirs)) {
                (Some(own), Some(theirs)) => {
                    counts.add(own, theirs, 1);
                    right &= own == theirs;
                }
                _ => left_out = true,
            }
        }
        exact += u64::from(right);
    }
    let each: Vec<Value> = counts.iter().map(Confusion::f1).collect();
    let mut sum = Confusion::default();
    for one in &counts {
        sum.true_positives += one.true_positives;
        sum.false_positives += one.false_positives;
        sum.false_negatives += one.false_negatives;
        sum.true_negatives += one.true_negatives;
    }
    let plain: Vec<f64> = each.iter().map(|value| value.unwrap_or(0.0)).collect();
    let support: Vec<f64> = counts
        .iter()
        .map(|counts| (counts.true_positives + counts.false_negatives) as f64)
        .collect();
    let all: f64 = support.iter().sum();
    let weighted: f64 = plain.iter().zip(&support).map(|(f1, support)| f1 * support).sum();
    let cases = reference.len() as f64;
    LabelF1 {
        without_value: each.iter().filter(|value| value.is_err()).count(),
        micro: sum.f1(),
        macro_average: stats::mean(&plain).ok_or(Undefined::NoCases),
        weighted: if all > 0.0 { Ok(weighted / all) } else { Err(Undefined::NoPositives) },
        exact_match: match (left_out, reference.is_empty()) {
            (true, _) => Err(Undefined::TooFew),
            (_, true) => Err(Undefined::NoCases),
            _ => Ok(exact as f64 / cases),
        },
        labels: each,
        counts,
    }
}
