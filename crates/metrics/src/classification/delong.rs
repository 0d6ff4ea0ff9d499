//! DeLong's variance of the area under the ROC curve and the paired test (DeLong, DeLong and
//! Clarke-Pearson 1988), by mid-ranks (Sun and Xu 2014).

use super::Binary;
use super::ranked::both_classes;
use crate::stats::{mid_ranks, normal_two_sided, z_of_level};
use crate::{Interval, Undefined};

/// The area, its standard error and intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AurocInterval {
    /// Area under the ROC curve.
    pub auroc: f64,
    /// DeLong's standard error.
    pub standard_error: f64,
    /// Area ± z · error, cut at 0 and 1, as pROC gives it.
    pub wald: Interval,
    /// The same on the logit scale, which stays inside 0…1; `None` when the area is 0 or 1, where
    /// the standard error is 0 and says nothing.
    pub logit: Option<Interval>,
}

/// Comparison of two models on the same cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DelongTest {
    /// First area minus second.
    pub difference: f64,
    /// Standard error of the difference.
    pub standard_error: f64,
    /// Difference ± z · error.
    pub interval: Interval,
    /// z statistic; 0 when both curves order the cases alike.
    pub z: f64,
    /// Two-sided p.
    pub p: f64,
}

/// Placement values of one model: for each positive the share of negatives below it, and for each
/// negative the share of positives above it.
struct Placements {
    of_positives: Vec<f64>,
    of_negatives: Vec<f64>,
    auroc: f64,
}

fn placements(binary: &Binary) -> Result<Placements, Undefined> {
    let pick = |wanted: bool| -> Vec<f64> {
        let pairs = binary.scores().iter().zip(binary.truth());
        pairs.filter(|(_, truth)| **truth == wanted).map(|(score, _)| *score).collect()
    };
    let (positives, negatives) = (pick(true), pick(false));
    both_classes(positives.len() as u64, negatives.len() as u64)?;
    let (m, n) = (positives.len() as f64, negatives.len() as f64);
    let pool: Vec<f64> = positives.iter().chain(&negatives).copied().collect();
    let pooled = mid_ranks(&pool);
    let (own_positives, own_negatives) = (mid_ranks(&positives), mid_ranks(&negatives));
    let of_positives: Vec<f64> =
        pooled.iter().zip(&own_positives).map(|(all, own)| (all - own) / n).collect();
    let of_negatives: Vec<f64> = pooled[positives.len()..]
        .iter()
        .zip(&own_negatives)
        .map(|(all, own)| 1.0 - (all - own) / m)
        .collect();
    let auroc = of_positives.iter().sum::<f64>() / m;
    Ok(Placements { of_positives, of_negatives, auroc })
}

/// Sample covariance (n − 1); 0 of a single case, as in pROC.
fn covariance(a: &[f64], b: &[f64]) -> f64 {
    if a.len() < 2 {
        return 0.0;
    }
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum::<f64>() / (n - 1.0)
}

fn area_covariance(a: &Placements, b: &Placements) -> f64 {
    covariance(&a.of_positives, &b.of_positives) / a.of_positives.len() as f64
        + covariance(&a.of_negatives, &b.of_negatives) / a.of_negatives.len() as f64
}

/// DeLong's interval at `level` (0.95).
///
/// Cases must be independent: with several images a patient use the cluster bootstrap. Undefined
/// with fewer than two cases of a class.
pub fn auroc_interval(binary: &Binary, level: f64) -> Result<AurocInterval, Undefined> {
    let placements = placements(binary)?;
    if placements.of_positives.len() < 2 || placements.of_negatives.len() < 2 {
        return Err(Undefined::TooFew);
    }
    let auroc = placements.auroc;
    let standard_error = area_covariance(&placements, &placements).max(0.0).sqrt();
    let z = z_of_level(level);
    let half = z * standard_error;
    let wald = Interval { low: (auroc - half).max(0.0), high: (auroc + half).min(1.0) };
    let logit = (auroc > 0.0 && auroc < 1.0).then(|| {
        let centre = (auroc / (1.0 - auroc)).ln();
        let half = half / (auroc * (1.0 - auroc));
        let back = |x: f64| 1.0 / (1.0 + (-x).exp());
        Interval { low: back(centre - half), high: back(centre + half) }
    });
    Ok(AurocInterval { auroc, standard_error, wald, logit })
}

/// DeLong's paired test: two models' scores of the same cases with the same truth. `None` when the
/// truths differ.
pub fn delong_test(
    first: &Binary,
    second: &Binary,
    level: f64,
) -> Option<Result<DelongTest, Undefined>> {
    (first.truth() == second.truth()).then(|| compare(first, second, level))
}

fn compare(first: &Binary, second: &Binary, level: f64) -> Result<DelongTest, Undefined> {
    let (a, b) = (placements(first)?, placements(second)?);
    if a.of_positives.len() < 2 || a.of_negatives.len() < 2 {
        return Err(Undefined::TooFew);
    }
    let difference = a.auroc - b.auroc;
    let variance =
        area_covariance(&a, &a) + area_covariance(&b, &b) - 2.0 * area_covariance(&a, &b);
    let standard_error = variance.max(0.0).sqrt();
    let half = z_of_level(level) * standard_error;
    // No difference and no variance: the same curve twice (pROC's special case).
    let z = if difference == 0.0 { 0.0 } else { difference / standard_error };
    let p = if z.is_finite() { normal_two_sided(z) } else { 0.0 };
    let interval = Interval { low: difference - half, high: difference + half };
    Ok(DelongTest { difference, standard_error, interval, z, p })
}
