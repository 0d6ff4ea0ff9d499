//! Products of `f32` on integer matrix tiles (AMX): each number is three digits, and products of digits are summed exactly.
//!
//! ```text
//! x = step · (s₁·2¹⁶ + s₂·2⁸ + s₃)      digits of −128 to 127; one step for the terms of a row (a column) that are summed together,
//! y = step'· (t₁·2¹⁶ + t₂·2⁸ + t₃)      such that the greatest of them is 127·2¹⁶ steps
//!
//! Σ x·y = step·step'· ( 2³²·Σ s₁t₁  +  2²⁴·Σ (s₁t₂ + s₂t₁)  +  2¹⁶·Σ (s₁t₃ + s₂t₂ + s₃t₁) )        + what is left out, 2⁻²⁴ of the greatest
//!                     └ tile 0 ┘          └──── tile 1 ────┘          └──────── tile 2 ────────┘
//!
//! A  [step of 64 terms][digit][16 rows][64 terms]                B  [step of 64 terms][digit][16 × four terms][16 columns][four terms]
//! ```
//! A tile instruction multiplies 16×64 by 64×16 bytes and adds to 16×16 integers of 32 bits, so six of them do what 512 fused
//! multiply-adds of sixteen lanes do. Sums are exact: at most 2⁸ terms of at most 2¹⁴ each, three to a tile. What errs is what is left out, and the
//! rounding of a number to its step: half of one, 2⁻²⁴ of the greatest number summed with it, and at most 2⁻²³ of the number itself, as dividing by the
//! step rounds twice (with powers of two for steps it would not, and whole numbers would stay themselves, but all errors are twice as large). Relative rms on noise is 1.5·10⁻⁷ (`f32` sums err by 3·10⁻⁷),
//! where one factor has few large numbers among many small 7·10⁻⁷. As in Winograd's filtering errors are small beside the lengths of what is
//! multiplied, not beside each product: where the few large numbers of one factor meet small ones of the other and the reverse, results are far smaller
//! than those lengths, and errors relatively larger (10⁻⁴ with numbers 200 times as large as the rest in both). A row or a column that holds a NaN or an infinity
//! gives NaN: it has no step.
//!
//! Sources: splitting so that products of parts are summed without rounding: K. Ozaki, T. Ogita, S. Oishi & S. M. Rump, "Error-free
//! transformations of matrix multiplication by using fast routines of matrix multiplication and its applications", Numerical Algorithms 59, 2012; on integer units: H.
//! Ootomo, K. Ozaki & R. Yokota, "DGEMM on integer matrix multiplication unit", IJHPCA 38, 2024. The instructions: Intel 64 and IA-32
//! Architectures Software Developer's Manual, volume 1, chapter 18, and volume 2, TDPBSSD.

mod amx;
mod end;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod split;
#[cfg(test)]
mod tests;

pub(crate) use amx::{Tiles, supported};
pub(crate) use end::{Ending, activation_of};
pub(crate) use split::{split_columns, split_rows, split_turned};
use std::ops::Range;

/// Rows and columns of a tile.
pub(crate) const SIDE: usize = 16;
/// Terms of a step of the depth.
pub(crate) const STEP: usize = 64;
/// Digits of a number.
pub(crate) const DIGITS: usize = 3;
/// Bytes of a tile.
const TILE: usize = SIDE * STEP;
/// Bytes of all digits of sixteen rows or columns of a step.
pub(crate) const STRIDE: usize = DIGITS * TILE;
/// Steps whose numbers share a scale, at most: digits of 32 rows are then 24 KiB, half of the first-level cache.
const STEPS: usize = 4;

/// The digits of up to 32 rows for a product: A of tiles, which need not follow each other.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    /// Sixteen rows of the first step's first digit, 64 bytes each.
    pub digits: *const f32,
    /// Bytes from there to the next digit, from the last to the next step's first.
    pub apart: usize,
    /// Bytes from the first sixteen rows to the others.
    pub panel: usize,
}

impl Rows {
    /// Panels of sixteen rows as [`split_rows`] leaves them, `steps` deep, one after another.
    pub fn packed(digits: *const f32, steps: usize) -> Rows {
        Rows { digits, apart: TILE, panel: steps * STRIDE }
    }
}

/// Balanced blocks of the depth: `(number, terms of all but the last)`, the latter whole steps.
pub(crate) fn blocks(depth: usize) -> (usize, usize) {
    let steps = depth.div_ceil(STEP).max(1);
    let number = steps.div_ceil(STEPS);
    (number, steps.div_ceil(number) * STEP)
}

/// The terms of a block of them.
pub(crate) fn terms(depth: usize, block: usize) -> Range<usize> {
    let (_, step) = blocks(depth);
    (block * step).min(depth)..((block + 1) * step).min(depth)
}

/// Numbers of memory that digits of sixteen rows or columns take, `depth` terms deep.
pub(crate) fn room(depth: usize) -> usize {
    depth.div_ceil(STEP) * STRIDE / size_of::<f32>()
}
