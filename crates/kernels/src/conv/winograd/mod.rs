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
//! neighbouring tiles is turned to channels-last in scratch memory and back (`forward.rs`, `backward.rs`). Tiles of six rows, F(6×4) and
//! F(4×6×4), take 8/9 of the multiplications and as much less of V and M, and err twice as much; rows, not columns, since tiles of four columns are
//! whole cache lines. Tiles of 2×2, 2×2×2 and 2×4×4 outputs serve where few outputs are left along an axis, or the weights would grow too large
//! (`conv/choose.rs`).
//!
//! With stride two the input falls in phases, four on a plane and eight in space, each with a kernel of two elements or one along an axis: the
//! phases are in channels of their own, and F(4×4×4, 2×2×2) makes 64 outputs with 9·9·9 multiplications where the sum takes 1728: at four of
//! the five points of an axis both phases count, at the last one does.
//!
//! Many tiles are cut in batches, a task each, which stay in the nearer caches (`run.rs`). In space V and M would be the greater part of what
//! a batch moves: strips are kept that are transformed along two axes, two thirds of V, and V and M exist for one row of six points at a
//! time. A line of the strips is transformed along the last axis, multiplied, transformed back, and put in the place of what it was made
//! of. On flat tiles M of a point takes the room of V of the point before. Few tiles and many channels (deep layers) go through the
//! three steps one after another, the products shared out by point, so that each weight is read once. Every number is computed the same
//! way whatever the sharing.
//!
//! A picture may lie in blocks of as many channels as a vector holds (`ConvArgs::x_blocks`): then nothing is turned, rows are transformed where they lie.
//!
//! Where the processor has tiles of bytes the products of many channels run on these (`digits.rs`): multiplying less by filtering and multiplying faster add up.
//!
//! A NaN or an infinity reaches every output of the tiles that hold it, so also outputs whose window does not.
//!
//! Sources: A. Lavin & S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016; in three dimensions D. Budden et al.,
//! "Deep tensor convolution on multicores", ICML 2017. Points: see `points.rs`.

mod backward;
mod digits;
mod forward;
mod points;
mod run;
mod tiles;
mod weights;

use super::shape::ConvShape;
use crate::ahead::MOST;
use crate::gemm::tile;
use crate::memory::Floats;
use crate::shared::share;
use crate::{Ahead, Isa};
pub(super) use digits::bytes as bytes_of_digits;
use points::{STRIDED, phases_at};
pub(super) use points::{outs, phases, side, terms};
use std::ops::Range;
use tiles::SPARE;
use weights::{Kernels, LANES};

/// Bytes V of a batch of flat tiles should stay below: somewhat less than a second-level cache, as each weight is read once a batch.
const BATCH: usize = 768 << 10;
/// The same for the strips of a batch of tiles in space. Their weights are several times as many and come from further away, so batches are
/// larger; beyond 48 tiles nothing was gained.
const STRIPS: usize = 1536 << 10;
/// Channels on either side below which the transforms cost more than they save.
const FEWEST: usize = 16;
/// Most in channels on tiles of 4×6×4 outputs. Their points double the rounding of sums, which grows with the root of the number of terms: on noise
/// relative rms is 3.4·10⁻⁶ with 64 channels, 4.1·10⁻⁶ with 96 and 4.7·10⁻⁶ with 128 (F(4×4×4): 2.4·10⁻⁶ with 128). Summed in shorter blocks, which
/// would allow more, layers took as long as with tiles of four rows.
const MOST_CHANNELS: usize = 96;
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
    /// Where the weights of each point begin, and the end of all.
    starts: Vec<usize>,
    input: [usize; 3],
    output: [usize; 3],
    /// Zeros before the input along each axis.
    pad: [usize; 3],
    /// `[points][block of in channels][panel of out channels][in][width of the panel]`, zero past the last channel.
    weight: Floats,
    /// In their place, where products run on tiles of digits.
    digits: Option<digits::Digits>,
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
        ([1, 3, 3], [1, 1, 1]) => vec![[1, 6, 4], [1, 4, 4], [1, 2, 2]],
        ([3, 3, 3], [1, 1, 1]) if s.in_channels <= MOST_CHANNELS => {
            vec![[4, 6, 4], [4, 4, 4], [2, 4, 4], [2, 2, 2]]
        }
        ([3, 3, 3], [1, 1, 1]) => vec![[4, 4, 4], [2, 4, 4], [2, 2, 2]],
        ([1, 3, 3], [1, 2, 2]) => vec![[1, STRIDED, STRIDED]],
        ([3, 3, 3], [2, 2, 2]) => vec![[STRIDED; 3]],
        _ => Vec::new(),
    }
}

/// Whether products on digits, whose rounding is that of the greatest number of a row, err little enough: not on tiles of 4×6×4 outputs.
pub(super) fn suits_digits(step: [usize; 3]) -> bool {
    step[0] == 1 || step[1] != 6
}

/// Bytes of the packed weights; `usize::MAX` where they overflow.
pub(super) fn bytes(s: &ConvShape, isa: Isa, step: [usize; 3]) -> usize {
    let lanes = isa.lanes();
    let (wide, filled) =
        (s.out_channels.next_multiple_of(lanes), s.in_channels.next_multiple_of(lanes));
    let [z, y, x] = step.map(terms);
    // As if the last phase, too, were filled up to whole vectors.
    let all = [filled, wide, size_of::<f32>(), z, y, x];
    all.iter().try_fold(1usize, |n, k| n.checked_mul(*k)).unwrap_or(usize::MAX)
}

/// The out channels of each panel of the weights, whole vectors: as many panels as it takes of a tile's width, all about as wide, for the
/// tile is slow on one vector alone and reads nothing but its own columns.
pub(super) fn panels(outs: usize, isa: Isa) -> impl Iterator<Item = Range<usize>> {
    let (lanes, width) = (isa.lanes(), tile::size(isa).1);
    let vectors = outs.div_ceil(lanes);
    let count = outs.div_ceil(width);
    (0..count).map(move |panel| {
        let part = share(vectors, count, panel);
        part.start * lanes..part.end * lanes
    })
}

/// In channels of so many phases, one behind the other; all but the last phase's are filled up to whole vectors.
fn depth(ins: usize, isa: Isa, phases: usize) -> usize {
    (phases - 1) * ins.next_multiple_of(isa.lanes()) + ins
}

/// Phases of each axis that count at a point.
fn phases_of(step: [usize; 3], point: usize) -> [usize; 3] {
    let [_, down, across] = step.map(side);
    let at = [point / (down * across), point / across % down, point % across];
    [0, 1, 2].map(|axis| phases_at(step[axis], at[axis]))
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
        let mut filter = Winograd::unpacked(isa, s, output, step);
        let [_, wide] = filter.rows();
        let mut packed = Floats::for_weights(filter.starts[filter.points()]);
        let panels: Vec<Range<usize>> = panels(filter.outs, isa).collect();
        let mut kernels = Kernels::new(step);
        for some in filter.lanes() {
            filter.transform(s, weight, &some, &mut kernels, |point, row, u| {
                let depth = filter.depth(point);
                let (_, block) = tile::blocks(depth);
                let from = row / block * block;
                for panel in &panels {
                    let of = panel.start.max(some.start)..panel.end.min(some.end);
                    if of.is_empty() {
                        continue;
                    }
                    let at = from * wide + panel.start * block.min(depth - from);
                    let at = filter.starts[point] + at + (row - from) * panel.len();
                    packed[at + of.start - panel.start..][..of.len()]
                        .copy_from_slice(&u[of.start - some.start..of.end - some.start]);
                }
            });
        }
        filter.weight = packed;
        filter
    }

    /// The same with products on tiles of digits, which the processor must have.
    pub fn by_digits(
        isa: Isa,
        s: &ConvShape,
        output: [usize; 3],
        step: [usize; 3],
        weight: &[f32],
    ) -> Winograd {
        let mut filter = Winograd::unpacked(isa, s, output, step);
        filter.digits = Some(digits::Digits::new(&filter, s, weight));
        filter
    }

    /// Without its weights.
    fn unpacked(isa: Isa, s: &ConvShape, output: [usize; 3], step: [usize; 3]) -> Winograd {
        let (ins, outs) = (s.in_channels, s.out_channels);
        let (input, pad, weight) = (s.input, s.pad.map(|p| p[0]), Floats::zeros(0));
        let mut filter = Winograd {
            isa,
            step,
            ins,
            outs,
            starts: vec![0],
            input,
            output,
            pad,
            weight,
            digits: None,
        };
        let [_, wide] = filter.rows();
        for point in 0..filter.points() {
            filter.starts.push(filter.starts[point] + filter.depth(point) * wide);
        }
        filter
    }

    /// Out channels that are transformed together.
    fn lanes(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let outs = self.outs;
        (0..outs).step_by(LANES).map(move |first| first..outs.min(first + LANES))
    }

    /// Transforms `[out][in][kernel]` weights of some out channels: `take` gets each point, the place of an in channel of a phase in its depth, and the
    /// numbers of these out channels, zero past the last.
    fn transform(
        &self,
        s: &ConvShape,
        weight: &[f32],
        some: &Range<usize>,
        kernels: &mut Kernels,
        mut take: impl FnMut(usize, usize, &[f32; LANES]),
    ) {
        let (ins, taps) = (self.ins, s.kernel.iter().product::<usize>());
        let [planes, down, across] = self.step.map(phases);
        let counts: Vec<_> = (0..self.points()).map(|point| phases_of(self.step, point)).collect();
        for (phase, c) in (0..planes * down * across).flat_map(|p| (0..ins).map(move |c| (p, c))) {
            let phase = [phase / (down * across), phase / across % down, phase % across];
            kernels.transform(&weight[some.start * ins * taps..], [ins, c], phase, some.len());
            for (point, u) in kernels.at_points.iter().enumerate() {
                let counts = counts[point];
                if (0..3).all(|axis| phase[axis] < counts[axis]) {
                    let place = (phase[0] * counts[1] + phase[1]) * counts[2] + phase[2];
                    take(point, place * self.filled() + c, u);
                }
            }
        }
    }

    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        let digits = self.digits.as_ref().map_or(0, digits::Digits::bytes);
        self.weight.len() * size_of::<f32>() + digits
    }

    /// Channels of a block that is read and written as it lies: a vector.
    pub fn block(&self) -> usize {
        self.isa.lanes()
    }

    /// The weights, for the layer before to ask for. Those of volumes are too many.
    pub fn ahead(&self, threads: usize) -> Ahead<'_> {
        let weights: &[f32] = match &self.digits {
            _ if self.by_rows() => &[],
            Some(digits) => &digits.digits,
            None => &self.weight,
        };
        Ahead::new(weights, matches!(self.plan(threads), Plan::Steps))
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
        let phases: usize = self.step.map(phases).iter().product();
        [phases * self.filled(), self.outs.next_multiple_of(self.isa.lanes())]
    }

    /// In channels filled up to whole vectors.
    fn filled(&self) -> usize {
        self.ins.next_multiple_of(self.isa.lanes())
    }

    /// Whether batches go row by row of points; flat tiles have too few of them to gain by it.
    fn by_rows(&self) -> bool {
        self.step[0] > 1
    }

    /// Elements a tile takes of a line of a strip, on the way forward or back, whichever is longer.
    fn along(&self) -> usize {
        let (columns, [_, outs_filled]) = (outs(self.step[2]), self.rows());
        columns * (phases(self.step[2]) * self.filled()).max(outs_filled)
    }

    fn plan(&self, threads: usize) -> Plan {
        let tiles = self.tiles();
        let high = tile::size(self.isa).0;
        let [ins, outs] = self.rows();
        // With phases weights are four times as many a tile.
        let volumes = if phases(self.step[0]) > 1 { 48 } else { 24usize };
        let (limit, each, least, few) = match self.by_rows() {
            true => (STRIPS, tiles::lines(self.step) * self.along(), volumes, 100),
            false => (BATCH, self.points() * ins.max(outs), 12, 600),
        };
        // Tiles of digits are half as fast on one panel of rows as on two.
        let least = if self.digits.is_some() { least.max(32) } else { least };
        let batch = limit / (each * size_of::<f32>()) / high * high;
        let batch = batch.clamp(least.next_multiple_of(high), 48);
        let starved = threads > 1 && tiles < threads * batch;
        let heavy = self.bytes() > HEAVY && tiles <= few;
        // Weights that the layer before has asked for are near every thread: what threads write is then better read by themselves.
        let near = !self.by_rows() && self.bytes() <= MOST;
        if heavy || starved && !(near && tiles > (threads - 1) * high) {
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

    /// Most tiles of a segment.
    fn longest(&self) -> usize {
        tiles::segment_len(self.step).min(self.grid()[2])
    }

    /// Elements between the matrices of neighbouring points, for `tiles` tiles of `row` elements. The tile kernel reads whole panels of
    /// rows; the odd line keeps the points from meeting in one set of the cache.
    fn slot(&self, tiles: usize, row: usize) -> usize {
        (tiles.next_multiple_of(tile::size(self.isa).0) * row).next_multiple_of(16) + 16
    }

    /// Elements between the lines of a batch's strips, for batches of `tiles` tiles. An odd number of cache lines, for the same reason.
    fn line(&self, tiles: usize) -> usize {
        let lanes = self.isa.lanes();
        let kind = self.step[2];
        // A row of tiles is cut in so many segments, and a batch may begin and end in the middle of one.
        let [_, _, across] = self.grid();
        let segments = (tiles.div_ceil(across) + 1) * across.div_ceil(self.longest()) + 1;
        let shared = segments * phases(kind) * (side(kind) - outs(kind)) * self.filled();
        (tiles * self.along() + shared + SPARE * lanes).next_multiple_of(32) + 16
    }

    /// The same where M takes the room of V.
    fn common_slot(&self, tiles: usize) -> usize {
        let [ins, outs] = self.rows();
        self.slot(tiles, ins.max(outs))
    }

    /// Elements of V and M of a row of points of a batch of `tiles` tiles.
    fn row_matrices(&self, tiles: usize) -> [usize; 2] {
        self.rows().map(|row| side(self.step[2]) * self.slot(tiles, row))
    }

    /// Vectors that fill a cache line of V, and go through a strip together.
    fn beside(&self) -> usize {
        16 / self.isa.lanes()
    }

    /// Elements between the lines of a strip of one segment and as many vectors.
    fn short_line(&self) -> usize {
        let columns = tiles::columns(self.step[2], self.longest());
        (16 * columns + SPARE * self.isa.lanes()).next_multiple_of(32) + 16
    }

    /// Elements of a thread's digits of V.
    fn room(&self) -> usize {
        let depths = (0..self.points()).map(|xi| self.depth(xi));
        let most = depths.map(digits::room).max().unwrap_or(0);
        if self.digits.is_some() { most } else { 0 }
    }

    /// Elements of a thread's scratch memory, and of what all threads share.
    fn scratch(&self, plan: Plan) -> [usize; 2] {
        let finished = tiles::finished(self.step, self.isa, self.longest());
        let lines = tiles::lines(self.step);
        let strip = lines * self.short_line();
        let [own, common] = match plan {
            Plan::Batches(tasks) if self.by_rows() => {
                let tiles = self.batch(tasks);
                let [v, m] = self.row_matrices(tiles);
                [lines * self.line(tiles) + v + m + finished, 0]
            }
            Plan::Batches(tasks) => {
                let matrices = (self.points() + 1) * self.common_slot(self.batch(tasks));
                [matrices + strip + finished, 0]
            }
            Plan::Steps => {
                let [v, m] = self.rows().map(|row| self.points() * self.slot(self.tiles(), row));
                [strip + finished, v + m]
            }
        };
        [self.room() + own.next_multiple_of(16), common]
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        let [own, common] = self.scratch(self.plan(threads));
        16 + self.tallies_len() + threads * own + common
    }

    /// Outputs of each tile that lie on the picture.
    fn counts(&self) -> Vec<f64> {
        let (grid, steps) = (self.grid(), self.step.map(outs));
        let count = |tile: usize| {
            let at = [tile / grid[2] / grid[1], tile / grid[2] % grid[1], tile % grid[2]];
            let on = |a: usize| steps[a].min(self.output[a] - at[a] * steps[a]);
            (on(0) * on(1) * on(2)) as f64
        };
        (0..self.tiles()).map(count).collect()
    }

    /// Elements of what is gathered of each tile and channel, see `conv/tally.rs`.
    fn tallies_len(&self) -> usize {
        self.tiles() * 2 * self.rows()[1]
    }
}
