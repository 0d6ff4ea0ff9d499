//! Tiles out of a plain `[channel][d][h][w]` picture into V, as many channels at a time as a vector holds.
//!
//! ```text
//! strip  [planes][rows][X·count + 2 columns][lanes], for tiles of Z×Y×X outputs 6 or 4 planes (1 on flat kernels) and rows; with
//!        stride two [10 planes][10 rows][8·count + 2 columns][lanes], the elements of a phase two apart
//!
//! plane  ┌─────────┬─────────┬───                 1 turned from the picture, zero past its borders
//!  row   │ tile 0  ╎ ╎  tile 1 ╎                  2 prologue and transform down its rows, in place; neighbouring tiles
//!  row   │         ╎ ╎         ╎                    share two columns, which are done once
//!        └─────────┴─────────┴───                 3 tile by tile across the planes, in place, then along each row into V
//! ```

use super::points::{self, SIDE, outs, phases, side};
use super::tiles::{Matrix, SPARE, Segment, Source, columns, strip_len, strips};
use crate::Activation;
use crate::activation::activate;
use crate::simd::Simd;
use std::ops::Range;

/// Transforms a segment; see [`super::tiles::forward`].
#[inline(always)]
pub(super) unsafe fn transform<S: Simd, const Z: usize, const Y: usize, const X: usize>(
    source: &Source,
    segment: &Segment,
    channels: Range<usize>,
    work: &mut [f32],
    v: Matrix,
) {
    let columns = columns(X, segment.count);
    let (pitch, stride) = (columns * S::LANES, strip_len([Z, Y, X], S::LANES));
    let [planes, rows] = [phases(Z) * side(Z), phases(Y) * side(Y)];
    let plane = rows * pitch;
    // Channels of a phase in V.
    let filled = source.ins.next_multiple_of(S::LANES);
    assert!(work.len() >= strips(S::LANES) * stride);
    assert!(planes * plane + SPARE * S::LANES <= stride);
    for channel in channels.clone().step_by(strips(S::LANES) * S::LANES) {
        let strips = strips(S::LANES).min((channels.end - channel).div_ceil(S::LANES));
        for (k, strip) in work.chunks_exact_mut(stride).take(strips).enumerate() {
            for p in 0..planes {
                let at = Plane::new(source, segment, [Z, Y, X], p);
                // SAFETY: passed on to the caller; the strip has `SPARE` columns behind its last plane, by the assertion.
                unsafe { at.fill::<S, Y>(source, channel + k * S::LANES, &mut strip[p * plane..]) };
            }
        }
        let strip = work.as_mut_ptr();
        for tile in 0..segment.count {
            for k in 0..strips {
                // SAFETY: the strip has `planes` planes of `rows` rows of `columns` vectors, by the assertion; V by the contract.
                unsafe {
                    let strip = strip.add(k * stride + tile * phases(X) * outs(X) * S::LANES);
                    if Z > 1 {
                        let done = if tile == 0 { 0 } else { phases(X) * (side(X) - outs(X)) };
                        for i in 0..rows {
                            for j in done..phases(X) * side(X) {
                                let at = strip.add(i * pitch + j * S::LANES);
                                for phase in 0..phases(Z) {
                                    let mut d = [S::splat(0.0); SIDE];
                                    for p in 0..side(Z) {
                                        d[p] = S::load(at.add((p * phases(Z) + phase) * plane));
                                    }
                                    let d = points::input::<S, Z>(d);
                                    for p in 0..side(Z) {
                                        S::store(at.add((p * phases(Z) + phase) * plane), d[p]);
                                    }
                                }
                            }
                        }
                    }
                    let to = v.start.add(tile * v.row + channel + k * S::LANES);
                    for z in 0..planes {
                        for y in 0..rows {
                            for x in 0..phases(X) {
                                let from = strip.add(z * plane + y * pitch + x * S::LANES);
                                let mut d = [S::splat(0.0); SIDE];
                                for j in 0..side(X) {
                                    d[j] = S::load(from.add(j * phases(X) * S::LANES));
                                }
                                let d = points::input::<S, X>(d);
                                let (p, i) = (z / phases(Z), y / phases(Y));
                                let phase = (z % phases(Z) * phases(Y) + y % phases(Y)) * phases(X);
                                let to = to.add((phase + x) * filled);
                                for j in 0..side(X) {
                                    let point = (p * side(Y) + i) * side(X) + j;
                                    S::store(to.add(point * v.slot), d[j]);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Kinds of prologue that fit a register. A constant, not a closure: one might not be inlined, and would then be compiled without the
/// instruction set.
const NONE: u8 = 0;
const PLAIN: u8 = 1;
const RELU: u8 = 2;
const LEAKY: u8 = 3;

#[inline(always)]
unsafe fn before<S: Simd, const KIND: u8>(v: S::V, [scale, shift, slope]: [S::V; 3]) -> S::V {
    // SAFETY: the instruction set by the caller.
    unsafe {
        match KIND {
            NONE => v,
            PLAIN => S::fma(v, scale, shift),
            RELU => S::relu(S::fma(v, scale, shift)),
            _ => {
                let v = S::fma(v, scale, shift);
                S::if_less(v, S::splat(0.0), S::mul(v, slope), v)
            }
        }
    }
}

/// One plane of a strip: the part of it that lies on the picture.
struct Plane {
    columns: usize,
    /// Columns and rows on the picture; no rows where the plane is not.
    across: Range<usize>,
    down: Range<usize>,
    /// Where the first of them begins in a channel.
    first: usize,
}

impl Plane {
    fn new(source: &Source, segment: &Segment, step: [usize; 3], plane: usize) -> Plane {
        let [d, h, w] = source.input;
        let columns = columns(step[2], segment.count);
        // The elements of an axis that begins at `from` on the padded input and lie on the input, counted from `from`.
        let on = |axis: usize, from: usize, len: usize| {
            let low = source.pad[axis].saturating_sub(from).min(len);
            low..(source.input[axis] + source.pad[axis]).saturating_sub(from).clamp(low, len)
        };
        let [z, y, x] = [0, 1, 2].map(|a| segment.tile[a] * phases(step[a]) * outs(step[a]));
        let across = on(2, x, columns);
        let (z, depth) = (z + plane, on(0, z + plane, 1));
        let down = if depth.is_empty() || across.is_empty() {
            0..0
        } else {
            on(1, y, phases(step[1]) * side(step[1]))
        };
        if down.is_empty() || z >= d + source.pad[0] {
            return Plane { columns, across: 0..0, down: 0..0, first: 0 };
        }
        let row = (z - source.pad[0]) * h + y + down.start - source.pad[1];
        let first = row * w + x + across.start - source.pad[2];
        Plane { columns, across, down, first }
    }

    /// Turns the plane to `[rows][columns][lanes]` and transforms it down its rows, after the prologue. Zeros outside the picture and past
    /// the last channel.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    unsafe fn fill<S: Simd, const Y: usize>(
        &self,
        source: &Source,
        channel: usize,
        strip: &mut [f32],
    ) {
        let pitch = self.columns * S::LANES;
        if self.down.is_empty() {
            strip[..phases(Y) * side(Y) * pitch].fill(0.0);
            return;
        }
        let valid = S::LANES.min(source.ins - channel);
        let Range { start: low, end: high } = self.across;
        let (width, volume) = (source.input[2], source.input.iter().product::<usize>());
        for i in self.down.clone() {
            let line = &mut strip[i * pitch..][..(self.columns + SPARE) * S::LANES];
            let first = channel * volume + self.first + (i - self.down.start) * width;
            if valid == S::LANES {
                let x = &source.x[first..];
                assert!(x.len() >= (S::LANES - 1) * volume + high - low);
                // A cache line's columns of some channels, then of others: where planes are a power of two large the lines of all channels
                // share a set of the first-level cache, which holds eight or twelve.
                for wide in (low..high).step_by(16) {
                    for half in (0..S::LANES).step_by(S::SIDE) {
                        for at in (wide..high.min(wide + 16)).step_by(S::SIDE) {
                            let n = S::SIDE.min(high - at);
                            // SAFETY: `n` elements of each of the `LANES` channels, by the assertion; the line has `SPARE ≥ SIDE` columns
                            // more than `columns ≥ at`. What it writes too much is the next row's, which is filled later.
                            unsafe {
                                let from = x.as_ptr().add(half * volume + at - low);
                                let to = line.as_mut_ptr().add(at * S::LANES + half);
                                S::transpose(from, volume, n, to, S::LANES);
                            }
                        }
                    }
                }
            } else {
                line[low * S::LANES..high * S::LANES].fill(0.0);
                for c in 0..valid {
                    let x = &source.x[c * volume + first..][..high - low];
                    let to = line[low * S::LANES + c..].iter_mut().step_by(S::LANES);
                    x.iter().zip(to).for_each(|(x, to)| *to = *x);
                }
            }
        }
        // SAFETY: the instruction set by the caller; `valid ≤ LANES` factors.
        unsafe {
            let Some(pre) = &source.pre else {
                return self.down::<S, Y, NONE>(strip, [S::splat(0.0); 3]);
            };
            let (scale, shift) = (&pre.scale[channel..][..valid], &pre.shift[channel..][..valid]);
            let (scale, shift) = if valid == S::LANES {
                (S::load(scale.as_ptr()), S::load(shift.as_ptr()))
            } else {
                (S::load_part(scale.as_ptr(), valid), S::load_part(shift.as_ptr(), valid))
            };
            let by = [scale, shift, S::splat(0.0)];
            match pre.activation {
                Activation::Identity => self.down::<S, Y, PLAIN>(strip, by),
                Activation::Relu => self.down::<S, Y, RELU>(strip, by),
                Activation::LeakyRelu(slope) => {
                    self.down::<S, Y, LEAKY>(strip, [scale, shift, S::splat(slope)]);
                }
                other => {
                    for i in self.down.clone() {
                        let line = &mut strip[i * pitch..][low * S::LANES..high * S::LANES];
                        for at in line.chunks_exact_mut(S::LANES) {
                            S::store(at.as_mut_ptr(), S::fma(S::load(at.as_ptr()), scale, shift));
                        }
                        activate(line, other);
                    }
                    self.down::<S, Y, NONE>(strip, by);
                }
            }
        }
    }

    /// Transforms each column down its rows, in place, the prologue of a kind with `[scale, shift, slope]` before.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    unsafe fn down<S: Simd, const Y: usize, const KIND: u8>(
        &self,
        strip: &mut [f32],
        by: [S::V; 3],
    ) {
        let pitch = self.columns * S::LANES;
        let rows = phases(Y) * side(Y);
        let strip = &mut strip[..rows * pitch];
        for i in 0..rows {
            let line = &mut strip[i * pitch..][..pitch];
            line[..self.across.start * S::LANES].fill(0.0);
            line[self.across.end * S::LANES..].fill(0.0);
        }
        for column in self.across.clone() {
            for phase in 0..phases(Y) {
                // SAFETY: the plane has `rows` rows of `columns` vectors, by the slice.
                unsafe {
                    let at = strip.as_mut_ptr().add(column * S::LANES);
                    let mut d = [S::splat(0.0); SIDE];
                    for i in 0..side(Y) {
                        let row = i * phases(Y) + phase;
                        if self.down.contains(&row) {
                            d[i] = before::<S, KIND>(S::load(at.add(row * pitch)), by);
                        }
                    }
                    let d = points::input::<S, Y>(d);
                    for i in 0..side(Y) {
                        S::store(at.add((i * phases(Y) + phase) * pitch), d[i]);
                    }
                }
            }
        }
    }
}
