//! What a metric is when it has no value: a name, never a number that looks fine.

use base::Text;
use base::words::score as words;

/// A number, or the reason why there is none.
pub type Value = Result<f64, Undefined>;

/// Why a metric has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Undefined {
    /// There is no case at all.
    NoCases,
    /// No case has the finding.
    NoPositives,
    /// Every case has the finding.
    NoNegatives,
    /// Nothing was called positive.
    NothingCalledPositive,
    /// Nothing was called negative.
    NothingCalledNegative,
    /// All values are the same.
    NoSpread,
    /// Fewer cases than the formula needs.
    TooFew,
    /// Scores outside 0…1 are no probabilities.
    NotProbabilities,
    /// A probability of exactly 0 or 1 has no logit.
    CertainForecast,
    /// Scores separate the classes perfectly: the estimate runs away.
    Separated,
    /// Reference and prediction are both empty.
    BothEmpty,
    /// The structure is there and was not found.
    Missed,
    /// Something was found where nothing is.
    Spurious,
    /// Too many resamples had no value.
    UnstableResamples,
    /// No threshold reaches what was asked.
    NotReached,
    /// No part of the prediction matches one of the reference.
    NothingMatched,
    /// Larger than can be measured.
    TooLarge,
}

impl Undefined {
    /// All of them, for tests and documentation.
    pub const ALL: [Undefined; 17] = [
        Undefined::NoCases,
        Undefined::NoPositives,
        Undefined::NoNegatives,
        Undefined::NothingCalledPositive,
        Undefined::NothingCalledNegative,
        Undefined::NoSpread,
        Undefined::TooFew,
        Undefined::NotProbabilities,
        Undefined::CertainForecast,
        Undefined::Separated,
        Undefined::BothEmpty,
        Undefined::Missed,
        Undefined::Spurious,
        Undefined::UnstableResamples,
        Undefined::NotReached,
        Undefined::NothingMatched,
        Undefined::TooLarge,
    ];

    /// The stable name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Undefined::NoCases => "no_cases",
            Undefined::NoPositives => "no_positives",
            Undefined::NoNegatives => "no_negatives",
            Undefined::NothingCalledPositive => "nothing_called_positive",
            Undefined::NothingCalledNegative => "nothing_called_negative",
            Undefined::NoSpread => "no_spread",
            Undefined::TooFew => "too_few",
            Undefined::NotProbabilities => "not_probabilities",
            Undefined::CertainForecast => "certain_forecast",
            Undefined::Separated => "separated",
            Undefined::BothEmpty => "both_empty",
            Undefined::Missed => "missed",
            Undefined::Spurious => "spurious",
            Undefined::UnstableResamples => "unstable_resamples",
            Undefined::NotReached => "not_reached",
            Undefined::NothingMatched => "nothing_matched",
            Undefined::TooLarge => "too_large",
        }
    }

    /// The reason as a user reads it.
    pub fn text(self) -> &'static Text {
        match self {
            Undefined::NoCases => &words::NO_CASES,
            Undefined::NoPositives => &words::NO_POSITIVES,
            Undefined::NoNegatives => &words::NO_NEGATIVES,
            Undefined::NothingCalledPositive => &words::NOTHING_CALLED_POSITIVE,
            Undefined::NothingCalledNegative => &words::NOTHING_CALLED_NEGATIVE,
            Undefined::NoSpread => &words::NO_SPREAD,
            Undefined::TooFew => &words::TOO_FEW,
            Undefined::NotProbabilities => &words::NOT_PROBABILITIES,
            Undefined::CertainForecast => &words::CERTAIN_FORECAST,
            Undefined::Separated => &words::SEPARATED,
            Undefined::BothEmpty => &words::BOTH_EMPTY,
            Undefined::Missed => &words::MISSED,
            Undefined::Spurious => &words::SPURIOUS,
            Undefined::UnstableResamples => &words::UNSTABLE_RESAMPLES,
            Undefined::NotReached => &words::NOT_REACHED,
            Undefined::NothingMatched => &words::NOTHING_MATCHED,
            Undefined::TooLarge => &words::TOO_LARGE,
        }
    }
}

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Rows of the input that cannot be judged, by their place from 0; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRows {
    /// What is wrong with them.
    pub fault: Fault,
    /// Which they are.
    pub rows: Vec<usize>,
}

/// What is wrong with rows of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not a number, or infinite.
    NotFinite,
    /// The two sides differ in length; the row is the first without partner.
    Unpaired,
}

/// `Ok` when both sides are as long and every value is finite.
pub(crate) fn check_pairs(a: &[f64], b_len: usize) -> Result<(), BadRows> {
    if a.len() != b_len {
        return Err(BadRows { fault: Fault::Unpaired, rows: vec![a.len().min(b_len)] });
    }
    check_finite(a)
}

/// `Ok` when every value is finite.
pub(crate) fn check_finite(values: &[f64]) -> Result<(), BadRows> {
    let rows: Vec<usize> = (0..values.len()).filter(|&at| !values[at].is_finite()).collect();
    if rows.is_empty() { Ok(()) } else { Err(BadRows { fault: Fault::NotFinite, rows }) }
}
