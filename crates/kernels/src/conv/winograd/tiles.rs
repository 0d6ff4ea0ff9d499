//! What the two transforms share: which tiles, where they lie, and the choice of the compiled form.
//!
//! Both work on a strip of neighbouring tiles of one row, on as many channels at a time as a vector holds: `forward.rs`, `backward.rs`.

use super::points::{STRIDED, outs, phases, side};
use super::{backward, forward};
use crate::Isa;
use crate::conv::shape::{Epilogue, Prologue};
use crate::shared::Shared;
use crate::simd::{Portable, Simd};
use std::ops::Range;

/// Columns a last block of a turn may write too many.
pub(super) const SPARE: usize = 8;

/// Most tiles of a strip: long rows, since short pieces of many channels' rows come slowly from memory. A strip then leaves the first-level
/// cache (38 KiB with 8 lanes for 48 flat tiles, 117 KiB for 24 of 6×6×6), which costs less: against 16 and 8 tiles it saves 5 to 12 %.
/// With phases a tile is larger.
pub(super) fn segment_len(step: [usize; 3]) -> usize {
    match (step[0], phases(step[2])) {
        (1, 1) => 48,
        (1, _) => 24,
        (_, 1) => 24,
        _ => 8,
    }
}

/// `count` neighbouring tiles of a row of tiles; `first` is the number of the first of them, `tile` its place.
pub(super) struct Segment {
    pub first: usize,
    pub tile: [usize; 3],
    pub count: usize,
}

/// The picture read.
pub(super) struct Source<'a> {
    pub x: &'a [f32],
    pub ins: usize,
    pub input: [usize; 3],
    /// Zeros before the input along each axis.
    pub pad: [usize; 3],
    pub pre: Option<Prologue<'a>>,
}

/// The picture written.
pub(super) struct Target<'a> {
    pub y: &'a Shared<'a>,
    pub outs: usize,
    pub output: [usize; 3],
    pub epilogue: Epilogue<'a>,
}

/// V or M: element `[ξ·slot + tile·row + channel]`.
#[derive(Clone, Copy)]
pub(super) struct Matrix {
    pub start: *mut f32,
    pub slot: usize,
    pub row: usize,
}

/// Channels the transforms work on at a time.
pub(in crate::conv) fn lanes(isa: Isa) -> usize {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => crate::simd::Avx512::LANES,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => crate::simd::Avx2::LANES,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => crate::simd::Neon::LANES,
        _ => Portable::LANES,
    }
}

/// Strips made at a time, so that their channels fill a cache line.
pub(super) const fn strips(lanes: usize) -> usize {
    16 / lanes
}

/// Elements of a strip with room for a last turned block, whole cache lines. The strip of the way back is shorter.
pub(super) fn strip_len(step: [usize; 3], lanes: usize) -> usize {
    let columns = columns(step[2], segment_len(step));
    let [planes, rows] = [0, 1].map(|a| phases(step[a]) * side(step[a]));
    (lanes * (planes * rows * columns + SPARE)).next_multiple_of(16)
}

/// Columns of the input that `count` neighbouring tiles read along an axis of a kind.
pub(super) const fn columns(kind: usize, count: usize) -> usize {
    phases(kind) * (outs(kind) * count + side(kind) - outs(kind))
}

/// Elements of scratch memory of a thread.
pub(super) fn scratch(step: [usize; 3], isa: Isa) -> usize {
    strips(lanes(isa)) * strip_len(step, lanes(isa))
}

/// Calls a function compiled for each kind of tile.
macro_rules! per_step {
    ($step:expr, $f:path, $simd:ty, ($($arg:expr),*)) => {{
        use $f as f;
        match $step {
            [1, 4, 4] => f::<$simd, 1, 4, 4>($($arg),*),
            [1, 2, 2] => f::<$simd, 1, 2, 2>($($arg),*),
            [2, 2, 2] => f::<$simd, 2, 2, 2>($($arg),*),
            [2, 4, 4] => f::<$simd, 2, 4, 4>($($arg),*),
            [4, 4, 4] => f::<$simd, 4, 4, 4>($($arg),*),
            [1, STRIDED, STRIDED] => f::<$simd, 1, STRIDED, STRIDED>($($arg),*),
            [STRIDED, STRIDED, STRIDED] => f::<$simd, STRIDED, STRIDED, STRIDED>($($arg),*),
            other => unreachable!("tiles of {other:?}"),
        }
    }};
}

/// Transforms the tiles of `segment`, channels `channels` (whole vectors, perhaps past the last channel), into V, tiles counted from
/// the segment's first.
///
/// # Safety
/// The processor has `isa`; `v` is valid there and written by no other task; `work` has [`scratch`] elements.
pub(super) unsafe fn forward(
    (isa, step): (Isa, [usize; 3]),
    source: &Source,
    segment: &Segment,
    channels: Range<usize>,
    work: &mut [f32],
    v: Matrix,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => forward_avx512(step, source, segment, channels, work, v),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => forward_avx2(step, source, segment, channels, work, v),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => per_step!(
                step,
                forward::transform,
                crate::simd::Neon,
                (source, segment, channels, work, v)
            ),
            _ => {
                per_step!(step, forward::transform, Portable, (source, segment, channels, work, v))
            }
        }
    }
}

/// The way back: M to the picture.
///
/// # Safety
/// As for [`forward`]; the tiles and channels of the picture are written by no other task.
pub(super) unsafe fn backward(
    (isa, step): (Isa, [usize; 3]),
    target: &Target,
    segment: &Segment,
    channels: Range<usize>,
    work: &mut [f32],
    m: Matrix,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => backward_avx512(step, target, segment, channels, work, m),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => backward_avx2(step, target, segment, channels, work, m),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => per_step!(
                step,
                backward::transform,
                crate::simd::Neon,
                (target, segment, channels, work, m)
            ),
            _ => {
                per_step!(step, backward::transform, Portable, (target, segment, channels, work, m))
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn forward_avx512(
    step: [usize; 3],
    s: &Source,
    at: &Segment,
    c: Range<usize>,
    work: &mut [f32],
    v: Matrix,
) {
    // SAFETY: passed on to the caller; so in the three below.
    unsafe { per_step!(step, forward::transform, crate::simd::Avx512, (s, at, c, work, v)) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn forward_avx2(
    step: [usize; 3],
    s: &Source,
    at: &Segment,
    c: Range<usize>,
    work: &mut [f32],
    v: Matrix,
) {
    // SAFETY: passed on.
    unsafe { per_step!(step, forward::transform, crate::simd::Avx2, (s, at, c, work, v)) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn backward_avx512(
    step: [usize; 3],
    t: &Target,
    at: &Segment,
    c: Range<usize>,
    work: &mut [f32],
    m: Matrix,
) {
    // SAFETY: passed on.
    unsafe { per_step!(step, backward::transform, crate::simd::Avx512, (t, at, c, work, m)) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn backward_avx2(
    step: [usize; 3],
    t: &Target,
    at: &Segment,
    c: Range<usize>,
    work: &mut [f32],
    m: Matrix,
) {
    // SAFETY: passed on.
    unsafe { per_step!(step, backward::transform, crate::simd::Avx2, (t, at, c, work, m)) }
}
