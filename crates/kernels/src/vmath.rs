//! Elementary functions of a whole register: exponential, logarithm, error function, tanh, sigmoid, GELU.
//!
//! ```text
//!            exp                       erf, tanh                        GELU
//!  x = n·ln 2 + r, |r| ≤ ½ ln 2        |x| small: x + x·P(x²)           x·(½ + z·P(z²)), z = x between ±5.3:
//!  eˣ = 2ⁿ · P(r)                      else     : 1 − e^(…)             no exponential, no division
//! ```
//! No branches: both sides are computed and one is chosen. Everything is generic over [`Simd`]; [`map`] runs a function over a
//! slice on the instruction set of the machine.
//!
//! **Accuracy**, against `f64`, held by the tests below (ulp: units in the last place of the result; one is 6e-8 to 1.2e-7
//! relative):
//!
//! | function | ulp | where |
//! |---|---|---|
//! | [`exp`] | 2 | everywhere, results below the normal range within one denormal step |
//! | [`exp_flushed`] | 3 | x ≤ 88; results below the normal range are zero |
//! | [`erf`], [`tanh`] | 3 | everywhere |
//! | [`sigmoid`] | 3 | results below the normal range may be zero |
//! | [`log`] | 2 | everywhere, denormal arguments too |
//! | [`log1p`] | 3 | x ≥ 0 |
//! | [`silu`] | 4 | x ≥ -87.3; below, -1e-36 and nearer to zero |
//! | [`gelu`] | | error within 2.5e-7·(1 + \|x\|), relative rms 1.3e-7 where `x` is normal, and zero from -5.3 on |
//! | [`gelu_tanh`] | | error within 4e-7·(1 + x²)·\|result\| + 1e-9 |
//!
//! A NaN comes out as NaN everywhere. GELU and SiLU, the activations that whole networks wait for, take 20 and 17 operations.
//!
//! **Sources.** Reduction of the exponential and of the logarithm, and their polynomials: S. Moshier, *Cephes*, `expf` and
//! `logf`. The split of erf in a polynomial near zero and an exponential beyond: W. Cody, "Rational Chebyshev approximations for
//! the error function", Math. Comp. 23, 1969. The coefficients of erf, tanh, GELU and the short exponential are minimax fits of their
//! own, by reweighted least squares on Chebyshev nodes (C. Lawson, 1961); each states the greatest error of its fit.
//! `log1p`: W. Kahan's correction, in N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., § 1.14.1.

// Not every function has a caller on every instruction set; constants are given to the digits of their source.
#![allow(dead_code, clippy::excessive_precision)]

use crate::isa::isa;
use crate::simd::{Portable, Simd};

/// A function of each lane, for [`map`].
pub(crate) trait Function: Copy {
    /// # Safety
    /// The instruction set `S` is there.
    unsafe fn of<S: Simd>(self, x: S::V) -> S::V;
}

/// `x[i] = f(x[i])`, on this thread. The same bits for an element wherever it stands in the slice.
pub(crate) fn map<F: Function>(x: &mut [f32], f: F) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    unsafe fn avx512<F: Function>(x: &mut [f32], f: F) {
        // SAFETY: the instruction set is this function's.
        unsafe { map_with::<crate::simd::Avx512, F>(x, f) }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2<F: Function>(x: &mut [f32], f: F) {
        // SAFETY: the instruction set is this function's.
        unsafe { map_with::<crate::simd::Avx2, F>(x, f) }
    }
    match isa() {
        // SAFETY: `isa()` returns a set only when the processor has it.
        #[cfg(target_arch = "x86_64")]
        crate::Isa::Avx512 => unsafe { avx512(x, f) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        crate::Isa::Avx2 => unsafe { avx2(x, f) },
        // SAFETY: NEON is part of AArch64.
        #[cfg(target_arch = "aarch64")]
        crate::Isa::Neon => unsafe { map_with::<crate::simd::Neon, F>(x, f) },
        // SAFETY: the portable set needs nothing.
        _ => unsafe { map_with::<Portable, F>(x, f) },
    }
}

#[inline(always)]
unsafe fn map_with<S: Simd, F: Function>(x: &mut [f32], f: F) {
    let (start, len) = (x.as_mut_ptr(), x.len());
    let whole = len - len % S::LANES;
    // SAFETY: within the slice; the instruction set by the caller's promise.
    unsafe {
        for i in (0..whole).step_by(S::LANES) {
            S::store(start.add(i), f.of::<S>(S::load(start.add(i))));
        }
        if whole < len {
            let p = start.add(whole);
            S::store_part(p, f.of::<S>(S::load_part(p, len - whole)), len - whole);
        }
    }
}

/// c[0] + c[1]·x + c[2]·x² + …, by Horner's rule.
///
/// # Safety
/// The instruction set `S` is there; so for every function of this file.
#[inline(always)]
pub(crate) unsafe fn polynomial<S: Simd, const N: usize>(x: S::V, c: [f32; N]) -> S::V {
    // SAFETY: contract.
    unsafe {
        let mut p = S::splat(c[N - 1]);
        for i in (0..N - 1).rev() {
            p = S::fma(p, x, S::splat(c[i]));
        }
        p
    }
}

/// `1.5·2²³`: added and taken off again it leaves the nearest whole number.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts, the first with few digits, so that `n` times it is exact (Cephes `expf`).
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// `(n, r)` of `x = n·ln 2 + r`.
#[inline(always)]
unsafe fn reduced<S: Simd>(x: S::V) -> (S::V, S::V) {
    // SAFETY: contract.
    unsafe {
        let shifted = S::fma(x, S::splat(std::f32::consts::LOG2_E), S::splat(ROUND));
        let n = S::sub(shifted, S::splat(ROUND));
        let r = S::fma(n, S::splat(-LN2_HIGH), x);
        (n, S::fma(n, S::splat(-LN2_LOW), r))
    }
}

/// eˣ over the whole range, down to the denormal numbers.
#[inline(always)]
pub(crate) unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    // (eʳ − 1 − r)/r²: Cephes `expf`.
    const C: [f32; 6] =
        [0.5, 1.666_666_5e-1, 4.166_579_6e-2, 8.333_452e-3, 1.398_199_9e-3, 1.987_569_1e-4];
    // SAFETY: contract.
    unsafe {
        // e⁸⁹ is infinite and e⁻¹⁰⁴ zero; the order of the operands keeps a NaN.
        let x = S::max(S::splat(-104.0), S::min(S::splat(89.0), x));
        let (n, r) = reduced::<S>(x);
        let p = S::fma(polynomial::<S, 6>(r, C), S::mul(r, r), r);
        let p = S::add(p, S::splat(1.0));
        // 2ⁿ in two factors, so that n = 128 and n = -150 stay in range.
        let half = S::sub(S::fma(n, S::splat(0.5), S::splat(ROUND)), S::splat(ROUND));
        let rest = S::sub(n, half);
        S::mul(S::mul(p, S::power_of_two(half)), S::power_of_two(rest))
    }
}

/// eˣ for `x ≤ 88`, zero below -87.33: quicker by half, for softmax and the functions below, where such terms do not count. What is
/// computed for an `x` below, whatever it is, is replaced.
#[inline(always)]
pub(crate) unsafe fn exp_flushed<S: Simd>(x: S::V) -> S::V {
    // eʳ, |r| ≤ ½ ln 2, exact at zero: 9.2e-8.
    const C: [f32; 6] = [1.0, 0.999_999_7, 0.499_991_48, 0.166_676_39, 0.041_898_16, 0.008_290_272];
    // SAFETY: contract.
    unsafe {
        let (n, r) = reduced::<S>(x);
        let y = S::times_power(polynomial::<S, 6>(r, C), n);
        S::if_less(x, S::splat(-87.336_54), S::splat(0.0), y)
    }
}

/// 2/√π ∫₀ˣ e^(−t²) dt.
#[inline(always)]
pub(crate) unsafe fn erf<S: Simd>(x: S::V) -> S::V {
    // erf(x)/x − 1 in x², |x| < 0.92: 1.5e-8.
    const NEAR: [f32; 6] =
        [0.128_379_15, -0.376_124_98, 0.112_818_455, -0.026_767_72, 0.004_994_83, -0.000_599_940_4];
    // −ln(1 − erf(x))/x, 0.92 ≤ x ≤ 4: 3e-9 of erf. Beyond 4, erf is 1 in single precision.
    const FAR: [f32; 6] =
        [1.128_514_4, 0.635_718_3, 0.105_261_88, -0.022_889_987, 0.003_214_963, -0.000_213_985_93];
    // SAFETY: contract.
    unsafe {
        let a = S::abs(x);
        let near = S::fma(polynomial::<S, 6>(S::mul(x, x), NEAR), x, x);
        let z = S::min(S::splat(4.0), a);
        let tail = exp_flushed::<S>(S::mul(S::sub(S::splat(0.0), z), polynomial::<S, 6>(z, FAR)));
        let far = S::with_sign(S::sub(S::splat(1.0), tail), x);
        S::if_less(a, S::splat(0.92), near, far)
    }
}

/// tanh x; `1 − 2/(e²ˣ + 1)` away from zero.
#[inline(always)]
pub(crate) unsafe fn tanh<S: Simd>(x: S::V) -> S::V {
    // (tanh(x)/x − 1)/x² in x², |x| < 0.625: 4.1e-9.
    const NEAR: [f32; 5] =
        [-0.333_332_84, 0.133_314_9, -0.053_743_497, 0.020_650_579, -0.005_717_037];
    // SAFETY: contract.
    unsafe {
        let a = S::abs(x);
        let q = S::mul(x, x);
        let near = S::fma(S::mul(polynomial::<S, 5>(q, NEAR), q), x, x);
        // tanh 20 is 1 in single precision.
        let z = S::min(S::splat(20.0), a);
        let e = S::add(exp_flushed::<S>(S::add(z, z)), S::splat(1.0));
        let far = S::with_sign(S::sub(S::splat(1.0), S::div(S::splat(2.0), e)), x);
        S::if_less(a, S::splat(0.625), near, far)
    }
}

/// 1/(1 + e⁻ˣ)
#[inline(always)]
pub(crate) unsafe fn sigmoid<S: Simd>(x: S::V) -> S::V {
    // SAFETY: contract.
    unsafe {
        let e = exp::<S>(S::sub(S::splat(0.0), x));
        S::div(S::splat(1.0), S::add(S::splat(1.0), e))
    }
}

/// x/(1 + e⁻ˣ)
#[inline(always)]
pub(crate) unsafe fn silu<S: Simd>(x: S::V) -> S::V {
    // SAFETY: contract.
    unsafe {
        let e = exp_flushed::<S>(S::min(S::splat(88.0), S::sub(S::splat(0.0), x)));
        S::div(x, S::add(S::splat(1.0), e))
    }
}

/// x·Φ(x) = ½x(1 + erf(x/√2)). Φ − ½ is odd: a polynomial in the square of `x` times `x`, on -5.3…5.3, beyond which it is ½ in single
/// precision; the fit goes through ½ there, so that the result is zero from -5.3 on and `x` from 5.3. NaN at −∞, as by the formula.
#[inline(always)]
pub(crate) unsafe fn gelu<S: Simd>(x: S::V) -> S::V {
    const BOUND: f32 = 5.3;
    // (Φ(x) − ½)/x in 2x²/5.3² − 1, where powers of a number between -1 and 1 round well: 8.3e-8 of the result, relative to 0.3 + |x|.
    const C: [f32; 14] = [
        0.133_392_59,
        -0.066_518_255,
        0.049_262_196,
        -0.039_597_183,
        0.032_114_428,
        -0.025_222_853,
        0.018_694_798,
        -0.013_477_248,
        0.009_552_419,
        -0.005_306_875_3,
        0.001_975_134_5,
        -0.001_576_151_2,
        0.001_648_981_2,
        -0.000_602_350_57,
    ];
    // SAFETY: contract.
    unsafe {
        // The order of the operands keeps a NaN.
        let z = S::max(S::splat(-BOUND), S::min(S::splat(BOUND), x));
        let t = S::fma(S::mul(z, S::splat(2.0 / (BOUND * BOUND))), z, S::splat(-1.0));
        let phi = S::fma(z, polynomial::<S, 14>(t, C), S::splat(0.5));
        S::mul(x, S::max(S::splat(0.0), phi))
    }
}

/// ½x(1 + tanh(√(2/π)(x + 0.044715x³))): D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016. As `x·sigmoid(2·…)`.
#[inline(always)]
pub(crate) unsafe fn gelu_tanh<S: Simd>(x: S::V) -> S::V {
    // SAFETY: contract.
    unsafe {
        // −2√(2/π) and that times 0.044715
        let p = S::fma(S::mul(x, x), S::splat(-0.071_354_814), S::splat(-1.595_769_1));
        // Below -9.4 the exponent passes 88 and the result is below 1e-36; the bound keeps −∞ out of the product.
        let bounded = S::max(S::splat(-12.0), x);
        let e = exp_flushed::<S>(S::min(S::splat(88.0), S::mul(x, p)));
        S::div(bounded, S::add(S::splat(1.0), e))
    }
}

/// ln x; −∞ at zero, NaN below. Cephes `logf`.
#[inline(always)]
pub(crate) unsafe fn log<S: Simd>(x: S::V) -> S::V {
    const C: [f32; 9] = [
        3.333_333_1e-1,
        -2.499_999_4e-1,
        2.000_071_4e-1,
        -1.666_805_8e-1,
        1.424_932_3e-1,
        -1.242_014_1e-1,
        1.167_699_9e-1,
        -1.151_461e-1,
        7.037_684e-2,
    ];
    // SAFETY: contract.
    unsafe {
        // Denormal numbers are made normal first.
        let tiny = S::splat(f32::MIN_POSITIVE);
        let scaled = S::if_less(x, tiny, S::mul(x, S::splat(8_388_608.0)), x);
        let (m, e) = S::split(scaled);
        let e = S::if_less(x, tiny, S::sub(e, S::splat(23.0)), e);
        // √½ ≤ m < √2
        let root = S::splat(std::f32::consts::SQRT_2);
        let one = S::splat(1.0);
        let e = S::if_less(m, root, e, S::add(e, one));
        let m = S::if_less(m, root, m, S::mul(m, S::splat(0.5)));
        let f = S::sub(m, one);
        let q = S::mul(f, f);
        let y = S::mul(S::mul(polynomial::<S, 9>(f, C), f), q);
        let y = S::fma(e, S::splat(LN2_LOW), y);
        let y = S::fma(q, S::splat(-0.5), y);
        let y = S::fma(e, S::splat(LN2_HIGH), S::add(f, y));
        // ∞, NaN: the argument itself. Zero: −∞. Below zero: NaN.
        let y = S::if_less(x, S::splat(f32::INFINITY), y, x);
        let y = S::if_less(S::splat(0.0), x, y, S::add(x, S::splat(f32::NEG_INFINITY)));
        S::if_less(x, S::splat(0.0), S::splat(f32::NAN), y)
    }
}

/// ln(1 + x) for x ≥ 0: `ln(w)·x/(w − 1)` with `w = 1 + x` rounded.
#[inline(always)]
pub(crate) unsafe fn log1p<S: Simd>(x: S::V) -> S::V {
    // SAFETY: contract.
    unsafe {
        let one = S::splat(1.0);
        let w = S::add(one, x);
        let y = S::mul(log::<S>(w), S::div(x, S::sub(w, one)));
        // Where 1 + x rounds to 1, ln(1 + x) is x; where w is infinite, so is the result.
        let y = S::if_less(one, w, y, x);
        S::if_less(S::splat(f32::MAX), x, x, y)
    }
}

#[cfg(test)]
#[path = "vmath_tests.rs"]
mod tests;
