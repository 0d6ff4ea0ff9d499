//! How the tiles of a run are shared out, and the order of the steps.

use super::points::{outs as tile_outs, side};
use super::tiles::{self, Matrix, SPARE, Segment, Source, Strip, Target};
use super::{Plan, Winograd, depth, panels, phases_of};
use crate::ahead::Asking;
use crate::conv::shape::ConvArgs;
use crate::conv::tally;
use crate::far::is_far;
use crate::gemm::tile::{self, STEPS, Tile};
use crate::shared::{Shared, share};
use crate::{Ahead, Moments, Pool};
use std::ops::Range;

impl Winograd {
    /// Runs; slices have been checked. Returns what [`conv_moments`](super::super::conv_moments) does.
    pub fn run(
        &self,
        pool: &Pool,
        x: &[f32],
        (args, wanted): (&ConvArgs, bool),
        work: &mut [f32],
        y: &mut [f32],
    ) -> Option<Moments> {
        let plan = self.plan(pool.threads());
        let aligned = work.as_ptr().align_offset(64).min(16);
        let (tallies, work) = work[aligned..].split_at_mut(self.tallies_len());
        let gathers = wanted && !tallies.is_empty();
        let streams = is_far(y);
        let (tallies, work, y) = (Shared::new(tallies), Shared::new(work), Shared::new(y));
        let source = Source {
            x,
            ins: self.ins,
            input: self.input,
            pad: self.pad,
            pre: args.prologue,
            blocks: args.x_blocks,
        };
        let tallies = gathers.then_some(&tallies);
        let target = Target {
            y: &y,
            outs: self.outs,
            output: self.output,
            epilogue: args.epilogue,
            tallies,
            streams,
            blocked: args.y_blocked,
        };
        match plan {
            Plan::Batches(tasks) => {
                self.batches(pool, tasks, (&source, args.ahead), &target, &work)
            }
            Plan::Steps => self.steps(pool, (&source, args.ahead), &target, &work),
        }
        tallies.map(|tallies| {
            // SAFETY: all tasks have ended.
            let tallies = unsafe { tallies.part(0, self.tallies_len()) };
            let row = self.rows()[1];
            Moments { channels: tally::join(pool, tallies, [self.outs, row], &self.counts()) }
        })
    }

    fn batches(
        &self,
        pool: &Pool,
        tasks: usize,
        (source, ahead): (&Source, Option<Ahead>),
        target: &Target,
        work: &Shared,
    ) {
        let (tiles, high) = (self.tiles(), tile::size(self.isa).0);
        let own = self.scratch(Plan::Batches(tasks))[0];
        pool.run_workers(tasks, |worker, task| {
            // SAFETY: each thread has a part of its own.
            let part = unsafe { work.part(worker * own, own) };
            let (room, part) = part.split_at_mut(self.room());
            let range = share(tiles.div_ceil(high), tasks, task);
            let range = range.start * high..tiles.min(range.end * high);
            if self.by_rows() {
                self.row_by_row(range, self.batch(tasks), source, target, (room, part));
            } else {
                let ahead = ahead.map_or(&[][..], |a| a.part(pool.threads(), task, tasks));
                let ahead = Asking::new(ahead, self.idle(range.len(), self.terms()));
                self.together(range, self.batch(tasks), (source, ahead), target, (room, part));
            }
        });
    }

    /// Takes the tiles `range`, at most `most`, through all steps, the products for one row of points after another.
    fn row_by_row(
        &self,
        range: Range<usize>,
        most: usize,
        source: &Source,
        target: &Target,
        (room, part): (&mut [f32], &mut [f32]),
    ) {
        let (kind, lanes) = ((self.isa, self.step), self.isa.lanes());
        let ([ins, outs], filled) = (self.rows(), self.filled());
        let line = self.line(most);
        let (strips, part) = part.split_at_mut(tiles::lines(self.step) * line);
        let [v_len, m_len] = self.row_matrices(most);
        let (v, part) = part.split_at_mut(v_len);
        let (m, work) = part.split_at_mut(m_len);
        let (v, m) = (v.as_mut_ptr(), m.as_mut_ptr());
        let [v_slot, m_slot] = [ins, outs].map(|row| self.slot(most, row));
        // The strips of the segments lie one after another, those of the way back over those of the way forward.
        let mut segments: Vec<(Segment, [Strip; 2])> = Vec::new();
        let mut column = 0;
        for segment in self.segments(range.clone()) {
            let columns = tiles::columns(self.step[2], segment.count);
            let back = tile_outs(self.step[2]) * segment.count;
            let taken = (columns * filled).max(back * outs);
            assert!(column + taken + SPARE * lanes <= line);
            // SAFETY: inside the first line, by the assertion.
            let start = unsafe { strips.as_mut_ptr().add(column) };
            let strip = |columns: usize| Strip { start, slot: line, length: columns * lanes };
            segments.push((segment, [strip(columns), strip(back)]));
            column += taken;
        }
        let vectors = [filled, outs].map(|n| n / lanes);
        // SAFETY: the instruction set was supported when the weights were packed; strips, V and M are this task's and have room for
        // `most` tiles; the tiles of a task are its own part of the output.
        unsafe {
            for (segment, [strip, _]) in &segments {
                for k in 0..vectors[0] {
                    tiles::lay(kind, source, segment, k * lanes, strip.from(k));
                }
            }
            let across = side(self.step[2]);
            for pair in 0..self.points() / across {
                let pairs = pair..pair + 1;
                for (segment, [strip, _]) in &segments {
                    let start = v.add((segment.first - range.start) * ins);
                    let v = Matrix { start, slot: v_slot, row: ins };
                    tiles::spread(
                        kind,
                        *strip,
                        pairs.clone(),
                        segment.count,
                        vectors[0],
                        filled,
                        v,
                    );
                }
                for x in 0..across {
                    let (v, m) = (v.add(x * v_slot), m.add(x * m_slot));
                    let (point, nothing) = (pair * across + x, &mut Asking::new(&[], 0));
                    let with = (nothing, &mut *room);
                    self.product((point, false), range.len(), self.all_panels(), (v, m), with);
                }
                for (segment, [_, strip]) in &segments {
                    let start = m.add((segment.first - range.start) * outs);
                    let m = Matrix { start, slot: m_slot, row: outs };
                    tiles::gather(kind, m, pairs.clone(), segment.count, vectors[1], *strip);
                }
            }
            for (segment, [_, strip]) in &segments {
                for k in 0..vectors[1] {
                    tiles::finish(kind, target, segment, k * lanes, strip.from(k), work);
                }
            }
        }
    }

    /// Takes the tiles `range`, at most `most`, through all steps, one after another; M of a point takes the room of V of the point
    /// before, which has been used.
    fn together(
        &self,
        range: Range<usize>,
        most: usize,
        (source, mut ahead): (&Source, Asking),
        target: &Target,
        (room, part): (&mut [f32], &mut [f32]),
    ) {
        let ([ins, outs], slot) = (self.rows(), self.common_slot(most));
        let (matrices, part) = part.split_at_mut((self.points() + 1) * slot);
        let (strip, work) = part.split_at_mut(tiles::lines(self.step) * self.short_line());
        let m = matrices.as_mut_ptr();
        // SAFETY: the matrices have `points + 1` slots; V takes the last of them, M the first. The instruction set was supported when
        // the weights were packed; a slot has room for `most` tiles; the tiles of a task are its own part of the output.
        unsafe {
            let v = m.add(slot);
            for segment in self.segments(range.clone()) {
                let start = v.add((segment.first - range.start) * ins);
                let v = Matrix { start, slot, row: ins };
                self.forward(source, &segment, 0..self.filled(), strip, v);
            }
            for xi in 0..self.points() {
                let (v, m) = (v.add(xi * slot), m.add(xi * slot));
                let with = (&mut ahead, &mut *room);
                self.product((xi, false), range.len(), self.all_panels(), (v, m), with);
            }
            for segment in self.segments(range.clone()) {
                let start = m.add((segment.first - range.start) * outs);
                let m = Matrix { start, slot, row: outs };
                self.backward(target, &segment, 0..outs, m, work);
            }
        }
    }

    /// Takes all tiles through one step after another.
    fn steps(
        &self,
        pool: &Pool,
        (source, ahead): (&Source, Option<Ahead>),
        target: &Target,
        work: &Shared,
    ) {
        let ([ins, outs], filled, tiles) = (self.rows(), self.filled(), self.tiles());
        let points = self.points();
        let slots = [self.slot(tiles, ins), self.slot(tiles, outs)];
        let (v, m) = (0, points * slots[0]);
        let [own, common] = self.scratch(Plan::Steps);
        let segments: Vec<Segment> = self.segments(0..tiles).collect();
        // Channels of one task: a few vectors.
        let group = 2 * self.isa.lanes().max(16);
        let share_of = |task: usize, channels: usize| {
            let groups = channels.div_ceil(group);
            let first = task % groups * group;
            (&segments[task / groups], first..channels.min(first + group))
        };
        pool.run_workers(segments.len() * filled.div_ceil(group), |worker, task| {
            let (segment, channels) = share_of(task, filled);
            // SAFETY: each thread has scratch memory of its own behind the matrices; the instruction set was supported when the weights
            // were packed; these tiles and channels of V are this task's.
            unsafe {
                let scratch = work.part(common + worker * own, own);
                let start = work.pointer().add(v + segment.first * ins);
                let v = Matrix { start, slot: slots[0], row: ins };
                self.forward(source, segment, channels, scratch, v);
            }
        });
        let panels = self.all_panels().len();
        let shares = (4 * pool.threads()).div_ceil(points).min(panels);
        pool.run_workers(points * shares, |worker, task| {
            let (xi, share) = (task / shares, task % shares);
            let panels = panels * share / shares..panels * (share + 1) / shares;
            let ahead = ahead.map_or(&[][..], |a| a.part(pool.threads(), task, points * shares));
            let ahead = &mut Asking::new(ahead, self.idle(tiles, self.depth(xi)) / shares);
            // SAFETY: each thread has scratch memory of its own; these panels of M's point are this task's; V is only read.
            unsafe {
                let room = work.part(common + worker * own, self.room());
                let (v, m) =
                    (work.pointer().add(v + xi * slots[0]), work.pointer().add(m + xi * slots[1]));
                self.product((xi, true), tiles, panels, (v, m), (ahead, room));
            }
        });
        pool.run_workers(segments.len() * outs.div_ceil(group), |worker, task| {
            let (segment, channels) = share_of(task, outs);
            // SAFETY: as in the first step; these tiles and channels of the output are this task's.
            unsafe {
                let scratch = work.part(common + worker * own, own);
                let start = work.pointer().add(m + segment.first * outs);
                let m = Matrix { start, slot: slots[1], row: outs };
                self.backward(target, segment, channels, m, scratch);
            }
        });
    }

    /// Some channels of a segment, whole vectors, to V of all points. The scratch holds a strip.
    ///
    /// # Safety
    /// The processor has the instruction set; this part of V is written by no other task.
    unsafe fn forward(
        &self,
        source: &Source,
        segment: &Segment,
        channels: Range<usize>,
        scratch: &mut [f32],
        v: Matrix,
    ) {
        let (kind, lanes) = ((self.isa, self.step), self.isa.lanes());
        let (slot, columns) = (self.short_line(), tiles::columns(self.step[2], segment.count));
        assert!(scratch.len() >= tiles::lines(self.step) * slot);
        let strip = Strip { start: scratch.as_mut_ptr(), slot, length: columns * lanes };
        let pairs = 0..self.points() / side(self.step[2]);
        for first in channels.clone().step_by(self.beside() * lanes) {
            let vectors = self.beside().min((channels.end - first) / lanes);
            // SAFETY: the scratch has the strip's lines, by the assertion; the rest by the contract.
            unsafe {
                for k in 0..vectors {
                    tiles::lay(kind, source, segment, first + k * lanes, strip.from(k));
                }
                let v = Matrix { start: v.start.add(first), ..v };
                tiles::spread(kind, strip, pairs.clone(), segment.count, vectors, self.filled(), v);
            }
        }
    }

    /// Some channels of a segment, whole vectors, from M of all points to the picture.
    ///
    /// # Safety
    /// The processor has the instruction set; this part of the picture is written by no other task.
    unsafe fn backward(
        &self,
        target: &Target,
        segment: &Segment,
        channels: Range<usize>,
        m: Matrix,
        work: &mut [f32],
    ) {
        for channel in channels.step_by(self.isa.lanes()) {
            // SAFETY: by the contract.
            unsafe {
                let m = Matrix { start: m.start.add(channel), ..m };
                tiles::bring((self.isa, self.step), target, segment, channel, m, work);
            }
        }
    }

    /// The numbers of all panels of out channels.
    fn all_panels(&self) -> Range<usize> {
        0..panels(self.outs, self.isa).count()
    }

    /// In channels of the phases that count at a point.
    pub(super) fn depth(&self, point: usize) -> usize {
        depth(self.ins, self.isa, phases_of(self.step, point).iter().product())
    }

    /// The same at all points together.
    fn terms(&self) -> usize {
        (0..self.points()).map(|point| self.depth(point)).sum()
    }

    /// Steps that tiles have for something else, of products so deep: all but those of the first on a panel.
    fn idle(&self, tiles: usize, depth: usize) -> usize {
        tiles.div_ceil(tile::size(self.isa).0).saturating_sub(1) * self.all_panels().len() * depth
    }

    /// `M = V U` of one point for some panels of out channels; `cold` where the weights come from memory.
    ///
    /// # Safety
    /// The processor has `self.isa`, and tiles where there are digits; `v` and `m` have room for `tiles` rows rounded up to a panel's height; no other
    /// task writes there. `room` is what [`Winograd::room`] says.
    unsafe fn product(
        &self,
        (xi, cold): (usize, bool),
        tiles: usize,
        which: Range<usize>,
        (v, m): (*const f32, *mut f32),
        (ahead, room): (&mut Asking, &mut [f32]),
    ) {
        if let Some(digits) = &self.digits {
            let mut panels = panels(self.outs, self.isa).take(which.end).skip(which.start);
            let Some(first) = panels.next() else { return };
            let channels = first.start..panels.last().map_or(first.end, |last| last.end);
            // SAFETY: by the contract; digits are made where there are tiles.
            return unsafe { digits.product(self, xi, tiles, channels, (v, m), room) };
        }
        let [row, outs] = self.rows();
        let terms = self.depth(xi);
        let below = tiles.div_ceil(tile::size(self.isa).0).saturating_sub(1);
        let (blocks, step) = tile::blocks(terms);
        let weight = &self.weight[self.starts[xi]..self.starts[xi + 1]];
        for block in 0..blocks {
            let from = block * step;
            let depth = step.min(terms - from);
            for panel in panels(self.outs, self.isa).take(which.end).skip(which.start) {
                let (column, width) = (panel.start, panel.len());
                let b = weight[from * outs + column * depth..].as_ptr();
                // SAFETY: by the contract, and a row of V has `row` elements, one of M `outs`.
                unsafe {
                    let tile = Tile {
                        depth,
                        a: v.add(from),
                        a_stride: row,
                        b,
                        c: m.add(column),
                        stride: outs,
                        rows: tiles,
                        columns: width,
                        add: block > 0,
                        row_bias: std::ptr::null(),
                        column_bias: std::ptr::null(),
                        residual: std::ptr::null(),
                        relu: false,
                        // The weights themselves, some way on: the first tile brings them for the others.
                        ahead: b.wrapping_add(4 * STEPS * width),
                        ahead_lines: if cold { STEPS * width / 16 } else { 0 },
                        distant: false,
                        far: false,
                    };
                    tile::run_rows(
                        self.isa,
                        &tile,
                        ahead.take(below * depth.next_multiple_of(STEPS)),
                    );
                }
            }
        }
    }

    /// Tiles `range`, counted row by row, as stretches of one row.
    fn segments(&self, range: Range<usize>) -> impl Iterator<Item = Segment> + use<> {
        let ([_, down, across], longest) = (self.grid(), tiles::segment_len(self.step));
        let mut first = range.start;
        std::iter::from_fn(move || {
            let tile = [first / across / down, first / across % down, first % across];
            let count = longest.min(across - tile[2]).min(range.end - first);
            let segment = Segment { first, tile, count };
            first += count;
            (count > 0).then_some(segment)
        })
    }
}
