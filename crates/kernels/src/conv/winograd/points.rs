//! The transforms of F(4, 3) on one axis, at the points 0, ±1/√2, ±√2 and ∞.
//!
//! Points that are each other's negatives and inverses keep the powers in the matrices small: on inputs of variance one the error is a
//! tenth of what the usual ±1, ±2 leave, at the same cost (relative rms about 2e-6; compare B. Barabasz, A. Anderson, K. M. Soodhalter &
//! D. Gregg, "Error analysis and improving the accuracy of Winograd convolution for deep neural networks", ACM TOMS 46, 2020).
//!
//! With a = 1/√2 and b = √2, so that a²b² = 1 and a² + b² = 5/2:
//!
//! ```text
//!      ⎡ 1   0  -5/2  0   1  0 ⎤       ⎡ 1          0    0      ⎤        ⎡ 1  1   1   1   1  0 ⎤
//!      ⎢ 0 -ab²  -b²  a   1  0 ⎥       ⎢ 1/p    a/p   a²/p      ⎥   Aᵀ = ⎢ 0  a  -a   b  -b  0 ⎥
//! Bᵀ = ⎢ 0  ab²  -b² -a   1  0 ⎥   G = ⎢ 1/p   -a/p   a²/p      ⎥        ⎢ 0  a²  a²  b²  b² 0 ⎥
//!      ⎢ 0 -a²b  -a²  b   1  0 ⎥       ⎢ 1/q    b/q   b²/q      ⎥        ⎣ 0  a³ -a³  b³ -b³ 1 ⎦
//!      ⎢ 0  a²b  -a² -b   1  0 ⎥       ⎢ 1/q   -b/q   b²/q      ⎥
//!      ⎣ 0   1   0  -5/2  0  1 ⎦       ⎣ 0     0     1          ⎦        p = 2a²(a² - b²), q = 2b²(b² - a²)
//! ```

use crate::simd::Simd;
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// Points, which is also the inputs of a tile along one axis.
pub(super) const SIDE: usize = 6;

const A: f64 = FRAC_1_SQRT_2;
const B: f64 = SQRT_2;

/// `G w Gᵀ` of a 3×3 kernel, row by row.
pub(super) fn kernel(w: &[f32]) -> [f32; SIDE * SIDE] {
    const P: f64 = 2.0 * A * A * (A * A - B * B);
    const Q: f64 = 2.0 * B * B * (B * B - A * A);
    const G: [[f64; 3]; SIDE] = [
        [1.0 / (A * A * B * B), 0.0, 0.0],
        [1.0 / P, A / P, A * A / P],
        [1.0 / P, -A / P, A * A / P],
        [1.0 / Q, B / Q, B * B / Q],
        [1.0 / Q, -B / Q, B * B / Q],
        [0.0, 0.0, 1.0],
    ];
    let dot = |g: &[f64; 3], v: [f64; 3]| g[0] * v[0] + g[1] * v[1] + g[2] * v[2];
    let mut u = [0.0; SIDE * SIDE];
    for (i, down) in G.iter().enumerate() {
        let row = [0, 1, 2].map(|k| dot(down, [0, 3, 6].map(|r| w[r + k] as f64)));
        for (j, across) in G.iter().enumerate() {
            u[i * SIDE + j] = dot(across, row) as f32;
        }
    }
    u
}

/// `Bᵀ d`: six inputs to their values at the six points.
#[inline(always)]
pub(super) unsafe fn input<S: Simd>(d: [S::V; 6]) -> [S::V; 6] {
    // SAFETY: the instruction set by the caller; so in the function below.
    unsafe {
        let (a, b) = (S::splat(A as f32), S::splat(B as f32));
        let (minus_a, minus_b) = (S::splat(-A as f32), S::splat(-B as f32));
        let (minus_a2, minus_b2) = (S::splat(-0.5), S::splat(-2.0));
        let minus_sum = S::splat(-2.5);
        let (even_a, odd_a) = (S::fma(minus_b2, d[2], d[4]), S::fma(minus_b2, d[1], d[3]));
        let (even_b, odd_b) = (S::fma(minus_a2, d[2], d[4]), S::fma(minus_a2, d[1], d[3]));
        [
            S::fma(minus_sum, d[2], S::add(d[0], d[4])),
            S::fma(a, odd_a, even_a),
            S::fma(minus_a, odd_a, even_a),
            S::fma(b, odd_b, even_b),
            S::fma(minus_b, odd_b, even_b),
            S::fma(minus_sum, d[3], S::add(d[1], d[5])),
        ]
    }
}

/// `Aᵀ m`: the values at the six points to four outputs.
#[inline(always)]
pub(super) unsafe fn output<S: Simd>(m: [S::V; 6]) -> [S::V; 4] {
    // SAFETY: as above.
    unsafe {
        let (a, b) = (S::splat(A as f32), S::splat(B as f32));
        let (a2, b2) = (S::splat(0.5), S::splat(2.0));
        let (a3, b3) = (S::splat((A * A * A) as f32), S::splat((B * B * B) as f32));
        let (s, d) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (t, e) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        [
            S::add(S::add(m[0], s), t),
            S::fma(b, e, S::mul(a, d)),
            S::fma(b2, t, S::mul(a2, s)),
            S::fma(b3, e, S::fma(a3, d, m[5])),
        ]
    }
}
