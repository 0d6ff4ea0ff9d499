//! M to tiles of a plain `[channel][d][h][w]` picture, as many channels at a time as a vector holds.
//!
//! ```text
//! M   ── along rows: all points of a tile, or those of a row when they are done, into a strip [points][X·count columns][lanes]
//!     ── across planes, down rows ──▶  work [Z planes][Y rows][X·count columns][lanes], with bias and activation
//!     ── turned in blocks of 8 columns × 8 channels, straight into the picture; at borders, or with a residual to be added before the
//!        activation, by way of a block in scratch memory; copied as they are where the picture lies in blocks of channels
//! ```

use super::points::{self, outs, side};
use super::tiles::{Matrix, SPARE, Segment, Strip, Target, line};
use crate::activation::{activate, in_register, is_quick};
use crate::conv::tally::Tally;
use crate::elementwise::add_scaled;
use crate::far::{send, sent};
use crate::simd::{Simd, prefetch_to_read, prefetch_to_write};
use crate::{Activation, shared::Shared};
use std::ops::Range;

/// Along the rows of some pairs of points; see [`super::tiles::gather`].
#[inline(always)]
pub(super) unsafe fn gather<
    S: Simd,
    const Z: usize,
    const Y: usize,
    const X: usize,
    const SIDE: usize,
    const STEP: usize,
>(
    m: Matrix,
    pairs: Range<usize>,
    count: usize,
    vectors: usize,
    to: Strip,
) {
    for (i, pair) in pairs.enumerate() {
        let row = line([Z, Y, X], pair, 0) * to.slot;
        for k in 0..vectors {
            for tile in 0..count {
                // SAFETY: passed on to the caller.
                unsafe {
                    let from = m.start.add(i * side(X) * m.slot + tile * m.row + k * S::LANES);
                    let to = to.start.add(row + k * to.length + tile * outs(X) * S::LANES);
                    let mut d = [S::splat(0.0); SIDE];
                    for j in 0..side(X) {
                        d[j] = S::load(from.add(j * m.slot));
                    }
                    let d = points::output::<S, X, SIDE, STEP>(d);
                    for j in 0..outs(X) {
                        S::store(to.add(j * S::LANES), d[j]);
                    }
                }
            }
        }
    }
}

/// The rest of the way for a vector of channels; see [`super::tiles::finish`].
#[inline(always)]
pub(super) unsafe fn finish<
    S: Simd,
    const Z: usize,
    const Y: usize,
    const X: usize,
    const SIDE: usize,
    const STEP: usize,
>(
    target: &Target,
    segment: &Segment,
    channel: usize,
    from: Strip,
    work: &mut [f32],
) {
    // SAFETY: passed on to the caller; the work holds the segment, as `Ending::new` makes sure.
    unsafe {
        let ending = Ending::<S>::new(target, segment, [outs(Z), outs(Y), outs(X)], channel, work);
        for tile in 0..segment.count {
            ending.ask(tile);
            let mut tally = Tally::new();
            for column in tile * outs(X)..(tile + 1) * outs(X) {
                let (at, slot) = (from.start.add(column * S::LANES), from.slot);
                let mut d = [[S::splat(0.0); SIDE]; SIDE];
                for pair in 0..side(Z) * side(Y) {
                    let line = line([Z, Y, X], pair, 0);
                    d[pair % side(Y)][pair / side(Y)] = S::load(at.add(line * slot));
                }
                ending.column::<Z, Y, SIDE, STEP>(d, column, work, &mut tally);
            }
            ending.keep(tile, &tally);
        }
        ending.write(work);
    }
}

/// All of the way for a vector of channels; see [`super::tiles::bring`].
#[inline(always)]
pub(super) unsafe fn bring<
    S: Simd,
    const Z: usize,
    const Y: usize,
    const X: usize,
    const SIDE: usize,
    const STEP: usize,
>(
    target: &Target,
    segment: &Segment,
    channel: usize,
    m: Matrix,
    work: &mut [f32],
) {
    // SAFETY: as above.
    unsafe {
        let ending = Ending::<S>::new(target, segment, [outs(Z), outs(Y), outs(X)], channel, work);
        for tile in 0..segment.count {
            ending.ask(tile);
            let from = m.start.add(tile * m.row);
            let mut tally = Tally::new();
            if Z == 1 {
                ending.flat::<Y, X, SIDE, STEP>(from, m.slot, tile, work, &mut tally);
                ending.keep(tile, &tally);
                continue;
            }
            let mut rows = [[[S::splat(0.0); SIDE]; SIDE]; STEP];
            for pair in 0..side(Z) * side(Y) {
                let mut d = [S::splat(0.0); SIDE];
                for j in 0..side(X) {
                    d[j] = S::load(from.add((pair * side(X) + j) * m.slot));
                }
                let d = points::output::<S, X, SIDE, STEP>(d);
                for j in 0..outs(X) {
                    rows[j][pair % side(Y)][pair / side(Y)] = d[j];
                }
            }
            for j in 0..outs(X) {
                ending.column::<Z, Y, SIDE, STEP>(rows[j], tile * outs(X) + j, work, &mut tally);
            }
            ending.keep(tile, &tally);
        }
        ending.write(work);
    }
}

/// Numbers of a cache line.
const LINE: usize = 16;
/// Most points and outputs of the last axis, which is never one of six outputs.
const ACROSS: usize = 6;
const ALONG: usize = 4;

/// What the last steps for a vector of channels need to know.
struct Ending<'a, S: Simd> {
    target: &'a Target<'a>,
    segment: &'a Segment,
    /// Outputs of a tile.
    step: [usize; 3],
    channel: usize,
    /// Elements of a row of the work.
    pitch: usize,
    bias: S::V,
    /// The activation that is applied before the results are turned: where nothing is added after it and it fits a register.
    early: Activation,
    tallies: Option<*mut f32>,
    /// Planes and rows of a tile, and columns of the segment, that lie on the picture.
    valid: [usize; 3],
    /// Rows go past the caches.
    streams: bool,
    /// Flat tiles of four rows go from registers to blocks of the picture. Of six rows some wait in memory on their way, behind what goes past
    /// the caches; those of volumes are too many rows at a time.
    straight: bool,
}

impl<'a, S: Simd> Ending<'a, S> {
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    unsafe fn new(
        target: &'a Target<'a>,
        segment: &'a Segment,
        step: [usize; 3],
        channel: usize,
        work: &[f32],
    ) -> Self {
        let pitch = step[2] * segment.count * S::LANES;
        assert!(work.len() >= step[0] * step[1] * pitch + SPARE * S::LANES);
        let e = &target.epilogue;
        let early = if e.residual.is_none() { e.activation } else { Activation::Identity };
        let valid = S::LANES.min(target.outs - channel);
        // SAFETY: the instruction set by the contract; `valid` elements of the bias.
        let bias = unsafe {
            match e.bias {
                None => S::splat(0.0),
                Some(b) if valid == S::LANES => S::load(b[channel..].as_ptr()),
                Some(b) => S::load_part(b[channel..].as_ptr(), valid),
            }
        };
        let first = [0, 1, 2].map(|a| segment.tile[a] * step[a]);
        let [deep, tall] = [0, 1].map(|a| step[a].min(target.output[a] - first[a]));
        let valid = [deep, tall, (step[2] * segment.count).min(target.output[2] - first[2])];
        let tallies = target.tallies.map(|tallies| tallies.pointer());
        let row = [target.output[2], first[2], valid[2]];
        let whole = row.iter().all(|n| n.is_multiple_of(LINE)) && channel + S::LANES <= target.outs;
        let done = e.residual.is_none() && is_quick(e.activation);
        let aligned = target.y.pointer().cast_const().align_offset(4 * LINE) == 0;
        let streams = target.streams && if target.blocked { aligned } else { whole && done };
        let straight = target.blocked && done && step[0] == 1 && step[1] <= 4;
        Ending {
            target,
            segment,
            step,
            channel,
            pitch,
            bias,
            early,
            tallies,
            valid,
            streams,
            straight,
        }
    }

    /// Where a row of a plane of the tiles begins in blocks of channels.
    #[inline(always)]
    fn block_row(&self, plane: usize, row: usize) -> usize {
        let [_, h, w] = self.target.output;
        let volume: usize = self.target.output.iter().product();
        let [z, y, x] = [0, 1, 2].map(|a| self.segment.tile[a] * self.step[a]);
        self.channel * volume + (((z + plane) * h + y + row) * w + x) * S::LANES
    }

    /// Keeps what was gathered of a tile.
    ///
    /// # Safety
    /// The instruction set; the tile is one of the segment's, and all its columns have been taken.
    #[inline(always)]
    unsafe fn keep(&self, tile: usize, tally: &Tally<S>) {
        let Some(tallies) = self.tallies else { return };
        let row = self.target.outs.next_multiple_of(S::LANES);
        let [deep, tall, wide] = self.valid;
        let columns = self.step[2].min(wide - tile * self.step[2]);
        // SAFETY: there are two rows for each tile of the picture, see `Winograd::tallies_len`.
        unsafe {
            let to = tallies.add((self.segment.first + tile) * 2 * row + self.channel);
            tally.store(deep * tall * columns, to, row);
        }
    }

    /// Takes a column `d[row][plane]` across the planes and down the rows, and puts it, with bias and activation, into the work
    /// `[Z planes][Y rows][columns][lanes]`.
    ///
    /// # Safety
    /// The column is one of the segment's, the work that of [`Ending::new`].
    #[inline(always)]
    unsafe fn column<const Z: usize, const Y: usize, const SIDE: usize, const STEP: usize>(
        &self,
        d: [[S::V; SIDE]; SIDE],
        column: usize,
        work: &mut [f32],
        tally: &mut Tally<S>,
    ) {
        // SAFETY: by the contract.
        unsafe {
            let to = work.as_mut_ptr().add(column * S::LANES);
            // Rows of columns past the picture's last are no outputs.
            let [deep, tall, wide] = self.valid;
            let deep = if column < wide { deep } else { 0 };
            let mut planes = [[S::splat(0.0); SIDE]; STEP];
            for i in 0..side(Y) {
                let d = points::output::<S, Z, SIDE, STEP>(d[i]);
                for p in 0..outs(Z) {
                    planes[p][i] = d[p];
                }
            }
            for p in 0..outs(Z) {
                let d = points::output::<S, Y, SIDE, STEP>(planes[p]);
                for i in 0..outs(Y) {
                    let v = in_register::<S>(self.early, S::add(d[i], self.bias));
                    if self.tallies.is_some() && p < deep && i < tall {
                        if p == 0 && i == 0 && column.is_multiple_of(self.step[2]) {
                            tally.first = v;
                        }
                        tally.add(v);
                    }
                    S::store(to.add((p * outs(Y) + i) * self.pitch), v);
                }
            }
        }
    }

    /// Takes a flat tile, whose points lie `slot` apart from `from` on, all of the way into the work: down its rows, then along them, in
    /// registers.
    ///
    /// # Safety
    /// As for [`Ending::column`].
    #[inline(always)]
    unsafe fn flat<const Y: usize, const X: usize, const SIDE: usize, const STEP: usize>(
        &self,
        from: *const f32,
        slot: usize,
        tile: usize,
        work: &mut [f32],
        tally: &mut Tally<S>,
    ) {
        // Rows and columns that lie on the picture.
        let [_, tall, wide] = self.valid;
        let wide = wide - tile * outs(X);
        // SAFETY: by the contract.
        unsafe {
            let mut rows = [[S::splat(0.0); ACROSS]; STEP];
            for j in 0..side(X) {
                let mut d = [S::splat(0.0); SIDE];
                for i in 0..side(Y) {
                    d[i] = S::load(from.add((i * side(X) + j) * slot));
                }
                let d = points::output::<S, Y, SIDE, STEP>(d);
                for i in 0..outs(Y) {
                    rows[i][j] = d[i];
                }
            }
            let to = work.as_mut_ptr().add(tile * outs(X) * S::LANES);
            for i in 0..outs(Y) {
                let mut d = points::output::<S, X, ACROSS, ALONG>(rows[i]);
                for j in 0..outs(X) {
                    d[j] = in_register::<S>(self.early, S::add(d[j], self.bias));
                    if !self.straight {
                        S::store(to.add(i * self.pitch + j * S::LANES), d[j]);
                    }
                }
                if self.straight && i < tall {
                    let row = self.block_row(0, i) + tile * outs(X) * S::LANES;
                    let to = self.target.y.pointer().add(row);
                    for (j, v) in d.iter().enumerate().take(wide.min(outs(X))) {
                        match self.streams {
                            true => S::send(to.add(j * S::LANES), *v),
                            false => S::store(to.add(j * S::LANES), *v),
                        }
                    }
                }
                if self.tallies.is_some() && i < tall {
                    if i == 0 {
                        tally.first = d[0];
                    }
                    for v in d.iter().take(wide.min(outs(X))) {
                        tally.add(*v);
                    }
                }
            }
        }
    }

    /// Asks for the lines that come with a tile, unless rows go past the caches, and for what is gathered.
    #[inline(always)]
    fn ask(&self, tile: usize) {
        if let Some(tallies) = self.tallies {
            // Two tiles on: what is gathered of flat tiles is an eighth of what is stored.
            let row = self.target.outs.next_multiple_of(S::LANES);
            let later = (self.segment.first + tile + 2) * 2 * row + self.channel;
            for part in [later, later + row] {
                prefetch_to_write(tallies.wrapping_add(part));
            }
        }
        if self.streams || self.target.blocked {
            return;
        }
        ask::<S>(self.target, self.segment, self.step, self.channel, tile);
    }

    /// Turns the rows in scratch memory behind them and sends each, whole cache lines, past the caches.
    ///
    /// # Safety
    /// As for [`Ending::write`].
    #[inline(always)]
    unsafe fn stream(&self, work: &mut [f32]) {
        let Ending { target, segment, step, channel, pitch, valid: [deep, tall, wide], .. } = *self;
        let [_, h, w] = target.output;
        let volume: usize = target.output.iter().product();
        let first = [0, 1, 2].map(|a| segment.tile[a] * step[a]);
        let (lines, turned) = work.split_at_mut(step[0] * step[1] * pitch + SPARE * S::LANES);
        assert!(turned.len() >= S::LANES * wide);
        for (p, i) in (0..deep).flat_map(|p| (0..tall).map(move |i| (p, i))) {
            let line = &lines[(p * step[1] + i) * pitch..][..wide * S::LANES];
            let row = channel * volume + ((first[0] + p) * h + first[1] + i) * w + first[2];
            // SAFETY: `wide` is a multiple of `SIDE`; the turned rows have room, by the assertion; this part of the output is this task's.
            unsafe {
                for at in (0..wide).step_by(S::SIDE) {
                    for half in (0..S::LANES).step_by(S::SIDE) {
                        let from = line.as_ptr().add(at * S::LANES + half);
                        let to = turned.as_mut_ptr().add(half * wide + at);
                        S::transpose(from, S::LANES, S::SIDE, to, wide);
                    }
                }
                for (c, turned) in turned.chunks_exact(wide).take(S::LANES).enumerate() {
                    send(turned, target.y.part(row + c * volume, wide));
                }
            }
        }
        sent();
    }

    /// Copies the rows to where they lie in blocks, with residual and what is left of the activation.
    ///
    /// # Safety
    /// As for [`Ending::write`].
    #[inline(always)]
    unsafe fn blocks(&self, work: &mut [f32]) {
        let Ending { target, step, pitch, valid: [deep, tall, wide], .. } = *self;
        let e = &target.epilogue;
        for (p, i) in (0..deep).flat_map(|p| (0..tall).map(move |i| (p, i))) {
            let line = &mut work[(p * step[1] + i) * pitch..][..wide * S::LANES];
            let row = self.block_row(p, i);
            if let Some(residual) = e.residual {
                add_scaled(&residual[row..][..line.len()], 1.0, line);
            }
            if e.residual.is_some() || !is_quick(e.activation) {
                activate(line, e.activation);
            }
            // SAFETY: whole vectors; this part of the output is this task's, by the contract.
            unsafe {
                let y = target.y.part(row, line.len());
                if !self.streams {
                    y.copy_from_slice(line);
                    continue;
                }
                for at in (0..line.len()).step_by(S::LANES) {
                    S::send(y.as_mut_ptr().add(at), S::load(line.as_ptr().add(at)));
                }
            }
        }
        sent();
    }

    /// # Safety
    /// The instruction set; this part of the picture is this task's.
    #[inline(always)]
    unsafe fn write(&self, work: &mut [f32]) {
        // SAFETY: passed on to the caller.
        unsafe {
            if self.straight {
                sent();
            } else if self.target.blocked {
                self.blocks(work);
            } else if self.streams {
                self.stream(work);
            } else {
                write::<S>(self.target, self.segment, self.step, self.channel, work);
            }
        }
    }
}

/// Asks for the lines of the picture that the segment will be written to, a share of them with each tile: those of the tiles that share cache lines.
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
