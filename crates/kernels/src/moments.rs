//! Mean and variance, put together from those of parts.
//!
//! ```text
//! channel ├── part ──┼── part ──┼── part ──┤   of each: how many, their mean, the sum of squared differences from it
//!                      joined in order, in f64 ──▶ mean, variance
//! ```
//! Source of the joining: T. Chan, G. Golub & R. LeVeque, "Algorithms for computing the sample variance", The American Statistician 37, 1983,
//! eq. 2.1; of the sums of [`Spread::near`]: its section on shifted data.

use crate::simd::{Simd, fold_lanes};
use std::sync::OnceLock;

/// Mean and biased variance of each channel of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// A pair a channel.
    pub(crate) channels: Vec<(f64, f64)>,
}

/// What is known of some numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread {
    pub count: f64,
    pub mean: f64,
    /// Sum of squared differences from the mean.
    pub squares: f64,
}

/// Numbers summed in `f32` before their sums go on in `f64`.
const RUN: usize = 2048;
/// Registers of sums, which do not wait for each other.
const SUMS: usize = 4;

impl Spread {
    /// Of these and of those that follow.
    pub fn and(self, next: Spread) -> Spread {
        let count = self.count + next.count;
        if count == 0.0 {
            return self;
        }
        let apart = next.mean - self.mean;
        Spread {
            count,
            mean: self.mean + apart * next.count / count,
            squares: self.squares + next.squares + apart * apart * self.count * next.count / count,
        }
    }

    /// Of all parts that there are, in their order.
    pub fn of(parts: &[OnceLock<Spread>]) -> Spread {
        let parts = parts.iter().filter_map(OnceLock::get);
        parts.fold(Spread::default(), |all, part| all.and(*part))
    }

    /// The biased variance.
    pub fn variance(&self) -> f64 {
        self.squares / self.count
    }

    /// Of numbers that lie in the nearest cache: a sixth of the instructions that sums in `f64` take.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub unsafe fn near<S: Simd>(x: &[f32]) -> Spread {
        let mut all = Spread::default();
        // No closures: they would not have the instruction set.
        for run in x.chunks(RUN) {
            // SAFETY: by the contract.
            all = all.and(unsafe { of_run::<S>(run) });
        }
        all
    }
}

/// Sums of what the numbers differ from the first: differences from a neighbour keep the digits of numbers far from zero.
#[inline(always)]
unsafe fn of_run<S: Simd>(x: &[f32]) -> Spread {
    let first = x[0];
    let step = SUMS * S::LANES;
    let whole = x.len() / step * step;
    // SAFETY: by the contract; `whole` numbers are there.
    let [mut sum, mut squares] = unsafe {
        let base = S::splat(first);
        let (mut sums, mut squares) = ([S::splat(0.0); SUMS], [S::splat(0.0); SUMS]);
        for at in (0..whole).step_by(step) {
            for i in 0..SUMS {
                let apart = S::sub(S::load(x.as_ptr().add(at + i * S::LANES)), base);
                sums[i] = S::add(sums[i], apart);
                squares[i] = S::fma(apart, apart, squares[i]);
            }
        }
        let sum = S::add(S::add(sums[0], sums[1]), S::add(sums[2], sums[3]));
        let square = S::add(S::add(squares[0], squares[1]), S::add(squares[2], squares[3]));
        [fold_lanes::<S>(sum, |a, b| a + b), fold_lanes::<S>(square, |a, b| a + b)].map(f64::from)
    };
    for v in &x[whole..] {
        let apart = f64::from(*v - first);
        sum += apart;
        squares += apart * apart;
    }
    let count = x.len() as f64;
    let mean = sum / count;
    let squares = not_negative(squares - sum * mean);
    Spread { count, mean: f64::from(first) + mean, squares }
}

/// What rounding made less than nothing is nothing; a NaN stays one.
pub(crate) fn not_negative(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::isa::on_set;

    unsafe fn near<S: Simd>(x: &[f32], to: &mut Spread) {
        // SAFETY: by the contract.
        *to = unsafe { Spread::near::<S>(x) };
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut found = Spread::default();
            let (numbers, to) = (&[1.0, bad, 2.0][..], &mut found);
            on_set!(Isa::Portable, near(numbers: &[f32], to: &mut Spread));
            assert!(found.variance().is_nan(), "{bad}: {found:?}");
        }
    }

    #[test]
    fn sums_of_runs_are_those_of_all_numbers() {
        for isa in Isa::all_vectors() {
            for (len, offset) in [(1, 3.0), (63, 0.0), (64, -1e4), (2048, 1e4), (5000, 2.0)] {
                let x: Vec<f32> =
                    (0..len).map(|i| (i * 7919 % 2003) as f32 * 1e-3 + offset).collect();
                let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / len as f64;
                let squares: f64 = x.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum();
                let (mut found, numbers) = (Spread::default(), &x[..]);
                let to = &mut found;
                on_set!(isa, near(numbers: &[f32], to: &mut Spread));
                assert_eq!(found.count, len as f64);
                assert!((found.mean - mean).abs() < 1e-6 * (1.0 + mean.abs() * 0.01), "{isa:?}");
                assert!((found.squares - squares).abs() <= 5e-6 * squares, "{isa:?} {len}");
            }
        }
    }
}
