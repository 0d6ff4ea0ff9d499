//! M to tiles of a plain `[channel][d][h][w]` picture, as many channels at a time as a vector holds.
//!
//! ```text
//! M of a tile   ── across planes, down rows, along rows ──▶  strip [Z planes][Y rows][X·count columns][lanes], with bias and activation
//! strip         ── turned in blocks of 8 columns × 8 channels, straight into the picture; at borders, or with a residual to be added
//!                  before the activation, by way of a block in scratch memory
//! ```

use super::points::{self, SIDE, STEP, outs, side};
use super::tiles::{Matrix, SPARE, Segment, Target};
use crate::activation::{activate, in_register, is_quick};
use crate::simd::{Simd, prefetch_to_read, prefetch_to_write};
use crate::{Activation, shared::Shared};
use std::ops::Range;

/// Transforms a segment back; see [`super::tiles::backward`].
#[inline(always)]
pub(super) unsafe fn transform<S: Simd, const Z: usize, const Y: usize, const X: usize>(
    target: &Target,
    segment: &Segment,
    channels: Range<usize>,
    work: &mut [f32],
    m: Matrix,
) {
    let [deep, tall, wide] = [outs(Z), outs(Y), outs(X)];
    let pitch = wide * segment.count * S::LANES;
    assert!(work.len() >= deep * tall * pitch + SPARE * S::LANES);
    // Early is the activation where nothing is added after it and it fits a register.
    let e = &target.epilogue;
    let early = if e.residual.is_none() { e.activation } else { Activation::Identity };
    for channel in channels.step_by(S::LANES) {
        let valid = S::LANES.min(target.outs - channel);
        let strip = work.as_mut_ptr();
        // SAFETY: the strip has `deep` planes of `tall` rows of `pitch` elements, by the assertion; M by the contract.
        unsafe {
            let bias = match e.bias {
                None => S::splat(0.0),
                Some(b) if valid == S::LANES => S::load(b[channel..].as_ptr()),
                Some(b) => S::load_part(b[channel..].as_ptr(), valid),
            };
            for tile in 0..segment.count {
                ask::<S>(target, segment, [deep, tall, wide], channel, tile);
                let from = m.start.add(tile * m.row + channel);
                let to = strip.add(tile * wide * S::LANES);
                let mut planes = [[S::splat(0.0); SIDE * SIDE]; STEP];
                for i in 0..side(Y) * side(X) {
                    let mut d = [S::splat(0.0); SIDE];
                    for p in 0..side(Z) {
                        d[p] = S::load(from.add((p * side(Y) * side(X) + i) * m.slot));
                    }
                    let d = points::output::<S, Z>(d);
                    for p in 0..deep {
                        planes[p][i] = d[p];
                    }
                }
                for p in 0..deep {
                    let mut rows = [[S::splat(0.0); SIDE]; STEP];
                    for j in 0..side(X) {
                        let mut d = [S::splat(0.0); SIDE];
                        for i in 0..side(Y) {
                            d[i] = planes[p][i * side(X) + j];
                        }
                        let d = points::output::<S, Y>(d);
                        for i in 0..tall {
                            rows[i][j] = d[i];
                        }
                    }
                    for i in 0..tall {
                        let d = points::output::<S, X>(rows[i]);
                        for j in 0..wide {
                            let v = in_register::<S>(early, S::add(d[j], bias));
                            S::store(to.add((p * tall + i) * pitch + j * S::LANES), v);
                        }
                    }
                }
            }
        }
        // SAFETY: passed on to the caller.
        unsafe { write::<S>(target, segment, [deep, tall, wide], channel, work) };
    }
}

/// Asks for the lines of the picture that the segment will be written to, a share of them with each tile: those of four tiles in a row.
#[inline(always)]
fn ask<S: Simd>(target: &Target, segment: &Segment, step: [usize; 3], channel: usize, tile: usize) {
    let [_, h, w] = target.output;
    let volume: usize = target.output.iter().product();
    let first = [0, 1, 2].map(|a| segment.tile[a] * step[a]);
    let per_line = 16 / step[2];
    let column = first[2] + tile / per_line * 16;
    for row in (tile % per_line..step[0] * step[1]).step_by(per_line) {
        let at = ((first[0] + row / step[1]) * h + first[1] + row % step[1]) * w + column;
        let at = channel * volume + at;
        for c in 0..S::LANES {
            prefetch_to_write(target.y.pointer().wrapping_add(at + c * volume));
        }
        if let Some(residual) = target.epilogue.residual {
            for c in 0..S::LANES {
                prefetch_to_read(residual.as_ptr().wrapping_add(at + c * volume));
            }
        }
    }
}

/// Turns the strip's rows to the picture's, with residual and what is left of the activation.
#[inline(always)]
unsafe fn write<S: Simd>(
    target: &Target,
    segment: &Segment,
    step: [usize; 3],
    channel: usize,
    strip: &[f32],
) {
    let [_, h, w] = target.output;
    let volume: usize = target.output.iter().product();
    let first = [0, 1, 2].map(|a| segment.tile[a] * step[a]);
    let columns = step[2] * segment.count;
    let wide = columns.min(w - first[2]);
    let down = [0, 1].map(|a| step[a].min(target.output[a] - first[a]));
    let valid = S::LANES.min(target.outs - channel);
    let e = &target.epilogue;
    for (p, i) in (0..down[0]).flat_map(|p| (0..down[1]).map(move |i| (p, i))) {
        let line = &strip[(p * step[1] + i) * columns * S::LANES..][..(columns + SPARE) * S::LANES];
        let row = channel * volume + ((first[0] + p) * h + first[1] + i) * w + first[2];
        // A cache line's columns of some channels, then of others, as on the way forward.
        for block in (0..wide).step_by(16) {
            for half in (0..valid).step_by(S::SIDE) {
                for at in (block..wide.min(block + 16)).step_by(S::SIDE) {
                    let n = S::SIDE.min(wide - at);
                    let from = line[at * S::LANES + half..].as_ptr();
                    let from_row = row + half * volume + at;
                    let channels = half..valid.min(half + S::SIDE);
                    // SAFETY: the line has `SPARE ≥ SIDE` columns behind its last; this part of the output is this task's, by the contract.
                    unsafe {
                        if n == S::SIDE && channels.len() == S::SIDE && e.residual.is_none() {
                            let to = target.y.pointer().add(from_row);
                            S::transpose(from, S::LANES, S::SIDE, to, volume);
                        } else {
                            let residual = e.residual.map(|r| (r, e.activation));
                            turn::<S>(from, target.y, residual, [from_row, volume, n], channels);
                        }
                    }
                }
            }
        }
        if !is_quick(e.activation) {
            for c in 0..valid {
                // SAFETY: as above.
                activate(unsafe { target.y.part(row + c * volume, wide) }, e.activation);
            }
        }
    }
}

/// Turns a block of `n` columns and some channels by way of scratch memory; `residual` comes with the activation that follows it.
///
/// # Safety
/// `from` has `SIDE` columns; the instruction set; this part of the output is this task's.
#[inline(always)]
unsafe fn turn<S: Simd>(
    from: *const f32,
    y: &Shared,
    residual: Option<(&[f32], Activation)>,
    [first, volume, n]: [usize; 3],
    channels: Range<usize>,
) {
    let mut turned = [0.0; 64];
    assert!(S::SIDE * S::SIDE <= turned.len() && n <= S::SIDE);
    // SAFETY: a block has `SIDE`² elements, by the assertion.
    unsafe { S::transpose(from, S::LANES, S::SIDE, turned.as_mut_ptr(), S::SIDE) };
    for (c, row) in channels.zip(turned.chunks_exact(S::SIDE)).map(|(_, row)| row).enumerate() {
        // SAFETY: by the contract.
        let y = unsafe { y.part(first + c * volume, n) };
        let Some((r, act)) = residual else {
            y.copy_from_slice(&row[..n]);
            continue;
        };
        let r = &r[first + c * volume..][..n];
        // SAFETY: `n` elements of each; the instruction set by the contract.
        unsafe {
            if n == S::LANES {
                let v = S::add(S::load(row.as_ptr()), S::load(r.as_ptr()));
                S::store(y.as_mut_ptr(), in_register::<S>(act, v));
            } else {
                let v = S::add(S::load_part(row.as_ptr(), n), S::load_part(r.as_ptr(), n));
                S::store_part(y.as_mut_ptr(), in_register::<S>(act, v), n);
            }
        }
    }
}
