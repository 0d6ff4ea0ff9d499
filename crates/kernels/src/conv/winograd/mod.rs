//! Convolution with kernels of three elements along two or three axes by Winograd's minimal filtering: F(4×4×4, 3×3×3) makes 64 outputs
//! from a tile of 6×6×6 inputs with 216 multiplications a channel pair where the sum of products takes 1728, F(4×4, 3×3) 16 from 6×6
//! with 36 instead of 144.
//!
//! ```text
//! x [in][d][h][w]         V [points][tile][in]                     M [points][tile][out]      y [out][d][h][w]
//! ┌──────┐ tiles of 6×6×6,            × U [points][in][out]                          ┌────┐ tiles of 4×4×4,
//! │      │ 4 apart, zeros ── Bᵀ x ──▶  one matrix product  ───────────── Aᵀ M ─────▶ │    │ side by side, bias,
//! └──────┘ past the border             for each of the points                        └────┘ residual, activation
//! ```
//!
//! A tile is the polynomial product of its input and the kernel, taken at six points a side (`points.rs`): there the product is one number
//! times one number. `U` is made once, in `f64` (`weights.rs`). Both transforms work on as many channels as a vector holds; a strip of
//! neighbouring tiles is turned to channels-last in scratch memory and back (`forward.rs`, `backward.rs`). Tiles of 2×2, 2×2×2 and 2×4×4 outputs
//! serve where few outputs are left along an axis, or the weights would grow too large (`conv/choose.rs`).
//!
//! With stride two the input falls in phases, four on a plane and eight in space, each with a kernel of two elements along an axis: the
//! phases are in channels of their own, and F(4×4×4, 2×2×2) makes 64 outputs with 8·125 multiplications where the sum takes 1728.
//!
//! Many tiles are cut in batches whose V and M stay in the nearer caches, a task each; `M[ξ]` takes the room of `V[ξ - 1]`, which has
//! been used. Few tiles and many channels (deep layers) go through the three steps one after another, the products shared out by
//! point, so that each weight is read once. Every number is computed the same way whatever the sharing.
//!
//! A NaN or an infinity reaches every output of the tiles that hold it, so also outputs whose window does not.
//!
//! Sources: A. Lavin & S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016; in three dimensions D. Budden et al.,
//! "Deep tensor convolution on multicores", ICML 2017. Points: see `points.rs`.

mod backward;
mod forward;
mod points;
mod tiles;
mod weights;

use super::shape::{ConvArgs, ConvShape};
use crate::gemm::tile::{self, STEPS, Tile};
use crate::memory::Floats;
use crate::shared::{Shared, share};
use crate::{Isa, Pool};
use points::STRIDED;
pub(super) use points::{outs, phases, side};
use std::ops::Range;
pub(super) use tiles::lanes;
use tiles::{Matrix, Segment, Source, Target};
use weights::Kernels;

/// Bytes V of a batch should stay below: somewhat more than a second-level cache, as each weight is read once a batch.
const BATCH: usize = 768 << 10;
/// Channels on either side below which the transforms cost more than they save.
const FEWEST: usize = 16;
/// Bytes of weights beyond which reading them again for each batch is worth avoiding.
const HEAVY: usize = 2 << 20;

/// Packed weights and the shape they serve.
#[derive(Clone, Debug)]
pub(crate) struct Winograd {
    isa: Isa,
    /// Kind of each axis, see `points.rs`.
    step: [usize; 3],
    ins: usize,
    outs: usize,
    /// Rows of weights and elements of a tile in V that count: the in channels, of each phase.
    depth: usize,
    input: [usize; 3],
    output: [usize; 3],
    /// Zeros before the input along each axis.
    pad: [usize; 3],
    /// `[points][block of in channels][panel of out channels][in][width]`, zero past the last channel.
    pub weight: Floats,
}

/// How a run is shared out.
#[derive(Clone, Copy)]
enum Plan {
    /// So many tasks, each some tiles through all steps.
    Batches(usize),
    /// All tiles through one step after another.
    Steps,
}

/// The tiles a convolution can be and may be worth being filtered with.
pub(super) fn steps_for(s: &ConvShape, output: [usize; 3]) -> Vec<[usize; 3]> {
    let plain = s.groups == 1 && s.dilation == [1; 3];
    // A corner of a tile does not pay, nor do few channels.
    let enough = s.in_channels.min(s.out_channels) >= FEWEST && output[1] * output[2] >= 4;
    match (s.kernel, s.stride) {
        _ if !plain || !enough => Vec::new(),
        ([1, 3, 3], [1, 1, 1]) => vec![[1, 4, 4], [1, 2, 2]],
        ([3, 3, 3], [1, 1, 1]) => vec![[4, 4, 4], [2, 4, 4], [2, 2, 2]],
        ([1, 3, 3], [1, 2, 2]) => vec![[1, STRIDED, STRIDED]],
        ([3, 3, 3], [2, 2, 2]) => vec![[STRIDED; 3]],
        _ => Vec::new(),
    }
}

/// Bytes of the packed weights; `usize::MAX` where they overflow.
pub(super) fn bytes(s: &ConvShape, isa: Isa, step: [usize; 3]) -> usize {
    let wide = s.out_channels.next_multiple_of(tile::size(isa).1);
    let depth = depth(s.in_channels, isa, step);
    let all = [depth, wide, size_of::<f32>(), side(step[0]), side(step[1]), side(step[2])];
    all.iter().try_fold(1usize, |n, k| n.checked_mul(*k)).unwrap_or(usize::MAX)
}

/// In channels of all phases; all but the last phase's are filled up to whole vectors.
fn depth(ins: usize, isa: Isa, step: [usize; 3]) -> usize {
    let phases: usize = step.map(phases).iter().product();
    (phases - 1) * ins.next_multiple_of(tiles::lanes(isa)) + ins
}

impl Winograd {
    /// Packs `[out][in][kernel]` weights for tiles whose axes are of the kinds `step`.
    pub fn new(
        isa: Isa,
        s: &ConvShape,
        output: [usize; 3],
        step: [usize; 3],
        weight: &[f32],
    ) -> Winograd {
        let (ins, outs) = (s.in_channels, s.out_channels);
        let width = tile::size(isa).1;
        let wide = outs.next_multiple_of(width);
        let depth = depth(ins, isa, step);
        let (_, block) = tile::blocks(depth);
        let points: usize = step.map(side).iter().product();
        let mut packed = Floats::for_weights(points * depth * wide);
        let mut kernels = Kernels::new(step);
        let taps: usize = s.kernel.iter().product();
        let (filled, [_, down, across]) =
            (ins.next_multiple_of(tiles::lanes(isa)), step.map(phases));
        for panel in (0..outs).step_by(16) {
            let count = 16.min(outs - panel);
            // Rows between the channels of two phases stay zero.
            for row in (0..depth).filter(|row| row % filled < ins) {
                let (phase, c) = (row / filled, row % filled);
                let phase = [phase / (down * across), phase / across % down, phase % across];
                kernels.transform(&weight[panel * ins * taps..], [ins, c], phase, count);
                let (from, within) = (row / block * block, row % block);
                let (start, row) = (from * wide, within * width);
                let rows = block.min(depth - from);
                // The panels of the instruction set may be wider or narrower than the sixteen channels.
                let mut first = panel;
                while first < panel + count {
                    let n = (width - first % width).min(panel + count - first);
                    let at = start + first / width * width * rows + row + first % width;
                    for (xi, u) in kernels.at_points.iter().enumerate() {
                        packed[xi * depth * wide + at..][..n]
                            .copy_from_slice(&u[first - panel..][..n]);
                    }
                    first += n;
                }
            }
        }
        let pad = s.pad.map(|p| p[0]);
        Winograd { isa, step, ins, outs, depth, input: s.input, output, pad, weight: packed }
    }

    /// Tiles along each axis.
    fn grid(&self) -> [usize; 3] {
        [0, 1, 2].map(|a| self.output[a].div_ceil(outs(self.step[a])))
    }

    fn tiles(&self) -> usize {
        self.grid().iter().product()
    }

    /// Products a tile is made of.
    fn points(&self) -> usize {
        self.step.map(side).iter().product()
    }

    /// Elements of a tile in V and in M: the channels (of each phase), filled up to whole vectors.
    fn rows(&self) -> [usize; 2] {
        [self.depth, self.outs].map(|n| n.next_multiple_of(tiles::lanes(self.isa)))
    }

    /// In channels filled up to whole vectors.
    fn filled(&self) -> usize {
        self.ins.next_multiple_of(tiles::lanes(self.isa))
    }

    fn plan(&self, threads: usize) -> Plan {
        let tiles = self.tiles();
        let [ins, outs] = self.rows();
        let high = tile::size(self.isa).0;
        let batch = BATCH / (self.points() * ins.max(outs) * size_of::<f32>()) / high * high;
        let batch = batch.clamp(12usize.next_multiple_of(high), 48);
        let starved = threads > 1 && tiles < threads * batch;
        let heavy = self.weight.len() * size_of::<f32>() > HEAVY && tiles <= 600;
        if starved || heavy {
            return Plan::Steps;
        }
        let tasks = tiles.div_ceil(batch);
        Plan::Batches(tasks.next_multiple_of(threads).min(tiles.div_ceil(high)))
    }

    /// Most tiles of one of `tasks` tasks.
    fn batch(&self, tasks: usize) -> usize {
        let high = tile::size(self.isa).0;
        self.tiles().div_ceil(high).div_ceil(tasks.max(1)) * high
    }

    /// Elements between the matrices of neighbouring points, for `tiles` tiles of `row` elements. The tile kernel reads whole panels of
    /// rows; the odd line keeps the 36 from meeting in one set of the cache.
    fn slot(&self, tiles: usize, row: usize) -> usize {
        (tiles.next_multiple_of(tile::size(self.isa).0) * row).next_multiple_of(16) + 16
    }

    /// Elements of V and M together: one batch's, or all.
    fn matrices(&self, plan: Plan) -> usize {
        let ([ins, outs], tiles) = (self.rows(), self.tiles());
        match plan {
            Plan::Batches(tasks) => {
                (self.points() + 1) * self.slot(self.batch(tasks), ins.max(outs))
            }
            Plan::Steps => self.points() * (self.slot(tiles, ins) + self.slot(tiles, outs)),
        }
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        let (plan, scratch) = (self.plan(threads), tiles::scratch(self.step, self.isa));
        let matrices = self.matrices(plan);
        16 + match plan {
            Plan::Batches(_) => threads * (matrices + scratch),
            Plan::Steps => matrices + threads * scratch,
        }
    }

    /// Runs; slices have been checked.
    pub fn run(&self, pool: &Pool, x: &[f32], args: &ConvArgs, work: &mut [f32], y: &mut [f32]) {
        let plan = self.plan(pool.threads());
        let aligned = work.as_ptr().align_offset(64).min(16);
        let (work, y) = (Shared::new(&mut work[aligned..]), Shared::new(y));
        let source =
            Source { x, ins: self.ins, input: self.input, pad: self.pad, pre: args.prologue };
        let target =
            Target { y: &y, outs: self.outs, output: self.output, epilogue: args.epilogue };
        match plan {
            Plan::Batches(tasks) => self.batches(pool, tasks, &source, &target, &work),
            Plan::Steps => self.steps(pool, &source, &target, &work),
        }
    }

    fn batches(&self, pool: &Pool, tasks: usize, source: &Source, target: &Target, work: &Shared) {
        let ([ins, outs], tiles) = (self.rows(), self.tiles());
        let (kind, points) = ((self.isa, self.step), self.points());
        let high = tile::size(self.isa).0;
        let slot = self.slot(self.batch(tasks), ins.max(outs));
        let (matrices, scratch) =
            (self.matrices(Plan::Batches(tasks)), tiles::scratch(self.step, self.isa));
        let panels = 0..self.outs.div_ceil(tile::size(self.isa).1);
        pool.run_workers(tasks, |worker, task| {
            // SAFETY: each thread has a part of its own.
            let part = unsafe { work.part(worker * (matrices + scratch), matrices + scratch) };
            let (matrices, scratch) = part.split_at_mut(matrices);
            let range = share(tiles.div_ceil(high), tasks, task);
            let range = range.start * high..tiles.min(range.end * high);
            let m = matrices.as_mut_ptr();
            // SAFETY: the matrices have `points + 1` slots; V takes the last of them, M the first.
            let v = unsafe { m.add(slot) };
            for segment in self.segments(range.clone()) {
                // SAFETY: the instruction set was supported when the weights were packed; a slot has room for `batch` tiles.
                unsafe {
                    let start = v.add((segment.first - range.start) * ins);
                    let v = Matrix { start, slot, row: ins };
                    tiles::forward(kind, source, &segment, 0..self.filled(), scratch, v);
                }
            }
            for xi in 0..points {
                // SAFETY: as above; M of a point lies over V of the point before.
                unsafe {
                    let (v, m) = (v.add(xi * slot), m.add(xi * slot));
                    self.product((xi, false), range.len(), panels.clone(), v, m);
                }
            }
            for segment in self.segments(range.clone()) {
                // SAFETY: as above; the tiles of a task are its own part of the output.
                unsafe {
                    let start = m.add((segment.first - range.start) * outs);
                    let m = Matrix { start, slot, row: outs };
                    tiles::backward(kind, target, &segment, 0..outs, scratch, m);
                }
            }
        });
    }

    fn steps(&self, pool: &Pool, source: &Source, target: &Target, work: &Shared) {
        let ([ins, outs], tiles) = (self.rows(), self.tiles());
        let (kind, points) = ((self.isa, self.step), self.points());
        let slots = [self.slot(tiles, ins), self.slot(tiles, outs)];
        let (matrices, scratch) = (self.matrices(Plan::Steps), tiles::scratch(self.step, self.isa));
        let (v, m) = (0, points * slots[0]);
        let segments: Vec<Segment> = self.segments(0..tiles).collect();
        // Channels of one task: a few vectors.
        let group = 2 * tiles::lanes(self.isa).max(16);
        let filled = self.filled();
        let groups = filled.div_ceil(group);
        pool.run_workers(segments.len() * groups, |worker, task| {
            // SAFETY: each thread has scratch memory of its own behind the matrices.
            let scratch = unsafe { work.part(matrices + worker * scratch, scratch) };
            let (segment, group) = (
                &segments[task / groups],
                task % groups * group..filled.min((task % groups + 1) * group),
            );
            // SAFETY: the instruction set was supported when the weights were packed; these tiles and channels of V are this task's.
            unsafe {
                let start = work.pointer().add(v + segment.first * ins);
                let v = Matrix { start, slot: slots[0], row: ins };
                tiles::forward(kind, source, segment, group, scratch, v);
            }
        });
        let panels = self.outs.div_ceil(tile::size(self.isa).1);
        let shares = (4 * pool.threads()).div_ceil(points).min(panels);
        pool.run(points * shares, |task| {
            let (xi, share) = (task / shares, task % shares);
            let panels = panels * share / shares..panels * (share + 1) / shares;
            // SAFETY: these panels of M's point are this task's; V is only read.
            unsafe {
                let (v, m) =
                    (work.pointer().add(v + xi * slots[0]), work.pointer().add(m + xi * slots[1]));
                self.product((xi, true), tiles, panels, v, m);
            }
        });
        let groups = outs.div_ceil(group);
        pool.run_workers(segments.len() * groups, |worker, task| {
            // SAFETY: as in the first step.
            let scratch = unsafe { work.part(matrices + worker * scratch, scratch) };
            let (segment, group) = (
                &segments[task / groups],
                task % groups * group..outs.min((task % groups + 1) * group),
            );
            // SAFETY: these tiles and channels of the output are this task's.
            unsafe {
                let start = work.pointer().add(m + segment.first * outs);
                let m = Matrix { start, slot: slots[1], row: outs };
                tiles::backward(kind, target, segment, group, scratch, m);
            }
        });
    }

    /// `M = V U` of one point for some panels of out channels; `cold` where the weights come from memory.
    ///
    /// # Safety
    /// The processor has `self.isa`; `v` and `m` have room for `tiles` rows rounded up to a panel's height; no other task writes there.
    unsafe fn product(
        &self,
        (xi, cold): (usize, bool),
        tiles: usize,
        panels: Range<usize>,
        v: *const f32,
        m: *mut f32,
    ) {
        let width = tile::size(self.isa).1;
        let ([row, outs], wide) = (self.rows(), self.outs.next_multiple_of(width));
        let (blocks, step) = tile::blocks(self.depth);
        let weight = &self.weight[xi * self.depth * wide..][..self.depth * wide];
        for block in 0..blocks {
            let from = block * step;
            let depth = step.min(self.depth - from);
            for panel in panels.clone() {
                let column = panel * width;
                let b = weight[from * wide + column * depth..].as_ptr();
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
                        columns: width.min(outs - column),
                        add: block > 0,
                        row_bias: std::ptr::null(),
                        column_bias: std::ptr::null(),
                        residual: std::ptr::null(),
                        relu: false,
                        // The weights themselves, some way on: the first tile brings them for the others.
                        ahead: b.wrapping_add(4 * STEPS * width),
                        ahead_lines: if cold { STEPS * width / 16 } else { 0 },
                        distant: false,
                    };
                    tile::run_rows(self.isa, &tile);
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
