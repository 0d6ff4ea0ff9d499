//! Tiles out of a plain `[channel][d][h][w]` picture into V, as many channels at a time as a vector holds.
//!
//! ```text
//! strip  [planes][rows][X·count + 2 columns][lanes], for tiles of Z×Y×X outputs 6 or 4 planes (1 on flat kernels) and rows; with
//!        stride two [10 planes][10 rows][8·count + 2 columns][lanes], the elements of a phase two apart
//!
//! plane  ┌─────────┬─────────┬───                 1 turned from the picture, zero past its borders
//!  row   │ tile 0  ╎ ╎  tile 1 ╎                  2 prologue and transform down its rows, in place; neighbouring tiles
//!  row   │         ╎ ╎         ╎                    share two columns, which are done once
//!        └─────────┴─────────┴───                 3 across the planes, in place
//!                                                 4 row by row, when its points are due: tile by tile along it into V
//! ```

use super::points::{self, outs, phases, phases_at, side};
use super::tiles::{Matrix, SPARE, Segment, Source, Strip, columns, line};
use crate::Activation;
use crate::activation::activate;
use crate::conv::shape::Prologue;
use crate::simd::Simd;
use std::ops::Range;

/// Steps 1 to 3 for a vector of channels; see [`super::tiles::lay`].
#[inline(always)]
pub(super) unsafe fn lay<
    S: Simd,
    const Z: usize,
    const Y: usize,
    const X: usize,
    const SIDE: usize,
    const STEP: usize,
>(
    source: &Source,
    segment: &Segment,
    channel: usize,
    to: Strip,
) {
    let rows = phases(Y) * side(Y);
    // SAFETY: passed on to the caller.
    unsafe {
        for p in 0..phases(Z) * side(Z) {
            let strip = Strip { start: to.start.add(p * rows * to.slot), ..to };
            Plane::new(source, segment, [Z, Y, X], p).fill::<S, Y, SIDE>(source, channel, strip);
        }
        if Z == 1 {
            return;
        }
        let plane = rows * to.slot;
        // Not the lines of phases that do not count at their point.
        for i in (0..rows).filter(|i| i % phases(Y) < phases_at(Y, i / phases(Y))) {
            for column in 0..columns(X, segment.count) {
                let at = to.start.add(i * to.slot + column * S::LANES);
                for phase in 0..phases(Z) {
                    let mut d = [S::splat(0.0); SIDE];
                    for p in 0..side(Z) {
                        d[p] = S::load(at.add((p * phases(Z) + phase) * plane));
                    }
                    let d = points::input::<S, Z, SIDE>(d);
                    for p in (0..side(Z)).filter(|p| phase < phases_at(Z, *p)) {
                        S::store(at.add((p * phases(Z) + phase) * plane), d[p]);
                    }
                }
            }
        }
    }
}

/// Step 4 for the rows of some pairs of points; see [`super::tiles::spread`].
#[inline(always)]
pub(super) unsafe fn spread<
    S: Simd,
    const Z: usize,
    const Y: usize,
    const X: usize,
    const SIDE: usize,
    const STEP: usize,
>(
    from: Strip,
    pairs: Range<usize>,
    count: usize,
    vectors: usize,
    filled: usize,
    v: Matrix,
) {
    for (i, pair) in pairs.enumerate() {
        // Phases that do not count at a point have no place there.
        let (planes, rows) = (phases_at(Z, pair / side(Y)), phases_at(Y, pair % side(Y)));
        for place in 0..planes * rows {
            let phase = place / rows * phases(Y) + place % rows;
            let row = line([Z, Y, X], pair, phase);
            for k in 0..vectors {
                for tile in 0..count {
                    for x in 0..phases(X) {
                        // SAFETY: passed on to the caller.
                        unsafe {
                            let from = from.start.add(row * from.slot + k * from.length);
                            let from = from.add((tile * phases(X) * outs(X) + x) * S::LANES);
                            let mut d = [S::splat(0.0); SIDE];
                            for j in 0..side(X) {
                                d[j] = S::load(from.add(j * phases(X) * S::LANES));
                            }
                            let d = points::input::<S, X, SIDE>(d);
                            let to =
                                v.start.add(i * side(X) * v.slot + tile * v.row + k * S::LANES);
                            for j in (0..side(X)).filter(|j| x < phases_at(X, *j)) {
                                let channel = (place * phases_at(X, j) + x) * filled;
                                S::store(to.add(j * v.slot + channel), d[j]);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Whether the activation of a prologue fits no register.
fn is_slow(pre: &Prologue) -> bool {
    let quick = matches!(
        pre.activation,
        Activation::Identity | Activation::Relu | Activation::LeakyRelu(_)
    );
    !quick && pre.slopes.is_none()
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

    /// Turns the plane to lines of `[columns][lanes]`, unless it lies so, and transforms it down its rows, after the prologue. Zeros outside
    /// the picture and past the last channel.
    ///
    /// # Safety
    /// The processor has the instruction set; each line of `to` has [`SPARE`] columns more than the plane.
    #[inline(always)]
    unsafe fn fill<S: Simd, const Y: usize, const SIDE: usize>(
        &self,
        source: &Source,
        channel: usize,
        to: Strip,
    ) {
        // SAFETY: by the contract.
        let line_of = |i: usize, columns: usize| unsafe {
            std::slice::from_raw_parts_mut(to.start.add(i * to.slot), columns * S::LANES)
        };
        if self.down.is_empty() {
            (0..phases(Y) * side(Y)).for_each(|i| line_of(i, self.columns).fill(0.0));
            return;
        }
        let valid = S::LANES.min(source.ins - channel);
        let Range { start: low, end: high } = self.across;
        let (width, volume) = (source.input[2], source.input.iter().product::<usize>());
        let blocked = source.blocks.get(channel / S::LANES) == Some(&true);
        // What fits no register is done to the rows where they are turned to.
        let in_place = blocked && !source.pre.as_ref().is_some_and(is_slow);
        for i in self.down.clone().filter(|_| !in_place) {
            let line = line_of(i, self.columns + SPARE);
            let row = self.first + (i - self.down.start) * width;
            let first = channel * volume + row;
            if blocked {
                let row = &source.x[channel * volume + row * S::LANES..];
                let row = &row[..(high - low) * S::LANES];
                line[low * S::LANES..high * S::LANES].copy_from_slice(row);
            } else if valid == S::LANES {
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
        let from = if in_place {
            let (block, step) = (&source.x[channel * volume..], width * S::LANES);
            let last = self.first + (self.down.len() - 1) * width + (high - low);
            assert!(last <= volume && block.len() >= volume * S::LANES);
            // The place of the first row and column of the plane, which need not lie on the picture.
            let before = self.down.start * step + low * S::LANES;
            (block.as_ptr().wrapping_add(self.first * S::LANES).wrapping_sub(before), step)
        } else {
            (to.start.cast_const(), to.slot)
        };
        // SAFETY: the instruction set by the caller; `valid ≤ LANES` factors; the rows lie at `from` by the assertion or were laid there.
        unsafe {
            let Some(pre) = &source.pre else {
                return self.down::<S, Y, NONE, SIDE>(from, to, [S::splat(0.0); 3]);
            };
            let lanes = |values: &[f32]| {
                let values = &values[channel..][..valid];
                match valid == S::LANES {
                    true => S::load(values.as_ptr()),
                    false => S::load_part(values.as_ptr(), valid),
                }
            };
            let (scale, shift) = (lanes(pre.scale), lanes(pre.shift));
            if let Some(slopes) = pre.slopes {
                let all = |values: &[f32], v: f32| {
                    values[channel..][..valid].iter().all(|value| *value == v)
                };
                // Another part of a concatenation.
                if all(slopes, 1.0) && all(pre.scale, 1.0) && all(pre.shift, 0.0) {
                    return self.down::<S, Y, NONE, SIDE>(from, to, [scale; 3]);
                }
                return self.down::<S, Y, LEAKY, SIDE>(from, to, [scale, shift, lanes(slopes)]);
            }
            let by = [scale, shift, S::splat(0.0)];
            match pre.activation {
                Activation::Identity => self.down::<S, Y, PLAIN, SIDE>(from, to, by),
                Activation::Relu => self.down::<S, Y, RELU, SIDE>(from, to, by),
                Activation::LeakyRelu(slope) => {
                    self.down::<S, Y, LEAKY, SIDE>(from, to, [scale, shift, S::splat(slope)]);
                }
                other => {
                    for i in self.down.clone() {
                        let line = &mut line_of(i, high)[low * S::LANES..];
                        for at in line.chunks_exact_mut(S::LANES) {
                            S::store(at.as_mut_ptr(), S::fma(S::load(at.as_ptr()), scale, shift));
                        }
                        activate(line, other);
                    }
                    self.down::<S, Y, NONE, SIDE>(from, to, by);
                }
            }
        }
    }

    /// Transforms each column down its rows into the strip, the prologue of a kind with `[scale, shift, slope]` before. `from` is where the
    /// first row of the plane would begin, and the elements from one row to the next.
    ///
    /// # Safety
    /// The processor has the instruction set; `strip` has the plane's lines; what lies on the picture can be read at `from`.
    #[inline(always)]
    unsafe fn down<S: Simd, const Y: usize, const KIND: u8, const SIDE: usize>(
        &self,
        (from, from_row): (*const f32, usize),
        strip: Strip,
        by: [S::V; 3],
    ) {
        let Strip { start, slot, .. } = strip;
        let outside = (0..self.across.start).chain(self.across.end..self.columns);
        // SAFETY: each line has `columns` vectors, by the contract.
        unsafe {
            for (i, column) in
                (0..phases(Y) * side(Y)).flat_map(|i| outside.clone().map(move |c| (i, c)))
            {
                S::store(start.add(i * slot + column * S::LANES), S::splat(0.0));
            }
            for column in self.across.clone() {
                for phase in 0..phases(Y) {
                    let at = start.add(column * S::LANES);
                    let mut d = [S::splat(0.0); SIDE];
                    for i in 0..side(Y) {
                        let row = i * phases(Y) + phase;
                        if self.down.contains(&row) {
                            let from = from.wrapping_add(row * from_row + column * S::LANES);
                            d[i] = before::<S, KIND>(S::load(from), by);
                        }
                    }
                    let d = points::input::<S, Y, SIDE>(d);
                    for i in (0..side(Y)).filter(|i| phase < phases_at(Y, *i)) {
                        S::store(at.add((i * phases(Y) + phase) * slot), d[i]);
                    }
                }
            }
        }
    }
}
