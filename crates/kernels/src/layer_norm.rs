//! Layer norm: each row by its own mean and variance, y = act((x − mean)/√(var + ε)·weight + bias), weight and bias per column.
//!
//! ```text
//! row of x   ├─ vector ─┼─ vector ─┼─ vector ─┼─ part ─┤      read three times, from the first-level cache twice:
//!             four sums, lane by lane, in turn                 Σ x;   Σ (x − mean) and Σ (x − mean)²;   y
//! ```
//! Rows are short, so sums are `f32`. What is squared are distances from a first mean, and the mean of those distances then corrects
//! both (the "corrected two-pass algorithm" of T. Chan, G. Golub & R. LeVeque, "Algorithms for computing the sample variance", The American
//! Statistician 37, 1983). The variance is the biased one (÷ n), as in PyTorch.

use crate::isa::{isa, on_set};
use crate::rows::row_of;
use crate::shared::{check, each_row};
use crate::simd::{Simd, fold_lanes};
use crate::{Norm, Pool, activation::activate};

/// Sums side by side, so that no addition waits for the one before.
const SUMS: usize = 4;

/// Each row of `cols` elements by its own mean and variance, weight and bias per column. Panics unless the lengths agree.
pub fn layer_norm(pool: &Pool, rows: usize, cols: usize, norm: &Norm, x: &[f32], y: &mut [f32]) {
    check("x of a norm", x.len(), rows * cols);
    check("y of a norm", y.len(), x.len());
    run(pool, cols, norm, y, |row| Some(&x[row * cols..][..cols]));
}

/// [`layer_norm`] of the rows `from` of `x`, in their order: rows of zeros where that is [`NOWHERE`](crate::NOWHERE). Panics unless the lengths agree and
/// the rows exist.
pub fn layer_norm_rows(
    pool: &Pool,
    cols: usize,
    norm: &Norm,
    from: &[u32],
    x: &[f32],
    y: &mut [f32],
) {
    check("y of a norm", y.len(), from.len() * cols);
    run(pool, cols, norm, y, |row| row_of(x, cols, from[row]));
}

/// Row `i` of `y` is the norm of the row that `source` gives, or zeros.
fn run<'a>(
    pool: &Pool,
    cols: usize,
    norm: &Norm,
    y: &mut [f32],
    source: impl Fn(usize) -> Option<&'a [f32]> + Sync,
) {
    norm.check(cols);
    let isa = isa();
    each_row(pool, cols, y, |row, y| match source(row) {
        None => y.fill(0.0),
        Some(x) => {
            on_set!(isa, one_row(x: &[f32], norm: &Norm, y: &mut [f32]));
            activate(y, norm.activation);
        }
    });
}

/// All but the activation.
///
/// # Safety
/// The instruction set is there. Lengths have been checked.
#[inline(always)]
unsafe fn one_row<S: Simd>(x: &[f32], norm: &Norm, y: &mut [f32]) {
    let (n, count) = (x.len(), x.len() as f32);
    let (whole, rest) = (n - n % S::LANES, n % S::LANES);
    let (x, y) = (x.as_ptr(), y.as_mut_ptr());
    // SAFETY: whole vectors and the part of one lie within the row; weight and bias are as long.
    unsafe {
        let mut sums = [S::splat(0.0); SUMS];
        each::<S>(whole, |sum, at| sums[sum] = S::add(sums[sum], S::load(x.add(at))));
        if rest > 0 {
            sums[0] = S::add(sums[0], S::load_part(x.add(whole), rest));
        }
        let mean = folded::<S>(sums) / count;
        let (mut off, mut square) = ([S::splat(0.0); SUMS], [S::splat(0.0); SUMS]);
        let mut note = |sum: usize, v: S::V| {
            off[sum] = S::add(off[sum], v);
            square[sum] = S::fma(v, v, square[sum]);
        };
        let means = S::splat(mean);
        each::<S>(whole, |sum, at| note(sum, S::sub(S::load(x.add(at)), means)));
        if rest > 0 {
            // What is missing counts as zero.
            let means = S::load_part([mean; 16].as_ptr(), rest);
            note(0, S::sub(S::load_part(x.add(whole), rest), means));
        }
        let off = folded::<S>(off) / count;
        let inverse = 1.0 / (folded::<S>(square) / count - off * off + norm.eps).sqrt();
        let (offs, scale) = (S::splat(off), S::splat(inverse));
        // The mean is taken off in its two parts, so that numbers far from zero keep their digits.
        let place = |x: S::V, weight: Option<S::V>, bias: Option<S::V>| {
            let y = S::mul(S::sub(S::sub(x, means), offs), scale);
            let y = weight.map_or(y, |weight| S::mul(y, weight));
            bias.map_or(y, |bias| S::add(y, bias))
        };
        for at in (0..whole).step_by(S::LANES) {
            let load = |v: &[f32]| S::load(v.as_ptr().add(at));
            let v = place(S::load(x.add(at)), norm.weight.map(load), norm.bias.map(load));
            S::store(y.add(at), v);
        }
        if rest > 0 {
            let load = |v: &[f32]| S::load_part(v.as_ptr().add(whole), rest);
            let x = S::load_part(x.add(whole), rest);
            S::store_part(y.add(whole), place(x, norm.weight.map(load), norm.bias.map(load)), rest);
        }
    }
}

/// Calls `f` with the start of each whole vector and the sum that it goes to.
#[inline(always)]
fn each<S: Simd>(whole: usize, mut f: impl FnMut(usize, usize)) {
    let together = SUMS * S::LANES;
    let all = whole - whole % together;
    for from in (0..all).step_by(together) {
        for sum in 0..SUMS {
            f(sum, from + sum * S::LANES);
        }
    }
    // Written out, so that the sums stay in registers.
    for sum in 0..SUMS - 1 {
        let at = all + sum * S::LANES;
        if at < whole {
            f(sum, at);
        }
    }
}

/// The sum of all lanes, by halves.
///
/// # Safety
/// The instruction set is there.
#[inline(always)]
unsafe fn folded<S: Simd>(sums: [S::V; SUMS]) -> f32 {
    let [a, b, c, d] = sums;
    // SAFETY: contract.
    unsafe { fold_lanes::<S>(S::add(S::add(a, c), S::add(b, d)), |a, b| a + b) }
}
