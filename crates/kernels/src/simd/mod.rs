//! A vector register as a type: the few operations the tiles and the packing need, once per instruction set.
//!
//! Code generic over [`Simd`] is inlined into a function that enables the instruction set (`gemm/tile.rs`, `conv/pack.rs`, `conv/winograd/`); only
//! there do these methods become single instructions, and only on a processor that has them may that function be called.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(not(target_arch = "x86_64"))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests;

#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512, Portable};

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
    /// Rows and columns of the block [`Simd::transpose`] turns; divides `LANES`.
    const SIDE: usize;
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    /// The first `n < LANES` elements, the rest zero.
    unsafe fn load_part(p: *const f32, n: usize) -> Self::V;
    unsafe fn store_part(p: *mut f32, v: Self::V, n: usize);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a·b + c`, fused where the set can.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `x < 0 ? 0 : x`, NaN staying NaN.
    unsafe fn relu(x: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// The larger and the smaller; `b` when either is NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// The larger; NaN when either is.
    unsafe fn larger(a: Self::V, b: Self::V) -> Self::V;
    /// The bits of the sign cleared.
    unsafe fn abs(x: Self::V) -> Self::V;
    /// `|a|` with the sign of `b`.
    unsafe fn with_sign(a: Self::V, b: Self::V) -> Self::V;
    /// `a < b ? then : other`; `other` when either is NaN.
    unsafe fn if_less(a: Self::V, b: Self::V, then: Self::V, other: Self::V) -> Self::V;
    /// 2ⁿ for a whole `n` from -126 to 127.
    unsafe fn power_of_two(n: Self::V) -> Self::V;
    /// `p·2ⁿ` for a whole `n` from -126 to 127; any number, but NaN for a `p` that is, for other `n`.
    #[inline(always)]
    unsafe fn times_power(p: Self::V, n: Self::V) -> Self::V {
        // SAFETY: contract.
        unsafe { Self::mul(p, Self::power_of_two(n)) }
    }
    /// `x = m·2ᵉ` as `(m, e)` with `1 ≤ m < 2`, for a normal `x > 0`; any numbers for others.
    unsafe fn split(x: Self::V) -> (Self::V, Self::V);
    /// Turns a block of `SIDE`×`SIDE`: `to[j·to_step + i] = from[i·step + j]`. Of each row of `from` only the first `n ≤ SIDE`
    /// elements are read, the rest count as zero.
    unsafe fn transpose(from: *const f32, step: usize, n: usize, to: *mut f32, to_step: usize);
    /// Every second element from `p` on, the first included; reads twice `LANES`.
    unsafe fn even(p: *const f32) -> Self::V;
    /// Elements of both in turn: `a₀ b₀ a₁ b₁ …`, two registers.
    unsafe fn weave(a: Self::V, b: Self::V) -> [Self::V; 2];
    /// Whole numbers as floats, to the nearest.
    #[inline(always)]
    unsafe fn from_whole(p: *const i32) -> Self::V {
        let mut floats = [0.0f32; 16];
        for i in 0..Self::LANES {
            // SAFETY: contract.
            floats[i] = unsafe { *p.add(i) } as f32;
        }
        // SAFETY: no set has more than sixteen lanes.
        unsafe { Self::load(floats.as_ptr()) }
    }
    /// Stores past the caches where the set can; `p` lies on a register's boundary. Other threads see it after a fence, see `far.rs`.
    #[inline(always)]
    unsafe fn send(p: *mut f32, v: Self::V) {
        // SAFETY: contract.
        unsafe { Self::store(p, v) }
    }
}

/// The lanes of a register as one number: half is folded onto half until one is left.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub(crate) unsafe fn fold_lanes<S: Simd>(v: S::V, f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut all = [0.0f32; 16];
    // SAFETY: no set has more than sixteen lanes.
    unsafe { S::store(all.as_mut_ptr(), v) };
    let mut half = S::LANES;
    while half > 1 {
        half /= 2;
        for lane in 0..half {
            all[lane] = f(all[lane], all[lane + half]);
        }
    }
    all[0]
}

/// Asks for the cache line of `x` ahead of its use.
#[inline(always)]
pub(crate) fn prefetch(x: &f32) {
    prefetch_to_read(x);
}

/// Asks for the cache line of `p` ahead of its use, into the second-level cache: for more than the first would hold. `p` need not be valid.
#[inline(always)]
pub(crate) fn prefetch_far(p: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which never faults; SSE is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    prefetch_to_read(p);
}

/// Asks for the cache line of `p` ahead of reading from it. `p` need not be valid.
#[inline(always)]
pub(crate) fn prefetch_to_read(p: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which never faults; SSE is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(p.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: a hint, which never faults and changes no memory, no flags and no stack.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) p, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = p;
}

/// Asks for the cache line of `p` ahead of writing to it: a row of outputs lies too far from the next for the processor to see it
/// coming, and stores wait for each other. `p` need not be valid.
#[inline(always)]
pub(crate) fn prefetch_to_write(p: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which never faults; SSE is part of x86-64, and processors without this form of it take it for nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_ET0>(p.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}
