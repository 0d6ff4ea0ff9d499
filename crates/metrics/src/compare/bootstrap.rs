//! The cluster bootstrap: patients are drawn, with all that belongs to them.

use crate::random::Random;
use crate::stats::{normal_cdf, normal_quantile, quantile_sorted};
use crate::{Interval, Undefined, Value, parallel};
use std::collections::BTreeMap;

/// Which unit (patient) each case belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    of_case: Vec<u32>,
    count: usize,
}

/// How an interval is made of the resamples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Method {
    /// Quantiles of the resamples.
    #[default]
    Percentile,
    /// Bias-corrected and accelerated (Efron 1987); needs a jackknife over the units.
    Bca,
}

/// What a bootstrap gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootstrapped {
    /// One value a resample; `Err` where the metric had none there.
    pub values: Vec<Value>,
}

/// The share of resamples without value that an interval bears.
const MOST_UNDEFINED: f64 = 0.05;

impl Units {
    /// Every case is a unit of its own.
    pub fn single(cases: usize) -> Units {
        Units { of_case: (0..cases as u32).collect(), count: cases }
    }

    /// Cases with the same key belong together; units are numbered in the order they first occur.
    pub fn grouped<K: Ord>(keys: &[K]) -> Units {
        let mut numbers: BTreeMap<&K, u32> = BTreeMap::new();
        let mut of_case = Vec::with_capacity(keys.len());
        for key in keys {
            let next = numbers.len() as u32;
            of_case.push(*numbers.entry(key).or_insert(next));
        }
        Units { of_case, count: numbers.len() }
    }

    /// Number of units.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Without any.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The unit of each case.
    pub fn of_case(&self) -> &[u32] {
        &self.of_case
    }

    /// The units of some cases alone, numbered anew in the order they first occur.
    pub fn only(&self, cases: &[usize]) -> Units {
        let keys: Vec<u32> = cases.iter().map(|case| self.of_case[*case]).collect();
        Units::grouped(&keys)
    }

    /// How often each unit is drawn in resample number `draw`: as many draws as units, with
    /// replacement. Depends on `seed` and `draw` alone, so that all models meet the same patients.
    pub fn draw(&self, seed: u64, draw: u64, weights: &mut Vec<u32>) {
        weights.clear();
        weights.resize(self.count, 0);
        let mut random = Random::new(seed, draw);
        for _ in 0..self.count {
            weights[random.below(self.count)] += 1;
        }
    }

    /// A metric on `resamples` resamples. It gets the weight of each *unit*.
    pub fn bootstrap(
        &self,
        seed: u64,
        resamples: usize,
        threads: usize,
        metric: impl Fn(&[u32]) -> Value + Sync,
    ) -> Bootstrapped {
        let many = self.bootstrap_many(seed, resamples, threads, 1, |weights, values| {
            values.push(metric(weights));
        });
        Bootstrapped { values: many.into_iter().flat_map(|one| one.values).collect() }
    }

    /// Several metrics on the same resamples: `metrics` pushes `count` values for each resample.
    /// One result a metric. Fewer than two units have no resamples that differ: nothing is known of
    /// how the metric varies, and no value is given.
    pub fn bootstrap_many(
        &self,
        seed: u64,
        resamples: usize,
        threads: usize,
        count: usize,
        metrics: impl Fn(&[u32], &mut Vec<Value>) + Sync,
    ) -> Vec<Bootstrapped> {
        if self.count < 2 {
            let values = vec![Err(Undefined::TooFew); resamples];
            return vec![Bootstrapped { values }; count];
        }
        let rows = parallel::map_with(resamples, threads, Vec::new, |weights, draw| {
            self.draw(seed, draw as u64, weights);
            let mut values = Vec::with_capacity(count);
            metrics(weights, &mut values);
            values.resize(count, Err(Undefined::NoCases));
            values
        });
        (0..count)
            .map(|at| Bootstrapped { values: rows.iter().map(|row| row[at]).collect() })
            .collect()
    }

    /// A metric with each unit left out in turn.
    pub fn jackknife(&self, threads: usize, metric: impl Fn(&[u32]) -> Value + Sync) -> Vec<Value> {
        parallel::map_with(
            self.count,
            threads,
            || vec![1; self.count],
            |weights, out| {
                weights[out] = 0;
                let value = metric(weights);
                weights[out] = 1;
                value
            },
        )
    }
}

impl Bootstrapped {
    /// The values that exist, sorted.
    pub fn sorted(&self) -> Vec<f64> {
        let mut sorted: Vec<f64> = self.values.iter().filter_map(|value| value.ok()).collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// How many resamples had no value.
    pub fn undefined(&self) -> usize {
        self.values.iter().filter(|value| value.is_err()).count()
    }

    /// The percentile interval; undefined when more than 5 % of the resamples had no value.
    pub fn interval(&self, level: f64) -> Result<Interval, Undefined> {
        let sorted = self.sorted();
        if sorted.is_empty() {
            return Err(match self.values.first() {
                Some(Err(why)) => *why,
                _ => Undefined::NoCases,
            });
        }
        if self.undefined() as f64 > MOST_UNDEFINED * self.values.len() as f64 {
            return Err(Undefined::UnstableResamples);
        }
        percentile(&sorted, level).ok_or(Undefined::NoCases)
    }

    /// Standard deviation of the resamples.
    pub fn standard_error(&self) -> Value {
        crate::stats::variance(&self.sorted(), 1).map(f64::sqrt).ok_or(Undefined::TooFew)
    }
}

/// Quantiles of sorted resamples; `None` of none.
pub fn percentile(sorted: &[f64], level: f64) -> Option<Interval> {
    let tail = (1.0 - level) / 2.0;
    Some(Interval {
        low: quantile_sorted(sorted, tail)?,
        high: quantile_sorted(sorted, 1.0 - tail)?,
    })
}

/// Bias-corrected and accelerated interval (Efron and Tibshirani 1993, chapter 14.3) of an estimate
/// from its sorted resamples and its jackknife values. Undefined where all resamples lie on one side
/// of the estimate or the jackknife does not vary.
pub fn bca(
    estimate: f64,
    sorted: &[f64],
    jackknife: &[f64],
    level: f64,
) -> Result<Interval, Undefined> {
    if sorted.is_empty() || jackknife.len() < 2 {
        return Err(Undefined::TooFew);
    }
    let below = sorted.iter().filter(|value| **value < estimate).count() as f64;
    let ties = sorted.iter().filter(|value| **value == estimate).count() as f64;
    let share = (below + 0.5 * ties) / sorted.len() as f64;
    if share <= 0.0 || share >= 1.0 {
        return Err(Undefined::UnstableResamples);
    }
    let bias = normal_quantile(share);
    let centre = jackknife.iter().sum::<f64>() / jackknife.len() as f64;
    let (square, cube) = jackknife.iter().fold((0.0, 0.0), |(square, cube), value| {
        let off = centre - value;
        (square + off * off, cube + off * off * off)
    });
    if square == 0.0 {
        return Err(Undefined::NoSpread);
    }
    let acceleration = cube / (6.0 * square.powf(1.5));
    let end = |p: f64| {
        let z = bias + normal_quantile(p);
        let q = normal_cdf(bias + z / (1.0 - acceleration * z));
        quantile_sorted(sorted, q).ok_or(Undefined::TooFew)
    };
    let tail = (1.0 - level) / 2.0;
    Ok(Interval { low: end(tail)?, high: end(1.0 - tail)? })
}
