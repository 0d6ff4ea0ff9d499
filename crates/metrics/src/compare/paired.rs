//! Two models on the same cases: McNemar, Wilcoxon, Hodges-Lehmann, non-inferiority.

use crate::stats::{
    binomial_half_two_sided, chi2_sf, mid_ranks, normal_cdf, normal_two_sided, z_of_level,
};
use crate::{Interval, Undefined};

/// Discordant pairs below which McNemar's test is exact.
const EXACT_BELOW: u64 = 25;

/// Most differences for which the signed-rank distribution is counted out.
const MOST_COUNTED: usize = 50;

/// McNemar's test of two right-or-wrong readers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    /// First right, second wrong.
    pub only_first: u64,
    /// Second right, first wrong.
    pub only_second: u64,
    /// Two-sided p.
    pub p: f64,
    /// By the binomial distribution (fewer than 25 discordant pairs), otherwise χ² with continuity
    /// correction.
    pub exact: bool,
}

/// McNemar's test (McNemar 1947) on cases both were judged on: statsmodels'
/// `mcnemar(exact=…, correction=True)`.
pub fn mcnemar(first_right: &[bool], second_right: &[bool]) -> McNemar {
    let count = |a: bool, b: bool| {
        let pairs = first_right.iter().zip(second_right);
        pairs.filter(|(x, y)| **x == a && **y == b).count() as u64
    };
    let (only_first, only_second) = (count(true, false), count(false, true));
    let discordant = only_first + only_second;
    let exact = discordant < EXACT_BELOW;
    let p = if exact {
        binomial_half_two_sided(only_first, discordant)
    } else {
        let off = (only_first.abs_diff(only_second) as f64 - 1.0).max(0.0);
        chi2_sf(off * off / discordant as f64, 1.0)
    };
    McNemar { only_first, only_second, p, exact }
}

/// Wilcoxon's signed-rank test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wilcoxon {
    /// Sum of the ranks of positive differences.
    pub rank_sum: f64,
    /// Differences that are not zero.
    pub n: usize,
    /// p value.
    pub p: f64,
    /// Counted out (at most 50 differences, no ties), otherwise the normal approximation with
    /// correction for ties.
    pub exact: bool,
}

/// Two-sided test that paired differences are symmetric about 0; differences of 0 are dropped
/// (`scipy.stats.wilcoxon` with `zero_method="wilcox"`). Undefined when all are 0.
pub fn wilcoxon(differences: &[f64]) -> Result<Wilcoxon, Undefined> {
    let ranked = SignedRanks::new(differences)?;
    let p = match ranked.exact() {
        true => {
            let (below, above) = ranked.tails();
            (2.0 * below.min(above)).min(1.0)
        }
        false => normal_two_sided(ranked.z(0.0)),
    };
    Ok(Wilcoxon { rank_sum: ranked.sum, n: ranked.n, p, exact: ranked.exact() })
}

/// One-sided test that differences tend to be positive, as challengeR's rankings use it: R's
/// `wilcox.test(alternative = "greater", paired = TRUE)` with continuity correction.
pub fn wilcoxon_greater(differences: &[f64]) -> Result<Wilcoxon, Undefined> {
    let ranked = SignedRanks::new(differences)?;
    let p = match ranked.exact() {
        true => ranked.tails().1,
        false => 1.0 - normal_cdf(ranked.z(0.5)),
    };
    Ok(Wilcoxon { rank_sum: ranked.sum, n: ranked.n, p, exact: ranked.exact() })
}

struct SignedRanks {
    n: usize,
    sum: f64,
    /// Σ (t³ − t) over groups of tied absolute differences.
    ties: f64,
}

impl SignedRanks {
    fn new(differences: &[f64]) -> Result<SignedRanks, Undefined> {
        let kept: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
        if kept.is_empty() {
            let nothing = differences.is_empty();
            return Err(if nothing { Undefined::NoCases } else { Undefined::NoSpread });
        }
        let absolute: Vec<f64> = kept.iter().map(|d| d.abs()).collect();
        let ranks = mid_ranks(&absolute);
        let sum = ranks.iter().zip(&kept).filter(|(_, d)| **d > 0.0).map(|(rank, _)| rank).sum();
        let mut sorted = absolute;
        sorted.sort_by(f64::total_cmp);
        let ties = sorted
            .chunk_by(|a, b| a == b)
            .map(|tied| (tied.len() as f64).powi(3) - tied.len() as f64)
            .sum();
        Ok(SignedRanks { n: kept.len(), sum, ties })
    }

    fn exact(&self) -> bool {
        self.n <= MOST_COUNTED && self.ties == 0.0
    }

    /// P(W ≤ sum) and P(W ≥ sum).
    fn tails(&self) -> (f64, f64) {
        let counts = signed_rank_counts(self.n);
        let all: f64 = counts.iter().sum();
        let at = self.sum as usize;
        let below: f64 = counts[..=at].iter().sum();
        let above: f64 = counts[at..].iter().sum();
        (below / all, above / all)
    }

    fn z(&self, correction: f64) -> f64 {
        let n = self.n as f64;
        let centre = n * (n + 1.0) / 4.0;
        let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - self.ties / 48.0;
        (self.sum - centre - correction) / variance.sqrt()
    }
}

/// In how many ways ranks 1…n give each sum.
fn signed_rank_counts(n: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n * (n + 1) / 2 + 1];
    counts[0] = 1.0;
    for rank in 1..=n {
        for sum in (rank..counts.len()).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    counts
}

/// The Hodges-Lehmann estimate of a shift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HodgesLehmann {
    /// Median of the means of all pairs of differences (Walsh averages).
    pub estimate: f64,
    /// Interval that goes with the signed-rank test; `None` when there are too few differences for
    /// the level.
    pub interval: Option<Interval>,
}

/// Hodges-Lehmann estimate and interval of paired differences (Hollander and Wolfe, chapter 3.2 and
/// 3.3): counted out up to 50 differences, with the normal approximation above.
pub fn hodges_lehmann(differences: &[f64], level: f64) -> Result<HodgesLehmann, Undefined> {
    let mut sorted = differences.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let walsh = n * (n + 1) / 2;
    if n == 0 {
        return Err(Undefined::NoCases);
    }
    let estimate =
        0.5 * (nth_walsh(&sorted, walsh.div_ceil(2)) + nth_walsh(&sorted, walsh / 2 + 1));
    let tail = (1.0 - level) / 2.0;
    // The number of Walsh averages cut off at either end.
    let cut = if n <= MOST_COUNTED {
        let counts = signed_rank_counts(n);
        let all: f64 = counts.iter().sum();
        let mut below = 0.0;
        counts
            .iter()
            .take_while(|count| {
                below += **count;
                below / all <= tail
            })
            .count()
    } else {
        let m = n as f64;
        let spread = (m * (m + 1.0) * (2.0 * m + 1.0) / 24.0).sqrt();
        (m * (m + 1.0) / 4.0 - z_of_level(level) * spread).floor().max(0.0) as usize
    };
    let interval = (cut > 0).then(|| Interval {
        low: nth_walsh(&sorted, cut),
        high: nth_walsh(&sorted, walsh + 1 - cut),
    });
    Ok(HodgesLehmann { estimate, interval })
}

/// The k-th smallest (from 1) of the means of all pairs i ≤ j of sorted values: bisection over the
/// ordered bit patterns of floats, counting pairs in linear time.
fn nth_walsh(sorted: &[f64], k: usize) -> f64 {
    let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
    let (mut low, mut high) = (ordinal(first), ordinal(last));
    // The smallest value such that at least k means do not exceed it.
    while low < high {
        let middle = low + (high - low) / 2;
        if walsh_up_to(sorted, from_ordinal(middle)) >= k {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    from_ordinal(low)
}

fn walsh_up_to(sorted: &[f64], limit: f64) -> usize {
    let (mut count, mut j) = (0, sorted.len());
    for i in 0..sorted.len() {
        while j > i && 0.5 * (sorted[i] + sorted[j - 1]) > limit {
            j -= 1;
        }
        if j <= i {
            break;
        }
        count += j - i;
    }
    count
}

/// Floats as integers in the same order.
fn ordinal(x: f64) -> i128 {
    let bits = x.to_bits() as i64;
    i128::from(if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits })
}

fn from_ordinal(n: i128) -> f64 {
    let n = n as i64;
    f64::from_bits((if n < 0 { i64::MIN.wrapping_sub(n) } else { n }) as u64)
}

/// Whether a new model is not worse by more than a margin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NonInferiority {
    /// New minus old, higher being better.
    pub difference: f64,
    /// Two-sided interval of the difference.
    pub interval: Interval,
    /// The margin, positive.
    pub margin: f64,
    /// The interval lies above minus the margin.
    pub non_inferior: bool,
    /// The interval lies above 0.
    pub superior: bool,
}

/// Judges the interval of a difference (new minus old, higher is better) against a margin > 0.
pub fn non_inferiority(difference: f64, interval: Interval, margin: f64) -> NonInferiority {
    NonInferiority {
        difference,
        interval,
        margin,
        non_inferior: interval.low > -margin,
        superior: interval.low > 0.0,
    }
}
