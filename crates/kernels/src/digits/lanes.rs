//! Numbers to digits by AVX-512, with the same results as `split.rs`.
//!
//! ```text
//! x / step ──▶ a whole number in 32 bits, to the nearest, ties to even (CVTPS2DQ)
//! + 0x8080 ──▶ the carries of both lower digits; its three lower bytes are the digits, the lower two 128 too large: their sign bit is turned
//!
//! rows     16 terms a register   bytes of a kind side by side in each lane, then the lanes of four registers: 64 terms of a digit
//! columns  16 columns a register  bytes of four registers (terms) in turn, by shifts and choices of every second byte and pair
//! ```

use super::split::{INFINITY, TOP, steps};
use super::{DIGITS, SIDE, STEP, STRIDE, TILE};
use std::arch::x86_64::*;

/// What carries both lower digits.
const CARRY: i32 = 0x8080;
/// The sign bit of every byte.
const SIGNS: i8 = -128;
/// Every second byte, every second pair of bytes.
const BYTES: u64 = 0xAAAA_AAAA_AAAA_AAAA;
const PAIRS: u32 = 0xAAAA_AAAA;

/// The greatest magnitude so far, as bits, and that of `x`.
#[inline]
#[target_feature(enable = "avx512f")]
fn greater(most: __m512i, x: __m512) -> __m512i {
    let magnitude = _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7FFF_FFFF));
    _mm512_max_epu32(most, magnitude)
}

/// Whole numbers with what carries their digits.
#[inline]
#[target_feature(enable = "avx512f")]
fn carried(x: __m512, inverse: __m512) -> __m512i {
    let whole = _mm512_cvtps_epi32(_mm512_mul_ps(x, inverse));
    _mm512_add_epi32(whole, _mm512_set1_epi32(CARRY))
}

/// The steps of sixteen columns by their greatest magnitudes, and what they are the inverse of: [`steps`] of each.
#[inline]
#[target_feature(enable = "avx512f")]
fn all_steps(most: __m512i, steps_to: &mut [f32; SIDE]) -> __m512 {
    let numbers = _mm512_cmplt_epu32_mask(most, _mm512_set1_epi32(INFINITY.cast_signed()));
    let step = _mm512_mul_ps(_mm512_castsi512_ps(most), _mm512_set1_ps(1.0 / TOP));
    let step = _mm512_max_ps(step, _mm512_set1_ps(f32::MIN_POSITIVE));
    let step = _mm512_mask_blend_ps(numbers, _mm512_set1_ps(f32::NAN), step);
    // SAFETY: sixteen numbers.
    unsafe { _mm512_storeu_ps(steps_to.as_mut_ptr(), step) };
    _mm512_maskz_div_ps(numbers, _mm512_set1_ps(1.0), step)
}

/// The digits of four terms of sixteen columns, side by side for each column.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn fours([a, b, c, d]: [__m512i; 4]) -> [__m512i; DIGITS] {
    let signs = _mm512_set1_epi8(SIGNS);
    let even = [
        _mm512_mask_blend_epi8(BYTES, a, _mm512_slli_epi32::<8>(b)),
        _mm512_mask_blend_epi8(BYTES, c, _mm512_slli_epi32::<8>(d)),
    ];
    let odd = [
        _mm512_mask_blend_epi8(BYTES, _mm512_srli_epi32::<8>(a), b),
        _mm512_mask_blend_epi8(BYTES, _mm512_srli_epi32::<8>(c), d),
    ];
    let joined = |low, high| _mm512_mask_blend_epi16(PAIRS, low, high);
    [
        joined(_mm512_srli_epi32::<16>(even[0]), even[1]),
        _mm512_xor_si512(joined(odd[0], _mm512_slli_epi32::<16>(odd[1])), signs),
        _mm512_xor_si512(joined(even[0], _mm512_slli_epi32::<16>(even[1])), signs),
    ]
}

/// One row of up to a block's terms, see [`super::split_rows`]; returns its step.
///
/// # Safety
/// The processor has AVX-512 F and BW; `to` has room for the row's steps.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn split_row(x: &[f32], row: usize, to: &mut [i8]) -> f32 {
    assert!(to.len() >= x.len().div_ceil(STEP) * STRIDE && row < SIDE);
    // Sixteen terms from `k` on, zero past the last.
    let load = |k: usize| {
        let left = x.len().saturating_sub(k);
        let mask = if left < SIDE { (1u16 << left) - 1 } else { u16::MAX };
        // SAFETY: lanes of the mask lie in `x`.
        unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr().wrapping_add(k)) }
    };
    let mut most = [_mm512_setzero_si512(); 4];
    for k in (0..x.len()).step_by(STEP) {
        for i in 0..4 {
            most[i] = greater(most[i], load(k + i * SIDE));
        }
    }
    let most = [_mm512_max_epu32(most[0], most[1]), _mm512_max_epu32(most[2], most[3])];
    let (inverse, step) = steps(_mm512_reduce_max_epu32(_mm512_max_epu32(most[0], most[1])));
    let inverse = _mm512_set1_ps(inverse);
    let kinds =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    // Of two registers: the lowest bytes of all, the second ones; the third.
    let lower = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
    let third = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 2, 6, 10, 14, 18, 22, 26, 30);
    let signs = _mm512_set1_epi8(SIGNS);
    for (k, to) in (0..x.len()).step_by(STEP).zip(to.chunks_exact_mut(STRIDE)) {
        let mut v = [_mm512_setzero_si512(); 4];
        for i in 0..4 {
            v[i] = _mm512_shuffle_epi8(carried(load(k + i * SIDE), inverse), kinds);
        }
        let low = [
            _mm512_permutex2var_epi32(v[0], lower, v[1]),
            _mm512_permutex2var_epi32(v[2], lower, v[3]),
        ];
        let high = [
            _mm512_permutex2var_epi32(v[0], third, v[1]),
            _mm512_permutex2var_epi32(v[2], third, v[3]),
        ];
        let digits = [
            _mm512_shuffle_i64x2::<0x44>(high[0], high[1]),
            _mm512_xor_si512(_mm512_shuffle_i64x2::<0xEE>(low[0], low[1]), signs),
            _mm512_xor_si512(_mm512_shuffle_i64x2::<0x44>(low[0], low[1]), signs),
        ];
        for d in 0..DIGITS {
            let to = &mut to[d * TILE + row * STEP..][..STEP];
            // SAFETY: 64 bytes.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), digits[d]) };
        }
    }
    step
}

/// Sixteen columns, see [`super::split_columns`].
///
/// # Safety
/// The processor has AVX-512 F and BW.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn split_columns(
    x: &[f32],
    stride: usize,
    depth: usize,
    to: &mut [u32],
    steps_to: &mut [f32; SIDE],
) {
    // Rows of sixteen numbers; there are no others.
    let rows = x.len().checked_sub(SIDE).map_or(0, |last| (last / stride.max(1) + 1).min(depth));
    // SAFETY: row `k < rows` has sixteen numbers.
    let load = |k: usize| unsafe { _mm512_loadu_ps(x.as_ptr().add(k * stride)) };
    let mut most = [_mm512_setzero_si512(); 2];
    for k in 0..rows {
        most[k % 2] = greater(most[k % 2], load(k));
    }
    let inverse = all_steps(_mm512_max_epu32(most[0], most[1]), steps_to);
    for (step, to) in to.chunks_exact_mut(STRIDE / 4).enumerate().take(depth.div_ceil(STEP)) {
        for four in 0..STEP / 4 {
            let k = step * STEP + four * 4;
            // A number that is not there is zero.
            let mut v = [_mm512_set1_epi32(CARRY); 4];
            for i in 0..rows.saturating_sub(k).min(4) {
                v[i] = carried(load(k + i), inverse);
            }
            let digits = fours(v);
            for d in 0..DIGITS {
                let to = &mut to[d * TILE / 4 + four * SIDE..][..SIDE];
                // SAFETY: sixteen words.
                unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), digits[d]) };
            }
        }
    }
}

/// Up to sixteen columns as rows, see [`super::split_turned`].
///
/// # Safety
/// The processor has AVX-512 F and BW.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn split_turned(
    x: &[f32],
    stride: usize,
    (count, depth): (usize, usize),
    (to, apart): (&mut [f32], usize),
    steps_to: &mut [f32; SIDE],
) {
    let tiles = depth.div_ceil(STEP) * DIGITS;
    assert!((1..=SIDE).contains(&count) && depth > 0 && x.len() >= (depth - 1) * stride + count);
    assert!(to.len() >= (tiles - 1) * apart + count * SIDE);
    let mask = u16::MAX >> (SIDE - count);
    // SAFETY: lanes of the mask lie in `x`.
    let load = |k: usize| unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr().add(k * stride)) };
    let mut most = [_mm512_setzero_si512(); 2];
    for k in 0..depth {
        most[k % 2] = greater(most[k % 2], load(k));
    }
    let inverse = all_steps(_mm512_max_epu32(most[0], most[1]), steps_to);
    for step in 0..depth.div_ceil(STEP) {
        let mut blocks = [[_mm512_setzero_si512(); SIDE]; DIGITS];
        for four in 0..STEP / 4 {
            let k = step * STEP + four * 4;
            // A number that is not there is zero.
            let mut v = [_mm512_set1_epi32(CARRY); 4];
            for i in 0..depth.saturating_sub(k).min(4) {
                v[i] = carried(load(k + i), inverse);
            }
            let digits = fours(v);
            for d in 0..DIGITS {
                blocks[d][four] = digits[d];
            }
        }
        for (d, block) in blocks.into_iter().enumerate() {
            let turned = turned(block);
            for (row, v) in turned.iter().take(count).enumerate() {
                let at = (step * DIGITS + d) * apart + row * SIDE;
                // SAFETY: 64 bytes that are there, as has been made sure.
                unsafe { _mm512_storeu_si512(to.as_mut_ptr().add(at).cast(), *v) };
            }
        }
    }
}

/// Rows and columns of words exchanged.
#[inline]
#[target_feature(enable = "avx512f")]
fn turned(r: [__m512i; SIDE]) -> [__m512i; SIDE] {
    let mut pairs = r;
    let mut fours = r;
    for i in 0..SIDE / 2 {
        let [a, b] = [r[2 * i], r[2 * i + 1]];
        pairs[2 * i] = _mm512_unpacklo_epi32(a, b);
        pairs[2 * i + 1] = _mm512_unpackhi_epi32(a, b);
    }
    // Register `4i + j`: in each lane `l` column `4l + j` of rows `4i…4i + 3`.
    for i in 0..SIDE / 4 {
        for j in 0..2 {
            let [a, b] = [pairs[4 * i + j], pairs[4 * i + 2 + j]];
            fours[4 * i + 2 * j] = _mm512_unpacklo_epi64(a, b);
            fours[4 * i + 2 * j + 1] = _mm512_unpackhi_epi64(a, b);
        }
    }
    let mut to = r;
    for j in 0..4 {
        let [a, b, c, d] = [fours[j], fours[4 + j], fours[8 + j], fours[12 + j]];
        // Lanes 0 and 2, lanes 1 and 3, of rows 0…7 and of rows 8…15.
        let even = [_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0x88>(c, d)];
        let odd = [_mm512_shuffle_i32x4::<0xDD>(a, b), _mm512_shuffle_i32x4::<0xDD>(c, d)];
        to[j] = _mm512_shuffle_i32x4::<0x88>(even[0], even[1]);
        to[4 + j] = _mm512_shuffle_i32x4::<0x88>(odd[0], odd[1]);
        to[8 + j] = _mm512_shuffle_i32x4::<0xDD>(even[0], even[1]);
        to[12 + j] = _mm512_shuffle_i32x4::<0xDD>(odd[0], odd[1]);
    }
    to
}
