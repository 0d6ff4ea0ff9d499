//! An interval for the area under the ROC curve that keeps its width where the curve is perfect.

use crate::Interval;
use crate::stats::z_of_level;

/// Newcombe's score interval (Statistics in Medicine 25:559-573, 2006, method 5): the areas θ that lie
/// within z standard errors of the observed one, where the error is that of Hanley and McNeil (1982) at θ
/// itself, with both their n - 1 replaced by the mean of the two. Unlike DeLong's error and the
/// bootstrap it does not vanish at an area of 0 or 1.
///
/// `area` in 0…1; counts of independent cases, at least one of each class.
pub fn newcombe_interval(area: f64, positives: usize, negatives: usize, level: f64) -> Interval {
    let (m, n) = (positives as f64, negatives as f64);
    let mean = (m + n) / 2.0 - 1.0;
    let z = z_of_level(level);
    let error = |area: f64| {
        let spread = 1.0 + mean * ((1.0 - area) / (2.0 - area) + area / (1.0 + area));
        (area * (1.0 - area) * spread / (m * n)).sqrt()
    };
    // Both classes count alike, so that the upper end is the lower one of the mirrored curve.
    let lower = |area: f64| {
        let (mut low, mut high) = (0.0, area);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            // At the area itself the difference is 0 and the error, but for the ends, is not.
            if area - middle > z * error(middle) { low = middle } else { high = middle }
        }
        low
    };
    Interval { low: lower(area), high: 1.0 - lower(1.0 - area) }
}
