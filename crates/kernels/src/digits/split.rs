//! Numbers to digits: sixteen rows or columns and a block of the depth at a time.
//!
//! ```text
//! greatest |x| of a row ──▶ step = greatest / (127·2¹⁶), so that the first digit of none is more than 127
//! x / (256 step) + 1.5·2²³ ──▶ its bits hold the whole number next to it; so do those of what is left, in steps
//! digits from the last: a byte, then what is left over 2⁸
//! ```
//! Sums in [2²³, 2²⁴) are whole numbers, so adding `1.5·2²³` rounds to one, ties to even (IEEE 754); every instruction set gives the same digits.

#[cfg(target_arch = "x86_64")]
use super::lanes;
use super::{DIGITS, SIDE, STEP, STRIDE, TILE};
#[cfg(target_arch = "x86_64")]
use crate::Isa;
use crate::isa::{isa, multiversion, on_set};
use crate::simd::Simd;

/// `1.5·2²³`, and its bits.
const ROUNDER: f32 = 12_582_912.0;
const ROUNDER_BITS: i32 = 0x4B40_0000;
/// Bits of the first number that is none: infinity.
pub(super) const INFINITY: u32 = 0x7F80_0000;
/// The greatest number of a row in steps: its first digit is 127. Roundings add 2 at most, and digits reach 32 639 further.
pub(super) const TOP: f32 = 127.0 * 65_536.0;

/// `(1/step, step)` for the bits of the greatest absolute value. No step where that is no number, and none that is not normal.
#[inline(always)]
pub(super) fn steps(greatest: u32) -> (f32, f32) {
    if greatest >= INFINITY {
        return (0.0, f32::NAN);
    }
    let step = (f32::from_bits(greatest) * (1.0 / TOP)).max(f32::MIN_POSITIVE);
    (1.0 / step, step)
}

/// The digits of `x`, each the low byte of a number, the greatest first.
#[inline(always)]
fn digits(x: f32, inverse: f32) -> [i32; DIGITS] {
    let x = x * inverse;
    let rounded = x * (1.0 / 256.0) + ROUNDER;
    // Exact but for the last sum, which rounds: both are multiples of the last place of `x`, and their difference is 128 at most.
    let rest = x - (rounded - ROUNDER) * 256.0 + ROUNDER;
    let number = |rounded: f32| rounded.to_bits().cast_signed().wrapping_sub(ROUNDER_BITS);
    let whole = (number(rounded) << 8).wrapping_add(number(rest));
    let second = whole.wrapping_add(128) >> 8;
    [(second + 128) >> 8, second, whole]
}

#[inline(always)]
fn magnitude(x: f32) -> u32 {
    x.to_bits() & 0x7FFF_FFFF
}

/// The bits of the greatest absolute value, of a NaN where there is one. A loop over plain numbers would be turned inside out by the compiler,
/// each lane gathered.
///
/// # Safety
/// The instruction set by the function this is inlined into.
#[inline(always)]
unsafe fn greatest<S: Simd>(x: &[f32]) -> u32 {
    // SAFETY: every load lies in `x`.
    unsafe {
        let mut most = [S::splat(0.0); 2];
        let mut k = 0;
        while k + 2 * S::LANES <= x.len() {
            for i in 0..2 {
                let here = S::abs(S::load(x.as_ptr().add(k + i * S::LANES)));
                most[i] = S::larger(most[i], here);
            }
            k += 2 * S::LANES;
        }
        let mut lanes = [0.0f32; SIDE];
        S::store(lanes.as_mut_ptr(), S::larger(most[0], most[1]));
        lanes.iter().chain(&x[k..]).fold(0, |most, x| most.max(magnitude(*x)))
    }
}

/// The first `depth` terms of up to sixteen rows, `stride` apart in `x`, as A of a tile, and each row's step. Rows that are not there, and
/// terms past the last, are zero.
pub(crate) fn split_rows(
    x: &[f32],
    stride: usize,
    rows: usize,
    depth: usize,
    to: &mut [f32],
    steps_to: &mut [f32],
) {
    let to = &mut bytes(to)[..depth.div_ceil(STEP) * STRIDE];
    for row in 0..SIDE {
        if row >= rows {
            to.chunks_exact_mut(TILE).for_each(|tile| tile[row * STEP..][..STEP].fill(0));
            steps_to[row] = 0.0;
            continue;
        }
        let (x, to, step) = (&x[row * stride..][..depth], &mut *to, &mut steps_to[row]);
        #[cfg(target_arch = "x86_64")]
        if isa() == Isa::Avx512 {
            // SAFETY: `isa()` gives a set only when the processor has it; the room by the slicing above.
            *step = unsafe { lanes::split_row(x, row, to) };
            continue;
        }
        on_set!(isa(), split_row(x: &[f32], row: usize, to: &mut [i8], step: &mut f32));
    }
}

/// One row.
///
/// # Safety
/// The instruction set by the function this is inlined into.
#[inline(always)]
pub(super) unsafe fn split_row<S: Simd>(x: &[f32], row: usize, to: &mut [i8], step_to: &mut f32) {
    // SAFETY: passed on.
    let (inverse, step) = steps(unsafe { greatest::<S>(x) });
    *step_to = step;
    for (x, to) in x.chunks(STEP).zip(to.chunks_exact_mut(STRIDE)) {
        let mut all = [0.0; STEP];
        let x = match x.first_chunk::<STEP>() {
            Some(x) => x,
            None => {
                all[..x.len()].copy_from_slice(x);
                &all
            }
        };
        for digit in 0..DIGITS {
            let to = &mut to[digit * TILE + row * STEP..][..STEP];
            for k in 0..STEP {
                to[k] = digits(x[k], inverse)[digit] as i8;
            }
        }
    }
}

/// `depth` terms of sixteen columns, from the rows of `x`, `stride` apart, as B of a tile, and each column's step. Terms past the last are zero.
pub(crate) fn split_columns(
    x: &[f32],
    stride: usize,
    depth: usize,
    to: &mut [f32],
    steps_to: &mut [f32],
) {
    let Some(steps_to) = steps_to.first_chunk_mut::<SIDE>() else { return };
    let to = &mut words(to)[..depth.div_ceil(STEP) * STRIDE / 4];
    #[cfg(target_arch = "x86_64")]
    if isa() == Isa::Avx512 {
        // SAFETY: `isa()` gives a set only when the processor has it.
        return unsafe { lanes::split_columns(x, stride, depth, to, steps_to) };
    }
    plain_columns(x, stride, depth, to, steps_to);
}

/// `count` columns, up to sixteen, of `depth` terms, as rows of A: 64 bytes each, one after another, a digit `apart` numbers from the one before;
/// and each one's step. Terms past the last are zero.
pub(crate) fn split_turned(
    x: &[f32],
    stride: usize,
    (count, depth): (usize, usize),
    (to, apart): (&mut [f32], usize),
    steps_to: &mut [f32],
) {
    let mut steps = [0.0; SIDE];
    #[cfg(target_arch = "x86_64")]
    if isa() == Isa::Avx512 {
        // SAFETY: `isa()` gives a set only when the processor has it.
        unsafe { lanes::split_turned(x, stride, (count, depth), (to, apart), &mut steps) };
        steps_to[..count].copy_from_slice(&steps[..count]);
        return;
    }
    plain_turned(x, stride, (count, depth), (to, apart), &mut steps);
    steps_to[..count].copy_from_slice(&steps[..count]);
}

/// The same by way of columns.
pub(super) fn plain_turned(
    x: &[f32],
    stride: usize,
    (count, depth): (usize, usize),
    (to, apart): (&mut [f32], usize),
    steps_to: &mut [f32; SIDE],
) {
    let mut columns = vec![0.0; depth * SIDE];
    for (to, from) in columns.chunks_exact_mut(SIDE).zip(x.chunks(stride)) {
        to[..count].copy_from_slice(&from[..count]);
    }
    let mut digits = vec![0u32; depth.div_ceil(STEP) * STRIDE / 4];
    plain_columns(&columns, SIDE, depth, &mut digits, steps_to);
    for (digits, to) in digits.chunks_exact(SIDE * SIDE).zip(words(to).chunks_mut(apart)) {
        for (i, to) in to[..count * SIDE].iter_mut().enumerate() {
            *to = digits[i % SIDE * SIDE + i / SIDE];
        }
    }
}

multiversion! {
    /// [`split_columns`] by plain numbers.
    pub(super) fn plain_columns(
        x: &[f32],
        stride: usize,
        depth: usize,
        to: &mut [u32],
        steps_to: &mut [f32; SIDE],
    ) {
        let row = |k: usize| -> &[f32; SIDE] {
            match x[k * stride..].first_chunk::<SIDE>() {
                Some(row) => row,
                None => &[0.0; SIDE],
            }
        };
        let mut greatest = [[0u32; SIDE]; 2];
        for k in 0..depth {
            let (row, greatest) = (row(k), &mut greatest[k % 2]);
            for l in 0..SIDE {
                greatest[l] = greatest[l].max(magnitude(row[l]));
            }
        }
        let mut inverse = [0.0; SIDE];
        for l in 0..SIDE {
            (inverse[l], steps_to[l]) = steps(greatest[0][l].max(greatest[1][l]));
        }
        for (step, to) in to.chunks_exact_mut(STRIDE / 4).enumerate() {
            for four in 0..STEP / 4 {
                let k = step * STEP + four * 4;
                let mut packed = [[0u32; SIDE]; DIGITS];
                for i in 0..4 {
                    if k + i < depth {
                        let row = row(k + i);
                        for l in 0..SIDE {
                            let digits = digits(row[l], inverse[l]);
                            for d in 0..DIGITS {
                                packed[d][l] |= (digits[d].cast_unsigned() & 0xFF) << (8 * i);
                            }
                        }
                    }
                }
                for (packed, to) in packed.iter().zip(to.chunks_exact_mut(TILE / 4)) {
                    to[four * SIDE..][..SIDE].copy_from_slice(packed);
                }
            }
        }
    }
}

/// Memory as bytes.
fn bytes(x: &mut [f32]) -> &mut [i8] {
    // SAFETY: the same memory; a byte has no alignment, and any bytes are a number.
    unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), size_of_val(x)) }
}

/// Memory as words.
fn words(x: &mut [f32]) -> &mut [u32] {
    // SAFETY: the same memory; the same size and alignment, and any bits are a number.
    unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), x.len()) }
}
