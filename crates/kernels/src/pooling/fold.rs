//! What a window's elements are folded to.

use crate::simd::Simd;

/// Elements read worth a task.
pub(super) const GRAIN: usize = 100_000;

/// What pooling makes of a window.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Largest,
    Sum,
}

pub(super) trait Fold: Copy {
    /// What padding and an empty window are.
    const START: f32;
    /// # Safety
    /// The instruction set is there.
    unsafe fn fold<S: Simd>(sum: S::V, x: S::V) -> S::V;
}

#[derive(Clone, Copy)]
pub(super) struct Largest;

impl Fold for Largest {
    const START: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    unsafe fn fold<S: Simd>(sum: S::V, x: S::V) -> S::V {
        // SAFETY: contract.
        unsafe { S::larger(sum, x) }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Sum;

impl Fold for Sum {
    const START: f32 = 0.0;
    #[inline(always)]
    unsafe fn fold<S: Simd>(sum: S::V, x: S::V) -> S::V {
        // SAFETY: contract.
        unsafe { S::add(sum, x) }
    }
}
