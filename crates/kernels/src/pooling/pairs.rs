//! Pooling of windows of two by two elements, or two by two by two, side by side: no lines are laid out, results are made where they lie.
//!
//! ```text
//! rows of the input   a b c d e f …       even: a c e …   odd: b d f …   (a register of every second element)
//!                     g h i j k l …             g i k …        h j l …
//! results             one register: a∘b∘g∘h, c∘d∘i∘j, …
//! ```
//! Elements are folded in the order of the window, as `windows.rs` does.

use super::fold::{Fold, GRAIN, Largest, Sum};
use super::shape::PoolShape;
use crate::Pool;
use crate::activation::{Before, before, is_quick};
use crate::conv::Prologue;
use crate::isa::{isa, on_set};
use crate::shared::{Shared, pieces};
use crate::simd::Simd;

/// Whether windows are two elements wide and high and one or two deep, next to each other, all whole and without padding.
pub(super) fn suits(shape: &PoolShape, output: [usize; 3], before: Option<&Prologue>) -> bool {
    let whole = (0..3).all(|a| output[a] * shape.kernel[a] <= shape.input[a]);
    let pairs = matches!(shape.kernel, [1 | 2, 2, 2]) && shape.stride == shape.kernel;
    let plain = shape.pad == [[0; 2]; 3] && shape.dilation == [1; 3];
    let quick = before.is_none_or(|p| p.slopes.is_some() || is_quick(p.activation));
    pairs && whole && plain && quick
}

/// Pools what [`suits`], lengths checked: the sums divided by `divisor`, or the largest elements without one.
pub(super) fn run(
    pool: &Pool,
    (shape, output): (&PoolShape, [usize; 3]),
    before: Option<&Prologue>,
    divisor: Option<f32>,
    x: &[f32],
    y: &mut [f32],
) {
    let volume: usize = shape.input.iter().product();
    let positions: usize = output.iter().product();
    assert!(x.len() == shape.channels * volume && y.len() == shape.channels * positions);
    let (tasks, step) = pieces(pool, shape.channels, GRAIN.div_ceil(volume.max(1)));
    let (isa, out) = (isa(), Shared::new(y));
    pool.run(tasks, |task| {
        for c in (task * step).min(shape.channels)..shape.channels.min((task + 1) * step) {
            let before = before.map(|p| p.of(c));
            // SAFETY: each channel belongs to one task.
            let y = unsafe { out.part(c * positions, positions) };
            let call = &Channel { shape, output, x, from: c * volume, before, divisor };
            on_set!(isa, pooled(call: &Channel, y: &mut [f32]));
        }
    });
}

/// One channel, which begins `from` elements into `x`.
struct Channel<'a> {
    shape: &'a PoolShape,
    output: [usize; 3],
    x: &'a [f32],
    from: usize,
    before: Before,
    divisor: Option<f32>,
}

#[inline(always)]
unsafe fn pooled<S: Simd>(call: &Channel, y: &mut [f32]) {
    // SAFETY: passed on to the caller.
    unsafe {
        match call.divisor {
            Some(n) => call.rows::<S, Sum>(n, y),
            None => call.rows::<S, Largest>(1.0, y),
        }
    }
}

/// The most lanes there are.
const LANES: usize = 16;

impl Channel<'_> {
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    unsafe fn rows<S: Simd, F: Fold>(&self, divisor: f32, y: &mut [f32]) {
        let ([_, ih, iw], [_, oh, ow]) = (self.shape.input, self.output);
        let deep = self.shape.kernel[0];
        // SAFETY: the instruction set by the contract; `n` elements of `y` are stored where that many are left.
        unsafe {
            let divisor = S::splat(divisor);
            for (row, y) in y.chunks_exact_mut(ow.max(1)).enumerate() {
                let (z, h) = (row / oh, row % oh);
                for (i, y) in y.chunks_mut(S::LANES).enumerate() {
                    let mut sum = S::splat(F::START);
                    for place in 0..2 * deep {
                        let (z, h) = (z * deep + place / 2, 2 * h + place % 2);
                        let from = self.from + (z * ih + h) * iw + 2 * i * S::LANES;
                        for v in pair::<S>(&self.x[from..]) {
                            sum = F::fold::<S>(sum, before::<S>(self.before, v));
                        }
                    }
                    if self.divisor.is_some() {
                        sum = S::div(sum, divisor);
                    }
                    if y.len() == S::LANES {
                        S::store(y.as_mut_ptr(), sum);
                    } else {
                        S::store_part(y.as_mut_ptr(), sum, y.len());
                    }
                }
            }
        }
    }
}

/// The even and the odd of the first elements; zeros past the last.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn pair<S: Simd>(x: &[f32]) -> [S::V; 2] {
    let mut some = [0.0; 2 * LANES + 1];
    let from = match x.len() > 2 * S::LANES {
        true => x.as_ptr(),
        false => {
            some[..x.len()].copy_from_slice(x);
            some.as_ptr()
        }
    };
    // SAFETY: twice the lanes and one more are there; the instruction set by the contract.
    unsafe { [S::even(from), S::even(from.add(1))] }
}
