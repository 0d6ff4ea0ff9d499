//! Convolution with a 3×3 kernel by Winograd's minimal filtering F(4×4, 3×3): four by four outputs from a tile of six by six inputs with
//! 36 multiplications a channel pair where the sum of products takes 144.
//!
//! ```text
//! x [in][h][w]            V [36][tile][in]                         M [36][tile][out]          y [out][h][w]
//! ┌──────┐ tiles of 6×6,                   × U [36][in][out]                      ┌────┐ tiles of 4×4,
//! │      │ 4 apart, zeros ──── Bᵀ x B ──▶  one matrix product  ──── Aᵀ M A ────▶  │    │ side by side, bias,
//! └──────┘ past the border                 for each of the 36                     └────┘ residual, activation
//! ```
//!
//! A tile is the polynomial product of its input and the kernel, taken at six points a side (`points.rs`): there the product is one number
//! times one number. `U = G w Gᵀ` is made once, in `f64`. Both transforms work on as many channels as a vector holds; a strip of
//! neighbouring tiles is turned to channels-last in scratch memory and back (`tiles.rs`).
//!
//! Many tiles are cut in batches whose V and M stay in the nearer caches, a task each; `M[ξ]` takes the room of `V[ξ - 1]`, which has
//! been used. Few tiles and many channels (deep layers) go through the three steps one after another, the products shared out by
//! point, so that each weight is read once. Every number is computed the same way whatever the sharing.
//!
//! A NaN or an infinity reaches every output of the tiles that hold it, so also outputs whose window does not.
//!
//! Sources: A. Lavin & S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016. Points: see `points.rs`.

mod points;
mod tiles;

use super::shape::{ConvArgs, ConvShape};
use crate::gemm::tile::{self, Tile};
use crate::shared::{Aligned, Shared};
use crate::{Isa, Pool};
use std::ops::Range;
use tiles::{SEGMENT, Segment, Source, Target};

/// Products a tile is made of.
const POINTS: usize = points::SIDE * points::SIDE;
/// Outputs of a tile along each axis.
const STEP: usize = 4;
/// Bytes V of a batch should stay below: somewhat more than a second-level cache, as each weight is read once a batch.
const BATCH: usize = 768 << 10;
/// Bytes of weights beyond which reading them again for each batch is worth avoiding.
const HEAVY: usize = 2 << 20;

/// Packed weights and the shape they serve.
#[derive(Clone, Debug)]
pub(crate) struct Winograd {
    isa: Isa,
    ins: usize,
    outs: usize,
    input: [usize; 2],
    output: [usize; 2],
    /// Zeros above and to the left.
    pad: [usize; 2],
    /// `[36][block of in channels][panel of out channels][in][width]`, zero past the last channel.
    pub weight: Aligned,
}

/// How a run is shared out.
#[derive(Clone, Copy)]
enum Plan {
    /// Tasks of so many tiles, each through all steps.
    Batches(usize),
    /// All tiles through one step after another.
    Steps,
}

/// Inputs of a tile along an axis with so many outputs; 1 where the kernel has one element.
pub(super) fn side(step: usize) -> usize {
    if step == 1 { 1 } else { step + 2 }
}

/// The tiles a convolution can be and may be worth being filtered with.
pub(super) fn steps_for(
    s: &ConvShape,
    output: [usize; 3],
) -> impl Iterator<Item = [usize; 3]> + use<> {
    let fits = s.groups == 1
        && s.kernel == [1, 3, 3]
        && s.input[0] == 1
        && output[0] == 1
        && s.stride == [1; 3]
        && s.dilation == [1; 3]
        && s.pad[0] == [0, 0];
    // A corner of a tile does not pay, nor do few channels.
    let enough = s.in_channels.min(s.out_channels) >= 16 && output[1] * output[2] >= STEP;
    (fits && enough).then_some([1, STEP, STEP]).into_iter()
}

/// Bytes of the packed weights; `usize::MAX` where they overflow.
pub(super) fn bytes(s: &ConvShape, isa: Isa, step: [usize; 3]) -> usize {
    let wide = s.out_channels.next_multiple_of(tile::size(isa).1);
    let all = [s.in_channels, wide, size_of::<f32>(), side(step[0]), side(step[1]), side(step[2])];
    all.iter().try_fold(1usize, |n, k| n.checked_mul(*k)).unwrap_or(usize::MAX)
}

impl Winograd {
    /// Packs `[out][in][3][3]` weights.
    pub fn new(
        isa: Isa,
        s: &ConvShape,
        output: [usize; 3],
        _step: [usize; 3],
        weight: &[f32],
    ) -> Winograd {
        let (ins, outs) = (s.in_channels, s.out_channels);
        let width = tile::size(isa).1;
        let wide = outs.next_multiple_of(width);
        let (_, step) = tile::blocks(ins);
        let mut packed = Aligned::zeros(POINTS * ins * wide);
        for panel in (0..outs).step_by(width) {
            for c in 0..ins {
                let (from, within) = (c / step * step, c % step);
                let at = from * wide + panel * step.min(ins - from) + within * width;
                for o in panel..outs.min(panel + width) {
                    let kernel = &weight[(o * ins + c) * 9..][..9];
                    for (xi, u) in points::kernel(kernel).into_iter().enumerate() {
                        packed[xi * ins * wide + at + o - panel] = u;
                    }
                }
            }
        }
        Winograd {
            isa,
            ins,
            outs,
            input: [s.input[1], s.input[2]],
            output: [output[1], output[2]],
            pad: [s.pad[1][0], s.pad[2][0]],
            weight: packed,
        }
    }

    /// Tiles down and across.
    fn tiles(&self) -> [usize; 2] {
        self.output.map(|n| n.div_ceil(STEP))
    }

    /// Elements of a tile in V and in M: the channels, filled up to whole vectors.
    fn rows(&self) -> [usize; 2] {
        [self.ins, self.outs].map(|n| n.next_multiple_of(tiles::lanes(self.isa)))
    }

    fn plan(&self, threads: usize) -> Plan {
        let tiles: usize = self.tiles().iter().product();
        let [ins, outs] = self.rows();
        let high = tile::size(self.isa).0;
        let batch = BATCH / (POINTS * ins.max(outs) * size_of::<f32>()) / high * high;
        let batch = batch.clamp(12usize.next_multiple_of(high), 48);
        let starved = threads > 1 && tiles < 2 * threads * batch;
        let heavy = self.weight.len() * size_of::<f32>() > HEAVY && tiles <= 600;
        if starved || heavy { Plan::Steps } else { Plan::Batches(batch) }
    }

    /// Elements between the matrices of neighbouring points, for `tiles` tiles of `row` elements. The tile kernel reads whole panels of
    /// rows; the odd line keeps the 36 from meeting in one set of the cache.
    fn slot(&self, tiles: usize, row: usize) -> usize {
        (tiles.next_multiple_of(tile::size(self.isa).0) * row).next_multiple_of(16) + 16
    }

    /// Elements of V and M together: one batch's, or all.
    fn matrices(&self, plan: Plan) -> usize {
        let ([ins, outs], tiles) = (self.rows(), self.tiles().iter().product());
        match plan {
            Plan::Batches(batch) => (POINTS + 1) * self.slot(batch, ins.max(outs)),
            Plan::Steps => POINTS * (self.slot(tiles, ins) + self.slot(tiles, outs)),
        }
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        let (plan, scratch) = (self.plan(threads), tiles::scratch(self.isa));
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
            Plan::Batches(batch) => self.batches(pool, batch, &source, &target, &work),
            Plan::Steps => self.steps(pool, &source, &target, &work),
        }
    }

    fn batches(&self, pool: &Pool, batch: usize, source: &Source, target: &Target, work: &Shared) {
        let ([_, across], [ins, outs]) = (self.tiles(), self.rows());
        let tiles: usize = self.tiles().iter().product();
        let slot = self.slot(batch, ins.max(outs));
        let (matrices, scratch) = (self.matrices(Plan::Batches(batch)), tiles::scratch(self.isa));
        let panels = 0..self.outs.div_ceil(tile::size(self.isa).1);
        pool.run_workers(tiles.div_ceil(batch), |worker, task| {
            // SAFETY: each thread has a part of its own.
            let part = unsafe { work.part(worker * (matrices + scratch), matrices + scratch) };
            let (matrices, scratch) = part.split_at_mut(matrices);
            let range = task * batch..tiles.min((task + 1) * batch);
            let m = matrices.as_mut_ptr();
            // SAFETY: the matrices have `POINTS + 1` slots; V takes the last 36, M the first.
            let v = unsafe { m.add(slot) };
            for segment in segments(range.clone(), across) {
                // SAFETY: the instruction set was supported when the weights were packed; a slot has room for `batch` tiles.
                unsafe {
                    let v = v.add((segment.first - range.start) * ins);
                    tiles::forward(self.isa, source, &segment, 0..ins, scratch, v, [slot, ins]);
                }
            }
            for xi in 0..POINTS {
                // SAFETY: as above; M of a point lies over V of the point before.
                unsafe {
                    let (v, m) = (v.add(xi * slot), m.add(xi * slot));
                    self.product(xi, range.len(), panels.clone(), v, m);
                }
            }
            for segment in segments(range.clone(), across) {
                // SAFETY: as above; the tiles of a task are its own part of the output.
                unsafe {
                    let m = m.add((segment.first - range.start) * outs);
                    tiles::backward(self.isa, target, &segment, 0..outs, scratch, m, [slot, outs]);
                }
            }
        });
    }

    fn steps(&self, pool: &Pool, source: &Source, target: &Target, work: &Shared) {
        let ([_, across], [ins, outs]) = (self.tiles(), self.rows());
        let tiles: usize = self.tiles().iter().product();
        let slots = [self.slot(tiles, ins), self.slot(tiles, outs)];
        let (matrices, scratch) = (self.matrices(Plan::Steps), tiles::scratch(self.isa));
        let (v, m) = (0, POINTS * slots[0]);
        let segments: Vec<Segment> = segments(0..tiles, across).collect();
        // Channels of one task: a few vectors.
        let group = 2 * tiles::lanes(self.isa).max(16);
        let groups = ins.div_ceil(group);
        pool.run_workers(segments.len() * groups, |worker, task| {
            // SAFETY: each thread has scratch memory of its own behind the matrices.
            let scratch = unsafe { work.part(matrices + worker * scratch, scratch) };
            let (segment, group) = (
                &segments[task / groups],
                task % groups * group..ins.min((task % groups + 1) * group),
            );
            // SAFETY: the instruction set was supported when the weights were packed; these tiles and channels of V are this task's.
            unsafe {
                let v = work.pointer().add(v + segment.first * ins);
                tiles::forward(self.isa, source, segment, group, scratch, v, [slots[0], ins]);
            }
        });
        let panels = self.outs.div_ceil(tile::size(self.isa).1);
        let shares = (4 * pool.threads()).div_ceil(POINTS).min(panels);
        pool.run(POINTS * shares, |task| {
            let (xi, share) = (task / shares, task % shares);
            let panels = panels * share / shares..panels * (share + 1) / shares;
            // SAFETY: these panels of M's point are this task's; V is only read.
            unsafe {
                let (v, m) =
                    (work.pointer().add(v + xi * slots[0]), work.pointer().add(m + xi * slots[1]));
                self.product(xi, tiles, panels, v, m);
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
                let m = work.pointer().add(m + segment.first * outs);
                tiles::backward(self.isa, target, segment, group, scratch, m, [slots[1], outs]);
            }
        });
    }

    /// `M = V U` of one point for some panels of out channels.
    ///
    /// # Safety
    /// The processor has `self.isa`; `v` and `m` have room for `tiles` rows rounded up to a panel's height; no other task writes there.
    unsafe fn product(
        &self,
        xi: usize,
        tiles: usize,
        panels: Range<usize>,
        v: *const f32,
        m: *mut f32,
    ) {
        let (high, width) = tile::size(self.isa);
        let ([row, outs], wide) = (self.rows(), self.outs.next_multiple_of(width));
        let (blocks, step) = tile::blocks(self.ins);
        let weight = &self.weight[xi * self.ins * wide..][..self.ins * wide];
        for block in 0..blocks {
            let from = block * step;
            let depth = step.min(self.ins - from);
            for panel in panels.clone() {
                let column = panel * width;
                let b = weight[from * wide + column * depth..].as_ptr();
                for first in (0..tiles).step_by(high) {
                    // SAFETY: by the contract, and a row of V has `row` elements, one of M `outs`.
                    unsafe {
                        let tile = Tile {
                            depth,
                            a: v.add(first * row + from),
                            a_stride: row,
                            b,
                            c: m.add(first * outs + column),
                            stride: outs,
                            rows: high.min(tiles - first),
                            columns: width.min(outs - column),
                            add: block > 0,
                            row_bias: std::ptr::null(),
                            column_bias: std::ptr::null(),
                            residual: std::ptr::null(),
                            relu: false,
                        };
                        tile::run(self.isa, &tile);
                    }
                }
            }
        }
    }
}

/// Tiles `range`, counted row by row with `across` in a row, as stretches of one row.
fn segments(range: Range<usize>, across: usize) -> impl Iterator<Item = Segment> {
    let mut first = range.start;
    std::iter::from_fn(move || {
        let column = first % across;
        let count = SEGMENT.min(across - column).min(range.end - first);
        let segment = Segment { first, row: first / across, column, count };
        first += count;
        (count > 0).then_some(segment)
    })
}
