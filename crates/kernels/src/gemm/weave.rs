//! Tiles whose rows go two by two into one row of the output, element by element in turn: transposed convolution of stride two.
//!
//! ```text
//! rows of the tile                                   output
//! 0  out channel, kd, kh, kw 0   a₀ a₁ a₂ … ┐
//! 1                       kw 1   b₀ b₁ b₂ … ┴ + bias ──▶ row 0   a₀ b₀ a₁ b₁ a₂ b₂ …
//! 2  out channel, kd, next kh    …                   ──▶ row 1   …
//! ```
//! A register of a row becomes two neighbours of the output without a way through memory.

use crate::simd::Simd;

/// Most pairs of rows, and registers of a row, of any set's tile.
const PAIRS: usize = 4;
const VECTORS: usize = 3;

/// Where the sums of a tile go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weave {
    /// For each pair of rows the start of its output.
    pub rows: [*mut f32; PAIRS],
    /// How far from there the first register of the panel goes, and the others.
    pub places: [usize; VECTORS],
    /// Added to each pair of rows.
    pub bias: [f32; PAIRS],
    /// Stored past the caches: all places then lie on whole cache lines.
    pub far: bool,
}

impl Weave {
    /// A line of the output of a tile `n` registers wide, for each of its registers one.
    #[inline(always)]
    pub(super) fn line(&self, index: usize, n: usize, lanes: usize) -> *const f32 {
        let (pair, vector) = (index / n / 2, index / 2 % n);
        self.rows[pair].wrapping_add(self.places[vector] + index % 2 * lanes)
    }

    /// Ends a tile of so many valid rows: what was summed before, rows so far apart, and the bias are added.
    ///
    /// # Safety
    /// There are places for all rows and registers; the instruction set is that of the function this is inlined into.
    #[inline(always)]
    pub(super) unsafe fn finish<S: Simd, const H: usize, const N: usize>(
        &self,
        rows: usize,
        before: Option<(*const f32, usize)>,
        mut sums: [[S::V; N]; H],
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            if let Some((before, stride)) = before {
                for i in 0..H {
                    if i < rows {
                        for j in 0..N {
                            let before = S::load(before.add(i * stride + j * S::LANES));
                            sums[i][j] = S::add(sums[i][j], before);
                        }
                    }
                }
            }
            for pair in 0..H / 2 {
                if 2 * pair < rows {
                    let bias = S::splat(self.bias[pair]);
                    for j in 0..N {
                        let [a, b] = [sums[2 * pair][j], sums[2 * pair + 1][j]];
                        let both = S::weave(S::add(a, bias), S::add(b, bias));
                        let to = self.rows[pair].add(self.places[j]);
                        for k in 0..2 {
                            let to = to.add(k * S::LANES);
                            if self.far { S::send(to, both[k]) } else { S::store(to, both[k]) }
                        }
                    }
                }
            }
        }
    }
}
