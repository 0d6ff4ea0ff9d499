//! Vectors of AArch64: NEON, which every processor of these targets has.

use super::Simd;
use std::arch::aarch64::*;

/// NEON: 128-bit vectors, fused multiply-add, 32 registers.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;
    const VECTORS: usize = 3;
    const SIDE: usize = 4;
    #[inline(always)]
    unsafe fn splat(x: f32) -> float32x4_t {
        // SAFETY: the instruction set is part of AArch64; so in every method below, with its pointers by the trait's contract.
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vld1q_f32(p) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: float32x4_t) {
        // SAFETY: contract.
        unsafe { vst1q_f32(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> float32x4_t {
        // SAFETY: contract; no more than `n` elements are read.
        unsafe {
            let zero = vdupq_n_f32(0.0);
            match n {
                0 => zero,
                1 => vld1q_lane_f32::<0>(p, zero),
                2 => vcombine_f32(vld1_f32(p), vdup_n_f32(0.0)),
                _ => vld1q_lane_f32::<2>(p.add(2), vcombine_f32(vld1_f32(p), vdup_n_f32(0.0))),
            }
        }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: float32x4_t, n: usize) {
        // SAFETY: contract; no more than `n` elements are written.
        unsafe {
            match n {
                0 => {}
                1 => vst1q_lane_f32::<0>(p, v),
                2 => vst1_f32(p, vget_low_f32(v)),
                _ => {
                    vst1_f32(p, vget_low_f32(v));
                    vst1q_lane_f32::<2>(p.add(2), v);
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    unsafe fn relu(x: float32x4_t) -> float32x4_t {
        // Cleared where negative; a NaN is not.
        // SAFETY: contract.
        unsafe {
            let bits = vreinterpretq_u32_f32(x);
            vreinterpretq_f32_u32(vbicq_u32(bits, vcltzq_f32(x)))
        }
    }
    #[inline(always)]
    unsafe fn div(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vdivq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // The instruction of that name would make a NaN of either operand the result.
        // SAFETY: contract.
        unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
    }
    #[inline(always)]
    unsafe fn larger(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vmaxq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn abs(x: float32x4_t) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vabsq_f32(x) }
    }
    #[inline(always)]
    unsafe fn with_sign(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vbslq_f32(vdupq_n_u32(1 << 31), b, a) }
    }
    #[inline(always)]
    unsafe fn if_less(
        a: float32x4_t,
        b: float32x4_t,
        then: float32x4_t,
        other: float32x4_t,
    ) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vbslq_f32(vcltq_f32(a, b), then, other) }
    }
    #[inline(always)]
    unsafe fn power_of_two(n: float32x4_t) -> float32x4_t {
        // SAFETY: contract.
        unsafe {
            let exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
        }
    }
    #[inline(always)]
    unsafe fn split(x: float32x4_t) -> (float32x4_t, float32x4_t) {
        // SAFETY: contract.
        unsafe {
            let bits = vreinterpretq_u32_f32(x);
            let fraction = vandq_u32(bits, vdupq_n_u32(0x7f_ffff));
            let mantissa = vreinterpretq_f32_u32(vorrq_u32(fraction, vdupq_n_u32(0x3f80_0000)));
            let exponent = vreinterpretq_s32_u32(vshrq_n_u32::<23>(bits));
            (mantissa, vcvtq_f32_s32(vsubq_s32(exponent, vdupq_n_s32(127))))
        }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, step: usize, n: usize, to: *mut f32, to_step: usize) {
        // SAFETY: contract, as are all loads and stores here.
        unsafe {
            let mut r = [vdupq_n_f32(0.0); 4];
            for i in 0..4 {
                let p = from.add(i * step);
                r[i] = if n < 4 { Self::load_part(p, n) } else { vld1q_f32(p) };
            }
            // Pairs of rows change elements, then pairs of pairs: a₀₀ a₁₀ a₀₂ a₁₂, a₀₁ a₁₁ a₀₃ a₁₃, …
            let pair = |a, b| (vtrn1q_f32(a, b), vtrn2q_f32(a, b));
            let ((a, b), (c, d)) = (pair(r[0], r[1]), pair(r[2], r[3]));
            let low = |a, c| vcombine_f32(vget_low_f32(a), vget_low_f32(c));
            let high = |a, c| vcombine_f32(vget_high_f32(a), vget_high_f32(c));
            vst1q_f32(to, low(a, c));
            vst1q_f32(to.add(to_step), low(b, d));
            vst1q_f32(to.add(2 * to_step), high(a, c));
            vst1q_f32(to.add(3 * to_step), high(b, d));
        }
    }
    #[inline(always)]
    unsafe fn even(p: *const f32) -> float32x4_t {
        // SAFETY: contract.
        unsafe { vuzp1q_f32(vld1q_f32(p), vld1q_f32(p.add(4))) }
    }
    #[inline(always)]
    unsafe fn weave(a: float32x4_t, b: float32x4_t) -> [float32x4_t; 2] {
        // SAFETY: contract.
        unsafe { [vzip1q_f32(a, b), vzip2q_f32(a, b)] }
    }
}
