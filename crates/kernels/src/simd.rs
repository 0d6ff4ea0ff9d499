//! A vector register as a type: the few operations the tiles and the packing need, once per instruction set.
//!
//! Code generic over [`Simd`] is inlined into a function that enables the instruction set (`gemm/tile.rs`, `conv/pack.rs`); only
//! there do these methods become single instructions, and only on a processor that has them may that function be called.

/// One instruction set's vectors of `f32`.
///
/// # Safety
/// All methods need the instruction set; pointers must be valid for the elements named.
pub(crate) trait Simd: Copy {
    /// A register.
    type V: Copy;
    /// Elements in it.
    const LANES: usize;
    /// Registers side by side in a tile, see `gemm/tile.rs`.
    const VECTORS: usize;
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    /// The first `n < LANES` elements, the rest zero.
    unsafe fn load_part(p: *const f32, n: usize) -> Self::V;
    unsafe fn store_part(p: *mut f32, v: Self::V, n: usize);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a·b + c`, fused where the set can.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `x < 0 ? 0 : x`, NaN staying NaN.
    unsafe fn relu(x: Self::V) -> Self::V;
}

/// Four floats in plain code, for processors without vectors of their own here.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy)]
pub(crate) struct Portable;

// Each method is `unsafe` for its pointer alone.
#[cfg(not(target_arch = "x86_64"))]
impl Simd for Portable {
    type V = [f32; 4];
    const LANES: usize = 4;
    const VECTORS: usize = 2;
    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 4] {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> [f32; 4] {
        // SAFETY: the caller vouches for four elements.
        unsafe { p.cast::<[f32; 4]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: [f32; 4]) {
        // SAFETY: the caller vouches for four elements.
        unsafe { p.cast::<[f32; 4]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f32, n: usize) -> [f32; 4] {
        // SAFETY: the caller vouches for `n` elements.
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f32, v: [f32; 4], n: usize) {
        for (i, v) in v.iter().enumerate().take(n) {
            // SAFETY: the caller vouches for `n` elements.
            unsafe { *p.add(i) = *v };
        }
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn relu(x: [f32; 4]) -> [f32; 4] {
        x.map(|v| if v < 0.0 { 0.0 } else { v })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512, Portable};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    use std::arch::x86_64::*;

    /// SSE2, which every x86-64 processor has.
    #[derive(Clone, Copy)]
    pub(crate) struct Portable;

    impl Simd for Portable {
        type V = __m128;
        const LANES: usize = 4;
        const VECTORS: usize = 2;
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
            // SAFETY: contract; masked lanes are not touched.
            unsafe { _mm256_maskstore_ps(p, first(n), v) }
        }
        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            // SAFETY: contract.
            unsafe { _mm256_add_ps(a, b) }
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
    }

    /// AVX-512.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512;

    impl Simd for Avx512 {
        type V = __m512;
        const LANES: usize = 16;
        const VECTORS: usize = 3;
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
        unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: contract.
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn relu(x: __m512) -> __m512 {
            // SAFETY: contract. `max` returns its second operand when one is NaN.
            unsafe { _mm512_max_ps(_mm512_setzero_ps(), x) }
        }
    }
}
