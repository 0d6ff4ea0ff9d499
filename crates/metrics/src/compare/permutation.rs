//! The sign-flip test: under the null hypothesis the two models' names may be swapped, patient by
//! patient.

use super::Units;
use crate::random::Random;
use crate::{Undefined, Value, parallel};

/// What the test gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignFlip {
    /// Mean difference over the cases.
    pub mean: f64,
    /// Two-sided p.
    pub p: f64,
    /// All sign patterns were tried; otherwise a random sample of them.
    pub exact: bool,
}

/// Two-sided sign-flip test of the mean of paired differences, all cases of a unit flipped together.
///
/// With at most `flips` sign patterns all are tried; otherwise `flips` (10 000) random ones, and
/// p = (1 + as extreme) / (1 + flips).
pub fn sign_flip(
    differences: &[f64],
    units: &Units,
    flips: usize,
    seed: u64,
    threads: usize,
) -> Result<SignFlip, Undefined> {
    if differences.is_empty() || differences.len() != units.of_case().len() {
        return Err(Undefined::NoCases);
    }
    let mut sums = vec![0.0; units.len()];
    differences.iter().zip(units.of_case()).for_each(|(d, &unit)| sums[unit as usize] += d);
    let total: f64 = sums.iter().sum();
    let scale: f64 = sums.iter().map(|sum| sum.abs()).sum();
    // Patterns that are equal but for rounding count as equal.
    let limit = total.abs() - 1e-12 * scale;
    let mean = total / differences.len() as f64;
    let exact = units.len() < usize::BITS as usize - 1 && 1 << units.len() <= flips;
    let extreme = |signs: &mut dyn FnMut(usize) -> bool| {
        let flipped: f64 =
            sums.iter().enumerate().map(|(at, sum)| if signs(at) { *sum } else { -sum }).sum();
        flipped.abs() >= limit
    };
    let tried = if exact { 1 << units.len() } else { flips };
    let hits = parallel::map(tried, threads, |pattern| {
        if exact {
            return extreme(&mut |at| pattern >> at & 1 == 1);
        }
        let mut random = Random::new(seed, pattern as u64);
        let mut bits = 0;
        extreme(&mut |at| {
            if at % 64 == 0 {
                bits = random.bits();
            }
            bits >> (at % 64) & 1 == 1
        })
    });
    let hits = hits.into_iter().filter(|&hit| hit).count() as f64;
    let p = if exact { hits / tried as f64 } else { (1.0 + hits) / (1.0 + tried as f64) };
    Ok(SignFlip { mean, p, exact })
}

/// Two-sided p of the difference between two models by a metric that only a whole set has: under the null
/// hypothesis the models' answers may be swapped, patient by patient.
///
/// `difference` gets, for each of `units`, how often the first model's answer (0 or 1) and the second's
/// stand in the first place, and gives the metric there minus the metric of what is left over. With at
/// most `swaps` patterns all are tried; otherwise `swaps` random ones, and p = (1 + as extreme) /
/// (1 + swaps). A pattern without value counts as extreme.
pub fn swap_test(
    units: usize,
    swaps: usize,
    seed: u64,
    threads: usize,
    difference: impl Fn(&[u32], &[u32]) -> Value + Sync,
) -> Value {
    let ones = vec![1; units];
    let observed = difference(&ones, &vec![0; units])?;
    let limit = observed.abs() * (1.0 - 1e-12);
    let exact = units < usize::BITS as usize - 1 && 1 << units <= swaps;
    let tried = if exact { 1 << units } else { swaps };
    let hits = parallel::map(tried, threads, |pattern| {
        let mut random = Random::new(seed, pattern as u64);
        let mut bits = 0;
        let first: Vec<u32> = (0..units)
            .map(|at| {
                if exact {
                    return (pattern >> at & 1) as u32;
                }
                if at % 64 == 0 {
                    bits = random.bits();
                }
                (bits >> (at % 64) & 1) as u32
            })
            .collect();
        let second: Vec<u32> = first.iter().map(|own| 1 - own).collect();
        difference(&first, &second).map_or(true, |value| value.abs() >= limit)
    });
    let hits = hits.into_iter().filter(|&hit| hit).count() as f64;
    Ok(if exact { hits / tried as f64 } else { (1.0 + hits) / (1.0 + tried as f64) })
}
