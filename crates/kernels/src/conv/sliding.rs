//! Convolution of pictures on tiles of digits ([`crate::digits`]) whose taps slide over the digits: every element is split once, not once a tap.
//!
//! ```text
//! picture, padded        its positions in a row           digits      [phase][block of channels][64 channels][digit][position][64 channels]
//! · · · · · ·
//! · a b c d ·            · · · · · · · a b c d · · e f …
//! · e f g h ·              ╰──────── 16 ───────╯  tap (0, 1) of an output's position and the fifteen after it
//! · · · · · ·                          ╰──────── 16 ───────╯  tap (1, 1): as many further as the taps are apart
//! ```
//! Positions are the rows of a tile, cache lines each, wherever they begin; so a tap's product reads them where they lie. (As columns they would begin
//! inside cache lines, and loading a tile take three times as long.) Positions between the picture's rows are
//! computed and left out. With a stride each phase of it is a picture of its own. Channels are summed block by block of each tap, tap after tap, in
//! `f32`; a position's step is that of its own channels, whichever tap meets it.
//!
//! A task splits a band of rows, with those the kernel reaches beyond it, and multiplies: for each 32 out channels and few positions all
//! taps in turn, whose sums stay near; then it turns these, channel by channel.

use super::pack::{Fill, Geometry, Runs};
use super::shape::{ConvArgs, ConvShape};
use crate::activation::activate_block;
use crate::digits::{self, Ending, Rows, SIDE, STEP, Tiles};
use crate::elementwise::add_scaled;
use crate::gemm::tile::{self, Tile};
use crate::memory::Floats;
use crate::permute::turn;
use crate::shared::{Shared, share};
use crate::{Activation, Isa, Pool};
use std::ops::Range;

/// Out channels that go through the tiles together.
const TALL: usize = 2 * SIDE;
/// Panels of positions filled together.
const TOGETHER: usize = 4;
/// Sixteens of positions whose sums stay near, an even number.
const NEAR: usize = 4;
/// Bytes of a band's digits, half of a second-level cache.
const BAND: usize = 1 << 20;
/// What filling and splitting an element costs, in multiply-adds of tiles, see `conv/digits.rs`.
const FILL: usize = 90;

/// Weights as digits, and where they read.
#[derive(Clone, Debug)]
pub(crate) struct Sliding {
    /// The set of its vectors.
    isa: Isa,
    ins: usize,
    outs: usize,
    output: [usize; 3],
    /// Positions of a phase's picture.
    grid: [usize; 3],
    /// Where each phase reads.
    phases: Vec<Geometry>,
    /// Of each tap its phase, and how many positions it is from the first.
    taps: Vec<(usize, usize)>,
    /// `[tap][block of channels][sixteen out channels]`, as B of a tile.
    weight: Floats,
    /// `[tap][block of channels][out channel]`, whole panels.
    steps: Vec<f32>,
}

/// Along an axis: the phases its taps meet, and of each tap the phase's number and how far it is.
fn axis(s: &ConvShape, axis: usize) -> (Vec<usize>, Vec<(usize, usize)>) {
    let (stride, mut phases) = (s.stride[axis], Vec::new());
    let taps = (0..s.kernel[axis]).map(|tap| {
        let at = tap * s.dilation[axis];
        let known = phases.iter().position(|phase| *phase == at % stride);
        let phase = known.unwrap_or_else(|| {
            phases.push(at % stride);
            phases.len() - 1
        });
        (phase, at / stride)
    });
    let taps = taps.collect();
    (phases, taps)
}

/// Positions of a phase's picture along each axis.
fn grid(s: &ConvShape, output: [usize; 3]) -> [usize; 3] {
    let reach = |a: usize| (s.kernel[a] - 1) * s.dilation[a] / s.stride[a];
    [output[0], output[1] + reach(1), output[2] + reach(2)]
}

/// What the choice counts: phases, positions of each, and positions that are multiplied.
pub(super) fn sizes(s: &ConvShape, output: [usize; 3]) -> [usize; 3] {
    let grid = grid(s, output);
    let phases = axis(s, 1).0.len() * axis(s, 2).0.len();
    let positions = (output[1] * grid[2]).next_multiple_of(SIDE);
    [phases, grid.iter().product(), output[0] * positions]
}

/// How the output is cut in tasks: bands of rows of each plane, and parts of the out channels.
#[derive(Clone, Copy)]
struct Cut {
    bands: usize,
    parts: usize,
}

impl Sliding {
    /// Whether a convolution can be done so: one group, planes by themselves, and a kernel that would read an element more than once.
    pub fn suits(s: &ConvShape) -> bool {
        let planes = s.kernel[0] == 1 && s.stride[0] == 1 && s.pad[0] == [0, 0];
        s.groups == 1 && s.in_channels > 0 && planes && s.kernel[1] * s.kernel[2] > 1
    }

    /// Bytes of the digits of its weights.
    pub fn bytes_of(s: &ConvShape) -> usize {
        let taps: usize = s.kernel.iter().product();
        taps * s.out_channels.div_ceil(SIDE) * digits::room(s.in_channels) * size_of::<f32>()
    }

    /// Splits the weights of a convolution that [`Sliding::suits`], `[out][in][1][kh][kw]`.
    pub fn new(isa: Isa, s: &ConvShape, output: [usize; 3], weight: &[f32]) -> Sliding {
        let (ins, outs) = (s.in_channels, s.out_channels);
        let [(high, rows), (wide, columns)] = [axis(s, 1), axis(s, 2)];
        let grid = grid(s, output);
        let offset = |phase: usize, a: usize| vec![phase as isize - s.pad[a][0] as isize];
        let phases = high.iter().flat_map(|h| wide.iter().map(move |w| (*h, *w)));
        let phases = phases.map(|(h, w)| Geometry {
            output: grid,
            input: s.input,
            stride: s.stride,
            offset: [vec![0], offset(h, 1), offset(w, 2)],
        });
        let taps = rows.iter().flat_map(|(p, y)| {
            let wide = wide.len();
            columns.iter().map(move |(q, x)| (p * wide + q, y * grid[2] + x))
        });
        let (phases, taps): (Vec<_>, Vec<_>) = (phases.collect(), taps.collect());

        let panels = outs.div_ceil(SIDE);
        let (blocks, _) = digits::blocks(ins);
        let mut split = Floats::for_weights(taps.len() * panels * digits::room(ins));
        let mut steps = vec![0.0; taps.len() * blocks * panels * SIDE];
        // `[in][out]` of a tap.
        let wide = panels * SIDE;
        let mut own = vec![0.0; ins * wide];
        for tap in 0..taps.len() {
            for (i, weight) in weight.chunks_exact(taps.len()).enumerate() {
                own[i % ins * wide + i / ins] = weight[tap];
            }
            for block in 0..blocks {
                let terms = digits::terms(ins, block);
                let (from, terms) = (terms.start, terms.len());
                for panel in 0..panels {
                    let first = panel * SIDE;
                    let at = (tap * digits::room(ins) + digits::room(from)) * panels
                        + digits::room(terms) * panel;
                    let to = &mut split[at..][..digits::room(terms)];
                    let steps = &mut steps[((tap * blocks + block) * panels + panel) * SIDE..];
                    digits::split_columns(&own[from * wide + first..], wide, terms, to, steps);
                }
            }
        }
        Sliding { isa, ins, outs, output, grid, phases, taps, weight: split, steps }
    }

    /// Memory the weights take, in bytes.
    pub fn bytes(&self) -> usize {
        (self.weight.len() + self.steps.len()) * size_of::<f32>()
    }

    /// Elements of scratch memory.
    pub fn workspace(&self, threads: usize) -> usize {
        threads * self.rooms(self.cut(threads)).iter().sum::<usize>() + 16
    }

    /// The cut that is done first, as far as a count tells.
    fn cut(&self, threads: usize) -> Cut {
        let [planes, rows, _] = self.output;
        let (reach, pairs) = (self.grid[1] - rows, self.outs.div_ceil(TALL).max(1));
        let row_bytes = self.phases.len() * self.grid[2] * self.ins.next_multiple_of(STEP) * 3;
        let most = (BAND / row_bytes.max(1)).saturating_sub(reach).max(1);
        let least = rows.div_ceil(most);
        let cuts = (least..=(least + 3 * threads).min(rows))
            .flat_map(|bands| (1..=pairs.min(threads)).map(move |parts| Cut { bands, parts }));
        let cost = |cut: &Cut| {
            let high = rows.div_ceil(cut.bands);
            let split = self.phases.len() * (high + reach) * self.grid[2] * self.ins * FILL;
            let positions = (high * self.grid[2]).next_multiple_of(SIDE);
            let outs = pairs.div_ceil(cut.parts) * TALL;
            let product = positions * outs * self.taps.len() * (self.ins + STEP);
            (planes * cut.bands * cut.parts).div_ceil(threads) * (split + product)
        };
        cuts.min_by_key(cost).unwrap_or(Cut { bands: rows.max(1), parts: 1 })
    }

    /// Positions of a band that have room, an odd number, so that digits do not fall on each other in the cache.
    fn pitch(&self, cut: Cut) -> usize {
        let rows = self.output[1].div_ceil(cut.bands) + self.grid[1] - self.output[1];
        // What the last tiles read beyond the last row.
        ((rows * self.grid[2]).next_multiple_of(SIDE) + TALL) | 1
    }

    /// Elements of a thread's panels, of a band's digits, of their steps, and of sums.
    fn rooms(&self, cut: Cut) -> [usize; 4] {
        let (blocks, step) = digits::blocks(self.ins);
        let columns = TOGETHER * tile::size(self.isa).1;
        let (pitch, phases) = (self.pitch(cut), self.phases.len());
        let digits = digits::room(self.ins) / SIDE * pitch;
        let steps = (phases * blocks * pitch).next_multiple_of(SIDE);
        [step * columns, phases * digits, steps, NEAR * SIDE * TALL]
    }

    /// Runs; slices have been checked.
    pub fn run(&self, pool: &Pool, x: &[f32], args: &ConvArgs, work: &mut [f32], y: &mut [f32]) {
        if y.is_empty() {
            return;
        }
        let cut = self.cut(pool.threads());
        let aligned = work.as_ptr().align_offset(64).min(16);
        let (work, out) = (Shared::new(&mut work[aligned..]), Shared::new(y));
        let own = self.rooms(cut).iter().sum();
        let pairs = self.outs.div_ceil(TALL);
        pool.run_workers(self.output[0] * cut.bands * cut.parts, |worker, task| {
            // SAFETY: each thread has a part of its own.
            let room = unsafe { work.part(worker * own, own) };
            let (band, part) = (task / cut.parts, task % cut.parts);
            let rows = share(self.output[1], cut.bands, band % cut.bands);
            let band = Band { plane: band / cut.bands, rows, pitch: self.pitch(cut) };
            let [filled, split, steps, _] = self.rooms(cut);
            let (filled, room) = room.split_at_mut(filled);
            let (split, room) = room.split_at_mut(split);
            let (steps, sums) = room.split_at_mut(steps);
            self.split(&band, x, args, filled, (split, steps));
            for pair in share(pairs, cut.parts, part) {
                // SAFETY: the set was supported when the weights were split; the band has been; its part of these channels is this task's.
                unsafe { self.pair(&band, pair, (split, steps), args, sums, &out) };
            }
        });
    }

    /// The digits of a band, and their steps.
    fn split(
        &self,
        band: &Band,
        x: &[f32],
        args: &ConvArgs,
        filled: &mut [f32],
        (split, steps): (&mut [f32], &mut [f32]),
    ) {
        let (width, volume) = (tile::size(self.isa).1, self.phases[0].input.iter().product());
        let [_, high, wide] = self.grid;
        let (blocks, step) = digits::blocks(self.ins);
        let first = (band.plane * high + band.rows.start) * wide;
        let count = (band.rows.len() + high - self.output[1]) * wide;
        let room = digits::room(self.ins) / SIDE * band.pitch;
        for ((phase, split), steps) in self
            .phases
            .iter()
            .zip(split.chunks_exact_mut(room))
            .zip(steps.chunks_exact_mut(blocks * band.pitch))
        {
            for (block, steps) in steps.chunks_exact_mut(band.pitch).enumerate() {
                let terms = digits::terms(self.ins, block);
                let (from, terms) = (terms.start, terms.len());
                let split = &mut split[digits::room(from) / SIDE * band.pitch..];
                let apart = band.pitch * SIDE;
                if args.prologue.is_none() && phase.stride == [1; 3] {
                    let x = &x[from * volume..];
                    self.split_lines(phase, band, (x, volume, terms), split, steps);
                    continue;
                }
                for group in (0..count).step_by(TOGETHER * width) {
                    let end = count.min(group + TOGETHER * width);
                    let panels = (group..end).step_by(width);
                    let runs: Vec<Runs> =
                        panels.map(|at| phase.runs(first + at, width.min(end - at))).collect();
                    let next = (count - end).min(TOGETHER * width);
                    let (pre, cold) = (args.prologue, group == 0);
                    let fill = Fill { x, volume, pre, from, depth: terms, next, cold };
                    let runs: Vec<&Runs> = runs.iter().collect();
                    fill.write(self.isa, &runs, filled, step * width);
                    for at in (group..end).step_by(SIDE) {
                        let (panel, column) = ((at - group) / width, (at - group) % width);
                        let filled = &filled[panel * step * width + column..];
                        let (to, size) = ((&mut split[at * SIDE..], apart), (SIDE, terms));
                        digits::split_turned(filled, width, size, to, &mut steps[at..]);
                    }
                }
            }
        }
    }

    /// The digits of a band's part of the input, of `terms` channels of `volume` elements, as it lies there, and of the padding.
    fn split_lines(
        &self,
        phase: &Geometry,
        band: &Band,
        (x, volume, terms): (&[f32], usize, usize),
        split: &mut [f32],
        steps: &mut [f32],
    ) {
        let [_, high, wide] = self.grid;
        let ([_, rows, columns], apart) = (phase.input, band.pitch * SIDE);
        let mut clear = |positions: Range<usize>, steps: &mut [f32]| {
            steps[positions.clone()].fill(0.0);
            for tile in split.chunks_mut(apart).take(terms.div_ceil(STEP) * digits::DIGITS) {
                tile[positions.start * SIDE..positions.end * SIDE].fill(0.0);
            }
        };
        let left = usize::try_from(-phase.offset[2][0]).unwrap_or(0).min(wide);
        let skipped = usize::try_from(phase.offset[2][0]).unwrap_or(0);
        let here = columns.saturating_sub(skipped).min(wide - left);
        let lines = band.rows.len() + high - self.output[1];
        for line in 0..lines {
            let row = (band.rows.start + line) as isize + phase.offset[1][0];
            match usize::try_from(row) {
                Ok(row) if row < rows && here > 0 => {
                    clear(line * wide..line * wide + left, steps);
                    clear(line * wide + left + here..(line + 1) * wide, steps);
                }
                _ => clear(line * wide..(line + 1) * wide, steps),
            }
        }
        for line in 0..lines {
            let row = (band.rows.start + line) as isize + phase.offset[1][0];
            let Some(row) = usize::try_from(row).ok().filter(|row| *row < rows) else { continue };
            for column in (0..here).step_by(SIDE) {
                let at = line * wide + left + column;
                let x = &x[(band.plane * rows + row) * columns + skipped + column..];
                let (to, size) =
                    ((&mut split[at * SIDE..], apart), (SIDE.min(here - column), terms));
                digits::split_turned(x, volume, size, to, &mut steps[at..]);
            }
        }
    }

    /// 32 out channels of a band.
    ///
    /// # Safety
    /// The processor has tiles; the band's digits are there; no other task writes this part of the output.
    unsafe fn pair(
        &self,
        band: &Band,
        pair: usize,
        (split, steps): (&[f32], &[f32]),
        args: &ConvArgs,
        sums: &mut [f32],
        out: &Shared,
    ) {
        let (blocks, _) = digits::blocks(self.ins);
        let panels = self.outs.div_ceil(SIDE);
        let e = &args.epilogue;
        let positions = (band.rows.len() - 1) * self.grid[2] + self.output[2];
        // SAFETY: by the contract.
        let mut tiles = unsafe { Tiles::new() };
        for first in (0..positions).step_by(NEAR * SIDE) {
            let end = positions.min(first + NEAR * SIDE);
            for (tap, (phase, far)) in self.taps.iter().enumerate() {
                for block in 0..blocks {
                    let terms = digits::terms(self.ins, block);
                    let (from, terms) = (terms.start, terms.len());
                    let ends = tap + 1 == self.taps.len() && block + 1 == blocks;
                    let a = (phase * digits::room(self.ins) + digits::room(from)) / SIDE;
                    let a = &split[a * band.pitch..][..digits::room(terms) / SIDE * band.pitch];
                    let row_steps = &steps[(phase * blocks + block) * band.pitch..];
                    let own = 2 * pair..panels.min(2 * pair + 2);
                    for (at, panel) in
                        (first..end).step_by(TALL).flat_map(|at| own.clone().map(move |p| (at, p)))
                    {
                        let channel = panel * SIDE;
                        let b = (tap * digits::room(self.ins) + digits::room(from)) * panels
                            + digits::room(terms) * panel;
                        let column_bias = match e.bias {
                            Some(bias) if ends => bias[channel..].as_ptr(),
                            _ => std::ptr::null(),
                        };
                        let tile = Tile {
                            depth: terms,
                            a: std::ptr::null(),
                            a_stride: 0,
                            b: std::ptr::null(),
                            c: sums[(at - first) * TALL + channel % TALL..].as_mut_ptr(),
                            stride: TALL,
                            rows: TALL.min((end - at).next_multiple_of(SIDE)),
                            columns: SIDE.min(self.outs - channel),
                            add: tap + block > 0,
                            row_bias: std::ptr::null(),
                            column_bias,
                            residual: std::ptr::null(),
                            relu: ends && e.activation == Activation::Relu && e.residual.is_none(),
                            ahead: std::ptr::null(),
                            ahead_lines: 0,
                            distant: false,
                            far: false,
                        };
                        let column_steps = ((tap * blocks + block) * panels + panel) * SIDE;
                        let to = Ending {
                            tile,
                            activation: Activation::Identity,
                            row_steps: row_steps[at + far..][..TALL].as_ptr(),
                            column_steps: self.steps[column_steps..][..SIDE].as_ptr(),
                        };
                        let a = Rows {
                            digits: a[(at + far) * SIDE..].as_ptr(),
                            apart: band.pitch * STEP,
                            panel: SIDE * STEP,
                        };
                        // SAFETY: panels of weights are whole; a band has room for all positions that a tap reads, and for those of two
                        // tiles more; sums have room for two tiles' positions at a time.
                        unsafe {
                            let b = self.weight[b..].as_ptr();
                            tiles.product(terms.div_ceil(STEP), a, b, &to);
                        }
                    }
                }
            }
            // SAFETY: passed on.
            unsafe { self.keep(band, pair * TALL, (first, end), args, sums, out) };
        }
    }

    /// Takes the sums of some positions to where they belong.
    ///
    /// # Safety
    /// No other task writes this part of the output.
    unsafe fn keep(
        &self,
        band: &Band,
        channel: usize,
        (first, end): (usize, usize),
        args: &ConvArgs,
        sums: &[f32],
        out: &Shared,
    ) {
        let [planes, high, wide] = self.output;
        let (volume, pitch, e) = (planes * high * wide, self.grid[2], &args.epilogue);
        let rows = TALL.min(self.outs - channel);
        for line in first / pitch..end.div_ceil(pitch) {
            let from = first.max(line * pitch);
            let to = end.min(line * pitch + wide);
            if from >= to {
                continue;
            }
            let count = to - from;
            let row = band.plane * high + band.rows.start + line;
            let at = channel * volume + row * wide + from - line * pitch;
            let sums = &sums[(from - first) * TALL..][..count * TALL];
            // SAFETY: this part of the output is this task's.
            unsafe {
                let y = out.pointer().add(at);
                turn(self.isa, sums.as_ptr(), TALL, y, volume, [rows, count]);
            }
            if let Some(residual) = e.residual {
                for at in (0..rows).map(|row| at + row * volume) {
                    // SAFETY: as above.
                    add_scaled(&residual[at..][..count], 1.0, unsafe { out.part(at, count) });
                }
            }
            if e.activation != Activation::Relu || e.residual.is_some() {
                // SAFETY: as above; the set was supported when the weights were split.
                unsafe {
                    let y = out.pointer().add(at);
                    activate_block(self.isa, y, volume, rows, count, e.activation);
                }
            }
        }
    }
}

/// Some rows of a plane of the output, and how many positions have room.
struct Band {
    plane: usize,
    rows: Range<usize>,
    pitch: usize,
}
