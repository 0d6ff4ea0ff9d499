//! Runs tiles that end in a [`Weave`].

use super::tile::{COPY, FILLED, Origin, READ, Tile, height, size, tile_to};
use super::weave::Weave;
use crate::Isa;
use crate::simd::Portable;

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
