//! Convolution as an implicit matrix product: output `[out][positions]` = weights `[out][in·taps]` × input panels (`pack.rs`).
//!
//! ```text
//! weights  packed once   [group][block of depth][panel of out channels][depth][height]
//! task     some panels of positions × some panels of out channels; per block of depth:
//!            for each few panels of positions: fill them side by side (so that whole stretches of the input are read), then run the
//!            tile over the weight panels (stream from L2). Panels of a kernel of one point are filled by the first tile on them
//! ```
//! Quantised weights and those that all are half-precision numbers are kept as such (`gemm/store.rs`) and made floats a panel at a time, for
//! a few panels of positions. Few positions and many channels (deep layers) are shared out by channels, many positions by positions. Every output element is
//! summed block after block in order of depth, whatever the sharing.

use super::pack::{Fill, Geometry, Runs};
use super::shape::{ConvArgs, ConvShape};
use crate::ahead::Asking;
use crate::gemm::store::{Order, Part as Piece, Store};
use crate::gemm::tile::{self, Change, DEPTH, Origin, STEPS, Tile};
use crate::gemm::weave::Weave;
use crate::gemm::woven::run_woven;
use crate::shared::{Shared, share};
use crate::{Activation, Isa, Pool, Weights, activation::activate_block};

/// Rows of a panel between asking for elements and using them, where nobody has asked for them before.
const AHEAD: usize = 16;
/// Panels of positions filled together.
const TOGETHER: usize = 4;
/// What filling an element costs, in multiply-adds of the tile (`choose.rs`).
const FILL: usize = 15;
/// Elements of weights that stay in the second-level cache beside all else.
const NEAR: usize = 64 << 10;

/// Packed weights and where they read.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub isa: Isa,
    pub groups: usize,
    /// Channels of one group.
    pub ins: usize,
    pub outs: usize,
    pub geometry: Geometry,
    pub weight: Store,
}

/// Out channels of one group, the last panel rounded to its height.
fn rounded(outs: usize, high: usize) -> usize {
    let last = outs % high;
    outs - last + if last > 0 { tile::height(last, high) } else { 0 }
}

/// Where the weights of a product's rows lie among those that are packed.
pub(crate) trait Source {
    /// Place of the weight of a row (of all groups), a channel of its group and a tap.
    fn place(&self, row: usize, channel: usize, tap: usize) -> usize;
    /// The out channel of a row.
    fn out(&self, row: usize) -> usize {
        row
    }
}

impl<F: Fn(usize, usize, usize) -> usize> Source for F {
    fn place(&self, row: usize, channel: usize, tap: usize) -> usize {
        self(row, channel, tap)
    }
}

/// The order of packed weights.
struct Rows<S> {
    high: usize,
    groups: usize,
    ins: usize,
    outs: usize,
    taps: usize,
    source: S,
}

impl<S: Source> Order for Rows<S> {
    fn len(&self) -> usize {
        self.groups * self.ins * self.taps * rounded(self.outs, self.high)
    }

    fn arrange<T: Copy>(&self, weights: &[T], panels: &mut [T]) {
        let wide = rounded(self.outs, self.high);
        for Piece { from, lane, wide: tall, term, rows } in self.parts() {
            let (group, first) = (lane / wide, lane % wide);
            let valid = tall.min(self.outs - first);
            for (k, panel) in (term..term + rows).zip(panels[from..].chunks_exact_mut(tall)) {
                let (channel, tap) = (k / self.taps, k % self.taps);
                for (i, to) in panel[..valid].iter_mut().enumerate() {
                    *to = weights[self.source.place(group * self.outs + first + i, channel, tap)];
                }
            }
        }
    }

    fn terms(&self) -> usize {
        self.ins * self.taps
    }

    fn lanes(&self) -> Vec<Option<usize>> {
        let wide = rounded(self.outs, self.high);
        let out = |lane: usize| {
            let row = lane / wide * self.outs + lane % wide;
            (lane % wide < self.outs).then(|| self.source.out(row))
        };
        (0..self.groups * wide).map(out).collect()
    }

    fn parts(&self) -> Vec<Piece> {
        let (depth, wide) = (self.ins * self.taps, rounded(self.outs, self.high));
        let (blocks, step) = tile::blocks(depth);
        let mut parts = Vec::new();
        let mut from = 0;
        for group in 0..self.groups {
            for block in 0..blocks {
                let term = (block * step).min(depth);
                let rows = step.min(depth - term);
                for first in (0..self.outs).step_by(self.high) {
                    let tall = tile::height(self.high.min(self.outs - first), self.high);
                    parts.push(Piece { from, lane: group * wide + first, wide: tall, term, rows });
                    from += tall * rows;
                }
            }
        }
        parts
    }
}

impl Product {
    /// Packs the weights of a convolution, `[out][in/groups][kd][kh][kw]`.
    pub fn of(isa: Isa, shape: &ConvShape, output: [usize; 3], weight: &Weights) -> Product {
        let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
        let geometry = Geometry::of(shape, output);
        let taps = geometry.taps();
        let place = move |o: usize, c: usize, tap: usize| (o * ins + c) * taps + tap;
        Product::new(isa, shape.groups, [ins, outs], geometry, weight, place)
    }

    /// Packs; `source` says where the weights of the rows lie.
    pub fn new(
        isa: Isa,
        groups: usize,
        [ins, outs]: [usize; 2],
        geometry: Geometry,
        weight: &Weights,
        source: impl Source,
    ) -> Product {
        let rows =
            Rows { high: tile::size(isa).0, groups, ins, outs, taps: geometry.taps(), source };
        Product { isa, groups, ins, outs, geometry, weight: Store::new(weight, &rows) }
    }

    /// The weights of the only group as they were before they were packed, `[in · taps][outs]`.
    pub fn unpacked(&self) -> Vec<f32> {
        let (depth, high) = (self.ins * self.geometry.taps(), tile::size(self.isa).0);
        let (blocks, step) = tile::blocks(depth);
        let mut weights = vec![0.0; depth * self.outs];
        let mut room = vec![0.0; step * high];
        for (block, first) in
            (0..blocks).flat_map(|b| (0..self.outs).step_by(high).map(move |f| (b, f)))
        {
            let term = block * step;
            let (rows, wide) =
                (step.min(depth - term), tile::height(high.min(self.outs - first), high));
            let from = term * rounded(self.outs, high) + first * rows;
            let panel = self.weight.part(Piece { from, lane: first, wide, term, rows }, &mut room);
            let valid = wide.min(self.outs - first);
            for (k, row) in panel.chunks_exact(wide).enumerate() {
                weights[(term + k) * self.outs + first..][..valid].copy_from_slice(&row[..valid]);
            }
        }
        weights
    }

    /// Elements of scratch memory: some panels a thread, aligned to cache lines.
    pub fn workspace(&self, threads: usize) -> usize {
        threads * self.panels() + 16
    }

    /// Elements of a thread's panels: of positions, and of the weights being widened.
    pub fn panels(&self) -> usize {
        let (high, width) = tile::size(self.isa);
        TOGETHER * DEPTH * width + self.weight.room(DEPTH * high)
    }

    /// Runs; slices have been checked.
    pub fn run(&self, pool: &Pool, x: &[f32], args: &ConvArgs, work: &mut [f32], y: &mut [f32]) {
        let positions = self.geometry.positions();
        let depth = self.ins * self.geometry.taps();
        if y.is_empty() {
            return;
        }
        let sharing = Sharing::new(
            Units::of(self.isa),
            positions,
            self.outs,
            [self.groups, depth],
            pool.threads(),
        );
        // Panels start on cache lines: a vector load that straddles two costs double.
        let aligned = work.as_ptr().align_offset(64).min(16);
        let (panels, out) = (Shared::new(&mut work[aligned..]), Shared::new(y));
        pool.run_workers(sharing.tasks(), |worker, task| {
            let len = self.panels();
            // SAFETY: each thread has panels of its own.
            let panels = unsafe { panels.part(worker * len, len) };
            let ahead = args.ahead.map(|a| a.part(pool.threads(), task, sharing.tasks()));
            let part = sharing.part(task);
            self.task(&self.geometry, part, x, (args, ahead), panels, &out);
        });
    }

    /// The products of some panels of out channels at the positions of `geometry`, of as many taps as the product's own, to `out`,
    /// `[out][positions]`, or where the weaver says; then what lies in `out` is of no use to anyone.
    /// `filled` is scratch memory of [`Product::panels`] elements, on a cache line.
    pub fn run_part(
        &self,
        geometry: &Geometry,
        rows: std::ops::Range<usize>,
        x: &[f32],
        filled: &mut [f32],
        (out, weaver): (&mut [f32], Weaver),
    ) {
        let columns = 0..geometry.positions().div_ceil(tile::size(self.isa).1);
        let part = Part { group: 0, rows, columns, first: 0, weaver };
        self.task(geometry, part, x, (&ConvArgs::default(), None), filled, &Shared::new(out));
    }

    /// Some out channels of the only group at all positions, to `out`, which holds these alone. They begin with a whole panel.
    pub fn run_channels(
        &self,
        channels: std::ops::Range<usize>,
        x: &[f32],
        args: &ConvArgs,
        filled: &mut [f32],
        out: &mut [f32],
    ) {
        let (high, width) = tile::size(self.isa);
        assert!(out.len() >= channels.len() * self.geometry.positions());
        let rows = channels.start / high..channels.end.div_ceil(high);
        let columns = 0..self.geometry.positions().div_ceil(width);
        let part = Part { group: 0, rows, columns, first: channels.start, weaver: None };
        self.task(&self.geometry, part, x, (args, None), filled, &Shared::new(out));
    }

    fn task(
        &self,
        geometry: &Geometry,
        part: Part,
        x: &[f32],
        (args, onward): (&ConvArgs, Option<&[f32]>),
        filled: &mut [f32],
        out: &Shared,
    ) {
        let (high, width) = tile::size(self.isa);
        let positions = geometry.positions();
        let depth = self.ins * geometry.taps();
        let (blocks, step) = tile::blocks(depth);
        let volume: usize = geometry.input.iter().product();
        let e = &args.epilogue;
        let channels = part.group * self.ins..(part.group + 1) * self.ins;
        let pre = args.prologue.map(|mut p| {
            (p.scale, p.shift) = (&p.scale[channels.clone()], &p.shift[channels.clone()]);
            p.slopes = p.slopes.map(|slopes| &slopes[channels.clone()]);
            p
        });
        let x = &x[channels.start * volume..channels.end * volume];
        let rows = part.rows.start * high..(part.rows.end * high).min(self.outs);
        // Panels that the first tile on them can fill, or need not, being the only one.
        let change = match pre.map(|p| (p.activation, p.slopes)) {
            None => Some(Change::Nothing),
            Some((Activation::Relu, None)) => Some(Change::Relu),
            Some((Activation::LeakyRelu(slope), None)) => Some(Change::Leaky(slope)),
            Some((Activation::Identity, None)) => Some(Change::Leaky(1.0)),
            Some(_) => None,
        };
        let direct = change.zip(geometry.straight());
        let panels = part.columns.clone().map(|column| {
            let column = column * width;
            let columns = width.min(positions - column);
            let direct = columns == width && direct.is_some();
            (column, columns, (!direct).then(|| geometry.runs(column, columns)))
        });
        let panels: Vec<_> = panels.collect();
        // Where channels lie a multiple of 16 KiB apart, their lines meet in few sets of the caches: what is asked for long before its use is
        // gone by then.
        let crowded = (volume * size_of::<f32>()).is_multiple_of(16 << 10);
        let heavy = rows.len() * step > NEAR;
        let end = panels.last().map_or(0, |(column, columns, _)| column + columns);
        let (filled, wide) = filled.split_at_mut(TOGETHER * DEPTH * width);
        let first = part.group * rounded(self.outs, high);
        // The panels of a group that ask for weights of the rows that follow; the others, if they take long enough, ask for those of the
        // layer that follows.
        let busy = |group: usize, panels: usize| match onward {
            _ if group > 0 && !heavy => 0,
            Some(_) => panels.div_ceil(2),
            None => panels,
        };
        let idle = panels.chunks(TOGETHER).enumerate().flat_map(|(g, p)| &p[busy(g, p.len())..]);
        let idle = idle.filter(|(_, columns, _)| *columns == width).count();
        let steps = idle * rows.len().div_ceil(high) * depth;
        let mut asking = Asking::new(if steps > 0 { onward.unwrap_or(&[]) } else { &[] }, steps);
        for block in 0..blocks {
            let from = block * step;
            let length = step.min(depth - from);
            let last = block + 1 == blocks;
            let (weights, from_row) =
                ((part.group * depth + from) * rounded(self.outs, high), from);
            for (group, panels) in panels.chunks(TOGETHER).enumerate() {
                let left = end.saturating_sub(panels[0].0 + TOGETHER * width);
                let next = if crowded { 0 } else { left.min(TOGETHER * width) };
                let onward = if next > 0 { TOGETHER * width } else { 0 };
                let cold = group == 0 || crowded;
                // All, or a last one that is not whole.
                let runs: Vec<&Runs> = panels.iter().flat_map(|(_, _, runs)| runs).collect();
                if !runs.is_empty() {
                    let skip = panels.len() - runs.len();
                    let fill = Fill { x, volume, pre, from, depth: length, next, cold };
                    fill.write(self.isa, &runs, &mut filled[skip * DEPTH * width..], DEPTH * width);
                }
                for row in rows.clone().step_by(high) {
                    let channel = part.group * self.outs + row;
                    let tall = tile::height(high.min(self.outs - row), high);
                    // The next rows' weights come from far, unless the panels before have brought them.
                    let ahead = if row + high < rows.end && (group == 0 || heavy) {
                        self.weight.ahead(weights + (row + high) * length, high * length)
                    } else {
                        &[]
                    };
                    let (lines, chunks) = (ahead.len().div_ceil(16), (length / STEPS).max(1));
                    let busy = busy(group, panels.len());
                    let lines = lines.div_ceil((busy * chunks).max(1));
                    let (from, lane) = (weights + row * length, first + row);
                    let piece = Piece { from, lane, wide: tall, term: from_row, rows: length };
                    let weights = self.weight.part(piece, wide);
                    let pick = |v: Option<&[f32]>, at: usize| match v {
                        Some(v) if last => v[at..].as_ptr(),
                        _ => std::ptr::null(),
                    };
                    for (panel, (column, columns, runs)) in panels.iter().enumerate() {
                        let at = (channel - part.first) * positions + column;
                        let (ahead, ahead_lines) = if panel < busy {
                            let passed = 16 * lines * length.div_ceil(STEPS) * panel;
                            (ahead.as_ptr().wrapping_add(passed), lines)
                        } else if *columns == width {
                            asking.take(length)
                        } else {
                            (std::ptr::null(), 0)
                        };
                        let weave = part.weaver.filter(|_| last).map(|weave| weave(row, *column));
                        let tile = Tile {
                            depth: length,
                            a: weights.as_ptr(),
                            a_stride: 0,
                            // The first tile on a panel may write it.
                            b: filled[panel * DEPTH * width..].as_mut_ptr().cast_const(),
                            // SAFETY: `at` is an element of the output.
                            c: unsafe { out.pointer().add(at) },
                            stride: positions,
                            rows: high.min(rows.end - row),
                            columns: *columns,
                            add: block > 0,
                            row_bias: pick(e.bias, channel),
                            column_bias: std::ptr::null(),
                            residual: pick(e.residual, at),
                            relu: last && e.activation == Activation::Relu,
                            ahead,
                            ahead_lines,
                            distant: last && weave.is_none_or(|weave| !weave.far),
                            far: false,
                        };
                        // SAFETY: the set was supported when the weights were packed; weight and input panels are whole; the task
                        // owns these rows and columns of the output, and its panels; a source's rows are a panel wide.
                        unsafe {
                            match direct {
                                Some((change, start)) if row == rows.start && runs.is_none() => {
                                    let start = from_row * volume + start + column;
                                    let row = |v: &[f32]| v[from_row..][..length].as_ptr();
                                    // Nothing is read of no channels.
                                    let reach = length.checked_sub(1).map(|n| n * volume + width);
                                    let x = reach.map(|reach| x[start..][..reach].as_ptr());
                                    let origin = Origin {
                                        x: x.unwrap_or(std::ptr::null()),
                                        stride: volume,
                                        change,
                                        scale: pre.map_or(std::ptr::null(), |p| row(p.scale)),
                                        shift: pre.map_or(std::ptr::null(), |p| row(p.shift)),
                                        ahead: [if cold { AHEAD * volume } else { 0 }, onward],
                                    };
                                    match &weave {
                                        Some(w) => run_woven(self.isa, &tile, Some(&origin), w),
                                        None => tile::run_from(self.isa, &tile, &origin),
                                    }
                                }
                                _ => match &weave {
                                    Some(weave) => run_woven(self.isa, &tile, None, weave),
                                    None => tile::run(self.isa, &tile),
                                },
                            }
                        }
                        if last && !matches!(e.activation, Activation::Identity | Activation::Relu)
                        {
                            // SAFETY: as above.
                            unsafe {
                                let (rows, act) = (tile.rows, e.activation);
                                activate_block(self.isa, tile.c, positions, rows, *columns, act);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a task is made of, and what it costs.
#[derive(Clone, Copy)]
pub(super) struct Units {
    /// Out channels and positions of a panel, and positions of a vector.
    pub high: usize,
    pub width: usize,
    pub lanes: usize,
    /// What an element of the input costs, and how many elements of weights are read in the time of one multiply-add of all positions.
    pub fill: usize,
    pub read: usize,
}

impl Units {
    fn of(isa: Isa) -> Units {
        let (high, width) = tile::size(isa);
        Units { high, width, lanes: isa.lanes(), fill: FILL, read: 3 }
    }
}

/// How the output is cut in tasks: panels of positions and panels of out channels, in each group.
pub(super) struct Sharing {
    /// Positions, and those of a panel.
    positions: usize,
    width: usize,
    /// Panels of out channels.
    rows: usize,
    /// Parts that positions and out channels are cut in.
    across: usize,
    down: usize,
    groups: usize,
}

/// Where the tile of a row and a column of the product goes, if not to the output.
pub(crate) type Weaver<'a> = Option<&'a dyn Fn(usize, usize) -> Weave>;

/// One task: a group, and ranges of its panels.
pub(super) struct Part<'a> {
    pub group: usize,
    pub rows: std::ops::Range<usize>,
    pub columns: std::ops::Range<usize>,
    /// The channel that the output begins with.
    first: usize,
    weaver: Weaver<'a>,
}

impl Sharing {
    /// The cut that is done first, as far as a count of cycles tells: what a task computes, fills and reads, and how evenly the tasks fall
    /// on the threads.
    pub fn new(
        units: Units,
        positions: usize,
        outs: usize,
        [groups, depth]: [usize; 2],
        threads: usize,
    ) -> Sharing {
        let Units { high, width, lanes, fill, read } = units;
        let (columns, rows) = (positions.div_ceil(width), outs.div_ceil(high));
        // Up to 512 out channels and 384 positions: what a task adds to again and again stays in the second-level cache.
        let (most_tall, most_wide) = ((512 / high).max(1), (384 / width).max(1));
        let (least_down, least_across) = (rows.div_ceil(most_tall), columns.div_ceil(most_wide));
        let mut best = Sharing { positions, width, rows, across: 1, down: 1, groups };
        let mut least = usize::MAX;
        for across in least_across..=(least_across + 6 * threads).min(columns) {
            let cut = Sharing { across, ..best };
            let long = cut.longest(lanes);
            for down in least_down..=(least_down + 3 * threads).min(rows) {
                let tall = rows.div_ceil(down);
                let weights = tall * high * depth;
                // Weights that do not stay in the second-level cache are read again for every few panels.
                let passes = if weights <= NEAR { 1 } else { long.div_ceil(TOGETHER * width) };
                let task = long * (tall * high + fill) * depth / width + weights * passes / read;
                let cost = (task + 2000) * (down * across * groups).div_ceil(threads);
                if cost < least {
                    (best, least) = (Sharing { down, ..cut }, cost);
                }
            }
        }
        best
    }

    pub fn tasks(&self) -> usize {
        self.down * self.across * self.groups
    }

    pub fn part(&self, task: usize) -> Part<'static> {
        Part {
            group: task / self.down / self.across,
            rows: share(self.rows, self.down, task % self.down),
            columns: self.columns(task / self.down % self.across),
            first: 0,
            weaver: None,
        }
    }

    /// Positions of the longest part, in whole vectors: of a last panel only those are computed that hold a position.
    fn longest(&self, lanes: usize) -> usize {
        let columns = self.positions.div_ceil(self.width);
        // Not worth the counting where parts are many panels, or many.
        if columns > 32 {
            return columns.div_ceil(self.across) * self.width;
        }
        let parts = (0..self.across).map(|part| {
            let columns = self.columns(part);
            (columns.end * self.width).min(self.positions) - columns.start * self.width
        });
        parts.max().unwrap_or(0).next_multiple_of(lanes)
    }

    /// The panels of a part; the last panel counts for as much as it holds.
    fn columns(&self, part: usize) -> std::ops::Range<usize> {
        let (all, parts) = (self.positions.div_ceil(self.width), self.across);
        let edge = |i: usize| {
            let whole = parts * self.width;
            if i == parts {
                all
            } else {
                ((i * self.positions + whole / 2) / whole).clamp(i, all - parts + i)
            }
        };
        edge(part)..edge(part + 1)
    }
}
