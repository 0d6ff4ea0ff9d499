//! Softmax of each row: eˣ⁻ᵐᵃˣ / Σ eˣ⁻ᵐᵃˣ. A row that holds NaN, or nothing above −∞, becomes NaN, as in PyTorch.

use crate::{
    Pool,
    isa::multiversion,
    shared::{check, each_row},
    simd::Simd,
    vmath::{self, Function},
};

/// Softmax over the last axis of `[rows][cols]`. Panics unless the lengths agree.
pub fn softmax(pool: &Pool, rows: usize, cols: usize, x: &[f32], y: &mut [f32]) {
    check("x of softmax", x.len(), rows * cols);
    check("y of softmax", y.len(), x.len());
    each_row(pool, cols, y, |row, y| row_softmax(&x[row * cols..][..cols], y));
}

fn row_softmax(x: &[f32], y: &mut [f32]) {
    y.copy_from_slice(x);
    vmath::map(y, Weight(greatest(x)));
    share(y);
}

/// eˣ⁻ᵗᵒᵖ
#[derive(Clone, Copy)]
struct Weight(f32);

impl Function for Weight {
    #[inline(always)]
    unsafe fn of<S: Simd>(self, x: S::V) -> S::V {
        // SAFETY: the instruction set by the contract of the trait.
        unsafe { vmath::exp_flushed::<S>(S::sub(x, S::splat(self.0))) }
    }
}

multiversion! {
    /// The greatest number; −∞ if there is none.
    fn greatest(x: &[f32]) -> f32 {
        let mut tops = [f32::NEG_INFINITY; 16];
        let (whole, rest) = x.as_chunks::<16>();
        for chunk in whole {
            for i in 0..16 {
                tops[i] = if chunk[i] > tops[i] { chunk[i] } else { tops[i] };
            }
        }
        tops.iter().chain(rest).fold(f32::NEG_INFINITY, |m, v| if *v > m { *v } else { m })
    }
}

multiversion! {
    /// Each number's share of the sum.
    fn share(y: &mut [f32]) {
        let inverse = (1.0 / crate::norm::lanes(y, |v| v)) as f32;
        for y in y.iter_mut() {
            *y *= inverse;
        }
    }
}
