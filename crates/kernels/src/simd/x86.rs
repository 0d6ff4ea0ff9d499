//! Vectors of x86-64: SSE2, which all of them have, AVX2 and AVX-512.

use super::Simd;
use std::arch::x86_64::*;

/// SSE2, which every x86-64 processor has.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Simd for Portable {
    type V = __m128;
    const LANES: usize = 4;
    const VECTORS: usize = 2;
    const SIDE: usize = 4;
    #[inline(always)]
    unsafe fn splat(x: f32) -> __m128 {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m128 {
        // SAFETY: the pointer by the trait's contract; so in every method below.
        unsafe { _mm_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m128) {
        // SAFETY: contract.
        unsafe { _mm_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> __m128 {
        let mut part = [0.0f32; 4];
        // SAFETY: contract; `n < 4`.
        unsafe { std::ptr::copy_nonoverlapping(p, part.as_mut_ptr(), n.min(4)) };
        // SAFETY: four elements.
        unsafe { _mm_loadu_ps(part.as_ptr()) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: __m128, n: usize) {
        let mut part = [0.0f32; 4];
        // SAFETY: four elements.
        unsafe { _mm_storeu_ps(part.as_mut_ptr(), v) };
        // SAFETY: contract; `n < 4`.
        unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), p, n.min(4)) };
    }
    #[inline(always)]
    unsafe fn add(a: __m128, b: __m128) -> __m128 {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m128, b: __m128) -> __m128 {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m128, b: __m128) -> __m128 {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m128, b: __m128, c: __m128) -> __m128 {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_add_ps(_mm_mul_ps(a, b), c) }
    }
    #[inline(always)]
    unsafe fn relu(x: __m128) -> __m128 {
        // `max` returns its second operand when one is NaN.
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_max_ps(_mm_setzero_ps(), x) }
    }
    #[inline(always)]
    unsafe fn div(a: __m128, b: __m128) -> __m128 {
        // SAFETY: contract.
        unsafe { _mm_div_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m128, b: __m128) -> __m128 {
        // SAFETY: contract.
        unsafe { _mm_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: __m128, b: __m128) -> __m128 {
        // SAFETY: contract.
        unsafe { _mm_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn larger(a: __m128, b: __m128) -> __m128 {
        // SAFETY: contract. `max` returns its second operand when one is NaN; then the first is put back where it is one.
        unsafe {
            let (most, lost) = (_mm_max_ps(a, b), _mm_cmpunord_ps(a, a));
            _mm_or_ps(_mm_and_ps(lost, a), _mm_andnot_ps(lost, most))
        }
    }
    #[inline(always)]
    unsafe fn even(p: *const f32) -> __m128 {
        // SAFETY: contract.
        unsafe { _mm_shuffle_ps::<0b10_00_10_00>(_mm_loadu_ps(p), _mm_loadu_ps(p.add(4))) }
    }
    #[inline(always)]
    unsafe fn weave(a: __m128, b: __m128) -> [__m128; 2] {
        // SAFETY: contract.
        unsafe { [_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b)] }
    }
    #[inline(always)]
    unsafe fn send(p: *mut f32, v: __m128) {
        // SAFETY: contract.
        unsafe { _mm_stream_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn abs(x: __m128) -> __m128 {
        // SAFETY: contract.
        unsafe { _mm_andnot_ps(_mm_set1_ps(-0.0), x) }
    }
    #[inline(always)]
    unsafe fn with_sign(a: __m128, b: __m128) -> __m128 {
        // SAFETY: contract.
        unsafe {
            {
                let sign = _mm_set1_ps(-0.0);
                _mm_or_ps(_mm_andnot_ps(sign, a), _mm_and_ps(sign, b))
            }
        }
    }
    #[inline(always)]
    unsafe fn if_less(a: __m128, b: __m128, then: __m128, other: __m128) -> __m128 {
        // SAFETY: contract.
        unsafe {
            {
                let mask = _mm_cmplt_ps(a, b);
                _mm_or_ps(_mm_and_ps(mask, then), _mm_andnot_ps(mask, other))
            }
        }
    }
    #[inline(always)]
    unsafe fn power_of_two(n: __m128) -> __m128 {
        // SAFETY: contract.
        unsafe {
            _mm_castsi128_ps(_mm_slli_epi32::<23>(_mm_add_epi32(
                _mm_cvtps_epi32(n),
                _mm_set1_epi32(127),
            )))
        }
    }
    #[inline(always)]
    unsafe fn split(x: __m128) -> (__m128, __m128) {
        // SAFETY: contract.
        unsafe {
            let bits = _mm_castps_si128(x);
            let fraction = _mm_and_si128(bits, _mm_set1_epi32(0x7f_ffff));
            let mantissa = _mm_castsi128_ps(_mm_or_si128(fraction, _mm_set1_epi32(0x3f80_0000)));
            let exponent = _mm_sub_epi32(_mm_srli_epi32::<23>(bits), _mm_set1_epi32(127));
            (mantissa, _mm_cvtepi32_ps(exponent))
        }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, step: usize, n: usize, to: *mut f32, to_step: usize) {
        // SAFETY: contract, as are all loads and stores here.
        unsafe {
            let mut r = [_mm_setzero_ps(); 4];
            for i in 0..4 {
                let p = from.add(i * step);
                r[i] = if n < 4 { Self::load_part(p, n) } else { _mm_loadu_ps(p) };
            }
            let (a, b) = (_mm_unpacklo_ps(r[0], r[1]), _mm_unpackhi_ps(r[0], r[1]));
            let (c, d) = (_mm_unpacklo_ps(r[2], r[3]), _mm_unpackhi_ps(r[2], r[3]));
            _mm_storeu_ps(to, _mm_movelh_ps(a, c));
            _mm_storeu_ps(to.add(to_step), _mm_movehl_ps(c, a));
            _mm_storeu_ps(to.add(2 * to_step), _mm_movelh_ps(b, d));
            _mm_storeu_ps(to.add(3 * to_step), _mm_movehl_ps(d, b));
        }
    }
}

/// AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

/// The mask of the first `n` of eight lanes: a window on eight ones and eight zeros.
#[inline(always)]
unsafe fn first(n: usize) -> __m256i {
    const TABLE: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: `n ≤ 8`, so the window lies in the table.
    unsafe { _mm256_loadu_si256(TABLE.as_ptr().add(8 - n).cast()) }
}

impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    const VECTORS: usize = 2;
    const SIDE: usize = 8;
    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        // SAFETY: the instruction set by the trait's contract; so in every method below, with its pointers.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m256 {
        // SAFETY: contract.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m256) {
        // SAFETY: contract.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> __m256 {
        // SAFETY: contract; masked lanes are not touched.
        unsafe { _mm256_maskload_ps(p, first(n)) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: __m256, n: usize) {
        // Four, two, one: a masked store takes several times as long on some processors.
        // SAFETY: contract; `n < 8`, each step stores what its bit of `n` stands for.
        unsafe {
            let (mut p, mut low) = (p, _mm256_castps256_ps128(v));
            if n & 4 != 0 {
                _mm_storeu_ps(p, low);
                low = _mm256_extractf128_ps::<1>(v);
                p = p.add(4);
            }
            if n & 2 != 0 {
                _mm_storel_pd(p.cast::<f64>(), _mm_castps_pd(low));
                low = _mm_movehl_ps(low, low);
                p = p.add(2);
            }
            if n & 1 != 0 {
                _mm_store_ss(p, low);
            }
        }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn relu(x: __m256) -> __m256 {
        // SAFETY: contract. `max` returns its second operand when one is NaN.
        unsafe { _mm256_max_ps(_mm256_setzero_ps(), x) }
    }
    #[inline(always)]
    unsafe fn div(a: __m256, b: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe { _mm256_div_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe { _mm256_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn larger(a: __m256, b: __m256) -> __m256 {
        // SAFETY: contract. `max` returns its second operand when one is NaN; then the first is put back where it is one.
        unsafe { _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a)) }
    }
    #[inline(always)]
    unsafe fn even(p: *const f32) -> __m256 {
        // SAFETY: contract.
        unsafe {
            let (a, b) = (_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8)));
            // a₀ a₂ b₀ b₂ a₄ a₆ b₄ b₆, then the pairs in order.
            let both = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(a, b));
            _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(both))
        }
    }
    #[inline(always)]
    unsafe fn weave(a: __m256, b: __m256) -> [__m256; 2] {
        // SAFETY: contract.
        unsafe {
            // a₀ b₀ a₁ b₁ a₄ b₄ a₅ b₅ and the rest, then their halves in order.
            let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let first = _mm256_permute2f128_ps::<0x20>(low, high);
            [first, _mm256_permute2f128_ps::<0x31>(low, high)]
        }
    }
    #[inline(always)]
    unsafe fn send(p: *mut f32, v: __m256) {
        // SAFETY: contract.
        unsafe { _mm256_stream_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn abs(x: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), x) }
    }
    #[inline(always)]
    unsafe fn with_sign(a: __m256, b: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe {
            {
                let sign = _mm256_set1_ps(-0.0);
                _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, b))
            }
        }
    }
    #[inline(always)]
    unsafe fn if_less(a: __m256, b: __m256, then: __m256, other: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe { _mm256_blendv_ps(other, then, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) }
    }
    #[inline(always)]
    unsafe fn power_of_two(n: __m256) -> __m256 {
        // SAFETY: contract.
        unsafe {
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(
                _mm256_cvtps_epi32(n),
                _mm256_set1_epi32(127),
            )))
        }
    }
    #[inline(always)]
    unsafe fn split(x: __m256) -> (__m256, __m256) {
        // SAFETY: contract.
        unsafe {
            let bits = _mm256_castps_si256(x);
            let fraction = _mm256_and_si256(bits, _mm256_set1_epi32(0x7f_ffff));
            let mantissa =
                _mm256_castsi256_ps(_mm256_or_si256(fraction, _mm256_set1_epi32(0x3f80_0000)));
            let exponent = _mm256_sub_epi32(_mm256_srli_epi32::<23>(bits), _mm256_set1_epi32(127));
            (mantissa, _mm256_cvtepi32_ps(exponent))
        }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, step: usize, n: usize, to: *mut f32, to_step: usize) {
        // SAFETY: contract, as are all loads and stores here.
        unsafe {
            // Four columns at a time: register i holds row i in its low half and row i + 4 in its high half.
            let mut halves = [[_mm256_setzero_ps(); 4]; 2];
            for i in 0..4 {
                let (low, high) = (from.add(i * step), from.add((i + 4) * step));
                if n < 8 {
                    let (low, high) = (Self::load_part(low, n), Self::load_part(high, n));
                    halves[0][i] = _mm256_permute2f128_ps::<0x20>(low, high);
                    halves[1][i] = _mm256_permute2f128_ps::<0x31>(low, high);
                } else {
                    for (half, r) in halves.iter_mut().enumerate() {
                        let low = _mm256_castps128_ps256(_mm_loadu_ps(low.add(4 * half)));
                        let high = _mm_loadu_ps(high.add(4 * half));
                        r[i] = _mm256_insertf128_ps::<1>(low, high);
                    }
                }
            }
            for (half, r) in halves.iter().enumerate() {
                let to = to.add(4 * half * to_step);
                let a = _mm256_unpacklo_ps(r[0], r[1]);
                let b = _mm256_unpackhi_ps(r[0], r[1]);
                let c = _mm256_unpacklo_ps(r[2], r[3]);
                let d = _mm256_unpackhi_ps(r[2], r[3]);
                _mm256_storeu_ps(to, _mm256_shuffle_ps::<0x44>(a, c));
                _mm256_storeu_ps(to.add(to_step), _mm256_shuffle_ps::<0xEE>(a, c));
                _mm256_storeu_ps(to.add(2 * to_step), _mm256_shuffle_ps::<0x44>(b, d));
                _mm256_storeu_ps(to.add(3 * to_step), _mm256_shuffle_ps::<0xEE>(b, d));
            }
        }
    }
}

/// AVX-512.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const VECTORS: usize = 3;
    const SIDE: usize = 8;
    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: the instruction set by the trait's contract; so in every method below, with its pointers.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m512) {
        // SAFETY: contract.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> __m512 {
        // SAFETY: contract; masked lanes are not touched.
        unsafe { _mm512_maskz_loadu_ps(((1u32 << n) - 1) as u16, p) }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: __m512, n: usize) {
        // SAFETY: contract; masked lanes are not touched.
        unsafe { _mm512_mask_storeu_ps(p, ((1u32 << n) - 1) as u16, v) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn relu(x: __m512) -> __m512 {
        // SAFETY: contract. `max` returns its second operand when one is NaN.
        unsafe { _mm512_max_ps(_mm512_setzero_ps(), x) }
    }
    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn larger(a: __m512, b: __m512) -> __m512 {
        // SAFETY: contract. As with AVX2.
        unsafe {
            let lost = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a);
            _mm512_mask_blend_ps(lost, _mm512_max_ps(a, b), a)
        }
    }
    #[inline(always)]
    unsafe fn even(p: *const f32) -> __m512 {
        // SAFETY: contract.
        unsafe {
            let at = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
            _mm512_permutex2var_ps(_mm512_loadu_ps(p), at, _mm512_loadu_ps(p.add(16)))
        }
    }
    #[inline(always)]
    unsafe fn weave(a: __m512, b: __m512) -> [__m512; 2] {
        // SAFETY: contract.
        unsafe {
            let low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
            let high =
                _mm512_set_epi32(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8);
            [_mm512_permutex2var_ps(a, low, b), _mm512_permutex2var_ps(a, high, b)]
        }
    }
    #[inline(always)]
    unsafe fn send(p: *mut f32, v: __m512) {
        // SAFETY: contract.
        unsafe { _mm512_stream_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn abs(x: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_andnot_ps(_mm512_set1_ps(-0.0), x) }
    }
    #[inline(always)]
    unsafe fn with_sign(a: __m512, b: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe {
            {
                let sign = _mm512_set1_ps(-0.0);
                _mm512_or_ps(_mm512_andnot_ps(sign, a), _mm512_and_ps(sign, b))
            }
        }
    }
    #[inline(always)]
    unsafe fn if_less(a: __m512, b: __m512, then: __m512, other: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), other, then) }
    }
    #[inline(always)]
    unsafe fn power_of_two(n: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe {
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_add_epi32(
                _mm512_cvtps_epi32(n),
                _mm512_set1_epi32(127),
            )))
        }
    }
    #[inline(always)]
    unsafe fn times_power(p: __m512, n: __m512) -> __m512 {
        // SAFETY: contract.
        unsafe { _mm512_scalef_ps(p, n) }
    }
    #[inline(always)]
    unsafe fn split(x: __m512) -> (__m512, __m512) {
        // SAFETY: contract.
        unsafe {
            let bits = _mm512_castps_si512(x);
            let fraction = _mm512_and_si512(bits, _mm512_set1_epi32(0x7f_ffff));
            let mantissa =
                _mm512_castsi512_ps(_mm512_or_si512(fraction, _mm512_set1_epi32(0x3f80_0000)));
            let exponent = _mm512_sub_epi32(_mm512_srli_epi32::<23>(bits), _mm512_set1_epi32(127));
            (mantissa, _mm512_cvtepi32_ps(exponent))
        }
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, step: usize, n: usize, to: *mut f32, to_step: usize) {
        // SAFETY: contract; a processor with AVX-512 has AVX2.
        unsafe { Avx2::transpose(from, step, n, to, to_step) }
    }
}
