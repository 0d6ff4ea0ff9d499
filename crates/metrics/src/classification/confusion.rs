//! Counts of a two-by-two table and the rates made of them, with Wilson intervals.

use crate::stats::z_of_level;
use crate::{Interval, Undefined, Value};

/// True and false, positive and negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Called positive, has the finding.
    pub true_positives: u64,
    /// Called positive, does not have it.
    pub false_positives: u64,
    /// Called negative, has it.
    pub false_negatives: u64,
    /// Called negative, does not have it.
    pub true_negatives: u64,
}

/// A share of cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proportion {
    /// Hits over cases.
    pub value: Value,
    /// How many.
    pub hits: u64,
    /// Of how many.
    pub of: u64,
}

impl Proportion {
    fn new(hits: u64, of: u64, nothing: Undefined) -> Proportion {
        let value = if of == 0 { Err(nothing) } else { Ok(hits as f64 / of as f64) };
        Proportion { value, hits, of }
    }

    /// Wilson's interval at `level` (0.95); `None` of no cases.
    pub fn interval(&self, level: f64) -> Option<Interval> {
        wilson(self.hits, self.of, level)
    }
}

impl Confusion {
    /// Adds a case `weight` times.
    pub fn add(&mut self, called: bool, truth: bool, weight: u64) {
        let cell = match (called, truth) {
            (true, true) => &mut self.true_positives,
            (true, false) => &mut self.false_positives,
            (false, true) => &mut self.false_negatives,
            (false, false) => &mut self.true_negatives,
        };
        *cell += weight;
    }

    /// All cases.
    pub fn total(&self) -> u64 {
        self.true_positives + self.false_positives + self.false_negatives + self.true_negatives
    }

    /// Recall: share of those with the finding who were called.
    pub fn sensitivity(&self) -> Proportion {
        let of = self.true_positives + self.false_negatives;
        Proportion::new(self.true_positives, of, Undefined::NoPositives)
    }

    /// Share of those without the finding who were not called.
    pub fn specificity(&self) -> Proportion {
        let of = self.true_negatives + self.false_positives;
        Proportion::new(self.true_negatives, of, Undefined::NoNegatives)
    }

    /// Positive predictive value (precision).
    pub fn ppv(&self) -> Proportion {
        let of = self.true_positives + self.false_positives;
        Proportion::new(self.true_positives, of, Undefined::NothingCalledPositive)
    }

    /// Negative predictive value.
    pub fn npv(&self) -> Proportion {
        let of = self.true_negatives + self.false_negatives;
        Proportion::new(self.true_negatives, of, Undefined::NothingCalledNegative)
    }

    /// Share of right calls.
    pub fn accuracy(&self) -> Proportion {
        let right = self.true_positives + self.true_negatives;
        Proportion::new(right, self.total(), Undefined::NoCases)
    }

    /// PPV and NPV at another prevalence (Bayes), from this table's sensitivity and specificity.
    pub fn predictive_values_at(&self, prevalence: f64) -> (Value, Value) {
        let (sensitivity, specificity) = match (self.sensitivity().value, self.specificity().value)
        {
            (Ok(a), Ok(b)) => (a, b),
            (Err(why), _) | (_, Err(why)) => return (Err(why), Err(why)),
        };
        let share = |hit: f64, miss: f64, nothing| {
            if hit + miss == 0.0 { Err(nothing) } else { Ok(hit / (hit + miss)) }
        };
        (
            share(
                sensitivity * prevalence,
                (1.0 - specificity) * (1.0 - prevalence),
                Undefined::NothingCalledPositive,
            ),
            share(
                specificity * (1.0 - prevalence),
                (1.0 - sensitivity) * prevalence,
                Undefined::NothingCalledNegative,
            ),
        )
    }

    /// F1 = 2 TP / (2 TP + FP + FN); undefined when nothing is there and nothing was called.
    pub fn f1(&self) -> Value {
        let twice = 2 * self.true_positives;
        let of = twice + self.false_positives + self.false_negatives;
        if of == 0 { Err(Undefined::NoPositives) } else { Ok(twice as f64 / of as f64) }
    }

    /// Matthews' correlation; undefined when a row or column of the table is empty.
    pub fn mcc(&self) -> Value {
        self.sensitivity().value?;
        self.specificity().value?;
        self.ppv().value?;
        self.npv().value?;
        let [tp, fp, fn_, tn] =
            [self.true_positives, self.false_positives, self.false_negatives, self.true_negatives]
                .map(|count| count as f64);
        // Two roots, so that large counts do not overflow the product.
        let below = ((tp + fp) * (tp + fn_)).sqrt() * ((tn + fp) * (tn + fn_)).sqrt();
        Ok((tp * tn - fp * fn_) / below)
    }

    /// Mean of sensitivity and specificity.
    pub fn balanced_accuracy(&self) -> Value {
        Ok((self.sensitivity().value? + self.specificity().value?) / 2.0)
    }

    /// Sensitivity + specificity − 1.
    pub fn youden(&self) -> Value {
        Ok(self.sensitivity().value? + self.specificity().value? - 1.0)
    }

    /// Net benefit at a threshold probability: TP/N − FP/N · p/(1−p).
    pub fn net_benefit(&self, threshold: f64) -> Value {
        if self.total() == 0 {
            return Err(Undefined::NoCases);
        }
        let n = self.total() as f64;
        let odds = threshold / (1.0 - threshold);
        Ok(self.true_positives as f64 / n - self.false_positives as f64 / n * odds)
    }
}

/// Wilson's score interval of `hits` of `of` at `level`, without continuity correction (Wilson
/// 1927). `None` of no cases.
pub fn wilson(hits: u64, of: u64, level: f64) -> Option<Interval> {
    if of == 0 {
        return None;
    }
    let (n, p) = (of as f64, hits as f64 / of as f64);
    let z = z_of_level(level);
    let z2 = z * z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let low = if hits == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if hits == of { 1.0 } else { (centre + half).min(1.0) };
    Some(Interval { low, high })
}
