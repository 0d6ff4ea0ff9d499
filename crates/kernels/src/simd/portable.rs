//! Vectors in plain code.

use super::Simd;

/// Four floats in plain code, for processors without vectors of their own here.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

// Each method is `unsafe` for its pointer alone.
impl Simd for Portable {
    type V = [f32; 4];
    const LANES: usize = 4;
    const VECTORS: usize = 2;
    const SIDE: usize = 4;
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
    unsafe fn sub(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn fma(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn relu(x: [f32; 4]) -> [f32; 4] {
        x.map(|v| if v < 0.0 { 0.0 } else { v })
    }
    #[inline(always)]
    unsafe fn div(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i] / b[i])
    }
    #[inline(always)]
    unsafe fn max(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn min(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn larger(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| if a[i] > b[i] || a[i].is_nan() { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn even(p: *const f32) -> [f32; 4] {
        // SAFETY: the caller vouches for eight elements.
        std::array::from_fn(|i| unsafe { *p.add(2 * i) })
    }
    #[inline(always)]
    unsafe fn weave(a: [f32; 4], b: [f32; 4]) -> [[f32; 4]; 2] {
        [[a[0], b[0], a[1], b[1]], [a[2], b[2], a[3], b[3]]]
    }
    #[inline(always)]
    unsafe fn abs(x: [f32; 4]) -> [f32; 4] {
        x.map(f32::abs)
    }
    #[inline(always)]
    unsafe fn with_sign(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| a[i].copysign(b[i]))
    }
    #[inline(always)]
    unsafe fn if_less(a: [f32; 4], b: [f32; 4], then: [f32; 4], other: [f32; 4]) -> [f32; 4] {
        std::array::from_fn(|i| if a[i] < b[i] { then[i] } else { other[i] })
    }
    #[inline(always)]
    unsafe fn power_of_two(n: [f32; 4]) -> [f32; 4] {
        n.map(|n| f32::from_bits(((n as i32).wrapping_add(127) as u32) << 23))
    }
    #[inline(always)]
    unsafe fn split(x: [f32; 4]) -> ([f32; 4], [f32; 4]) {
        let mantissa = x.map(|x| f32::from_bits(x.to_bits() & 0x7f_ffff | 0x3f80_0000));
        (mantissa, x.map(|x| (x.to_bits() >> 23) as f32 - 127.0))
    }
    #[inline(always)]
    unsafe fn transpose(from: *const f32, step: usize, n: usize, to: *mut f32, to_step: usize) {
        for i in 0..4 {
            for j in 0..4 {
                // SAFETY: the caller vouches for `n` elements of each row, and for the whole of `to`.
                unsafe {
                    *to.add(j * to_step + i) = if j < n { *from.add(i * step + j) } else { 0.0 }
                };
            }
        }
    }
}
