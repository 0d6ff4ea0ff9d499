//! The transforms of F(6, 3), F(4, 3), F(2, 3) and, for every second output, F(4, 2) on one axis.
//!
//! F(4, 3) stands on the points 0, ±1/√2, ±√2 and ∞. Points that are each other's negatives and inverses keep the powers in the
//! matrices small: on inputs of variance one the error is a tenth of what the usual ±1, ±2 leave, at the same cost (relative rms about
//! 2e-6; compare B. Barabasz, A. Anderson, K. M. Soodhalter & D. Gregg, "Error analysis and improving the accuracy of Winograd convolution
//! for deep neural networks", ACM TOMS 46, 2020). F(2, 3) stands on 0, ±1 and ∞ (Lavin & Gray 2016, section 4.1).
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
//!
//! F(6, 3) stands on 0, ±1, ±1/2, ±2 and ∞ (the points of most libraries): of the symmetric ones none was found that errs less by more than a
//! twentieth. With A the square of a point, B and C those of the other two:
//!
//! ```text
//! Bᵀ, at 0    d₀ - d₆ + 21/4 (d₄ - d₂)                                          at ∞   d₇ - d₁ + 21/4 (d₃ - d₅)
//!     at ±a   (d₆ - (B+C) d₄ + BC d₂) ± a (d₅ - (B+C) d₃ + BC d₁)
//! G, at ±a    1/p  ±a/p  A/p,  p = 2A(A-B)(A-C); at 0 and ∞ the first and the last element
//! Aᵀ          the powers of the points, the last output with the value at ∞
//! ```
//! An axis of it doubles the error of the axis of F(4, 3) in its place, for 8/9 of the products: `steps_for` says where that is small enough.
//!
//! An axis of stride two falls in two phases, its even and its odd elements: `y[i] = (w₀ e[i] + w₂ e[i+1]) + w₁ o[i]`, two kernels of two
//! elements on channels of their own, whose products are summed before one way back. F(4, 2) stands on ±1/2, ±5/4 and ∞: of the symmetric
//! points whose squares are short, those with the least error (rms half of what 0, ±1, 2 leave). With a = 1/2 and b = 5/4:
//!
//! ```text
//!      ⎡ -ab²  -b²    a     1  0 ⎤       ⎡  1/p   a/p ⎤        ⎡ 1   1   1   1   0 ⎤
//!      ⎢  ab²  -b²   -a     1  0 ⎥       ⎢ -1/p   a/p ⎥   Aᵀ = ⎢ a  -a   b  -b   0 ⎥
//! Bᵀ = ⎢ -a²b  -a²    b     1  0 ⎥   G = ⎢  1/q   b/q ⎥        ⎢ a²  a²  b²  b²  0 ⎥    p = 2a(a² - b²)
//!      ⎢  a²b  -a²   -b     1  0 ⎥       ⎢ -1/q   b/q ⎥        ⎣ a³ -a³  b³ -b³  1 ⎦    q = 2b(b² - a²)
//!      ⎣ a²b²   0  -a²-b²   0  1 ⎦       ⎣  0      1  ⎦
//! ```

use crate::simd::Simd;
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// Most points of an axis, and most outputs of a tile along one. Transforms are compiled for arrays as long as the longest axis of their tile needs:
/// where all were this long some would lie in memory, not in registers.
pub(super) const SIDE: usize = 8;
pub(super) const STEP: usize = 6;

/// The kind of an axis that is filtered with stride two; the others are named by the outputs of a tile along them: 6, 4 and 2, or 1 for an
/// axis that is not filtered.
pub(super) const STRIDED: usize = 5;

/// Outputs of a tile along an axis of a kind.
pub(in crate::conv) const fn outs(kind: usize) -> usize {
    if kind == STRIDED { 4 } else { kind }
}

/// Points of an axis, which is also the inputs of a tile, of each phase.
pub(in crate::conv) const fn side(kind: usize) -> usize {
    match kind {
        1 => 1,
        STRIDED => 5,
        _ => kind + 2,
    }
}

/// The phases of an axis that count at one of its points. The odd elements meet one element of the kernel, `[w₁, 0]`, which is nothing
/// at ∞, the last point: there only the even ones count.
pub(super) const fn phases_at(kind: usize, point: usize) -> usize {
    if kind == STRIDED && point + 1 < side(STRIDED) { 2 } else { 1 }
}

/// Products an axis takes: its points, each as often as phases count there.
pub(in crate::conv) const fn terms(kind: usize) -> usize {
    if kind == STRIDED { 2 * (side(STRIDED) - 1) + 1 } else { side(kind) }
}

/// Phases of an axis: elements from one of a phase to the next.
pub(in crate::conv) const fn phases(kind: usize) -> usize {
    if kind == STRIDED { 2 } else { 1 }
}

const A: f64 = FRAC_1_SQRT_2;
const B: f64 = SQRT_2;
/// The same for stride two.
const A2: f64 = 0.5;
const B2: f64 = 1.25;
/// Squares of the points of F(6, 3), in their order.
const SQUARES: [f64; 3] = [1.0, 0.25, 4.0];

/// `G`, a row a point; of an axis that is not filtered the one element of its kernel as it is.
pub(super) fn kernel(kind: usize) -> &'static [[f64; 3]] {
    const P: f64 = 2.0 * A * A * (A * A - B * B);
    const Q: f64 = 2.0 * B * B * (B * B - A * A);
    const FOUR: [[f64; 3]; 6] = [
        [1.0 / (A * A * B * B), 0.0, 0.0],
        [1.0 / P, A / P, A * A / P],
        [1.0 / P, -A / P, A * A / P],
        [1.0 / Q, B / Q, B * B / Q],
        [1.0 / Q, -B / Q, B * B / Q],
        [0.0, 0.0, 1.0],
    ];
    const P1: f64 = 2.0 * (1.0 - SQUARES[1]) * (1.0 - SQUARES[2]);
    const PH: f64 = 2.0 * SQUARES[1] * (SQUARES[1] - 1.0) * (SQUARES[1] - SQUARES[2]);
    const PT: f64 = 2.0 * SQUARES[2] * (SQUARES[2] - 1.0) * (SQUARES[2] - SQUARES[1]);
    const SIX: [[f64; 3]; 8] = [
        [1.0, 0.0, 0.0],
        [1.0 / P1, 1.0 / P1, 1.0 / P1],
        [1.0 / P1, -1.0 / P1, 1.0 / P1],
        [1.0 / PH, 0.5 / PH, 0.25 / PH],
        [1.0 / PH, -0.5 / PH, 0.25 / PH],
        [1.0 / PT, 2.0 / PT, 4.0 / PT],
        [1.0 / PT, -2.0 / PT, 4.0 / PT],
        [0.0, 0.0, 1.0],
    ];
    const TWO: [[f64; 3]; 4] =
        [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];
    const ONE: [[f64; 3]; 1] = [[1.0, 0.0, 0.0]];
    const P2: f64 = 2.0 * A2 * (A2 * A2 - B2 * B2);
    const Q2: f64 = 2.0 * B2 * (B2 * B2 - A2 * A2);
    const PHASE: [[f64; 3]; 5] = [
        [1.0 / P2, A2 / P2, 0.0],
        [-1.0 / P2, A2 / P2, 0.0],
        [1.0 / Q2, B2 / Q2, 0.0],
        [-1.0 / Q2, B2 / Q2, 0.0],
        [0.0, 1.0, 0.0],
    ];
    match kind {
        1 => &ONE,
        2 => &TWO,
        6 => &SIX,
        STRIDED => &PHASE,
        _ => &FOUR,
    }
}

/// `Bᵀ d`: the inputs of an axis of kind `M` to their values at its points, the first `side(M)` of all.
#[inline(always)]
pub(super) unsafe fn input<S: Simd, const M: usize, const LONG: usize>(
    d: [S::V; LONG],
) -> [S::V; LONG] {
    // SAFETY: the instruction set by the caller; so in the function below.
    unsafe {
        let none = S::splat(0.0);
        let d: [S::V; SIDE] = fit(none, d);
        let v = match M {
            1 => d,
            2 => {
                let (first, last) = (S::sub(d[0], d[2]), S::sub(d[1], d[3]));
                let (sum, other) = (S::add(d[1], d[2]), S::sub(d[2], d[1]));
                [first, sum, other, last, none, none, none, none]
            }
            6 => {
                let (both, minus_five) = (S::splat(5.25), S::splat(-5.0));
                let (minus_sum, minus_few) = (S::splat(-4.25), S::splat(-1.25));
                let (half, minus_half, quarter) = (S::splat(0.5), S::splat(-0.5), S::splat(0.25));
                let (two, minus_two, four) = (S::splat(2.0), S::splat(-2.0), S::splat(4.0));
                let even = S::fma(minus_sum, d[4], S::add(d[2], d[6]));
                let odd = S::fma(minus_sum, d[3], S::add(d[1], d[5]));
                let even_half = S::fma(four, d[2], S::fma(minus_five, d[4], d[6]));
                let odd_half = S::fma(four, d[1], S::fma(minus_five, d[3], d[5]));
                let even_two = S::fma(quarter, d[2], S::fma(minus_few, d[4], d[6]));
                let odd_two = S::fma(quarter, d[1], S::fma(minus_few, d[3], d[5]));
                [
                    S::fma(both, S::sub(d[4], d[2]), S::sub(d[0], d[6])),
                    S::add(even, odd),
                    S::sub(even, odd),
                    S::fma(half, odd_half, even_half),
                    S::fma(minus_half, odd_half, even_half),
                    S::fma(two, odd_two, even_two),
                    S::fma(minus_two, odd_two, even_two),
                    S::fma(both, S::sub(d[3], d[5]), S::sub(d[7], d[1])),
                ]
            }
            STRIDED => {
                let (a, b) = (S::splat(A2 as f32), S::splat(B2 as f32));
                let (minus_a, minus_b) = (S::splat(-A2 as f32), S::splat(-B2 as f32));
                let (a2, b2) = (S::splat(-(A2 * A2) as f32), S::splat(-(B2 * B2) as f32));
                let (sum, both) = (-(A2 * A2 + B2 * B2) as f32, (A2 * A2 * B2 * B2) as f32);
                let (odd_a, even_a) = (S::fma(b2, d[0], d[2]), S::fma(b2, d[1], d[3]));
                let (odd_b, even_b) = (S::fma(a2, d[0], d[2]), S::fma(a2, d[1], d[3]));
                let last = S::fma(S::splat(sum), d[2], S::fma(S::splat(both), d[0], d[4]));
                [
                    S::fma(a, odd_a, even_a),
                    S::fma(minus_a, odd_a, even_a),
                    S::fma(b, odd_b, even_b),
                    S::fma(minus_b, odd_b, even_b),
                    last,
                    none,
                    none,
                    none,
                ]
            }
            _ => {
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
                    none,
                    none,
                ]
            }
        };
        fit(none, v)
    }
}

/// `Aᵀ m`: the values at the points to the outputs of an axis of kind `M`.
#[inline(always)]
pub(super) unsafe fn output<S: Simd, const M: usize, const LONG: usize, const OUTS: usize>(
    m: [S::V; LONG],
) -> [S::V; OUTS] {
    // SAFETY: as above.
    unsafe {
        let none = S::splat(0.0);
        let m: [S::V; SIDE] = fit(none, m);
        let (s, d) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let y = match M {
            1 => [m[0]; STEP],
            2 => [S::add(m[0], s), S::sub(d, m[3]), none, none, none, none],
            6 => {
                let (t, e) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
                let (u, f) = (S::add(m[5], m[6]), S::sub(m[5], m[6]));
                let powers = |half: f32, two: f32| (S::splat(half), S::splat(two));
                let (half, two) = powers(0.5, 2.0);
                let (half2, two2) = powers(0.25, 4.0);
                let (half3, two3) = powers(0.125, 8.0);
                let (half4, two4) = powers(0.0625, 16.0);
                let (half5, two5) = powers(0.03125, 32.0);
                [
                    S::add(S::add(m[0], s), S::add(t, u)),
                    S::fma(two, f, S::fma(half, e, d)),
                    S::fma(two2, u, S::fma(half2, t, s)),
                    S::fma(two3, f, S::fma(half3, e, d)),
                    S::fma(two4, u, S::fma(half4, t, s)),
                    S::fma(two5, f, S::fma(half5, e, S::add(d, m[7]))),
                ]
            }
            STRIDED => {
                let (s, d) = (S::add(m[0], m[1]), S::sub(m[0], m[1]));
                let (t, e) = (S::add(m[2], m[3]), S::sub(m[2], m[3]));
                let (a, b) = (S::splat(A2 as f32), S::splat(B2 as f32));
                let (a2, b2) = (S::splat((A2 * A2) as f32), S::splat((B2 * B2) as f32));
                let (a3, b3) = (S::splat((A2 * A2 * A2) as f32), S::splat((B2 * B2 * B2) as f32));
                [
                    S::add(s, t),
                    S::fma(b, e, S::mul(a, d)),
                    S::fma(b2, t, S::mul(a2, s)),
                    S::fma(b3, e, S::fma(a3, d, m[4])),
                    none,
                    none,
                ]
            }
            _ => {
                let (a, b) = (S::splat(A as f32), S::splat(B as f32));
                let (a2, b2) = (S::splat(0.5), S::splat(2.0));
                let (a3, b3) = (S::splat((A * A * A) as f32), S::splat((B * B * B) as f32));
                let (t, e) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
                [
                    S::add(S::add(m[0], s), t),
                    S::fma(b, e, S::mul(a, d)),
                    S::fma(b2, t, S::mul(a2, s)),
                    S::fma(b3, e, S::fma(a3, d, m[5])),
                    none,
                    none,
                ]
            }
        };
        fit(none, y)
    }
}

/// The same in an array of another length: the rest cut off, or filled up.
#[inline(always)]
fn fit<V: Copy, const FROM: usize, const TO: usize>(none: V, v: [V; FROM]) -> [V; TO] {
    let mut all = [none; TO];
    let shared = FROM.min(TO);
    all[..shared].copy_from_slice(&v[..shared]);
    all
}
