//! Whether probabilities mean what they say: reliability, Brier, recalibration, net benefit.

use crate::classification::Binary;
use crate::stats::z_of_level;
use crate::{Interval, Undefined, Value};
use std::collections::BTreeMap;

/// How probabilities are put into bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binning {
    /// Bins of equal width over 0…1.
    EqualWidth,
    /// Bins between quantiles of the probabilities.
    EqualMass,
}

/// One bin of a reliability diagram. Empty bins are left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Cases in it.
    pub cases: u64,
    /// Cases with the finding.
    pub positives: u64,
    /// Mean probability.
    pub forecast: f64,
    /// Share with the finding.
    pub observed: f64,
}

/// Brier score and its parts (Murphy 1973): score = reliability − resolution + uncertainty +
/// remainder, the remainder being what varies inside the bins (Stephenson et al. 2008).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Brier {
    /// Mean squared difference of probability and outcome.
    pub score: f64,
    /// Mean squared distance of forecast and observed share of the bins.
    pub reliability: f64,
    /// How far the bins' observed shares lie from the prevalence.
    pub resolution: f64,
    /// p (1 − p) of the prevalence.
    pub uncertainty: f64,
    /// What the binning leaves over.
    pub remainder: f64,
}

/// Logistic recalibration: logit P(finding) = intercept + slope · logit(forecast).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recalibration {
    /// 1 when probabilities are neither too bold nor too timid.
    pub slope: f64,
    /// Wald interval of the slope.
    pub slope_interval: Interval,
    /// Intercept with the slope held at 1 (calibration in the large); 0 when right on average.
    pub intercept: f64,
    /// Wald interval of the intercept.
    pub intercept_interval: Interval,
}

/// Net benefit at one threshold probability (Vickers and Elkin 2006).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Threshold probability.
    pub threshold: f64,
    /// Of treating those at or above it.
    pub model: f64,
    /// Of treating everybody; treating nobody is 0.
    pub treat_all: f64,
}

impl Binary {
    fn probabilities(&self) -> Result<(), Undefined> {
        if self.is_empty() {
            return Err(Undefined::NoCases);
        }
        if self.are_probabilities() { Ok(()) } else { Err(Undefined::NotProbabilities) }
    }

    /// Bins of a reliability diagram: scikit-learn's `calibration_curve`, bins closed on the right.
    pub fn reliability(&self, bins: usize, binning: Binning) -> Result<Vec<Bin>, Undefined> {
        self.probabilities()?;
        let bins = bins.max(1);
        let edges: Vec<f64> = match binning {
            Binning::EqualWidth => (1..bins).map(|at| at as f64 / bins as f64).collect(),
            Binning::EqualMass => {
                let mut sorted = self.scores().to_vec();
                sorted.sort_by(f64::total_cmp);
                (1..bins)
                    .filter_map(|at| {
                        crate::stats::quantile_sorted(&sorted, at as f64 / bins as f64)
                    })
                    .collect()
            }
        };
        let mut sums = vec![(0u64, 0u64, 0.0); bins];
        for (score, truth) in self.scores().iter().zip(self.truth()) {
            let bin = &mut sums[edges.partition_point(|edge| edge < score)];
            bin.0 += 1;
            bin.1 += u64::from(*truth);
            bin.2 += score;
        }
        let filled = sums.into_iter().filter(|(cases, ..)| *cases > 0);
        Ok(filled
            .map(|(cases, positives, sum)| Bin {
                cases,
                positives,
                forecast: sum / cases as f64,
                observed: positives as f64 / cases as f64,
            })
            .collect())
    }

    /// Expected calibration error: mean distance of forecast and observed share over the bins,
    /// weighted by their cases (15 bins are usual). Biased upwards with few cases.
    pub fn expected_calibration_error(&self, bins: usize, binning: Binning) -> Value {
        let total = self.len() as f64;
        let bins = self.reliability(bins, binning)?;
        Ok(bins
            .iter()
            .map(|bin| bin.cases as f64 * (bin.forecast - bin.observed).abs())
            .sum::<f64>()
            / total)
    }

    /// Largest distance of forecast and observed share over the bins.
    pub fn maximum_calibration_error(&self, bins: usize, binning: Binning) -> Value {
        let bins = self.reliability(bins, binning)?;
        Ok(bins.iter().map(|bin| (bin.forecast - bin.observed).abs()).fold(0.0, f64::max))
    }

    /// Brier score, decomposed over bins of equal width.
    pub fn brier(&self, bins: usize) -> Result<Brier, Undefined> {
        let table = self.reliability(bins, Binning::EqualWidth)?;
        let n = self.len() as f64;
        let base = self.positives() as f64 / n;
        let pairs = self.scores().iter().zip(self.truth());
        let score =
            pairs.map(|(p, truth)| (p - f64::from(u8::from(*truth))).powi(2)).sum::<f64>() / n;
        let over = |f: &dyn Fn(&Bin) -> f64| {
            table.iter().map(|bin| bin.cases as f64 * f(bin)).sum::<f64>() / n
        };
        let reliability = over(&|bin| (bin.forecast - bin.observed).powi(2));
        let resolution = over(&|bin| (bin.observed - base).powi(2));
        let uncertainty = base * (1.0 - base);
        let remainder = score - (reliability - resolution + uncertainty);
        Ok(Brier { score, reliability, resolution, uncertainty, remainder })
    }

    /// Slope and intercept of logistic recalibration by maximum likelihood, without penalty. With the unit
    /// (patient) of each case the intervals are those of the sandwich over units (Liang and Zeger 1986), as
    /// statsmodels' `cov_type="cluster"`: undefined for fewer than two units.
    pub fn recalibration(
        &self,
        level: f64,
        unit_of: Option<&[u32]>,
    ) -> Result<Recalibration, Undefined> {
        self.probabilities()?;
        let positives = self.positives();
        if positives == 0 {
            return Err(Undefined::NoPositives);
        }
        if positives == self.len() {
            return Err(Undefined::NoNegatives);
        }
        if self.scores().iter().any(|p| *p == 0.0 || *p == 1.0) {
            return Err(Undefined::CertainForecast);
        }
        let logits: Vec<f64> = self.scores().iter().map(|p| (p / (1.0 - p)).ln()).collect();
        if logits.iter().all(|logit| *logit == logits[0]) {
            return Err(Undefined::NoSpread);
        }
        let z = z_of_level(level);
        let around = |x: f64, error: f64| Interval { low: x - z * error, high: x + z * error };
        let ([beside, slope], mut slope_error) = self.fit_slope(&logits)?;
        let (intercept, mut intercept_error) = self.fit_intercept(&logits)?;
        if let Some(unit_of) = unit_of {
            slope_error = self.error_by_unit(&logits, [beside, slope], true, unit_of)?;
            intercept_error = self.error_by_unit(&logits, [intercept, 1.0], false, unit_of)?;
        }
        Ok(Recalibration {
            slope,
            slope_interval: around(slope, slope_error),
            intercept,
            intercept_interval: around(intercept, intercept_error),
        })
    }

    /// Standard error of the slope, or of the intercept where the slope is held, from the scores of whole
    /// units, with the usual correction for few of them.
    fn error_by_unit(
        &self,
        logits: &[f64],
        [a, b]: [f64; 2],
        slope: bool,
        unit_of: &[u32],
    ) -> Value {
        let (mut haa, mut hab, mut hbb) = (0.0, 0.0, 0.0);
        let mut scores: BTreeMap<u32, [f64; 2]> = BTreeMap::new();
        for ((x, truth), unit) in logits.iter().zip(self.truth()).zip(unit_of) {
            let p = logistic(a + b * x);
            let (residual, weight) = (f64::from(u8::from(*truth)) - p, p * (1.0 - p));
            haa += weight;
            hab += weight * x;
            hbb += weight * x * x;
            let own = scores.entry(*unit).or_default();
            *own = [own[0] + residual, own[1] + residual * x];
        }
        let (n, units) = (self.len() as f64, scores.len() as f64);
        let fitted = if slope { 2.0 } else { 1.0 };
        if units < 2.0 || n <= fitted {
            return Err(Undefined::TooFew);
        }
        // The row of the inverse information that belongs to what is asked for.
        let row = match slope {
            true => {
                let determinant = haa * hbb - hab * hab;
                [-hab / determinant, haa / determinant]
            }
            false => [1.0 / haa, 0.0],
        };
        let square = |[u, v]: &[f64; 2]| (row[0] * u + row[1] * v).powi(2);
        let variance = scores.values().map(square).sum::<f64>();
        Ok((variance * units / (units - 1.0) * (n - 1.0) / (n - fitted)).sqrt())
    }

    /// Newton's method for intercept and slope: both, and the slope's standard error.
    fn fit_slope(&self, logits: &[f64]) -> Result<([f64; 2], f64), Undefined> {
        if self.ranked().auroc().is_ok_and(|area| area == 1.0 || area == 0.0) {
            return Err(Undefined::Separated);
        }
        let (mut a, mut b) = (0.0, 1.0);
        let mut error = f64::INFINITY;
        for _ in 0..100 {
            let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for (x, truth) in logits.iter().zip(self.truth()) {
                let p = logistic(a + b * x);
                let residual = f64::from(u8::from(*truth)) - p;
                let weight = p * (1.0 - p);
                ga += residual;
                gb += residual * x;
                haa += weight;
                hab += weight * x;
                hbb += weight * x * x;
            }
            let determinant = haa * hbb - hab * hab;
            if determinant <= 0.0 || !determinant.is_finite() {
                return Err(Undefined::Separated);
            }
            let (da, db) =
                ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant);
            error = (haa / determinant).sqrt();
            // Long steps overshoot far from the optimum.
            let damp = (4.0 / da.abs().max(db.abs()).max(4.0)).min(1.0);
            a += damp * da;
            b += damp * db;
            if da.abs().max(db.abs()) < 1e-12 * (1.0 + a.abs() + b.abs()) {
                return Ok(([a, b], error));
            }
        }
        if b.is_finite() && error.is_finite() {
            Err(Undefined::Separated)
        } else {
            Err(Undefined::NoSpread)
        }
    }

    /// Intercept with slope 1 and its standard error: bisection, the likelihood is concave.
    fn fit_intercept(&self, logits: &[f64]) -> Result<(f64, f64), Undefined> {
        let wanted = self.positives() as f64;
        let expected = |a: f64| logits.iter().map(|x| logistic(a + x)).sum::<f64>();
        let (mut low, mut high) = (-800.0, 800.0);
        for _ in 0..120 {
            let middle = 0.5 * (low + high);
            if expected(middle) < wanted { low = middle } else { high = middle }
        }
        let intercept = 0.5 * (low + high);
        let information: f64 = logits
            .iter()
            .map(|x| {
                let p = logistic(intercept + x);
                p * (1.0 - p)
            })
            .sum();
        if information > 0.0 {
            Ok((intercept, (1.0 / information).sqrt()))
        } else {
            Err(Undefined::NoSpread)
        }
    }

    /// Net benefit over thresholds inside (0, 1).
    pub fn decision_curve(&self, thresholds: &[f64]) -> Result<Vec<Decision>, Undefined> {
        self.probabilities()?;
        let base = self.positives() as f64 / self.len() as f64;
        thresholds
            .iter()
            .filter(|threshold| **threshold > 0.0 && **threshold < 1.0)
            .map(|&threshold| {
                let odds = threshold / (1.0 - threshold);
                Ok(Decision {
                    threshold,
                    model: self.at(threshold).net_benefit(threshold)?,
                    treat_all: base - (1.0 - base) * odds,
                })
            })
            .collect()
    }
}

fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}
