//! Tiles in and out of a plain `[channel][h][w]` picture, as many channels at a time as a vector holds.
//!
//! ```text
//! forward   strip [6 rows][4·count + 2 columns][lanes]  turned from the picture, zero past its borders; the prologue; down the columns at
//!           once (neighbouring tiles share two), then across each tile into V
//! backward  each tile of M down and across into the strip [4 rows][4·count columns][lanes], with bias; each row turned to
//!           [lanes][columns]; residual, activation, into the picture
//! ```

use super::STEP;
use super::points::{self, SIDE};
use crate::conv::shape::{Epilogue, Prologue};
use crate::shared::Shared;
use crate::simd::{Portable, Simd};
use crate::{Activation, Isa, activation::activate};
use std::ops::Range;

/// Most tiles of a strip: with 8 lanes its 13 KiB stay in the first-level cache.
pub(super) const SEGMENT: usize = 16;

/// Columns of the longest strip, with those a last block of a turn may write too many.
const LONGEST: usize = STEP * SEGMENT + 2;
const SPARE: usize = 8;

/// `count` neighbouring tiles of a row of tiles; `first` is the number of the first of them.
pub(super) struct Segment {
    pub first: usize,
    pub row: usize,
    pub column: usize,
    pub count: usize,
}

/// The picture read.
pub(super) struct Source<'a> {
    pub x: &'a [f32],
    pub ins: usize,
    pub input: [usize; 2],
    pub pad: [usize; 2],
    pub pre: Option<Prologue<'a>>,
}

/// The picture written.
pub(super) struct Target<'a> {
    pub y: &'a Shared<'a>,
    pub outs: usize,
    pub output: [usize; 2],
    pub epilogue: Epilogue<'a>,
}

/// Channels the transforms work on at a time.
pub(super) fn lanes(isa: Isa) -> usize {
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
const fn strips(lanes: usize) -> usize {
    16 / lanes
}

/// Elements of a strip with room for a last turned block, whole cache lines.
const fn strip_len(lanes: usize) -> usize {
    (lanes * (SIDE * LONGEST + SPARE)).next_multiple_of(16)
}

/// Elements of scratch memory of a thread: the strips, which are longer than what `backward` needs.
pub(super) fn scratch(isa: Isa) -> usize {
    strips(lanes(isa)) * strip_len(lanes(isa))
}

const _: () = assert!(
    STEP * STEP * SEGMENT + SPARE + STEP * SEGMENT + SPARE <= SIDE * LONGEST,
    "the strip of `backward` and its turned rows fit in one of `forward`"
);

/// Transforms the tiles of `segment`, channels `channels` (whole vectors, perhaps past the last channel), to
/// `v[ξ·slot + tile·row + channel]`, tiles counted from the segment's first.
///
/// # Safety
/// The processor has `isa`; `v` is valid there and written by no other task; `scratch` has [`scratch`] elements.
pub(super) unsafe fn forward(
    isa: Isa,
    source: &Source,
    segment: &Segment,
    channels: Range<usize>,
    scratch: &mut [f32],
    v: *mut f32,
    [slot, row]: [usize; 2],
) {
    let to = Matrix { start: v, slot, row };
    // SAFETY: passed on to the caller.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => forward_avx512(source, segment, channels, scratch, to),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => forward_avx2(source, segment, channels, scratch, to),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => forward_all::<crate::simd::Neon>(source, segment, channels, scratch, to),
            _ => forward_all::<Portable>(source, segment, channels, scratch, to),
        }
    }
}

/// The way back: `m[ξ·slot + tile·row + channel]` to the picture.
///
/// # Safety
/// As for [`forward`]; the tiles and channels of the picture are written by no other task.
pub(super) unsafe fn backward(
    isa: Isa,
    target: &Target,
    segment: &Segment,
    channels: Range<usize>,
    scratch: &mut [f32],
    m: *mut f32,
    [slot, row]: [usize; 2],
) {
    let from = Matrix { start: m, slot, row };
    // SAFETY: passed on to the caller.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => backward_avx512(target, segment, channels, scratch, from),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => backward_avx2(target, segment, channels, scratch, from),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => {
                backward_all::<crate::simd::Neon>(target, segment, channels, scratch, from)
            }
            _ => backward_all::<Portable>(target, segment, channels, scratch, from),
        }
    }
}

/// V or M: element `[ξ·slot + tile·row + channel]`.
#[derive(Clone, Copy)]
struct Matrix {
    start: *mut f32,
    slot: usize,
    row: usize,
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn forward_avx512(s: &Source, at: &Segment, c: Range<usize>, strip: &mut [f32], v: Matrix) {
    // SAFETY: passed on to the caller; so in the three below.
    unsafe { forward_all::<crate::simd::Avx512>(s, at, c, strip, v) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn forward_avx2(s: &Source, at: &Segment, c: Range<usize>, strip: &mut [f32], v: Matrix) {
    // SAFETY: passed on.
    unsafe { forward_all::<crate::simd::Avx2>(s, at, c, strip, v) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn backward_avx512(t: &Target, at: &Segment, c: Range<usize>, strip: &mut [f32], m: Matrix) {
    // SAFETY: passed on.
    unsafe { backward_all::<crate::simd::Avx512>(t, at, c, strip, m) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn backward_avx2(t: &Target, at: &Segment, c: Range<usize>, strip: &mut [f32], m: Matrix) {
    // SAFETY: passed on.
    unsafe { backward_all::<crate::simd::Avx2>(t, at, c, strip, m) }
}

#[inline(always)]
unsafe fn forward_all<S: Simd>(
    source: &Source,
    segment: &Segment,
    channels: Range<usize>,
    scratch: &mut [f32],
    v: Matrix,
) {
    let columns = STEP * segment.count + 2;
    let (pitch, stride) = (columns * S::LANES, strip_len(S::LANES));
    assert!(scratch.len() >= strips(S::LANES) * stride && SIDE * pitch <= stride);
    for channel in channels.clone().step_by(strips(S::LANES) * S::LANES) {
        let strips = strips(S::LANES).min((channels.end - channel).div_ceil(S::LANES));
        for (k, strip) in scratch.chunks_exact_mut(stride).take(strips).enumerate() {
            fill::<S>(source, segment, channel + k * S::LANES, strip);
            for column in 0..columns {
                // SAFETY: the strip has `SIDE` rows of `columns` vectors, by the assertion.
                unsafe {
                    let at = strip.as_mut_ptr().add(column * S::LANES);
                    let mut d = [S::splat(0.0); SIDE];
                    for i in 0..SIDE {
                        d[i] = S::load(at.add(i * pitch));
                    }
                    let d = points::input::<S>(d);
                    for i in 0..SIDE {
                        S::store(at.add(i * pitch), d[i]);
                    }
                }
            }
        }
        let strip = scratch.as_ptr();
        for tile in 0..segment.count {
            for k in 0..strips {
                // SAFETY: as above; V by the contract.
                unsafe {
                    let from = strip.add(k * stride + tile * STEP * S::LANES);
                    let to = v.start.add(tile * v.row + channel + k * S::LANES);
                    for i in 0..SIDE {
                        let mut d = [S::splat(0.0); SIDE];
                        for j in 0..SIDE {
                            d[j] = S::load(from.add(i * pitch + j * S::LANES));
                        }
                        let d = points::input::<S>(d);
                        for j in 0..SIDE {
                            S::store(to.add((i * SIDE + j) * v.slot), d[j]);
                        }
                    }
                }
            }
        }
    }
}

/// Turns the inputs of a segment to `[6 rows][columns][lanes]`, with the prologue, and zeros outside the picture and past the last channel.
#[inline(always)]
fn fill<S: Simd>(source: &Source, segment: &Segment, channel: usize, strip: &mut [f32]) {
    let [h, w] = source.input;
    let columns = STEP * segment.count + 2;
    let valid = S::LANES.min(source.ins - channel);
    let (left, top) = (STEP * segment.column, STEP * segment.row);
    // Columns of the strip that lie on the picture.
    let low = source.pad[1].saturating_sub(left).min(columns);
    let high = (w + source.pad[1]).saturating_sub(left).clamp(low, columns);
    for i in 0..SIDE {
        let line = &mut strip[i * columns * S::LANES..][..(columns + SPARE) * S::LANES];
        let row = (top + i).checked_sub(source.pad[0]).filter(|row| *row < h && low < high);
        let Some(row) = row else {
            line[..columns * S::LANES].fill(0.0);
            continue;
        };
        let first = row * w + left + low - source.pad[1];
        line[..low * S::LANES].fill(0.0);
        if valid == S::LANES {
            let x = &source.x[channel * h * w + first..];
            assert!(x.len() >= (S::LANES - 1) * h * w + high - low);
            for at in (low..high).step_by(S::SIDE) {
                let n = S::SIDE.min(high - at);
                for half in (0..S::LANES).step_by(S::SIDE) {
                    // SAFETY: `n` elements of each of the `LANES` channels, by the assertion; the line has `SPARE ≥ SIDE` columns more
                    // than `columns ≥ at`. The instruction set by the caller of the function this is inlined into.
                    unsafe {
                        let from = x.as_ptr().add(half * h * w + at - low);
                        let to = line.as_mut_ptr().add(at * S::LANES + half);
                        S::transpose(from, h * w, n, to, S::LANES);
                    }
                }
            }
        } else {
            line[low * S::LANES..high * S::LANES].fill(0.0);
            for c in 0..valid {
                let x = &source.x[(channel + c) * h * w + first..][..high - low];
                for (x, to) in x.iter().zip(line[low * S::LANES + c..].iter_mut().step_by(S::LANES))
                {
                    *to = *x;
                }
            }
        }
        line[high * S::LANES..columns * S::LANES].fill(0.0);
        if let Some(pre) = &source.pre {
            let line = &mut line[low * S::LANES..high * S::LANES];
            let (scale, shift) = (&pre.scale[channel..][..valid], &pre.shift[channel..][..valid]);
            let relu = pre.activation == Activation::Relu;
            // SAFETY: `valid ≤ LANES` factors; the line is whole vectors; the instruction set as above.
            unsafe {
                let (scale, shift) = if valid == S::LANES {
                    (S::load(scale.as_ptr()), S::load(shift.as_ptr()))
                } else {
                    (S::load_part(scale.as_ptr(), valid), S::load_part(shift.as_ptr(), valid))
                };
                for at in line.chunks_exact_mut(S::LANES) {
                    let y = S::fma(S::load(at.as_ptr()), scale, shift);
                    S::store(at.as_mut_ptr(), if relu { S::relu(y) } else { y });
                }
            }
            if !matches!(pre.activation, Activation::Identity | Activation::Relu) {
                activate(line, pre.activation);
            }
        }
    }
}

#[inline(always)]
unsafe fn backward_all<S: Simd>(
    target: &Target,
    segment: &Segment,
    channels: Range<usize>,
    scratch: &mut [f32],
    m: Matrix,
) {
    let pitch = STEP * segment.count * S::LANES;
    assert!(scratch.len() >= STEP * pitch + S::LANES * (STEP * segment.count + 2 * SPARE));
    for channel in channels.step_by(S::LANES) {
        let valid = S::LANES.min(target.outs - channel);
        let strip = scratch.as_mut_ptr();
        // SAFETY: the strip has `STEP` rows of `pitch` elements, by the assertion; M by the contract.
        unsafe {
            let bias = match target.epilogue.bias {
                None => S::splat(0.0),
                Some(b) if valid == S::LANES => S::load(b[channel..].as_ptr()),
                Some(b) => S::load_part(b[channel..].as_ptr(), valid),
            };
            for tile in 0..segment.count {
                let from = m.start.add(tile * m.row + channel);
                let to = strip.add(tile * STEP * S::LANES);
                let mut half = [[S::splat(0.0); SIDE]; STEP];
                for j in 0..SIDE {
                    let mut d = [S::splat(0.0); SIDE];
                    for i in 0..SIDE {
                        d[i] = S::load(from.add((i * SIDE + j) * m.slot));
                    }
                    let d = points::output::<S>(d);
                    for i in 0..STEP {
                        half[i][j] = d[i];
                    }
                }
                for i in 0..STEP {
                    let d = points::output::<S>(half[i]);
                    for j in 0..STEP {
                        S::store(to.add(i * pitch + j * S::LANES), S::add(d[j], bias));
                    }
                }
            }
        }
        // SAFETY: passed on to the caller.
        unsafe { write::<S>(target, segment, channel, scratch) };
    }
}

/// Turns the strip's rows to the picture's, with residual and activation.
#[inline(always)]
unsafe fn write<S: Simd>(target: &Target, segment: &Segment, channel: usize, scratch: &mut [f32]) {
    let [h, w] = target.output;
    let (left, top) = (STEP * segment.column, STEP * segment.row);
    let columns = STEP * segment.count;
    let (wide, down) = (columns.min(w - left), STEP.min(h - top));
    let valid = S::LANES.min(target.outs - channel);
    let activation = target.epilogue.activation;
    let relu = activation == Activation::Relu;
    let (strip, turned) = scratch.split_at_mut((STEP * columns + SPARE) * S::LANES);
    let pitch = columns + SPARE;
    assert!(turned.len() >= S::LANES * pitch);
    for i in 0..down {
        let line = &strip[i * columns * S::LANES..][..(columns + SPARE) * S::LANES];
        for at in (0..wide).step_by(S::SIDE) {
            for half in (0..S::LANES).step_by(S::SIDE) {
                // SAFETY: the line has `SPARE ≥ SIDE` columns behind its last, and so have the turned rows.
                unsafe {
                    let from = line.as_ptr().add(at * S::LANES + half);
                    let to = turned.as_mut_ptr().add(half * pitch + at);
                    S::transpose(from, S::LANES, S::SIDE, to, pitch);
                }
            }
        }
        for c in 0..valid {
            let at = (channel + c) * h * w + (top + i) * w + left;
            let from = &turned[c * pitch..][..wide];
            // SAFETY: this part of the output is this task's, by the contract.
            let y = unsafe { target.y.part(at, wide) };
            let residual = target.epilogue.residual.map(|r| r[at..][..wide].as_ptr());
            // SAFETY: `wide` elements of each; the instruction set by the caller of the function this is inlined into.
            unsafe { finish::<S>(from.as_ptr(), residual, relu, y) };
            if !matches!(activation, Activation::Identity | Activation::Relu) {
                activate(y, activation);
            }
        }
    }
}

/// `y = from + residual`, then relu if asked for.
///
/// # Safety
/// `from` and `residual` have as many elements as `y`.
#[inline(always)]
unsafe fn finish<S: Simd>(
    from: *const f32,
    residual: Option<*const f32>,
    relu: bool,
    y: &mut [f32],
) {
    let n = y.len();
    let y = y.as_mut_ptr();
    // SAFETY: every access lies in the first `n` elements.
    unsafe {
        let end = |v: S::V| if relu { S::relu(v) } else { v };
        let mut i = 0;
        while i + S::LANES <= n {
            let mut v = S::load(from.add(i));
            if let Some(r) = residual {
                v = S::add(v, S::load(r.add(i)));
            }
            S::store(y.add(i), end(v));
            i += S::LANES;
        }
        if i < n {
            let mut v = S::load_part(from.add(i), n - i);
            if let Some(r) = residual {
                v = S::add(v, S::load_part(r.add(i), n - i));
            }
            S::store_part(y.add(i), end(v), n - i);
        }
    }
}
