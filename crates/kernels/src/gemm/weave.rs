//! Tiles whose rows go two by two into one row of the output, element by element in turn: transposed convolution of stride two.
//!
//! ```text
//! rows of the tile                                   output
//! 0  out channel, kd, kh, kw 0   a₀ a₁ a₂ … ┐
//! 1                       kw 1   b₀ b₁ b₂ … ┴ + bias ──▶ row 0   a₀ b₀ a₁ b₁ a₂ b₂ …
//! 2  out channel, kd, next kh    …                   ──▶ row 1   …
//! ```
//! A register of a row becomes two neighbours of the output without a way through memory.

use super::tile::{COPY, FILLED, Origin, READ, Tile, height, size, tile_to};
use crate::Isa;
use crate::simd::{Portable, Simd};

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

    /// Ends a tile: what C holds, if anything, and the bias are added.
    ///
    /// # Safety
    /// As for [`run_woven`], in a function that has the instruction set.
    #[inline(always)]
    pub(super) unsafe fn finish<S: Simd, const H: usize, const N: usize>(
        &self,
        t: &Tile,
        mut sums: [[S::V; N]; H],
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            if t.add {
                for i in 0..H {
                    if i < t.rows {
                        for j in 0..N {
                            let before = S::load(t.c.add(i * t.stride + j * S::LANES));
                            sums[i][j] = S::add(sums[i][j], before);
                        }
                    }
                }
            }
            for pair in 0..H / 2 {
                if 2 * pair < t.rows {
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

/// Runs a tile of an even number of rows and of whole registers, packed A, to where `weave` says; C holds what is added if `add` is set.
/// With an origin the panel of B is still there, and the first tile on it writes it, as in [`run_from`](super::tile::run_from).
///
/// # Safety
/// As for [`run`](super::tile::run) or [`run_from`](super::tile::run_from); `weave` names places of the output for all rows and registers.
pub(crate) unsafe fn run_woven(isa: Isa, t: &Tile, origin: Option<&Origin>, weave: &Weave) {
    macro_rules! pick {
        ($lanes:literal, $f:ident, [$($h:literal)*], $n:tt, $whole:literal) => {
            match (height(t.rows, size(isa).0), origin) {
                $(($h, None) => pick!(@ $lanes, $f, $h, $n),
                // SAFETY: passed on to the caller.
                ($h, Some(origin)) => unsafe { $f::<$h, $whole, COPY>(t, origin, weave) },)*
                _ => unreachable!("tile of {} rows", t.rows),
            }
        };
        (@ $lanes:literal, $f:ident, $h:literal, [$($n:literal)*]) => {
            match t.columns / $lanes {
                // SAFETY: passed on to the caller.
                $($n => unsafe { $f::<$h, $n, READ>(t, &FILLED, weave) },)*
                _ => unreachable!("tile of {} columns", t.columns),
            }
        };
    }
    debug_assert!(t.a_stride == 0 && t.rows.is_multiple_of(2));
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => pick!(16, avx512, [2 4 8], [1 2 3], 3),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => pick!(8, avx2, [2 4 6], [1 2], 2),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => pick!(4, neon, [2 4 8], [1 2 3], 3),
        _ => pick!(4, portable, [2 4 6], [1 2], 2),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn avx512<const H: usize, const N: usize, const B: u8>(t: &Tile, o: &Origin, w: &Weave) {
    // SAFETY: passed on to the caller.
    unsafe { tile_to::<crate::simd::Avx512, H, N, false, B>(t, o, Some(w)) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const H: usize, const N: usize, const B: u8>(t: &Tile, o: &Origin, w: &Weave) {
    // SAFETY: passed on to the caller.
    unsafe { tile_to::<crate::simd::Avx2, H, N, false, B>(t, o, Some(w)) }
}

#[cfg(target_arch = "aarch64")]
unsafe fn neon<const H: usize, const N: usize, const B: u8>(t: &Tile, o: &Origin, w: &Weave) {
    // SAFETY: passed on to the caller.
    unsafe { tile_to::<crate::simd::Neon, H, N, false, B>(t, o, Some(w)) }
}

unsafe fn portable<const H: usize, const N: usize, const B: u8>(t: &Tile, o: &Origin, w: &Weave) {
    // SAFETY: passed on to the caller.
    unsafe { tile_to::<Portable, H, N, false, B>(t, o, Some(w)) }
}
