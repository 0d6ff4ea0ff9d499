//! What the test files share: repeatable numbers, the error measure, every instruction set in turn.
#![allow(dead_code)]

use kernels::{Isa, set_isa};
use std::sync::{Mutex, PoisonError};

/// Repeatable numbers in (−1, 1).
pub fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// ‖actual − expected‖ / ‖expected‖.
pub fn error(actual: &[f32], expected: &[f32]) -> f64 {
    error_of(actual, expected, 0.0)
}

/// The same, but elements count as at least `size`: sums of few elements may cancel, and rounding then is to be measured against what
/// was summed.
pub fn error_of(actual: &[f32], expected: &[f32], size: f64) -> f64 {
    assert_eq!(actual.len(), expected.len());
    let square = |v: f64| v * v;
    let difference: f64 =
        actual.iter().zip(expected).map(|(a, e)| square(*a as f64 - *e as f64)).sum();
    let norm: f64 = expected.iter().map(|e| square(*e as f64)).sum();
    difference.sqrt() / norm.max(square(size) * expected.len() as f64).sqrt().max(1e-30)
}

/// The bound every routine is held to: sums of up to a few thousand products in `f32`.
pub const BOUND: f64 = 5e-6;

#[track_caller]
pub fn close(actual: &[f32], expected: &[f32], what: &dyn std::fmt::Debug) {
    let error = error(actual, expected);
    assert!(error < BOUND, "relative rms {error:.2e} for {what:?}");
}

/// Runs `f` under every instruction set of this processor, one test at a time (the choice is global).
pub fn every_isa(f: impl Fn(Isa)) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for isa in Isa::available() {
        assert!(set_isa(isa));
        f(isa);
    }
}

/// A slice between guard words; `check` says whether they stand.
pub struct Guarded {
    all: Vec<f32>,
    n: usize,
}

const GUARD: f32 = 12345.678;
const EDGE: usize = 64;

impl Guarded {
    /// `n` NaNs, so that an element never written is noticed.
    pub fn new(n: usize) -> Guarded {
        let mut all = vec![GUARD; n + 2 * EDGE];
        all[EDGE..EDGE + n].fill(f32::NAN);
        Guarded { all, n }
    }

    pub fn slice(&mut self) -> &mut [f32] {
        &mut self.all[EDGE..EDGE + self.n]
    }

    #[track_caller]
    pub fn check(&self) -> &[f32] {
        let (low, high) = (&self.all[..EDGE], &self.all[EDGE + self.n..]);
        assert!(low.iter().chain(high).all(|v| *v == GUARD), "wrote outside the output");
        &self.all[EDGE..EDGE + self.n]
    }
}
