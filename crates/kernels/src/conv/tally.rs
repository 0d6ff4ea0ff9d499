//! Mean and variance of the channels that come out, gathered while they are stored, with channels as lanes.
//!
//! ```text
//! a part's outputs ──▶ sum and sum of squares of what they differ from its first ──▶ [part][mean, squares about it][out channel]
//!                      all parts, in order, in f64 ──▶ mean, variance
//! ```
//! A part, a tile of filtering or a piece of a row, is always the same outputs, whatever the sharing, and parts are joined in order, so threads
//! do not change a bit. Differences from a neighbour keep the digits of numbers far from zero; the source stands in `moments.rs`.

use crate::moments::not_negative;
use crate::simd::Simd;
use crate::{Pool, isa::multiversion};
use std::sync::OnceLock;

/// Sums over one part of a vector of channels.
#[derive(Clone, Copy)]
pub(super) struct Tally<S: Simd> {
    /// What differences are taken from: the first output.
    pub first: S::V,
    sum: S::V,
    squares: S::V,
}

impl<S: Simd> Tally<S> {
    /// # Safety
    /// The processor has the instruction set; so in the functions below.
    #[inline(always)]
    pub unsafe fn new() -> Tally<S> {
        // SAFETY: by the contract.
        let zero = unsafe { S::splat(0.0) };
        Tally { first: zero, sum: zero, squares: zero }
    }

    #[inline(always)]
    pub unsafe fn add(&mut self, v: S::V) {
        // SAFETY: by the contract.
        unsafe {
            let apart = S::sub(v, self.first);
            self.sum = S::add(self.sum, apart);
            self.squares = S::fma(apart, apart, self.squares);
        }
    }

    /// Of the numbers of several sums about one first number, which did not wait for each other.
    #[inline(always)]
    pub unsafe fn of<const N: usize>(parts: [Tally<S>; N]) -> Tally<S> {
        let mut all = parts[0];
        for part in &parts[1..] {
            // SAFETY: by the contract.
            unsafe {
                all.sum = S::add(all.sum, part.sum);
                all.squares = S::add(all.squares, part.squares);
            }
        }
        all
    }

    /// Puts mean and squared differences from it of `count` numbers a channel at `to` and `row` further on.
    ///
    /// # Safety
    /// Both are valid for a vector.
    #[inline(always)]
    pub unsafe fn store(&self, count: usize, to: *mut f32, row: usize) {
        // SAFETY: by the contract.
        unsafe {
            let part = S::splat(1.0 / count as f32);
            let mean = S::mul(self.sum, part);
            let squares = S::sub(self.squares, S::mul(self.sum, mean));
            S::store(to, S::add(self.first, mean));
            S::store(to.add(row), squares);
        }
    }
}

/// Mean and biased variance of each of `outs` channels from `[part][2][row]`, `row` being the channels filled up to whole vectors; `counts` are
/// the outputs of each part.
pub(super) fn join(
    pool: &Pool,
    tallies: &[f32],
    [outs, row]: [usize; 2],
    counts: &[f64],
) -> Vec<(f64, f64)> {
    let blocks: Vec<OnceLock<[Block; 2]>> = vec![OnceLock::new(); row.div_ceil(WIDE)];
    pool.run(blocks.len(), |block| {
        blocks[block].get_or_init(|| of_channels(tallies, row, block * WIDE, counts));
    });
    let all = blocks.iter().filter_map(OnceLock::get);
    let all = all.flat_map(|[mean, variance]| mean.iter().copied().zip(variance.iter().copied()));
    all.take(outs).collect()
}

/// Channels that are joined together: a cache line.
const WIDE: usize = 16;

/// A number for each of them.
type Block = [f64; WIDE];

multiversion! {
    /// Means and variances of the channels from `first` on; of those past the last, zeros.
    fn of_channels(tallies: &[f32], row: usize, first: usize, counts: &[f64]) -> [Block; 2] {
        let wide = WIDE.min(row - first);
        let all: f64 = counts.iter().sum();
        let (mut mean, mut squares) = ([0.0; WIDE], [0.0; WIDE]);
        for (part, count) in tallies.chunks_exact(2 * row).zip(counts) {
            for (mean, m) in mean.iter_mut().zip(&part[first..first + wide]) {
                *mean += *m as f64 * count;
            }
        }
        mean.iter_mut().for_each(|mean| *mean /= all);
        for (part, count) in tallies.chunks_exact(2 * row).zip(counts) {
            let (means, within) = (&part[first..first + wide], &part[row + first..][..wide]);
            for (((squares, mean), m), s) in squares.iter_mut().zip(&mean).zip(means).zip(within) {
                let apart = *m as f64 - mean;
                *squares += *s as f64 + apart * apart * count;
            }
        }
        squares.iter_mut().for_each(|s| *s = not_negative(*s / all));
        [mean, squares]
    }
}
