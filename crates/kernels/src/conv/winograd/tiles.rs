//! What the two transforms share: which tiles, where they lie, and the choice of the compiled form.
//!
//! Both work on a strip of neighbouring tiles of one row, on as many channels at a time as a vector holds: `forward.rs`, `backward.rs`.

use super::points::{STRIDED, outs, phases, side};
use super::{backward, forward};
use crate::Isa;
use crate::conv::shape::{Epilogue, Prologue};
use crate::shared::Shared;
use crate::simd::Portable;
use std::ops::Range;

/// Columns a last block of a turn may write too many.
pub(super) const SPARE: usize = 8;

/// Most tiles of a strip: long rows, since short pieces of many channels' rows come slowly from memory. A strip then leaves the first-level
/// cache (38 KiB with 8 lanes for 48 flat tiles, 117 KiB for 24 of 6×6×6), which costs less: against 16 and 8 tiles it saves 5 to 12 %.
/// With phases a tile is twice as long.
pub(super) fn segment_len(step: [usize; 3]) -> usize {
    match (step[0], phases(step[2])) {
        (1, 1) => 48,
        (1, _) | (_, 1) => 24,
        _ => 12,
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
    /// Vectors of channels that lie in blocks, see [`ConvArgs::x_blocks`](crate::ConvArgs::x_blocks); none if empty.
    pub blocks: &'a [bool],
}

/// The picture written.
pub(super) struct Target<'a> {
    pub y: &'a Shared<'a>,
    pub outs: usize,
    pub output: [usize; 3],
    pub epilogue: Epilogue<'a>,
    /// What is gathered of each tile, see `conv/tally.rs`.
    pub tallies: Option<&'a Shared<'a>>,
    /// The picture is larger than the caches: rows of whole lines go past them.
    pub streams: bool,
    /// It is written in blocks, and the residual lies in blocks.
    pub blocked: bool,
}

/// V or M of some points: element `[point·slot + tile·row + channel]`.
#[derive(Clone, Copy)]
pub(super) struct Matrix {
    pub start: *mut f32,
    pub slot: usize,
    pub row: usize,
}

/// Neighbouring tiles of some vectors of channels, before the last axis is transformed and after it has been transformed back: element
/// `[line·slot + vector·length + column·lanes + lane]`. Lines are numbered plane by plane.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    pub start: *mut f32,
    pub slot: usize,
    pub length: usize,
}

impl Strip {
    /// The strip from a vector of channels on.
    ///
    /// # Safety
    /// It has that vector.
    pub unsafe fn from(self, vector: usize) -> Strip {
        // SAFETY: passed on to the caller.
        Strip { start: unsafe { self.start.add(vector * self.length) }, ..self }
    }
}

/// Columns of the input that `count` neighbouring tiles read along an axis of a kind.
pub(super) const fn columns(kind: usize, count: usize) -> usize {
    phases(kind) * (outs(kind) * count + side(kind) - outs(kind))
}

/// Lines of a strip.
pub(super) fn lines(step: [usize; 3]) -> usize {
    phases(step[0]) * side(step[0]) * phases(step[1]) * side(step[1])
}

/// The line of a strip that holds a pair of points of the first two axes, counted plane by plane, of a phase of these axes.
pub(super) const fn line(step: [usize; 3], pair: usize, phase: usize) -> usize {
    let [planes, rows] = [phases(step[0]), phases(step[1])];
    let (p, i) = (pair / side(step[1]), pair % side(step[1]));
    ((p * planes + phase / rows) * side(step[1]) + i) * rows + phase % rows
}

/// Elements that `count` tiles take on their way back to the picture.
pub(super) fn finished(step: [usize; 3], isa: Isa, count: usize) -> usize {
    let turned = outs(step[2]) * count;
    isa.lanes() * (step.map(outs).iter().product::<usize>() * count + SPARE + turned)
}

/// Calls a function compiled for each kind of tile: the kinds of its axes, then the most points and the most outputs of one.
macro_rules! per_step {
    ($step:expr, $f:path, $simd:ty, ($($arg:expr),*)) => {{
        use $f as f;
        match $step {
            [1, 6, 4] => f::<$simd, 1, 6, 4, 8, 6>($($arg),*),
            [1, 4, 4] => f::<$simd, 1, 4, 4, 6, 4>($($arg),*),
            [1, 2, 2] => f::<$simd, 1, 2, 2, 4, 2>($($arg),*),
            [2, 2, 2] => f::<$simd, 2, 2, 2, 4, 2>($($arg),*),
            [2, 4, 4] => f::<$simd, 2, 4, 4, 6, 4>($($arg),*),
            [4, 6, 4] => f::<$simd, 4, 6, 4, 8, 6>($($arg),*),
            [4, 4, 4] => f::<$simd, 4, 4, 4, 6, 4>($($arg),*),
            [1, STRIDED, STRIDED] => f::<$simd, 1, STRIDED, STRIDED, 5, 4>($($arg),*),
            [STRIDED, STRIDED, STRIDED] => f::<$simd, STRIDED, STRIDED, STRIDED, 5, 4>($($arg),*),
            other => unreachable!("tiles of {other:?}"),
        }
    }};
}

/// A function compiled for each instruction set and kind of tile.
macro_rules! compiled {
    ($(#[$doc:meta])* $name:ident = $f:path, ($($arg:ident: $type:ty),*)) => {
        $(#[$doc])*
        pub(super) unsafe fn $name((isa, step): (Isa, [usize; 3]), $($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            unsafe fn avx512(step: [usize; 3], $($arg: $type),*) {
                // SAFETY: passed on to the caller; so in all that follow.
                unsafe { per_step!(step, $f, crate::simd::Avx512, ($($arg),*)) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2(step: [usize; 3], $($arg: $type),*) {
                // SAFETY: passed on.
                unsafe { per_step!(step, $f, crate::simd::Avx2, ($($arg),*)) }
            }
            // SAFETY: passed on.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => avx512(step, $($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => avx2(step, $($arg),*),
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon => per_step!(step, $f, crate::simd::Neon, ($($arg),*)),
                    _ => per_step!(step, $f, Portable, ($($arg),*)),
                }
            }
        }
    };
}

compiled! {
    /// Lays out a vector of channels of a segment, from `channel` on, perhaps past the last, and transforms it along the first two axes.
    ///
    /// # Safety
    /// The processor has the instruction set; each line of `to` has [`SPARE`] columns more than the segment reads, and all are
    /// written by no other task.
    lay = forward::lay, (source: &Source, segment: &Segment, channel: usize, to: Strip)
}

compiled! {
    /// Transforms some pairs of points (of the first two axes, see [`line`]) of `count` tiles along the last axis into V, which begins
    /// with those of the first pair, for so many vectors of channels.
    ///
    /// # Safety
    /// The processor has the instruction set; `from` and `v` are valid there, `v` written by no other task; `filled` are the channels
    /// from one phase to the next.
    spread = forward::spread, (from: Strip, pairs: Range<usize>, count: usize, vectors: usize, filled: usize, v: Matrix)
}

compiled! {
    /// The way back along the last axis: M of some pairs of points of `count` tiles, so many vectors of channels.
    ///
    /// # Safety
    /// As for [`spread`], with the roles of the two exchanged.
    gather = backward::gather, (m: Matrix, pairs: Range<usize>, count: usize, vectors: usize, to: Strip)
}

compiled! {
    /// The way back along the other axes and to the picture: a vector of channels of a segment. `work` has [`finished`] elements.
    ///
    /// # Safety
    /// The processor has the instruction set; `from` is valid for the segment; its part of the picture is written by no other task.
    finish = backward::finish, (target: &Target, segment: &Segment, channel: usize, from: Strip, work: &mut [f32])
}

compiled! {
    /// All of the way back, from M of all points: a vector of channels of a segment. `work` has [`finished`] elements.
    ///
    /// # Safety
    /// As for [`finish`].
    bring = backward::bring, (target: &Target, segment: &Segment, channel: usize, m: Matrix, work: &mut [f32])
}
