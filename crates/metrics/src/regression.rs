//! Measured against true values: error, bias, agreement.

use crate::stats::{f_cdf, f_quantile, mean, median, t_of_level, variance, z_of_level};
use crate::undefined::{BadRows, check_finite, check_pairs};
use crate::{Interval, Undefined, Value};

/// Predicted and true values of the same cases, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Paired {
    predicted: Vec<f64>,
    truth: Vec<f64>,
}

/// Bland and Altman's limits of agreement (1986, 1999), predicted minus true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BlandAltman {
    /// Mean difference.
    pub bias: f64,
    /// Its t interval.
    pub bias_interval: Interval,
    /// Standard deviation of the differences (n − 1).
    pub sd: f64,
    /// bias − 1.96 SD.
    pub lower: f64,
    /// Its interval, by the standard error √(3/n) SD.
    pub lower_interval: Interval,
    /// bias + 1.96 SD.
    pub upper: f64,
    /// Its interval.
    pub upper_interval: Interval,
    /// Slope of the differences over the means; 0 without proportional bias. Undefined when the
    /// means do not vary.
    pub proportional_slope: Value,
}

/// An intraclass correlation of two raters (Shrout and Fleiss 1979) with its F interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Icc {
    /// The coefficient.
    pub value: f64,
    /// Its interval (McGraw and Wong 1996); `None` when the two never differ but for a constant.
    pub interval: Option<Interval>,
    /// p of the F test against 0; 0 when the two never differ but for a constant.
    pub p: f64,
}

impl Paired {
    /// Takes predicted and true values of the same cases in the same order.
    ///
    /// Errors: the rows where either is not finite, or the first row without partner.
    pub fn new(predicted: Vec<f64>, truth: Vec<f64>) -> Result<Paired, BadRows> {
        check_pairs(&predicted, truth.len())?;
        check_finite(&truth)?;
        Ok(Paired { predicted, truth })
    }

    /// Predicted values.
    pub fn predicted(&self) -> &[f64] {
        &self.predicted
    }

    /// True values.
    pub fn truth(&self) -> &[f64] {
        &self.truth
    }

    /// Number of cases.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Without any case.
    pub fn is_empty(&self) -> bool {
        self.truth.is_empty()
    }

    /// Predicted minus true.
    pub fn differences(&self) -> Vec<f64> {
        self.predicted.iter().zip(&self.truth).map(|(p, t)| p - t).collect()
    }

    fn absolute(&self) -> Vec<f64> {
        self.differences().into_iter().map(f64::abs).collect()
    }

    /// `mean_absolute_error`.
    pub fn mean_absolute_error(&self) -> Value {
        mean(&self.absolute()).ok_or(Undefined::NoCases)
    }

    /// `median_absolute_error`.
    pub fn median_absolute_error(&self) -> Value {
        median(&self.absolute()).ok_or(Undefined::NoCases)
    }

    /// `root_mean_squared_error`.
    pub fn root_mean_squared_error(&self) -> Value {
        let squares: Vec<f64> = self.differences().iter().map(|d| d * d).collect();
        mean(&squares).map(f64::sqrt).ok_or(Undefined::NoCases)
    }

    /// Mean of predicted minus true.
    pub fn bias(&self) -> Value {
        mean(&self.differences()).ok_or(Undefined::NoCases)
    }

    /// `r2_score`; undefined when the truth does not vary.
    pub fn r2(&self) -> Value {
        self.r2_of(&|_| 1.0)
    }

    /// [`Paired::r2`] with every case counted by its weight.
    pub fn r2_of(&self, weight: &dyn Fn(usize) -> f64) -> Value {
        let spread = weighted_spread(&self.truth, weight)?.1;
        let squares = self.differences().into_iter().enumerate().map(|(at, d)| weight(at) * d * d);
        Ok(1.0 - squares.sum::<f64>() / spread)
    }

    /// Slope of the differences over the means with every case counted by its weight.
    pub fn proportional_slope_of(&self, weight: &dyn Fn(usize) -> f64) -> Value {
        let (means, differences) = (self.means(), self.differences());
        let (centre, spread) = weighted_spread(&means, weight)?;
        let total: f64 = (0..self.len()).map(weight).sum();
        let each = || differences.iter().enumerate();
        let bias = each().map(|(at, d)| weight(at) * d).sum::<f64>() / total;
        let both = each().map(|(at, d)| weight(at) * (means[at] - centre) * (d - bias));
        Ok(both.sum::<f64>() / spread)
    }

    fn means(&self) -> Vec<f64> {
        self.predicted.iter().zip(&self.truth).map(|(p, t)| (p + t) / 2.0).collect()
    }

    /// Limits of agreement with intervals at `level`.
    pub fn bland_altman(&self, level: f64) -> Result<BlandAltman, Undefined> {
        let differences = self.differences();
        let bias = mean(&differences).ok_or(Undefined::NoCases)?;
        let sd = variance(&differences, 1).ok_or(Undefined::TooFew)?.sqrt();
        let n = differences.len() as f64;
        let t = t_of_level(level, n - 1.0);
        let around = |x: f64, error: f64| Interval { low: x - t * error, high: x + t * error };
        // Altman and Bland use 1.96, not the t quantile.
        let (lower, upper) = (bias - 1.96 * sd, bias + 1.96 * sd);
        let of_limit = (3.0 / n).sqrt() * sd;
        Ok(BlandAltman {
            bias,
            bias_interval: around(bias, sd / n.sqrt()),
            sd,
            lower,
            lower_interval: around(lower, of_limit),
            upper,
            upper_interval: around(upper, of_limit),
            proportional_slope: self.proportional_slope_of(&|_| 1.0),
        })
    }

    /// ICC(2,1): absolute agreement, raters drawn at random (pingouin's "ICC2"). No interval
    /// where its approximation does not hold the value.
    pub fn icc_agreement(&self, level: f64) -> Result<Icc, Undefined> {
        let table = self.mean_squares()?;
        let (n, k) = (self.len() as f64, 2.0);
        let MeanSquares { subjects, raters, error } = table;
        let below = subjects + (k - 1.0) * error + k * (raters - error) / n;
        if below == 0.0 {
            return Err(Undefined::NoSpread);
        }
        let value = (subjects - error) / below;
        if error == 0.0 {
            return Ok(Icc { value, interval: None, p: 0.0 });
        }
        // Degrees of freedom of the error term after McGraw and Wong, case 2A.
        let f_raters = raters / error;
        let (df1, df2k) = (n - 1.0, (n - 1.0) * (k - 1.0));
        let numerator =
            df2k * (k * value * f_raters + n * (1.0 + (k - 1.0) * value) - k * value).powi(2);
        let denominator = df1 * k * k * value * value * f_raters * f_raters
            + (n * (1.0 + (k - 1.0) * value) - k * value).powi(2);
        let df2 = numerator / denominator;
        let tail = 1.0 - (1.0 - level) / 2.0;
        let (up, down) = (f_quantile(tail, df1, df2), f_quantile(tail, df2, df1));
        let rest = k * raters + (k * n - k - n) * error;
        let interval = Interval {
            low: n * (subjects - up * error) / (up * rest + n * subjects),
            high: n * (down * subjects - error) / (rest + n * down * subjects),
        };
        // The approximation breaks down where subjects differ less than their readings (two or three cases).
        let interval = Some(interval).filter(|ends| ends.low <= value && value <= ends.high);
        Ok(Icc { value, interval, p: 1.0 - f_cdf(subjects / error, df1, df2k) })
    }

    /// ICC(3,1): consistency, raters fixed (pingouin's "ICC3").
    pub fn icc_consistency(&self, level: f64) -> Result<Icc, Undefined> {
        let MeanSquares { subjects, error, .. } = self.mean_squares()?;
        let k = 2.0;
        let df1 = self.len() as f64 - 1.0;
        let value = (subjects - error) / (subjects + (k - 1.0) * error);
        if error == 0.0 {
            return Ok(Icc { value, interval: None, p: 0.0 });
        }
        let f = subjects / error;
        let tail = 1.0 - (1.0 - level) / 2.0;
        // Both degrees of freedom are n − 1 with two raters.
        let (low, high) = (f / f_quantile(tail, df1, df1), f * f_quantile(tail, df1, df1));
        let icc = |f: f64| (f - 1.0) / (f + k - 1.0);
        let interval = Interval { low: icc(low), high: icc(high) };
        Ok(Icc { value, interval: Some(interval), p: 1.0 - f_cdf(f, df1, df1) })
    }

    fn mean_squares(&self) -> Result<MeanSquares, Undefined> {
        let n = self.len() as f64;
        if self.len() < 2 {
            return Err(Undefined::TooFew);
        }
        let subjects = 2.0 * variance(&self.means(), 1).ok_or(Undefined::TooFew)?;
        let bias = mean(&self.differences()).ok_or(Undefined::NoCases)?;
        let raters = n * bias * bias / 2.0;
        let error = variance(&self.differences(), 1).ok_or(Undefined::TooFew)? / 2.0;
        if error + subjects == 0.0 {
            return Err(Undefined::NoSpread);
        }
        Ok(MeanSquares { subjects, raters, error })
    }

    /// Lin's concordance correlation (1989), population moments, with the interval of his z
    /// transform; undefined when both sides are constant.
    pub fn concordance(&self, level: f64) -> Result<(f64, Option<Interval>), Undefined> {
        let (a, b) = (&self.predicted, &self.truth);
        let (ma, mb) = (mean(a).ok_or(Undefined::NoCases)?, mean(b).ok_or(Undefined::NoCases)?);
        let (va, vb) =
            (variance(a, 0).ok_or(Undefined::NoCases)?, variance(b, 0).ok_or(Undefined::NoCases)?);
        let n = a.len() as f64;
        let covariance = a.iter().zip(b).map(|(x, y)| (x - ma) * (y - mb)).sum::<f64>() / n;
        let below = va + vb + (ma - mb).powi(2);
        if va == 0.0 && vb == 0.0 {
            return Err(Undefined::NoSpread);
        }
        let ccc = 2.0 * covariance / below;
        let r = covariance / (va * vb).sqrt();
        let usable = va > 0.0 && vb > 0.0 && a.len() > 2 && r != 0.0 && ccc.abs() < 1.0;
        let interval = usable.then(|| {
            // Lin 1989 with the correction of 2000.
            let u2 = (ma - mb).powi(2) / (va * vb).sqrt();
            let (c2, r2) = (ccc * ccc, r * r);
            let variance = ((1.0 - r2) * c2 / ((1.0 - c2) * r2)
                + 2.0 * c2 * ccc * (1.0 - ccc) * u2 / (r * (1.0 - c2).powi(2))
                - c2 * c2 * u2 * u2 / (2.0 * r2 * (1.0 - c2).powi(2)))
                / (n - 2.0);
            let half = z_of_level(level) * variance.max(0.0).sqrt();
            let centre = ccc.atanh();
            Interval { low: (centre - half).tanh(), high: (centre + half).tanh() }
        });
        Ok((ccc, interval))
    }
}

struct MeanSquares {
    subjects: f64,
    raters: f64,
    error: f64,
}

/// Weighted mean, and weighted sum of squares about it; undefined where the values that count do not vary.
fn weighted_spread(values: &[f64], weight: &dyn Fn(usize) -> f64) -> Result<(f64, f64), Undefined> {
    let counted: Vec<(f64, f64)> = values
        .iter()
        .enumerate()
        .map(|(at, value)| (*value, weight(at)))
        .filter(|(_, weight)| *weight > 0.0)
        .collect();
    let (first, _) = *counted.first().ok_or(Undefined::NoCases)?;
    // A sum of squares about a rounded mean need not be 0.
    if counted.iter().all(|(value, _)| *value == first) {
        return Err(Undefined::NoSpread);
    }
    let total: f64 = counted.iter().map(|(_, weight)| weight).sum();
    let mean = counted.iter().map(|(value, weight)| value * weight).sum::<f64>() / total;
    let spread = counted.iter().map(|(value, weight)| weight * (value - mean).powi(2)).sum();
    Ok((mean, spread))
}
